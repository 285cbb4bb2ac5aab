//! The parts of a client that both fronts share: everything but the transport.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use http::HeaderValue;

use api_ratelimiter_core::attempt::Attempt;
use api_ratelimiter_core::call::{Call, Delivered};
use api_ratelimiter_core::error::{Error, Result};
use api_ratelimiter_core::headers;
use api_ratelimiter_core::outcome::NoResponse;
use api_ratelimiter_core::request::RequestParts;

use super::call::DrivenCall;
use super::settings::ClientSettings;
use crate::memory::Memory;
use crate::observe::Event;
use crate::random;
use crate::rate_limiter::DynamicRateLimiter;

/// Settings, limiter and memory of a client.
pub(crate) struct ClientCore {
    pub(crate) settings: Arc<ClientSettings>,
    pub(crate) limiter: DynamicRateLimiter,
    memory: Option<Memory>,
    /// Whether the warning about an exposed credential was given.
    warned_of_credential: AtomicBool,
    /// One bit for each rule for bodies about which the warning was given; the last is for all further rules.
    warned_of_rules: AtomicU64,
}

impl ClientCore {
    /// Returns a client's core. The limiter starts with what an earlier run learned.
    pub(crate) fn new(
        settings: ClientSettings,
        limiter: DynamicRateLimiter,
        memory: Option<Memory>,
    ) -> Self {
        if let Some(memory) = &memory {
            memory.load(&limiter);
        }
        Self {
            settings: Arc::new(settings),
            limiter,
            memory,
            warned_of_credential: AtomicBool::new(false),
            warned_of_rules: AtomicU64::new(0),
        }
    }

    /// Begins a call. All its attempts carry the same idempotency key, if the configuration asks for one.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`] if the operating system has no random numbers for the key.
    pub(crate) fn begin(&self, mut parts: RequestParts) -> Result<DrivenCall<'_, Call>> {
        let call = &self.settings.call;
        let random = || random::u128().map_err(|error| Error::request("idempotency key", error));
        call.idempotency.mark(&mut parts, &call.base, random)?;
        Ok(DrivenCall::new(&self.limiter, call, parts))
    }

    /// Prepares a request right before it is sent: warns of an unencrypted credential, saves what it uses of a known limit,
    /// and calls the caller's `before_send`.
    pub(crate) fn going_out(&self, attempt: &Attempt) -> Result<(), NoResponse> {
        self.warn_if_exposed(attempt.parts(), attempt.token().is_some());
        if let Some(memory) = &self.memory {
            memory.before_sending(&self.limiter);
        }
        attempt.parts().going_out().map_err(NoResponse::Unsent)
    }

    /// Reports a request that carries a credential over plain HTTP to another machine; once for each client.
    fn warn_if_exposed(&self, parts: &RequestParts, has_token: bool) {
        let origin = parts.address.origin();
        let in_clear = !origin.is_https() && !origin.is_loopback();
        let has_credential = || {
            let is_credential =
                |name, value: &HeaderValue| value.is_sensitive() || headers::is_sensitive(name);
            let mut headers = parts.headers.iter();
            has_token || headers.any(|(name, value)| is_credential(name, value))
        };
        if in_clear && has_credential() && !self.warned_of_credential.swap(true, Ordering::Relaxed)
        {
            self.limiter
                .tell(log::Level::Warn, |about| Event::CredentialExposed {
                    about,
                    origin: origin.to_string(),
                });
        }
    }

    /// Reports a body in which a rule of the configuration can't find refusals; once for each rule.
    pub(crate) fn warn_if_unread(&self, delivered: &Delivered) {
        let reading = delivered.reading();
        let Some(unread) = reading.guidance().unread else {
            return;
        };
        let bit = 1 << unread.rule.min(63);
        let is_new = self.warned_of_rules.fetch_or(bit, Ordering::Relaxed) & bit == 0;
        let path = self.settings.call.reader.rule_path(unread.rule);
        if let Some(path) = path.filter(|_| is_new) {
            self.limiter
                .tell(log::Level::Warn, |about| Event::BodyUnread {
                    about,
                    status: reading.status().as_u16(),
                    path: path.to_owned(),
                    problem: unread.problem.to_owned(),
                });
        }
    }

    /// Saves what was learned, if the last time is long enough ago. Called after each call.
    pub(crate) fn tend_memory(&self) {
        if let Some(memory) = &self.memory {
            memory.tend(&self.limiter);
        }
    }

    /// Saves what was learned.
    pub(crate) fn save_memory(&self) {
        if let Some(memory) = &self.memory {
            memory.save(&self.limiter);
        }
    }

    /// Closes the limiter and saves what was learned. Returns the number of requests in progress.
    pub(crate) fn close(&self) -> usize {
        let in_progress = self.limiter.close();
        self.save_memory();
        in_progress
    }
}

/// Saves what was learned when the last clone of the client is dropped.
impl Drop for ClientCore {
    fn drop(&mut self) {
        self.save_memory();
    }
}

impl fmt::Debug for ClientCore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCore")
            .field("settings", &self.settings)
            .field("limiter", &self.limiter)
            .finish_non_exhaustive()
    }
}
