use proptest::prelude::*;

use super::super::{Format, SchemaBlockCache, Texts, Unwrapped, read_json, strict_failure};
use crate::failure::{DecodeFailure, Detail};
use crate::token::{Reader as _, Special, Token};

/// A Debezium event whose document is this text.
fn event(document: &str) -> String {
    format!(
        r#"{{"op":"c","after":{},"source":{{"collection":"t"}}}}"#,
        serde_json::to_string(document).unwrap()
    )
}

fn read<T>(event: &str, read: impl FnOnce(Result<Vec<Token<'_>>, DecodeFailure>, Vec<Option<Token<'_>>>) -> T) -> T {
    let mut texts = Texts::new();
    let unwrapped = read_json(Format::Mongo, event.as_bytes(), &[], &mut SchemaBlockCache::new(), &mut texts);
    let Ok(Unwrapped::Change(change)) = unwrapped else {
        panic!("{unwrapped:?}")
    };
    let mut reader = change.after.as_ref().unwrap().reader();
    let (mut tokens, mut raws) = (Vec::new(), Vec::new());
    loop {
        match reader.next() {
            Ok(Token::End) => return read(Ok(tokens), raws),
            Ok(token) => {
                tokens.push(token);
                raws.push(reader.raw());
            }
            Err(failure) => return read(Err(failure), raws),
        }
    }
}

