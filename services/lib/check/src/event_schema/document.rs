//! The tree that a JSON Schema is asked about.
//!
//! Events pass through no tree otherwise; keywords such as `uniqueItems`, `const` and `oneOf` look at values as a whole, and whoever names a
//! JSON Schema pays for that. The tree is made from the tokens of the reader that the walk uses: there is no second parser of events.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};
use tidegate_codec::{DecodeFailure, Reader, Token};

use crate::judge::any;

/// The most values of one event that a JSON Schema is asked about: the memory and time of one verdict are bounded by it.
pub(crate) const VALUES_MAX: usize = 1 << 17;

/// Why there is no tree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum NoTree {
    /// The bytes are not a document.
    Broken(DecodeFailure),
    /// More values than asked for.
    TooMany,
}

impl From<DecodeFailure> for NoTree {
    fn from(failure: DecodeFailure) -> NoTree {
        NoTree::Broken(failure)
    }
}

/// Reads one value of at most `values_max` values. `plain` knows the last token as it was written, where that differs.
pub(crate) fn read<'b, R: Reader<'b>>(reader: &mut R, plain: fn(&R) -> Option<Token<'b>>, values_max: usize) -> Result<Value, NoTree> {
    let mut left = values_max;
    let token = reader.next()?;
    let mut tree = Tree {
        reader,
        plain,
        left: &mut left,
    };
    tree.value(token)
}

struct Tree<'t, 'b, R> {
    reader: &'t mut R,
    plain: fn(&R) -> Option<Token<'b>>,
    left: &'t mut usize,
}

// === impl Tree ===

impl<'b, R: Reader<'b>> Tree<'_, 'b, R> {
    /// Readers bound the depth.
    fn value(&mut self, token: Token<'b>) -> Result<Value, NoTree> {
        *self.left = self.left.checked_sub(1).ok_or(NoTree::TooMany)?;
        Ok(match token {
            Token::BeginObject => {
                let mut fields = Map::new();
                while let Token::Key(key) = self.reader.next()? {
                    let token = self.reader.next()?;
                    fields.insert(key.into_owned(), self.value(token)?);
                }
                Value::Object(fields)
            }
            Token::BeginArray => {
                let mut items = Vec::new();
                loop {
                    match self.reader.next()? {
                        Token::EndArray => break Value::Array(items),
                        token => items.push(self.value(token)?),
                    }
                }
            }
            leaf => match (self.plain)(self.reader) {
                Some(plain) => scalar(plain)?,
                None => scalar(leaf)?,
            },
        })
    }
}

fn scalar(token: Token<'_>) -> Result<Value, NoTree> {
    Ok(match token {
        Token::Null => Value::Null,
        Token::Bool(value) => Value::Bool(value),
        // Every digit is kept.
        Token::Number(text) => Value::Number(Number::from_string_unchecked(text.to_owned())),
        Token::Int(value) => Value::from(value),
        Token::Str(text) => Value::String(text.into_owned()),
        other => {
            let mut text = String::new();
            any::copy(&mut Nothing, other, &mut text, None)?;
            serde_json::from_str(&text).expect("a leaf is written as JSON")
        }
    })
}

/// A leaf needs nothing behind it.
struct Nothing;

impl<'b> Reader<'b> for Nothing {
    fn next(&mut self) -> Result<Token<'b>, DecodeFailure> {
        Ok(Token::End)
    }

    fn skip(&mut self) -> Result<(), DecodeFailure> {
        Ok(())
    }

    fn position(&self) -> usize {
        0
    }
}

/// Names the step below an object or a list as a pointer does, unescaped.
pub(crate) fn unescaped(segment: &str) -> Cow<'_, str> {
    if segment.contains('~') {
        Cow::Owned(segment.replace("~1", "/").replace("~0", "~"))
    } else {
        Cow::Borrowed(segment)
    }
}

#[cfg(test)]
mod tests {
    use tidegate_codec::JsonReader;

    use super::*;

    fn tree(text: &str, values_max: usize) -> Result<Value, NoTree> {
        read(&mut JsonReader::new(text.as_bytes()), |_| None, values_max)
    }

    #[test]
    fn a_tree_is_what_was_written() {
        let text = r#"{"b":[1.50,1e400,-0,"\u00e9",null,true,{}],"a":123456789012345678901234567890.1}"#;
        assert_eq!(tree(text, 100).unwrap().to_string(), text.replace("\\u00e9", "é"));
    }

    #[test]
    fn values_are_counted_and_bounded() {
        assert!(tree("[1,2,{\"a\":3}]", 5).is_ok());
        assert_eq!(tree("[1,2,{\"a\":3}]", 4), Err(NoTree::TooMany));
        assert!(matches!(tree("[1,", 9), Err(NoTree::Broken(_))));
    }
}
