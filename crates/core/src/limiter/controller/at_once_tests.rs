//! Requests at once: a number that is configured, and one that is found.

use std::collections::VecDeque;
use std::time::Duration;

use proptest::prelude::*;

use crate::config::ApiRateConfig;
use crate::limiter::{Controller, Grant, LimitKind, Outcome, Phase, Poll};
use crate::time::Time;

const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: f64) -> Time {
    Time::ZERO + Duration::from_secs_f64(seconds)
}

fn controller(config: ApiRateConfig) -> Controller {
    Controller::new(config.settings().expect("valid"), Time::ZERO)
}

fn fast(max_under_way: Option<u32>) -> ApiRateConfig {
    ApiRateConfig {
        initial_rate: 100.0,
        max_rate: 100.0,
        max_under_way,
        ..ApiRateConfig::default()
    }
}

fn granted(controller: &mut Controller, now: Time) -> Option<Grant> {
    match controller.poll(now, 1, true) {
        Poll::Grant(grant) => Some(grant),
        _ => None,
    }
}

#[test]
fn no_more_than_max_under_way_are_granted_until_an_outcome_is_known() {
    let mut controller = controller(fast(Some(2)));
    let grants = [0.0, 0.1].map(|now| granted(&mut controller, at(now)).expect("two may go"));
    for now in [0.2, 60.0, 3600.0] {
        assert!(matches!(
            controller.poll(at(now), 1, true),
            Poll::AfterFeedback(_)
        ));
    }
    let _ = controller.report(at(3600.0), &grants[0], Outcome::success());
    assert!(granted(&mut controller, at(3600.0)).is_some());
    assert!(granted(&mut controller, at(3600.1)).is_none());
    // A request that was not sent gives its place back, too.
    let _ = controller.report(at(3601.0), &grants[1], Outcome::Unused);
    assert!(granted(&mut controller, at(3601.0)).is_some());
}

#[test]
fn a_wait_for_a_place_is_no_evidence_for_a_higher_rate() {
    let config = ApiRateConfig {
        initial_rate: 1.0,
        ..fast(Some(1))
    };
    let mut controller = controller(config);
    let mut rates = Vec::new();
    for second in 0..20 {
        let now = f64::from(second) * 5.0;
        let grant = granted(&mut controller, at(now)).expect("a token is there");
        assert!(granted(&mut controller, at(now + 4.0)).is_none());
        let _ = controller.report(at(now + 4.9), &grant, Outcome::success());
        rates.push(controller.view(at(now + 4.9)).rate);
    }
    // Only the first one waited for nothing but the rate.
    assert!(rates.iter().all(|rate| *rate == rates[0]), "{rates:?}");
}

/// Server that works on each accepted request for a time, and refuses more than `most` at once.
struct Server {
    most: usize,
    /// Grants and the times of their responses, in the order of these.
    accepted: VecDeque<(f64, Grant)>,
    refused: u32,
}

impl Server {
    fn new(most: usize) -> Self {
        Self {
            most,
            accepted: VecDeque::new(),
            refused: 0,
        }
    }

    /// Sends what may go, up to `workers` at once, from `from` to `until`. Each request takes `work` seconds.
    fn run(
        &mut self,
        controller: &mut Controller,
        times: [f64; 2],
        workers: usize,
        work: f64,
    ) -> u32 {
        let mut done = 0;
        let [mut now, until] = times;
        while now < until {
            while self.accepted.front().is_some_and(|(ends, _)| *ends <= now) {
                let (_, grant) = self.accepted.pop_front().expect("there is one");
                let _ = controller.report(at(now), &grant, Outcome::success());
                done += 1;
            }
            while self.accepted.len() < workers {
                let Some(grant) = granted(controller, at(now)) else {
                    break;
                };
                if self.accepted.len() < self.most {
                    self.accepted.push_back((now + work, grant));
                } else {
                    self.refused += 1;
                    let _ = controller.report(at(now), &grant, Outcome::refused(None, 0.0));
                }
            }
            now += 0.05;
        }
        done
    }
}

#[test]
fn a_limit_of_five_slow_requests_at_once_is_found_filled_and_said() {
    let mut controller = controller(fast(None));
    let mut server = Server::new(5);
    let _ = server.run(&mut controller, [0.0, 600.0], 32, 3.0);
    let refused_before = server.refused;
    // Five at once, of three seconds each: a thousand in ten minutes.
    let done = server.run(&mut controller, [600.0, 1200.0], 32, 3.0);
    assert!(done >= 930, "{done} of 1000");
    assert!(
        server.refused - refused_before <= 6,
        "{} refused",
        server.refused
    );
    let limit = controller.view(at(1200.0)).limit.expect("it is found");
    assert_eq!((limit.kind, limit.count), (LimitKind::AtOnce, 5));
    assert_eq!(limit.law().to_string(), "5 requests at once");
    let phase = controller.view(at(1200.0)).learning.map(|it| it.0);
    assert_eq!(phase, Some(Phase::Filling));
}

#[test]
fn a_limit_that_rises_is_found_again() {
    let mut controller = controller(fast(None));
    let mut server = Server::new(5);
    let _ = server.run(&mut controller, [0.0, 900.0], 32, 3.0);
    server.most = 10;
    let _ = server.run(&mut controller, [900.0, 4500.0], 32, 3.0);
    let done = server.run(&mut controller, [4500.0, 5100.0], 32, 3.0);
    assert!(done >= 1700, "{done} of 2000");
}

#[test]
fn a_limit_that_falls_loses_no_request_and_is_found_again() {
    let mut controller = controller(fast(None));
    let mut server = Server::new(10);
    let _ = server.run(&mut controller, [0.0, 900.0], 32, 3.0);
    server.most = 4;
    let _ = server.run(&mut controller, [900.0, 4500.0], 32, 3.0);
    let done = server.run(&mut controller, [4500.0, 5100.0], 32, 3.0);
    assert!(done >= 560, "{done} of 800");
}

proptest! {
    /// Whatever is granted, returned or lost, the number under way stays within `max_under_way`.
    #[test]
    fn never_more_than_max_under_way(
        most in 1_u32..6,
        steps in prop::collection::vec((0_u64..2_000, 0_usize..8, 0_u8..5), 1..200),
    ) {
        let mut controller = controller(fast(Some(most)));
        let (mut now, mut out) = (Time::ZERO, Vec::new());
        for (millis, which, outcome) in steps {
            now = now + Duration::from_millis(millis);
            if let Some(grant) = granted(&mut controller, now) {
                out.push(grant);
            }
            prop_assert!(out.len() <= most as usize);
            if which < out.len() {
                let grant = out.swap_remove(which);
                let outcome = match outcome {
                    0 => Outcome::refused(Some(SECOND), 0.5),
                    1 => Outcome::Failed,
                    2 => Outcome::Neutral,
                    3 => Outcome::Unused,
                    _ => Outcome::success(),
                };
                let _ = controller.report(now, &grant, outcome);
            }
        }
        // No place is lost: once all outcomes are known, as many may go as at the start.
        for grant in out.drain(..) {
            let _ = controller.report(now, &grant, Outcome::success());
        }
        now = now + 3600 * SECOND;
        let grant = granted(&mut controller, now).expect("one may go");
        let _ = controller.report(now, &grant, Outcome::success());
        for _ in 0..most {
            now = now + 10 * SECOND;
            prop_assert!(granted(&mut controller, now).is_some());
        }
    }
}
