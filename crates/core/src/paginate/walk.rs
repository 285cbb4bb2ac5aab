//! A whole walk: which request comes next, what its response means, and when the walk is over.

use std::ops::Range;
use std::sync::OnceLock;

use http::{HeaderMap, StatusCode};

use super::body::{ItemList, PageBody};
use super::page::Page;
use super::params::path_and_query;
use super::position::{PageStart, Position};
use super::seen::Seen;
use super::step::ReceivedPage;
use crate::config::field_path::FieldPath;
use crate::config::pagination::Pagination;
use crate::error::{Effort, Error, Result, TransportKind};
use crate::request::RequestParts;
use crate::time::Time;

/// Maximum number of empty pages in a row. Servers that filter after paging send a few, but a caller who
/// waits for the next item must not wait forever.
const MOST_EMPTY_PAGES: u32 = 1_000;

/// A walk through a collection, as a state machine without I/O.
///
/// Call [`request`](Self::request), send what it returns, and give the whole response to
/// [`arrived`](Self::arrived). The walk moves on only when `arrived` returns a page, so no page is lost or
/// returned twice, however often it is fetched. A page that does not say where the next one starts is returned,
/// too; the next call of `request` reports it.
#[derive(Debug)]
pub struct Walk {
    /// Plan of the walk, or the error that the next request reports.
    plan: Result<Plan, Option<Error>>,
    /// Where the next page starts.
    position: Position,
    /// The request whose response is awaited.
    under_way: Option<RequestParts>,
    seen: Seen,
    /// Fingerprint of the items of the page before.
    last_items: Option<u64>,
    empty_pages: u32,
    broken_bodies: u32,
    /// Effort of the attempts with a broken body, for the page in progress.
    broken_effort: Effort,
    over: bool,
}

/// Returns what a failed request took.
fn effort_of(error: &Error) -> Effort {
    Effort::new(error.attempts(), error.waited())
}

/// A response that is a page.
struct Understood {
    /// Where the list of items stands in the body, and how many there are.
    list: Range<usize>,
    count: usize,
    /// Where the next page starts, or why that is unknown.
    next: Result<PageStart, String>,
}

/// Style and first request of a valid walk.
#[derive(Debug)]
struct Plan {
    pagination: Pagination,
    /// The request as it was given.
    template: RequestParts,
}

impl Walk {
    /// Creates a walk that begins with the request `parts`. If there is no style or no valid request, the first call
    /// of [`request`](Self::request) reports it.
    #[must_use]
    pub fn new(pagination: Option<Pagination>, parts: Result<RequestParts>) -> Self {
        let style = pagination
            .as_ref()
            .map_or("none", |pagination| pagination.next.name());
        let path = parts
            .as_ref()
            .ok()
            .and_then(|parts| path_and_query(&parts.address).ok())
            .map_or_else(String::new, |(path, _)| path);
        let position = Position {
            style: style.into(),
            path: path.into(),
            page: 1,
            at: PageStart::Start,
        };
        let plan = parts.and_then(|mut template| {
            let pagination = pagination.ok_or_else(|| {
                Error::request(
                    "pagination",
                    "the configuration has no style of pagination: give one by `pages_by`",
                )
            })?;
            // It only reads, even if it is a POST.
            template.idempotent.get_or_insert(true);
            Ok(Plan {
                pagination,
                template,
            })
        });
        Self {
            plan: plan.map_err(Some),
            position,
            under_way: None,
            seen: Seen::default(),
            last_items: None,
            empty_pages: 0,
            broken_bodies: 0,
            broken_effort: Effort::default(),
            over: false,
        }
    }

    /// Sets the location of the items.
    pub fn items_at(&mut self, place: FieldPath) {
        if let Ok(plan) = &mut self.plan {
            plan.pagination.items = Some(place);
        }
    }

    /// Continues at a position of an earlier walk. If it belongs to another path or style, the next request
    /// reports an error.
    pub fn resume(&mut self, from: Position) {
        let problem = if from.style != self.position.style {
            format!(
                "is a position of the style {:?} (expected {:?})",
                from.style, self.position.style
            )
        } else if from.path != self.position.path {
            "belongs to another path".to_owned()
        } else {
            self.position = from;
            return;
        };
        if self.plan.is_ok() {
            self.plan = Err(Some(Error::request("position", problem)));
        }
    }

    /// Returns where the next page starts; after an error, the start of the page that failed.
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// Ends the walk at its current position.
    pub fn stop(&mut self) {
        self.over = true;
    }

    /// Returns whether the walk has ended, by an error or because there is no next page.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Returns the request for the next page; `None` if the walk is over.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`] if the request, the pagination or the position is invalid;
    /// [`Error::Pagination`] if the page before does not say where the next one starts. The walk is over then.
    pub fn request(&mut self) -> Option<Result<RequestParts>> {
        if self.over || self.position.is_end() {
            self.over = true;
            return None;
        }
        self.broken_bodies = 0;
        self.broken_effort = Effort::default();
        let prepared = match &mut self.plan {
            Ok(plan) => plan.prepare(&self.position.at),
            Err(error) => Err(error.take()?),
        };
        match prepared {
            Ok((parts, start)) => {
                if let (None, Some(start)) = (&self.under_way, start.fingerprint()) {
                    self.seen.is_new(start);
                }
                self.under_way = Some(parts.clone());
                Some(Ok(parts))
            }
            Err(error) => Some(Err(self.failed(error))),
        }
    }

    /// Ends the walk because there was no response, or one that is an error; returns that error.
    pub fn failed(&mut self, error: Error) -> Error {
        self.over = true;
        let effort = self.broken_effort.plus(effort_of(&error));
        error.with_effort(effort)
    }

