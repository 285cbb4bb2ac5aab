//! How a request that was put together is sent.

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
    /// Sends the request and waits for its answer, as the blocking
    /// [`send`](crate::RequestBuilder::send) does.
    ///
    /// A deadline counts from the first poll. Dropped while it waits for its turn, the call leaves the
    /// queue and nothing was sent; dropped while a request is under way, that request counts as neutral
    /// and its connection is closed: whether the server did what was asked is unknown.
    ///
    /// # Errors
    ///
    /// As for the blocking one.
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

    /// The pages of the collection that this request asks for, in the style that the configuration
    /// names; [`deadline`](Self::deadline) holds for each page.
    pub fn pages(self) -> AsyncPages {
        let pagination = self.settings().pagination.clone();
        let (client, parts, deadline) = self.assembled();
        AsyncPages::new(client, parts, deadline, pagination)
    }

    /// The same in another style than the configuration's, or where that names none.
    pub fn pages_by(self, pagination: Pagination) -> AsyncPages {
        let (client, parts, deadline) = self.assembled();
        AsyncPages::new(client, parts, deadline, Some(pagination))
    }
}

request_methods!(AsyncDynamicAPIClient, AsyncRequestBuilder);
