//! The end of a call by an error.

use crate::attempt::Attempt;
use crate::error::Error;

/// The end of a call by an error.
#[derive(Debug)]
pub struct GivenUp {
    /// The error, with what the call had done before it.
    pub error: Error,
    attempt: Box<Attempt>,
}

impl GivenUp {
    pub(super) fn new(mut attempt: Box<Attempt>, error: Error) -> Self {
        Self {
            error: attempt.fail(error),
            attempt,
        }
    }

    /// Returns the request that was sent last, and what the call had done.
    #[must_use]
    pub fn attempt(&self) -> &Attempt {
        &self.attempt
    }
}

impl From<GivenUp> for Error {
    fn from(given_up: GivenUp) -> Self {
        given_up.error
    }
}
