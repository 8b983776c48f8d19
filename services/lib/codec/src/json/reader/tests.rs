use super::*;
use proptest::prelude::*;

fn tokens(bytes: &[u8]) -> Result<Vec<Token<'_>>, DecodeFailure> {
    let mut reader = JsonReader::new(bytes);
    let mut tokens = Vec::new();
    loop {
        let token = reader.next()?;
        if token == Token::End {
            return Ok(tokens);
        }
        tokens.push(token);
    }
}

/// Skipping must find the same fault as reading.
fn outcome(bytes: &[u8]) -> Result<(), DecodeFailure> {
    let read = tokens(bytes).map(|_| ());
    let mut reader = JsonReader::new(bytes);
    let skipped = reader.skip().and_then(|()| reader.next()).map(|_| ());
    assert_eq!(read, skipped, "{:?}", String::from_utf8_lossy(bytes));
    read
}

fn failure(text: &str) -> (Detail, usize) {
    outcome(text.as_bytes()).map_or_else(|failure| (failure.detail, failure.offset), |()| panic!("accepted: {text}"))
}

#[test]
fn tokens_of_a_document() {
    let text = br#" {"a" : [1, -2.50e+3, true, false, null, "x\ty", {}], "b":{"c":[]}} "#;
    let expected = vec![
        Token::BeginObject,
        Token::Key("a".into()),
        Token::BeginArray,
        Token::Number("1"),
        Token::Number("-2.50e+3"),
        Token::Bool(true),
        Token::Bool(false),
        Token::Null,
        Token::Str("x\ty".into()),
        Token::BeginObject,
        Token::EndObject,
        Token::EndArray,
        Token::Key("b".into()),
        Token::BeginObject,
        Token::Key("c".into()),
        Token::BeginArray,
        Token::EndArray,
        Token::EndObject,
        Token::EndObject,
    ];
    assert_eq!(tokens(text), Ok(expected));
    assert_eq!(outcome(text), Ok(()));
}

#[test]
fn plain_text_is_borrowed() {
    let tokens = tokens(br#"{"name":"plain \u0061"}"#).unwrap();
    assert!(matches!(&tokens[1], Token::Key(Cow::Borrowed("name"))));
    assert!(matches!(&tokens[2], Token::Str(Cow::Owned(text)) if text == "plain a"));
}

#[test]
fn faults_have_a_code_and_a_place() {
    for (text, detail, offset) in [
        ("", Detail::Empty, 0),
        ("  ", Detail::Truncated, 2),
        ("{", Detail::Truncated, 1),
        ("{\"a\"", Detail::Truncated, 4),
        ("{\"a\":1", Detail::Truncated, 6),
        ("[1,", Detail::Truncated, 3),
        ("\"abc", Detail::Truncated, 4),
        ("\"a\\", Detail::Truncated, 3),
        ("\"\\u12", Detail::Truncated, 5),
        ("tru", Detail::Truncated, 3),
        ("-", Detail::Truncated, 1),
        ("1.", Detail::Truncated, 2),
        ("{}{}", Detail::TrailingBytes, 2),
        ("1 x", Detail::TrailingBytes, 2),
        ("01", Detail::Syntax, 1),
        ("1.e3", Detail::Syntax, 2),
        ("+1", Detail::Syntax, 0),
        ("NaN", Detail::Syntax, 0),
        ("Infinity", Detail::Syntax, 0),
        ("[1,]", Detail::Syntax, 3),
        ("{\"a\":1,}", Detail::Syntax, 7),
        ("{a:1}", Detail::Syntax, 1),
        ("{\"a\" 1}", Detail::Syntax, 5),
        ("[1}", Detail::Syntax, 2),
        ("{]", Detail::Syntax, 1),
        ("'a'", Detail::Syntax, 0),
        ("\"\t\"", Detail::Syntax, 1),
        ("\"\\x\"", Detail::Syntax, 2),
        ("truex", Detail::TrailingBytes, 4),
        ("nulL", Detail::Syntax, 0),
        ("\"\\uD800\"", Detail::BadEncoding, 1),
        ("\"\\uDC00\\uD800\"", Detail::BadEncoding, 1),
        ("\"\\uD800\\u0041\"", Detail::BadEncoding, 1),
        ("\u{feff}{}", Detail::BadEncoding, 0),
        ("{\"a\":1,\"a\":2}", Detail::DuplicateKey, 7),
        ("{\"a\":1,\"\\u0061\":2}", Detail::DuplicateKey, 7),
        ("{\"\\u0061\":1,\"a\":2}", Detail::DuplicateKey, 12),
        ("[{\"x\":{\"a\":1,\"b\":{},\"a\":2}}]", Detail::DuplicateKey, 20),
    ] {
        assert_eq!(failure(text), (detail, offset), "{text}");
    }
    assert_eq!(
        outcome(b"{\"a\":\"\xff\"}").unwrap_err(),
        DecodeFailure {
            detail: Detail::BadEncoding,
            offset: 6
        }
    );
    assert_eq!(outcome(b"\xff\xfe{\0}\0").unwrap_err().detail, Detail::BadEncoding);
}

#[test]
fn a_failure_stays() {
    let mut reader = JsonReader::new(b"[1 2]");
    assert_eq!(reader.next(), Ok(Token::BeginArray));
    assert_eq!(reader.next(), Ok(Token::Number("1")));
    let failure = reader.next().unwrap_err();
    assert_eq!(reader.next(), Err(failure));
    assert_eq!(reader.skip(), Err(failure));
}

#[test]
fn depth_ends_at_the_limit() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = |depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
        assert_eq!(outcome(nested(DEPTH_MAX).as_bytes()), Ok(()));
        assert_eq!(failure(&nested(DEPTH_MAX + 1)), (Detail::TooDeep, open.len() * DEPTH_MAX));
    }
    assert_eq!(failure(&"[".repeat(1_000_000)).0, Detail::TooDeep);
}

