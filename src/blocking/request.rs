//! Sending of a request by the blocking client.

use super::client::DynamicAPIClient;
use super::pages::Pages;
use super::response::Response;
use crate::client::builder::Blocking;
use crate::client::methods::request_methods;
use crate::client::request::RequestBuilder;
use api_ratelimiter_core::config::Pagination;
use api_ratelimiter_core::error::Result;

impl RequestBuilder<Blocking> {
    /// Sends the request and waits for its response.
    ///
    /// A response with a status from 2xx to 5xx is a value and not an error. A refused request waits and is
    /// retried: with every method after a 429, and after a status that the configuration lists as not
    /// processed; after other backoff statuses only if the request is idempotent or carries an idempotency
    /// key. Otherwise the caller gets the response. Up to 10 redirects are followed.
    ///
    /// Each attempt takes at most the wait for its turn in the queue, a pause of up to `max_cooldown`, and the
    /// sum of the [`Timeouts`](crate::Timeouts). The number of attempts is 1 + `max_retries_on_backoff`, plus
    /// redirects and `retry_transport`. Use [`deadline`](Self::deadline) to limit the whole call.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`](crate::Error::InvalidRequest) for the first invalid value that the builder was given;
    /// [`Error::QuotaExhausted`](crate::Error::QuotaExhausted) for a refusal that no pause cures;
    /// [`Error::BackoffExhausted`](crate::Error::BackoffExhausted), [`Error::CooldownTooLong`](crate::Error::CooldownTooLong), [`Error::DeadlineTooShort`](crate::Error::DeadlineTooShort),
    /// [`Error::Transport`](crate::Error::Transport); [`Error::Closed`](crate::Error::Closed) after
    /// [`close`](crate::DynamicAPIClient::close); [`Error::CircuitOpen`](crate::Error::CircuitOpen) and
    /// [`Error::Fleet`](crate::Error::Fleet) where there is a breaker or a fleet; and the error that a function
    /// of the caller's (a source of tokens, `before_send`) returned.
    pub fn send(self) -> Result<Response> {
        let (client, parts, deadline) = self.assembled();
        let mut parts = parts?;
        parts.deadline = deadline.map(|deadline| client.limiter().clock().now() + deadline);
        client.run(parts)
    }

    /// Returns the pages of the collection that this request asks for, in the style that the configuration
    /// names. A [`deadline`](Self::deadline) applies to each page.
    pub fn pages(self) -> Pages {
        let pagination = self.settings().pagination.clone();
        let (client, parts, deadline) = self.assembled();
        Pages::new(client, parts, deadline, pagination)
    }

    /// Returns the pages of the collection in the given style, where the configuration names none or another.
    pub fn pages_by(self, pagination: Pagination) -> Pages {
        let (client, parts, deadline) = self.assembled();
        Pages::new(client, parts, deadline, Some(pagination))
    }
}

request_methods!(DynamicAPIClient, RequestBuilder);
