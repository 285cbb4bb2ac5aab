//! The work that all worker threads share: take a line, send its request, hand over the response.

use std::sync::Arc;
use std::time::Instant;

use api_ratelimiter::{DynamicAPIClient, Error, RequestBuilder};
use parking_lot::Mutex;

use super::reading_posts::ReadingPosts;
use super::request::{self, FailedRequest, Sent};
use crate::commands::fetch::input::input_lines::{InputLine, InputLines, TOO_LONG};
use crate::commands::fetch::input::journal::{Journal, JournalEntry, ONCE, RefusalNotes};
use crate::commands::fetch::input::line_set::LineSet;
use crate::commands::fetch::input::request_line::{LineLabel, RequestLine, Template};
use crate::commands::fetch::output::ordered_writer::{LineOutcome, OrderedWriter};
use crate::commands::fetch::output::record::{self, Effort, Record};
use crate::commands::fetch::stop_reason::{StopReason, StopSignal};
use crate::error_text::error_text;
use crate::failure::Failure;

/// A run, shared by its workers.
pub(crate) struct Job {
    pub(crate) client: DynamicAPIClient,
    pub(crate) template: Template,
    pub(crate) lines: Mutex<InputLines>,
    pub(crate) writer: OrderedWriter,
    pub(crate) stop: Arc<StopSignal>,
    /// Beside an output that is a file.
    pub(crate) journal: Option<JournalOfRun>,
    /// Lines whose request an earlier run may have sent.
    pub(crate) started_before: LineSet,
    pub(crate) granularity: Granularity,
    /// Whether all requests may be sent twice.
    pub(crate) idempotent: bool,
    /// POSTs that may be sent twice anyway.
    pub(crate) reading_posts: ReadingPosts,
    pub(crate) fail_fast: bool,
}

/// The journal, and the observer that notes refusals in it.
pub(crate) struct JournalOfRun {
    pub(crate) journal: Arc<Journal>,
    pub(crate) refusals: Arc<RefusalNotes>,
}

/// The content of one line of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Granularity {
    /// The response to a line of input.
    Response,
    /// One page of a collection.
    Pages,
    /// One item of a collection.
    Items,
}

/// Signs a worker off when its thread ends, also by a panic: the run would wait for it otherwise.
struct SignOff<'a>(&'a Job);

impl Drop for SignOff<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let bug = Failure::failed("a worker panicked: this is a bug in apirl");
            self.0.stop(StopReason::Input(bug));
        }
        self.0.writer.leave();
    }
}

/// The error of a request that an earlier run may have sent and that may not be sent twice.
const UNKNOWN_OUTCOME: &str = "an earlier run ended while this request was in flight, so its outcome is unknown: \
     check it at the API, and fetch the line in another run if needed (--resume with --idempotent sends such \
     requests again)";

/// The error of a collection whose requests may not be sent twice, if an earlier run may have sent some of them.
const UNKNOWN_REST: &str = "an earlier run ended while it followed this collection by requests that may not be sent \
     twice: fetch the line in another run if needed (--resume with --idempotent sends such requests again)";

impl Job {
    /// Takes lines until there are no more. Each worker thread runs this once.
    pub(crate) fn work(&self) {
        let _sign_off = SignOff(self);
        while let Some((turn, line)) = self.take() {
            self.fetch(turn, line);
        }
    }

    /// Stops the run: no more lines are taken, and requests that wait for a permit end.
    fn stop(&self, reason: StopReason) {
        self.stop.give(reason);
        self.client.close();
    }

    /// Takes the next line with its turn; `None` at the end.
    fn take(&self) -> Option<(u64, InputLine)> {
        // The lock is held until the line has its turn, so that turns have the order of the lines.
        let mut lines = self.lines.lock();
        if self.stop.is_given() {
            return None;
        }
        match lines.next() {
            Ok(line) => Some((self.writer.admit(&self.stop)?, line?)),
            Err(reason) => {
                self.stop(reason);
                None
            }
        }
    }

    /// Reads the request of a line and sends it. A line that can't be sent becomes an error in the output.
    fn fetch(&self, turn: u64, line: InputLine) {
        let request = match &line.text {
            Some(text) => self.template.request(line.n, text),
            None => Err(LineLabel::new(line.n).invalid(TOO_LONG)),
        };
        match request {
            Ok(request) => self.send(turn, request),
            Err(invalid) => {
                let record =
                    record::failed(&invalid.label, None, &invalid.problem, Effort::default());
                self.end(turn, Some(record), LineOutcome::Failed);
            }
        }
    }

