//! The token of a call: why its source is asked, and how long its word is good.

use std::time::Duration;

use http::HeaderValue;

use crate::time::Time;

/// Why a source of tokens is asked for a token.
///
/// ```
/// use api_ratelimiter_core::TokenReason;
///
/// fn may_use_the_cache(why: TokenReason) -> bool {
///     !matches!(why, TokenReason::Expired { .. })
/// }
/// assert!(may_use_the_cache(TokenReason::First));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenReason {
    /// A request is about to be sent, and the server has not rejected the token that this source returned last for
    /// the call: a cached token will do.
    First,
    /// The server answered with 401 to the token of this call, so it expired or was revoked: empty the cache.
    #[non_exhaustive]
    Expired {
        /// Number of tokens of this call that were rejected, from 1 to 3.
        times: u32,
    },
}

/// Most tokens of one call that are renewed after a 401.
const MOST_RENEWALS: u32 = 3;

/// Longest time that a token waits with its request in the queue. An older one is asked for again, because tokens
/// expire.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The token of one call.
#[derive(Debug, Default)]
pub(crate) struct CallToken {
    value: Option<HeaderValue>,
    /// Time at which the source was asked.
    asked: Time,
    /// Number of tokens that the server rejected.
    rejected: u32,
    /// Whether the last one was rejected.
    is_rejected: bool,
}

impl CallToken {
    /// Returns why the source must be asked now; `None` if the token at hand will do.
    pub(crate) fn reason(&self, now: Time) -> Option<TokenReason> {
        if self.is_rejected {
            return Some(TokenReason::Expired {
                times: self.rejected,
            });
        }
        let is_old = now.saturating_since(self.asked) > LONGEST_WAIT;
        (self.value.is_none() || is_old).then_some(TokenReason::First)
    }

    /// Keeps a token that the source returned at `now`.
    pub(crate) fn renew(&mut self, value: HeaderValue, now: Time) {
        self.value = Some(value);
        self.asked = now;
        self.is_rejected = false;
    }

    /// Forgets the token after an attempt: the source is asked before each one.
    pub(crate) fn spend(&mut self) {
        self.value = None;
    }

    /// Takes note of a 401. Returns whether the request is sent again with a fresh token.
    pub(crate) fn reject(&mut self) -> bool {
        self.is_rejected = self.rejected < MOST_RENEWALS;
        self.rejected += u32::from(self.is_rejected);
        self.is_rejected
    }

    pub(crate) fn value(&self) -> Option<&HeaderValue> {
        self.value.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> HeaderValue {
        HeaderValue::from_static("Bearer t")
    }

    #[test]
    fn a_token_is_good_for_one_attempt_and_one_minute() {
        let mut call = CallToken::default();
        let start = Time::ZERO;
        assert_eq!(call.reason(start), Some(TokenReason::First));
        call.renew(token(), start);
        assert_eq!(call.reason(start + LONGEST_WAIT), None);
        let late = start + LONGEST_WAIT + Duration::from_nanos(1);
        assert_eq!(call.reason(late), Some(TokenReason::First));
        call.spend();
        assert_eq!(call.reason(start), Some(TokenReason::First));
    }

    #[test]
    fn three_rejected_tokens_are_renewed() {
        let mut call = CallToken::default();
        for times in 1..=3 {
            call.renew(token(), Time::ZERO);
            assert!(call.reject());
            assert_eq!(
                call.reason(Time::ZERO),
                Some(TokenReason::Expired { times })
            );
        }
        call.renew(token(), Time::ZERO);
        assert!(!call.reject());
        assert_eq!(call.reason(Time::ZERO), None, "nothing more is asked");
    }
}
