//! Pagination of the async client. It sends the requests that the walk asks for; the core decides.

use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use futures_core::stream::FusedStream;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use super::client::AsyncDynamicAPIClient;
use api_ratelimiter_core::config::{FieldPath, Pagination};
use api_ratelimiter_core::error::{Effort, Error, Result};
use api_ratelimiter_core::paginate::{Page, Position, RemainingItems, Walk};
use api_ratelimiter_core::request::RequestParts;

/// The pages of a collection as a [`Stream`], one request for each; returned by
/// [`AsyncRequestBuilder::pages`](crate::AsyncRequestBuilder::pages) and
/// [`pages_by`](crate::AsyncRequestBuilder::pages_by).
///
/// It behaves as the blocking [`Pages`](crate::Pages). Dropping the future of [`next`](Self::next) loses
/// nothing: the stream keeps the request in progress, and the next call continues with it. Dropping the
/// stream cancels that request; take its [`position`](Self::position) before to fetch the page later.
///
/// ```no_run
/// use api_ratelimiter::make_async_client_for;
///
/// # async fn run() -> api_ratelimiter::Result<()> {
/// let client = make_async_client_for("github")?;
/// let mut pages = client.get("/orgs/rust-lang/repos").query("per_page", 100).pages();
/// while let Some(page) = pages.next().await {
///     let page = page?;
///     println!("page {}: {} repositories", page.number(), page.items().len());
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is sent before it is polled"]
pub struct AsyncPages {
    client: AsyncDynamicAPIClient,
    walk: Walk,
    /// Deadline of each page.
    deadline: Option<Duration>,
    under_way: Option<(RequestParts, Fetch)>,
}

/// A page that is being fetched.
type Fetch = Pin<Box<dyn Future<Output = Result<Fetched, Lost>> + Send>>;

type Fetched = (StatusCode, HeaderMap, Vec<u8>, Effort);

/// Why a page could not be fetched.
enum Lost {
    Call(Error),
    Body(Error),
}

impl AsyncPages {
    pub(super) fn new(
        client: AsyncDynamicAPIClient,
        parts: Result<RequestParts>,
        deadline: Option<Duration>,
        pagination: Option<Pagination>,
    ) -> Self {
        Self {
            client,
            walk: Walk::new(pagination, parts),
            deadline,
            under_way: None,
        }
    }

    /// Sets the field of a response that holds the array of items, for APIs where that depends on the path.
    /// Defaults to the field that the [`Pagination`] names.
    pub fn items_at(mut self, place: impl Into<FieldPath>) -> Self {
        self.walk.items_at(place.into());
        self
    }

    /// Continues at the position of an earlier walk, in this run or another, of either client.
    pub fn resume_from(mut self, position: Position) -> Self {
        self.walk.resume(position);
        self
    }

    /// Returns the position at which the next page starts.
    #[must_use]
    pub fn position(&self) -> Position {
        self.walk.position().clone()
    }

    /// Returns the next page; `None` at the end and after an error. Equivalent to polling the stream.
    pub async fn next(&mut self) -> Option<Result<Page>> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// Returns the items of all pages one by one, parsed as `T`.
    pub fn items<T: DeserializeOwned>(self) -> AsyncItems<T> {
        AsyncItems {
            pages: self,
            shelf: None,
            of: PhantomData,
        }
    }

    fn fetch(&self, parts: &RequestParts) -> Fetch {
        let (client, parts) = (self.client.clone(), parts.clone());
        Box::pin(async move {
            let response = client.run(parts).await.map_err(Lost::Call)?;
            let response = response.error_for_status().await.map_err(Lost::Call)?;
            let (status, headers) = (response.status(), response.headers().clone());
            let effort = response.effort();
            let body = response.bytes().await.map_err(Lost::Body)?;
            Ok((status, headers, body, effort))
        })
    }
}

impl Stream for AsyncPages {
    type Item = Result<Page>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let (parts, mut fetch) = match this.under_way.take() {
            Some(under_way) => under_way,
            None => {
                let mut parts = match this.walk.request() {
                    Some(Ok(parts)) => parts,
                    Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                    None => return Poll::Ready(None),
                };
                let now = this.client.limiter().clock().now();
                parts.deadline = this.deadline.map(|deadline| now + deadline);
                let fetch = this.fetch(&parts);
                (parts, fetch)
            }
        };
        loop {
            let Poll::Ready(outcome) = fetch.as_mut().poll(context) else {
                this.under_way = Some((parts, fetch));
                return Poll::Pending;
            };
            let now = this.client.limiter().clock().now();
            let retry_transport = this.client.settings().call.retry_transport;
            match outcome {
                Ok((status, headers, body, effort)) => {
                    let page = this.walk.arrived(status, headers, body);
                    return Poll::Ready(Some(this.walk.with_effort(page, effort)));
                }
                Err(Lost::Call(error)) => return Poll::Ready(Some(Err(this.walk.failed(error)))),
                Err(Lost::Body(error)) => {
                    if let Err(error) = this.walk.broke_off(error, &parts, retry_transport, now) {
                        return Poll::Ready(Some(Err(error)));
                    }
                    fetch = this.fetch(&parts);
                }
            }
        }
    }
}

impl FusedStream for AsyncPages {
    fn is_terminated(&self) -> bool {
        self.under_way.is_none() && self.walk.is_over()
    }
}

impl fmt::Debug for AsyncPages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncPages")
            .field("position", self.walk.position())
            .finish_non_exhaustive()
    }
}

/// The items of all pages of a collection as a [`Stream`]; returned by [`AsyncPages::items`].
///
/// It behaves as the blocking [`Items`](crate::Items), and may be cancelled as [`AsyncPages`] may.
#[must_use = "nothing is sent before it is polled"]
pub struct AsyncItems<T> {
    pages: AsyncPages,
    shelf: Option<RemainingItems>,
    of: PhantomData<fn() -> T>,
}

impl<T> AsyncItems<T> {
    /// Returns the position from which no item is missed: the start of the page that holds the next item.
    #[must_use]
    pub fn position(&self) -> Position {
        let in_page = self.shelf.as_ref().and_then(RemainingItems::position);
        in_page.unwrap_or(self.pages.walk.position()).clone()
    }
}

impl<T: DeserializeOwned> AsyncItems<T> {
    /// Returns the next item; `None` at the end and after an error. Equivalent to polling the stream.
    pub async fn next(&mut self) -> Option<Result<T>> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }
}

impl<T: DeserializeOwned> Stream for AsyncItems<T> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if this.pages.walk.is_over() {
                return Poll::Ready(None);
            }
            if let Some(item) = this.shelf.as_mut().and_then(RemainingItems::take) {
                if item.is_err() {
                    this.pages.walk.stop();
                }
                return Poll::Ready(Some(item));
            }
            let start = this.pages.position();
            match ready!(Pin::new(&mut this.pages).poll_next(context)) {
                Some(Ok(page)) => this.shelf = Some(RemainingItems::of(page, start)),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl<T> fmt::Debug for AsyncItems<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncItems")
            .field("position", &self.position())
            .finish_non_exhaustive()
    }
}
