//! State that all requests share; the only user of the clock.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use http::header::HeaderMap;
use parking_lot::Mutex;

use super::gate::{Gate, GateDecision};
use super::hint::Hint;
use super::ledger::{Delivery, Stats};
use super::shape::Shape;
use crate::clock::SystemClock;

/// Settings of the server, which do not change while it runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) hint: Hint,
    pub(super) shape: Shape,
    pub(super) round_trip: Duration,
    pub(super) refusal_status: StatusCode,
    pub(super) items: usize,
    /// Maximum number of open connections.
    pub(super) max_connections: usize,
    /// Longest time until a request is complete, from the last response on: for its head, and again for its body.
    pub(super) patience: Duration,
}

/// State that all requests share.
#[derive(Debug)]
pub(super) struct Server {
    clock: SystemClock,
    pub(super) settings: Settings,
    gate: Mutex<Gate>,
}

impl Server {
    /// Returns the state of a server that starts now.
    pub(super) fn new(settings: Settings, gate: Gate) -> Self {
        Self {
            clock: SystemClock::new(),
            settings,
            gate: Mutex::new(gate),
        }
    }

    /// Returns the counts so far.
    pub(super) fn stats(&self) -> Stats {
        self.gate.lock().ledger.stats
    }

    /// Returns how often a request was served.
    pub(super) fn served(&self, text: &str) -> u64 {
        self.gate.lock().ledger.served(text)
    }

    /// Returns the maximum number of requests accepted within `window`.
    pub(super) fn most_accepted_in(&self, window: Duration) -> usize {
        self.gate.lock().ledger.most_accepted_in(window)
    }

    /// Counts an accepted connection.
    pub(super) fn count_connection(&self) {
        self.gate.lock().ledger.stats.connections += 1;
    }

    /// Decides about a request that arrives now. Returns the decision and the headers with hints.
    pub(super) fn admit(&self) -> (GateDecision, HeaderMap) {
        let decision = {
            // The clock is read under the lock, so that the gate sees times in order.
            let mut gate = self.gate.lock();
            gate.admit(self.clock.now())
        };
        let headers = self.settings.hint.headers(
            self.settings.shape,
            decision.admission,
            decision.state,
            self.clock.unix_now(),
        );
        (decision, headers)
    }
}

/// An accepted request in flight. Dropping it ends the request.
pub(super) struct InFlight {
    server: Arc<Server>,
    /// The normal response that is being sent; `None` if a fault replaced it.
    delivery: Option<Delivery>,
    finished: bool,
}

impl InFlight {
    /// Returns the guard of a request that was just accepted.
    pub(super) fn new(server: Arc<Server>, delivery: Option<Delivery>) -> Self {
        Self {
            server,
            delivery,
            finished: false,
        }
    }

    /// Ends a request whose response is about to be complete.
    pub(super) fn finish(mut self) {
        self.finished = true;
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let served = self.delivery.take().filter(|_| self.finished);
        let mut gate = self.server.gate.lock();
        gate.leave(self.server.clock.now(), served);
    }
}

impl fmt::Debug for InFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InFlight")
            .field("delivery", &self.delivery)
            .finish_non_exhaustive()
    }
}
