//! One client of a simulated world: its workers and their queue.

use std::collections::VecDeque;

use api_ratelimiter_core::Time;

use super::scenario::{Demand, Scenario};
use super::strategy::Strategy;

/// One client: its strategy, its idle workers, and the queue of workers that want to send.
#[derive(Debug)]
pub(super) struct Client<S: Strategy> {
    pub(super) strategy: S,
    /// Idle workers.
    pub(super) idle: Vec<usize>,
    /// Workers that want to send, in order, each with whether it had to wait before.
    pub(super) queue: VecDeque<(usize, bool)>,
    /// The permit of each worker's request in flight.
    pub(super) in_flight: Vec<Option<S::Permit>>,
    /// Requests that no worker has taken yet; `None` if there is always another one.
    pub(super) backlog: Option<u64>,
    /// Requests of the current job that have not succeeded yet.
    pub(super) unfinished: u64,
    /// Time and number of the timer that is set. The event of a replaced timer has another number.
    pub(super) timer: Option<(Time, u64)>,
    /// Time and number of the next background call, as for `timer`.
    pub(super) background: Option<(Time, u64)>,
}

impl<S: Strategy> Client<S> {
    pub(super) fn new(scenario: &Scenario, strategy: S) -> Self {
        Self {
            strategy,
            idle: (0..scenario.workers).rev().collect(),
            queue: VecDeque::new(),
            in_flight: (0..scenario.workers).map(|_| None).collect(),
            backlog: (scenario.demand != Demand::Saturated).then_some(0),
            unfinished: 0,
            timer: None,
            background: None,
        }
    }

    /// Puts a worker at the end of the queue.
    pub(super) fn enqueue(&mut self, worker: usize) {
        self.queue.push_back((worker, false));
    }

    /// Gives waiting requests of the backlog to idle workers.
    pub(super) fn assign_work(&mut self) {
        while self.backlog != Some(0) {
            let Some(worker) = self.idle.pop() else { break };
            self.backlog = self.backlog.map(|waiting| waiting - 1);
            self.enqueue(worker);
        }
    }

    /// Records that every queued worker has to wait. New workers stand at the end of the queue.
    pub(super) fn mark_waited(&mut self) {
        self.queue
            .iter_mut()
            .rev()
            .take_while(|(_, waited)| !*waited)
            .for_each(|(_, waited)| *waited = true);
    }
}
