//! What happened in a simulated world, and the figures that are read off it.

use std::time::Duration;

use super::scenario::Scenario;
use api_ratelimiter_core::Time;

/// A job is judged by its rate once it has stayed up for so long.
const STAYED: Duration = Duration::from_secs(10);

/// Refusals after a change are judged over so long.
const MINUTE: Duration = Duration::from_secs(60);

/// Share of the allowed rate that counts as having found it.
const FOUND: f64 = 0.9;

/// Share of refused requests that counts as having absorbed a change.
const ABSORBED: f64 = 0.01;

/// A request that reached the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// When.
    pub at: Time,
    /// Whose.
    pub client: usize,
    /// Whether it was let in.
    pub accepted: bool,
}

/// A job, from its first to its last request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    /// Whose.
    pub client: usize,
    /// When its work came.
    pub began: Time,
    /// When its last answer came, if it did.
    pub ended: Option<Time>,
}

/// Everything that happened, in the order of time.
#[derive(Debug, Clone)]
pub struct Report {
    length: Duration,
    arrivals: Vec<Arrival>,
    /// Each client's rate whenever it changed.
    rates: Vec<Vec<(Time, f64)>>,
    jobs: Vec<Job>,
}

impl Report {
    pub(super) fn new(scenario: &Scenario, clients: usize) -> Self {
        Self {
            length: scenario.length,
            arrivals: Vec::new(),
            rates: vec![Vec::new(); clients],
            jobs: Vec::new(),
        }
    }

    pub(super) fn arrival(&mut self, client: usize, at: Time, accepted: bool) {
        self.arrivals.push(Arrival {
            at,
            client,
            accepted,
        });
    }

    pub(super) fn rate(&mut self, client: usize, at: Time, per_second: f64) {
        let rates = &mut self.rates[client];
        if rates.last().is_none_or(|(_, last)| *last != per_second) {
            rates.push((at, per_second));
        }
    }

    pub(super) fn job_began(&mut self, client: usize, began: Time) {
        self.jobs.push(Job {
            client,
            began,
            ended: None,
        });
    }

    pub(super) fn job_ended(&mut self, client: usize, at: Time) {
        if let Some(job) = self.jobs.iter_mut().rev().find(|job| job.client == client) {
            job.ended = Some(at);
        }
    }

    /// Every request that reached the limits.
    #[must_use]
    pub fn arrivals(&self) -> &[Arrival] {
        &self.arrivals
    }

    /// The rate of a client whenever it changed.
    #[must_use]
    pub fn rates(&self, client: usize) -> &[(Time, f64)] {
        &self.rates[client]
    }

    /// Every job that began.
    #[must_use]
    pub fn jobs(&self) -> &[Job] {
        &self.jobs
    }

    fn between(&self, from: Duration, to: Duration) -> &[Arrival] {
        let start = self
            .arrivals
            .partition_point(|arrival| arrival.at < Time::ZERO + from);
        let end = self
            .arrivals
            .partition_point(|arrival| arrival.at < Time::ZERO + to);
        self.arrivals.get(start..end).unwrap_or_default()
    }

    /// Requests let in from `from` to `to` after the start.
    #[must_use]
    pub fn accepted(&self, from: Duration, to: Duration) -> u64 {
        self.between(from, to)
            .iter()
            .filter(|arrival| arrival.accepted)
            .count() as u64
    }

    /// Requests of one client let in from `from` to `to` after the start.
    #[must_use]
    pub fn accepted_of(&self, client: usize, from: Duration, to: Duration) -> u64 {
        let theirs = |arrival: &&Arrival| arrival.accepted && arrival.client == client;
        self.between(from, to).iter().filter(theirs).count() as u64
    }

    /// Refused among the sent, from `from` to `to` after the start; 0 if nothing was sent.
    #[must_use]
    pub fn refused_share(&self, from: Duration, to: Duration) -> f64 {
        let arrivals = self.between(from, to);
        let refused = arrivals.iter().filter(|arrival| !arrival.accepted).count();
        refused as f64 / arrivals.len().max(1) as f64
    }

    /// Jain's index of the requests that the clients got through: 1 is fair, 1/n is one for all.
    #[must_use]
    pub fn fairness(&self, from: Duration, to: Duration) -> f64 {
        let shares: Vec<f64> = (0..self.rates.len())
            .map(|client| self.accepted_of(client, from, to) as f64)
            .collect();
        let sum: f64 = shares.iter().sum();
        let squares: f64 = shares.iter().map(|share| share * share).sum();
        if squares > 0.0 {
            sum * sum / (shares.len() as f64 * squares)
        } else {
            0.0
        }
    }

    /// Seconds from `from` until a client's rate reaches 0.9 of `per_second` to stay there for ten
    /// seconds or `window`, whichever is longer, or until its job is done; `None` if it never does.
    #[must_use]
    pub fn seconds_to_find(
        &self,
        client: usize,
        from: Duration,
        per_second: f64,
        window: Duration,
    ) -> Option<f64> {
        let done = self
            .jobs
            .iter()
            .find(|job| job.client == client)
            .and_then(|job| job.ended);
        let done = done.map(|at| at.saturating_since(Time::ZERO + from));
        let found = self.stretch_above(client, from, FOUND * per_second, STAYED.max(window));
        [done, found]
            .into_iter()
            .flatten()
            .min()
            .map(|time| time.as_secs_f64())
    }

