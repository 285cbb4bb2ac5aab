//! The parts of a client that both fronts share: everything but the transport.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::HeaderValue;

use api_ratelimiter_core::attempt::Attempt;
use api_ratelimiter_core::call::Call;
use api_ratelimiter_core::error::{Error, Result};
use api_ratelimiter_core::headers;
use api_ratelimiter_core::outcome::NoResponse;
use api_ratelimiter_core::request::RequestParts;

use super::call::DrivenCall;
use super::settings::{self, ClientSettings};
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

    /// Prepares a request right before it is sent: fetches a token if one is needed, warns of an unencrypted
    /// credential, and calls the caller's `before_send`. Returns the token.
    pub(crate) fn going_out(&self, attempt: &Attempt) -> Result<Option<HeaderValue>, NoResponse> {
        let token = match &self.settings.token_source {
            Some(source) if attempt.wants_token() => {
                Some(settings::fresh_token(source).map_err(NoResponse::Unsent)?)
            }
            _ => None,
        };
        self.warn_if_exposed(attempt.parts(), token.is_some());
        attempt.parts().going_out().map_err(NoResponse::Unsent)?;
        Ok(token)
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
