//! Sending of a request by the async client.

use super::client::AsyncDynamicAPIClient;
use super::pages::AsyncPages;
use super::response::AsyncResponse;
use crate::client::builder::Async;
use crate::client::methods::request_methods;
use crate::client::request::RequestBuilder;
use api_ratelimiter_core::config::Pagination;
use api_ratelimiter_core::error::Result;

/// A request of an [`AsyncDynamicAPIClient`](crate::AsyncDynamicAPIClient).
pub type AsyncRequestBuilder = RequestBuilder<Async>;

impl RequestBuilder<Async> {
    /// Sends the request and waits for its response, as the blocking
    /// [`send`](crate::RequestBuilder::send) does.
    ///
    /// A deadline counts from the first poll. A future that is dropped while it waits for its turn leaves the
    /// queue, and nothing was sent. If it is dropped while a request is in progress, the request counts as
    /// neutral and its connection is closed; the server may or may not have processed the request.
    ///
    /// # Errors
    ///
    /// As for the blocking [`send`](crate::RequestBuilder::send).
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with its I/O and its timer enabled.
    pub async fn send(self) -> Result<AsyncResponse> {
        let (client, parts, deadline) = self.assembled();
        let mut parts = parts?;
        parts.deadline = deadline.map(|deadline| client.limiter().clock().now() + deadline);
        client.run(parts).await
    }

    /// Returns the pages of the collection that this request asks for, in the style that the configuration
    /// names. A [`deadline`](Self::deadline) applies to each page.
    pub fn pages(self) -> AsyncPages {
        let pagination = self.settings().pagination.clone();
        let (client, parts, deadline) = self.assembled();
        AsyncPages::new(client, parts, deadline, pagination)
    }

    /// Returns the pages of the collection in the given style, where the configuration names none or another.
    pub fn pages_by(self, pagination: Pagination) -> AsyncPages {
        let (client, parts, deadline) = self.assembled();
        AsyncPages::new(client, parts, deadline, Some(pagination))
    }
}

request_methods!(AsyncDynamicAPIClient, AsyncRequestBuilder);
