//! The prepared way through Avro says what the walk over tokens says, for any schema of a writer and any bytes.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use proptest::prelude::*;
use serde_json::{Value, json};
use tidegate_check::{Judge, compile};

use support::{Event, Recorder, Schemas, contract};

const PROPERTIES: &str = r#"
      - {name: id, logicalType: string, logicalTypeOptions: {format: uuid}, required: true}
      - {name: kind, logicalType: string, enum: [{value: a}, {value: bb}]}
      - {name: code, logicalType: string, logicalTypeOptions: {pattern: "^[A-Z]{2}$"}, required: true}
      - {name: at, logicalType: timestamp}
      - {name: text, logicalType: string, logicalTypeOptions: {minLength: 2, maxLength: 5}}
      - {name: count, logicalType: integer, logicalTypeOptions: {minimum: 0, maximum: 10}}
      - {name: size, logicalType: number, logicalTypeOptions: {format: f64, minimum: -1, maximum: 1}}
      - {name: on, logicalType: boolean}
      - {name: days, logicalType: date}
      - name: inner
        logicalType: object
        properties:
          - {name: x, logicalType: integer, required: true}
          - {name: y, logicalType: string}
      - {name: list, logicalType: array, logicalTypeOptions: {maxItems: 3}, items: {logicalType: integer, logicalTypeOptions: {maximum: 5}}}
      - name: rows
        logicalType: array
        items:
          logicalType: object
          properties: [{name: x, logicalType: integer, required: true}]
"#;