/// The tokens of one value.
fn value<T>(text: &str, check: impl FnOnce(&[Token<'_>]) -> T) -> T {
    read(&event(&format!("{{\"v\": {text}}}")), |tokens, _| {
        let tokens = tokens.unwrap_or_else(|failure| panic!("{text}: {failure:?}"));
        check(&tokens[2..tokens.len() - 1])
    })
}

#[test]
fn values_of_all_three_dialects() {
    let micros = 1_795_238_315_250_000;
    for (text, token) in [
        (
            r#"{"$oid": "596e275826f08b2730779e1f"}"#,
            Token::Str("596e275826f08b2730779e1f".into()),
        ),
        (r#"{"$numberInt": "-2147483648"}"#, Token::Number("-2147483648")),
        (r#"{"$numberLong": "9223372036854775807"}"#, Token::Number("9223372036854775807")),
        (r#"{"$numberDouble": "1.0E20"}"#, Token::Number("1.0E20")),
        (r#"{"$numberDouble": "-Infinity"}"#, Token::Float(f64::NEG_INFINITY)),
        (r#"{"$numberDecimal": "1E+3"}"#, Token::Number("1E+3")),
        (r#"{"$numberDecimal": "NaN"}"#, Token::Special(Special::NotANumber)),
        (r#"{"$numberDecimal": "-Infinity"}"#, Token::Special(Special::NegativeInfinity)),
        (r#"{"$date": "2026-11-21T05:18:35.25Z"}"#, Token::TimestampMicros(micros)),
        (r#"{"$date": {"$numberLong": "1795238315250"}}"#, Token::TimestampMicros(micros)),
        (r#"{"$date": 1795238315250}"#, Token::TimestampMicros(micros)),
        (r#"{"$date": -1}"#, Token::TimestampMicros(-1000)),
        (
            r#"{"$timestamp": {"t": 4294967295, "i": 1}}"#,
            Token::TimestampMicros(4_294_967_295_000_000),
        ),
        (
            r#"{"$binary": {"base64": "AP8=", "subType": "00"}}"#,
            Token::Bytes(vec![0, 255].into()),
        ),
        (r#"{"$binary": {"subType": "80", "base64": ""}}"#, Token::Bytes(vec![].into())),
        (r#"{"$binary": "AP8=", "$type": "00"}"#, Token::Bytes(vec![0, 255].into())),
        (
            r#"{"$binary": {"base64": "c//SZESzTGmQ6OfR38A11A==", "subType": "04"}}"#,
            Token::Str("73ffd264-44b3-4c69-90e8-e7d1dfc035d4".into()),
        ),
        (
            r#"{"$uuid": "73ffd264-44b3-4c69-90e8-e7d1dfc035d4"}"#,
            Token::Str("73ffd264-44b3-4c69-90e8-e7d1dfc035d4".into()),
        ),
        (
            r#"{"$regularExpression": {"pattern": "^a", "options": "i"}}"#,
            Token::Str("/^a/i".into()),
        ),
        (r#"{"$regex": "^a", "$options": "i"}"#, Token::Str("/^a/i".into())),
        (r#"{"$symbol": "s"}"#, Token::Str("s".into())),
        (r#"{"$undefined": true}"#, Token::Null),
        (r#"{"$minKey": 1}"#, Token::Special(Special::NegativeInfinity)),
        (r#"{"$maxKey": 1}"#, Token::Special(Special::PositiveInfinity)),
        (r#"{ "\u0024numberInt" : "7" }"#, Token::Number("7")),
        ("1.50", Token::Number("1.50")),
    ] {
        value(text, |tokens| assert_eq!(tokens, [token], "{text}"));
    }
}

#[test]
fn what_is_no_value_stays_an_object() {
    for (text, names) in [
        (r#"{"$ref": "c", "$id": {"$numberInt": "7"}}"#, vec!["$ref", "$id"]),
        (r#"{"$code": "f()", "$scope": {"a": 1}}"#, vec!["$code", "$scope", "a"]),
        (r#"{"a": {"$numberInt": "1"}}"#, vec!["a"]),
        (r#"{"": 1}"#, vec![""]),
        ("{}", vec![]),
    ] {
        value(text, |tokens| {
            let keys: Vec<_> = tokens
                .iter()
                .filter_map(|token| if let Token::Key(key) = token { Some(&**key) } else { None })
                .collect();
            assert_eq!(keys, names, "{text}");
        });
    }
}

#[test]
fn values_against_the_format_are_refused() {
    for text in [
        r#"{"$oid": "596e275826f08b2730779e1"}"#,
        r#"{"$oid": "596e275826f08b2730779e1g"}"#,
        r#"{"$oid": 7}"#,
        r#"{"$numberInt": "2147483648"}"#,
        r#"{"$numberInt": 1}"#,
        r#"{"$numberLong": "9223372036854775808"}"#,
        r#"{"$numberLong": "1e3"}"#,
        r#"{"$numberLong": "01"}"#,
        r#"{"$numberLong": ""}"#,
        r#"{"$numberLong": "1", "x": 2}"#,
        r#"{"$numberDouble": "nan"}"#,
        r#"{"$numberDecimal": "1,5"}"#,
        r#"{"$date": "yesterday"}"#,
        r#"{"$date": 1.5}"#,
        r#"{"$date": {"$numberInt": "1"}}"#,
        r#"{"$date": null}"#,
        r#"{"$timestamp": {"t": 1}}"#,
        r#"{"$timestamp": {"t": -1, "i": 1}}"#,
        r#"{"$timestamp": 7}"#,
        r#"{"$binary": {"base64": "AP8="}}"#,
        r#"{"$binary": {"base64": "!", "subType": "00"}}"#,
        r#"{"$binary": {"base64": "AP8=", "subType": "100"}}"#,
        r#"{"$binary": "AP8="}"#,
        r#"{"$uuid": "73ffd26444b34c6990e8e7d1dfc035d4"}"#,
        r#"{"$regularExpression": {"pattern": "a"}}"#,
        r#"{"$regex": "a"}"#,
    ] {
        let event = event(&format!("{{\"v\": {text}}}"));
        let failure = read(&event, |tokens, _| tokens.unwrap_err());
        assert_eq!(failure.detail, Detail::BadEnvelope, "{text}");
    }
}

#[test]
fn contracts_may_declare_the_plain_form() {
    let document = r#"{"a": {"$date": "2026-11-21T05:18:35Z"}, "b": {"$binary": {"base64": "c//SZESzTGmQ6OfR38A11A==", "subType": "04"}}}"#;
    read(&event(document), |_, raws| {
        let raws: Vec<_> = raws.into_iter().flatten().collect();
        assert_eq!(raws[0], Token::Str("2026-11-21T05:18:35Z".into()));
        assert!(matches!(&raws[1], Token::Bytes(bytes) if bytes.len() == 16));
    });
}

#[test]
fn offsets_are_those_of_the_value() {
    // Escapes of one, two and six bytes before the fault.
    let document = "{\"a\\n\": \"\u{e9}\u{1F600}\", \"b\": {\"$oid\": 7}}";
    let event = event(document);
    let failure = read(&event, |tokens, _| tokens.unwrap_err());
    assert!(event[..failure.offset].ends_with(r#"\"$oid\": 7"#), "{}", &event[..failure.offset]);
    let truncated = self::event("{\"a\": \"x\"");
    let failure = read(&truncated, |tokens, _| tokens.unwrap_err());
    assert_eq!(failure.detail, Detail::Truncated);
    assert!(truncated[..failure.offset].ends_with(r#"\"x\""#));
}

/// Bytes near to events of every format.
fn nearly_event() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "null",
        "\"op\":\"u\"",
        "\"op\":\"d\"",
        "\"after\":",
        "\"before\":",
        "\"source\":{}",
        "\"source\":",
        "\"updateDescription\":",
        "\"updatedFields\":",
        "\"removedFields\":[\"a\"]",
        "\"{\\\"a\\\":1}\"",
        "\"{\\\"a.b\\\":{\\\"$oid\\\":7}}\"",
        "\"data\":{\"a\":1}",
        "\"data\":",
        "\"old\":{\"a\":2}",
        "\"type\":\"update\"",
        "\"table\":\"t\"",
        "\"metadata\":",
        "{\"record-type\":\"data\",\"operation\":\"update\"}",
        "\"b\":{\"a\":0}",
        "\"a\":1",
        "\"_op\":\"c\"",
        "\"\\u0061\"",
        "7",
    ]);
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

/// Every token that any reading of the bytes gives, and whether all images end well.
fn everything(bytes: &[u8]) -> Vec<String> {
    let names = super::super::FlatNames { fields: "_", headers: "_" };
    let formats = [
        Format::Debezium,
        Format::Flat(names),
        Format::Mongo,
        Format::Dms { before: Some("b") },
        Format::Maxwell,
    ];
    let mut told = Vec::new();
    for format in formats {
        let mut texts = Texts::new();
        let outcome = match read_json(format, bytes, &[], &mut SchemaBlockCache::new(), &mut texts) {
            Ok(Unwrapped::Change(change)) => {
                let mut failed = None;
                for image in change.before.iter().chain(&change.after) {
                    let mut reader = image.reader();
                    let mut steps = 0;
                    loop {
                        match reader.next() {
                            Ok(Token::End) => break,
                            Ok(_) => steps += 1,
                            Err(failure) => {
                                failed = failed.or(Some(failure));
                                break;
                            }
                        }
                        assert!(steps <= 2 * bytes.len() + 8, "more tokens than bytes");
                    }
                    let _ = reader.position();
                    // Passing over is reading too.
                    let mut reader = image.reader();
                    let _ = reader.skip();
                }
                match failed {
                    Some(failure) => format!("{:?}", strict_failure(bytes, failure)),
                    None => {
                        // Whatever reads well in all of its images is JSON from front to back.
                        let strict = serde_json::from_slice::<serde_json::Value>(bytes);
                        assert!(strict.is_ok(), "{format:?} {}", String::from_utf8_lossy(bytes));
                        "change".to_owned()
                    }
                }
            }
            Ok(_) => "other".to_owned(),
            Err(failure) => format!("{:?}", strict_failure(bytes, failure)),
        };
        told.push(outcome);
    }
    told
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(700))]

    #[test]
    fn no_bytes_are_a_fault_of_ours(inside in nearly_event(), noise in prop::collection::vec(any::<u8>(), 0..60)) {
        everything(format!("{{{inside}}}").as_bytes());
        everything(inside.as_bytes());
        everything(&noise);
    }

    #[test]
    fn changed_events_are_no_fault_of_ours(which in 0_usize..4, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let events = [
            event(r#"{"_id": {"$oid": "596e275826f08b2730779e1f"}, "a": {"$binary": {"base64": "AP8=", "subType": "00"}}, "b": [{"$date": 1}]}"#),
            r#"{"op":"u","source":{},"updateDescription":{"updatedFields":"{\"a\":{\"$numberLong\":\"1\"}}","removedFields":["b","c.d"],"truncatedArrays":[{"field":"e","size":1}]}}"#.to_owned(),
            r#"{"data":{"a":1,"c":[{}]},"b":{"a":2},"metadata":{"record-type":"data","operation":"update","timestamp":"2026-11-21T05:18:35Z"}}"#.to_owned(),
            r#"{"database":"d","table":"t","type":"update","ts":1,"xid":2,"data":{"a":1,"c":{"d":[1]}},"old":{"a":null,"\u0063":7}}"#.to_owned(),
        ];
        let mut bytes = events[which].clone().into_bytes();
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        everything(&bytes);
    }

    #[test]
    fn an_old_row_of_maxwell_is_the_new_one_with_the_old_values(
        data in prop::collection::btree_map("[a-e\"\\\\]{1,2}", 0_i32..9, 0..6),
        old in prop::collection::btree_map("[a-e\"\\\\]{1,2}", 0_i32..9, 0..4),
    ) {
        let text = serde_json::json!({"database": "d", "table": "t", "type": "update", "data": data, "old": old}).to_string();
        let mut texts = Texts::new();
        let read = read_json(Format::Maxwell, text.as_bytes(), &[], &mut SchemaBlockCache::new(), &mut texts);
        let Ok(Unwrapped::Change(change)) = read else { panic!("{text}") };
        let mut reader = change.before.as_ref().unwrap().reader();
        let mut found = std::collections::BTreeMap::new();
        prop_assert_eq!(reader.next().unwrap(), Token::BeginObject);
        while let Token::Key(key) = reader.next().unwrap() {
            let Token::Number(value) = reader.next().unwrap() else { panic!("{text}") };
            prop_assert!(found.insert(key.into_owned(), value.parse::<i32>().unwrap()).is_none());
        }
        prop_assert_eq!(reader.next().unwrap(), Token::End);
        let mut expected = data;
        expected.extend(old);
        prop_assert_eq!(found, expected);
    }
}
