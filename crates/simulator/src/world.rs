//! A deterministic world in virtual time: clients, their strategies and the hidden limits of one API.
//!
//! It is a queue of events and nothing more. The same scenario, strategies and seed give the same
//! report to the last nanosecond, on any machine.

mod fleet;
mod learned;
mod report;
mod scenario;
mod strategy;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use fastrand::Rng;

use super::{Announced, Limits, Verdict};
use api_ratelimiter_core::Time;

pub use fleet::{FleetPermit, FleetWorker, Mishap, StoreCounts, fleet};
pub use learned::{Learned, Permit, learned};
pub use report::{Arrival, Job, Report};
pub use scenario::{Demand, Hint, Neighbour, Scenario, Trip};
pub use strategy::{Answer, Fixed, Strategy, fixed};

/// Runs `scenario` with one client for each of `strategies`, and reports what happened.
pub fn run<S: Strategy>(scenario: &Scenario, strategies: Vec<S>, seed: u64) -> (Report, Vec<S>) {
    World::new(scenario, strategies, seed).run()
}

/// What can happen next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A client begins, or has new work.
    Work { client: usize },
    /// A client wanted to be woken.
    Timer { client: usize, number: u64 },
    /// A client wanted to be called for something else than requests.
    Background { client: usize, number: u64 },
    /// A request reaches the limits.
    Arrival { client: usize, worker: usize },
    /// An accepted request is done on the server.
    Leave,
    /// A client learns what became of a request.
    Reply {
        client: usize,
        worker: usize,
        refused: bool,
        hint: Option<Duration>,
        told: Option<Announced>,
    },
    /// The limits change.
    Change { index: usize },
    /// The neighbour sends a request.
    Neighbour,
}

/// One client: its strategy, its free workers, and the queue of those that want to send.
#[derive(Debug)]
struct Client<S: Strategy> {
    strategy: S,
    free: Vec<usize>,
    /// Workers in the order they asked, and whether each was held up.
    queue: VecDeque<(usize, bool)>,
    under_way: Vec<Option<S::Permit>>,
    /// Requests that no worker has taken yet; `None`: any number.
    backlog: Option<u64>,
    /// Requests of the current job that are not through yet.
    unfinished: u64,
    /// The timer that is set, if any, and its number: one that was replaced rings in vain.
    timer: Option<(Time, u64)>,
    /// When it is called next for something else than requests; as with the timer.
    background: Option<(Time, u64)>,
}

struct World<'a, S: Strategy> {
    scenario: &'a Scenario,
    rng: Rng,
    now: Time,
    events: BinaryHeap<Reverse<(Time, u64, Event)>>,
    /// Number of events so far: ties are broken by the order in which they were planned.
    planned: u64,
    limits: Limits,
    clients: Vec<Client<S>>,
    report: Report,
}

impl<'a, S: Strategy> World<'a, S> {
    fn new(scenario: &'a Scenario, strategies: Vec<S>, seed: u64) -> Self {
        let clients: Vec<_> = strategies
            .into_iter()
            .map(|strategy| Client::new(scenario, strategy))
            .collect();
        let mut world = Self {
            scenario,
            rng: Rng::with_seed(seed),
            now: Time::ZERO,
            events: BinaryHeap::new(),
            planned: 0,
            limits: Limits::new(Time::ZERO, scenario.limits.iter().copied()),
            report: Report::new(scenario, clients.len()),
            clients,
        };
        for client in 0..world.clients.len() {
            let at = scenario
                .stagger
                .saturating_mul(u32::try_from(client).unwrap_or(u32::MAX));
            world.plan(at, Event::Work { client });
        }
        for (index, (at, _)) in scenario.changes.iter().enumerate() {
            world.plan(*at, Event::Change { index });
        }
        if let Some(neighbour) = scenario.neighbour {
            world.plan(neighbour.from, Event::Neighbour);
        }
        world
    }

