//! What a response says about limits: one pure function from an answer to [`Guidance`].
//!
//! Clients of this crate go by it themselves. It is public for those who send requests with something
//! else and have a [`DynamicRateLimiter`](crate::DynamicRateLimiter) beside it: read the answer by
//! [`read`], and give [`Guidance::wait`] to [`Permit::backoff`](crate::Permit::backoff).
//!
//! Servers speak of limits in dozens of dialects. They are read here by grammar, not by vendor: names by
//! their words, numbers by their size, the IETF's fields by their structure. What cannot be read without
//! knowing the vendor (a throttle hidden in a 200, a difference in milliseconds) is in a [`Profile`],
//! which is a row of data.
//!
//! Where the wait comes from, first that yields a value: a header in milliseconds, `Retry-After`,
//! `X-Retry-After` and `X-RateLimit-Retry-After`, the body, the resets of exhausted limits.
//!
//! Whatever a server sends, nothing here panics, waits are at most 2^31 seconds, and memory is bounded by
//! constants: lines of 8 KiB, 64 limits, 64 KiB of body.

mod body;
mod date;
mod dialect;
mod dialects;
mod family;
mod json;
mod name;
mod pairs;
mod policy;
mod profile;
mod quota;
mod rate_limit;
mod reset;
mod retry_after;
mod structured;

#[cfg(test)]
mod dialect_tests;
#[cfg(test)]
mod documented_tests;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod vector_tests;

use std::time::Duration;

use http::{HeaderMap, StatusCode};

pub use self::body::BodyRule;
pub use self::dialect::{Refusal, Scope};
pub use self::policy::{Policy, Unit};
pub use self::profile::Profile;

use self::dialect::{Dialect, Means, ReasonLocation, When};
use self::reset::ServerClock;
use crate::headers::lines::{lines, text};

/// What one answer says about limits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Guidance {
    /// How long the server asks to wait, at most 2^31 seconds; zero is "now". `None`: it does not say.
    pub wait: Option<Duration>,
    /// Who asks for that wait: on a 2xx a `Retry-After` is a hint on polling, an exhausted limit is not.
    pub source: Option<WaitSource>,
    /// What to wait at least, by the vendor's documentation, after a refusal that names no wait.
    pub least_wait: Option<Duration>,
    /// The binding limit: how much is allowed.
    pub limit: Option<u64>,
    /// The binding limit: how much is left; `None` is unknown, not 0.
    pub remaining: Option<u64>,
    /// The binding limit: its window.
    pub window: Option<Duration>,
    /// The binding limit: time from the response until it resets. If only a wait is known, that wait.
    pub reset_after: Option<Duration>,
    /// Every limit that was announced, at most 64. The binding one is the exhausted one with the latest
    /// reset, else the one with the least left.
    pub policies: Vec<Policy>,
    /// What the server says about sending the request again, over any table of statuses; `None`: nothing.
    pub retryable: Option<bool>,
    /// In what way the answer is a refusal, whatever its status: a 200, 400 or 403 may be one by the
    /// profile's rules. `None`: it is none, or its status alone does not tell (a 503).
    pub refusal: Option<Refusal>,
    /// How much of the API the refusal covers, if the server says so.
    pub scope: Option<Scope>,
    /// The server's own word for the limit or reason of a refusal, at most 128 bytes, unescaped.
    pub reason: Option<Box<str>>,
    /// How long nothing is left of a limit, whoever else asks for a wait: a server may send `Retry-After`
    /// on every answer.
    pub(crate) nothing_left: Option<Duration>,
}

/// Who asks for a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitSource {
    /// `Retry-After` or one of its kind.
    Header,
    /// The body.
    Body,
    /// The reset of a limit.
    Reset,
    /// The length of an exhausted limit's rolling window: the wait is at most that long.
    Window,
}

impl Guidance {
    /// Whether the answer refuses for a limit of this client.
    #[must_use]
    pub fn is_throttle(&self) -> bool {
        self.refusal == Some(Refusal::Limit)
    }
}

/// Statuses on which the reset of a limit that tells no remaining is the wait: 429, and 503 and 529 where
/// whoever asks for guidance takes them for throttles.
const THROTTLES: [u16; 3] = [429, 503, 529];

