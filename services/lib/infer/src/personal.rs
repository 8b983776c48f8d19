//! Fields that look like personal data: their values are never shown.

/// Words of field names.
const WORDS: [&str; 44] = [
    "email",
    "mail",
    "phone",
    "mobile",
    "tel",
    "fax",
    "firstname",
    "lastname",
    "surname",
    "givenname",
    "familyname",
    "fullname",
    "username",
    "login",
    "address",
    "street",
    "zip",
    "postcode",
    "postal",
    "city",
    "birth",
    "birthday",
    "birthdate",
    "dob",
    "ssn",
    "passport",
    "iban",
    "bic",
    "card",
    "pan",
    "cvv",
    "ip",
    "latitude",
    "longitude",
    "lat",
    "lon",
    "lng",
    "gender",
    "password",
    "secret",
    "token",
    "tax",
    "national",
    "license",
];

/// Words before `name` that make it a person's.
const BEFORE_NAME: [&str; 14] = [
    "first",
    "last",
    "full",
    "given",
    "family",
    "middle",
    "user",
    "customer",
    "contact",
    "owner",
    "holder",
    "recipient",
    "person",
    "display",
];

/// Whether the name of a field suggests personal data.
pub(crate) fn is_suspicious(name: &str) -> bool {
    let words = words(name);
    if words.len() == 1 && words[0] == "name" {
        return true;
    }
    let joined: String = words.concat();
    words.iter().any(|word| WORDS.contains(&word.as_str()))
        || WORDS.contains(&joined.as_str())
        || words
            .windows(2)
            .any(|pair| pair[1] == "name" && BEFORE_NAME.contains(&pair[0].as_str()))
}

/// `customerEmail_1` to `customer`, `email`, `1`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in name.chars() {
        let is_new = !c.is_ascii_alphanumeric() || (c.is_ascii_uppercase() && before.is_ascii_lowercase());
        if is_new && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_ascii_alphanumeric()) {
            word.push(c.to_ascii_lowercase());
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for name in [
            "email",
            "customerEmail",
            "phone_number",
            "first_name",
            "firstName",
            "FULL_NAME",
            "name",
            "ip",
            "birth-date",
            "zip",
        ] {
            assert!(is_suspicious(name), "{name}");
        }
        for name in ["product_name", "status", "description", "ship_state", "order_id", "tokens_used2"] {
            assert!(!is_suspicious(name), "{name}");
        }
    }
}
