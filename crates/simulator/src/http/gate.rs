//! Decisions and counts about requests, as one pure value that takes the time as an argument.

use std::time::Duration;

use api_ratelimiter_core::Time;

use super::fault::{Fault, FaultEffect};
use super::ledger::{Delivery, Ledger};
use crate::rules::{Admission, Limit, LimitState, Limits};

/// Current limits, planned changes, faults and counts.
#[derive(Debug)]
pub(super) struct Gate {
    limits: Limits,
    /// Changes of the limits that are still to come, the last one first.
    changes: Vec<(Time, Vec<Limit>)>,
    faults: Vec<Fault>,
    /// Index of the limit that responses describe; the binding one if there is none.
    announced: Option<usize>,
    /// Random numbers for faults, seeded by the builder: equal sequences of requests meet equal faults.
    chance: fastrand::Rng,
    pub(super) ledger: Ledger,
}

/// Decision about one request.
#[derive(Debug)]
pub(super) struct GateDecision {
    pub(super) admission: Admission,
    /// State of the limit that the response describes.
    pub(super) state: Option<LimitState>,
    /// Effect of a fault; for accepted requests only.
    pub(super) effect: Option<FaultEffect>,
}

impl Gate {
    /// Returns a gate that starts at [`Time::ZERO`]. Changes are counted from there.
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
        // The sort is stable: of two changes at one time, the one given last stays in force.
        changes.sort_by_key(|(at, _)| *at);
        changes.reverse();
        Self {
            limits: Limits::new(Time::ZERO, limits),
            changes,
            faults,
            announced: None,
            chance: fastrand::Rng::with_seed(seed),
            ledger: Ledger::default(),
        }
    }

    /// Returns the same gate, whose responses describe the limit with this index.
    pub(super) fn announcing(self, announced: Option<usize>) -> Self {
        Self { announced, ..self }
    }

    /// Decides about a request that arrives `now`. An accepted one is in flight until it leaves.
    pub(super) fn admit(&mut self, now: Time) -> GateDecision {
        self.change_limits(now);
        let admission = self.limits.arrive(now);
        let mut effect = None;

        // An outage counts every request, but strikes accepted ones only.
        let since_start = now.saturating_since(Time::ZERO);
        let outage = self
            .faults
            .iter()
            .find_map(|fault| fault.outage_at(since_start));
        self.ledger.stats.met_outage += u64::from(outage.is_some());
        match admission {
            Admission::Accepted => {
                self.ledger.accept(now);
                let struck = self.strike(since_start);
                effect = outage.or(struck);
            }
            Admission::Refused { .. } => self.ledger.stats.refused += 1,
        }
        self.ledger.stats.faults_injected += u64::from(effect.is_some());
        GateDecision {
            admission,
            state: self.limits.announced_state(self.announced, now),
            effect,
        }
    }

    /// Records that an accepted request has finished. `served`: its normal response was sent completely.
    pub(super) fn leave(&mut self, now: Time, served: Option<Delivery>) {
        self.limits.leave(now);
        if let Some(delivery) = served {
            self.ledger.serve(delivery);
        }
    }

    /// Applies the changes that are due.
    fn change_limits(&mut self, now: Time) {
        while self.changes.last().is_some_and(|(at, _)| *at <= now) {
            if let Some((at, limits)) = self.changes.pop() {
                self.limits.replace(at, limits);
            }
        }
    }

    /// Returns the effect of the first fault that strikes.
    fn strike(&mut self, since_start: Duration) -> Option<FaultEffect> {
        let mut effect = None;
        for fault in &self.faults {
            // Draw for every fault, so that the draws for later requests do not depend on what strikes.
            let chance = self.chance.f64();
            effect = effect.or_else(|| fault.strikes(chance, since_start));
        }
        effect
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
            .filter(|_| gate.admit(now).admission == Admission::Accepted)
            .count()
    }

    #[test]
    fn changes_apply_in_order_of_their_times() {
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
    fn responses_describe_the_limit_that_is_announced() {
        let limits = vec![limit("fixed-window:100/60s"), limit("pacing:1/s")];
        let mut gate = Gate::new(limits, Vec::new(), Vec::new(), 0).announcing(Some(0));
        for remaining in [99, 98] {
            let state = gate.admit(Time::ZERO).state.expect("a state");
            assert_eq!((state.limit, state.remaining), (100, 99), "{remaining}");
        }
    }

    #[test]
    fn an_outage_strikes_every_request_from_its_start_to_its_end() {
        let outage = Fault::status(502, 1.0).expect("valid");
        let outage = outage.during(seconds(10), seconds(5));
        let mut gate = Gate::new(Vec::new(), Vec::new(), vec![outage], 0);
        let struck: Vec<_> = [0, 9, 10, 14, 15, 60]
            .into_iter()
            .map(|second| gate.admit(Time::ZERO + seconds(second)).effect.is_some())
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
    fn faults_strike_accepted_requests_and_repeat_with_the_seed() {
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
            let effects: Vec<_> = (0..2_000).map(|_| gate.admit(Time::ZERO).effect).collect();
            assert!(effects[1_000..].iter().all(Option::is_none));
            (effects, gate.ledger.stats.faults_injected)
        };
        let (effects, injected) = run(7);
        assert_eq!(run(7), (effects.clone(), injected));
        assert_ne!(run(8).0, effects);
        // 0.3 + 0.7 * 0.3 of a thousand is 510, plus or minus four standard deviations.
        assert!((447..=573).contains(&injected), "{injected}");
    }

    #[test]
    fn an_outage_does_not_change_other_requests() {
        let cut = Fault::cut_before_response(0.3).expect("valid");
        let outage = Fault::outage(seconds(1), seconds(1));
        let run = |faults: &[Fault]| -> Vec<_> {
            let mut gate = Gate::new(Vec::new(), Vec::new(), faults.to_vec(), 3);
            let at = |index: u64| Time::ZERO + Duration::from_millis(index * 10);
            (0..300).map(|index| gate.admit(at(index)).effect).collect()
        };
        let effects = run(&[outage, cut]);
        let never = run(&[outage.during(Duration::ZERO, Duration::ZERO), cut]);
        assert_eq!(
            (&effects[..100], &effects[200..]),
            (&never[..100], &never[200..])
        );
        assert!(
            effects[100..200]
                .iter()
                .all(|effect| matches!(effect, Some(FaultEffect::Status(_))))
        );
    }
}
