//! Events of a run, and figures derived from them.

use std::time::Duration;

use api_ratelimiter_core::Time;

use super::scenario::Scenario;

/// Time for which a rate must stay up to count as found.
const MIN_STRETCH: Duration = Duration::from_secs(10);

/// Time over which refusals after a change are counted.
const MINUTE: Duration = Duration::from_secs(60);

/// Share of the allowed rate at which it counts as found.
const FOUND: f64 = 0.9;

/// Share of refused requests below which a change counts as absorbed.
const ABSORBED: f64 = 0.01;

/// A request that arrived at the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Time of arrival.
    pub at: Time,
    /// Index of the client.
    pub client: usize,
    /// Whether the limits accepted the request.
    pub accepted: bool,
}

/// A job of one client, from its start to the success of its last request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    /// Index of the client.
    pub client: usize,
    /// Time at which the job started.
    pub began: Time,
    /// Time of the last response; `None` if the job did not end.
    pub ended: Option<Time>,
}

/// Everything that happened in a run, in order of time.
#[derive(Debug, Clone)]
pub struct Report {
    length: Duration,
    arrivals: Vec<Arrival>,
    /// The changes of each client's rate.
    rates: Vec<Vec<(Time, f64)>>,
    jobs: Vec<Job>,
}

impl Report {
    /// Returns an empty report.
    pub(super) fn new(scenario: &Scenario, clients: usize) -> Self {
        Self {
            length: scenario.length,
            arrivals: Vec::new(),
            rates: vec![Vec::new(); clients],
            jobs: Vec::new(),
        }
    }

    /// Records a request that arrived at the limits.
    pub(super) fn arrival(&mut self, client: usize, at: Time, accepted: bool) {
        self.arrivals.push(Arrival {
            at,
            client,
            accepted,
        });
    }

    /// Records the rate of a client, if it changed.
    pub(super) fn rate(&mut self, client: usize, at: Time, per_second: f64) {
        let rates = &mut self.rates[client];
        if rates.last().is_none_or(|(_, last)| *last != per_second) {
            rates.push((at, per_second));
        }
    }

    /// Records the start of a job.
    pub(super) fn job_began(&mut self, client: usize, began: Time) {
        self.jobs.push(Job {
            client,
            began,
            ended: None,
        });
    }

    /// Records the end of the client's current job.
    pub(super) fn job_ended(&mut self, client: usize, at: Time) {
        if let Some(job) = self.jobs.iter_mut().rev().find(|job| job.client == client) {
            job.ended = Some(at);
        }
    }

    /// Records that the run ends before the end of the scenario, because all jobs have ended.
    pub(super) fn ends_at(&mut self, at: Time) {
        self.length = self.length.min(at.saturating_since(Time::ZERO));
    }

    /// Returns the length of the run: that of the scenario, or the time until the last of its jobs ended.
    #[must_use]
    pub fn length(&self) -> Duration {
        self.length
    }

    /// Returns the time from the start until all jobs had ended; `None` if there was no job, or if one did
    /// not end.
    #[must_use]
    pub fn jobs_took(&self) -> Option<Duration> {
        let ends: Option<Vec<Time>> = self.jobs.iter().map(|job| job.ended).collect();
        let last = ends?.into_iter().max()?;
        Some(last.saturating_since(Time::ZERO))
    }

    /// Returns every request that arrived at the limits.
    #[must_use]
    pub fn arrivals(&self) -> &[Arrival] {
        &self.arrivals
    }

    /// Returns the changes of a client's rate, in requests per second.
    #[must_use]
    pub fn rates(&self, client: usize) -> &[(Time, f64)] {
        &self.rates[client]
    }

    /// Returns every job that started.
    #[must_use]
    pub fn jobs(&self) -> &[Job] {
        &self.jobs
    }

    /// Returns the arrivals from `from` to before `to` after the start.
    fn between(&self, from: Duration, to: Duration) -> &[Arrival] {
        let start = self
            .arrivals
            .partition_point(|arrival| arrival.at < Time::ZERO + from);
        let end = self
            .arrivals
            .partition_point(|arrival| arrival.at < Time::ZERO + to);
        self.arrivals.get(start..end).unwrap_or_default()
    }

