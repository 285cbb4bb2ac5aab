//! Headers and body values that the configuration names: fields of an API that no grammar can know.

use std::time::Duration;

use http::{HeaderMap, HeaderName};
use serde::{Deserialize, Serialize};

use super::policy::Policy;
use super::quota;
use super::reset::{self, ServerClock, span};
use super::{retry_after, rule};
use crate::duration;
use crate::headers::lines::lines;
use crate::number::{MILLISECOND, Number, SECOND};

/// A header, or a value of JSON bodies, that says something about limits, and what it says.
///
/// It has one location, `header` or `path`. A header that a field names is read by the field only. The wait of a
/// field comes before that of any other source.
///
/// ```
/// use api_ratelimiter_core::{DialectField, FieldMeaning, TimeUnit};
///
/// let cooldown = DialectField::header(FieldMeaning::Wait, "X-Cooldown").unit(TimeUnit::Milliseconds);
/// let left = DialectField::body(FieldMeaning::Remaining, "usage.left");
/// assert_eq!(
///     serde_json::to_string(&cooldown).unwrap(),
///     r#"{"means":"wait","header":"X-Cooldown","unit":"ms"}"#
/// );
/// # let _ = left;
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DialectField {
    /// Meaning of the value.
    pub means: FieldMeaning,
    /// Name of the header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// Location in the body, such as `errors.*.wait`, where `*`, or a number, is any position in a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Unit of a time that is a bare number. Defaults to seconds.
    #[serde(default)]
    pub unit: TimeUnit,
    /// Whether a time is counted from now or is an instant. Defaults to `None`: the size of the number tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<TimeForm>,
}

/// Meaning of a [`DialectField`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FieldMeaning {
    /// How long to wait, as in `Retry-After`. In a body it counts on refusals only.
    Wait,
    /// Amount that is allowed per window, with or without the window: `100`, `100/minute`.
    Limit,
    /// Amount that is left.
    Remaining,
    /// When the limit resets.
    Reset,
}

/// Unit of a time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum TimeUnit {
    /// `ms`
    #[serde(rename = "ms")]
    Milliseconds,
    /// `s`, the default.
    #[default]
    #[serde(rename = "s")]
    Seconds,
    /// `min`
    #[serde(rename = "min")]
    Minutes,
    /// `h`
    #[serde(rename = "h")]
    Hours,
}

/// Whether a time is counted from now or is an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TimeForm {
    /// Time from the response on.
    Delta,
    /// Time since 1970.
    Epoch,
}

impl TimeUnit {
    /// Returns the length of the unit in nanoseconds.
    const fn nanos(self) -> i128 {
        match self {
            Self::Milliseconds => MILLISECOND,
            Self::Seconds => SECOND,
            Self::Minutes => duration::MINUTE * SECOND,
            Self::Hours => duration::HOUR * SECOND,
        }
    }
}

impl DialectField {
    /// Creates a field that is a header.
    #[must_use]
    pub fn header(means: FieldMeaning, name: impl Into<String>) -> Self {
        Self {
            header: Some(name.into()),
            ..Self::new(means)
        }
    }

    /// Creates a field that is a value of JSON bodies, at a path such as `errors.*.wait`.
    #[must_use]
    pub fn body(means: FieldMeaning, path: impl Into<String>) -> Self {
        Self {
            path: Some(path.into()),
            ..Self::new(means)
        }
    }

    const fn new(means: FieldMeaning) -> Self {
        Self {
            means,
            header: None,
            path: None,
            unit: TimeUnit::Seconds,
            form: None,
        }
    }

    /// Sets the unit of a time that is a bare number.
    #[must_use]
    pub const fn unit(mut self, unit: TimeUnit) -> Self {
        self.unit = unit;
        self
    }

    /// Sets whether a time is counted from now or is an instant.
    #[must_use]
    pub const fn form(mut self, form: TimeForm) -> Self {
        self.form = Some(form);
        self
    }

    /// Checks the field.
    ///
    /// # Errors
    ///
    /// Says what is invalid.
    pub(crate) fn check(&self) -> Result<(), String> {
        let is_time = matches!(self.means, FieldMeaning::Wait | FieldMeaning::Reset);
        if !is_time && (self.unit != TimeUnit::Seconds || self.form.is_some()) {
            return Err(
                "has a unit or a form, but is not a time (expected `wait` or `reset`)".into(),
            );
        }
        match (&self.header, &self.path) {
            (Some(name), None) if HeaderName::from_bytes(name.as_bytes()).is_err() => {
                Err(format!("{name:?} is not a valid name of a header"))
            }
            (None, Some(path)) => rule::check_path(path),
            (Some(_), None) => Ok(()),
            _ => Err("has no location or two (expected `header` or `path`)".into()),
        }
    }

