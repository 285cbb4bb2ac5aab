//! The type of a dialect: how one vendor's responses are read beyond what holds for every response, as data.

use std::time::Duration;

use http::HeaderMap;

use super::policy::{Policy, start};
use super::words;
use crate::headers::lines::lines;

/// Why a server refused a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// This client exceeded a limit of its own: slow down.
    Limit,
    /// The server is overloaded, whichever client asks (Anthropic's 529): back off, but learn no limit from
    /// it.
    Overload,
    /// A quota is used up that no pause of minutes renews: that of a day, of a plan, or of money. The caller gets
    /// the error at once, and the rate stays.
    Quota,
}

/// How much of the API a limit covers, as the server says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scope {
    /// Everything that this client sends: pause all of it.
    Everything,
    /// Only the endpoint, route, method or object of this request.
    Endpoint,
}

/// One row of the table of dialects.
///
/// Every field has a neutral value, which `GENERIC` contains. A row names the fields that differ.
pub(super) struct Dialect {
    /// Name by which configurations choose the dialect.
    pub(super) name: &'static str,
    /// Statuses that are a refusal whatever else the response contains.
    pub(super) refusals: &'static [(u16, Refusal)],
    /// Signs of refusals under other statuses, and of requests that must not be retried.
    pub(super) signs: &'static [Sign],
    /// Signs that a quota is used up, in addition to those of every dialect.
    pub(super) spent: &'static [QuotaSign],
    /// Where the server names the limit, in order of preference.
    pub(super) reasons: &'static [ReasonSource],
    /// Minimum wait after a refusal that announces no wait.
    pub(super) least_wait: Option<Duration>,
    /// Windows in seconds that the vendor documents but does not send, by the name of the limit. The empty
    /// name stands for the limit without a name.
    pub(super) windows: &'static [(&'static str, u64)],
    /// Header that names the limits of a response, and each limit which has no name otherwise.
    pub(super) named_by: Option<&'static str>,
    /// Name of such a limit if no header names it.
    pub(super) unnamed: Option<&'static str>,
    /// Names of limits that count all that the credential or the address sends, whatever the endpoint.
    pub(super) shared: &'static [&'static str],
    /// Names and windows, in seconds, of limits that come in one comma-separated list.
    pub(super) positions: &'static [(&'static str, u64)],
    /// Deprecated dimensions, which are left out.
    pub(super) dropped: &'static [&'static str],
    /// Words that mark a header as one about limits, in addition to `ratelimit`.
    pub(super) markers: &'static [&'static str],
    /// Unit of resets and waits beside limits, in nanoseconds: a second, unless documented otherwise.
    pub(super) time_unit: i128,
    /// Where the body names the cost of a query and the state of its bucket.
    pub(super) cost: Option<Cost>,
}

/// Paths of the numbers by which a body describes a leaky bucket of points.
pub(super) struct Cost {
    /// Points that the query costs.
    pub(super) requested: &'static str,
    /// Points that the bucket holds.
    pub(super) maximum: &'static str,
    /// Points that are available now.
    pub(super) available: &'static str,
    /// Points that come back per second.
    pub(super) restored_per_second: &'static str,
}

/// A sign in a response, and what it means.
pub(super) struct Sign {
    /// Statuses under which the sign counts; an empty list stands for every status.
    pub(super) statuses: &'static [u16],
    /// Appearance of the sign.
    pub(super) when: When,
    /// Meaning of the sign.
    pub(super) means: Means,
    /// How much of the API such a refusal covers, if the vendor documents it.
    pub(super) scope: Option<Scope>,
}

/// Appearance of a sign.
pub(super) enum When {
    /// A limit is exhausted.
    Exhausted,
    /// The headers ask for a wait.
    RetryAfter,
    /// The value at a path of the body is one of these words. The case of letters does not matter.
    Is(&'static str, &'static [&'static str]),
    /// The text at a path of the body contains one of these words. The case of letters does not matter.
    Contains(&'static str, &'static [&'static str]),
}

/// Meaning of a sign.
pub(super) enum Means {
    /// The response is a refusal.
    Refused(Refusal),
    /// A retry does not help, or does harm.
    NeverAgain,
}

/// A sign that a quota is used up.
pub(super) struct QuotaSign {
    /// Statuses under which the sign counts.
    pub(super) statuses: &'static [u16],
    /// Appearance of the sign in the body.
    pub(super) when: When,
    /// Whether the quota renews by itself, so that a wait beside it is one until then. Money and plans do not.
    pub(super) renews: bool,
}

/// Where a server names the limit that was hit.
pub(super) struct ReasonSource {
    /// Where the name stands.
    pub(super) place: ReasonLocation,
    /// Beginnings of such names, and the scope that each means.
    pub(super) scopes: &'static [(&'static str, Scope)],
}

/// A header's name, or a path in the body.
pub(super) enum ReasonLocation {
    Header(&'static str),
    Body(&'static str),
}

impl Sign {
    /// Returns whether the sign counts under this status.
    pub(super) fn is_for(&self, status: u16) -> bool {
        self.statuses.is_empty() || self.statuses.contains(&status)
    }
}

impl ReasonSource {
    /// Returns the scope that a name means here.
    pub(super) fn scope(&self, word: &str) -> Option<Scope> {
        self.scopes
            .iter()
            .find(|(beginning, _)| words::begins(word, beginning))
            .map(|&(_, scope)| scope)
    }
}

/// Longest name of a limit and longest reason that is kept, in bytes. They are displayed and compared.
pub(super) const LONGEST_WORD: usize = 128;

/// Headers by which any server may name the limits of a response: those of Discord, GitHub, Datadog and EVE Online.
const BUCKETS: [&str; 4] = [
    "x-ratelimit-bucket",
    "x-ratelimit-resource",
    "x-ratelimit-name",
    "x-ratelimit-group",
];

/// Returns the first line of a header that is not empty, shortened.
fn first_word(headers: &HeaderMap, name: &str) -> Option<Box<str>> {
    let line = lines(headers, name).find(|line| !line.is_empty())?;
    Some(start(&line, LONGEST_WORD).into())
}

impl Dialect {
    /// Returns the server's name for the limits that a response announces.
    pub(super) fn bucket(&self, headers: &HeaderMap) -> Option<Box<str>> {
        let mut names = self.named_by.into_iter().chain(BUCKETS);
        names.find_map(|name| first_word(headers, name))
    }

    /// Returns whether a limit is exhausted that counts all that the client sends.
    pub(super) fn is_all_exhausted(&self, policies: &[Policy]) -> bool {
        let is_shared = |name: &str| self.shared.contains(&name);
        let mut exhausted = policies.iter().filter(|policy| policy.is_exhausted());
        exhausted.any(|policy| policy.name.as_deref().is_some_and(is_shared))
    }

    /// Adds to a limit what the vendor documents but does not send.
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
            let named = self.named_by.and_then(|header| first_word(headers, header));
            policy.name = named.or_else(|| self.unnamed.map(Into::into));
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

    /// Returns whether a body under this status is read: one of an error always, one of a success only if the
    /// vendor hides refusals in these.
    pub(super) fn reads_body(&self, status: u16) -> bool {
        status >= 400
            || self.cost.is_some()
            || self
                .signs
                .iter()
                .any(|sign| sign.statuses.contains(&status))
    }
}
