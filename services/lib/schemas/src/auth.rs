//! How we tell a registry who we are.

use std::collections::BTreeMap;
use std::fmt;

use tidegate_flow::{Remedy, WorldError};

const USER: &str = "TIDEGATE_REGISTRY_USER";
const PASSWORD: &str = "TIDEGATE_REGISTRY_PASSWORD";
const TOKEN: &str = "TIDEGATE_REGISTRY_TOKEN";

/// Credentials. `Debug` shows their kind only.
#[derive(Clone, Default)]
pub enum Auth {
    /// None.
    #[default]
    Nobody,
    /// User and password, or API key and secret.
    Basic(String, String),
    /// A bearer token.
    Bearer(String),
}

// === impl Auth ===

impl Auth {
    /// From the variables of this process: `TIDEGATE_REGISTRY_USER` with `TIDEGATE_REGISTRY_PASSWORD`, or `TIDEGATE_REGISTRY_TOKEN`. Each
    /// secret may instead come from the file that the same name with `_FILE` names.
    ///
    /// # Errors
    ///
    /// [`Remedy::Operator`] for half of a pair, for both kinds at once and for a file that cannot be read.
    pub fn from_env() -> Result<Auth, WorldError> {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        Auth::from_variables(std::env::vars_os().filter_map(text))
    }

    /// From these variables; others are left out.
    ///
    /// # Errors
    ///
    /// As [`Auth::from_env`].
    pub fn from_variables<N: Into<String>, V: Into<String>>(variables: impl IntoIterator<Item = (N, V)>) -> Result<Auth, WorldError> {
        let variables: BTreeMap<String, String> = variables
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .filter(|(_, value)| !value.is_empty())
            .collect();
        let user = variables.get(USER).cloned();
        let (password, token) = (secret(&variables, PASSWORD)?, secret(&variables, TOKEN)?);
        match (user, password, token) {
            (None, None, None) => Ok(Auth::Nobody),
            (Some(user), Some(password), None) => Ok(Auth::Basic(user, password)),
            (None, None, Some(token)) => Ok(Auth::Bearer(token)),
            (_, _, Some(_)) => Err(unclear(&format!("{TOKEN} excludes {USER} and {PASSWORD}"))),
            _ => Err(unclear(&format!("{USER} and {PASSWORD} belong together, one of them is missing"))),
        }
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Auth::Nobody => "Nobody",
            Auth::Basic(..) => "Basic",
            Auth::Bearer(_) => "Bearer",
        })
    }
}

fn secret(variables: &BTreeMap<String, String>, name: &str) -> Result<Option<String>, WorldError> {
    let from_file = format!("{name}_FILE");
    match (variables.get(name), variables.get(&from_file)) {
        (Some(_), Some(_)) => Err(unclear(&format!("both {name} and {from_file} are set: only one can be meant"))),
        (Some(value), None) => Ok(Some(value.clone())),
        (None, Some(path)) => match std::fs::read_to_string(path) {
            Ok(text) if text.trim().is_empty() => Err(unclear(&format!("the file that {from_file} names is empty"))),
            Ok(text) => Ok(Some(text.trim().to_owned())),
            Err(error) => Err(WorldError::caused(
                Remedy::Operator,
                format!("the file that {from_file} names cannot be read"),
                error,
            )),
        },
        (None, None) => Ok(None),
    }
}

fn unclear(what: &str) -> WorldError {
    WorldError::new(Remedy::Operator, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_make_one_kind_or_none() {
        let none: [(&str, &str); 0] = [];
        assert!(matches!(Auth::from_variables(none).unwrap(), Auth::Nobody));
        assert!(matches!(Auth::from_variables([(TOKEN, "t")]).unwrap(), Auth::Bearer(token) if token == "t"));
        let pair = Auth::from_variables([(USER, "u"), (PASSWORD, "p"), ("HOME", "/")]).unwrap();
        assert!(matches!(pair, Auth::Basic(user, password) if (user.as_str(), password.as_str()) == ("u", "p")));
    }

    #[test]
    fn an_unclear_choice_is_for_an_operator() {
        let file = format!("{TOKEN}_FILE");
        let choices: [&[(&str, &str)]; 5] = [
            &[(USER, "u")],
            &[(PASSWORD, "p"), (USER, "")],
            &[(USER, "u"), (PASSWORD, "p"), (TOKEN, "t")],
            &[(TOKEN, "t"), (&file, "x")],
            &[(&file, "/nowhere/at/all")],
        ];
        for choice in choices {
            let error = Auth::from_variables(choice.iter().copied()).unwrap_err();
            assert_eq!(error.remedy, Remedy::Operator, "{choice:?}");
        }
    }
}
