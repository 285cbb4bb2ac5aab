//! Error for invalid settings, and the lookup of names.

use thiserror::Error;

/// Error for an invalid setting. Its text names what is expected.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct SettingError(Box<str>);

impl SettingError {
    /// Returns the value with that name. The error lists all names.
    pub(super) fn named<T: Copy>(
        what: &str,
        text: &str,
        names: &[(&str, T)],
    ) -> Result<T, SettingError> {
        let wanted = text.trim();
        if let Some((_, found)) = names.iter().find(|(name, _)| *name == wanted) {
            return Ok(*found);
        }
        let names: Vec<_> = names.iter().map(|(name, _)| *name).collect();
        Err(Self::new(format!(
            "{text:?} is not a valid {what} (expected one of {})",
            names.join(", ")
        )))
    }

    /// Returns an error with that text.
    pub(super) fn new(message: impl Into<Box<str>>) -> Self {
        Self(message.into())
    }
}
