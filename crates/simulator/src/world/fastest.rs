//! The fastest possible job: what a client could do that knows the limits, their phase and the neighbour.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use api_ratelimiter_core::Time;
use fastrand::Rng;

use super::scenario::{Demand, Scenario};
use crate::rules::{Admission, Limits};

impl Scenario {
    /// Returns the shortest time in which `clients` could finish the jobs of this scenario, from the start
    /// of the first client to the last response.
    ///
    /// The clients have the same round trips, workers and neighbour as in [`run`](super::run), but each of
    /// their requests arrives in the moment at which the limits accept it, and none is refused. `None` if
    /// the demand is not [`Demand::Job`], or if the jobs do not end within the scenario's length.
    ///
    /// ```
    /// use api_ratelimiter_simulator::world::{Demand, Scenario};
    ///
    /// let mut scenario = Scenario::new(["fixed-window:100/60s".parse()?]);
    /// scenario.demand = Demand::Job { requests: 250 };
    /// // The third window begins after 120 seconds; 50 requests of 16 workers take 4 round trips.
    /// let seconds = scenario.fastest(1, 1).map(|time| time.as_secs());
    /// assert_eq!(seconds, Some(120));
    /// # Ok::<(), api_ratelimiter_simulator::LimitError>(())
    /// ```
    #[must_use]
    pub fn fastest(&self, clients: usize, seed: u64) -> Option<Duration> {
        let Demand::Job { requests } = self.demand else {
            return None;
        };
        Clairvoyant::new(self, clients, requests, seed).run()
    }
}

/// An event in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum JobEvent {
    /// A client starts.
    Start { client: usize },
    /// A request reaches the server.
    Arrival { client: usize },
    /// The limits accept the first request at the door.
    Open,
    /// The server finishes a request.
    Leave,
    /// A response reaches its client.
    Response { client: usize },
    /// The limits change.
    Change { index: usize },
    /// The neighbour sends a request.
    Neighbour,
}

/// The state of a run without refusals.
///
/// A request that the limits do not accept yet waits at the server's door. This takes exactly as long as
/// sending it later, at the right moment: its worker is busy in both cases.
struct Clairvoyant<'a> {
    scenario: &'a Scenario,
    rng: Rng,
    now: Time,
    events: BinaryHeap<Reverse<(Time, u64, JobEvent)>>,
    planned: u64,
    limits: Limits,
    /// The clients of the requests at the door.
    door: VecDeque<usize>,
    /// Time of the planned `Open` event.
    opens: Option<Time>,
    /// Requests that each client has not sent yet.
    unsent: Vec<u64>,
    /// Requests of all clients without a response.
    unfinished: u64,
}

impl<'a> Clairvoyant<'a> {
    fn new(scenario: &'a Scenario, clients: usize, requests: u64, seed: u64) -> Self {
        let mut run = Self {
            scenario,
            rng: Rng::with_seed(seed),
            now: Time::ZERO,
            events: BinaryHeap::new(),
            planned: 0,
            limits: Limits::new(Time::ZERO, scenario.limits.iter().copied()),
            door: VecDeque::new(),
            opens: None,
            unsent: vec![requests; clients],
            unfinished: requests.saturating_mul(clients as u64),
        };
        let mut start = Duration::ZERO;
        for client in 0..clients {
            run.plan(start, JobEvent::Start { client });
            start = start.saturating_add(scenario.stagger);
        }
        for (index, (at, _)) in scenario.changes.iter().enumerate() {
            run.plan(*at, JobEvent::Change { index });
        }
        if let Some(neighbour) = scenario.neighbour {
            run.plan(neighbour.from, JobEvent::Neighbour);
        }
        run
    }

    fn run(mut self) -> Option<Duration> {
        let end = Time::ZERO + self.scenario.length;
        while self.unfinished > 0 {
            let Reverse((at, _, event)) = self.events.pop()?;
            if at > end {
                return None;
            }
            self.now = at;
            self.handle(event);
            self.open_the_door();
        }
        Some(self.now.saturating_since(Time::ZERO))
    }

    fn handle(&mut self, event: JobEvent) {
        match event {
            JobEvent::Start { client } => {
                for _ in 0..self.scenario.workers {
                    self.send(client);
                }
            }
            JobEvent::Arrival { client } => self.door.push_back(client),
            JobEvent::Open => self.opens = None,
            JobEvent::Leave => self.limits.leave(self.now),
            JobEvent::Response { client } => {
                self.unfinished -= 1;
                self.send(client);
            }
            JobEvent::Change { index } => {
                let limits = self.scenario.changes[index].1.iter().copied();
                self.limits.replace(self.now, limits);
            }
            JobEvent::Neighbour => self.neighbour(),
        }
    }

    /// Sends the client's next request, if there is one.
    fn send(&mut self, client: usize) {
        if self.unsent[client] == 0 {
            return;
        }
        self.unsent[client] -= 1;
        let trip = self.scenario.trip;
        let way = trip.there + self.jitter(trip.there_jitter);
        self.plan(way, JobEvent::Arrival { client });
    }

