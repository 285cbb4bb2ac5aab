//! The settings of a simulated API.

use std::io;
use std::time::Duration;

use super::api::SimulatedApi;
use super::fault::{Fault, answer_status};
use super::gate::Gate;
use super::hint::Hint;
use super::server::{Server, Settings};
use super::shape::Shape;
use crate::Limit;

/// Enough for ten full pages.
const ITEMS: usize = 1_000;

/// Settings of a [`SimulatedApi`], made by [`SimulatedApi::builder`].
///
/// Defaults: no limit, no hint, no vendor's shape, no round trip, refusals by the shape's status, no change,
/// no fault, seed 0, a collection of 1000 items, a port that the system chooses.
///
/// It can be read from text, too: `"shape=notion limit=pacing:10/s fault=cut:2%"`.
#[derive(Debug, Clone)]
#[must_use]
pub struct SimulatedApiBuilder {
    limits: Vec<Limit>,
    changes: Vec<(Duration, Vec<Limit>)>,
    faults: Vec<Fault>,
    hint: Hint,
    shape: Shape,
    round_trip: Duration,
    refusal_status: Option<u16>,
    seed: u64,
    items: usize,
    port: u16,
}

impl SimulatedApiBuilder {
    pub(super) fn new() -> Self {
        Self {
            limits: Vec::new(),
            changes: Vec::new(),
            faults: Vec::new(),
            hint: Hint::None,
            shape: Shape::Echo,
            round_trip: Duration::ZERO,
            refusal_status: None,
            seed: 0,
            items: ITEMS,
            port: 0,
        }
    }

    /// Adds a hidden limit; several hold at once. Defaults to none, which accepts everything.
    pub fn limit(mut self, limit: Limit) -> Self {
        self.limits.push(limit);
        self
    }

    /// Replaces all limits so long after the start; may be called for several changes. Defaults to none.
    ///
    /// New limits begin without a past, except that a concurrency limit counts what is under way.
    pub fn change_after(
        mut self,
        after: Duration,
        limits: impl IntoIterator<Item = Limit>,
    ) -> Self {
        self.changes.push((after, limits.into_iter().collect()));
        self
    }

    /// What answers say about the limits. Defaults to [`Hint::None`].
    pub fn hint(mut self, hint: Hint) -> Self {
        self.hint = hint;
        self
    }

    /// In whose form it answers. Defaults to [`Shape::Echo`].
    pub fn shape(mut self, shape: Shape) -> Self {
        self.shape = shape;
        self
    }

    /// The time an answer takes, to the millisecond: half of it passes before the limits are asked, half
    /// after. Defaults to zero.
    pub fn round_trip(mut self, duration: Duration) -> Self {
        self.round_trip = duration;
        self
    }

    /// The status of refusals, within 200 and 599. Defaults to the shape's: 403 for GitHub, else 429.
    pub fn refusal_status(mut self, status: u16) -> Self {
        self.refusal_status = Some(status);
        self
    }

    /// Adds a fault; the first of them that strikes a request is the only one, but an outage goes before
    /// all others. Defaults to none.
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// From so long after the start on and for so long, does to every accepted request what `fault` does,
    /// whatever its probability; may be called for several outages. Defaults to none.
    ///
    /// The limits go on to count and to refuse. The same as a [`fault`](Self::fault) of probability 1
    /// [`during`](Fault::during) that time.
    pub fn outage(mut self, after: Duration, lasts: Duration, fault: Fault) -> Self {
        self.faults.push(fault.always().during(after, lasts));
        self
    }

    /// Seeds the chance by which faults strike. Defaults to 0.
    ///
    /// With one seed, the n-th accepted request always meets the same fate, as far as that does not depend
    /// on the [time](Fault::during).
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The size of the collection. Defaults to 1000.
    pub fn items(mut self, count: usize) -> Self {
        self.items = count;
        self
    }

    /// The port on 127.0.0.1. Defaults to 0, for one that is free.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Starts the server on a thread of its own.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the refusal status is not within 200 and 599; otherwise what the system says,
    /// such as `AddrInUse` for a port that is taken.
    pub fn start(self) -> io::Result<SimulatedApi> {
        let status = self.refusal_status.unwrap_or(self.shape.refusal_status());
        let Some(refusal_status) = answer_status(status) else {
            let message = format!("refusal_status must be within 200 and 599, not {status}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        };
        let settings = Settings {
            hint: self.hint,
            shape: self.shape,
            round_trip: self.round_trip,
            refusal_status,
            items: self.items,
        };
        let gate = Gate::new(self.limits, self.changes, self.faults, self.seed);
        SimulatedApi::start(self.port, Server::new(settings, gate))
    }
}
