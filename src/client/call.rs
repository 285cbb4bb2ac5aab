//! The common part of both fronts' loops: connects a call's state machine with the limiter and the observers.

use std::ops::ControlFlow;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue, StatusCode};

use api_ratelimiter_core::attempt::Attempt;
use api_ratelimiter_core::call::{
    Arrived, Call, Delivered, Drained, Draining, GivenUp, Judged, Next, Onward, Outgoing,
};
use api_ratelimiter_core::error::Result;
use api_ratelimiter_core::outcome::{Feedback, NoResponse, Wanted};
use api_ratelimiter_core::reply::BodyStart;
use api_ratelimiter_core::request::RequestParts;
use api_ratelimiter_core::settings::CallSettings;
use api_ratelimiter_core::{Time, TokenReason};

use crate::observe::AttemptRecord;
use crate::rate_limiter::{DynamicRateLimiter, Permits, give};

/// A call in one of its states, with its permit and with the record for the observers.
///
/// Each step consumes the call and returns it in its next state, so that a front can't take the steps in
/// another order.
#[must_use]
pub(crate) struct DrivenCall<'a, S> {
    limiter: &'a DynamicRateLimiter,
    state: S,
    permit: Option<Permits>,
    record: Option<AttemptRecord>,
    /// Time at which this attempt began to wait for its permit.
    began: Time,
}

impl<'a, S> DrivenCall<'a, S> {
    /// Returns the limiter whose permits the call takes.
    pub(crate) fn limiter(&self) -> &'a DynamicRateLimiter {
        self.limiter
    }

    /// Returns this call in another state.
    fn with<T>(self, change: impl FnOnce(S) -> T) -> DrivenCall<'a, T> {
        DrivenCall {
            limiter: self.limiter,
            state: change(self.state),
            permit: self.permit,
            record: self.record,
            began: self.began,
        }
    }
}

impl<'a> DrivenCall<'a, Call> {
    /// Begins a call.
    pub(crate) fn new(
        limiter: &'a DynamicRateLimiter,
        settings: &Arc<CallSettings>,
        parts: RequestParts,
    ) -> Self {
        Self::again(limiter, Call::new(Arc::clone(settings), parts))
    }

    /// Returns a call before its first or next attempt.
    fn again(limiter: &'a DynamicRateLimiter, state: Call) -> Self {
        Self {
            limiter,
            state,
            permit: None,
            record: None,
            began: limiter.clock().now(),
        }
    }

    /// Returns the request that waits.
    pub(crate) fn attempt(&self) -> &Attempt {
        self.state.attempt()
    }

    /// Returns why the client's source of tokens must be asked, without any permit.
    pub(crate) fn wanted_token(&self) -> Option<TokenReason> {
        self.attempt().wanted_token(self.limiter.clock().now())
    }

    /// Continues with a token of the source, or ends the call if it has none.
    pub(crate) fn with_token(mut self, token: Result<HeaderValue>) -> Result<Self> {
        let now = self.limiter.clock().now();
        match token {
            Ok(token) => {
                self.began = now;
                Ok(self.with(|state| state.with_token(token, now)))
            }
            Err(error) => Err(give_up(self.limiter, self.state.unsent(error))),
        }
    }

    /// Returns the permits that the next request needs; `None` if it needs none.
    pub(crate) fn wanted(&self) -> Option<Wanted> {
        self.state.wanted()
    }

    /// Continues with the permits of the next request, or ends the call if waiting for them failed.
    pub(crate) fn granted(
        self,
        permit: Result<Option<Permits>>,
    ) -> Result<DrivenCall<'a, Outgoing>> {
        let Self { limiter, began, .. } = self;
        // A caller without a permit has waited since the attempt began.
        let waited = match &permit {
            Ok(permit) => permit.as_ref().map(Permits::waited).unwrap_or_default(),
            Err(_) => limiter.clock().now().saturating_since(began),
        };
        // Take the permits, or end the call.
        let mut call = match permit {
            Err(error) => return Err(give_up(limiter, self.state.denied(error, waited))),
            Ok(None) => self.with(Call::without_permit),
            Ok(Some(permit)) => {
                let is_trial = permit.is_trial();
                let tags = self.state.attempt().parts().tags.clone();
                let mut call = self.with(|state| state.granted(waited, is_trial));
                call.permit = Some(permit.tagged(tags));
                call
            }
        };
        // Remember the request for the observers.
        call.record = limiter.going_out(call.state.attempt(), waited);
        Ok(call)
    }
}

impl<'a> DrivenCall<'a, Outgoing> {
    /// Returns the request to send.
    pub(crate) fn attempt(&self) -> &Attempt {
        self.state.attempt()
    }

    /// Returns why the client's source of tokens must be asked again, because the request waited long.
    pub(crate) fn wanted_token(&self) -> Option<TokenReason> {
        self.attempt().wanted_token(self.limiter.clock().now())
    }

