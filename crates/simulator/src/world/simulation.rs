//! The simulation: a queue of events in virtual time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use api_ratelimiter_core::Time;
use fastrand::Rng;

use super::client::Client;
use super::limited_api::{LimitedApi, LimitedResponse};
use super::report::Report;
use super::scenario::{Demand, Scenario};
use super::strategy::{Decision, Strategy};

/// Shortest time to the next timer. With a wait of zero, a strategy could ask for timers forever.
const SHORTEST_WAIT: Duration = Duration::from_nanos(1);

/// Runs `scenario` with one client per strategy. Returns the report, and the strategies as they are at the
/// end.
pub fn run<S: Strategy>(scenario: &Scenario, strategies: Vec<S>, seed: u64) -> (Report, Vec<S>) {
    Simulation::new(scenario, strategies, seed).run()
}

/// An event in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A client starts or gets new work.
    Work { client: usize },
    /// A timer of a client fires.
    Timer { client: usize, number: u64 },
    /// A client does work other than requests.
    Background { client: usize, number: u64 },
    /// A request arrives at the limits.
    Arrival { client: usize, worker: usize },
    /// The server finishes an accepted request.
    Leave,
    /// A response reaches its client.
    Response {
        client: usize,
        worker: usize,
        response: LimitedResponse,
    },
    /// The limits change.
    Change { index: usize },
    /// The neighbour sends a request.
    Neighbour,
}

/// The state of a run.
struct Simulation<'a, S: Strategy> {
    scenario: &'a Scenario,
    rng: Rng,
    now: Time,
    events: BinaryHeap<Reverse<(Time, u64, Event)>>,
    /// Number of planned events. Events at one time happen in the order in which they were planned.
    planned: u64,
    api: LimitedApi,
    clients: Vec<Client<S>>,
    /// Clients whose job has not ended; `None` if the demand is not one job of each.
    unfinished_jobs: Option<usize>,
    report: Report,
}

impl<'a, S: Strategy> Simulation<'a, S> {
    /// Returns a simulation at its start, with the events that the scenario plans.
    fn new(scenario: &'a Scenario, strategies: Vec<S>, seed: u64) -> Self {
        let clients: Vec<_> = strategies
            .into_iter()
            .map(|strategy| Client::new(scenario, strategy))
            .collect();
        let mut simulation = Self {
            scenario,
            rng: Rng::with_seed(seed),
            now: Time::ZERO,
            events: BinaryHeap::new(),
            planned: 0,
            api: LimitedApi::new(scenario),
            report: Report::new(scenario, clients.len()),
            unfinished_jobs: matches!(scenario.demand, Demand::Job { .. }).then_some(clients.len()),
            clients,
        };
        // Plan what the scenario says: the start of each client, changes of the limits, the neighbour.
        for client in 0..simulation.clients.len() {
            let at = scenario
                .stagger
                .saturating_mul(u32::try_from(client).unwrap_or(u32::MAX));
            simulation.plan(at, Event::Work { client });
        }
        for (index, (at, _)) in scenario.changes.iter().enumerate() {
            simulation.plan(*at, Event::Change { index });
        }
        if let Some(neighbour) = scenario.neighbour {
            simulation.plan(neighbour.from, Event::Neighbour);
        }
        simulation
    }

