//! One response as the client's own dialect reads it.

use std::time::Duration;

use http::{HeaderMap, StatusCode};

use crate::guidance::Guidance;
use crate::verdict::{Reader, Resend, Verdict};

/// Limits and waits that one response announces, and the client's verdict on it.
///
/// A client reads the head of each response once, and the whole response once if the body matters. The
/// judgement, the limiter's feedback, events and errors all use this reading.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    status: StatusCode,
    guidance: Guidance,
    verdict: Verdict,
    /// Whether the response is the API's own, and not another host's.
    is_at_home: bool,
    /// Whether the body is part of it, as far as the client read the body.
    is_whole: bool,
    /// How long to wait.
    wait: Option<Duration>,
}

impl Reading {
    /// Reads the head of a response that arrived at `unix_now`.
    pub(crate) fn of_head(
        reader: &Reader,
        is_at_home: bool,
        status: StatusCode,
        headers: &HeaderMap,
        unix_now: Duration,
    ) -> Self {
        Self::of(reader, is_at_home, status, headers, None, unix_now)
    }

    /// Returns the reading of the head and of `body`, the beginning of the body. A response is read as a
    /// whole at most once: returns the same reading if the body is part of it.
    #[must_use]
    pub(crate) fn with_body(
        &self,
        reader: &Reader,
        headers: &HeaderMap,
        body: &[u8],
        unix_now: Duration,
    ) -> Self {
        if self.is_whole || body.is_empty() {
            return Self {
                is_whole: true,
                ..self.clone()
            };
        }
        let (status, is_at_home) = (self.status, self.is_at_home);
        Self::of(reader, is_at_home, status, headers, Some(body), unix_now)
    }

    fn of(
        reader: &Reader,
        is_at_home: bool,
        status: StatusCode,
        headers: &HeaderMap,
        body: Option<&[u8]>,
        unix_now: Duration,
    ) -> Self {
        let guidance = reader.read(status, headers, body.unwrap_or_default(), unix_now);
        // A refusal by another host says nothing about this API's limit.
        let verdict = if is_at_home {
            reader.verdict(status, &guidance)
        } else {
            Reader::without_limit(status, &guidance)
        };
        let wait = match verdict {
            Verdict::Refused { pause, .. } | Verdict::Exhausted { pause, .. } => pause,
            Verdict::Failed | Verdict::Success { .. } => guidance.wait,
        };
        Self {
            status,
            guidance,
            verdict,
            is_at_home,
            is_whole: body.is_some(),
            wait,
        }
    }

    /// Returns this reading with a wait of at least `wait`, which the limiter was told of already.
    #[must_use]
    pub(crate) fn waiting_at_least(self, wait: Option<Duration>) -> Self {
        let wait = self.wait.max(wait);
        Self { wait, ..self }
    }

    /// Returns whether the body is part of this reading.
    #[must_use]
    pub(crate) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Returns whether the response is a refusal.
    #[must_use]
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self.verdict, Verdict::Refused { .. })
    }

    /// Returns whether a quota that is used up renews soon enough for the call to wait.
    #[must_use]
    pub(crate) fn is_renewed_soon(&self) -> bool {
        matches!(self.verdict, Verdict::Exhausted { resend, .. } if resend == Resend::Always)
    }

    /// Returns whether the response says that a quota is used up.
    #[must_use]
    pub(crate) fn is_exhausted(&self) -> bool {
        matches!(self.verdict, Verdict::Exhausted { .. })
    }

    /// Returns the status of the response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns what the response says about limits.
    #[must_use]
    pub fn guidance(&self) -> &Guidance {
        &self.guidance
    }

    /// Returns what the client makes of the response.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Returns how long to wait, counted from when the response arrived: after a refusal the pause that
    /// the limiter gets, else the wait that the server asks for.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        self.wait
    }
}