#[test]
fn many_names_stay_exact_and_quick() {
    let object = |count: usize| {
        (0..count)
            .map(|index| format!("\"k{index}\":{{\"x\":1,\"y\":2}}"))
            .collect::<Vec<_>>()
            .join(",")
    };
    for count in [1, 15, 63, 64, 65, 66, 200, 100_000] {
        let names = object(count);
        assert_eq!(outcome(format!("{{{names}}}").as_bytes()), Ok(()), "{count}");
        assert_eq!(
            failure(&format!("{{{names},\"k{}\":0}}", count - 1)).0,
            Detail::DuplicateKey,
            "{count}"
        );
        assert_eq!(failure(&format!("{{{names},\"\\u006b0\":0}}")).0, Detail::DuplicateKey, "{count}");
        // The same names again in another object are no duplicates, also behind a large object inside of one.
        assert_eq!(
            outcome(format!("[{{\"k0\":{{{names}}},\"k1\":1}},{{{names}}}]").as_bytes()),
            Ok(()),
            "{count}"
        );
        assert_eq!(
            failure(&format!("{{\"k0\":{{{names}}},\"k1\":1,\"k0\":1}}")).0,
            Detail::DuplicateKey,
            "{count}"
        );
    }
}

#[test]
fn names_alike_at_both_ends_are_told_apart() {
    let names = (0..80)
        .map(|index| format!("\"abcdefgh{index:04}ijklmnop\":1"))
        .collect::<Vec<_>>()
        .join(",");
    assert_eq!(outcome(format!("{{{names}}}").as_bytes()), Ok(()));
}

#[test]
fn fragments_keep_their_offsets() {
    let bytes = br#"garbage {"a": [1, x]} more"#;
    let mut reader = JsonReader::fragment(bytes, 8, 21);
    assert_eq!(reader.next(), Ok(Token::BeginObject));
    assert_eq!(reader.position(), 9);
    assert_eq!(reader.next(), Ok(Token::Key("a".into())));
    assert_eq!(
        reader.skip(),
        Err(DecodeFailure {
            detail: Detail::Syntax,
            offset: 18
        })
    );
    let mut reader = JsonReader::fragment(bytes, 15, 16);
    assert_eq!((reader.next(), reader.next()), (Ok(Token::Number("1")), Ok(Token::End)));
    assert_eq!(JsonReader::fragment(bytes, 3, 300).next().unwrap_err().detail, Detail::Truncated);
}

