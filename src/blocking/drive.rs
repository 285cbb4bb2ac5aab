//! The loop: permit, send, feedback, again or done.

use std::time::Duration;

use http::{HeaderMap, StatusCode};

use crate::rate_limiter::{DynamicRateLimiter, Permits, give};
use api_ratelimiter_core::attempt::{Attempt, Feedback, Next, NoAnswer, Onward};
use api_ratelimiter_core::error::Result;
use api_ratelimiter_core::reply::Reply;

/// An answer whose head has come and whose body has not been read.
pub(super) trait Answer {
    fn status(&self) -> StatusCode;
    fn headers(&self) -> &HeaderMap;
    /// The body's beginning, which stays part of the answer.
    fn peek(&mut self) -> &[u8];
    /// Reads the body away, as far as that is quickly done; what was read stays part of the answer.
    fn drain(&mut self) -> Reply;
}

/// Brings a call to its end by `send`. Returns the answer with the attempt that led to it.
pub(super) fn drive<A: Answer>(
    limiter: &DynamicRateLimiter,
    mut attempt: Attempt,
    send: impl FnMut(&Attempt) -> Result<A, NoAnswer>,
) -> Result<(A, Attempt)> {
    match to_the_end(limiter, &mut attempt, send) {
        Ok(answer) => Ok((answer, attempt)),
        Err(error) => {
            let error = error.with_effort(attempt.effort());
            limiter.tell_gave_up(&attempt, &error);
            Err(error)
        }
    }
}

fn to_the_end<A: Answer>(
    limiter: &DynamicRateLimiter,
    attempt: &mut Attempt,
    mut send: impl FnMut(&Attempt) -> Result<A, NoAnswer>,
) -> Result<A> {
    let clock = limiter.clock();
    loop {
        let (mut permit, mut waited) = (None, Duration::ZERO);
        if let Some(wanted) = attempt.acquire() {
            let granted = limiter
                .acquire_for(&wanted)
                .map_err(|error| attempt.gave_up(error))?;
            waited = granted.waited();
            attempt.granted(waited);
            attempt.goes_on_trial(granted.is_trial());
            permit = Some(granted.tagged(attempt.parts().tags.clone()));
        }
        let mut heard = limiter.going_out(attempt, waited);
        match send(attempt) {
            Ok(mut answer) => {
                let (status, unix_now) = (answer.status(), clock.unix_now());
                let body = if attempt.wants_body(status, answer.headers(), unix_now) {
                    answer.peek().to_vec()
                } else {
                    Vec::new()
                };
                let headers = answer.headers();
                let (feedback, next) = attempt.answered(status, headers, &body, unix_now);
                if let Some(heard) = &mut heard {
                    heard.answered(status, headers, feedback, clock.now());
                }
                give(permit, feedback);
                heard
                    .into_iter()
                    .for_each(|heard| limiter.tell_attempt(heard));
                match next? {
                    Next::Deliver => return Ok(answer),
                    Next::Again => match attempt.again(answer.drain(), unix_now)? {
                        Onward::Deliver => return Ok(answer),
                        Onward::Resend(longer) => {
                            longer.iter().for_each(|longer| limiter.prolong(longer));
                        }
                    },
                }
            }
            Err(NoAnswer::Failed(failure)) => {
                if let Some(heard) = &mut heard {
                    heard.failed(failure.kind, clock.now());
                }
                give(permit, Feedback::Failed);
                heard
                    .into_iter()
                    .for_each(|heard| limiter.tell_attempt(heard));
                attempt.failed(failure, clock.now())?;
            }
            Err(NoAnswer::Unsent(error)) => {
                permit.into_iter().for_each(Permits::unused);
                return Err(error);
            }
        }
    }
}

#[cfg(test)]
#[path = "drive_tests.rs"]
mod tests;
