//! How an API says that it refuses: its dialect, and throttles in bodies.

use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::guidance::{BodyRule, Profile};

/// How an API says that it refuses, and what it means by it.
///
/// ```
/// use api_ratelimiter_core::{ApiRateConfig, BodyThrottle, DialectConfig};
///
/// let config = ApiRateConfig {
///     backoff_status_codes: vec![429, 529],
///     dialect: DialectConfig::default()
///         .profile("github")
///         .not_processed([529])
///         .throttle(BodyThrottle::new([200], "errors.*.code", ["SLOW_DOWN"])),
///     ..Default::default()
/// };
/// config.validate()?;
/// # Ok::<(), api_ratelimiter_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct DialectConfig {
    /// Whose way of speaking it is: the name of a preset's vendor, or `generic`. Defaults to the one of
    /// the configuration's own name, else `generic`.
    pub profile: Option<String>,
    /// Throttles in bodies, beside those that the profile knows. Defaults to none.
    pub throttles: Vec<BodyThrottle>,
    /// Backoff statuses by which the vendor says that the request was not processed: then it is sent
    /// again whatever its method. 429 always is one. Defaults to none.
    pub not_processed: Vec<u16>,
    /// Whether a refusal under a scope holds up the whole client unless the server says otherwise.
    /// Defaults to no.
    pub pause_all: bool,
}

/// A refusal that shows in the body of a JSON answer only.
///
/// ```
/// use api_ratelimiter_core::BodyThrottle;
///
/// let linear = BodyThrottle::new([400], "errors.*.extensions.code", ["RATELIMITED"]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct BodyThrottle {
    /// The statuses under which it is one, from 200 to 599.
    pub statuses: Vec<u16>,
    /// Where to look: `errors.*.code`, where `*` is any place in a list.
    pub path: String,
    /// What the text there contains, whatever the case of letters: one of these.
    pub words: Vec<String>,
}

impl BodyThrottle {
    /// A refusal under `statuses` if the text at `path` contains one of `words`.
    #[must_use]
    pub fn new<W: Into<String>>(
        statuses: impl IntoIterator<Item = u16>,
        path: impl Into<String>,
        words: impl IntoIterator<Item = W>,
    ) -> Self {
        Self {
            statuses: statuses.into_iter().collect(),
            path: path.into(),
            words: words.into_iter().map(Into::into).collect(),
        }
    }

    fn check(&self) -> Result<(), String> {
        let bad = |status: &&u16| !(200..600).contains(*status);
        if let Some(status) = self.statuses.iter().find(bad) {
            return Err(format!(
                "{status} is not a valid status (expected 200 to 599)"
            ));
        }
        if self.statuses.is_empty() || self.path.is_empty() {
            return Err("has no status or no path (expected both)".into());
        }
        if self.words.is_empty() || self.words.iter().any(String::is_empty) {
            return Err(format!("has no words or an empty word for {:?}", self.path));
        }
        Ok(())
    }
}

impl DialectConfig {
    /// Reads answers as this vendor's.
    #[must_use]
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.profile = Some(name.into());
        self
    }

    /// Adds a throttle in bodies.
    #[must_use]
    pub fn throttle(mut self, throttle: BodyThrottle) -> Self {
        self.throttles.push(throttle);
        self
    }

    /// Backoff statuses by which the vendor says that the request was not processed.
    #[must_use]
    pub fn not_processed(mut self, statuses: impl IntoIterator<Item = u16>) -> Self {
        self.not_processed = statuses.into_iter().collect();
        self
    }

    /// A refusal under a scope holds up the whole client.
    #[must_use]
    pub const fn pause_all(mut self) -> Self {
        self.pause_all = true;
        self
    }

    /// The profile that answers are read by. `Err`: there is none of the name that is given.
    pub(crate) fn resolved(&self, config_name: &str) -> Result<Profile, String> {
        match &self.profile {
            // An API that nobody has described is read by grammar alone.
            None => Ok(Profile::named(config_name).unwrap_or_default()),
            Some(name) => Profile::named(name).ok_or_else(|| {
                let known: Vec<_> = Profile::names().collect();
                format!(
                    "{name:?} is not a valid profile (expected one of {})",
                    known.join(", ")
                )
            }),
        }
    }

    pub(crate) fn rules(&self) -> Vec<BodyRule> {
        let rule = |throttle: &BodyThrottle| BodyRule {
            statuses: throttle.statuses.clone(),
            path: throttle.path.clone(),
            words: throttle
                .words
                .iter()
                .map(|word| word.to_lowercase())
                .collect(),
        };
        self.throttles.iter().map(rule).collect()
    }

    /// Which rule is broken: the field, and how.
    pub(crate) fn check(&self, config_name: &str) -> Result<(), (&'static str, String)> {
        self.resolved(config_name)
            .map_err(|problem| ("dialect.profile", problem))?;
        for throttle in &self.throttles {
            throttle
                .check()
                .map_err(|problem| ("dialect.throttles", problem))?;
        }
        let bad = |status: &&u16| !(400..600).contains(*status);
        match self.not_processed.iter().find(bad) {
            Some(status) => Err((
                "dialect.not_processed",
                format!("{status} is not a valid status (expected 400 to 599)"),
            )),
            None => Ok(()),
        }
    }

    pub(crate) fn not_processed_statuses(&self) -> Vec<StatusCode> {
        let statuses = self.not_processed.iter();
        statuses
            .filter_map(|&status| StatusCode::from_u16(status).ok())
            .collect()
    }
}
