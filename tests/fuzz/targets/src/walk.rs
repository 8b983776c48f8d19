//! What must hold for every reader, and the document tree that referees are compared by.

use num_bigint::BigInt;
use tidegate_codec::token::Special;
use tidegate_codec::{DEPTH_MAX, DecodeFailure, Reader, Token};

/// A document as a tree, in a form that does not depend on the encoding's freedoms: numbers in one spelling, keys of objects sorted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree {
    Null,
    Bool(bool),
    /// A JSON number as the referee spells it.
    Number(String),
    Int(i64),
    /// Bits; every not-a-number is one.
    Float(u64),
    Str(String),
    Bytes(Vec<u8>),
    Decimal(BigInt, i32),
    Date(i32),
    Time(i64),
    Timestamp(i64),
    Special(Special),
    Object(Vec<(String, Tree)>),
    Array(Vec<Tree>),
}

/// Reads a document to its end in both ways, by tokens and by skipping, and holds that they agree. `length` is that of the bytes,
/// `base` the offset of the first.
pub(crate) fn outcome<'b, R: Reader<'b>>(open: impl Fn() -> R, base: usize, length: usize) -> Result<Vec<Token<'b>>, DecodeFailure> {
    let within = base..=base + length;
    let mut reader = open();
    let read = tokens(&mut reader, &within);
    if let Err(failure) = &read {
        assert!(within.contains(&failure.offset), "{failure:?} lies outside of the bytes");
        assert_eq!(reader.next().as_ref(), Err(failure), "a failure must stay");
        assert_eq!(reader.skip().as_ref(), Err(failure), "a failure must stay");
    }
    let mut skipping = open();
    let skipped = skipping.skip().and_then(|()| skipping.next());
    match (&read, &skipped) {
        (Ok(_), Ok(token)) => assert_eq!(*token, Token::End, "one value was skipped, something is left"),
        (Err(read), Err(skipped)) => assert_eq!(read, skipped, "skipping finds another fault than reading"),
        _ => panic!("reading says {:?}, skipping {skipped:?}", read.as_ref().map(Vec::len)),
    }
    if let Ok(tokens) = &read {
        skip_members(open(), tokens);
    }
    read
}

/// Tokens up to the end; they are well nested and the position only moves forward.
fn tokens<'b>(reader: &mut impl Reader<'b>, within: &std::ops::RangeInclusive<usize>) -> Result<Vec<Token<'b>>, DecodeFailure> {
    let mut tokens = Vec::new();
    let mut open = Vec::new();
    let mut position = reader.position();
    loop {
        let token = reader.next()?;
        let now = reader.position();
        assert!(
            now >= position && within.contains(&now),
            "position {now} after {position} in {within:?}"
        );
        position = now;
        match &token {
            Token::BeginObject => open.push(Token::EndObject),
            Token::BeginArray => open.push(Token::EndArray),
            Token::EndObject | Token::EndArray => assert_eq!(open.pop().as_ref(), Some(&token), "ends what was begun"),
            Token::Key(_) => assert_eq!(open.last(), Some(&Token::EndObject), "a key stands in an object"),
            Token::End => {
                assert!(open.is_empty(), "the end comes after everything is closed");
                assert_eq!(reader.next(), Ok(Token::End), "the end may be asked for again");
                return Ok(tokens);
            }
            _ => {}
        }
        assert!(open.len() <= DEPTH_MAX, "deeper than the limit");
        tokens.push(token);
    }
}

/// Skips each member of the outermost object or list and must meet the same members as reading did.
fn skip_members<'b>(mut reader: impl Reader<'b>, tokens: &[Token<'b>]) {
    let Some(Token::BeginObject | Token::BeginArray) = tokens.first() else {
        return;
    };
    assert_eq!(reader.next().as_ref(), Ok(&tokens[0]));
    let mut depth = 0;
    for token in &tokens[1..] {
        if depth == 0 {
            match token {
                Token::Key(_) | Token::EndObject | Token::EndArray => assert_eq!(reader.next().as_ref(), Ok(token)),
                _ => assert_eq!(reader.skip(), Ok(())),
            }
        }
        match token {
            Token::BeginObject | Token::BeginArray => depth += 1,
            Token::EndObject | Token::EndArray => depth -= i32::from(depth > 0),
            _ => {}
        }
    }
    assert_eq!(reader.next(), Ok(Token::End));
}

/// The tree of well-formed tokens.
pub(crate) fn tree(tokens: &[Token<'_>]) -> Tree {
    let mut rest = tokens.iter();
    let tree = value(&mut rest);
    assert_eq!(rest.next(), None, "one value");
    tree
}

fn value<'a, 'b: 'a>(rest: &mut impl Iterator<Item = &'a Token<'b>>) -> Tree {
    let first = rest.next().unwrap_or(&Token::End);
    from(first, rest)
}

fn from<'a, 'b: 'a>(first: &Token<'_>, rest: &mut impl Iterator<Item = &'a Token<'b>>) -> Tree {
    match first {
        Token::Null => Tree::Null,
        Token::Bool(value) => Tree::Bool(*value),
        Token::Number(text) => Tree::Number(spelled(text)),
        Token::Int(value) => Tree::Int(*value),
        Token::Float(value) => Tree::float(*value),
        Token::Str(text) => Tree::Str(text.to_string()),
        Token::Bytes(bytes) => Tree::Bytes(bytes.to_vec()),
        Token::Decimal { unscaled, scale } => Tree::Decimal(BigInt::from_signed_bytes_be(unscaled), *scale),
        Token::Date(days) => Tree::Date(*days),
        Token::TimeMicros(micros) => Tree::Time(*micros),
        Token::TimestampMicros(micros) => Tree::Timestamp(*micros),
        Token::Special(special) => Tree::Special(*special),
        Token::BeginArray => {
            let mut items = Vec::new();
            loop {
                match rest.next() {
                    Some(Token::EndArray) => return Tree::Array(items),
                    Some(token) => items.push(from(token, rest)),
                    None => panic!("a list has no end"),
                }
            }
        }
        Token::BeginObject => {
            let mut fields = Vec::new();
            loop {
                match rest.next() {
                    Some(Token::EndObject) => return Tree::object(fields),
                    Some(Token::Key(key)) => fields.push((key.to_string(), value(rest))),
                    other => panic!("no field: {other:?}"),
                }
            }
        }
        other => panic!("no value begins with {other:?}"),
    }
}

/// One spelling for what the referee takes as the same number text.
fn spelled(number: &str) -> String {
    serde_json::from_str::<serde_json::Number>(number)
        .map_or_else(|error| panic!("no number for the referee: {error}"), |number| number.to_string())
}

// === impl Tree ===

impl Tree {
    pub(crate) fn float(value: f64) -> Tree {
        Tree::Float(if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() })
    }

    pub(crate) fn object(mut fields: Vec<(String, Tree)>) -> Tree {
        fields.sort_by(|(left, _), (right, _)| left.cmp(right));
        Tree::Object(fields)
    }
}