    fn send(&self, turn: u64, line: RequestLine) {
        let label = line.label.clone();

        // A request that may not be sent twice is not sent if an earlier run may have sent it.
        let is_once =
            line.may_not_be_repeated() && !self.idempotent && !self.reading_posts.contains(&line);
        if is_once && self.started_before.contains(label.n) {
            let problem = match self.granularity {
                Granularity::Response => UNKNOWN_OUTCOME,
                Granularity::Pages | Granularity::Items => UNKNOWN_REST,
            };
            let record = record::failed(&label, None, problem, Effort::default());
            return self.end(turn, Some(record), LineOutcome::Failed);
        }
        let request = || {
            let request = request::build(&self.client, &line, self.idempotent);
            match is_once {
                true => self.noted(request, label.n),
                false => request,
            }
        };

        // Each of these writes what arrives. The error of a request that got nothing is handled below.
        let failed = match self.granularity {
            Granularity::Response => self.response(turn, &label, request, !is_once),
            // The library would repeat any request that follows a collection.
            Granularity::Pages if is_once => self.pages(turn, &label, request().idempotent(false)),
            Granularity::Pages => self.pages(turn, &label, request()),
            Granularity::Items if is_once => self.items(turn, &label, request().idempotent(false)),
            Granularity::Items => self.items(turn, &label, request()),
        };
        if let Err((failed, began)) = failed {
            self.give_up(turn, &label, is_once, &failed, began);
        }
    }

    /// Sends one request and writes its response.
    fn response(
        &self,
        turn: u64,
        label: &LineLabel,
        request: impl Fn() -> RequestBuilder,
        may_repeat: bool,
    ) -> Result<(), (FailedRequest, Instant)> {
        let began = Instant::now();
        let response = request::send(request, may_repeat).map_err(|failed| (failed, began))?;
        let effort = effort(response.sent, began);
        let record = record::response(label, response.status, response.body, effort);
        let outcome = match response.status {
            ..400 => LineOutcome::Succeeded,
            _ => LineOutcome::Failed,
        };
        self.end(turn, Some(record), outcome);
        Ok(())
    }

    /// Ends a line whose request failed: either with an error in the output, or undone and left for another run.
    fn give_up(
        &self,
        turn: u64,
        label: &LineLabel,
        is_once: bool,
        failed: &FailedRequest,
        began: Instant,
    ) {
        let FailedRequest { error, sent } = failed;

        // These errors are not about this line: they stop the run, and a later run can fetch the line.
        let is_undone = match error {
            Error::Closed { .. } => true,
            Error::CooldownTooLong { wait, .. } => {
                self.stop(StopReason::Pause(*wait));
                true
            }
            Error::QuotaExhausted { .. } => {
                self.stop(StopReason::Quota(error.to_string()));
                true
            }
            Error::CircuitOpen { .. } => {
                self.stop(StopReason::Outage);
                true
            }
            Error::Fleet { problem, .. } => {
                self.stop(StopReason::Fleet(problem.to_string()));
                true
            }
            _ => false,
        };
        if !is_undone {
            let status = error.status().map(|status| status.as_u16());
            let record = record::failed(label, status, &error_text(error), effort(*sent, began));
            return self.end(turn, Some(record), LineOutcome::Failed);
        }

        // If the server refused every attempt, it has not processed the request: the later run may send it.
        if let Some(JournalOfRun { journal, refusals }) = &self.journal
            && is_once
            && sent.attempts > 0
            && !refusals.may_be_processed(label.n)
            && let Err(error) = journal.note(&JournalEntry::Unsent(label.n))
        {
            self.stop(StopReason::Journal(error));
        }
        self.end(turn, None, LineOutcome::Undone);
    }

    /// Makes the request of line `n` note itself in the journal before it is sent. If it can't be noted, it is not
    /// sent.
    fn noted(&self, request: RequestBuilder, n: u64) -> RequestBuilder {
        let Some(JournalOfRun { journal, .. }) = &self.journal else {
            return request;
        };
        let (journal, stop) = (Arc::clone(journal), Arc::clone(&self.stop));
        request.context(ONCE, n).before_send(move || {
            // The response might not find room in the output.
            if stop.is_given() {
                return Err(Error::closed());
            }
            journal.note(&JournalEntry::Start(n)).map_err(|error| {
                stop.give(StopReason::Journal(error));
                Error::closed()
            })
        })
    }

    /// Ends a line, with its last line of output.
    pub(super) fn end(&self, turn: u64, record: Option<Record>, outcome: LineOutcome) {
        let records = record.into_iter().collect();
        self.writer.write(turn, records, Some(outcome), &self.stop);
        if outcome == LineOutcome::Failed && self.fail_fast {
            self.stop(StopReason::FailFast);
        }
    }
}

/// Returns what was sent for a line of output that is finished now.
pub(super) fn effort(sent: Sent, began: Instant) -> Effort {
    Effort {
        attempts: sent.attempts,
        waited: sent.waited,
        elapsed: began.elapsed(),
    }
}
