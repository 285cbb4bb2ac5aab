//! One call as a state machine: the machine decides, and its driver waits, sends and reads.
//!
//! ```text
//!       ┌──────────────────────────── again ◄─────────────────────────────┐
//!       ▼                                                                 │
//! Call ─┬─ granted / without_permit ─► Outgoing ─┬─ answered ─► Arrived ─► judge ─┬─► Draining ─► drained
//!       └─ denied ─► GivenUp                     ├─ failed ─► Call, or GivenUp    ├─► Delivered
//!                                                └─ unsent ─► GivenUp             └─► GivenUp
//! ```
//!
//! Each state is a type, and each step consumes it, so that the steps can't be taken in another order.
//! A driver loops: it acquires the permit that [`Call::wanted`] names, sends [`Outgoing::attempt`]'s
//! request, reports the result to the call, gives the feedback that comes back to the limiter, and repeats
//! this until a response is delivered or an error ends the call.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode};

use crate::attempt::Attempt;
use crate::error::Error;
use crate::outcome::{Failure, Feedback, LongerPause, Wanted};
use crate::reading::Reading;
use crate::reply::{BodyStart, Reply};
use crate::request::RequestParts;
use crate::settings::CallSettings;
use crate::time::Time;
use crate::verdict::Reader;

mod delivered;
mod given_up;

pub use delivered::Delivered;
pub use given_up::GivenUp;

/// A call that waits for the permit of its next request.
#[derive(Debug)]
#[must_use]
pub struct Call(Box<Attempt>);

/// A request that may be sent now.
#[derive(Debug)]
#[must_use]
pub struct Outgoing(Box<Attempt>);

/// A response whose head has arrived.
#[derive(Debug)]
#[must_use]
pub struct Arrived {
    attempt: Box<Attempt>,
    reading: Reading,
    unix_now: Duration,
}

/// Judgement of a response: feedback for the limiter, and the call's next state.
#[derive(Debug)]
#[must_use]
pub struct Judged {
    /// Feedback for the limiter.
    pub feedback: Feedback,
    /// Pause to report to the limiter after the feedback, until a quota renews.
    pub hold: Option<LongerPause>,
    /// Next state of the call.
    pub next: Result<Next, GivenUp>,
}

/// Next step after a response.
#[derive(Debug)]
#[must_use]
pub enum Next {
    /// The caller gets it.
    Deliver(Delivered),
    /// The beginning of its body is read first.
    Drain(Box<Draining>),
}

/// A response whose body is read before the call goes on: it leads to another request, or is a refusal,
/// whose body may forbid another request or ask for a longer pause.
#[derive(Debug)]
#[must_use]
pub struct Draining {
    attempt: Box<Attempt>,
    reading: Reading,
    unix_now: Duration,
    /// Whether the request may be sent again.
    leads_on: bool,
}

/// Result of reading a body: a longer pause for the limiter, and the call's next state.
#[derive(Debug)]
#[must_use]
pub struct Drained {
    /// Pause to report to the limiter, if the body asks for a longer one than the head did.
    pub longer: Option<LongerPause>,
    /// Next state of the call.
    pub next: Result<Onward, GivenUp>,
}

/// Next step of a call after the body of a [`Draining`] response was read.
#[derive(Debug)]
#[must_use]
pub enum Onward {
    /// The caller gets the response.
    Deliver(Delivered),
    /// The request is sent again.
    Again(Call),
}

impl Call {
    /// Begins a call of a client with these settings.
    pub fn new(settings: Arc<CallSettings>, parts: RequestParts) -> Self {
        Self(Box::new(Attempt::new(settings, parts)))
    }

    /// Returns the request that waits, and what the call has done so far.
    #[must_use]
    pub fn attempt(&self) -> &Attempt {
        &self.0
    }

