//! Structured events.

use proptest::prelude::*;

use super::*;

const START: &str = r#"{"specversion":"1.0","id":"1","source":"/shop","type":"order.placed""#;

fn of(rest: &str) -> Result<Structured<'static>, DecodeFailure> {
    structured(Box::leak(format!("{START}{rest}").into_boxed_str()).as_bytes())
}

#[test]
fn attributes_and_data_are_found() {
    let text = r#","datacontenttype":"application/json","dataschema":"urn:orders:2","subject":null,"x":[1], "data" : {"a": 1} ,"time":"2026-01-01T00:00:00Z"}"#;
    let found = of(text).unwrap();
    assert_eq!(
        (&*found.attributes.kind, found.attributes.data_schema.as_deref(), found.attributes.subject),
        ("order.placed", Some("urn:orders:2"), None)
    );
    let Data::Json { start, end } = found.data else { panic!("{:?}", found.data) };
    assert_eq!(&format!("{START}{text}")[start..end], r#"{"a": 1}"#);
    assert_eq!(of("}").unwrap().data, Data::Absent);
    assert_eq!(of(r#","data_base64":"AQI="}"#).unwrap().data, Data::Bytes(vec![1, 2]));
    assert!(matches!(of(r#","data":null}"#).unwrap().data, Data::Json { .. }));
}

#[test]
fn what_is_missing_or_broken_is_said() {
    for name in ["specversion", "id", "source", "type"] {
        for value in ["", "null", "\"\"", "5"] {
            let field = format!("\"{name}\":");
            let broken = if value.is_empty() {
                format!("{START}}}").replace(&field, "\"other\":")
            } else {
                let start = START.find(&field).unwrap() + field.len();
                let end = START[start..].find(',').map_or(START.len(), |end| start + end);
                format!("{}{value}{}}}", &START[..start], &START[end..])
            };
            let failure = structured(broken.as_bytes()).unwrap_err();
            assert_eq!(failure.detail, Detail::MissingAttribute, "{broken}");
        }
    }
    for (rest, detail) in [
        (r#","data":{"a":1,"a":2}}"#, Detail::DuplicateKey),
        (r#","data":1,"data":2}"#, Detail::DuplicateKey),
        (r#","data":1,"data_base64":"AA=="}"#, Detail::Syntax),
        (r#","data_base64":"?"}"#, Detail::BadEncoding),
        (r#","data":{}"#, Detail::Truncated),
        ("} x", Detail::TrailingBytes),
    ] {
        assert_eq!(of(rest).unwrap_err().detail, detail, "{rest}");
    }
    assert_eq!(structured(b"[]").unwrap_err().detail, Detail::MissingAttribute);
    assert_eq!(of("}").unwrap().attributes.spec_version, "1.0");
    let other = format!("{START}}}").replace("1.0", "0.3");
    assert_eq!(structured(other.as_bytes()).unwrap_err().detail, Detail::MissingAttribute);
}

proptest! {
    #[test]
    fn any_bytes_are_an_event_or_none(bytes in prop::collection::vec(any::<u8>(), 0..100), rest in ".{0,60}") {
        let _ = structured(&bytes);
        let text = format!("{START}{rest}");
        if let Ok(Structured { data: Data::Json { start, end }, .. }) = structured(text.as_bytes()) {
            prop_assert!(text.get(start..end).is_some());
        }
    }
}
