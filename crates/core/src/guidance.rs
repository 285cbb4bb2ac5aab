//! Reads what a response says about limits: one pure function from a response to [`Guidance`].
//!
//! The clients of the library use it. It is public for programs that send requests by other means: read each
//! response by [`read`], and give [`Guidance::wait`] to the library's `Permit::backoff`.
//!
//! Servers announce limits in dozens of dialects. They are read by grammar, not by vendor: names by their
//! words, numbers by their size, the IETF's fields by their structure. Facts that can't be read without
//! knowing the vendor (a refusal hidden in a 200, a difference in milliseconds) are in a [`Profile`], which
//! is a row of data.
//!
//! The wait comes from the first of these that has a value above zero:
//!
//! - a header in milliseconds
//! - `Retry-After`
//! - `X-Retry-After`, `X-RateLimit-Retry-After`, and `Retry-After-` with the name of a limit
//! - the body
//! - the resets of exhausted limits
//!
//! A duration may have any form there: seconds with or without decimals, `30s`, `1 min 30 sec`, `PT30S`, in
//! quotes or not.
//!
//! Nothing in here panics, whatever a server sends. Waits are at most 2^31 seconds (68 years), and memory is
//! bounded: header lines of 8 KiB, 64 limits, 64 KiB of body.

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
mod rule;
mod sentence;
mod spent;
mod structured;
mod taught;
mod wait_name;
mod words;

#[cfg(test)]
mod dialect_tests;
#[cfg(test)]
mod documented_tests;
#[cfg(test)]
mod precedence_tests;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod vector_tests;

use std::time::Duration;

use http::{HeaderMap, StatusCode};

pub use self::dialect::{Refusal, Scope};
pub use self::json::may_be_json;
pub use self::policy::{Policy, Unit};
pub use self::profile::Profile;
pub(crate) use self::rule::check_path;
pub use self::rule::{BodyRule, UnreadBody};
pub use self::taught::{DialectField, FieldMeaning, TimeForm, TimeUnit};

use self::dialect::{Dialect, Means, ReasonLocation, When};
use self::reset::ServerClock;
use self::spent::Quota;
use self::taught::Taught;
use crate::headers::lines::{lines, text};

/// Limits, waits and advice that one response contains.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Guidance {
    /// How long the server asks to wait, at most 2^31 seconds. Zero means "now" and is no hint: every other
    /// source of a wait was asked, too. `None` if the response asks for no wait.
    pub wait: Option<Duration>,
    /// Source of that wait. On a 2xx, `Retry-After` is a hint for polling, but an exhausted limit is not.
    pub source: Option<WaitSource>,
    /// Minimum wait that the vendor documents, after a refusal that announces no wait, or one of zero.
    pub least_wait: Option<Duration>,
    /// Amount that the binding limit allows per window.
    pub limit: Option<u64>,
    /// Amount that is left of the binding limit; `None` means unknown, not 0.
    pub remaining: Option<u64>,
    /// Window of the binding limit.
    pub window: Option<Duration>,
    /// Time from the response until the binding limit resets. If only a wait is known, that wait.
    pub reset_after: Option<Duration>,
    /// Every announced limit, at most 64. The binding one is the exhausted limit with the latest reset; if
    /// none is exhausted, the limit with the least left.
    pub policies: Vec<Policy>,
    /// The server's word on a retry, which overrides any table of statuses; `None` if it says nothing.
    pub retryable: Option<bool>,
    /// Why the response is a refusal, whatever its status: by the profile's rules, a 200, 400 or 403 may be
    /// one. `None` if it is not a refusal, or if its status alone does not tell (a 503).
    pub refusal: Option<Refusal>,
    /// How much of the API the refusal, or a limit that is exhausted, covers, if the server says so.
    pub scope: Option<Scope>,
    /// The server's name for the limits that the response announces, at most 128 bytes, not escaped: Discord's
    /// `X-RateLimit-Bucket`, GitHub's `X-RateLimit-Resource`, Datadog's `X-RateLimit-Name`. Requests that are answered
    /// with another name count in other limits.
    pub bucket: Option<Box<str>>,
    /// The server's own word for the limit or the reason of a refusal, at most 128 bytes, not escaped.
    pub reason: Option<Box<str>>,
    /// How long nothing is left of an exhausted limit; `None` if no limit is exhausted. A server may send
    /// `Retry-After` on every response: without an exhausted limit it counts for nothing here.
    pub(crate) nothing_left: Option<Duration>,
    /// The body could not be read, although a rule of the configuration asks for it.
    pub unread: Option<UnreadBody>,
}

/// Source of a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitSource {
    /// `Retry-After` or a similar header.
    Header,
    /// The body.
    Body,
    /// The reset of a limit.
    Reset,
    /// The length of the rolling window of an exhausted limit. The wait is at most that long.
    Window,
}

impl Guidance {
    /// Returns whether the response is a refusal because of a limit of this client.
    #[must_use]
    pub fn is_throttle(&self) -> bool {
        self.refusal == Some(Refusal::Limit)
    }

