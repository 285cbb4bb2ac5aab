//! Profiles: how responses of one vendor are read beyond what holds for every response.
//!
//! A profile is data, a row of [`dialects`](super::dialects). Rows are applied in one place for all vendors,
//! so a new vendor is a new row and no new code.

use std::fmt;

use super::dialect::{Dialect, Means, Sign, When};
use super::dialects::{DIALECTS, GENERIC};
use super::spent;

/// Describes how one vendor announces limits.
///
/// Choose one by [`Profile::named`]. [`Profile::default`] is `generic`, which reads what needs no knowledge
/// of the vendor.
#[derive(Clone, Copy)]
pub struct Profile(&'static Dialect);

impl Profile {
    /// Returns the profile of that name; `None` if there is none.
    ///
    /// A name with an underscore is a variant of a vendor (a plan, an endpoint) and has the vendor's profile:
    /// `notion_business` is read as `notion`.
    ///
    /// ```
    /// use api_ratelimiter_core::guidance::Profile;
    ///
    /// assert_eq!(Profile::named("notion_business").map(Profile::name), Some("notion"));
    /// assert_eq!(Profile::named("unknown"), None);
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

    /// Returns the names of all profiles, in alphabetical order.
    pub fn names() -> impl Iterator<Item = &'static str> {
        DIALECTS.iter().map(|dialect| dialect.name)
    }

    /// Returns the profile's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// Returns whether the body can show that a response with this status, which by itself is not a refusal,
    /// is one.
    pub(crate) fn hides_throttles(self, status: http::StatusCode) -> bool {
        if self.tells_of_quotas(status) {
            return true;
        }
        let refuses = |sign: &&Sign| matches!(sign.means, Means::Refused(_));
        let mut signs = self.0.signs.iter().filter(refuses);
        signs.any(|sign| {
            sign.statuses.contains(&status.as_u16())
                && matches!(sign.when, When::Is(..) | When::Contains(..))
        })
    }

    /// Returns whether the body of a response with this status can show that a quota is used up.
    pub(crate) fn tells_of_quotas(self, status: http::StatusCode) -> bool {
        spent::may_be_named(self.0, status.as_u16())
    }

    /// Returns whether the vendor has words of its own for a quota under this status.
    pub(crate) fn has_own_quotas(self, status: http::StatusCode) -> bool {
        let mut signs = self.0.spent.iter();
        signs.any(|sign| sign.statuses.contains(&status.as_u16()))
    }

    /// Returns the profile's row of data.
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
        assert_eq!(Profile::named("unknown"), None);
        assert_eq!(Profile::named("unknown_variant"), None);
        assert_eq!(Profile::named(""), None);
    }

    #[test]
    fn names_are_sorted_and_there_once() {
        let names: Vec<_> = Profile::names().collect();
        assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "{names:?}");
    }
}
