//! Everything that is decided and counted about requests, as one value that is told the time.

use std::time::Duration;

use super::fault::{Fault, Harm};
use super::ledger::{Delivery, Ledger};
use crate::{Announced, Limit, Limits, Verdict};
use api_ratelimiter_core::Time;

/// The limits in force, the changes to come, the faults and the counts.
#[derive(Debug)]
pub(super) struct Gate {
    limits: Limits,
    /// Limits that come into force later, the last one first.
    changes: Vec<(Time, Vec<Limit>)>,
    faults: Vec<Fault>,
    /// Seeded by the builder: the same requests in the same order meet the same faults.
    chance: fastrand::Rng,
    pub(super) ledger: Ledger,
}

/// What becomes of one request.
#[derive(Debug)]
pub(super) struct Admission {
    pub(super) verdict: Verdict,
    pub(super) announced: Option<Announced>,
    /// Only of accepted requests.
    pub(super) harm: Option<Harm>,
}

impl Gate {
    /// A gate that opens at [`Time::ZERO`], from which the changes are counted.
    pub(super) fn new(
        limits: Vec<Limit>,
        changes: Vec<(Duration, Vec<Limit>)>,
        faults: Vec<Fault>,
        seed: u64,
    ) -> Self {
        let mut changes: Vec<_> = changes
            .into_iter()
            .map(|(after, limits)| (Time::ZERO + after, limits))
            .collect();
        // Of changes for the same time the one given last is in force in the end.
        changes.sort_by_key(|(at, _)| *at);
        changes.reverse();
        Self {
            limits: Limits::new(Time::ZERO, limits),
            changes,
            faults,
            chance: fastrand::Rng::with_seed(seed),
            ledger: Ledger::default(),
        }
    }

    /// Decides about a request that arrives `now`. An accepted one is under way until it leaves.
    pub(super) fn admit(&mut self, now: Time) -> Admission {
        self.change_limits(now);
        let verdict = self.limits.arrive(now);
        let mut harm = None;
        let since_start = now.saturating_since(Time::ZERO);
        let outage = self
            .faults
            .iter()
            .find_map(|fault| fault.outage_at(since_start));
        self.ledger.stats.met_outage += u64::from(outage.is_some());
        match verdict {
            Verdict::Accepted => {
                self.ledger.accept(now);
                let struck = self.harm(since_start);
                harm = outage.or(struck);
            }
            Verdict::Refused { .. } => self.ledger.stats.refused += 1,
        }
        self.ledger.stats.faults_injected += u64::from(harm.is_some());
        Admission {
            verdict,
            announced: self.limits.announced(now),
            harm,
        }
    }

    /// An accepted request has finished; `served` if its real answer went out whole.
    pub(super) fn leave(&mut self, now: Time, served: Option<Delivery>) {
        self.limits.leave(now);
        if let Some(delivery) = served {
            self.ledger.serve(delivery);
        }
    }

    fn change_limits(&mut self, now: Time) {
        while self.changes.last().is_some_and(|(at, _)| *at <= now) {
            if let Some((at, limits)) = self.changes.pop() {
                self.limits.replace(at, limits);
            }
        }
    }

    fn harm(&mut self, since_start: Duration) -> Option<Harm> {
        let mut harm = None;
        for fault in &self.faults {
            // Drawn for each, so that a request's chances don't depend on what struck or when.
            let chance = self.chance.f64();
            harm = harm.or_else(|| fault.strikes(chance, since_start));
        }
        harm
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(text: &str) -> Limit {
        Limit::parse(text).expect(text)
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn accepted_of(gate: &mut Gate, now: Time, arrivals: usize) -> usize {
        (0..arrivals)
            .filter(|_| gate.admit(now).verdict == Verdict::Accepted)
            .count()
    }

    #[test]
    fn changes_come_into_force_in_order_of_their_times() {
        let changes = vec![
            (seconds(20), vec![limit("fixed-window:1/10s")]),
            (seconds(10), vec![limit("fixed-window:2/10s")]),
            (seconds(10), vec![limit("fixed-window:5/10s")]),
        ];
        let mut gate = Gate::new(vec![limit("fixed-window:3/10s")], changes, Vec::new(), 0);
        assert_eq!(accepted_of(&mut gate, Time::ZERO + seconds(9), 9), 3);
        assert_eq!(accepted_of(&mut gate, Time::ZERO + seconds(10), 9), 5);
        assert_eq!(accepted_of(&mut gate, Time::ZERO + seconds(45), 9), 1);
    }

    #[test]
    fn an_outage_strikes_everything_from_its_beginning_to_its_end() {
        let outage = Fault::status(502, 1.0).expect("valid");
        let outage = outage.during(seconds(10), seconds(5));
        let mut gate = Gate::new(Vec::new(), Vec::new(), vec![outage], 0);
        let struck: Vec<_> = [0, 9, 10, 14, 15, 60]
            .into_iter()
            .map(|second| gate.admit(Time::ZERO + seconds(second)).harm.is_some())
            .collect();
        assert_eq!(struck, [false, false, true, true, false, false]);
        assert_eq!(gate.ledger.stats.met_outage, 2);
    }

    #[test]
    fn every_request_is_either_accepted_or_refused() {
        let mut gate = Gate::new(vec![limit("concurrency:2")], Vec::new(), Vec::new(), 0);
        assert_eq!(accepted_of(&mut gate, Time::ZERO, 5), 2);
        assert_eq!(
            (gate.ledger.stats.accepted, gate.ledger.stats.refused),
            (2, 3)
        );
        gate.leave(Time::ZERO, None);
        assert_eq!(accepted_of(&mut gate, Time::ZERO, 5), 1);
        assert_eq!(gate.ledger.stats.served, 0);
    }

    #[test]
    fn faults_strike_accepted_requests_only_and_are_the_same_for_the_same_seed() {
        let faults = vec![
            Fault::status(500, 0.3).expect("valid"),
            Fault::cut_in_body(0.3).expect("valid"),
        ];
        let run = |seed| {
            let mut gate = Gate::new(
                vec![limit("fixed-window:1000/1h")],
                Vec::new(),
                faults.clone(),
                seed,
            );
            let harms: Vec<_> = (0..2_000).map(|_| gate.admit(Time::ZERO).harm).collect();
            assert!(harms[1_000..].iter().all(Option::is_none));
            (harms, gate.ledger.stats.faults_injected)
        };
        let (harms, injected) = run(7);
        assert_eq!(run(7), (harms.clone(), injected));
        assert_ne!(run(8).0, harms);
        // 0.3 + 0.7 * 0.3 of a thousand is 510, give or take four standard deviations.
        assert!((447..=573).contains(&injected), "{injected}");
    }

    #[test]
    fn an_outage_changes_no_other_request() {
        let cut = Fault::cut_before_answer(0.3).expect("valid");
        let outage = Fault::outage(seconds(1), seconds(1));
        let run = |faults: &[Fault]| -> Vec<_> {
            let mut gate = Gate::new(Vec::new(), Vec::new(), faults.to_vec(), 3);
            let at = |index: u64| Time::ZERO + Duration::from_millis(index * 10);
            (0..300).map(|index| gate.admit(at(index)).harm).collect()
        };
        let harms = run(&[outage, cut]);
        let never = run(&[outage.during(Duration::ZERO, Duration::ZERO), cut]);
        assert_eq!(
            (&harms[..100], &harms[200..]),
            (&never[..100], &never[200..])
        );
        assert!(
            harms[100..200]
                .iter()
                .all(|harm| matches!(harm, Some(Harm::Status(_))))
        );
    }
}
