//! A page, whole or item by item.

use std::fmt;
use std::time::Duration;
use std::vec;

use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::position::Position;
use crate::error::{Effort, Error, Result};
use crate::headers::HeaderNames;

/// One whole page of a collection.
///
/// `Debug` shows counts and the names of headers, never contents.
pub struct Page {
    /// The request, as errors call it.
    pub(super) request: Box<str>,
    /// Number in the walk, from 1.
    pub(super) number: u64,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// Items, taken out of the body's JSON.
    pub(super) items: Vec<Value>,
    /// Where the next page starts.
    pub(super) next: Position,
    pub(super) effort: Effort,
}

impl Page {
    /// Returns the number of the page in its walk, from 1. A walk that is continued from a [`Position`]
    /// counts on.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Returns the items. An empty page need not be the last.
    #[must_use]
    pub fn items(&self) -> &[Value] {
        &self.items
    }

    /// Returns the items by value.
    #[must_use]
    pub fn into_items(self) -> Vec<Value> {
        self.items
    }

    /// Parses the whole body as JSON, for data beside the items or for items of a type of your own.
    ///
    /// # Errors
    ///
    /// [`Error::Decode`] if the body does not have the shape of `T`. The error does not contain the body.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Error::decode(&self.request, self.body.len(), &error))
    }

    /// Returns the status, which is 200 as a rule.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Requests that were sent for this page: 1 unless there were refusals, redirects or broken
    /// connections.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.effort.attempts()
    }

    /// Time spent waiting for permits, for this page.
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.effort.waited()
    }

    /// Returns where the page after this one starts. Store it when this page has been processed.
    #[must_use]
    pub fn position(&self) -> &Position {
        &self.next
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page")
            .field("number", &self.number)
            .field("status", &self.status)
            .field("headers", &HeaderNames(&self.headers))
            .field("items", &self.items.len())
            .field("body_bytes", &self.body.len())
            .field("position", &self.next)
            .finish()
    }
}

impl fmt::Debug for RemainingItems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemainingItems")
            .field("page", &self.page)
            .field("items", &self.items.len())
            .finish_non_exhaustive()
    }
}

/// The rest of a page whose items are taken one by one.
pub struct RemainingItems {
    request: Box<str>,
    page: u64,
    body_bytes: usize,
    /// Where the page itself starts.
    start: Position,
    items: vec::IntoIter<Value>,
    handed_out: u64,
    spoilt: bool,
}

impl RemainingItems {
    /// Takes a page apart; `start` is where the page itself starts.
    #[must_use]
    pub fn of(page: Page, start: Position) -> Self {
        Self {
            request: page.request,
            page: page.number,
            body_bytes: page.body.len(),
            start,
            items: page.items.into_iter(),
            handed_out: 0,
            spoilt: false,
        }
    }

    /// Takes the next item, as a `T`; `None` if none is left.
    ///
    /// # Errors
    ///
    /// [`Error::Decode`] with the numbers of page and item if the item does not have the shape of `T`.
    pub fn take<T: DeserializeOwned>(&mut self) -> Option<Result<T>> {
        let item = self.items.next()?;
        self.handed_out += 1;
        Some(serde_json::from_value(item).map_err(|error| {
            self.spoilt = true;
            self.unreadable(&error)
        }))
    }

    /// Returns where to continue so that no item is missed: the start of this page while items of it are
    /// left, or if one could not be read. `None` after the last item.
    pub fn position(&self) -> Option<&Position> {
        (self.spoilt || self.items.len() > 0).then_some(&self.start)
    }

    /// Returns the error for the item that was taken last.
    fn unreadable(&self, error: &serde_json::Error) -> Error {
        let error = Error::decode(&self.request, self.body_bytes, error);
        let Error::Decode {
            request,
            bytes,
            problem,
            effort,
        } = error
        else {
            return error;
        };
        let (page, item) = (self.page, self.handed_out);
        Error::Decode {
            request,
            bytes,
            problem: format!("page {page}, item {item}: {problem}").into(),
            effort,
        }
    }
}
