//! What a worker does with a line.

use std::sync::Arc;
use std::time::{Duration, Instant};

use api_ratelimiter::{DynamicAPIClient, Error, RequestBuilder};
use parking_lot::Mutex;
use serde_json::Value;

use super::ask::{Ask, Body, Form, Name};
use super::desk::{Desk, End};
use super::halt::{Halt, Reason};
use super::held::Lines;
use super::journal::{Entry, Journal, ONCE};
use super::problem::told;
use super::record::{self, Effort, Place};
use super::settings::RETRY_TRANSPORT;
use super::source::{Line, Source};
use super::traffic::Own;
use crate::failure::Failure;

/// A run, shared by its workers.
pub(crate) struct Job {
    pub(crate) client: DynamicAPIClient,
    pub(crate) form: Form,
    pub(crate) source: Mutex<Source>,
    pub(crate) desk: Desk,
    pub(crate) halt: Arc<Halt>,
    pub(crate) journal: Option<Arc<Journal>>,
    pub(crate) begun: Lines,
    pub(crate) depth: Depth,
    /// All requests may be sent twice.
    pub(crate) idempotent: bool,
    pub(crate) fail_fast: bool,
}

/// A worker leaves however it ends, so that nobody waits for it.
struct Leaving<'a>(&'a Job);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let bug = Failure::failed("a worker panicked: this is a bug in apirl");
            self.0.stop(Reason::Input(bug));
        }
        self.0.desk.leave();
    }
}

/// What is fetched for a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// One answer.
    Answer,
    /// A collection, one line for each page.
    Pages,
    /// A collection, one line for each item.
    Items,
}

/// Said of requests that an earlier run may have sent.
const UNKNOWN_OUTCOME: &str = "an earlier run ended while this request was under way: whether it was \
     done is unknown; look, and give the line to another run if it was not (--resume with --idempotent would \
     have sent it again)";

impl Job {
    /// Takes lines until there are no more.
    pub(crate) fn work(&self) {
        let _leaving = Leaving(self);
        while let Some((turn, line)) = self.take() {
            self.fetch(turn, line);
        }
    }

    /// Takes no more lines, and ends those that wait for a permit.
    fn stop(&self, reason: Reason) {
        self.halt.because(reason);
        self.client.close();
    }

    fn take(&self) -> Option<(u64, Line)> {
        // Held until the line has its turn, so that turns are in the order of lines.
        let mut source = self.source.lock();
        if self.halt.is_on() {
            return None;
        }
        match source.next() {
            Ok(line) => Some((self.desk.admit(&self.halt)?, line?)),
            Err(reason) => {
                self.stop(reason);
                None
            }
        }
    }

    fn fetch(&self, turn: u64, line: Line) {
        let read = match &line.text {
            Some(text) => self.form.read(line.n, text),
            None => Err(Name::new(line.n).unreadable("the line is longer than 16 MiB")),
        };
        match read {
            Ok(ask) => self.ask(turn, ask),
            Err(bad) => {
                let text = record::failed(&bad.name, None, &bad.problem, Effort::default());
                self.end(turn, &text, End::Failed);
            }
        }
    }

    fn ask(&self, turn: u64, ask: Ask) {
        let name = ask.name.clone();
        let is_once = self.depth == Depth::Answer && ask.may_not_be_repeated() && !self.idempotent;
        if is_once && self.begun.contains(name.n) {
            let text = record::failed(&name, None, UNKNOWN_OUTCOME, Effort::default());
            return self.end(turn, &text, End::Failed);
        }
        let request = || {
            let request = request(&self.client, &ask, self.idempotent);
            match is_once {
                true => self.noted(request, name.n),
                false => request,
            }
        };
        Own::take();
        let watch = Watch(Instant::now());
        let error = match self.depth {
            Depth::Answer => match answer(request, !is_once) {
                Ok((status, body)) => {
                    let text = record::answered(&name, status, body, watch.effort());
                    let end = match status {
                        ..400 => End::Succeeded,
                        _ => End::Failed,
                    };
                    return self.end(turn, &text, end);
                }
                Err(error) => error,
            },
            Depth::Pages => match self.pages(turn, &name, request()) {
                Ok(()) => return,
                Err(error) => error,
            },
            Depth::Items => match self.items(turn, &name, request()) {
                Ok(()) => return,
                Err(error) => error,
            },
        };
        self.gave_up(turn, &name, is_once, &error, watch);
    }