/// A type of a field, and what writes a value of it.
#[derive(Debug, Clone)]
enum Written {
    Null,
    Truth(bool),
    Whole(&'static str, i64),
    Number(f64),
    Text(String),
    Symbol(u8),
    Days(i32),
    Inner(Option<i64>, bool),
    List(Vec<i64>, Blocks),
    Rows(Vec<i64>),
    Maybe(Option<Box<Written>>, bool, Box<Written>),
}

/// How a list is cut into blocks.
#[derive(Debug, Clone, Copy)]
enum Blocks {
    One,
    OneEach,
    WithSize,
}

impl Written {
    fn schema(&self, name: &str) -> Value {
        match self {
            Written::Null => json!("null"),
            Written::Truth(_) => json!("boolean"),
            Written::Whole(kind, _) => json!(kind),
            Written::Number(_) => json!("double"),
            Written::Text(_) => json!("string"),
            Written::Symbol(_) => json!({"type": "enum", "name": format!("E{name}"), "symbols": ["a", "bb", "AB", "other"]}),
            Written::Days(_) => json!({"type": "int", "logicalType": "date"}),
            Written::Inner(_, more) => {
                let mut fields = vec![json!({"name": "x", "type": ["null", "long"]})];
                if *more {
                    fields.push(json!({"name": "unknown", "type": "string"}));
                }
                json!({"type": "record", "name": format!("I{name}"), "fields": fields})
            }
            Written::List(..) => json!({"type": "array", "items": "long"}),
            Written::Rows(_) => {
                let item = json!({"type": "record", "name": format!("R{name}"), "fields": [{"name": "x", "type": "int"}]});
                json!({"type": "array", "items": item})
            }
            Written::Maybe(_, null_first, of) => {
                let of = of.schema(name);
                if *null_first { json!(["null", of]) } else { json!([of, "null"]) }
            }
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Written::Null => {}
            Written::Truth(truth) => out.push(u8::from(*truth)),
            Written::Whole(_, number) => long(*number, out),
            Written::Number(number) => out.extend(number.to_le_bytes()),
            Written::Text(text) => {
                long(text.len() as i64, out);
                out.extend(text.as_bytes());
            }
            Written::Symbol(index) => long(i64::from(*index), out),
            Written::Days(days) => long(i64::from(*days), out),
            Written::Inner(x, more) => {
                long(i64::from(x.is_some()), out);
                x.iter().for_each(|x| long(*x, out));
                if *more {
                    Written::Text("more".into()).write(out);
                }
            }
            Written::List(items, blocks) => {
                match blocks {
                    Blocks::OneEach => items.iter().for_each(|item| {
                        long(1, out);
                        long(*item, out);
                    }),
                    _ if items.is_empty() => {}
                    Blocks::One => {
                        long(items.len() as i64, out);
                        items.iter().for_each(|item| long(*item, out));
                    }
                    Blocks::WithSize => {
                        let mut block = Vec::new();
                        items.iter().for_each(|item| long(*item, &mut block));
                        long(-(items.len() as i64), out);
                        long(block.len() as i64, out);
                        out.extend(block);
                    }
                }
                long(0, out);
            }
            Written::Rows(items) => Written::List(items.clone(), Blocks::One).write(out),
            Written::Maybe(value, null_first, _) => {
                long(i64::from(value.is_some() == *null_first), out);
                value.iter().for_each(|value| value.write(out));
            }
        }
    }
}

fn long(value: i64, out: &mut Vec<u8>) {
    let mut rest = (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned();
    while rest >= 0x80 {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn written() -> impl Strategy<Value = Written> {
    let blocks = prop_oneof![Just(Blocks::One), Just(Blocks::OneEach), Just(Blocks::WithSize)];
    let text = prop_oneof![
        Just("00000000-0000-4000-8000-00000000000a".to_owned()),
        Just("2026-11-21T08:15:30.250Z".to_owned()),
        Just("AB".to_owned()),
        Just("bb".to_owned()),
        "[a-é]{0,7}",
    ];
    let plain = prop_oneof![
        Just(Written::Null),
        any::<bool>().prop_map(Written::Truth),
        (prop_oneof![Just("int"), Just("long")], -3_i64..14).prop_map(|(kind, number)| Written::Whole(kind, number)),
        any::<i64>().prop_map(|number| Written::Whole("long", number)),
        prop_oneof![-1.5..1.5, Just(f64::NAN), Just(f64::INFINITY)].prop_map(Written::Number),
        text.prop_map(Written::Text),
        (0_u8..4).prop_map(Written::Symbol),
        any::<i32>().prop_map(Written::Days),
        (any::<Option<i64>>(), any::<bool>()).prop_map(|(x, more)| Written::Inner(x, more)),
        (proptest::collection::vec(-1_i64..8, 0..5), blocks).prop_map(|(items, blocks)| Written::List(items, blocks)),
        proptest::collection::vec(-1_i64..8, 0..4).prop_map(Written::Rows),
    ];
    (plain, 0..4_u8, any::<bool>()).prop_map(|(of, optional, null_first)| match (optional, &of) {
        (_, Written::Null) | (0 | 1, _) => of,
        (2, _) => Written::Maybe(None, null_first, Box::new(of)),
        _ => Written::Maybe(Some(Box::new(of.clone())), null_first, Box::new(of)),
    })
}

/// What suits each property, so that most events come far.
fn likely(name: &str) -> BoxedStrategy<Written> {
    match name {
        "id" => Just(Written::Text("00000000-0000-4000-8000-00000000000a".into())).boxed(),
        "code" => Just(Written::Symbol(2)).boxed(),
        "kind" => (0_u8..3).prop_map(Written::Symbol).boxed(),
        "at" => Just(Written::Text("2026-11-21T08:15:30Z".into())).boxed(),
        "count" => (0_i64..11).prop_map(|number| Written::Whole("long", number)).boxed(),
        "inner" => (0_i64..9, any::<bool>())
            .prop_map(|(x, more)| Written::Inner(Some(x), more))
            .boxed(),
        "rows" => proptest::collection::vec(-1_i64..8, 0..4).prop_map(Written::Rows).boxed(),
        _ => written().boxed(),
    }
}

fn fields() -> impl Strategy<Value = Vec<(&'static str, Written)>> {
    let names = [
        "id", "kind", "code", "at", "text", "count", "size", "on", "days", "inner", "list", "rows", "unknown",
    ];
    let each: Vec<_> = names
        .into_iter()
        .map(|name| {
            let value = prop_oneof![3 => likely(name), 1 => written()];
            let there = if name == "unknown" { 0.3 } else { 0.8 };
            proptest::option::weighted(there, value).prop_map(move |value| value.map(|value| (name, value)))
        })
        .collect();
    each.prop_map(|fields| fields.into_iter().flatten().collect::<Vec<_>>())
        .prop_shuffle()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]
    #[test]
    fn both_ways_say_the_same(
        fields in fields(),
        policy in prop_oneof![Just("ignore"), Just("warn"), Just("fail")],
        change in proptest::option::weighted(0.3, (any::<prop::sample::Index>(), any::<u8>())),
        cut in proptest::option::weighted(0.1, any::<prop::sample::Index>()),
        ruled in any::<bool>(),
    ) {
        let rules = match ruled {
            true => "    quality: [{id: r, type: custom, engine: cel, implementation: \"value.count < 9 || value.kind == 'a'\"}]\n",
            false => "",
        };
        let text = format!(
            "apiVersion: v3.2.0\nkind: DataContract\nid: c\nversion: \"1.0.0\"\nstatus: active\nschema:\n  - name: c\n    \
             physicalType: topic\n    customProperties:\n      - {{property: encodings, vendor: tidegate, value: [avro]}}\n      \
             - {{property: unknownFields, vendor: tidegate, value: {policy}}}\n      \
             - {{property: eventTime, vendor: tidegate, value: at}}\n{rules}    properties:{PROPERTIES}"
        );
        let plan = compile(&contract("case", &text), 0).unwrap();
        let described: Vec<Value> = fields.iter().map(|(name, written)| json!({"name": name, "type": written.schema(name)})).collect();
        let mut schemas = Schemas::default();
        schemas.add(1, &json!({"type": "record", "name": "T", "fields": described}));
        let mut value = vec![0, 0, 0, 0, 1];
        fields.iter().for_each(|(_, written)| written.write(&mut value));
        if let Some((place, byte)) = change && value.len() > 5 {
            let at = 5 + place.index(value.len() - 5);
            value[at] = byte;
        }
        if let Some(place) = cut {
            value.truncate(5 + place.index(value.len() - 4));
        }
        let event = Event { key: Some(b"k".to_vec()), value: Some(value), ..Event::default() };
        let (mut routed, mut walked) = (Recorder::default(), Recorder::default());
        let mut judge = Judge::new();
        let (first, mut thorough) = (event.judge(&mut judge, &plan, &schemas, &mut routed), Judge::thorough());
        prop_assert_eq!(&first, &event.judge(&mut thorough, &plan, &schemas, &mut walked));
        prop_assert_eq!(judge.starred(), thorough.starred());
        prop_assert_eq!(routed.calls, walked.calls);
        // Without a row, and with the route at hand.
        prop_assert_eq!(&first, &event.judge(&mut judge, &plan, &schemas, &mut ()));
    }
}
