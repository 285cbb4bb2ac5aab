//! Pagination of the blocking client. It sends the requests that the walk asks for; the core decides.

use std::fmt;
use std::iter::FusedIterator;
use std::marker::PhantomData;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::client::DynamicAPIClient;
use super::response::Response;
use api_ratelimiter_core::config::{FieldPath, Pagination};
use api_ratelimiter_core::error::Result;
use api_ratelimiter_core::paginate::{Page, Position, RemainingItems, Walk};
use api_ratelimiter_core::request::RequestParts;

/// The pages of a collection, one request for each; returned by [`RequestBuilder::pages`] and
/// [`RequestBuilder::pages_by`].
///
/// Every page goes through the limiter as any request does: refusals are waited out. The request counts as
/// idempotent, even a POST, unless [`idempotent(false)`](crate::RequestBuilder::idempotent) was set. So a
/// page with a truncated body is fetched again, as often as
/// [`retry_transport`](crate::ClientBuilder::retry_transport) allows. A page is delivered whole and
/// once, or not at all.
///
/// The iterator ends after an error. [`position`](Self::position) is then the start of the page that
/// failed, and [`resume_from`](Self::resume_from) tries that page again. A page with items that does not say where
/// the next one starts is delivered, and the next call returns the error; `resume_from` would then deliver that
/// page again.
///
/// # Errors
///
/// The errors of [`send`](crate::RequestBuilder::send) and [`error_for_status`](Response::error_for_status);
/// [`Error::BodyTooLarge`](crate::Error::BodyTooLarge); and
/// [`Error::Pagination`](crate::Error::Pagination) for a response that is not a page of this style (not
/// JSON, or without the array of items), that announces another page without its place, that leads
/// back to a page of this walk, or whose link leads to another origin.
///
/// [`RequestBuilder::pages`]: crate::RequestBuilder::pages
/// [`RequestBuilder::pages_by`]: crate::RequestBuilder::pages_by
///
/// ```no_run
/// use api_ratelimiter::make_client_for;
///
/// # fn main() -> api_ratelimiter::Result<()> {
/// let client = make_client_for("github")?;
/// for page in client.get("/orgs/rust-lang/repos").query("per_page", 100).pages() {
///     let page = page?;
///     println!("page {}: {} repositories", page.number(), page.items().len());
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is sent before next()"]
pub struct Pages {
    client: DynamicAPIClient,
    walk: Walk,
    /// Deadline of each page.
    deadline: Option<Duration>,
}

impl Pages {
    pub(super) fn new(
        client: DynamicAPIClient,
        parts: Result<RequestParts>,
        deadline: Option<Duration>,
        pagination: Option<Pagination>,
    ) -> Self {
        Self {
            client,
            walk: Walk::new(pagination, parts),
            deadline,
        }
    }

    /// Sets the field of a response that holds the array of items, for APIs where that depends on the path:
    /// `"members"` for Slack's `users.list`. Defaults to the field that the [`Pagination`] names.
    pub fn items_at(mut self, place: impl Into<FieldPath>) -> Self {
        self.walk.items_at(place.into());
        self
    }

    /// Continues at the position of an earlier walk, in this run or another.
    ///
    /// The request must be the one of the earlier walk. A position of another path or another style is an
    /// error at the first `next()`. A position at the end of the collection returns no pages.
    pub fn resume_from(mut self, position: Position) -> Self {
        self.walk.resume(position);
        self
    }

    /// Returns the position at which the next page starts.
    #[must_use]
    pub fn position(&self) -> Position {
        self.walk.position().clone()
    }

    /// Returns the items of all pages one by one, parsed as `T`.
    ///
    /// ```no_run
    /// use api_ratelimiter::make_client_for;
    ///
    /// #[derive(serde::Deserialize)]
    /// struct User {
    ///     id: String,
    /// }
    ///
    /// # fn main() -> api_ratelimiter::Result<()> {
    /// let client = make_client_for("notion")?;
    /// for user in client.get("/users").pages().items::<User>() {
    ///     println!("{}", user?.id);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn items<T: DeserializeOwned>(self) -> Items<T> {
        Items {
            pages: self,
            shelf: None,
            of: PhantomData,
        }
    }

    fn fetch(&mut self, mut parts: RequestParts) -> Result<Page> {
        let clock = self.client.limiter().clock();
        let retry_transport = self.client.settings().call.retry_transport;
        parts.deadline = self.deadline.map(|deadline| clock.now() + deadline);
        loop {
            let response = self
                .client
                .run(parts.clone())
                .and_then(Response::error_for_status)
                .map_err(|error| self.walk.failed(error))?;
            let (status, headers) = (response.status(), response.headers().clone());
            let effort = response.effort();
            match response.bytes() {
                Ok(body) => {
                    let page = self.walk.arrived(status, headers, body);
                    return self.walk.with_effort(page, effort);
                }
                Err(error) => self
                    .walk
                    .broke_off(error, &parts, retry_transport, clock.now())?,
            }
        }
    }
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        let parts = self.walk.request()?;
        Some(parts.and_then(|parts| self.fetch(parts)))
    }
}

impl FusedIterator for Pages {}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages")
            .field("position", self.walk.position())
            .finish_non_exhaustive()
    }
}

/// The items of all pages of a collection, one by one; returned by [`Pages::items`].
///
/// The iterator ends after an error, because skipping unseen items would lose them. An item that is not a
/// valid `T` is such an error ([`Error::Decode`](crate::Error::Decode), which names page and item, not the
/// contents). Parse the items as [`serde_json::Value`] if they have several shapes.
#[must_use = "nothing is sent before next()"]
pub struct Items<T> {
    pages: Pages,
    shelf: Option<RemainingItems>,
    of: PhantomData<fn() -> T>,
}

impl<T> Items<T> {
    /// Returns the position from which no item is missed: the start of the page that holds the next item.
    ///
    /// In the middle of a page it is the start of this page, so that [`Pages::resume_from`] returns some items
    /// again: each item is returned at least once. After the last item of a page it is the start of the next
    /// page.
    #[must_use]
    pub fn position(&self) -> Position {
        let in_page = self.shelf.as_ref().and_then(RemainingItems::position);
        in_page.unwrap_or(self.pages.walk.position()).clone()
    }
}

impl<T: DeserializeOwned> Iterator for Items<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.pages.walk.is_over() {
                return None;
            }
            if let Some(item) = self.shelf.as_mut().and_then(RemainingItems::take) {
                if item.is_err() {
                    self.pages.walk.stop();
                }
                return Some(item);
            }
            let start = self.pages.position();
            match self.pages.next()? {
                Ok(page) => self.shelf = Some(RemainingItems::of(page, start)),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl<T: DeserializeOwned> FusedIterator for Items<T> {}

impl<T> fmt::Debug for Items<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Items")
            .field("position", &self.position())
            .finish_non_exhaustive()
    }
}
