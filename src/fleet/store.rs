//! The interface of a fleet's store.

use std::fmt;
use std::time::Duration;

use api_ratelimiter_core::Time;
use api_ratelimiter_core::hash::fnv128;

/// Name under which a store keeps a fleet's state: a hash of the user's key, in 32 hexadecimal digits.
///
/// It tells keys apart and hides them from a glance. A store that other programs can read should hash it once more,
/// by a cryptographic function; `Fleet::redis` does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetKey(Box<str>);

impl FleetKey {
    /// Returns the name for a user's key.
    pub(super) fn of(key: &str) -> Self {
        Self(format!("{:032x}", fnv128(key.as_bytes())).into())
    }

    /// Returns the name for a part of the API.
    pub(super) fn part(&self, scope: &str) -> Self {
        Self::of(&format!("{}/{scope}", self.0))
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A store that keeps a fleet's state: a text under each key, replaced only if it has not changed meanwhile.
///
/// [`LocalStore`](crate::LocalStore) serves the workers of one process. With the feature `redis`, `Fleet::redis` serves workers on many
/// machines. A slow visit delays new slots of the workers, so give up after about 50 ms.
pub trait FleetStore: fmt::Debug + Send + Sync + 'static {
    /// Returns the text under `key` and the store's time, since 1970. All workers go by this one clock.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store can't be reached in time.
    fn read(&self, key: &FleetKey) -> Result<Stored, StoreError>;

    /// Replaces the text if its version is still `version`. The store keeps the text for at least `keep`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store can't be reached in time, or does not take it.
    fn replace(
        &self,
        key: &FleetKey,
        version: u64,
        text: &str,
        keep: Duration,
    ) -> Result<Replaced, StoreError>;

    /// Returns the store's address for people, without credentials.
    fn shown(&self) -> String;
}

/// Content of a store under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The text; empty if there is none.
    pub text: String,
    /// Changes with every replacement; 0 if there is no text.
    pub version: u64,
    /// The store's time, since 1970.
    pub now: Duration,
}

impl Stored {
    pub(crate) fn time(&self) -> Time {
        Time::ZERO + self.now
    }
}

/// Result of a replacement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replaced {
    /// The text was replaced.
    Done,
    /// Another worker was quicker. This is the text now.
    Other(Stored),
}

/// Error of a store that can't be reached or does not work, in words and without credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(pub(super) Box<str>);

impl StoreError {
    /// Returns an error with this text.
    #[must_use]
    pub fn new(problem: impl fmt::Display) -> Self {
        Self(problem.to_string().into())
    }
}
