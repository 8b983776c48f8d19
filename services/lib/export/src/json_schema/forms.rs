//! The judge's forms of text as ECMA-262 patterns, all anchored.

/// A JSON number, as keys of maps are written.
pub(super) const NUMBER: &str = r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$";

/// RFC 9562.
pub(super) const UUID: &str = "^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$";

/// RFC 4648 section 4 with padding and without spare bits.
pub(super) const BASE64: &str = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$";

/// RFC 3986 with a scheme, whose escapes are whole.
pub(super) const URI: &str = r"^[A-Za-z][A-Za-z0-9+.\-]*:(?!//$)(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+$";

const LABEL: &str = "[A-Za-z0-9](?:[A-Za-z0-9\\-]{0,61}[A-Za-z0-9])?";
const BYTE: &str = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
const GROUP: &str = "[0-9A-Fa-f]{1,4}";
/// Everything but ASCII controls, space, the specials of RFC 5322 and the dot.
const ATOM: &str = r#"[^\u0000-\u0020"(),.:;<>@\[\\\]\u007F]"#;

/// A day that exists.
const DATE: &str = concat!(
    "(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))",
    "|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)"
);
/// To the microsecond; digits past it must be zero.
const TIME: &str = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6}0*)?";
const OFFSET: &str = "(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])";

/// RFC 1123, at most 253 characters.
pub(super) fn hostname() -> String {
    format!(r"^(?=.{{1,253}}$){LABEL}(?:\.{LABEL})*$")
}

/// RFC 5321 mailbox without quoted local parts.
pub(super) fn email() -> String {
    format!(r"^(?=[^@]{{1,64}}@.{{1,253}}$){ATOM}+(?:\.{ATOM}+)*@{LABEL}(?:\.{LABEL})*$")
}

pub(super) fn ipv4() -> String {
    format!(r"^{BYTE}(?:\.{BYTE}){{3}}$")
}

/// RFC 4291 text form: eight groups, or fewer around one `::`; the last two may be an IPv4 address.
pub(super) fn ipv6() -> String {
    let v4 = format!(r"{BYTE}(?:\.{BYTE}){{3}}");
    let mut forms = vec![format!("(?:{GROUP}:){{7}}{GROUP}"), format!("(?:{GROUP}:){{6}}{v4}")];
    for ahead in 0..=7 {
        let head = match ahead {
            0 => String::new(),
            1 => GROUP.to_owned(),
            more => format!("{GROUP}(?::{GROUP}){{{}}}", more - 1),
        };
        let behind = 7 - ahead;
        let mut tails = Vec::new();
        if behind >= 1 {
            tails.push(format!("{GROUP}(?::{GROUP}){{0,{}}}", behind - 1));
        }
        if behind >= 2 {
            tails.push(format!("(?:{GROUP}:){{0,{}}}{v4}", behind - 2));
        }
        let tail = if tails.is_empty() {
            String::new()
        } else {
            format!("(?:{})?", tails.join("|"))
        };
        forms.push(format!("{head}::{tail}"));
    }
    format!("^(?:{})$", forms.join("|"))
}

pub(super) fn date() -> String {
    format!("^{DATE}$")
}

pub(super) fn time() -> String {
    format!("^{TIME}$")
}

/// RFC 3339; the offset may be missing where the contract assumes one, and must be where the value is local.
pub(super) fn timestamp(utc: bool, assumed: bool) -> String {
    match (utc, assumed) {
        (true, true) => format!("^{DATE}[Tt ]{TIME}{OFFSET}?$"),
        (true, false) => format!("^{DATE}[Tt ]{TIME}{OFFSET}$"),
        (false, _) => format!("^{DATE}[Tt ]{TIME}$"),
    }
}