    /// Returns the time from the response until a limit resets, as far as it matters to the client.
    ///
    /// The wait that the response asks for in `Retry-After` (or the like, or in its body) takes precedence over the
    /// reset of an exhausted limit, whether it is longer or shorter (draft-ietf-httpapi-ratelimit-headers-10).
    /// [`Policy::reset_after`] is the reset as the server announced it.
    pub(crate) fn reset_of(&self, policy: &Policy) -> Option<Duration> {
        let announced = policy.reset_after?;
        match self.asked().filter(|_| policy.is_exhausted()) {
            Some(wait) => Some(wait),
            None => Some(announced),
        }
    }

    /// Returns the pause after a refusal: the wait that the response announces, else the vendor's documented
    /// minimum. Zero is no hint.
    pub(crate) fn pause(&self) -> Option<Duration> {
        let announced = self.wait.filter(|wait| !wait.is_zero());
        announced.or(self.least_wait).or(self.wait)
    }

    /// Returns whether the pause after a refusal is the reset of a limit: the response asks for none.
    pub(crate) fn waits_for_reset(&self) -> bool {
        let is_reset = matches!(self.source, Some(WaitSource::Reset | WaitSource::Window));
        is_reset && self.wait.is_some_and(|wait| !wait.is_zero())
    }

    /// Returns the wait that the response itself asks for, and not the reset of a limit; zero asks for nothing.
    pub(crate) fn asked(&self) -> Option<Duration> {
        let is_asked = matches!(self.source, Some(WaitSource::Header | WaitSource::Body));
        self.wait.filter(|wait| is_asked && !wait.is_zero())
    }
}

/// Statuses on which the latest reset is the wait if no limit says what is left. For 503 and 529 that matters
/// only if the configuration treats them as refusals.
const THROTTLES: [u16; 3] = [429, 503, 529];

/// Reads a response: its status, its headers and the start of its body, which may be empty or truncated.
///
/// `now_unix` is the client's wall time since 1970. Absolute times are compared to the response's `Date` and
/// returned as time from now, so neither clock needs to be right. Reading cannot fail: an invalid value
/// counts as absent.
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
    let rules = Rules::default();
    read_with_rules(status, headers, body_prefix, now_unix, profile, &rules)
}

/// What a configuration knows about an API's responses, in addition to the profile.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rules<'a> {
    /// Refusals in bodies.
    pub bodies: &'a [BodyRule],
    /// Headers and body values about limits.
    pub fields: &'a [DialectField],
    /// Statuses that are refusals.
    pub refusals: &'a [StatusCode],
}