    /// Continues with a token that the client's source returned at `now`, because
    /// [`Attempt::wanted_token`] asked for it. Ask before the permit is taken: a source that sends a request through
    /// the same limiter would wait for this very call.
    pub fn with_token(mut self, value: HeaderValue, now: Time) -> Self {
        self.0.set_token(value, now);
        self
    }

    /// Ends the call, because its source has no token.
    #[must_use]
    pub fn unsent(self, error: Error) -> GivenUp {
        GivenUp::new(self.0, error)
    }

    /// Returns the permit that the next request needs; `None` if it needs none, because a redirect leads
    /// to another origin.
    #[must_use]
    pub fn wanted(&self) -> Option<Wanted> {
        self.0.wanted()
    }

    /// Continues with a permit that was granted after `waited`. `on_trial` says whether the request is the trial
    /// of an open circuit breaker.
    pub fn granted(mut self, waited: Duration, on_trial: bool) -> Outgoing {
        self.0.granted(waited, on_trial);
        Outgoing(self.0)
    }

    /// Continues without a permit, where [`Call::wanted`] names none.
    pub fn without_permit(self) -> Outgoing {
        Outgoing(self.0)
    }

    /// Ends the call, because no permit came within `waited`.
    #[must_use]
    pub fn denied(mut self, error: Error, waited: Duration) -> GivenUp {
        self.0.add_wait(waited);
        GivenUp::new(self.0, error)
    }
}

impl Outgoing {
    /// Returns the request to send, and what the call has done so far.
    #[must_use]
    pub fn attempt(&self) -> &Attempt {
        &self.0
    }

    /// Continues with a token that the client's source returned at `now`, because the one at hand is too old.
    pub fn with_token(mut self, value: HeaderValue, now: Time) -> Self {
        self.0.set_token(value, now);
        self
    }

    /// Continues with the head of a response, which arrived at `unix_now` by the client's wall clock.
    pub fn answered(
        mut self,
        status: StatusCode,
        headers: &HeaderMap,
        unix_now: Duration,
    ) -> Arrived {
        self.0.count_sent();
        let is_at_home = self.0.is_at_home();
        let reader = &self.0.settings().reader;
        let reading = Reading::of_head(reader, is_at_home, status, headers, unix_now);
        Arrived {
            attempt: self.0,
            reading,
            unix_now,
        }
    }

    /// Continues after a request without a response. Returns the call if the request is sent again.
    ///
    /// # Errors
    ///
    /// [`Error::Transport`].
    pub fn failed(mut self, failure: Failure, now: Time) -> Result<Call, GivenUp> {
        self.0.count_sent();
        match self.0.failed(failure, now) {
            Ok(()) => Ok(Call(self.0)),
            Err(error) => Err(GivenUp::new(self.0, error)),
        }
    }

    /// Ends the call, because the request could not be sent.
    #[must_use]
    pub fn unsent(self, error: Error) -> GivenUp {
        GivenUp::new(self.0, error)
    }
}