    /// The time after `from` at which the first stretch of at least `long` with a rate of at least
    /// `floor` begins.
    fn stretch_above(
        &self,
        client: usize,
        from: Duration,
        floor: f64,
        long: Duration,
    ) -> Option<Duration> {
        let (from, end) = (Time::ZERO + from, Time::ZERO + self.length);
        let rates = &self.rates[client];
        let mut since: Option<Time> = None;
        for (index, (at, per_second)) in rates.iter().enumerate() {
            let until = rates.get(index + 1).map_or(end, |(next, _)| *next);
            if until <= from {
                continue;
            }
            if *per_second < floor {
                since = None;
                continue;
            }
            let began = *since.get_or_insert((*at).max(from));
            if until.saturating_since(began) >= long {
                return Some(began.saturating_since(from));
            }
        }
        None
    }

    /// Seconds from `change` until a minute begins in which less than 1% is refused.
    #[must_use]
    pub fn seconds_to_absorb(&self, change: Duration) -> Option<f64> {
        let after = self.between(change, self.length);
        let (mut first, mut refused) = (0, 0_usize);
        // The minute that begins with each arrival, or with the change itself.
        let mut last = 0;
        let mut start = change;
        loop {
            while last < after.len() && after[last].at < Time::ZERO + start + MINUTE {
                refused += usize::from(!after[last].accepted);
                last += 1;
            }
            if start + MINUTE > self.length {
                return None;
            }
            let sent = last - first;
            if (refused as f64) < ABSORBED * sent as f64 {
                return Some((start.saturating_sub(change)).as_secs_f64());
            }
            let arrival = after.get(first)?;
            refused -= usize::from(!arrival.accepted);
            first += 1;
            start = after.get(first)?.at.saturating_since(Time::ZERO);
        }
    }

    /// Requests let in while jobs were under way, for each second of that, from `from` on; jobs that
    /// never ended count until the end.
    #[must_use]
    pub fn busy_rate(&self, from: Duration) -> f64 {
        let (mut accepted, mut busy) = (0, Duration::ZERO);
        for job in self
            .jobs
            .iter()
            .filter(|job| job.began >= Time::ZERO + from)
        {
            let ended = job
                .ended
                .unwrap_or(Time::ZERO + self.length)
                .saturating_since(Time::ZERO);
            let began = job.began.saturating_since(Time::ZERO);
            accepted += self.accepted(began, ended);
            busy += ended.saturating_sub(began);
        }
        accepted as f64 / busy.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Time {
        Time::ZERO + Duration::from_secs_f64(seconds)
    }

    fn report() -> Report {
        let scenario = Scenario {
            length: Duration::from_secs(600),
            ..Scenario::new([])
        };
        Report::new(&scenario, 2)
    }

    #[test]
    fn a_limit_is_found_where_the_rate_begins_to_stay_up() {
        let mut report = report();
        for (seconds, rate) in [(0.0, 2.0), (5.0, 9.5), (8.0, 5.0), (20.0, 9.1), (25.0, 9.9)] {
            report.rate(0, at(seconds), rate);
        }
        // From 5 s it was up for 3 s only.
        assert_eq!(
            report.seconds_to_find(0, Duration::ZERO, 10.0, Duration::ZERO),
            Some(20.0)
        );
        assert_eq!(
            report.seconds_to_find(0, Duration::from_secs(60), 10.0, Duration::ZERO),
            Some(0.0)
        );
        assert_eq!(
            report.seconds_to_find(0, Duration::ZERO, 20.0, Duration::ZERO),
            None
        );
    }

    #[test]
    fn a_change_is_absorbed_when_a_minute_with_few_refusals_begins() {
        let mut report = report();
        for tenth in 0..6000 {
            report.arrival(
                0,
                at(f64::from(tenth) / 10.0),
                !(1000..1100).contains(&tenth),
            );
        }
        // 600 a minute: from the sixth last of the refusals on, less than 1% are refused.
        let absorbed = report
            .seconds_to_absorb(Duration::from_secs(100))
            .expect("absorbed");
        assert!((absorbed - 9.5).abs() < 1e-6, "{absorbed}");
    }

    #[test]
    fn fairness_is_one_for_equal_shares_and_a_half_for_one_of_two() {
        let mut report = report();
        report.arrival(0, at(1.0), true);
        assert_eq!(report.fairness(Duration::ZERO, Duration::from_secs(9)), 0.5);
        report.arrival(1, at(2.0), true);
        assert_eq!(report.fairness(Duration::ZERO, Duration::from_secs(9)), 1.0);
    }

    #[test]
    fn the_busy_rate_leaves_the_idle_time_out() {
        let mut report = report();
        report.job_began(0, at(10.0));
        (10..20).for_each(|second| report.arrival(0, at(f64::from(second)), true));
        report.job_ended(0, at(20.0));
        assert_eq!(report.busy_rate(Duration::ZERO), 1.0);
    }
}
