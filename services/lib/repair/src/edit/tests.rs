use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn place(text: &str) -> Pointer {
    Pointer::parse(text).unwrap()
}

fn edited(text: &str, edit: impl FnOnce(&mut Vec<u8>) -> Result<Outcome, NotJson>) -> String {
    let mut bytes = text.as_bytes().to_vec();
    edit(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_value_is_replaced_or_added_and_all_else_keeps_its_bytes() {
    let set_to = |text: &str, at: &str, json: &str| edited(text, |text| set(text, &place(at), json));
    assert_eq!(set_to("{ \"a\" : 1.50,\"b\":2 }", "/b", "\"x\""), "{ \"a\" : 1.50,\"b\":\"x\" }");
    assert_eq!(set_to("{ \"a\" : 1.50 }", "/b", "null"), "{ \"a\" : 1.50,\"b\":null }");
    assert_eq!(set_to("{ }", "/b", "1"), "{\"b\":1 }");
    assert_eq!(set_to("{\"o\":{}}", "/o/a\"", "1"), r#"{"o":{"a\"":1}}"#);
    assert_eq!(set_to("{\"l\":[{},{\"q\":2}]}", "/l/*/q", "1"), r#"{"l":[{"q":1},{"q":1}]}"#);
    assert_eq!(set_to("{\"o\":3}", "/o/a", "1"), "{\"o\":3}", "no object to add it to");
    assert_eq!(set_to("{\"a\":1}", "/b/c", "1"), "{\"a\":1}", "objects are not invented");
}

#[test]
fn a_field_goes_with_its_comma() {
    let without = |text: &str, at: &str| edited(text, |text| remove(text, &place(at)));
    assert_eq!(without(r#"{"a":1, "b":2, "c":3}"#, "/b"), r#"{"a":1, "c":3}"#);
    assert_eq!(without(r#"{"a":1, "b":2 }"#, "/b"), r#"{"a":1 }"#);
    assert_eq!(without(r#"{ "a":1 }"#, "/a"), "{  }");
    assert_eq!(without(r#"{"l":[1,2,3]}"#, "/l/1"), r#"{"l":[1,3]}"#);
    assert_eq!(without(r#"{"l":[1,2,3]}"#, "/l/*"), r#"{"l":[]}"#);
    assert_eq!(without(r#"{"l":[{"a":1,"b":2},{"b":1}]}"#, "/l/*/b"), r#"{"l":[{"a":1},{}]}"#);
}

#[test]
fn a_name_is_changed_in_its_place_and_never_doubled() {
    let named = |text: &str, at: &str, to: &str| edited(text, |text| rename(text, &place(at), to));
    assert_eq!(named(r#"{"a" : 1,"b":2}"#, "/a", "c"), r#"{"c" : 1,"b":2}"#);
    assert_eq!(named(r#"{"a":1,"b":2}"#, "/a", "b"), r#"{"a":1,"b":2}"#);
    let mut text = br#"{"a":1,"b":2}"#.to_vec();
    assert_eq!(rename(&mut text, &place("/a"), "b"), Ok(Outcome::Occupied));
    assert_eq!(named(r#"{"l":[{"a":1},{"b":1}]}"#, "/l/*/a", "b"), r#"{"l":[{"b":1},{"b":1}]}"#);
}

#[test]
fn only_exact_casts_are_made() {
    let to = |raw: &str, to: Target| match casted(raw.as_bytes(), to) {
        Cast::Same => raw.to_owned(),
        Cast::To(text) => String::from_utf8(text).unwrap(),
        Cast::Impossible => "-".to_owned(),
    };
    for (raw, integer, number, string, boolean) in [
        ("\"12\"", "12", "12", "\"12\"", "-"),
        ("\"12.50\"", "-", "12.50", "\"12.50\"", "-"),
        ("\"12.00\"", "12", "12.00", "\"12.00\"", "-"),
        ("12.0", "12", "12.0", "\"12.0\"", "-"),
        ("1e3", "-", "1e3", "\"1e3\"", "-"),
        ("\" 12\"", "-", "-", "\" 12\"", "-"),
        ("\"012\"", "-", "-", "\"012\"", "-"),
        ("\"\"", "-", "-", "\"\"", "-"),
        ("\"true\"", "-", "-", "\"true\"", "true"),
        ("true", "-", "-", "\"true\"", "true"),
        ("null", "null", "null", "null", "null"),
        ("{}", "-", "-", "-", "-"),
        ("\"1\\u0032\"", "-", "-", "\"1\\u0032\"", "-"),
    ] {
        let all = [Target::Integer, Target::Number, Target::String, Target::Boolean].map(|target| to(raw, target));
        assert_eq!(all, [integer, number, string, boolean], "{raw}");
    }
}

#[test]
fn what_is_no_json_is_left_alone() {
    for text in ["", "{", "{\"a\":1}x", "\u{0}\u{0}"] {
        let mut bytes = text.as_bytes().to_vec();
        assert_eq!(set(&mut bytes, &place("/a"), "1"), Err(NotJson), "{text}");
        assert_eq!(bytes, text.as_bytes());
    }
}

/// Documents of which every object has fields `a` to `d`, some of them missing.
fn documents() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z0-9\"\\\\ ]{0,4}".prop_map(Value::from),
        Just(Value::from("7")),
    ];
    let node = leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-d]", inner, 0..4).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    });
    prop::collection::hash_map("[a-d]", node, 0..4).prop_map(|fields| Value::Object(fields.into_iter().collect()))
}

fn places() -> impl Strategy<Value = String> {
    prop::collection::vec(prop_oneof!["[a-d]", "[0-2]", Just("*".to_owned())], 1..4).prop_map(|steps| format!("/{}", steps.join("/")))
}

/// Every value of a document under its pointer, without those that `place` may name.
fn beside(value: &Value, at: &mut Vec<String>, named: &Pointer, new: Option<&Pointer>, into: &mut Vec<(String, String)>) {
    let here = format!("/{}", at.join("/"));
    let is_named = |pointer: &Pointer| {
        let steps: Vec<String> = pointer.to_string()[1..].split('/').map(str::to_owned).collect();
        at.len() >= steps.len()
            && steps
                .iter()
                .zip(at.iter())
                .all(|(step, mine)| step == mine || (step == "*" && mine.parse::<u64>().is_ok()))
    };
    if !at.is_empty() && (is_named(named) || new.is_some_and(is_named)) {
        return;
    }
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                at.push(name.clone());
                beside(inner, at, named, new, into);
                at.pop();
            }
        }
        Value::Array(items) => {
            for (number, inner) in items.iter().enumerate() {
                at.push(number.to_string());
                beside(inner, at, named, new, into);
                at.pop();
            }
        }
        leaf => into.push((here, leaf.to_string())),
    }
}

proptest! {
    #[test]
    fn fields_that_a_step_does_not_name_never_change(document in documents(), at in places(), is_pretty: bool, which in 0..4_u8) {
        let text = if is_pretty { serde_json::to_string_pretty(&document) } else { serde_json::to_string(&document) }.unwrap();
        let named = place(&at);
        let new = named.beside("e");
        let new = Pointer::parse(&format!("{}/{}", at.rsplit_once('/').unwrap().0, new.last())).unwrap();
        let mut bytes = text.clone().into_bytes();
        let outcome = match which {
            0 => set(&mut bytes, &named, "[1]"),
            1 => remove(&mut bytes, &named),
            2 => rename(&mut bytes, &named, "e"),
            _ => cast(&mut bytes, &named, Target::Integer),
        };
        let outcome = outcome.unwrap();
        let after: Value = serde_json::from_slice(&bytes).expect("what comes out is JSON");
        if outcome == Outcome::Changed(0) || outcome == Outcome::NotCastable || outcome == Outcome::Occupied {
            prop_assert_eq!(&bytes, text.as_bytes());
        }
        // Items behind one that goes move up: the list as a whole is what is named then.
        let (head, last) = at.rsplit_once('/').unwrap();
        let whole = match which == 1 && (last == "*" || last.parse::<u64>().is_ok()) && !head.is_empty() {
            true => Pointer::parse(head).unwrap(),
            false => named,
        };
        let (mut then, mut now) = (Vec::new(), Vec::new());
        beside(&document, &mut Vec::new(), &whole, Some(&new), &mut then);
        beside(&after, &mut Vec::new(), &whole, Some(&new), &mut now);
        prop_assert_eq!(then, now);
    }

    /// The bytes in front of and behind what changes are those that were there.
    #[test]
    fn bytes_outside_of_one_place_are_untouched(before in "[ \n]{0,3}", inside in "[ \n\t]{0,3}", behind in "[ \n]{0,3}", digits in "[1-9][0-9]{0,30}(\\.[0-9]{1,20})?") {
        let text = format!("{before}{{{inside}\"x\"{inside}:{inside}{digits}{inside},{inside}\"y\":\"12\"{behind}}}{behind}");
        let mut bytes = text.clone().into_bytes();
        prop_assert_eq!(cast(&mut bytes, &place("/y"), Target::Integer), Ok(Outcome::Changed(1)));
        prop_assert_eq!(String::from_utf8(bytes).unwrap(), text.replace("\"12\"", "12"));
    }
}