    /// Adds what the whole page took: `effort` for its last request, and earlier ones whose body broke off.
    ///
    /// # Errors
    ///
    /// Those of `page`, with the effort.
    pub fn with_effort(&self, page: Result<Page>, effort: Effort) -> Result<Page> {
        let effort = self.broken_effort.plus(effort);
        page.map(|page| Page { effort, ..page })
            .map_err(|error| error.with_effort(effort))
    }

    /// Decides whether to send the request again after its response body broke off; `Ok` if so.
    ///
    /// # Errors
    ///
    /// Returns `error` if a retry can't help, or if all `retry_transport` retries are used up. The walk is
    /// over then.
    pub fn broke_off(
        &mut self,
        error: Error,
        sent: &RequestParts,
        retry_transport: u32,
        now: Time,
    ) -> Result<()> {
        self.broken_bodies += 1;
        let may_work = matches!(
            error,
            Error::Transport {
                kind: TransportKind::Closed | TransportKind::Timeout(_) | TransportKind::Other,
                ..
            }
        );
        let in_time = sent.deadline.is_none_or(|deadline| now < deadline);
        if may_work && in_time && sent.is_idempotent() && self.broken_bodies <= retry_transport {
            self.broken_effort = self.broken_effort.plus(effort_of(&error));
            return Ok(());
        }
        Err(self.failed(error))
    }

    /// Takes a whole response, returns its page, and moves on to the next one.
    ///
    /// # Errors
    ///
    /// [`Error::Pagination`] if the response is not a valid page. The walk is over then.
    pub fn arrived(
        &mut self,
        status: StatusCode,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Page> {
        let (request, page) = match &self.under_way {
            Some(parts) => (parts.label(), self.position.page),
            None => ("".into(), self.position.page),
        };
        let Understood { list, count, next } = match self.interpret(status, &headers, &body) {
            Ok(understood) => understood,
            Err(problem) => {
                let error = self.problem(request, problem);
                return Err(self.failed(error));
            }
        };
        match next {
            Ok(next) => {
                self.position.page = page.saturating_add(1);
                self.position.at = next;
            }
            // The page is good. The walk stays at it, and the next request reports the problem.
            Err(problem) => self.plan = Err(Some(self.problem(request.clone(), problem))),
        }
        Ok(Page {
            request,
            number: page,
            status,
            headers,
            body,
            list,
            count,
            items: OnceLock::new(),
            next: self.position.clone(),
            effort: Effort::default(),
        })
    }

    /// Returns the error of the page at the current position.
    fn problem(&self, request: Box<str>, problem: String) -> Error {
        let at = &self.position.at;
        Error::Pagination {
            request,
            page: self.position.page,
            problem: format!("{problem} (the page starts at {at})").into(),
            effort: Effort::default(),
        }
    }

    /// Returns the items of a response and where the next page starts.
    fn interpret(
        &mut self,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Understood, String> {
        let (Ok(plan), Some(request)) = (&self.plan, &self.under_way) else {
            return Err("no request is in flight".into());
        };
        // A page is a success with a JSON body.
        if !status.is_success() {
            return Err(format!("status {} is not a page", status.as_u16()));
        }
        let pagination = &plan.pagination;
        let read = PageBody::read(body, pagination).map_err(|error| {
            let place = format!("at line {} column {}", error.line(), error.column());
            format!("the body is not valid JSON {place}")
        })?;
        let items = pagination.items_of(&read)?;
        let list = items.map_or(0..0, |items| items.within(body));
        let count = items.map_or(0, |items| items.count);
        let next = pagination.next(&ReceivedPage {
            request,
            headers,
            body: &read.fields,
            items,
        });

        // A server that leads back, repeats itself or sends empty pages would keep the walk going forever.
        let mut next = next.and_then(|next| match next.fingerprint() {
            Some(start) if !self.seen.is_new(start) => {
                Err(format!("leads back to a page of this walk, {next}"))
            }
            _ => Ok(next),
        });
        let print = items.as_ref().and_then(ItemList::fingerprint);
        let repeats = print.is_some() && print == self.last_items;
        self.last_items = print;
        if repeats && pagination.counts() && items.is_some_and(|items| items.has_records) {
            return Err(
                "has the same items as the page before: check the name of the parameter".into(),
            );
        }
        self.empty_pages = match count {
            0 => self.empty_pages + 1,
            _ => 0,
        };
        if self.empty_pages > MOST_EMPTY_PAGES {
            return Err(format!(
                "is empty, like the {MOST_EMPTY_PAGES} pages before"
            ));
        }
        // A page without items, or with those of the page before, has nothing to return before the error.
        if count == 0 || repeats {
            next = Ok(next?);
        }
        Ok(Understood { list, count, next })
    }
}

impl Plan {
    /// Returns the request for the page that starts at `at`, and that start in the server's terms.
    fn prepare(&self, at: &PageStart) -> Result<(RequestParts, PageStart)> {
        let broken = |part: &str| {
            let part = part.to_owned();
            move |problem: String| Error::request(part, problem)
        };
        self.pagination.check().map_err(broken("pagination"))?;
        if self.pagination.items.is_none() {
            return Err(Error::request(
                "pagination",
                "the location of the items is unknown: give it by `.items_at(\"…\")`",
            ));
        }
        let parts = self
            .pagination
            .request(&self.template, at)
            .map_err(broken("position"))?;
        let start = self.pagination.start(&parts).map_err(broken("position"))?;
        Ok((parts, start))
    }
}
