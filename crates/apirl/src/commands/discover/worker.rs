//! The workers that send the requests of a measurement.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use api_ratelimiter::http::{HeaderMap, StatusCode};
use api_ratelimiter::{
    ApiRateConfig, DynamicAPIClient, Error, Event, Observer, Reader, Snapshot, Verdict,
};
use parking_lot::{Condvar, Mutex};

use super::course::{Answer, Bounds, Course, Ending, Next};
use super::findings::{About, Findings};
use super::target::origin;
use crate::error_text::error_text;
use crate::failure::Failure;
use crate::threads;

/// How long requests in flight are waited for after the end.
const AWAITED: Duration = Duration::from_secs(5);

/// Longest time that a worker waits before it looks again whether it may begin a request.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A measurement, shared by its workers.
pub(super) struct Measurement {
    client: DynamicAPIClient,
    reader: Reader,
    path: String,
    shared: Arc<Shared>,
}

/// The part that the client's observer knows, too.
struct Shared {
    began: Instant,
    course: Mutex<Course>,
    changed: Condvar,
    /// Scheme, host and port of the API.
    origin: Option<String>,
}

/// The numbers that the progress shows.
pub(super) struct Counts {
    pub(super) accepted: u64,
    pub(super) failed: u64,
    pub(super) refused: u64,
}

impl Measurement {
    /// Creates a measurement of a path, by a client with this configuration that does not retry refusals.
    pub(super) fn new(
        client: DynamicAPIClient,
        config: &ApiRateConfig,
        path: String,
        bounds: Bounds,
    ) -> Result<Self, Failure> {
        let shared = Arc::new(Shared {
            began: Instant::now(),
            course: Mutex::new(Course::new(bounds)),
            changed: Condvar::new(),
            origin: origin(&config.base_url),
        });
        client.limiter().add_observer(Arc::clone(&shared) as _);
        let reader = config.reader().map_err(Failure::usage)?;
        Ok(Self {
            client,
            reader,
            path,
            shared,
        })
    }

    /// Starts the worker threads. They are not joined: a request may hang.
    pub(super) fn start(self: &Arc<Self>, concurrency: u16) -> Result<(), Failure> {
        let worker = Arc::clone(self);
        threads::start(concurrency, move || worker.work())
    }

    /// Ends the run: requests in flight finish, and no other begins.
    pub(super) fn end(&self, ending: Ending) {
        self.shared.course.lock().end(ending);
        self.client.close();
    }

    /// Returns the state of the limiter.
    pub(super) fn snapshot(&self) -> Snapshot {
        self.client.limiter().snapshot()
    }

    /// Waits for this time, or until the run is over. Returns its numbers so far, or `None` if it is over.
    pub(super) fn is_over_after(&self, wait: Duration) -> Option<Counts> {
        let limit = limit_of(&self.snapshot());
        let mut course = self.shared.course.lock();
        course.look(self.shared.now(), limit.as_ref());
        if course.ending.is_some() {
            // This ends the waits for permits.
            drop(course);
            self.client.close();
            course = self.shared.course.lock();
            let is_pending = |course: &mut Course| !course.is_over();
            let _ = self
                .shared
                .changed
                .wait_while_for(&mut course, is_pending, AWAITED);
            return None;
        }
        let _ = self.shared.changed.wait_for(&mut course, wait);
        Some(Counts {
            accepted: course.tally.accepted,
            failed: course.tally.failed,
            refused: course.tally.refused.into(),
        })
    }

    /// Returns what was found, and why the run has ended.
    pub(super) fn findings(&self, about: About) -> (Findings, Ending) {
        let snapshot = self.snapshot();
        let limit = limit_of(&snapshot);
        let took = self.shared.now();
        let mut course = self.shared.course.lock();
        course.tally.end();
        let ending = course.ending.clone().unwrap_or(Ending::Time);
        let mut findings = Findings::of(about, &course, limit, took);
        findings.is_of_part = limit.is_some() && snapshot.limit.is_none();
        (findings, ending)
    }

