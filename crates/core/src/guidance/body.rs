//! Reads what the start of a body says about limits: waits, refusals under other statuses, and requests that
//! must not be retried.
//!
//! A body that is not JSON says nothing, except for a limit in a sentence, and a body may be truncated
//! anywhere. Nothing of it is kept but what a rule asks for.

use std::time::Duration;

use super::dialect::{
    Cost, Dialect, LONGEST_WORD, Means, ReasonLocation, Refusal, Scope, Sign, When,
};
use super::dialects::COMMON;
use super::json::{Scalar, walk};
use super::policy::{Policy, Unit, start};
use super::reset::{ServerClock, span};
use super::taught::{DialectField, Taught};
use super::{retry_after, sentence};
use crate::duration;
use crate::number::SECOND;

/// Length of a body's start that is read, in bytes. A reply keeps the same length.
const LONGEST_BODY: usize = 64 * 1024;

/// Maximum number of policies that a problem report names as violated.
const MOST_VIOLATED: usize = 16;

/// Names of waits in lower case, without separators: `retry_after` (Notion, Discord, Telegram),
/// `retry_in_seconds` (monday), `retryDelay` (google.rpc.RetryInfo, `"13s"`). The name of a unit may follow;
/// without one the unit is a second.
const WAITS: [&str; 4] = ["retryafterin", "retryafter", "retryin", "retrydelay"];

/// Name of a wait that must be followed by a unit: Discourse's `extras.wait_seconds` (discourse
/// `application_controller.rb`, `RateLimiter::LimitExceeded`).
const WAIT_IN_UNITS: &str = "wait";

/// Facts that a body contains.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Refusal by one of the profile's signs or by a rule.
    pub(super) refusal: Option<Refusal>,
    /// The request must not be retried.
    pub(super) never: bool,
    /// Longest wait that the body names.
    pub(super) wait: Option<Duration>,
    /// Names of the violated policies (draft-ietf-httpapi-ratelimit-headers-10, problem types).
    pub(super) violated: Vec<Box<str>>,
    /// The name of the limit, where the profile looks for it.
    pub(super) reason: Option<Box<str>>,
    /// The scope that this name means.
    pub(super) scope: Option<Scope>,
    /// Limits that a text names, which the request exceeded if it was refused.
    pub(super) limits: Vec<Policy>,
    /// What the configuration's fields say.
    pub(super) taught: Taught,
    /// Numbers at the paths of the profile's [`Cost`], in their order.
    cost: [Option<f64>; 4],
}

/// A rule for refusals in bodies beyond those of profiles, as the configuration names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyRule {
    /// Statuses under which the rule counts.
    pub statuses: Vec<u16>,
    /// Path of the text, such as `errors.*.code`, where `*` stands for any position in a list.
    pub path: String,
    /// Words of which the text contains one, in lower case.
    pub words: Vec<String>,
}

impl BodyRule {
    /// Returns whether a value makes the response a refusal.
    fn fits(&self, status: u16, path: &str, value: &Scalar<'_>) -> bool {
        self.statuses.contains(&status) && self.path == path && {
            let text = value.text().to_lowercase();
            self.words.iter().any(|word| text.contains(word))
        }
    }
}

/// Reads the start of a body.
pub(super) fn read(
    status: u16,
    body: &[u8],
    clock: &ServerClock,
    dialect: &Dialect,
    rules: &[BodyRule],
    fields: &[DialectField],
) -> Facts {
    let mut facts = Facts::default();
    let is_ruled = || {
        rules.iter().any(|rule| rule.statuses.contains(&status))
            || fields.iter().any(|field| field.path.is_some())
    };
    if body.is_empty() || !(dialect.reads_body(status) || is_ruled()) {
        return facts;
    }
    // A parser may ignore a byte order mark (RFC 8259, section 8.1).
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let body = &body[..body.len().min(LONGEST_BODY)];
    // A number at the very end may be truncated: `12` of `120`.
    let in_number = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
    let end = body
        .iter()
        .rposition(|byte| !in_number(byte))
        .map_or(0, |last| last + 1);
    let body = &body[..end];
    let mut is_json = false;
    walk(body, &mut |path, value| {
        is_json = true;
        facts.note(path, value, status, clock, dialect);
        let under_list = path.strip_prefix("*.").unwrap_or(path);
        let fits = |rule: &BodyRule| {
            rule.fits(status, path, value) || rule.fits(status, under_list, value)
        };
        if rules.iter().any(fits) {
            facts.refusal = facts.refusal.or(Some(Refusal::Limit));
        }
        for field in fields {
            let place = field.path.as_deref();
            if place == Some(path) || place == Some(under_list) {
                facts.taught.note(field, &value.text(), clock);
            }
        }
    });
    // The beginning of a truncated text of JSON is no page.
    let is_cut_json = body.trim_ascii_start().starts_with(b"{");
    if !is_json && !is_cut_json && status >= 400 {
        facts.note_limits(&String::from_utf8_lossy(body));
    }
    facts
}

