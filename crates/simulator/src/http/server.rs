//! The way of one request through the server; the only part of it that reads the clock.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use parking_lot::Mutex;

use super::fault::Harm;
use super::gate::{Admission, Gate};
use super::hint::Hint;
use super::ledger::{Delivery, Identity, Stats};
use super::routes::{self, Answer};
use super::script::Outgoing;
use super::shape::Shape;
use super::wire::ScriptHandle;
use crate::Verdict;
use crate::clock::SystemClock;

/// Bytes of a request's body: more than any of the vendors takes, less than hurts.
const LARGEST_BODY: usize = 16 * 1024 * 1024;

/// What does not change while the server runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) hint: Hint,
    pub(super) shape: Shape,
    pub(super) round_trip: Duration,
    pub(super) refusal_status: StatusCode,
    pub(super) items: usize,
}

/// What all requests share.
#[derive(Debug)]
pub(super) struct Server {
    clock: SystemClock,
    settings: Settings,
    gate: Mutex<Gate>,
}

impl Server {
    pub(super) fn new(settings: Settings, gate: Gate) -> Self {
        Self {
            clock: SystemClock::new(),
            settings,
            gate: Mutex::new(gate),
        }
    }

    pub(super) fn stats(&self) -> Stats {
        self.gate.lock().ledger.stats
    }

    pub(super) fn served(&self, text: &str) -> u64 {
        self.gate.lock().ledger.served(text)
    }

    pub(super) fn most_accepted_in(&self, window: Duration) -> usize {
        self.gate.lock().ledger.most_accepted_in(window)
    }

    pub(super) fn count_connection(&self) {
        self.gate.lock().ledger.stats.connections += 1;
    }

    /// The gate is asked for a time that is read while it is locked, so that times don't step back.
    fn admit(&self) -> (Admission, HeaderMap) {
        let admission = {
            let mut gate = self.gate.lock();
            gate.admit(self.clock.now())
        };
        let headers = self.settings.hint.headers(
            self.settings.shape,
            admission.verdict,
            admission.announced,
            self.clock.unix_now(),
        );
        (admission, headers)
    }
}

/// An accepted request that is under way; it is not any more when this is dropped.
pub(super) struct Ticket {
    server: Arc<Server>,
    /// Whose real answer is being sent; `None` if a fault replaced it.
    delivery: Option<Delivery>,
    finished: bool,
}

impl Ticket {
    /// The answer is about to be whole.
    pub(super) fn finish(mut self) {
        self.finished = true;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let served = self.delivery.take().filter(|_| self.finished);
        let mut gate = self.server.gate.lock();
        gate.leave(self.server.clock.now(), served);
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("delivery", &self.delivery)
            .finish_non_exhaustive()
    }
}

/// Reads a request, decides about it and answers.
pub(super) async fn handle(
    State(server): State<Arc<Server>>,
    ConnectInfo(script): ConnectInfo<ScriptHandle>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, LARGEST_BODY).await;
    let settings = server.settings;
    let half_trip = settings.round_trip / 2;
    travel(half_trip).await;

    let mut hints = HeaderMap::new();
    let mut ticket = None;
    let mut stop = None;
    let answer = match body {
        Err(_) => settings.shape.error(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            "The body is larger than 16 MiB.",
        ),
        Ok(body) => {
            let (admission, headers) = server.admit();
            hints = headers;
            match admission.verdict {
                Verdict::Refused { .. } => settings.shape.refusal(settings.refusal_status, &hints),
                Verdict::Accepted => {
                    let (answer, delivery) = accepted(settings, &parts, &body, admission.harm);
                    if let Some(Harm::Stop(place, act)) = admission.harm {
                        stop = Some((place, act));
                    }
                    ticket = Some(Ticket {
                        server: Arc::clone(&server),
                        delivery,
                        finished: false,
                    });
                    answer
                }
            }
        }
    };

    travel(half_trip).await;
    let body_sent = if parts.method == Method::HEAD {
        0
    } else {
        answer.body.len()
    };
    script.push(Outgoing::new(body_sent, stop, ticket));
    respond(answer, hints)
}

/// The answer to an accepted request, and what is delivered by it if that is the real one.
fn accepted(
    settings: Settings,
    parts: &http::request::Parts,
    body: &Bytes,
    harm: Option<Harm>,
) -> (Answer, Option<Delivery>) {
    match harm {
        Some(Harm::Status(status)) => {
            let message = "Something went wrong on purpose.";
            let answer = settings.shape.error(status, "injected_fault", message);
            (answer, None)
        }
        Some(Harm::Garbage) => (Answer::garbage(), None),
        Some(Harm::Stop(..)) | None => {
            let answer = routes::answer(settings.shape, parts, body, settings.items);
            let delivery = Delivery {
                identity: Identity::new(parts, body),
                items: answer.items.clone(),
            };
            (answer, Some(delivery))
        }
    }
}

/// A timer takes a millisecond even for no time at all.
async fn travel(duration: Duration) {
    if !duration.is_zero() {
        tokio::time::sleep(duration).await;
    }
}

fn respond(answer: Answer, hints: HeaderMap) -> Response {
    let mut headers = answer.headers;
    headers.extend(hints);
    if !answer.body.is_empty() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = answer.status;
    *response.headers_mut() = headers;
    response
}
