//! The configuration as JSON, in both directions.

use serde::Deserialize;

use super::api_rate_config::ApiRateConfig;
use crate::error::{Error, Result};

impl ApiRateConfig {
    /// Reads a configuration from JSON text and checks it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] names the field if the text is not a JSON object of this shape, or if a value
    /// breaks a rule.
    ///
    /// ```
    /// use api_ratelimiter_core::ApiRateConfig;
    ///
    /// let config = ApiRateConfig::from_json(r#"{"name": "mine", "max_rate": 4, "max_cooldown_seconds": 90}"#)?;
    /// assert_eq!(config.max_rate, 4.0);
    /// assert!(ApiRateConfig::from_json(r#"{"maxrate": 4}"#).is_err());
    /// # Ok::<(), api_ratelimiter_core::Error>(())
    /// ```
    pub fn from_json(text: &str) -> Result<Self> {
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|error| Error::config("", "JSON", error))?;
        let name = value
            .get("name")
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let config: Self = overlaid(&name, Self::default(), value)?;
        config.validate()?;
        Ok(config)
    }

    /// Returns the configuration as JSON text that [`from_json`](Self::from_json) reads.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Serializing plain fields with string keys into memory can't fail.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

/// Returns `base` with the fields of `fields`, a JSON object, in the place of its own. A start that `fields` does not
/// name moves into the range of rates that it names.
///
/// # Errors
///
/// [`Error::InvalidConfig`] if `fields` is not an object, or names the first field that is unknown or has the
/// wrong type.
pub fn overlaid(
    entry: &str,
    base: ApiRateConfig,
    fields: serde_json::Value,
) -> Result<ApiRateConfig> {
    let serde_json::Value::Object(fields) = fields else {
        return Err(Error::config(
            entry,
            "JSON",
            "is not a valid configuration (expected an object of fields)",
        ));
    };
    let merged = serde_json::to_value(base).map_err(|error| Error::config(entry, "JSON", error))?;
    let serde_json::Value::Object(mut merged) = merged else {
        return Err(Error::config(
            entry,
            "JSON",
            "is not a valid configuration (expected an object of fields)",
        ));
    };
    let names_a_start = fields.contains_key("initial_rate");
    for (field, value) in fields {
        merged.insert(field.clone(), value);
        // Fields are set one at a time, so that an error can name its field.
        ApiRateConfig::deserialize(serde_json::Value::Object(merged.clone()))
            .map_err(|error| Error::config(entry, &field, error))?;
    }
    let mut config = ApiRateConfig::deserialize(serde_json::Value::Object(merged))
        .map_err(|error| Error::config(entry, "JSON", error))?;
    if !names_a_start {
        config.initial_rate = config
            .initial_rate
            .min(config.max_rate)
            .max(config.min_rate);
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_that_is_not_named_moves_into_the_range_that_is() {
        let base = ApiRateConfig {
            initial_rate: 5.0,
            ..ApiRateConfig::default()
        };
        let start = |text: &str| {
            let fields = serde_json::from_str(text).expect("JSON");
            overlaid("mine", base.clone(), fields)
                .expect("fields")
                .initial_rate
        };
        assert_eq!(start("{}"), 5.0);
        assert_eq!(start(r#"{"max_rate": 2.5}"#), 2.5);
        assert_eq!(start(r#"{"min_rate": 7}"#), 7.0);
        // A start that is named is taken at its word, and checked later.
        assert_eq!(start(r#"{"max_rate": 2.5, "initial_rate": 3}"#), 3.0);
        assert_eq!(start(r#"{"max_rate": -1}"#), base.min_rate);
    }
}
