//! Columns whose value the source did not send (PostgreSQL's unchanged TOAST). Debezium writes its placeholder in the form of the column.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::failure::DecodeFailure;
use crate::json::number;
use crate::token::{Reader, Token};

/// Whether a single value is the placeholder: the text itself (text, json, bytea as hex), its bytes (bytea with a schema), or its base64
/// (bytea without one). Nulls that stand for it cannot be told from nulls.
pub fn is_unavailable(token: &Token<'_>, placeholder: &str) -> bool {
    match token {
        Token::Str(text) => {
            // Base64 has four characters for three bytes.
            **text == *placeholder || text.len() == placeholder.len().div_ceil(3) * 4 && **text == *STANDARD.encode(placeholder)
        }
        Token::Bytes(bytes) => **bytes == *placeholder.as_bytes(),
        _ => false,
    }
}

/// Whether a list or object whose first token was just read stands for the placeholder: a list of just it (text[]), of its character
/// codes (int[]), or an object with it as the one field and value (hstore). Reads up to the end of it; use a clone of the reader.
pub fn is_unavailable_composite<'b>(opened: &Token<'b>, reader: &mut impl Reader<'b>, placeholder: &str) -> Result<bool, DecodeFailure> {
    let mut codes = placeholder.chars();
    let (mut texts, mut all_codes, mut count, mut depth) = (0, true, 0, 1);
    while depth > 0 {
        let token = reader.next()?;
        match &token {
            Token::EndArray | Token::EndObject => depth -= 1,
            Token::BeginArray | Token::BeginObject => {
                depth += 1;
                count += 1;
                all_codes = false;
            }
            Token::Key(text) | Token::Str(text) if **text == *placeholder => {
                texts += 1;
                count += 1;
                all_codes = false;
            }
            Token::Number(_) | Token::Int(_) => {
                count += 1;
                let code = match token {
                    Token::Number(text) => number::to_i64(text),
                    Token::Int(value) => Some(value),
                    _ => None,
                };
                all_codes &= code.is_some() && code == codes.next().map(|character| i64::from(u32::from(character)));
            }
            _ => {
                count += 1;
                all_codes = false;
            }
        }
    }
    Ok(match opened {
        Token::BeginArray => (texts == 1 && count == 1) || (all_codes && count > 0 && codes.next().is_none()),
        Token::BeginObject => texts == 2 && count == 2,
        _ => false,
    })
}