    /// Sends requests until the run ends. Each worker thread runs this once.
    fn work(&self) {
        while self.begin() {
            let answer = self.ask();
            let now = self.shared.now();
            self.shared.course.lock().answered(now, &answer);
            self.shared.changed.notify_all();
        }
    }

    /// Waits until a request may begin. Returns whether one may.
    fn begin(&self) -> bool {
        let mut course = self.shared.course.lock();
        loop {
            match course.begin() {
                Next::Begin => return true,
                Next::Stop => return false,
                Next::Wait => {
                    let _ = self.shared.changed.wait_for(&mut course, LOOK_AGAIN);
                }
            }
        }
    }

    /// Sends one request.
    fn ask(&self) -> Answer {
        let left = self.left();
        let shared = Arc::clone(&self.shared);
        let request = self.client.get(&self.path).deadline(left);
        let request = request.before_send(move || {
            shared.course.lock().sent();
            Ok::<(), Error>(())
        });
        match request.send() {
            Ok(response) => {
                let (status, headers) = (response.status(), response.headers().clone());
                // Without its body, a response still says nearly all.
                let body = response.bytes().unwrap_or_default();
                self.judge(status, &headers, &body)
            }
            Err(Error::Closed { .. } | Error::DeadlineTooShort { .. }) => Answer::Unsent,
            Err(Error::CooldownTooLong { wait, .. }) => Answer::Paused(wait),
            Err(error) => match error.reply() {
                Some(reply) => self.judge(reply.status(), reply.headers(), reply.body()),
                None if error.is_timeout() && self.left() <= SHORTEST => Answer::Unsent,
                None => Answer::Failed {
                    problem: error_text(&error),
                    status: None,
                },
            },
        }
    }

    /// Returns what a response says, as the client reads it.
    fn judge(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Answer {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let told = self.reader.read(status, headers, body, now);
        match self.reader.verdict(status, &told) {
            Verdict::Refused { .. } | Verdict::Exhausted { .. } => Answer::Refused(told),
            Verdict::Success { .. } if status.as_u16() < 400 => Answer::Accepted(told),
            _ => Answer::Failed {
                problem: format!("GET {} returned {status}", path_of(&self.path)),
                status: Some(status.as_u16()),
            },
        }
    }

    /// Returns the time left, which is never zero: the client accepts no such deadline.
    fn left(&self) -> Duration {
        let left = self.shared.course.lock().left(self.shared.now());
        left.max(SHORTEST)
    }
}

/// Shortest deadline of a request.
const SHORTEST: Duration = Duration::from_millis(1);

/// Returns the path without its query, which may hold a credential.
fn path_of(path: &str) -> &str {
    path.split(['?', '#']).next().unwrap_or_default()
}

/// Returns the limit that the limiter has found: of the part of the API that is measured, if that has one of its own.
fn limit_of(snapshot: &Snapshot) -> Option<api_ratelimiter::LimitFound> {
    let of_scopes = || snapshot.scopes.iter().find_map(|scope| scope.limit);
    snapshot.limit.or_else(of_scopes)
}

impl Shared {
    fn now(&self) -> Duration {
        self.began.elapsed()
    }
}

impl Observer for Shared {
    fn on_event(&self, event: &Event) {
        match event {
            Event::Attempt { refused, url, .. } => {
                let mut course = self.course.lock();
                course.attempted(*refused);
                // The limit of another server would be measured.
                let sent_to = url.as_deref().and_then(origin);
                if let Some(other) = sent_to.filter(|other| Some(other) != self.origin.as_ref()) {
                    course.end(Ending::Failure {
                        problem: format!(
                            "the address redirects to {other}, which has limits of its own"
                        ),
                        status: None,
                    });
                }
            }
            Event::CeilingLearned { standing, .. } => {
                if let (Some(ceiling), Some(reason)) = (standing.learned_ceiling, standing.reason) {
                    self.course.lock().estimated(ceiling, reason);
                }
            }
            _ => {}
        }
    }
}