/// Reads an answer: its status, headers and the start of its body, which may be empty or break off.
///
/// `now_unix` is the client's wall time since 1970. Absolute times are taken against the answer's `Date`
/// and given as time from now, so that neither clock need be right. It cannot fail: what makes no
/// sense counts as not said.
///
/// ```
/// use std::time::Duration;
///
/// use api_ratelimiter_core::guidance::{self, Profile};
/// use api_ratelimiter_core::http::{HeaderMap, HeaderValue, StatusCode};
///
/// let mut headers = HeaderMap::new();
/// headers.insert("x-ratelimit-limit", HeaderValue::from_static("100"));
/// headers.insert("x-ratelimit-remaining", HeaderValue::from_static("0"));
/// headers.insert("retry-after", HeaderValue::from_static("30"));
/// let now = Duration::from_secs(1_767_225_600);
///
/// let told = guidance::read(StatusCode::TOO_MANY_REQUESTS, &headers, b"", now, Profile::default());
/// assert_eq!(told.wait, Some(Duration::from_secs(30)));
/// assert_eq!((told.limit, told.remaining), (Some(100), Some(0)));
/// assert!(told.is_throttle());
/// ```
#[must_use]
pub fn read(
    status: StatusCode,
    headers: &HeaderMap,
    body_prefix: &[u8],
    now_unix: Duration,
    profile: Profile,
) -> Guidance {
    read_with_rules(status, headers, body_prefix, now_unix, profile, &[])
}

/// Reads a response as [`read`] does, by rules for refusals in bodies in addition to those of the profile.
#[must_use]
pub fn read_with_rules(
    status: StatusCode,
    headers: &HeaderMap,
    body_prefix: &[u8],
    now_unix: Duration,
    profile: Profile,
    rules: &[BodyRule],
) -> Guidance {
    let dialect = profile.dialect();
    let status = status.as_u16();
    let clock = ServerClock::new(now_unix, headers);
    let mut limits = rate_limit::read(headers, &clock, dialect);
    let header_wait = retry_after::wait(headers, limits.retry_after, &clock);
    let facts = body::read(status, body_prefix, &clock, dialect, rules);
    let bucket = facts.bucket();
    if reset::age(headers) > 0 {
        // The limits of an answer from a cache are of another time
        // (draft-ietf-httpapi-ratelimit-headers-10, section on caching).
        limits.policies.clear();
    } else if let Some((policy, _)) = &bucket {
        limits.policies.truncate(rate_limit::MOST_POLICIES - 1);
        limits.policies.push(policy.clone());
    }
    let policies = limits.policies;

    let refusal = refusal(status, header_wait, &policies, facts.refusal, dialect);
    let throttled = refusal.is_some() || THROTTLES.contains(&status);
    let cost_wait = bucket.and_then(|(_, wait)| wait);
    let body_wait = facts.wait.or(cost_wait).filter(|_| throttled);
    let wait = header_wait
        .map(|wait| (wait, WaitSource::Header))
        .or(body_wait.map(|wait| (wait, WaitSource::Body)))
        .or_else(|| policy_wait(&policies, &facts.violated, throttled));

    let (reason, scope) = match refusal {
        Some(_) => reason(headers, &facts, dialect),
        None => (None, None),
    };
    let binding = policy::binding(&policies);
    let asked = wait.filter(|(_, source)| matches!(source, WaitSource::Header | WaitSource::Body));
    let asked = asked.map(|(wait, _)| wait);
    let nothing_left = policy_wait(&policies, &[], false)
        .filter(|(_, source)| *source == WaitSource::Reset)
        .map(|(wait, _)| wait);
    let never = facts.never || is_ordinary_error(status, refusal, body_prefix, dialect);
    let told = should_retry(headers);
    Guidance {
        wait: wait.map(|(wait, _)| wait),
        source: wait.map(|(_, source)| source),
        least_wait: dialect
            .least_wait
            .filter(|_| wait.is_none() && refusal == Some(Refusal::Limit)),
        limit: binding.and_then(|policy| policy.limit),
        remaining: binding.and_then(|policy| policy.remaining),
        window: binding.and_then(|policy| policy.window),
        reset_after: binding.and_then(|policy| policy.reset_after).or(asked),
        retryable: if facts.never {
            Some(false)
        } else {
            told.or(never.then_some(false))
        },
        refusal,
        scope,
        reason,
        nothing_left,
        policies,
    }
}

