//! Record of one attempt, from which its event is made. Both fronts use it.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode, header};

use super::event::{About, Event};
use api_ratelimiter_core::Time;
use api_ratelimiter_core::attempt::Attempt;
use api_ratelimiter_core::error::{Error, TransportKind};
use api_ratelimiter_core::outcome::Feedback;
use api_ratelimiter_core::request::{RequestParts, Tags};

/// Data of one attempt for observers. It keeps the request, because a redirect may change that of the call.
#[derive(Debug)]
pub(crate) struct AttemptRecord {
    pub(crate) tags: Option<Arc<Tags>>,
    began: Time,
    elapsed: Duration,
    method: String,
    route: Option<String>,
    url: Option<String>,
    attempt: u32,
    waited: Duration,
    status: Option<u16>,
    error: Option<String>,
    bytes: Option<u64>,
    refused: bool,
}

impl AttemptRecord {
    /// Records the request that `attempt` sends now, after it waited for its permit for `waited`.
    pub(crate) fn going_out(attempt: &Attempt, waited: Duration, now: Time) -> Self {
        let parts = attempt.parts();
        let (route, url) = target(parts);
        Self {
            tags: parts.tags.clone(),
            began: now,
            elapsed: Duration::ZERO,
            method: parts.method.to_string(),
            route,
            url,
            attempt: attempt.sent() + 1,
            waited,
            status: None,
            error: None,
            bytes: None,
            refused: false,
        }
    }

    /// Records that the head of the response arrived at `now`.
    pub(crate) fn head_arrived(self, now: Time) -> Self {
        let elapsed = now.saturating_since(self.began);
        Self { elapsed, ..self }
    }

    /// Records the response, whose body may have been read since its head arrived. `feedback` is what the limiter
    /// gets.
    pub(crate) fn answered(
        mut self,
        status: StatusCode,
        headers: &HeaderMap,
        feedback: Feedback,
    ) -> Self {
        self.refused = matches!(feedback, Feedback::Refused { .. } | Feedback::Exhausted);
        self.status = Some(status.as_u16());
        let length = headers.get(header::CONTENT_LENGTH);
        self.bytes = length.and_then(|length| length.to_str().ok()?.trim().parse().ok());
        self
    }

    pub(crate) fn failed(mut self, kind: TransportKind, now: Time) -> Self {
        self.elapsed = now.saturating_since(self.began);
        self.error = Some(kind.to_string());
        self
    }

    pub(super) fn event(self, about: About) -> Event {
        Event::Attempt {
            about,
            method: self.method,
            route: self.route,
            url: self.url,
            status: self.status,
            error: self.error,
            refused: self.refused,
            attempt: self.attempt,
            elapsed: self.elapsed,
            waited: self.waited,
            bytes: self.bytes,
        }
    }
}

/// Returns the event of a call that ended with an error.
pub(super) fn gave_up(about: About, attempt: &Attempt, error: &Error) -> Event {
    let parts = attempt.parts();
    let (route, url) = target(parts);
    Event::GaveUp {
        about,
        method: parts.method.to_string(),
        route,
        url,
        error: error.name().to_owned(),
        attempts: attempt.sent(),
        waited: attempt.waited(),
    }
}

/// Returns the caller's label, or the address without its query.
fn target(parts: &RequestParts) -> (Option<String>, Option<String>) {
    match parts.tags.as_ref().and_then(|tags| tags.route.clone()) {
        Some(route) => (Some(route), None),
        None => (None, Some(parts.address.to_string())),
    }
}
