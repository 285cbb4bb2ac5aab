//! A page, and its items one by one.

use std::fmt;
use std::time::Duration;
use std::vec;

use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::position::Position;
use crate::error::{Effort, Error, Result};
use crate::headers::HeaderNames;

/// One page of a collection, whole.
///
/// `Debug` shows counts and the names of headers, never contents.
pub struct Page {
    pub(super) request: Box<str>,
    pub(super) number: u64,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) items: Vec<Value>,
    pub(super) next: Position,
    pub(super) effort: Effort,
}

impl Page {
    /// The how-many-th page of the walk it is, from 1; a walk that goes on from a [`Position`] counts
    /// on.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The items. A page may be empty and others follow all the same.
    #[must_use]
    pub fn items(&self) -> &[Value] {
        &self.items
    }

    /// The items, to keep.
    #[must_use]
    pub fn into_items(self) -> Vec<Value> {
        self.items
    }

    /// The whole body as JSON: what stands beside the items, or the items in types of yours.
    ///
    /// # Errors
    ///
    /// [`Error::Decode`] if it has another shape, without its contents.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Error::decode(&self.request, self.body.len(), &error))
    }

    /// The status, 200 as a rule.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
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

    /// Where the page after this one starts: store it once this page is worked through.
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

/// What is left of a page whose items are handed out one by one.
pub struct Shelf {
    request: Box<str>,
    page: u64,
    body_bytes: usize,
    /// Where the page itself starts.
    start: Position,
    items: vec::IntoIter<Value>,
    handed_out: u64,
    spoilt: bool,
}

impl Shelf {
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

    /// The next item in the wanted type.
    pub fn take<T: DeserializeOwned>(&mut self) -> Option<Result<T>> {
        let item = self.items.next()?;
        self.handed_out += 1;
        Some(serde_json::from_value(item).map_err(|error| {
            self.spoilt = true;
            self.unreadable(&error)
        }))
    }

    /// Where to go on so that no item is missed: the page's own start while anything is left of it.
    pub fn position(&self) -> Option<&Position> {
        (self.spoilt || self.items.len() > 0).then_some(&self.start)
    }

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
        // A value that was parsed before has no lines.
        let problem = problem.trim_end_matches(" at line 0 column 0");
        let (page, item) = (self.page, self.handed_out);
        Error::Decode {
            request,
            bytes,
            problem: format!("page {page}, item {item}: {problem}").into(),
            effort,
        }
    }
}