impl Facts {
    /// Takes the limits that a text names.
    fn note_limits(&mut self, text: &str) {
        let room = sentence::MOST_LIMITS - self.limits.len();
        for limit in sentence::limits(text).take(room) {
            if !self.limits.contains(&limit) {
                self.limits.push(limit);
            }
        }
    }

    /// Takes what a rule asks for from one value.
    fn note(
        &mut self,
        path: &str,
        value: &Scalar<'_>,
        status: u16,
        clock: &ServerClock,
        dialect: &Dialect,
    ) {
        // A list of errors counts like the errors in it (Salesforce, Google's streams).
        let path = path.strip_prefix("*.").unwrap_or(path);
        // Signs of refusals, and of requests that must not be retried.
        for sign in COMMON
            .iter()
            .chain(dialect.signs)
            .filter(|sign| sign.is_for(status) && sign.fits(path, value))
        {
            match sign.means {
                Means::Refused(refusal) => self.refusal = self.refusal.or(Some(refusal)),
                Means::NeverAgain => self.never = true,
            }
        }
        // Waits and violated policies.
        let key = path.rsplit('.').next().unwrap_or(path);
        if let Some(wait) = wait(key, value, clock) {
            self.wait = self.wait.max(Some(wait));
        }
        // The texts of a success are the user's own.
        if let (Scalar::Text(text), true) = (value, status >= 400) {
            self.note_limits(text);
        }
        if path == "violated-policies.*" && self.violated.len() < MOST_VIOLATED {
            self.violated.push(value.text().into());
        }
        // The name of the limit, and the scope that it means.
        for reason in dialect.reasons {
            if matches!(reason.place, ReasonLocation::Body(place) if place == path) {
                let text = value.text();
                self.scope = self.scope.or_else(|| reason.scope(&text));
                if self.reason.is_none() && matches!(value, Scalar::Text(_)) {
                    self.reason = Some(start(&text, LONGEST_WORD).into());
                }
            }
        }
        // The bucket of points.
        if let Some(cost) = &dialect.cost {
            let place = cost.paths().iter().position(|known| *known == path);
            if let Some(place) = place.and_then(|place| self.cost.get_mut(place)) {
                *place = value.number();
            }
        }
    }

    /// Returns the bucket of points that the body describes, and how long the query has to wait for its
    /// share.
    ///
    /// The wait is (cost - available) / restore rate (shopify.dev, GraphQL rate limits).
    pub(super) fn bucket(&self) -> Option<(Policy, Option<Duration>)> {
        let [requested, maximum, available, restored] = self.cost;
        let (maximum, available) = (maximum?, available?);
        // `as` saturates, and converts negative numbers to zero.
        let policy = Policy {
            name: Some("cost".into()),
            limit: Some(maximum as u64),
            remaining: Some(available as u64),
            unit: Unit::Complexity,
            ..Policy::default()
        };
        let missing = requested.map(|requested| (requested - available).max(0.0));
        let seconds = missing
            .zip(restored.filter(|rate| *rate > 0.0))
            .map(|(missing, rate)| missing / rate);
        Some((
            policy,
            seconds.map(|seconds| span((seconds * SECOND as f64).ceil() as i128)),
        ))
    }
}

impl Cost {
    /// Returns the paths in the order of [`Facts::cost`].
    fn paths(&self) -> [&'static str; 4] {
        [
            self.requested,
            self.maximum,
            self.available,
            self.restored_per_second,
        ]
    }
}

impl Sign {
    /// Returns whether a value of the body is this sign.
    fn fits(&self, path: &str, value: &Scalar<'_>) -> bool {
        match self.when {
            When::Is(place, words) if place == path => {
                let text = value.text();
                words.iter().any(|word| word.eq_ignore_ascii_case(&text))
            }
            When::Contains(place, words) if place == path => {
                let text = value.text().to_ascii_lowercase();
                words
                    .iter()
                    .any(|word| text.contains(&word.to_ascii_lowercase()))
            }
            _ => false,
        }
    }
}

/// Returns the wait that a value names, by its key.
fn wait(key: &str, value: &Scalar<'_>, clock: &ServerClock) -> Option<Duration> {
    // A quick check first: every key of a wait begins so.
    let begins = |word: &str| {
        key.get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    if !(begins("retry") || begins(WAIT_IN_UNITS)) {
        return None;
    }
    let letters = key
        .chars()
        .filter(|c| !matches!(c, '_' | '-'))
        .flat_map(char::to_lowercase);
    let key: String = letters.collect();
    let text = value.text();
    let in_units = || {
        key.strip_prefix(WAIT_IN_UNITS)
            .filter(|unit| unit.len() > 1)
    };
    let of_retry = WAITS.iter().find_map(|wait| key.strip_prefix(wait));
    // A single letter may belong to another word: `retry_ind`.
    let unit = match of_retry.or_else(in_units)? {
        "" | "s" => SECOND,
        unit => duration::unit_nanos(unit).filter(|_| unit.len() > 1)?,
    };
    retry_after::in_unit(&text, unit, clock)
}
