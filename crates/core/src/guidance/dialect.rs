//! The type of a dialect: what one vendor's responses mean beyond what every response means, as data.

use std::time::Duration;

use http::HeaderMap;

use super::policy::{Policy, start};
use crate::headers::lines::lines;

/// In what way a server refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// This client exceeded a limit of its own: slow down.
    Limit,
    /// The server is overloaded whoever asks (Anthropic's 529): back off, but learn no limit from it.
    Overload,
}

/// How much of the API a limit covers, by the server's own word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scope {
    /// Everything that this client sends: pause all of it.
    Everything,
    /// The endpoint, route, method or object of this request only.
    Endpoint,
}

/// One row of the list.
///
/// Everything has a neutral value, which `GENERIC` has; a row names what differs.
pub(super) struct Dialect {
    /// Its name, by which presets choose it.
    pub(super) name: &'static str,
    /// Statuses that are a refusal whatever else the answer holds.
    pub(super) refusals: &'static [(u16, Refusal)],
    /// How refusals show under other statuses, and what forbids to try again.
    pub(super) signs: &'static [Sign],
    /// Where the server says which limit it was, in order of preference.
    pub(super) reasons: &'static [ReasonSource],
    /// What to wait at least after a refusal that names no wait.
    pub(super) least_wait: Option<Duration>,
    /// Windows in seconds that the vendor documents and does not send, by the name of the limit; the
    /// empty name is the limit that has none.
    pub(super) windows: &'static [(&'static str, u64)],
    /// The header that names the limit that has no name otherwise.
    pub(super) named_by: Option<&'static str>,
    /// Its name if nothing names it.
    pub(super) unnamed: Option<&'static str>,
    /// Names and windows in seconds of limits that come in one comma-separated list.
    pub(super) positions: &'static [(&'static str, u64)],
    /// Dimensions that are deprecated and left out.
    pub(super) dropped: &'static [&'static str],
    /// Words that mark a field as one about limits, beside `ratelimit`.
    pub(super) markers: &'static [&'static str],
    /// The unit in nanoseconds of resets and waits beside limits: a second, unless documented otherwise.
    pub(super) time_unit: i128,
    /// Where the body tells the cost of a query and what is left for others.
    pub(super) cost: Option<Cost>,
}

/// What the body tells of a leaky bucket of points: paths of numbers.
pub(super) struct Cost {
    pub(super) requested: &'static str,
    pub(super) maximum: &'static str,
    pub(super) available: &'static str,
    pub(super) restored_per_second: &'static str,
}

/// A sign and what it means.
pub(super) struct Sign {
    /// The statuses under which it is one; none stand for any.
    pub(super) statuses: &'static [u16],
    pub(super) when: When,
    pub(super) means: Means,
}

/// What is to be seen in the answer.
pub(super) enum When {
    /// A limit with nothing left.
    Exhausted,
    /// A wait that the headers ask for.
    RetryAfter,
    /// The value at a path of the body is one of these words, whatever the case of letters.
    Is(&'static str, &'static [&'static str]),
    /// The text at a path of the body contains one of these, whatever the case of letters.
    Contains(&'static str, &'static [&'static str]),
}

/// What a sign means.
pub(super) enum Means {
    /// The answer is a refusal.
    Refused(Refusal),
    /// Sending the request again does not help, or harms.
    NeverAgain,
}

/// Where a server says which limit it was.
pub(super) struct ReasonSource {
    pub(super) place: ReasonLocation,
    /// What its words begin with, and the scope they mean.
    pub(super) scopes: &'static [(&'static str, Scope)],
}

/// A header's name, or a path in the body.
pub(super) enum ReasonLocation {
    Header(&'static str),
    Body(&'static str),
}

impl Sign {
    /// Whether it is one under this status.
    pub(super) fn is_for(&self, status: u16) -> bool {
        self.statuses.is_empty() || self.statuses.contains(&status)
    }
}

impl ReasonSource {
    /// The scope that a word means here.
    pub(super) fn scope(&self, word: &str) -> Option<Scope> {
        self.scopes
            .iter()
            .find(|(beginning, _)| word.starts_with(beginning))
            .map(|&(_, scope)| scope)
    }
}

/// Longest name of a limit and longest reason that is kept, in bytes: for showing and comparing.
pub(super) const LONGEST_WORD: usize = 128;

impl Dialect {
    /// Adds to a limit what the vendor documents and does not send.
    pub(super) fn complete(&self, policy: &mut Policy, headers: &HeaderMap) {
        let general = policy.name.is_none();
        if let Some(name) = policy
            .name
            .as_deref()
            .filter(|name| name.len() > LONGEST_WORD)
        {
            policy.name = Some(start(name, LONGEST_WORD).into());
        }
        if general {
            let named = self
                .named_by
                .and_then(|header| lines(headers, header).find(|line| !line.is_empty()));
            policy.name = named
                .as_deref()
                .or(self.unnamed)
                .map(|name| start(name, LONGEST_WORD).into());
        }
        if policy.window.is_none() {
            let of = |wanted: &str| {
                self.windows
                    .iter()
                    .find(|(name, _)| *name == wanted)
                    .map(|&(_, seconds)| seconds)
            };
            let named = policy.name.as_deref().and_then(of);
            policy.window = named
                .or_else(|| of("").filter(|_| general))
                .map(Duration::from_secs);
        }
    }

    /// Whether a body under this status can tell anything: a throttle or an error of any vendor, an
    /// answer that looks well where the vendor hides throttles in such.
    pub(super) fn reads_body(&self, status: u16) -> bool {
        status >= 400
            || self.cost.is_some()
            || self
                .signs
                .iter()
                .any(|sign| sign.statuses.contains(&status))
    }
}
