//! Page by page: sends and reads what the walk asks for, and decides nothing.

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

/// The pages of a collection, one request each; made by [`RequestBuilder::pages`] and
/// [`RequestBuilder::pages_by`].
///
/// Every page goes through the limiter as any request does: refusals are waited out. It is taken for
/// reading, also where it is a POST, unless [`idempotent(false)`](crate::RequestBuilder::idempotent) was said;
/// so a page whose body breaks off is fetched again, as often as
/// [`retry_transport`](crate::ClientBuilder::retry_transport) allows. A page is delivered whole and
/// once, or not at all.
///
/// After an error the iterator is at its end; [`position`](Self::position) is then where the page
/// starts that could not be had, and [`resume_from`](Self::resume_from) tries it again.
///
/// # Errors
///
/// What [`send`](crate::RequestBuilder::send) and [`error_for_status`](Response::error_for_status) return;
/// [`Error::BodyTooLarge`](crate::Error::BodyTooLarge); and
/// [`Error::Pagination`](crate::Error::Pagination) for an answer that is no page of this style (no
/// JSON, no array where the items should be), that says more would follow but not where, that leads
/// back to a place where this walk has been, or whose link leads to another origin.
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
    /// For each page.
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

    /// Where in an answer the array of items stands, for APIs where that depends on the path: Slack's
    /// `users.list` has `"members"`. Defaults to what the [`Pagination`] says.
    pub fn items_at(mut self, place: impl Into<FieldPath>) -> Self {
        self.walk.items_at(place.into());
        self
    }

    /// Goes on where an earlier walk was, in this run or another.
    ///
    /// Give the same request as then. A position of another path or another style is an error at the
    /// first `next()`; one that was at the end yields nothing.
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

/// The items of all pages of a collection, one by one; made by [`Pages::items`].
///
/// After an error the iterator is at its end, also after an item of another shape
/// ([`Error::Decode`](crate::Error::Decode), which names page and item, not the contents): skipping
/// unseen items would lose them. To look at odd items, take them as [`serde_json::Value`].
#[must_use = "nothing is sent before next()"]
pub struct Items<T> {
    pages: Pages,
    shelf: Option<RemainingItems>,
    of: PhantomData<fn() -> T>,
}

impl<T> Items<T> {
    /// Where to go on so that no item is missed: the start of the page that holds the next item.
    ///
    /// In the midst of a page that is the page's own start, so that its items come again after
    /// [`Pages::resume_from`]: each item comes at least once. Right after a page's last item it is the
    /// start of the next.
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