    /// Continues with a token of the source. Without one, the call ends and the permits go back.
    pub(crate) fn with_token(self, token: Result<HeaderValue>) -> Result<Self> {
        match token {
            Ok(token) => {
                let now = self.limiter.clock().now();
                Ok(self.with(|state| state.with_token(token, now)))
            }
            Err(error) => {
                self.permit.into_iter().for_each(Permits::unused);
                Err(give_up(self.limiter, self.state.unsent(error)))
            }
        }
    }

    /// Continues with the head of a response that has arrived.
    pub(crate) fn answered(
        self,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> DrivenCall<'a, Arrived> {
        let limiter = self.limiter;
        let clock = limiter.clock();
        let mut call = self.with(|state| state.answered(status, headers, clock.unix_now()));
        let record = call.record.take();
        call.record = record.map(|record| record.head_arrived(clock.now()));
        call
    }

    /// Continues after a request without a response. Returns the call if the request is retried.
    pub(crate) fn failed(self, cause: NoResponse) -> Result<DrivenCall<'a, Call>> {
        let Self {
            limiter,
            state,
            permit,
            record,
            ..
        } = self;
        let failure = match cause {
            NoResponse::Failed(failure) => failure,
            // Nothing was sent, so the tokens are returned.
            NoResponse::Unsent(error) => {
                permit.into_iter().for_each(Permits::unused);
                return Err(give_up(limiter, state.unsent(error)));
            }
        };
        // Report the failure to the limiter and the observers, then decide on a retry.
        let clock = limiter.clock();
        let record = record.map(|record| record.failed(failure.kind, clock.now()));
        report(limiter, permit, Feedback::Failed, record);
        match state.failed(failure, clock.now()) {
            Ok(state) => Ok(DrivenCall::again(limiter, state)),
            Err(given_up) => Err(give_up(limiter, given_up)),
        }
    }
}

impl<'a> DrivenCall<'a, Arrived> {
    /// Returns whether the body must be read before the response is judged.
    pub(crate) fn wants_body(&self, headers: &HeaderMap) -> bool {
        self.state.wants_body(headers)
    }

    /// Returns whether the caller gets the response if its body changes nothing.
    pub(crate) fn keeps_body(&self) -> bool {
        self.state.keeps_body()
    }

    /// Reports the response to the limiter and the observers. Breaks the loop with a response that the caller
    /// gets.
    pub(crate) fn judge(
        self,
        headers: &HeaderMap,
        body: Option<&[u8]>,
    ) -> Result<ControlFlow<Delivered, DrivenCall<'a, Draining>>> {
        let Self {
            limiter,
            state,
            permit,
            record,
            began,
        } = self;
        let status = state.status();
        let Judged {
            feedback,
            hold,
            next,
        } = state.judge(headers, body);
        let record = record.map(|record| record.answered(status, headers, feedback));
        report(limiter, permit, feedback, record);
        hold.iter().for_each(|hold| limiter.prolong(hold));
        match next {
            Ok(Next::Deliver(delivered)) => Ok(ControlFlow::Break(delivered)),
            Ok(Next::Drain(state)) => Ok(ControlFlow::Continue(DrivenCall {
                limiter,
                state: *state,
                permit: None,
                record: None,
                began,
            })),
            Err(given_up) => Err(give_up(limiter, given_up)),
        }
    }
}

impl<'a> DrivenCall<'a, Draining> {
    /// Whether the caller gets the response in any case, so that its body must not be broken off.
    pub(crate) fn keeps_body(&self) -> bool {
        self.state.keeps_body()
    }

    /// Continues after the beginning of the body was read. Breaks the loop if the caller gets the response.
    pub(crate) fn drained(
        self,
        headers: &HeaderMap,
        body: BodyStart,
    ) -> Result<ControlFlow<Delivered, DrivenCall<'a, Call>>> {
        let Self { limiter, state, .. } = self;
        let Drained { longer, next } = state.drained(headers, body);
        longer.iter().for_each(|longer| limiter.prolong(longer));
        match next {
            Ok(Onward::Deliver(delivered)) => Ok(ControlFlow::Break(delivered)),
            Ok(Onward::Again(state)) => {
                Ok(ControlFlow::Continue(DrivenCall::again(limiter, state)))
            }
            Err(given_up) => Err(give_up(limiter, given_up)),
        }
    }
}

/// Reports an attempt to the limiter, then to the observers.
fn report(
    limiter: &DynamicRateLimiter,
    permit: Option<Permits>,
    feedback: Feedback,
    record: Option<AttemptRecord>,
) {
    give(permit, feedback);
    record
        .into_iter()
        .for_each(|record| limiter.tell_attempt(record));
}

/// Reports to the observers that a call ended with an error, and returns the error.
fn give_up(limiter: &DynamicRateLimiter, given_up: GivenUp) -> api_ratelimiter_core::Error {
    limiter.tell_gave_up(given_up.attempt(), &given_up.error);
    given_up.error
}