/// In what way an answer is a refusal: by its status, or by one of the profile's signs.
fn refusal(
    status: u16,
    wait: Option<Duration>,
    policies: &[Policy],
    body: Option<Refusal>,
    dialect: &Dialect,
) -> Option<Refusal> {
    let by_status = dialect
        .refusals
        .iter()
        .find(|(known, _)| *known == status)
        .map(|&(_, refusal)| refusal);
    let by_headers = || {
        let shown = |when: &When| match when {
            When::Exhausted => policies.iter().any(Policy::is_exhausted),
            When::RetryAfter => wait.is_some(),
            When::Is(..) | When::Contains(..) => false,
        };
        dialect.signs.iter().find_map(|sign| match sign.means {
            Means::Refused(refusal) if sign.is_for(status) && shown(&sign.when) => Some(refusal),
            _ => None,
        })
    };
    by_status.or_else(by_headers).or(body)
}

/// The wait that limits ask for.
///
/// The longest reset of those that are exhausted, or that the server names as violated; where it throttles
/// and no limit tells what is left, the longest reset of all. If some is left of every limit, another one
/// was hit that the answer does not describe, and perhaps hours until these reset are not the wait.
fn policy_wait(
    policies: &[Policy],
    violated: &[Box<str>],
    throttled: bool,
) -> Option<(Duration, WaitSource)> {
    let until = |policy: &Policy| policy.reset_after.map(|reset| (reset, WaitSource::Reset));
    let window = |policy: &Policy| {
        policy
            .window
            .filter(|_| policy.rolling)
            .map(|window| (window, WaitSource::Window))
    };
    let named = |policy: &Policy| {
        policy
            .name
            .as_ref()
            .is_some_and(|name| violated.contains(name))
    };
    let exhausted = policies
        .iter()
        .filter(|policy| policy.is_exhausted() || named(policy));
    let longest = exhausted
        .filter_map(|policy| until(policy).or_else(|| window(policy)))
        .max_by_key(|(wait, _)| *wait);
    let untold = || throttled && policies.iter().all(|policy| policy.remaining.is_none());
    longest.or_else(|| {
        policies
            .iter()
            .filter(|_| untold())
            .filter_map(until)
            .max_by_key(|(wait, _)| *wait)
    })
}

/// What the server calls the limit, and the scope that its word means.
fn reason(
    headers: &HeaderMap,
    facts: &body::Facts,
    dialect: &Dialect,
) -> (Option<Box<str>>, Option<Scope>) {
    let (mut reason, mut scope) = (None, None);
    for place in dialect.reasons.iter().chain(dialects::COMMON_REASONS) {
        if let ReasonLocation::Header(name) = place.place {
            let line = lines(headers, name).find(|line| !line.is_empty());
            scope = scope.or_else(|| place.scope(line.as_deref()?));
            let word = line.filter(|line| !matches!(line.as_ref(), "true" | "false"));
            reason = reason.or_else(|| {
                word.map(|word| Box::from(policy::start(&word, dialect::LONGEST_WORD)))
            });
        }
    }
    (
        reason.or_else(|| facts.reason.clone()),
        scope.or(facts.scope),
    )
}

/// What the server says about sending again: `x-should-retry` (OpenAI, Anthropic), `Stripe-Should-Retry`.
///
/// If it says both, no: that is the word that cannot do harm.
fn should_retry(headers: &HeaderMap) -> Option<bool> {
    let named = headers
        .iter()
        .filter(|(name, _)| name.as_str().ends_with("-should-retry"));
    let words = named.filter_map(
        |(_, value)| match text(value)?.to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        },
    );
    words.min()
}

/// Whether the answer is an error of the kind that the vendor throttles with, and is no throttle: then
/// nothing will be better next time. Its body must be there to tell.
fn is_ordinary_error(
    status: u16,
    refusal: Option<Refusal>,
    body: &[u8],
    dialect: &Dialect,
) -> bool {
    let hides_throttles = dialect
        .signs
        .iter()
        .any(|sign| sign.statuses.contains(&status));
    refusal.is_none() && (400..500).contains(&status) && hides_throttles && !body.is_empty()
}
