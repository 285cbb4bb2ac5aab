//! The end of a call by a response, and the errors that are made of that response.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;

use crate::attempt::Attempt;
use crate::error::{Effort, Error};
use crate::outcome::Failure;
use crate::reading::Reading;
use crate::reply::{BodyStart, Reply};
use crate::settings::CallSettings;

/// The end of a call by a response. Keeps the facts that an error made of the response needs.
#[derive(Debug)]
pub struct Delivered {
    request: Box<str>,
    effort: Effort,
    reading: Box<Reading>,
    settings: Arc<CallSettings>,
    unix_now: Duration,
}

impl Delivered {
    pub(super) fn new(attempt: &Attempt, reading: Reading, unix_now: Duration) -> Self {
        Self {
            request: attempt.parts().label(),
            effort: attempt.effort(),
            reading: Box::new(reading),
            settings: Arc::clone(attempt.settings()),
            unix_now,
        }
    }

    /// Returns method and URL of the request, without its query.
    #[must_use]
    pub fn request(&self) -> &str {
        &self.request
    }

    /// Returns what the call had done until this response arrived.
    #[must_use]
    pub fn effort(&self) -> Effort {
        self.effort
    }

    /// Returns what the response says about limits, and what the client made of it.
    #[must_use]
    pub fn reading(&self) -> &Reading {
        &self.reading
    }

    /// Returns the error of a response with an error status, of which `body` was read.
    #[must_use]
    pub fn status_error(self, headers: HeaderMap, body: BodyStart) -> Error {
        // The limiter knows no wait of a response that is not a refusal. Its body may name one.
        let reader = &self.settings.reader;
        let head = &self.reading;
        let whole = head.with_body(reader, &headers, &body.bytes, self.unix_now);
        let wait = head.wait().max(whole.wait());
        let reply = Reply::new(self.reading.status(), headers, body, wait);
        Error::of_status(self.request, reply).with_effort(self.effort)
    }

    /// Returns the error of a body that broke off.
    #[must_use]
    pub fn body_failed(&self, failure: Failure) -> Error {
        failure
            .into_error(self.request.clone())
            .with_effort(self.effort)
    }

    /// Returns the error of a body that is longer than `limit` bytes.
    #[must_use]
    pub fn body_too_large(&self, limit: u64) -> Error {
        Error::body_too_large(self.request.clone(), limit).with_effort(self.effort)
    }

    /// Parses a whole body as JSON.
    ///
    /// # Errors
    ///
    /// [`Error::Decode`].
    pub fn parse<T: serde::de::DeserializeOwned>(&self, body: &[u8]) -> crate::Result<T> {
        serde_json::from_slice(body).map_err(|error| {
            Error::decode(&self.request, body.len(), &error).with_effort(self.effort)
        })
    }
}