    fn run(mut self) -> (Report, Vec<S>) {
        let end = Time::ZERO + self.scenario.length;
        while let Some(Reverse((at, _, event))) = self.events.pop() {
            if at > end {
                break;
            }
            self.now = at;
            self.happen(event);
        }
        (
            self.report,
            self.clients
                .into_iter()
                .map(|client| client.strategy)
                .collect(),
        )
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Work { client } => self.work(client),
            Event::Timer { client, number } => self.timer(client, number),
            Event::Background { client, number } => self.background(client, number),
            Event::Arrival { client, worker } => self.arrival(client, worker),
            Event::Leave => self.limits.leave(self.now),
            Event::Reply {
                client,
                worker,
                refused,
                hint,
                told,
            } => self.reply(client, worker, refused, hint, told),
            Event::Change { index } => {
                let limits = self.scenario.changes[index].1.iter().copied();
                self.limits.replace(self.now, limits);
            }
            Event::Neighbour => self.neighbour(),
        }
    }

    /// Something to do has come.
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
        self.employ(client);
        self.pump(client);
    }

    /// Free workers take what waits.
    fn employ(&mut self, client: usize) {
        let it = &mut self.clients[client];
        while it.backlog != Some(0) {
            let Some(worker) = it.free.pop() else { break };
            it.backlog = it.backlog.map(|waiting| waiting - 1);
            it.enqueue(worker);
        }
    }

    /// Asks the strategy for the head of the queue until it says "later".
    fn pump(&mut self, client: usize) {
        self.tend(client);
        while let Some((worker, waited)) = self.clients[client].queue.front().copied() {
            match self.clients[client].strategy.poll(self.now, waited) {
                Answer::Send(permit) => {
                    let it = &mut self.clients[client];
                    it.queue.pop_front();
                    it.under_way[worker] = Some(permit);
                    let trip = self.scenario.trip;
                    let way = trip.there + self.jitter(trip.there_jitter);
                    self.plan(way, Event::Arrival { client, worker });
                }
                Answer::At(later) => {
                    self.clients[client].hold_up();
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
        self.tend(client);
    }

    /// Lets the strategy do what it has to do apart from requests.
    fn tend(&mut self, client: usize) {
        let it = &mut self.clients[client];
        let Some(at) = it.strategy.background(self.now, it.queue.len()) else {
            return;
        };
        let at = at.max(self.now + Duration::from_nanos(1));
        // One that comes too early finds nothing to do and asks again.
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

    fn background(&mut self, client: usize, number: u64) {
        let it = &mut self.clients[client];
        if it.background.is_some_and(|(_, current)| current == number) {
            it.background = None;
            self.pump(client);
        }
    }

    fn wake_at(&mut self, client: usize, at: Time) {
        // An answer of "now" or earlier would be asked again for ever.
        let at = at.max(self.now + Duration::from_nanos(1));
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

    fn timer(&mut self, client: usize, number: u64) {
        if self.clients[client]
            .timer
            .is_some_and(|(_, current)| current == number)
        {
            self.clients[client].timer = None;
            self.pump(client);
        }
    }

    fn arrival(&mut self, client: usize, worker: usize) {
        let trip = self.scenario.trip;
        let (stay, refused, hint) = match self.limits.arrive(self.now) {
            Verdict::Accepted => {
                self.plan(trip.service, Event::Leave);
                (trip.service, false, self.exhausted())
            }
            Verdict::Refused { retry_after } => (Duration::ZERO, true, self.hint(retry_after)),
        };
        self.report.arrival(client, self.now, !refused);
        let way = stay + trip.back + self.jitter(trip.back_jitter);
        self.plan(
            way,
            Event::Reply {
                client,
                worker,
                refused,
                hint,
                told: self.told(),
            },
        );
    }

    /// The server's wait, as this API words it.
    fn hint(&self, retry_after: Duration) -> Option<Duration> {
        match self.scenario.hint {
            Hint::None => None,
            Hint::RetryAfter => Some(whole_seconds(retry_after)),
            Hint::Headers | Hint::HeadersRoundedDown => {
                let told = self.told().map(|told| told.reset_after);
                Some(told.unwrap_or_else(|| whole_seconds(retry_after)))
            }
        }
    }

    /// What an accepted request is told: until when nothing is left, if this API says so.
    fn exhausted(&self) -> Option<Duration> {
        let told = self.told()?;
        (told.remaining == 0).then_some(told.reset_after)
    }

    /// What every answer says of the limit, if this API says so.
    fn told(&self) -> Option<Announced> {
        let rounded = match self.scenario.hint {
            Hint::Headers => whole_seconds,
            Hint::HeadersRoundedDown => |wait: Duration| Duration::from_secs(wait.as_secs()),
            Hint::None | Hint::RetryAfter => return None,
        };
        let announced = self.limits.announced(self.now)?;
        Some(Announced {
            reset_after: rounded(announced.reset_after),
            ..announced
        })
    }

    fn reply(
        &mut self,
        client: usize,
        worker: usize,
        refused: bool,
        hint: Option<Duration>,
        told: Option<Announced>,
    ) {
        let chance = self.rng.f64();
        let it = &mut self.clients[client];
        let Some(permit) = it.under_way[worker].take() else {
            return;
        };
        if let Some(told) = &told {
            it.strategy.announced(self.now, &permit, told);
        }
        if refused {
            it.strategy.backoff(self.now, permit, hint, chance);
            // A refused request queues again, behind the others.
            it.enqueue(worker);
        } else {
            it.strategy.success(self.now, permit);
            if let Some(wait) = hint {
                it.strategy.exhausted(self.now, wait, chance);
            }
            it.free.push(worker);
            self.through(client);
        }
        self.employ(client);
        self.pump(client);
    }

    /// One more request of a job is through; after the last one of a burst comes the idle time.
    fn through(&mut self, client: usize) {
        let it = &mut self.clients[client];
        if it.unfinished == 0 {
            return;
        }
        it.unfinished -= 1;
        if it.unfinished > 0 {
            return;
        }
        self.report.job_ended(client, self.now);
        if let Demand::Bursts { idle, .. } = self.scenario.demand {
            self.plan(idle, Event::Work { client });
        }
    }

    fn neighbour(&mut self) {
        let Some(neighbour) = self.scenario.neighbour else {
            return;
        };
        if self.now > Time::ZERO + neighbour.until {
            return;
        }
        if self.limits.arrive(self.now) == Verdict::Accepted {
            self.plan(self.scenario.trip.service, Event::Leave);
        }
        let pause = (0.5 + self.rng.f64()) / neighbour.per_second;
        self.plan(Duration::from_secs_f64(pause), Event::Neighbour);
    }

    fn jitter(&mut self, most: Duration) -> Duration {
        most.mul_f64(self.rng.f64())
    }

    fn plan(&mut self, after: Duration, event: Event) {
        self.planned += 1;
        self.events
            .push(Reverse((self.now + after, self.planned, event)));
    }
}

impl<S: Strategy> Client<S> {
    fn new(scenario: &Scenario, strategy: S) -> Self {
        Self {
            strategy,
            free: (0..scenario.workers).rev().collect(),
            queue: VecDeque::new(),
            under_way: (0..scenario.workers).map(|_| None).collect(),
            backlog: (scenario.demand != Demand::Saturated).then_some(0),
            unfinished: 0,
            timer: None,
            background: None,
        }
    }

    fn enqueue(&mut self, worker: usize) {
        self.queue.push_back((worker, false));
    }

    /// Everyone in the queue has been told to wait. New ones stand at the end.
    fn hold_up(&mut self) {
        self.queue
            .iter_mut()
            .rev()
            .take_while(|(_, waited)| !*waited)
            .for_each(|(_, waited)| *waited = true);
    }
}

/// Rounded up, and at least one: a `Retry-After` of 0 would say nothing.
fn whole_seconds(wait: Duration) -> Duration {
    let up = u64::from(wait.subsec_nanos() > 0);
    Duration::from_secs((wait.as_secs() + up).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limit;
    use api_ratelimiter_core::config::ApiRateConfig;

    const MINUTE: Duration = Duration::from_secs(60);

    fn limit(text: &str) -> Limit {
        text.parse().expect(text)
    }

    fn ours() -> Learned {
        let config = ApiRateConfig {
            max_rate: 1000.0,
            ..Default::default()
        };
        learned(&config).expect("valid rates")
    }

    #[test]
    fn the_same_seed_gives_the_same_report() {
        let scenario = Scenario {
            length: 5 * MINUTE,
            ..Scenario::new([limit("token-bucket:10/s,burst=20")])
        };
        let arrivals = |seed| run(&scenario, vec![ours()], seed).0.arrivals().to_vec();
        assert_eq!(arrivals(7), arrivals(7));
        assert_ne!(arrivals(7), arrivals(8));
    }

    #[test]
    fn a_fixed_rate_below_the_limit_is_never_refused() {
        let scenario = Scenario {
            length: 10 * MINUTE,
            ..Scenario::new([limit("token-bucket:10/s,burst=20")])
        };
        let (report, _) = run(&scenario, vec![fixed(9.0)], 1);
        assert_eq!(report.refused_share(Duration::ZERO, scenario.length), 0.0);
        let accepted = report.accepted(MINUTE, 2 * MINUTE);
        assert!((538..=542).contains(&accepted), "{accepted} in a minute");
    }

    #[test]
    fn a_job_of_a_given_size_is_done_to_the_last_request() {
        let demand = Demand::Job { requests: 200 };
        let scenario = Scenario {
            demand,
            length: 5 * MINUTE,
            ..Scenario::new([limit("token-bucket:10/s,burst=5")])
        };
        let (report, _) = run(&scenario, vec![fixed(20.0)], 1);
        assert_eq!(report.accepted(Duration::ZERO, scenario.length), 200);
        assert!(
            report.refused_share(Duration::ZERO, scenario.length) > 0.1,
            "what is refused is sent again"
        );
        assert!(report.jobs()[0].ended.is_some());
    }

    #[test]
    fn no_more_requests_are_under_way_than_there_are_workers() {
        let trip = Trip {
            there_jitter: Duration::ZERO,
            back_jitter: Duration::ZERO,
            ..Trip::default()
        };
        let scenario = Scenario {
            workers: 2,
            trip,
            length: MINUTE,
            ..Scenario::new([limit("concurrency:100")])
        };
        let (report, _) = run(&scenario, vec![fixed(1000.0)], 1);
        // Two workers, 80 ms each way round: 25 a second.
        let accepted = report.accepted(Duration::ZERO, MINUTE);
        assert!((1480..=1502).contains(&accepted), "{accepted} in a minute");
    }

    #[test]
    fn a_neighbour_and_a_change_take_their_part_of_the_limit() {
        let from = 2 * MINUTE;
        let neighbour = Neighbour {
            per_second: 5.0,
            from,
            until: from + MINUTE,
        };
        let changes = vec![(4 * MINUTE, vec![limit("token-bucket:2/s,burst=5")])];
        let scenario = Scenario {
            neighbour: Some(neighbour),
            changes,
            length: 6 * MINUTE,
            ..Scenario::new([limit("token-bucket:10/s,burst=5")])
        };
        let (report, _) = run(&scenario, vec![fixed(50.0)], 1);
        let in_minute = |n: u32| report.accepted(n * MINUTE, (n + 1) * MINUTE);
        assert!(in_minute(1) >= 595, "{}", in_minute(1));
        assert!(in_minute(2) < 580, "{}", in_minute(2));
        assert!(in_minute(5) <= 121, "{}", in_minute(5));
    }

    #[test]
    fn the_learned_strategy_finds_a_limit_and_stays_below_it() {
        let scenario = Scenario {
            length: 30 * MINUTE,
            ..Scenario::new([limit("token-bucket:10/s,burst=20")])
        };
        let (report, strategies) = run(&scenario, vec![ours()], 1);
        let from = 5 * MINUTE;
        assert!(report.accepted(from, scenario.length) as f64 >= 0.98 * 10.0 * 1500.0);
        assert!(report.refused_share(from, scenario.length) < 0.005);
        let ceiling = strategies[0].ceiling_per_second().expect("a ceiling");
        assert!((9.5..10.5).contains(&ceiling), "{ceiling}");
    }

    #[test]
    fn where_answers_say_how_much_is_left_refusals_become_rare() {
        let refused = |hint| {
            let scenario = Scenario {
                length: 30 * MINUTE,
                workers: 1,
                hint,
                ..Scenario::new([limit("fixed-window:100/60s")])
            };
            let (report, _) = run(&scenario, vec![ours()], 1);
            let share = report.refused_share(5 * MINUTE, scenario.length);
            (share, report.accepted(5 * MINUTE, scenario.length))
        };
        let (silent, _) = refused(Hint::None);
        let (told, accepted) = refused(Hint::Headers);
        assert!(silent > 0.005 && told < 0.001, "{silent} {told}");
        assert!(accepted >= 24 * 100, "{accepted} of 2500");
    }

    #[test]
    fn a_restart_with_memory_is_at_its_limit_at_once() {
        let scenario = Scenario {
            length: 10 * MINUTE,
            ..Scenario::new([limit("token-bucket:50/s,burst=10")])
        };
        let (_, strategies) = run(&scenario, vec![ours()], 1);
        let restarted = strategies
            .iter()
            .map(|strategy| strategy.restarted(MINUTE))
            .collect();
        let (report, _) = run(&scenario, restarted, 2);
        assert_eq!(
            report.seconds_to_find(0, Duration::ZERO, 50.0, Duration::ZERO),
            Some(0.0)
        );
        assert!(report.accepted(Duration::ZERO, MINUTE) > 2800);
    }
}

#[cfg(test)]
#[path = "world/announcing_tests.rs"]
mod announcing_tests;