    /// Returns whether the value says something on every response, and not only on a refusal.
    pub(crate) fn counts_on_success(&self) -> bool {
        self.means != FieldMeaning::Wait
    }

    /// Returns whether the field is the value at this path. A list counts like the values in it, if the field's path does
    /// not begin with the list.
    pub(super) fn is_at(&self, path: &str) -> bool {
        let place = self.path.as_deref();
        place.is_some_and(|place| rule::leads_to(place, path))
    }

    /// Reads a time, in nanoseconds ahead of now.
    fn time(&self, text: &str, clock: &ServerClock) -> Option<i128> {
        let (text, unit) = (duration::bare(text), self.unit.nanos());
        let Some(number) = Number::parse(text) else {
            return reset::read(text, unit, clock);
        };
        match self.form {
            None => reset::read(text, unit, clock),
            Some(TimeForm::Delta) => Some(number.times(unit)),
            Some(TimeForm::Epoch) => reset::credible(clock.ahead(number.times(unit))),
        }
    }

    /// Reads a wait. A negative one is invalid, and an instant that has passed is a wait of zero.
    fn wait(&self, text: &str, clock: &ServerClock) -> Option<Duration> {
        let is_negative = duration::bare(text).starts_with('-');
        if self.form.is_none() {
            return retry_after::in_unit(text, self.unit.nanos(), clock);
        }
        self.time(text, clock).filter(|_| !is_negative).map(span)
    }
}

/// What the fields of a configuration say in one response.
#[derive(Debug, Default)]
pub(super) struct Taught {
    /// Longest wait.
    pub(super) wait: Option<Duration>,
    /// The limit that the other fields are about.
    limit: Policy,
}

impl Taught {
    /// Reads the headers that fields name.
    pub(super) fn of_headers(
        fields: &[DialectField],
        headers: &HeaderMap,
        clock: &ServerClock,
    ) -> Self {
        let mut taught = Self::default();
        for field in fields {
            let Some(name) = &field.header else { continue };
            for line in lines(headers, name) {
                taught.note(field, &line, clock);
            }
        }
        taught
    }

    /// Takes what a field says. The longest wait counts, and the first amount and reset.
    pub(super) fn note(&mut self, field: &DialectField, text: &str, clock: &ServerClock) {
        let amount = || quota::amounts(text).next();
        let limit = &mut self.limit;
        match field.means {
            FieldMeaning::Wait => self.wait = self.wait.max(field.wait(text, clock)),
            FieldMeaning::Limit => {
                let amount = amount();
                limit.limit = limit.limit.or(amount.and_then(|amount| amount.count));
                limit.window = limit.window.or(amount.and_then(|amount| amount.window));
            }
            FieldMeaning::Remaining => {
                limit.remaining = limit.remaining.or(amount().and_then(|amount| amount.count));
            }
            FieldMeaning::Reset => {
                let reset = field.time(text, clock).map(span);
                limit.reset_after = limit.reset_after.or(reset);
            }
        }
    }

    /// Returns the limit, completed by what `body` says; `None` if neither says anything.
    pub(super) fn policy(&self, body: &Self) -> Option<Policy> {
        let (head, body) = (&self.limit, &body.limit);
        let limit = Policy {
            limit: head.limit.or(body.limit),
            remaining: head.remaining.or(body.remaining),
            window: head.window.or(body.window),
            reset_after: head.reset_after.or(body.reset_after),
            ..Policy::default()
        };
        (limit != Policy::default()).then_some(limit)
    }
}

/// Returns the headers without those that fields name, if there are any.
pub(super) fn without_taught(fields: &[DialectField], headers: &HeaderMap) -> Option<HeaderMap> {
    let mut names = fields
        .iter()
        .filter_map(|field| field.header.as_deref())
        .peekable();
    names.peek()?;
    let mut others = headers.clone();
    for name in names {
        others.remove(name);
    }
    Some(others)
}

#[cfg(test)]
mod tests;
