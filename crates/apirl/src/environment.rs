//! Variables of the environment.

use std::env::{self, VarError};

use crate::failure::Failure;

/// Returns the value of a variable that must not be empty.
pub(crate) fn variable(name: &str) -> Result<String, Failure> {
    let hint = "set it, and export it, before the command";
    match env::var(name) {
        Ok(value) if value.trim().is_empty() => {
            Err(Failure::usage(format_args!("the environment variable {name} is empty")).hint(hint))
        }
        Ok(value) => Ok(value),
        Err(VarError::NotPresent) => Err(Failure::usage(format_args!(
            "the environment variable {name} is not set"
        ))
        .hint(hint)),
        Err(VarError::NotUnicode(_)) => Err(Failure::usage(format_args!(
            "the environment variable {name} is not UTF-8 text"
        ))),
    }
}
