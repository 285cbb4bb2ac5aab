//! How a request that was put together is sent.

use super::client::DynamicAPIClient;
use super::pages::Pages;
use super::response::Response;
use crate::client::builder::Blocking;
use crate::client::methods::request_methods;
use crate::client::request::RequestBuilder;
use api_ratelimiter_core::config::Pagination;
use api_ratelimiter_core::error::Result;

impl RequestBuilder<Blocking> {
    /// Sends the request and waits for its answer.
    ///
    /// Answers from 2xx to 5xx are values. Refusals are waited out and sent again: a 429, and what the
    /// configuration knows as not processed, with every method; other backoff statuses if the request is
    /// idempotent or carries an idempotency key; else the caller gets the answer.
    /// Up to 10 redirects are followed.
    ///
    /// Without a deadline a call takes at most, for each of its attempts (1 + `max_retries_on_backoff`,
    /// and redirects and `retry_transport`), the wait for its turn in the queue, a pause of up to
    /// `max_cooldown`, and the sum of the [`Timeouts`](crate::Timeouts). To bound it in all, use
    /// [`deadline`](Self::deadline).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`](crate::Error::InvalidRequest) for anything that was wrong with what the builder was given;
    /// [`Error::BackoffExhausted`](crate::Error::BackoffExhausted), [`Error::CooldownTooLong`](crate::Error::CooldownTooLong), [`Error::DeadlineTooShort`](crate::Error::DeadlineTooShort),
    /// [`Error::Transport`](crate::Error::Transport); [`Error::Closed`](crate::Error::Closed) after
    /// [`close`](crate::DynamicAPIClient::close); [`Error::CircuitOpen`](crate::Error::CircuitOpen) and
    /// [`Error::Fleet`](crate::Error::Fleet) where there is a breaker or a fleet; and what a function of the
    /// caller's (a source of tokens, `before_send`) came back with.
    pub fn send(self) -> Result<Response> {
        let (client, parts, deadline) = self.assembled();
        let mut parts = parts?;
        parts.deadline = deadline.map(|deadline| client.limiter().clock().now() + deadline);
        client.run(parts)
    }

    /// The pages of the collection that this request asks for, in the style that the configuration
    /// names; [`deadline`](Self::deadline) holds for each page.
    pub fn pages(self) -> Pages {
        let pagination = self.settings().pagination.clone();
        let (client, parts, deadline) = self.assembled();
        Pages::new(client, parts, deadline, pagination)
    }

    /// The same in another style than the configuration's, or where that names none.
    pub fn pages_by(self, pagination: Pagination) -> Pages {
        let (client, parts, deadline) = self.assembled();
        Pages::new(client, parts, deadline, Some(pagination))
    }
}

request_methods!(DynamicAPIClient, RequestBuilder);
