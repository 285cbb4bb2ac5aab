//! What the start of a body says about limits: waits, throttles under other statuses, bans on retries.
//!
//! The body is JSON or it is nothing, and it may break off anywhere. Nothing of it is kept but what a rule
//! asked for.

use std::time::Duration;

use super::dialect::{
    Cost, Dialect, LONGEST_WORD, Means, ReasonLocation, Refusal, Scope, Sign, When,
};
use super::dialects::COMMON;
use super::json::{Scalar, walk};
use super::policy::{Policy, Unit, start};
use super::reset::{ServerClock, span};
use super::retry_after;
use crate::duration;
use crate::number::SECOND;

/// How much of a body is looked at, in bytes: what a reply keeps of it.
const LONGEST_BODY: usize = 64 * 1024;

/// Most policies that a problem report may name as violated.
const MOST_VIOLATED: usize = 16;

/// Names of waits, without blanks between words and in lower case: `retry_after` (Notion, Discord,
/// Telegram), `retry_in_seconds` (monday), `retryDelay` (google.rpc.RetryInfo, `"13s"`). The name of a
/// unit may follow; without one they are seconds.
const WAITS: [&str; 4] = ["retryafterin", "retryafter", "retryin", "retrydelay"];

/// What a body says.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// It is a refusal by one of the profile's signs.
    pub(super) refusal: Option<Refusal>,
    /// The request must not be sent again.
    pub(super) never: bool,
    /// The longest wait that it names.
    pub(super) wait: Option<Duration>,
    /// Names of the policies that were violated (draft-ietf-httpapi-ratelimit-headers-10, problem types).
    pub(super) violated: Vec<Box<str>>,
    /// What the profile takes as the reason.
    pub(super) reason: Option<Box<str>>,
    pub(super) scope: Option<Scope>,
    cost: [Option<f64>; 4],
}

/// A throttle in bodies that somebody else than a profile knows of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyRule {
    pub statuses: Vec<u16>,
    /// Written as those of profiles.
    pub path: String,
    /// In lower case.
    pub words: Vec<String>,
}

impl BodyRule {
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
) -> Facts {
    let mut facts = Facts::default();
    let is_ruled = || rules.iter().any(|rule| rule.statuses.contains(&status));
    if body.is_empty() || !(dialect.reads_body(status) || is_ruled()) {
        return facts;
    }
    // A parser may ignore a byte order mark (RFC 8259, section 8.1).
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let body = &body[..body.len().min(LONGEST_BODY)];
    // A number at the very end may have been cut off: `12` of `120`.
    let in_number = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
    let end = body
        .iter()
        .rposition(|byte| !in_number(byte))
        .map_or(0, |last| last + 1);
    let body = &body[..end];
    walk(body, &mut |path, value| {
        facts.note(path, value, status, clock, dialect);
        let under_list = path.strip_prefix("*.").unwrap_or(path);
        let fits = |rule: &BodyRule| {
            rule.fits(status, path, value) || rule.fits(status, under_list, value)
        };
        if rules.iter().any(fits) {
            facts.refusal = facts.refusal.or(Some(Refusal::Limit));
        }
    });
    facts
}

impl Facts {
    /// Takes what a rule asks for.
    fn note(
        &mut self,
        path: &str,
        value: &Scalar<'_>,
        status: u16,
        clock: &ServerClock,
        dialect: &Dialect,
    ) {
        // Lists of errors are as good as the one in them (Salesforce, Google's streams).
        let path = path.strip_prefix("*.").unwrap_or(path);
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
        let key = path.rsplit('.').next().unwrap_or(path);
        if let Some(wait) = wait(key, value, clock) {
            self.wait = self.wait.max(Some(wait));
        }
        if path == "violated-policies.*" && self.violated.len() < MOST_VIOLATED {
            self.violated.push(value.text().into());
        }
        for reason in dialect.reasons {
            if matches!(reason.place, ReasonLocation::Body(place) if place == path) {
                let text = value.text();
                self.scope = self.scope.or_else(|| reason.scope(&text));
                if self.reason.is_none() && matches!(value, Scalar::Text(_)) {
                    self.reason = Some(start(&text, LONGEST_WORD).into());
                }
            }
        }
        if let Some(cost) = &dialect.cost {
            let place = cost.paths().iter().position(|known| *known == path);
            if let Some(place) = place.and_then(|place| self.cost.get_mut(place)) {
                *place = value.number();
            }
        }
    }

    /// The bucket of points that it tells of, and how long the query has to wait for its share.
    ///
    /// (cost - available) / restore rate (shopify.dev, GraphQL rate limits).
    pub(super) fn bucket(&self) -> Option<(Policy, Option<Duration>)> {
        let [requested, maximum, available, restored] = self.cost;
        let (maximum, available) = (maximum?, available?);
        // `as` saturates, and takes what is below zero as zero.
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
    /// Whether a value of the body is this sign.
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

/// The wait that a value under this key names.
fn wait(key: &str, value: &Scalar<'_>, clock: &ServerClock) -> Option<Duration> {
    // Cheap first: no key about a wait begins otherwise.
    if !key
        .get(..5)
        .is_some_and(|start| start.eq_ignore_ascii_case("retry"))
    {
        return None;
    }
    let letters = key
        .chars()
        .filter(|c| !matches!(c, '_' | '-'))
        .flat_map(char::to_lowercase);
    let key: String = letters.collect();
    let text = value.text();
    let unit = WAITS.iter().find_map(|wait| key.strip_prefix(wait))?;
    // A letter alone may belong to another word: `retry_ind`.
    let unit = match unit {
        "" | "s" => SECOND,
        unit => duration::unit_nanos(unit).filter(|_| unit.len() > 1)?,
    };
    if unit != SECOND {
        return retry_after::units(&text, unit);
    }
    let with_unit = || duration::nanos(&text).filter(|nanos| *nanos >= 0).map(span);
    retry_after::read_line(&text, clock).or_else(with_unit)
}
