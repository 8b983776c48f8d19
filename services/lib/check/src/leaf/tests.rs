use std::borrow::Cow;

use tidegate_codec::{Scalar, Token};

use super::{LeafContext, Refusal, Wire, convert, convert_key};
use crate::plan::LeafType;

fn judge<'b>(token: Token<'b>, leaf: LeafType) -> Result<Scalar<'b>, Refusal> {
    let wire = Wire::default();
    convert(token, &LeafContext { leaf, wire: &wire })
}

const I64: LeafType = LeafType::Int { bits: 64, signed: true };

#[test]
fn integers_are_exact() {
    for (text, expected) in [
        ("7", Ok(Scalar::Int(7))),
        ("7.0", Ok(Scalar::Int(7))),
        ("7e2", Ok(Scalar::Int(700))),
        ("-0", Ok(Scalar::Int(0))),
        ("7.5", Err(Refusal::Type)),
        ("9223372036854775807", Ok(Scalar::Int(9_223_372_036_854_775_807))),
        ("9223372036854775808", Err(Refusal::Range)),
        ("1e400", Err(Refusal::Range)),
        ("9007199254740993", Ok(Scalar::Int(9_007_199_254_740_993))),
    ] {
        assert_eq!(judge(Token::Number(text), I64), expected, "{text}");
    }
    assert_eq!(judge(Token::Str(Cow::Borrowed("7")), I64), Err(Refusal::Type));
    assert_eq!(judge(Token::Float(7.0), I64), Err(Refusal::Type));
    assert_eq!(
        judge(Token::Number("-1"), LeafType::Int { bits: 64, signed: false }),
        Err(Refusal::Range)
    );
    assert_eq!(
        judge(Token::Number("18446744073709551615"), LeafType::Int { bits: 64, signed: false }),
        Ok(Scalar::Int(u64::MAX.into()))
    );
    assert_eq!(
        judge(Token::Number("128"), LeafType::Int { bits: 8, signed: true }),
        Err(Refusal::Range)
    );
    assert_eq!(
        judge(Token::Number("-128"), LeafType::Int { bits: 8, signed: true }),
        Ok(Scalar::Int(-128))
    );
}

#[test]
fn wide_integers_have_at_most_the_38_digits_of_their_column() {
    let most = 10_i128.pow(38) - 1;
    for signed in [true, false] {
        let leaf = LeafType::Int { bits: 128, signed };
        let smallest = if signed { -most } else { 0 };
        for fits in [most, smallest] {
            assert_eq!(judge(Token::Number(&fits.to_string()), leaf), Ok(Scalar::Int(fits)), "{signed}");
        }
        for wider in [most + 1, smallest - 1, i128::MAX, i128::MIN] {
            assert_eq!(
                judge(Token::Number(&wider.to_string()), leaf),
                Err(Refusal::Range),
                "{signed} {wider}"
            );
        }
    }
}

#[test]
fn decimals_are_exact() {
    let money = LeafType::Decimal { precision: 10, scale: 2 };
    for (text, expected) in [
        ("10.5", Ok(1050)),
        ("10.500", Ok(1050)),
        ("10.505", Err(Refusal::Range)),
        ("99999999.99", Ok(9_999_999_999)),
        ("100000000", Err(Refusal::Range)),
        ("1e2", Ok(10_000)),
    ] {
        assert_eq!(
            judge(Token::Number(text), money),
            expected.map(|unscaled| Scalar::Decimal { unscaled, scale: 2 }),
            "{text}"
        );
    }
    for (bytes, scale, expected) in [
        (&[0x04, 0xd2][..], 2, Ok(1234)),
        (&[0xff][..], 0, Ok(-100)),
        (&[][..], 2, Ok(0)),
        (&[0x05][..], -1, Ok(5000)),
        (&[0x7f; 17][..], 0, Err(Refusal::Range)),
        (&[0x00; 40][..], 900, Ok(0)),
    ] {
        let token = Token::Decimal {
            unscaled: Cow::Borrowed(bytes),
            scale,
        };
        assert_eq!(
            judge(token, money),
            expected.map(|unscaled| Scalar::Decimal { unscaled, scale: 2 }),
            "{bytes:?}"
        );
    }
    assert_eq!(judge(Token::Float(0.5), money), Err(Refusal::Type));
}

#[test]
fn doubles() {
    assert_eq!(judge(Token::Number("0.1"), LeafType::F64), Ok(Scalar::Float(0.1)));
    assert_eq!(judge(Token::Number("1e400"), LeafType::F64), Err(Refusal::Range));
    assert_eq!(judge(Token::Number("0.1"), LeafType::F32), Ok(Scalar::Float(f64::from(0.1_f32))));
    assert_eq!(judge(Token::Float(0.1), LeafType::F32), Err(Refusal::Range));
    assert_eq!(judge(Token::Float(0.5), LeafType::F32), Ok(Scalar::Float(0.5)));
    assert_eq!(judge(Token::Int(9_007_199_254_740_993), LeafType::F64), Err(Refusal::Range));
    assert_eq!(judge(Token::Int(i64::MAX), LeafType::F64), Err(Refusal::Range));
}

#[test]
fn bytes_in_base64() {
    assert_eq!(
        judge(Token::Str("AP8=".into()), LeafType::Bytes),
        Ok(Scalar::Bytes(Cow::Owned(vec![0, 255])))
    );
    assert_eq!(judge(Token::Str("AP8".into()), LeafType::Bytes), Err(Refusal::Form));
}

#[test]
fn map_keys() {
    let wire = Wire::default();
    let key = |text: &'static str| convert_key(Cow::Borrowed(text), &LeafContext { leaf: I64, wire: &wire });
    assert_eq!(key("7"), Ok(Scalar::Int(7)));
    assert_eq!(key("07"), Err(Refusal::Type));
    assert_eq!(key("x"), Err(Refusal::Type));
}