/// Reads a response as [`read`] does, with the rules of a configuration.
#[must_use]
pub fn read_with_rules(
    status: StatusCode,
    headers: &HeaderMap,
    body_prefix: &[u8],
    now_unix: Duration,
    profile: Profile,
    rules: &Rules<'_>,
) -> Guidance {
    // Read the parts: limits and waits in headers, then the body.
    let dialect = profile.dialect();
    let is_configured = rules.refusals.contains(&status);
    let status = status.as_u16();
    let clock = ServerClock::new(now_unix, headers);
    let taught = Taught::of_headers(rules.fields, headers, &clock);
    let others = taught::without_taught(rules.fields, headers);
    let headers = others.as_ref().unwrap_or(headers);
    let mut limits = rate_limit::read(headers, &clock, dialect);
    let header_waits = [
        taught.wait,
        retry_after::wait(headers, limits.retry_after, &clock),
    ];
    let header_wait = retry_after::first_asked(header_waits.into_iter());
    let mut facts = body::read(
        status,
        body_prefix,
        &clock,
        dialect,
        rules.bodies,
        rules.fields,
    );
    let bucket = facts.bucket();
    if reset::age(headers) > 0 {
        // Limits in a response from a cache are out of date (draft-ietf-httpapi-ratelimit-headers-10, section
        // on caching).
        limits.policies.clear();
    } else if let Some((policy, _)) = &bucket {
        limits.policies.truncate(rate_limit::MOST_POLICIES - 1);
        limits.policies.push(policy.clone());
    }
    let mut policies = limits.policies;
    if let Some(policy) = taught.policy(&facts.taught) {
        policies.truncate(rate_limit::MOST_POLICIES - 1);
        policies.insert(0, policy);
    }

    // The refusal, and the wait of the most exact source.
    let refusal = refusal(status, header_wait, &policies, facts.refusal, dialect);
    let throttled = refusal.is_some() || is_configured || THROTTLES.contains(&status);
    if throttled {
        add_named(&mut policies, &mut facts.limits);
    }
    let cost_wait = bucket.and_then(|(_, wait)| wait);
    let body_waits = [facts.taught.wait, facts.wait.max(cost_wait)];
    let body_wait = retry_after::first_asked(body_waits.into_iter()).filter(|_| throttled);
    // A wait of zero is no hint: what comes after it is asked next.
    let waits = [
        header_wait.map(|wait| (wait, WaitSource::Header)),
        body_wait.map(|wait| (wait, WaitSource::Body)),
        policy_wait(&policies, &facts.violated, throttled),
    ];
    let renews = |(_, source): &&_| renews_after(facts.quota.as_ref(), *source);
    let mut known = waits.iter().flatten().filter(renews);
    let above_zero = known.clone().find(|(wait, _)| !wait.is_zero());
    let wait = above_zero.or_else(|| known.next()).copied();

    // The name of the limit, the binding limit, and whether to retry.
    let (reason, scope) = match refusal {
        // A quota counts all that the credential sends.
        Some(Refusal::Quota) => {
            let word = facts.quota.as_ref().map(|quota| quota.word.clone());
            (word, Some(Scope::Everything))
        }
        Some(_) => reason(headers, &facts, dialect),
        None => (None, None),
    };
    // A limit of the whole credential that is exhausted is one for all of its requests.
    let is_over = refusal.is_some() || wait.is_some();
    let scope = scope
        .or_else(|| (is_over && dialect.is_all_exhausted(&policies)).then_some(Scope::Everything));
    let binding = policy::binding(&policies);
    let asked = wait.filter(|(_, source)| matches!(source, WaitSource::Header | WaitSource::Body));
    let asked = asked.map(|(wait, _)| wait);
    // `Retry-After` says how long nothing is left of an exhausted limit, else its reset does.
    let is_exhausted = policies.iter().any(Policy::is_exhausted);
    let nothing_left = match asked.filter(|wait| is_exhausted && !wait.is_zero()) {
        Some(wait) => Some(wait),
        None => policy_wait(&policies, &[], false)
            .filter(|(_, source)| *source == WaitSource::Reset)
            .map(|(wait, _)| wait),
    };
    let is_spent = facts.quota.as_ref().is_some_and(|quota| !quota.renews);
    let forbids = facts.never || is_spent;
    let never = is_ordinary_error(status, refusal, body_prefix, dialect);
    let announced = should_retry(headers);
    Guidance {
        wait: wait.map(|(wait, _)| wait),
        source: wait.map(|(_, source)| source),
        least_wait: dialect
            .least_wait
            .filter(|_| above_zero.is_none() && refusal == Some(Refusal::Limit)),
        limit: binding.and_then(|policy| policy.limit),
        remaining: binding.and_then(|policy| policy.remaining),
        window: binding.and_then(|policy| policy.window),
        reset_after: binding.and_then(|policy| policy.reset_after).or(asked),
        retryable: if forbids {
            Some(false)
        } else {
            announced.or(never.then_some(false))
        },
        refusal,
        scope,
        bucket: dialect.bucket(headers),
        reason,
        nothing_left,
        unread: facts.unread,
        policies,
    }
}

/// Adds the limits that a sentence names to the announced ones, unless one of these has the same amount.
fn add_named(policies: &mut Vec<Policy>, named: &mut Vec<Policy>) {
    named.retain(|named| policies.iter().all(|known| known.limit != named.limit));
    named.truncate(rate_limit::MOST_POLICIES - policies.len());
    policies.append(named);
}

/// Returns whether a wait of this source renews what the refusal is about. Money and plans do not come back by
/// waiting, and the length of a window is not that of a day's quota.
fn renews_after(quota: Option<&Quota>, source: WaitSource) -> bool {
    quota.is_none_or(|quota| quota.renews && source != WaitSource::Window)
}

/// Returns whether and why a response is a refusal: by its status, or by one of the profile's signs.
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
    // Only the body can tell a quota from a limit of the rate.
    let quota = body.filter(|refusal| *refusal == Refusal::Quota);
    quota.or(by_status).or_else(by_headers).or(body)
}

/// Returns the wait that limits ask for.
///
/// It is the latest reset of the limits that are exhausted or that the server names as violated. If a refusal
/// comes with limits that do not say what is left, it is the latest reset of all. If something is left of
/// every limit, the request hit a limit that the response does not describe, and the resets of the others,
/// perhaps hours away, are not the wait.
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
    // Limits that are exhausted or violated come first.
    let exhausted = policies
        .iter()
        .filter(|policy| policy.is_exhausted() || named(policy));
    let longest = exhausted
        .filter_map(|policy| until(policy).or_else(|| window(policy)))
        .max_by_key(|(wait, _)| *wait);
    // Without any amount that is left, every limit may be the one that was hit.
    let unknown = || throttled && policies.iter().all(|policy| policy.remaining.is_none());
    longest.or_else(|| {
        policies
            .iter()
            .filter(|_| unknown())
            .filter_map(until)
            .max_by_key(|(wait, _)| *wait)
    })
}

/// Returns the server's name for the limit, and the scope that this name means.
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

/// Returns what the server says about a retry: `x-should-retry` (OpenAI, Anthropic) or `Stripe-Should-Retry`.
///
/// If headers contradict each other, the result is `false`, which does no harm.
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

/// Returns whether the response is an ordinary error under a status that the vendor also refuses with, so
/// that a retry does not help. Without a body the response does not tell.
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
