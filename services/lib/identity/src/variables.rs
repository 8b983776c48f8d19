//! Variables of the environment, with secrets that may be in files.

use std::collections::BTreeMap;
use std::fmt;

use tidegate_flow::{Remedy, WorldError};

/// Variables by name; empty ones count as missing. `Debug` shows names only.
#[derive(Clone, Default)]
pub struct Variables(BTreeMap<String, String>);

// === impl Variables ===

impl Variables {
    /// Those of this process.
    pub fn from_env() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        Variables::from_pairs(std::env::vars_os().filter_map(text))
    }

    /// These.
    pub fn from_pairs<N: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let pairs = pairs.into_iter().map(|(name, value)| (name.into(), value.into()));
        Variables(pairs.filter(|(_, value): &(String, String)| !value.is_empty()).collect())
    }

    /// One of them.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A secret: the variable itself, or the file that `NAME_FILE` names.
    ///
    /// # Errors
    ///
    /// [`Remedy::Operator`] for both at once, and for a file that is empty or cannot be read.
    pub fn secret(&self, name: &str) -> Result<Option<String>, WorldError> {
        let from_file = format!("{name}_FILE");
        match (self.get(name), self.get(&from_file)) {
            (Some(_), Some(_)) => Err(operator(format!("both {name} and {from_file} are set: only one can be meant"))),
            (Some(value), None) => Ok(Some(value.to_owned())),
            (None, Some(path)) => read(&from_file, path).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// What stands in the file that a variable names. Such files are written anew while we run, so this is asked each time.
    pub(crate) fn file(&self, name: &str) -> Result<String, WorldError> {
        let path = self.get(name).ok_or_else(|| operator(format!("{name} is not set")))?;
        read(name, path)
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

fn read(name: &str, path: &str) -> Result<String, WorldError> {
    match std::fs::read_to_string(path) {
        Ok(text) if text.trim().is_empty() => Err(operator(format!("the file that {name} names is empty"))),
        Ok(text) => Ok(text.trim().to_owned()),
        Err(error) => Err(WorldError::caused(
            Remedy::Operator,
            format!("the file that {name} names cannot be read: {}", error.kind()),
            error,
        )),
    }
}

pub(crate) fn operator(what: impl Into<String>) -> WorldError {
    WorldError::new(Remedy::Operator, what)
}