    fn gave_up(&self, turn: u64, name: &Name, is_once: bool, error: &Error, watch: Watch) {
        let own = Own::take();
        // Nothing was wrong with this line: another run can have it.
        let is_undone = match error {
            Error::Closed { .. } => true,
            Error::CooldownTooLong { wait, .. } => {
                self.stop(Reason::Pause(*wait));
                true
            }
            Error::CircuitOpen { .. } => {
                self.stop(Reason::Outage);
                true
            }
            Error::Fleet { problem, .. } => {
                self.stop(Reason::Fleet(problem.to_string()));
                true
            }
            _ => false,
        };
        if !is_undone {
            let status = error.status().map(|status| status.as_u16());
            let text = record::failed(name, status, &told(error), watch.effort_of(own));
            return self.end(turn, &text, End::Failed);
        }
        // Refused is not done.
        if is_once && own.sent > 0 && own.sent == own.refused {
            if let Some(Err(error)) = self
                .journal
                .as_ref()
                .map(|it| it.note(&Entry::Unsent(name.n)))
            {
                self.stop(Reason::Output(error));
            }
        }
        self.end(turn, b"", End::Undone);
    }

    /// The request of line `n`, noted before it goes out: if it can't be, it does not.
    fn noted(&self, request: RequestBuilder, n: u64) -> RequestBuilder {
        let Some(journal) = self.journal.clone() else {
            return request;
        };
        let halt = Arc::clone(&self.halt);
        request.context(ONCE, n).before_send(move || {
            journal.note(&Entry::Start(n)).map_err(|error| {
                halt.because(Reason::Output(error));
                Error::closed()
            })
        })
    }

    fn end(&self, turn: u64, text: &[u8], end: End) {
        self.desk.deliver(turn, text, Some(end), &self.halt);
        if end == End::Failed && self.fail_fast {
            self.stop(Reason::FailFast);
        }
    }

    fn pages(&self, turn: u64, name: &Name, request: RequestBuilder) -> Result<(), Error> {
        let mut watch = Watch(Instant::now());
        for page in request.pages() {
            let page = page?;
            let place = Place {
                page: page.number(),
                last: page.position().is_end(),
            };
            let status = page.status().as_u16();
            let text = record::page(name, status, page.json()?, place, watch.effort());
            let end = place.last.then_some(End::Succeeded);
            self.desk.deliver(turn, &text, end, &self.halt);
            watch = Watch(Instant::now());
        }
        Ok(())
    }

    /// The last item waits until it is known whether others follow.
    fn items(&self, turn: u64, name: &Name, request: RequestBuilder) -> Result<(), Error> {
        let mut watch = Watch(Instant::now());
        let mut waiting: Option<Found> = None;
        for page in request.pages() {
            let page = page?;
            let is_end = page.position().is_end();
            let (number, status) = (page.number(), page.status().as_u16());
            let effort = watch.effort();
            let mut text = Vec::new();
            for item in page.into_items() {
                let found = Found {
                    item: Some(item),
                    number,
                    status,
                    effort,
                };
                if let Some(earlier) = waiting.replace(found) {
                    text.extend(earlier.record(name, false));
                }
            }
            if is_end {
                let none = Found {
                    item: None,
                    number,
                    status,
                    effort,
                };
                text.extend(waiting.take().unwrap_or(none).record(name, true));
                self.end(turn, &text, End::Succeeded);
            } else if !text.is_empty() {
                self.desk.deliver(turn, &text, None, &self.halt);
            }
            watch = Watch(Instant::now());
        }
        Ok(())
    }
}

/// An item of a collection.
struct Found {
    item: Option<Value>,
    number: u64,
    status: u16,
    effort: Effort,
}

impl Found {
    fn record(&self, name: &Name, last: bool) -> Vec<u8> {
        let place = Place {
            page: self.number,
            last,
        };
        record::item(name, self.status, self.item.as_ref(), place, self.effort)
    }
}

/// Since when an answer is waited for.
#[derive(Clone, Copy)]
struct Watch(Instant);

impl Watch {
    fn effort(self) -> Effort {
        self.effort_of(Own::take())
    }

    fn effort_of(self, own: Own) -> Effort {
        let elapsed: Duration = self.0.elapsed();
        Effort {
            attempts: own.sent,
            waited: own.waited,
            elapsed,
        }
    }
}

/// The request, not yet sent.
pub(crate) fn request(client: &DynamicAPIClient, ask: &Ask, idempotent: bool) -> RequestBuilder {
    let mut request = client.request(ask.method.clone(), &ask.path);
    for (key, value) in &ask.query {
        request = request.query(key, value);
    }
    for (name, value) in &ask.headers {
        request = request.header(name, value);
    }
    request = match &ask.body {
        None => request,
        Some(Body::Json(raw)) => request.json(raw),
        Some(Body::Text(text)) => request.body(text.as_bytes()),
    };
    match idempotent {
        true => request.idempotent(true),
        false => request,
    }
}

/// Status and body. One that breaks off is asked for again, where that does no harm: the library does so
/// only up to the head.
fn answer(request: impl Fn() -> RequestBuilder, may_repeat: bool) -> Result<(u16, Vec<u8>), Error> {
    let mut broken = 0;
    loop {
        let response = request().send()?;
        let status = response.status().as_u16();
        match response.bytes() {
            Err(error) if may_repeat && broken < RETRY_TRANSPORT && error.is_transient() => {
                broken += 1;
            }
            body => return Ok((status, body?)),
        }
    }
}
