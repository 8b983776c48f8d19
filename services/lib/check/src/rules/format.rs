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
            TextFormat::Email => email(text.as_bytes()),
            TextFormat::Uuid => uuid(text.as_bytes()),
            TextFormat::Uri => uri(text),
            TextFormat::Hostname => hostname(text.as_bytes()),
            TextFormat::Ipv4 => text.parse::<Ipv4Addr>().is_ok(),
            TextFormat::Ipv6 => text.parse::<Ipv6Addr>().is_ok(),
        }
    }
}

/// What has been read of a mailbox; a multiple of six, so that the next states of all of them fit into one word.
mod state {
    /// Nothing, or a dot of the local part: an atom must follow.
    pub(super) const ATOM_BEGINS: u64 = 0;
    /// A character of an atom.
    pub(super) const IN_ATOM: u64 = 6;
    /// The at sign, or a dot of the host name: a label must follow, which neither begins nor ends with a dash.
    pub(super) const LABEL_BEGINS: u64 = 12;
    /// A letter or digit of a label.
    pub(super) const IN_LABEL: u64 = 18;
    /// A dash of a label.
    pub(super) const DASH: u64 = 24;
    /// What is no mailbox any more.
    pub(super) const WRONG: u64 = 30;
}

/// For each byte the state that follows on each state.
static FOLLOWS: [u64; 256] = {
    let marks = b"!#$%&'*+/=?^_`{|}~";
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut mark = byte >= 0x80; // Beyond ASCII everything is of an atom (RFC 6531).
        let mut at = 0;
        while at < marks.len() {
            mark |= marks[at] as usize == byte;
            at += 1;
        }
        let alphanumeric = (byte as u8).is_ascii_alphanumeric();
        let atom = mark || alphanumeric || byte as u8 == b'-';
        let [of_begin, of_atom] = match byte as u8 {
            b'.' => [state::WRONG, state::ATOM_BEGINS],
            b'@' => [state::WRONG, state::LABEL_BEGINS],
            _ if atom => [state::IN_ATOM, state::IN_ATOM],
            _ => [state::WRONG, state::WRONG],
        };
        let [of_label_begin, of_label, of_dash] = match byte as u8 {
            b'.' => [state::WRONG, state::LABEL_BEGINS, state::WRONG],
            b'-' => [state::WRONG, state::DASH, state::DASH],
            _ if alphanumeric => [state::IN_LABEL, state::IN_LABEL, state::IN_LABEL],
            _ => [state::WRONG, state::WRONG, state::WRONG],
        };
        table[byte] = of_begin << state::ATOM_BEGINS
            | of_atom << state::IN_ATOM
            | of_label_begin << state::LABEL_BEGINS
            | of_label << state::IN_LABEL
            | of_dash << state::DASH
            | state::WRONG << state::WRONG;
        byte += 1;
    }
    table
};

/// Whether `text` leads from that state to the end of a host name.
#[inline]
fn ends_in_label(text: &[u8], from: u64) -> bool {
    let end = text.iter().fold(from, |state, byte| FOLLOWS[usize::from(*byte)] >> (state & 63));
    end & 63 == state::IN_LABEL
}

pub(crate) fn email(text: &[u8]) -> bool {
    // No part of a short text is too long.
    ends_in_label(text, state::ATOM_BEGINS)
        && (text.len() <= 63
            || match text.iter().position(|byte| *byte == b'@') {
                Some(at) => at <= 64 && is_short(&text[at + 1..]),
                None => false,
            })
}

/// 8-4-4-4-12 hexadecimal digits.
pub(crate) fn uuid(bytes: &[u8]) -> bool {
    let Ok(bytes) = <&[u8; 36]>::try_from(bytes) else { return false };
    let four = |at: usize| u64::from(bytes[at..].first_chunk().map_or(0, |four| u32::from_le_bytes(*four)));
    let eight = |one: usize, other: usize| four(one) | four(other) << 32;
    let dashes = [8, 13, 18, 23].iter().fold(0, |wrong, at| wrong | (bytes[*at] ^ b'-'));
    let digits =
        not_hexadecimal(eight(0, 4)) | not_hexadecimal(eight(9, 14)) | not_hexadecimal(eight(19, 24)) | not_hexadecimal(eight(28, 32));
    u64::from(dashes) | digits == 0
}

/// The highest bit of each of eight bytes that is no hexadecimal digit.
#[inline(always)]
fn not_hexadecimal(eight: u64) -> u64 {
    let each = |byte: u8| u64::from_le_bytes([byte; 8]);
    // Digits become 0 to 9, letters 1 to 6; what is added then leaves their highest bit alone, or sets it where there must be at least one.
    let digit = eight ^ each(b'0');
    let letter = (eight | each(0x20)) ^ each(0x60);
    let no_digit = digit.wrapping_add(each(0x80 - 10)) | digit;
    let no_letter = letter.wrapping_add(each(0x80 - 7)) | letter | !letter.wrapping_add(each(0x7f));
    no_digit & no_letter & each(0x80)
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

fn hostname(text: &[u8]) -> bool {
    ends_in_label(text, state::LABEL_BEGINS) && is_short(text)
}

/// Host names and their labels have a greatest length (RFC 1035 section 2.3.4).
fn is_short(host: &[u8]) -> bool {
    host.len() <= 253 && host.split(|byte| *byte == b'.').all(|label| label.len() <= 63)
}

#[cfg(test)]
mod tests {
    use super::TextFormat;

    #[test]
    fn every_byte_of_a_uuid_is_looked_at() {
        let good = *b"a0EeBc99-9c0b-4ef8-bB6d-6bb9bd380a1F";
        for at in 0..36 {
            for byte in 0..=u8::MAX {
                let mut text = good;
                text[at] = byte;
                let holds = if [8, 13, 18, 23].contains(&at) {
                    byte == b'-'
                } else {
                    byte.is_ascii_hexdigit()
                };
                assert_eq!(super::uuid(&text), holds, "{byte:#x} at {at}");
            }
        }
    }

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