    /// Counts accepted requests from `from` to `to` after the start.
    #[must_use]
    pub fn accepted(&self, from: Duration, to: Duration) -> u64 {
        self.between(from, to)
            .iter()
            .filter(|arrival| arrival.accepted)
            .count() as u64
    }

    /// Counts accepted requests of one client from `from` to `to` after the start.
    #[must_use]
    pub fn accepted_of(&self, client: usize, from: Duration, to: Duration) -> u64 {
        let theirs = |arrival: &&Arrival| arrival.accepted && arrival.client == client;
        self.between(from, to).iter().filter(theirs).count() as u64
    }

    /// Returns the share of refused requests from `from` to `to` after the start; 0 if there were none.
    #[must_use]
    pub fn refused_share(&self, from: Duration, to: Duration) -> f64 {
        let arrivals = self.between(from, to);
        let refused = arrivals.iter().filter(|arrival| !arrival.accepted).count();
        refused as f64 / arrivals.len().max(1) as f64
    }

    /// Returns Jain's fairness index of the clients' accepted requests.
    ///
    /// It is 1 for equal shares, and 1/n if one of n clients got everything.
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

    /// Returns the seconds from `from` until a client has found the rate `per_second`; `None` if it never
    /// does.
    ///
    /// A rate is found when the client's rate reaches 0.9 of it and stays there for ten seconds or for
    /// `window`, whichever is longer. The end of the client's job counts, too.
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
        let found = self.stretch_above(client, from, FOUND * per_second, MIN_STRETCH.max(window));
        [done, found]
            .into_iter()
            .flatten()
            .min()
            .map(|time| time.as_secs_f64())
    }

    /// Returns the seconds from `from` until 0.9 of `per_second` gets through, of all clients together; `None` if it never
    /// does.
    ///
    /// From then on at least so many requests are accepted in ten seconds or in `window`, whichever is longer, and again
    /// in the next ten seconds or the next `window`: one alone may hold what two windows of the limit allow. If the run is
    /// shorter than two of them, all of it has to hold so many.
    #[must_use]
    pub fn seconds_until_through(
        &self,
        from: Duration,
        per_second: f64,
        window: Duration,
    ) -> Option<f64> {
        let (window, end) = (MIN_STRETCH.max(window), self.length.saturating_sub(from));
        let accepted: Vec<Duration> = self
            .between(from, self.length)
            .iter()
            .filter(|arrival| arrival.accepted)
            .map(|arrival| arrival.at.saturating_since(Time::ZERO + from))
            .collect();
        // A stretch includes its end and not its beginning, but for the beginning of all.
        let before = |at: Duration| match at {
            Duration::ZERO => 0,
            at => accepted.partition_point(|accepted| *accepted <= at),
        };
        let suffices = |since: Duration, until: Duration| {
            let wanted = FOUND * per_second * until.saturating_sub(since).as_secs_f64();
            (before(until) - before(since)) as f64 >= wanted
        };
        let holds = |since: &Duration| {
            let (middle, until) = (*since + window, *since + 2 * window);
            suffices(*since, middle.min(end)) && suffices(middle.min(end), until.min(end))
        };
        // More gets through in a stretch only where an accepted request is its end.
        let stretches = |number: u32| {
            let begins = accepted
                .iter()
                .filter_map(move |at| at.checked_sub(number * window));
            begins
                .take_while(|since| *since + 2 * window <= end)
                .find(holds)
        };
        let at_once = Some(Duration::ZERO).filter(holds);
        let found = at_once.or_else(|| [stretches(1), stretches(2)].into_iter().flatten().min());
        found.map(|time| time.as_secs_f64())
    }

    /// Returns the time after `from` at which the first stretch of at least `long` starts in which the rate
    /// is at least `floor`.
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
            // This rate holds until the next change, or until the end.
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

    /// Returns the seconds from `change` until a minute starts in which less than 1% of requests is
    /// refused; `None` if there is no such minute.
    #[must_use]
    pub fn seconds_to_absorb(&self, change: Duration) -> Option<f64> {
        let after = self.between(change, self.length);
        let (mut first, mut refused) = (0, 0_usize);
        // Try the minute that starts at the change, then each minute that starts at an arrival.
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

    /// Returns the accepted requests per second while jobs were running, for jobs that started at `from` or
    /// later.
    ///
    /// A job that did not end counts until the end of the run.
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
mod tests;
