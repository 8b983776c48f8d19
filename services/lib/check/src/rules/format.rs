//! `format` of a text: email, uuid, uri, hostname, IPv4, IPv6.

use std::net::{Ipv4Addr, Ipv6Addr};

/// A format that is checked. (`byte` and `binary` make a leaf of bytes, `password` says nothing about the text.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextFormat {
    /// RFC 5321 mailbox without quoted local parts or address literals.
    Email,
    /// RFC 9562 text form, any case.
    Uuid,
    /// RFC 3986 URI with a scheme.
    Uri,
    /// RFC 1123 host name.
    Hostname,
    /// Dotted decimal, RFC 3986 `IPv4address`.
    Ipv4,
    /// RFC 4291 text form without a zone.
    Ipv6,
}

// === impl TextFormat ===

impl TextFormat {
    /// The format of that ODCS name.
    pub(crate) fn named(name: &str) -> Option<TextFormat> {
        Some(match name {
            "email" => TextFormat::Email,
            "uuid" => TextFormat::Uuid,
            "uri" => TextFormat::Uri,
            "hostname" => TextFormat::Hostname,
            "ipv4" => TextFormat::Ipv4,
            "ipv6" => TextFormat::Ipv6,
            _ => return None,
        })
    }

    /// Whether `text` has the format.
    pub(crate) fn holds(self, text: &str) -> bool {
        match self {
            TextFormat::Email => email(text),
            TextFormat::Uuid => uuid(text.as_bytes()),
            TextFormat::Uri => uri(text),
            TextFormat::Hostname => hostname(text),
            TextFormat::Ipv4 => text.parse::<Ipv4Addr>().is_ok(),
            TextFormat::Ipv6 => text.parse::<Ipv6Addr>().is_ok(),
        }
    }
}

/// Bytes of an atom of a local part; beyond ASCII everything (RFC 6531).
static ATOM: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = byte >= 0x80 || (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let marks = b"!#$%&'*+-/=?^_`{|}~";
    let mut at = 0;
    while at < marks.len() {
        table[marks[at] as usize] = true;
        at += 1;
    }
    table
};

pub(crate) fn email(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut dot = true;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            // Two dots in a row, or one at either end, leave an empty atom.
            b'.' | b'@' if dot => return false,
            b'.' => dot = true,
            b'@' => return at <= 64 && hostname(&text[at + 1..]),
            byte if ATOM[usize::from(*byte)] => dot = false,
            _ => return false,
        }
    }
    false
}

/// 8-4-4-4-12 hexadecimal digits.
pub(crate) fn uuid(bytes: &[u8]) -> bool {
    let Ok(bytes) = <&[u8; 36]>::try_from(bytes) else { return false };
    let dashes = bytes[8] == b'-' && bytes[13] == b'-' && bytes[18] == b'-' && bytes[23] == b'-';
    // All digits side by side, so that they are looked at together.
    let mut digits = [0; 32];
    digits[..8].copy_from_slice(&bytes[..8]);
    digits[8..12].copy_from_slice(&bytes[9..13]);
    digits[12..16].copy_from_slice(&bytes[14..18]);
    digits[16..20].copy_from_slice(&bytes[19..23]);
    digits[20..].copy_from_slice(&bytes[24..]);
    let hexadecimal = digits.iter().fold(true, |all, byte| {
        all & ((byte.wrapping_sub(b'0') < 10) | ((byte | 0x20).wrapping_sub(b'a') < 6))
    });
    dashes & hexadecimal
}

fn uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let scheme_holds = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
    let escapes_hold = rest.match_indices('%').all(|(at, _)| {
        rest.as_bytes()
            .get(at + 1..at + 3)
            .is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
    });
    scheme_holds && !rest.is_empty() && rest != "//" && rest.bytes().all(allowed) && escapes_hold
}

fn hostname(text: &str) -> bool {
    let (mut length, mut last) = (0_usize, b'-');
    for byte in text.bytes() {
        match byte {
            // A label neither begins nor ends with a dash, and is not empty.
            b'.' | b'-' if length == 0 => return false,
            b'.' if last == b'-' => return false,
            b'.' => length = 0,
            byte if byte.is_ascii_alphanumeric() || byte == b'-' => length += 1,
            _ => return false,
        }
        if length > 63 {
            return false;
        }
        last = byte;
    }
    length > 0 && last != b'-' && text.len() <= 253
}

#[cfg(test)]
mod tests {
    use super::TextFormat;

    #[test]
    fn formats() {
        let cases: [(&str, &[&str], &[&str]); 6] = [
            (
                "email",
                &["a@b.org", "a.b+c@x-y.example"],
                &[
                    "", "a", "@b", "a@", ".a@b", "a..b@c", "a b@c", "a@b c", "a@-b", "a@b-", "a@b..c", "a@b@c", "a.@b",
                ],
            ),
            (
                "uuid",
                &["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"],
                &["", "a0eebc999c0b4ef8bb6d6bb9bd380a11", "g0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
            ),
            (
                "uri",
                &["https://a.example/b?c=%20#d", "urn:isbn:1", "mailto:a@b"],
                &["", "a", "http://", "1a:b", "http://a b", "http://a/%zz"],
            ),
            ("hostname", &["a", "a-b.example"], &["", "-a", "a-", "a..b", "a_b", "a."]),
            ("ipv4", &["127.0.0.1"], &["", "1.2.3", "256.1.1.1", "01.2.3.4"]),
            ("ipv6", &["::1", "2001:db8::1"], &["", ":", "1::2::3", "fe80::1%eth0"]),
        ];
        for (name, good, bad) in cases {
            let format = TextFormat::named(name).unwrap();
            for text in good {
                assert!(format.holds(text), "{name} {text}");
            }
            for text in bad {
                assert!(!format.holds(text), "{name} {text}");
            }
        }
    }
}