    /// Handles one event after the other until the end of the scenario, or until all jobs have ended.
    fn run(mut self) -> (Report, Vec<S>) {
        let end = Time::ZERO + self.scenario.length;
        while self.unfinished_jobs != Some(0) {
            let Some(Reverse((at, _, event))) = self.events.pop() else {
                break;
            };
            if at > end {
                break;
            }
            self.now = at;
            self.handle(event);
        }
        if self.unfinished_jobs == Some(0) {
            self.report.ends_at(self.now);
        }
        (
            self.report,
            self.clients
                .into_iter()
                .map(|client| client.strategy)
                .collect(),
        )
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Work { client } => self.work(client),
            Event::Timer { client, number } => self.timer(client, number),
            Event::Background { client, number } => self.background(client, number),
            Event::Arrival { client, worker } => self.arrival(client, worker),
            Event::Leave => self.api.leave(self.now),
            Event::Response {
                client,
                worker,
                response,
            } => self.response(client, worker, response),
            Event::Change { index } => {
                let limits = self.scenario.changes[index].1.iter().copied();
                self.api.replace_limits(self.now, limits);
            }
            Event::Neighbour => self.neighbour(),
        }
    }

    /// Adds the work that arrives now to a client, as its demand says.
    fn work(&mut self, client: usize) {
        let it = &mut self.clients[client];
        match self.scenario.demand {
            Demand::Saturated => {}
            Demand::Job { requests } | Demand::Bursts { requests, .. } => {
                it.backlog = Some(requests);
                it.unfinished = requests;
                self.report.job_began(client, self.now);
            }
            Demand::Steady { per_second } => {
                it.backlog = it.backlog.map(|waiting| waiting + 1);
                self.plan(
                    Duration::from_secs_f64(1.0 / per_second),
                    Event::Work { client },
                );
            }
        }
        self.clients[client].assign_work();
        self.pump(client);
    }

    /// Sends queued requests until the strategy asks for a wait.
    fn pump(&mut self, client: usize) {
        self.run_background(client);
        while let Some((worker, waited)) = self.clients[client].queue.front().copied() {
            match self.clients[client].strategy.poll(self.now, waited) {
                Decision::Send(permit) => {
                    let it = &mut self.clients[client];
                    it.queue.pop_front();
                    it.in_flight[worker] = Some(permit);
                    let trip = self.scenario.trip;
                    let way = trip.there + self.jitter(trip.there_jitter);
                    self.plan(way, Event::Arrival { client, worker });
                }
                Decision::WaitUntil(later) => {
                    self.clients[client].mark_waited();
                    self.wake_at(client, later);
                    break;
                }
            }
        }
        self.report.rate(
            client,
            self.now,
            self.clients[client].strategy.rate_per_second(),
        );
        self.run_background(client);
    }

    /// Lets the strategy do its work other than requests, and plans the next call.
    fn run_background(&mut self, client: usize) {
        let it = &mut self.clients[client];
        let Some(at) = it.strategy.background(self.now, it.queue.len()) else {
            return;
        };
        let at = at.max(self.now + SHORTEST_WAIT);
        // Only an earlier time replaces the planned call: a call that is too early does nothing.
        if it.background.is_none_or(|(set, _)| at < set) {
            let number = self.planned;
            it.background = Some((at, number));
            let late = self.jitter(self.scenario.trip.timer_late);
            self.plan(
                at.saturating_since(self.now) + late,
                Event::Background { client, number },
            );
        }
    }

    /// Handles a background call, unless it was replaced.
    fn background(&mut self, client: usize, number: u64) {
        let it = &mut self.clients[client];
        if it.background.is_some_and(|(_, current)| current == number) {
            it.background = None;
            self.pump(client);
        }
    }

    /// Sets the timer of a client, which replaces the one before.
    fn wake_at(&mut self, client: usize, at: Time) {
        let at = at.max(self.now + SHORTEST_WAIT);
        if self.clients[client].timer.is_some_and(|(set, _)| set == at) {
            return;
        }
        let late = self.jitter(self.scenario.trip.timer_late);
        let number = self.planned;
        self.clients[client].timer = Some((at, number));
        self.plan(
            at.saturating_since(self.now) + late,
            Event::Timer { client, number },
        );
    }

    /// Handles a timer, unless it was replaced.
    fn timer(&mut self, client: usize, number: u64) {
        if self.clients[client]
            .timer
            .is_some_and(|(_, current)| current == number)
        {
            self.clients[client].timer = None;
            self.pump(client);
        }
    }

    /// Decides about a request and plans its response.
    fn arrival(&mut self, client: usize, worker: usize) {
        let trip = self.scenario.trip;
        let response = self.api.respond(self.now);
        self.report.arrival(client, self.now, !response.refused);

        // An accepted request stays on the server for a while.
        let mut stay = Duration::ZERO;
        if !response.refused {
            stay = self.service();
            self.plan(stay, Event::Leave);
        }
        let way = stay + trip.back + self.jitter(trip.back_jitter);
        self.plan(
            way,
            Event::Response {
                client,
                worker,
                response,
            },
        );
    }

    /// Gives a response to the strategy of its client.
    fn response(&mut self, client: usize, worker: usize, response: LimitedResponse) {
        let LimitedResponse {
            refused,
            hint,
            state,
        } = response;
        let chance = self.rng.f64();
        let it = &mut self.clients[client];
        let Some(permit) = it.in_flight[worker].take() else {
            return;
        };
        // The announced limit comes first: the strategy uses it when it learns the outcome.
        if let Some(state) = &state {
            it.strategy.announced(self.now, &permit, state);
        }
        if refused {
            it.strategy.backoff(self.now, permit, hint, chance);
            // A refused request goes to the end of the queue.
            it.enqueue(worker);
        } else {
            it.strategy.success(self.now, permit);
            if let Some(wait) = hint {
                it.strategy.exhausted(self.now, wait, chance);
            }
            it.idle.push(worker);
            self.succeeded(client);
        }
        self.clients[client].assign_work();
        self.pump(client);
    }

    /// Counts a successful request of a job. After the last one of a burst, plans the next burst.
    fn succeeded(&mut self, client: usize) {
        let it = &mut self.clients[client];
        if it.unfinished == 0 {
            return;
        }
        it.unfinished -= 1;
        if it.unfinished > 0 {
            return;
        }
        self.report.job_ended(client, self.now);
        self.unfinished_jobs = self.unfinished_jobs.map(|jobs| jobs - 1);
        if let Demand::Bursts { idle, .. } = self.scenario.demand {
            self.plan(idle, Event::Work { client });
        }
    }

    /// Sends a request of the neighbour and plans its next one.
    fn neighbour(&mut self) {
        let Some(neighbour) = self.scenario.neighbour else {
            return;
        };
        if self.now > Time::ZERO + neighbour.until {
            return;
        }
        if !self.api.respond(self.now).refused {
            let stay = self.service();
            self.plan(stay, Event::Leave);
        }
        let pause = (0.5 + self.rng.f64()) / neighbour.per_second;
        self.plan(Duration::from_secs_f64(pause), Event::Neighbour);
    }

    /// Draws the time that the server takes for an accepted request.
    fn service(&mut self) -> Duration {
        let trip = self.scenario.trip;
        if trip.service_jitter.is_zero() {
            return trip.service;
        }
        trip.service + self.jitter(trip.service_jitter)
    }

    /// Draws a jitter between zero and `max`.
    fn jitter(&mut self, max: Duration) -> Duration {
        max.mul_f64(self.rng.f64())
    }

    /// Adds an event to the queue.
    fn plan(&mut self, after: Duration, event: Event) {
        self.planned += 1;
        self.events
            .push(Reverse((self.now + after, self.planned, event)));
    }
}

#[cfg(test)]
mod announcing_tests;
#[cfg(test)]
mod hidden_tests;
#[cfg(test)]
mod tests;
