//! Reads what the start of a body says about limits: waits, refusals under other statuses, and requests that
//! must not be retried.
//!
//! A body that is not JSON says nothing, except for a limit in a sentence, and a body may be truncated
//! anywhere. Nothing of it is kept but what a rule asks for.

use std::time::Duration;

use super::dialect::{Cost, Dialect, LONGEST_WORD, Means, ReasonLocation, Refusal, Scope, When};
use super::json::{self, Scalar, walk};
use super::policy::{Policy, Unit, start};
use super::reset::{ServerClock, span};
use super::rule::{self, BodyRule, UnreadBody};
use super::spent::{self, Quota};
use super::taught::{DialectField, Taught};
use super::words;
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
    /// The quota that is used up, if the refusal is about one.
    pub(super) quota: Option<Quota>,
    /// The body could not be read, although a rule asks for it.
    pub(super) unread: Option<UnreadBody>,
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
        rules.iter().any(|rule| rule.is_for(status))
            || fields.iter().any(|field| field.path.is_some())
    };
    if body.is_empty() || !(dialect.reads_body(status) || is_ruled()) {
        return facts;
    }
    let is_long = body.len() > LONGEST_BODY;
    let body = &body[..body.len().min(LONGEST_BODY)];
    let text = match json::text(body) {
        Ok(text) => text,
        Err(problem) => {
            if status >= 400 {
                facts.note_limits(&String::from_utf8_lossy(body));
            }
            facts.unread = rule::unread(rules, status, problem);
            return facts;
        }
    };
    // A number at the very end may be truncated: `12` of `120`.
    let in_number = |c: char| c.is_ascii_digit() || "+-.eE".contains(c);
    let mut was_found = false;
    let is_whole = walk(
        text.trim_end_matches(in_number).as_bytes(),
        &mut |path, value| {
            facts.note(path, value, status, clock, dialect);
            for rule in rules
                .iter()
                .filter(|rule| rule.is_for(status) && rule.is_at(path))
            {
                was_found = true;
                match rule.word(value) {
                    Some(word) if rule.quota => facts.used_up(word, true),
                    Some(_) => facts.refused_by(rule),
                    None => {}
                }
            }
            for field in fields.iter().filter(|field| field.is_at(path)) {
                facts.taught.note(field, &value.text(), clock);
            }
        },
    );
    if !is_whole && !was_found {
        let problem = if is_long {
            "is longer than 64 KiB"
        } else {
            "breaks off, or is not valid JSON"
        };
        facts.unread = rule::unread(rules, status, problem);
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
        // Quotas that are used up.
        let mut quotas = spent::COMMON.iter().chain(dialect.spent);
        let used_up = quotas.find_map(|sign| {
            let word = sign.when.word(path, value)?;
            sign.statuses
                .contains(&status)
                .then_some((word, sign.renews))
        });
        if let Some((word, renews)) = used_up {
            self.used_up(word, renews);
        }
        // Signs of refusals, and of requests that must not be retried.
        for sign in dialect
            .signs
            .iter()
            .filter(|sign| sign.is_for(status) && sign.when.word(path, value).is_some())
        {
            match sign.means {
                Means::Refused(refusal) => {
                    self.refusal = self.refusal.or(Some(refusal));
                    self.scope = self.scope.or(sign.scope);
                }
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

    /// Takes note of a refusal that a rule of the configuration has found.
    fn refused_by(&mut self, rule: &BodyRule) {
        self.refusal = self.refusal.or(Some(Refusal::Limit));
        if rule.pauses_all {
            self.scope = self.scope.or(Some(Scope::Everything));
        }
    }

    /// Takes note of a quota that is used up. One that does not renew by itself comes first.
    fn used_up(&mut self, word: &str, renews: bool) {
        self.refusal = Some(Refusal::Quota);
        if self
            .quota
            .as_ref()
            .is_none_or(|known| known.renews && !renews)
        {
            let word = word.into();
            self.quota = Some(Quota { word, renews });
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

impl When {
    /// Returns the word by which a value of the body is this sign.
    fn word(&self, path: &str, value: &Scalar<'_>) -> Option<&'static str> {
        let (words, is_here, fits): (_, _, fn(&Scalar<'_>, &str) -> bool) = match self {
            Self::Is(place, words) => (*words, *place == path, |value, word| {
                words::is(&value.text(), word)
            }),
            Self::Contains(place, words) => (*words, *place == path, rule::fits),
            Self::Exhausted | Self::RetryAfter => return None,
        };
        let mut words = words.iter().filter(|_| is_here);
        words.find(|word| fits(value, word)).copied()
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
