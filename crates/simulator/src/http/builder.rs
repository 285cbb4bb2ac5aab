//! The settings of a simulated API.

use std::io;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::api::SimulatedApi;
use super::fault::Fault;
use super::gate::Gate;
use super::hint::Hint;
use super::response::final_status;
use super::server::{Server, Settings};
use super::shape::Shape;
use crate::clock::SystemClock;
use crate::rules::Limit;

/// Size of the collection: ten full pages.
const ITEMS: usize = 1_000;

/// Maximum number of open connections, unless set. A client has one for each request in flight.
const MAX_CONNECTIONS: usize = 1024;

/// Longest time until a request is complete, unless set: about that of common servers.
const PATIENCE: Duration = Duration::from_secs(60);

/// Builder of a [`SimulatedApi`], made by [`SimulatedApi::builder`].
///
/// Defaults: no limits, no hints, the shape `echo`, no round trip, the shape's status for refusals, no changes,
/// no faults, seed 0, a collection of 1000 items, a free port, at most 1024 connections, 60 s for a request to come.
///
/// A builder can also be parsed from text: `"shape=notion limit=pacing:10/s fault=cut:2%"`.
#[derive(Debug, Clone)]
#[must_use]
pub struct SimulatedApiBuilder {
    limits: Vec<Limit>,
    changes: Vec<(Duration, Vec<Limit>)>,
    faults: Vec<Fault>,
    hint: Hint,
    announced: Option<usize>,
    shape: Shape,
    round_trip: Duration,
    refusal_status: Option<u16>,
    seed: u64,
    items: usize,
    port: u16,
    max_connections: usize,
    patience: Duration,
}

impl SimulatedApiBuilder {
    /// Returns a builder with the default settings.
    pub(super) fn new() -> Self {
        Self {
            limits: Vec::new(),
            changes: Vec::new(),
            faults: Vec::new(),
            hint: Hint::None,
            announced: None,
            shape: Shape::Echo,
            round_trip: Duration::ZERO,
            refusal_status: None,
            seed: 0,
            items: ITEMS,
            port: 0,
            max_connections: MAX_CONNECTIONS,
            patience: PATIENCE,
        }
    }

    /// Adds a hidden limit. Several limits hold at once. Defaults to none: every request is accepted.
    pub fn limit(mut self, limit: Limit) -> Self {
        self.limits.push(limit);
        self
    }

    /// Replaces all limits at `after` from the start. May be called for several changes. Defaults to none.
    ///
    /// The new limits have counted nothing, but a concurrency limit counts the requests in flight.
    pub fn change_after(
        mut self,
        after: Duration,
        limits: impl IntoIterator<Item = Limit>,
    ) -> Self {
        self.changes.push((after, limits.into_iter().collect()));
        self
    }

    /// Sets what responses say about the limits. Defaults to [`Hint::None`].
    pub fn hint(mut self, hint: Hint) -> Self {
        self.hint = hint;
        self
    }

    /// Announces only one limit: that of this number, where the first is 1. Refusals by the others name no reset.
    /// Defaults to the binding limit, the one with the fewest requests remaining.
    pub fn announce(mut self, number: usize) -> Self {
        self.announced = Some(number);
        self
    }

    /// Sets the form of responses. Defaults to [`Shape::Echo`].
    pub fn shape(mut self, shape: Shape) -> Self {
        self.shape = shape;
        self
    }

    /// Sets the time that a response takes, to the millisecond. Half of it passes before the limits are asked,
    /// half after. Defaults to zero.
    pub fn round_trip(mut self, duration: Duration) -> Self {
        self.round_trip = duration;
        self
    }

    /// Sets the status of refusals, within 200 and 599. Defaults to the shape's: 403 for GitHub, else 429.
    pub fn refusal_status(mut self, status: u16) -> Self {
        self.refusal_status = Some(status);
        self
    }

    /// Adds a fault. Only the first fault that strikes a request has an effect; outages precede all others.
    /// Defaults to none.
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Adds an outage: `fault` strikes every accepted request for the time `lasts`, starting at `after` from the
    /// start. May be called for several outages. Defaults to none.
    ///
    /// The limits still count and refuse. An outage equals a [`fault`](Self::fault) of probability 1
    /// [`during`](Fault::during) that time.
    pub fn outage(mut self, after: Duration, lasts: Duration, fault: Fault) -> Self {
        self.faults.push(fault.always().during(after, lasts));
        self
    }

    /// Sets the seed of the random numbers that decide which requests faults strike. Defaults to 0.
    ///
    /// With equal seeds, equal faults strike the n-th accepted request, except for faults with a
    /// [time](Fault::during).
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the size of the collection. Defaults to 1000.
    pub fn items(mut self, count: usize) -> Self {
        self.items = count;
        self
    }

    /// Sets the port on 127.0.0.1. Defaults to 0: the system chooses a free port.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Sets the maximum number of open connections. Further ones are closed at once. Defaults to 1024.
    pub fn max_connections(mut self, count: usize) -> Self {
        self.max_connections = count;
        self
    }

    /// Sets the longest time until the head of a request is complete, from the last response on, and then until its body
    /// is. Slower connections, idle ones among them, are closed. Defaults to 60 s.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Starts the server on its own thread.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the refusal status is not within 200 and 599, or if no limit has the number of the announced
    /// one; otherwise an error of the system, such as `AddrInUse` for a port that is in use.
    pub fn start(self) -> io::Result<SimulatedApi> {
        let status = self.refusal_status.unwrap_or(self.shape.refusal_status());
        let Some(refusal_status) = final_status(status) else {
            let message = format!("refusal_status must be within 200 and 599, not {status}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        };
        if let Some(number) = self.announced
            && !(1..=self.limits.len()).contains(&number)
        {
            let last = self.limits.len();
            let message =
                format!("announce must be the number of a limit, from 1 to {last}, not {number}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let settings = Settings {
            hint: self.hint,
            shape: self.shape,
            round_trip: self.round_trip,
            refusal_status,
            items: self.items,
            // Above this number a semaphore panics.
            max_connections: self.max_connections.min(Semaphore::MAX_PERMITS),
            patience: self.patience,
        };
        // Days and months begin by the wall clock.
        let unix = SystemClock::new().unix_now();
        let at_wall_clock = |limits: Vec<Limit>| {
            let limits = limits.into_iter();
            limits.map(|limit| limit.with_wall_clock(unix)).collect()
        };
        let changes = self.changes.into_iter();
        let changes = changes.map(|(after, limits)| (after, at_wall_clock(limits)));
        let gate = Gate::new(
            at_wall_clock(self.limits),
            changes.collect(),
            self.faults,
            self.seed,
        )
        .announcing(self.announced.map(|number| number - 1));
        SimulatedApi::start(self.port, Server::new(settings, gate))
    }
}
