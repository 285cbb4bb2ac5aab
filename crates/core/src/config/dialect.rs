//! How an API announces refusals: its dialect, and refusals in bodies.

use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::guidance::{BodyRule, DialectField, Profile, check_path};

/// Configures how the client recognizes refusals, and which requests it may retry after them.
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
    /// Name of the profile that responses are read by: a vendor's name or `generic`. Defaults to the profile
    /// with the name of the configuration, else `generic`.
    pub profile: Option<String>,
    /// Refusals that are announced in bodies, in addition to those that the profile knows. Defaults to none.
    pub throttles: Vec<BodyThrottle>,
    /// Headers and values of bodies that name a wait or a limit, in addition to those that are read by the grammar
    /// of names. Try them with `apirl explain --config FILE`. Defaults to none.
    pub fields: Vec<DialectField>,
    /// Refusals in bodies that no pause cures, because the quota of a day, of a plan, or of money is used up. The
    /// caller gets [`Error::QuotaExhausted`](crate::Error::QuotaExhausted) at once, unless the response says that the
    /// quota renews within `max_cooldown`. In addition to those that the profile knows; defaults to none.
    pub exhausted: Vec<BodyThrottle>,
    /// Backoff statuses, from 400 to 599, which say that the request was not processed. It is then retried
    /// whatever its method. 429 is always one of them. Defaults to none.
    pub not_processed: Vec<u16>,
    /// Whether a refusal in a scope pauses the whole client, unless the server names the scope. Defaults to
    /// `false`.
    pub pause_all: bool,
}

/// A refusal that only the JSON body of a response announces.
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
    /// Statuses of such a response, from 200 to 599.
    pub statuses: Vec<u16>,
    /// Location of the value in the body, such as `errors.*.code`, where `*`, or a number, is any position in a list.
    pub path: String,
    /// Words that announce the refusal: the text contains one of them at word boundaries, or the number is one of
    /// them. `4` fits the number 4 and the text `code 4`, but neither 104 nor 4.5. The case of letters does not
    /// matter.
    pub words: Vec<String>,
    /// Whether the refusal pauses the whole client, and not only the scope or the route of the request: the API counts
    /// this limit by credential. Defaults to `false`.
    #[serde(default)]
    pub pause_all: bool,
}

impl BodyThrottle {
    /// Creates a rule: a response with one of `statuses` is a refusal if the text at `path` contains one of
    /// `words`, or the number there is one of them.
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
            pause_all: false,
        }
    }

    /// Lets the refusal pause the whole client, whatever scope or route the request is in.
    #[must_use]
    pub const fn pause_all(mut self) -> Self {
        self.pause_all = true;
        self
    }

    /// Checks the rule.
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
        check_path(&self.path)?;
        if self.words.is_empty() || self.words.iter().any(String::is_empty) {
            return Err(format!("has no words or an empty word for {:?}", self.path));
        }
        Ok(())
    }
}

impl DialectConfig {
    /// Sets the profile by which responses are read.
    #[must_use]
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.profile = Some(name.into());
        self
    }

    /// Adds a refusal that is announced in bodies.
    #[must_use]
    pub fn throttle(mut self, throttle: BodyThrottle) -> Self {
        self.throttles.push(throttle);
        self
    }

    /// Adds a header or a value of bodies that names a wait or a limit.
    ///
    /// ```
    /// use api_ratelimiter_core::{DialectConfig, DialectField, FieldMeaning, TimeForm, TimeUnit};
    ///
    /// let dialect = DialectConfig::default()
    ///     .field(DialectField::header(FieldMeaning::Wait, "X-Cooldown").unit(TimeUnit::Milliseconds))
    ///     .field(DialectField::header(FieldMeaning::Reset, "X-Next-Window").form(TimeForm::Epoch))
    ///     .field(DialectField::body(FieldMeaning::Remaining, "usage.left"));
    /// # let _ = dialect;
    /// ```
    #[must_use]
    pub fn field(mut self, field: DialectField) -> Self {
        self.fields.push(field);
        self
    }

    /// Adds a refusal in bodies that no pause cures.
    #[must_use]
    pub fn exhausted(mut self, quota: BodyThrottle) -> Self {
        self.exhausted.push(quota);
        self
    }

    /// Sets the backoff statuses which say that the request was not processed.
    #[must_use]
    pub fn not_processed(mut self, statuses: impl IntoIterator<Item = u16>) -> Self {
        self.not_processed = statuses.into_iter().collect();
        self
    }

    /// Lets a refusal in a scope pause the whole client.
    #[must_use]
    pub const fn pause_all(mut self) -> Self {
        self.pause_all = true;
        self
    }

    /// Returns the profile that responses are read by.
    ///
    /// # Errors
    ///
    /// Names the known profiles if there is none of the configured name.
    pub(crate) fn resolved(&self, config_name: &str) -> Result<Profile, String> {
        match &self.profile {
            // An API without a profile of its own is read by the grammar of headers alone.
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

    /// Returns the rules for refusals in bodies, in the form that the reader takes.
    pub(crate) fn rules(&self) -> Vec<BodyRule> {
        let rule = |throttle: &BodyThrottle, quota| BodyRule {
            statuses: throttle.statuses.clone(),
            path: throttle.path.clone(),
            words: throttle.words.clone(),
            pauses_all: throttle.pause_all,
            quota,
        };
        let throttles = self.throttles.iter().map(|throttle| rule(throttle, false));
        let quotas = self.exhausted.iter().map(|throttle| rule(throttle, true));
        throttles.chain(quotas).collect()
    }

    /// Checks the configuration.
    ///
    /// # Errors
    ///
    /// The field that is invalid, and what is wrong with it.
    pub(crate) fn check(&self, config_name: &str) -> Result<(), (&'static str, String)> {
        self.resolved(config_name)
            .map_err(|problem| ("dialect.profile", problem))?;
        for throttle in &self.throttles {
            throttle
                .check()
                .map_err(|problem| ("dialect.throttles", problem))?;
        }
        for quota in &self.exhausted {
            quota
                .check()
                .map_err(|problem| ("dialect.exhausted", problem))?;
        }
        for field in &self.fields {
            field
                .check()
                .map_err(|problem| ("dialect.fields", problem))?;
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

    /// Returns the backoff statuses that say that a request was not processed.
    pub(crate) fn not_processed_statuses(&self) -> Vec<StatusCode> {
        let statuses = self.not_processed.iter();
        statuses
            .filter_map(|&status| StatusCode::from_u16(status).ok())
            .collect()
    }
}