#[test]
fn skipping_leaves_the_reader_behind_the_value() {
    let mut reader = JsonReader::new(br#"{"a":{"b":[1,{"c":"\n"}]},"d":[[1],2]}"#);
    assert_eq!(reader.next(), Ok(Token::BeginObject));
    assert_eq!(reader.next(), Ok(Token::Key("a".into())));
    reader.skip().unwrap();
    assert_eq!(reader.next(), Ok(Token::Key("d".into())));
    assert_eq!(reader.next(), Ok(Token::BeginArray));
    reader.skip().unwrap();
    assert_eq!(reader.next(), Ok(Token::Number("2")));
    assert_eq!(reader.next(), Ok(Token::EndArray));
    assert_eq!(reader.next(), Ok(Token::EndObject));
    assert_eq!((reader.next(), reader.next()), (Ok(Token::End), Ok(Token::End)));
}

/// The referee's tree, rebuilt from our tokens.
fn tree<'b>(reader: &mut JsonReader<'b>, token: Token<'b>) -> serde_json::Value {
    match token {
        Token::Null => serde_json::Value::Null,
        Token::Bool(value) => value.into(),
        Token::Number(text) => serde_json::Value::Number(serde_json::from_str(text).unwrap()),
        Token::Str(text) => text.into_owned().into(),
        Token::BeginArray => {
            let mut items = Vec::new();
            loop {
                match reader.next().unwrap() {
                    Token::EndArray => return items.into(),
                    token => items.push(tree(reader, token)),
                }
            }
        }
        Token::BeginObject => {
            let mut fields = serde_json::Map::new();
            loop {
                match reader.next().unwrap() {
                    Token::Key(key) => {
                        let token = reader.next().unwrap();
                        fields.insert(key.into_owned(), tree(reader, token));
                    }
                    _ => return fields.into(),
                }
            }
        }
        other => panic!("no JSON token: {other:?}"),
    }
}

/// Bytes that are nearly JSON.
fn nearly_json() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just(","),
        Just(":"),
        Just("\""),
        Just("\"a\""),
        Just("\"a\":"),
        Just("\"b\":1"),
        Just("\\"),
        Just("\\u00e9"),
        Just("\\ud83d\\ude00"),
        Just("\\ud83d"),
        Just("\\n"),
        Just("1"),
        Just("-0"),
        Just("1.5e3"),
        Just("."),
        Just("e"),
        Just("null"),
        Just("true"),
        Just("fals"),
        Just(" "),
        Just("\n"),
        Just("\t"),
        Just("\u{1}"),
        Just("é"),
        Just("longer text here"),
    ];
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat().into_bytes())
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_filter("finite", |value| value.is_finite()).prop_map(Into::into),
        "\\PC{0,20}".prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(6, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
            prop::collection::vec((any::<String>(), inner), 0..8)
                .prop_map(|fields| { serde_json::Value::Object(fields.into_iter().collect()) }),
        ]
    })
}

/// Where our rules go further than the referee's: these details alone may refuse what it accepts. It takes the last of duplicate names,
/// allows 127 levels. Everything else must be accepted or refused by both.
fn stricter(failure: DecodeFailure) -> bool {
    matches!(failure.detail, Detail::DuplicateKey | Detail::TooDeep)
}

fn agree(bytes: &[u8]) -> Result<(), TestCaseError> {
    let referee = serde_json::from_slice::<serde_json::Value>(bytes);
    match (outcome(bytes), referee) {
        (Ok(()), Ok(expected)) => {
            let mut reader = JsonReader::new(bytes);
            let token = reader.next().unwrap();
            prop_assert_eq!(tree(&mut reader, token), expected);
        }
        (Err(_), Err(_)) => {}
        (Err(failure), Ok(_)) => prop_assert!(stricter(failure), "only we refuse: {:?}", failure),
        (Ok(()), Err(error)) => prop_assert!(false, "only we accept: {error}"),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn accepts_what_the_referee_accepts(value in json(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        prop_assert_eq!(outcome(text.as_bytes()), Ok(()));
        agree(text.as_bytes())?;
    }

    #[test]
    fn refuses_what_the_referee_refuses(bytes in nearly_json()) {
        agree(&bytes)?;
    }

    #[test]
    fn changed_documents_are_judged_alike(value in json(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut bytes = serde_json::to_vec(&value).unwrap();
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        agree(&bytes)?;
    }

    #[test]
    fn no_bytes_are_a_fault_of_ours(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        agree(&bytes)?;
    }
}