    /// Lets requests in until the limits accept no more, and plans when they accept the next one.
    fn open_the_door(&mut self) {
        while let Some(client) = self.door.front().copied() {
            match self.limits.arrive(self.now) {
                Admission::Accepted => {
                    self.door.pop_front();
                    let trip = self.scenario.trip;
                    let stay = self.service();
                    self.plan(stay, JobEvent::Leave);
                    let way = stay + trip.back + self.jitter(trip.back_jitter);
                    self.plan(way, JobEvent::Response { client });
                }
                Admission::Refused { retry_after } => {
                    let at = self.now + retry_after;
                    if self.opens.is_none_or(|planned| at < planned) {
                        self.opens = Some(at);
                        self.plan(retry_after, JobEvent::Open);
                    }
                    return;
                }
            }
        }
    }

    /// Sends a request of the neighbour, as in the world.
    fn neighbour(&mut self) {
        let Some(neighbour) = self.scenario.neighbour else {
            return;
        };
        if self.now > Time::ZERO + neighbour.until {
            return;
        }
        if self.limits.arrive(self.now) == Admission::Accepted {
            let stay = self.service();
            self.plan(stay, JobEvent::Leave);
        }
        let pause = (0.5 + self.rng.f64()) / neighbour.per_second;
        self.plan(Duration::from_secs_f64(pause), JobEvent::Neighbour);
    }

    fn service(&mut self) -> Duration {
        let trip = self.scenario.trip;
        if trip.service_jitter.is_zero() {
            return trip.service;
        }
        trip.service + self.jitter(trip.service_jitter)
    }

    fn jitter(&mut self, max: Duration) -> Duration {
        max.mul_f64(self.rng.f64())
    }

    fn plan(&mut self, after: Duration, event: JobEvent) {
        self.planned += 1;
        self.events
            .push(Reverse((self.now + after, self.planned, event)));
    }
}

#[cfg(test)]
mod tests {
    use super::super::scenario::{Neighbour, Trip};
    use super::*;

    /// Returns the fastest time in milliseconds for `requests` on 16 workers, round trips of exactly 100 ms.
    fn millis(limits: &[&str], requests: u64) -> Option<u128> {
        let scenario = scenario(limits, requests);
        scenario.fastest(1, 1).map(|time| time.as_millis())
    }

    fn scenario(limits: &[&str], requests: u64) -> Scenario {
        Scenario {
            trip: Trip {
                there: Duration::from_millis(50),
                back: Duration::from_millis(50),
                there_jitter: Duration::ZERO,
                back_jitter: Duration::ZERO,
                ..Trip::default()
            },
            demand: Demand::Job { requests },
            ..Scenario::new(limits.iter().map(|text| text.parse().expect("a limit")))
        }
    }

    #[test]
    fn without_limits_only_the_workers_bound_the_job() {
        assert_eq!(millis(&[], 16), Some(100));
        assert_eq!(millis(&[], 17), Some(200));
        assert_eq!(millis(&[], 160), Some(1_000));
    }

    #[test]
    fn each_window_is_spent_at_once() {
        // The windows end at 60 and 120 s; the request that waited at the door has its answer 50 ms later.
        assert_eq!(millis(&["fixed-window:16/60s"], 48), Some(120_050));
        // The first window begins with the first arrival, after 50 ms.
        assert_eq!(
            millis(&["fixed-window:16/60s,from=first"], 48),
            Some(120_100)
        );
        assert_eq!(millis(&["sliding-window:16/60s"], 48), Some(120_100));
    }

    #[test]
    fn a_bucket_is_emptied_and_then_followed() {
        // 20 at once, then one each 100 ms: the 30th is accepted 1 s after the first arrival.
        assert_eq!(millis(&["token-bucket:10/s,burst=20"], 30), Some(1_100));
    }

    #[test]
    fn a_place_that_becomes_free_is_used_at_once() {
        let mut scenario = scenario(&["concurrency:4"], 16);
        scenario.trip.service = Duration::from_millis(200);
        // Four rounds of 200 ms, and one round trip.
        let fastest = scenario.fastest(1, 1).map(|time| time.as_millis());
        assert_eq!(fastest, Some(900));
    }

    #[test]
    fn clients_share_the_limits() {
        let mut scenario = scenario(&["fixed-window:16/60s"], 16);
        scenario.stagger = Duration::ZERO;
        let fastest = scenario.fastest(2, 1).map(|time| time.as_millis());
        assert_eq!(fastest, Some(60_050));
    }

    #[test]
    fn a_neighbour_takes_its_part() {
        let mut scenario = scenario(&["fixed-window:16/60s"], 16);
        scenario.neighbour = Some(Neighbour {
            per_second: 100.0,
            from: Duration::ZERO,
            until: Duration::from_secs(1),
        });
        let fastest = scenario.fastest(1, 1).map(|time| time.as_millis());
        assert_eq!(fastest, Some(60_050));
    }

    #[test]
    fn a_job_that_does_not_end_has_no_time() {
        assert_eq!(millis(&["fixed-window:1/1h"], 3), None);
        let endless = Scenario::new([]);
        assert_eq!(endless.fastest(1, 1), None);
    }
}
