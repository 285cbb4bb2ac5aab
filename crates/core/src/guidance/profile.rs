//! Profiles: what one vendor's answers mean beyond what every answer means.
//!
//! A profile is data: a row of [`dialects`](super::dialects). What follows from a row is decided in one
//! place for all vendors, so that a new vendor is a new row and no new code.

use std::fmt;
use std::time::Duration;

use http::HeaderMap;

use super::dialects::{DIALECTS, GENERIC};
use super::policy::{Policy, start};
use crate::headers::lines::lines;

/// How an API speaks of its limits.
///
/// Taken from the list by [`Profile::named`]; [`Profile::default`] is `generic`, which knows what can be
/// read without knowing the vendor.
#[derive(Clone, Copy)]
pub struct Profile(&'static Dialect);

impl Profile {
    /// The profile of that name; `None` if there is none.
    ///
    /// A name with an underscore is a variant of a vendor (a plan, an endpoint) and speaks as the vendor
    /// does: `notion_business` as `notion`.
    ///
    /// ```
    /// use api_ratelimiter_core::guidance::Profile;
    ///
    /// assert_eq!(Profile::named("notion_business").map(Profile::name), Some("notion"));
    /// assert_eq!(Profile::named("nobody"), None);
    /// ```
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let exact = |name: &str| {
            DIALECTS
                .iter()
                .find(|dialect| dialect.name == name)
                .map(Self)
        };
        exact(name).or_else(|| exact(name.split_once('_')?.0))
    }

    /// The names of all profiles, in alphabetical order.
    pub fn names() -> impl Iterator<Item = &'static str> {
        DIALECTS.iter().map(|dialect| dialect.name)
    }

    /// The profile's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// Whether a body under this status, which by itself refuses nothing, may be a refusal.
    pub(crate) fn hides_throttles(self, status: http::StatusCode) -> bool {
        let refuses = |sign: &&Sign| matches!(sign.means, Means::Refused(_));
        let mut signs = self.0.signs.iter().filter(refuses);
        signs.any(|sign| {
            sign.statuses.contains(&status.as_u16())
                && matches!(sign.when, When::Is(..) | When::Contains(..))
        })
    }

    /// What the profile says.
    pub(super) fn dialect(self) -> &'static Dialect {
        self.0
    }
}

impl Default for Profile {
    fn default() -> Self {
        Self(&GENERIC)
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Profile").field(&self.0.name).finish()
    }
}

impl PartialEq for Profile {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for Profile {}

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
    pub(super) reasons: &'static [Reason],
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
pub(super) struct Reason {
    pub(super) place: Place,
    /// What its words begin with, and the scope they mean.
    pub(super) scopes: &'static [(&'static str, Scope)],
}

/// A header's name, or a path in the body.
pub(super) enum Place {
    Header(&'static str),
    Body(&'static str),
}

impl Sign {
    /// Whether it is one under this status.
    pub(super) fn is_for(&self, status: u16) -> bool {
        self.statuses.is_empty() || self.statuses.contains(&status)
    }
}

impl Reason {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_found_by_name_and_variants_speak_as_their_vendor() {
        assert_eq!(Profile::named("github").map(Profile::name), Some("github"));
        assert_eq!(
            Profile::named("notion_business").map(Profile::name),
            Some("notion")
        );
        assert_eq!(Profile::named("generic"), Some(Profile::default()));
        assert_eq!(Profile::named("nobody"), None);
        assert_eq!(Profile::named("nobody_else"), None);
        assert_eq!(Profile::named(""), None);
    }

    #[test]
    fn names_are_sorted_and_there_once() {
        let names: Vec<_> = Profile::names().collect();
        assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "{names:?}");
    }
}