impl Arrived {
    /// Returns the status of the response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.reading.status()
    }

    /// Returns whether the body is read before the response is judged: only the body can tell if the response is a
    /// refusal, if a refusal is about a quota, or how long the server asks to wait.
    #[must_use]
    pub fn wants_body(&self, headers: &HeaderMap) -> bool {
        let reader = &self.attempt.settings().reader;
        let status = self.reading.status();
        let is_asked = if self.reading.is_refusal() {
            reader.may_be_quota(status, headers)
                || Reader::may_wait_in_body(self.reading.guidance(), headers)
        } else {
            reader.hides_in_body(status, headers)
        };
        self.attempt.is_at_home() && is_asked
    }

    /// Returns whether the caller gets the response if its body changes nothing. The transport must not break off
    /// the body of such a response, however slow it is.
    #[must_use]
    pub fn keeps_body(&self) -> bool {
        !self.attempt.is_sent_again(self.reading.verdict())
    }

    /// Judges the response. `body` is the beginning of its body, if [`Arrived::wants_body`].
    pub fn judge(self, headers: &HeaderMap, body: Option<&[u8]>) -> Judged {
        let Self {
            mut attempt,
            mut reading,
            unix_now,
        } = self;
        if let Some(body) = body {
            reading = reading.with_body(&attempt.settings().reader, headers, body, unix_now);
        }
        let feedback = attempt.feedback(&reading);
        let hold = attempt.renewal(&reading);
        let next = match attempt.leads_on(&reading, headers) {
            Err(error) => Err(GivenUp::new(attempt, error)),
            // The body of a refusal may ask for a longer pause, and the limiter must know it.
            Ok(leads_on)
                if leads_on
                    || reading.is_exhausted()
                    || (reading.is_refusal() && !reading.is_whole()) =>
            {
                Ok(Next::Drain(Box::new(Draining {
                    attempt,
                    reading,
                    unix_now,
                    leads_on,
                })))
            }
            Ok(_) => Ok(Next::Deliver(Delivered::new(&attempt, reading, unix_now))),
        };
        Judged {
            feedback,
            hold,
            next,
        }
    }
}

impl Draining {
    /// Returns whether the caller gets the response in any case. The transport must not break off the body
    /// of such a response, however slow it is.
    #[must_use]
    pub fn keeps_body(&self) -> bool {
        !self.leads_on && !self.reading.is_exhausted()
    }

    /// Continues after the beginning of the body was read: at most [`Reply::MOST_BODY`], and for no longer than the driver
    /// waits. The call ends by [`Error::BackoffExhausted`] if it was refused too often.
    pub fn drained(self, headers: &HeaderMap, body: BodyStart) -> Drained {
        let Self {
            mut attempt,
            reading,
            unix_now,
            leads_on,
        } = self;
        // A redirect, or a token that has expired.
        if !reading.is_refusal() && !reading.is_exhausted() {
            return Drained {
                longer: None,
                next: Ok(Onward::Again(Call(attempt))),
            };
        }
        // The body may ask for a longer pause than the head did. The pause never gets shorter.
        let reader = &attempt.settings().reader;
        let whole = reading.with_body(reader, headers, &body.bytes, unix_now);
        let longer = attempt.longer_pause(&reading, &whole);
        let whole = whole.waiting_at_least(reading.wait());
        // The quota does not renew soon, or not as the server said. Where its body was not read first, the refusal
        // shows only now what it is about.
        let awaits = match reading.is_exhausted() {
            true => leads_on,
            false => attempt.awaits_quota(&whole),
        };
        if whole.is_exhausted() && !awaits {
            let next = Err(Self::exhausted(attempt, &whole, headers, body, unix_now));
            return Drained { longer, next };
        }

        // The body may also forbid another attempt.
        if !leads_on || whole.guidance().retryable == Some(false) {
            let delivered = Delivered::new(&attempt, whole, unix_now);
            return Drained {
                longer,
                next: Ok(Onward::Deliver(delivered)),
            };
        }
        let reply = Reply::new(whole.status(), headers.clone(), body, whole.wait());
        let next = match attempt.refused(reply) {
            Ok(()) => Ok(Onward::Again(Call(attempt))),
            Err(error) => Err(GivenUp::new(attempt, error)),
        };
        Drained { longer, next }
    }

    /// Ends the call, because a quota is used up.
    fn exhausted(
        attempt: Box<Attempt>,
        reading: &Reading,
        headers: &HeaderMap,
        body: BodyStart,
        unix_now: Duration,
    ) -> GivenUp {
        let until = reading.wait().map(|wait| unix_now.saturating_add(wait));
        let reason = reading.guidance().reason.clone().unwrap_or_default();
        let reply = Reply::new(reading.status(), headers.clone(), body, reading.wait());
        GivenUp::new(attempt, Error::quota_exhausted(reason, until, reply))
    }
}
