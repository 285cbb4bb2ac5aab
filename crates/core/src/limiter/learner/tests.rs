//! The controller with learning on, step by step.

use super::*;
use crate::limiter::{
    Announced, Change, Controller, Denial, Learning, Outcome, Poll, Settings, View,
};

const SECOND: Duration = Duration::from_secs(1);

fn rate(requests: f64) -> Rate {
    Rate::per_second(requests).expect("a valid rate")
}

fn settings() -> Settings {
    Settings {
        initial: rate(10.0),
        law: Law {
            min: rate(0.1),
            max: rate(1000.0),
            increase_step: 0.2,
            decrease_factor: 0.5,
        },
        capacity: None,
        initial_tokens: None,
        default_cooldown: None,
        max_cooldown: 300 * SECOND,
        learning: Learning::On,
        probe_interval: 60 * SECOND,
        breaker: None,
        fixed: Vec::new(),
        reserve: 0.1,
        max_under_way: None,
    }
}

fn at(seconds: f64) -> Time {
    Time::ZERO + Duration::from_secs_f64(seconds)
}

/// A controller with the time of its next step, and a server whose responses take a tenth of a second.
struct Run {
    controller: Controller,
    now: Time,
}

const ROUND_TRIP: Duration = Duration::from_millis(100);

impl Run {
    fn new(settings: Settings) -> Self {
        Self {
            controller: Controller::new(settings, at(0.0)),
            now: at(0.0),
        }
    }

    fn granted(&mut self) -> Grant {
        for _ in 0..4 {
            match self.controller.poll(self.now, 1, true) {
                Poll::Grant(grant) => return grant,
                Poll::At(later) | Poll::AfterFeedback(later) => self.now = later,
                Poll::Denied(Denial::Fleet(_)) => panic!("there is no fleet"),
                Poll::Denied(Denial::CircuitOpen(_)) => panic!("there is no breaker"),
                Poll::Denied(Denial::Cooldown(left)) => panic!("a pause of {left:?}"),
            }
        }
        panic!("not granted at the instant that was named");
    }

    fn success(&mut self) -> Change {
        let grant = self.granted();
        self.now = self.now + ROUND_TRIP;
        self.controller.success(self.now, &grant)
    }

    fn refusal(&mut self, hint: Option<Duration>) -> Change {
        let grant = self.granted();
        self.now = self.now + ROUND_TRIP;
        self.controller.backoff(self.now, &grant, hint, 0.0)
    }

    /// Requests succeed for this time.
    fn successes_for(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            let _ = self.success();
        }
    }

    fn view(&self) -> View {
        self.controller.view(self.now)
    }

    fn phase(&self) -> Phase {
        self.view().learning.expect("learning is on").0
    }

    fn reason(&self) -> LearningReason {
        self.view().learning.expect("learning is on").1
    }

    fn rate(&self) -> f64 {
        self.view().rate.as_per_second()
    }

    fn ceiling(&self) -> f64 {
        self.view().ceiling.expect("a ceiling").as_per_second()
    }

    /// Is refused twice: there is a ceiling now.
    fn learned() -> Self {
        let mut run = Self::new(settings());
        run.successes_for(2 * SECOND);
        let _ = run.refusal(None);
        // By then the rate is about what one caller sends, ten per second.
        run.successes_for(12 * SECOND);
        let _ = run.refusal(None);
        let _ = run.success();
        run
    }

    /// A ceiling that a probe has confirmed.
    fn settled() -> Self {
        let mut run = Self::learned();
        while run.phase() != Phase::Probing {
            let _ = run.success();
        }
        let _ = run.refusal(None);
        let _ = run.success();
        assert_eq!(run.reason(), LearningReason::ProbeConfirmed);
        run
    }
}

fn cut_of(change: Change) -> (f64, f64, Duration) {
    match change {
        Change::Cut { from, to, cooldown } => (from.as_per_second(), to.as_per_second(), cooldown),
        other => panic!("expected a cut, not {other:?}"),
    }
}

#[test]
fn the_search_grows_faster_than_the_law_until_the_first_refusal() {
    let mut run = Run::new(settings());
    let _ = run.success();
    // One more request in each round trip of 100 ms.
    assert_eq!(run.rate(), 20.0);
    assert_eq!(
        (run.phase(), run.reason()),
        (Phase::Searching, LearningReason::Started)
    );
    let _ = run.refusal(None);
    assert_eq!(run.phase(), Phase::Cooling);
    let _ = run.success();
    assert_eq!(
        (run.phase(), run.reason()),
        (Phase::Searching, LearningReason::FirstRefusal)
    );
    // Half of the five a second that got through, and one step.
    assert_eq!(run.rate(), 2.5 + 0.2);
}

#[test]
fn until_the_first_refusal_it_is_bounded_how_many_requests_are_at_stake() {
    let settings = Settings {
        initial: rate(0.25),
        initial_tokens: Some(1.0),
        ..settings()
    };
    let mut controller = Controller::new(settings, at(0.0));
    let poll = |controller: &mut Controller, now: f64| controller.poll(at(now), 1, true);
    let Poll::Grant(first) = poll(&mut controller, 0.0) else {
        panic!("a token is there")
    };
    // One goes, and a response is waited for: two seconds at most, and no longer than at the configured rate.
    controller.change_rate(at(0.0), rate(50.0));
    assert_eq!(poll(&mut controller, 0.1), Poll::AfterFeedback(at(2.0)));
    assert!(controller.is_held_by_cap(), "any response lets it go");
    let _ = controller.success(at(0.2), &first);
    let Poll::Grant(second) = poll(&mut controller, 0.2) else {
        panic!("none is under way")
    };
    assert_eq!(poll(&mut controller, 0.3), Poll::AfterFeedback(at(2.2)));
    // A response that does not come holds nobody for ever.
    let Poll::Grant(third) = poll(&mut controller, 2.2) else {
        panic!("it was waited for")
    };
    // After a refusal the rate decides: what got through lately, and not the rate of the search.
    let change = controller.backoff(at(2.4), &second, Some(SECOND), 0.0);
    let (from, to, _) = cut_of(change);
    assert!(from > 49.0 && to < 1.0, "from {from} to {to}");
    let _ = controller.success(at(2.4), &third);
}

#[test]
fn the_tokens_of_the_start_go_at_once_and_the_configured_rate_is_never_slowed_down() {
    let settings = Settings {
        initial: rate(8.0),
        ..settings()
    };
    let mut controller = Controller::new(settings, at(0.0));
    for _ in 0..8 {
        assert!(matches!(controller.poll(at(0.0), 1, true), Poll::Grant(_)));
    }
    for interval in 1..20 {
        let now = at(f64::from(interval) / 8.0);
        assert!(matches!(controller.poll(now, 1, true), Poll::Grant(_)));
    }
}

#[test]
fn the_first_announcement_lets_a_short_job_go() {
    let mut controller = Controller::new(settings(), at(0.0));
    let Poll::Grant(first) = controller.poll(at(0.0), 1, false) else {
        panic!("a token is there")
    };
    let told = Announced {
        name: None,
        limit: Some(100),
        window: Some(60 * SECOND),
        remaining: 20,
        reset_after: 60 * SECOND,
    };
    let outcome = Outcome::Success {
        announced: [told].into_iter().collect(),
        exhausted: None,
        chance: 0.0,
    };
    let before = controller.view(at(0.1)).tokens;
    let _ = controller.report(at(0.1), &first, outcome);
    // A quarter of what is left, and at most eight.
    let tokens = controller.view(at(0.1)).tokens;
    assert!((tokens - before - 5.0).abs() < 1e-9, "{before} to {tokens}");
}

#[test]
fn a_fixed_rate_does_not_search() {
    let law = Law {
        increase_step: 0.0,
        ..settings().law
    };
    let mut run = Run::new(Settings { law, ..settings() });
    assert_eq!(run.success(), Change::Nothing);
    assert_eq!(run.rate(), 10.0);
}

#[test]
fn a_success_without_a_wait_grows_nothing() {
    let mut controller = Controller::new(settings(), at(0.0));
    let Poll::Grant(grant) = controller.poll(at(0.0), 1, false) else {
        panic!("a token is there")
    };
    assert_eq!(controller.success(at(0.1), &grant), Change::Nothing);
}

#[test]
fn the_second_refusal_makes_a_ceiling() {
    let run = Run::learned();
    assert_eq!(run.reason(), LearningReason::Learned);
    assert_eq!(run.phase(), Phase::Cruising);
    // Both refusals came from a server that took everything in between: the ceiling is what got through.
    assert!((5.0..12.0).contains(&run.ceiling()), "{}", run.ceiling());
    assert!(run.rate() <= run.ceiling() * 0.995 + 1e-9);
}

#[test]
fn a_second_refusal_at_once_is_no_measurement_but_another_cut() {
    let mut run = Run::new(settings());
    run.successes_for(2 * SECOND);
    let _ = run.refusal(None);
    let after_first = run.rate();
    let _ = run.success();
    let _ = run.refusal(None);
    let _ = run.success();
    assert_eq!(run.reason(), LearningReason::FirstRefusal);
    assert_eq!(run.view().ceiling, None);
    // Cut by .7 for the refusal and again for its haste.
    assert!(run.rate() < after_first * 0.7 * 0.7 + 0.5, "{}", run.rate());
    // It is put off once only: a limit that always refuses at once must be learned all the same.
    let _ = run.refusal(None);
    let _ = run.success();
    assert_eq!(run.reason(), LearningReason::Learned);
}

#[test]
fn between_probes_the_rate_stays_just_below_the_ceiling() {
    let mut run = Run::settled();
    let began = run.now;
    run.successes_for(30 * SECOND);
    assert_eq!(run.phase(), Phase::Cruising);
    assert!((run.rate() / run.ceiling() - 0.995).abs() < 1e-9);
    while run.phase() == Phase::Cruising {
        let _ = run.success();
    }
    assert_eq!(run.phase(), Phase::Probing);
    let waited = run.now.saturating_since(began);
    assert!(waited >= 59 * SECOND && waited <= 62 * SECOND, "{waited:?}");
    assert!(run.rate() > run.ceiling() * 0.995);
}

#[test]
fn a_refused_probe_falls_back_to_the_proven_ceiling_and_is_no_cut() {
    let mut run = Run::settled();
    let before = run.ceiling();
    while run.phase() != Phase::Probing {
        let _ = run.success();
    }
    for _ in 0..5 {
        let _ = run.success();
    }
    let (_, to, _) = cut_of(run.refusal(None));
    assert!(to >= 0.94 * before, "from a ceiling of {before} to {to}");
    let _ = run.success();
    assert!(run.ceiling() >= before);
}

/// A learned ceiling of 9.5/s whose raise is refused after 8 s, in which 77 got through and `beside` others.
fn refuted(beside: u64) -> Run {
    let mut run = Run::learned();
    run.successes_for(8 * SECOND);
    run.controller.count_beside(beside);
    let _ = run.refusal(None);
    let _ = run.success();
    assert_eq!(run.reason(), LearningReason::RaiseRefused);
    run
}

#[test]
fn a_raise_that_is_refused_where_the_limit_was_measured_settles_the_ceiling() {
    let mut run = refuted(0);
    run.successes_for(55 * SECOND);
    assert_eq!(run.phase(), Phase::Cruising, "no probe for a minute");
}

#[test]
fn where_more_got_through_than_was_measured_a_probe_looks_again_soon() {
    let mut run = refuted(20);
    run.successes_for(15 * SECOND);
    assert_eq!(run.phase(), Phase::Probing);
}

#[test]
fn a_refusal_at_the_proven_ceiling_is_a_cut_and_a_small_step_of_the_ceiling() {
    let mut run = Run::settled();
    // Let a pending raise be refused first: then all of the ceiling is proven.
    let _ = run.refusal(None);
    let _ = run.success();
    assert_eq!(run.reason(), LearningReason::RaiseRefused);
    run.successes_for(10 * SECOND);
    let (ceiling, rate) = (run.ceiling(), run.rate());
    let (from, to, _) = cut_of(run.refusal(None));
    assert_eq!((from, to), (rate, rate / 2.0));
    let _ = run.success();
    assert_eq!(run.reason(), LearningReason::LimitLowered);
    assert!(
        (run.ceiling() / (0.995 * 0.98 * ceiling) - 1.0).abs() < 0.01,
        "{ceiling} to {}",
        run.ceiling()
    );
}

#[test]
fn what_others_send_in_its_place_is_part_of_what_the_limit_allows() {
    // Two surprises in a row are measured: 10/s for some seconds, and half a minute in which others sent as much.
    let ceiling_after = |beside: u64| {
        let mut run = Run::settled();
        let _ = run.refusal(None);
        let _ = run.success();
        for _ in 0..2 {
            run.successes_for(3 * SECOND);
            run.controller.idle_until(run.now + 30 * SECOND);
            run.now = run.now + 30 * SECOND;
            run.controller.count_beside(beside);
            run.successes_for(3 * SECOND);
            let _ = run.refusal(None);
            let _ = run.success();
            assert_eq!(run.reason(), LearningReason::LimitLowered);
        }
        run.ceiling()
    };
    let before = {
        let run = Run::settled();
        run.ceiling()
    };
    let (told, silent) = (ceiling_after((30.0 * before) as u64), ceiling_after(0));
    assert!(told > 0.9 * before, "{told} of {before}");
    assert!(silent < 0.6 * before, "{silent} of {before}");
}

#[test]
fn a_pause_whose_end_is_not_seen_teaches_nothing() {
    let mut run = Run::settled();
    let _ = run.refusal(None);
    assert_eq!(run.phase(), Phase::Cooling);
    let ceiling = run.ceiling();
    run.controller.idle_until(run.now + 30 * SECOND);
    assert_ne!(run.phase(), Phase::Cooling);
    let _ = run.success();
    assert_eq!(run.ceiling(), ceiling);
    // Nor is the time until then a window.
    let learned = run
        .controller
        .learned(run.now, Duration::ZERO)
        .expect("a ceiling");
    assert!(learned.last_pause() < 2 * SECOND);
}

#[test]
fn sixty_four_refusals_in_flight_together_cut_once() {
    // Fault 2: one burst, many cuts.
    for hint in [None, Some(SECOND)] {
        let settings = Settings {
            initial: rate(100.0),
            capacity: Some(64.0),
            initial_tokens: Some(64.0),
            ..settings()
        };
        let mut controller = Controller::new(settings, at(0.0));
        let grants: Vec<Grant> = (0..64)
            .map(|_| match controller.poll(at(0.0), 1, false) {
                Poll::Grant(grant) => grant,
                other => panic!("64 tokens are there, not {other:?}"),
            })
            .collect();
        for grant in &grants {
            let _ = controller.backoff(at(0.2), grant, hint, 0.0);
        }
        assert_eq!(controller.view(at(0.2)).rate, rate(50.0));
    }
}

#[test]
fn after_a_refusal_one_request_goes_alone_until_it_is_answered() {
    let mut run = Run::learned();
    let _ = run.refusal(None);
    let canary = run.granted();
    assert!(canary.canary);
    let later = run.now + SECOND;
    assert!(matches!(
        run.controller.poll(later, 1, true),
        Poll::AfterFeedback(_)
    ));
    let _ = run.controller.success(later, &canary);
    assert!(matches!(run.controller.poll(later, 1, true), Poll::Grant(grant) if !grant.canary));
}

#[test]
fn a_canary_that_ends_without_an_answer_or_is_lost_is_sent_again() {
    let mut run = Run::learned();
    let _ = run.refusal(None);
    let canary = run.granted();
    assert!(canary.canary);
    run.controller.neutral(&canary);
    let unsent = run.granted();
    assert!(unsent.canary);
    run.controller.unused(&unsent);
    let lost = run.granted();
    assert!(lost.canary);
    // This request never gets a response: the named time is its deadline.
    let Poll::AfterFeedback(deadline) = run.controller.poll(run.now, 1, true) else {
        panic!("a canary is out")
    };
    assert!(deadline > run.now);
    run.now = deadline;
    assert!(run.granted().canary);
}

#[test]
fn a_refused_canary_means_blocked_and_pauses_longer_without_a_second_cut() {
    let mut run = Run::learned();
    let (_, to, first) = cut_of(run.refusal(None));
    let (from, still, second) = cut_of(run.refusal(None));
    assert_eq!((from, still), (to, to));
    assert!(
        second > first.mul_f64(1.3) && second < first.mul_f64(1.6),
        "{first:?}, then {second:?}"
    );
    assert_eq!(run.phase(), Phase::Blocked);
    let _ = run.success();
    assert_ne!(run.phase(), Phase::Blocked);
}

#[test]
fn a_configured_pause_stands_for_a_missing_hint() {
    let mut run = Run::new(Settings {
        default_cooldown: Some(30 * SECOND),
        ..settings()
    });
    assert_eq!(cut_of(run.refusal(None)).2, 30 * SECOND);
    assert_eq!(cut_of(run.refusal(Some(7 * SECOND))).2, 7 * SECOND);
}

#[test]
fn stale_refusals_only_prolong_the_pause_and_stale_successes_grow_nothing() {
    // Faults 2 and 5.
    let mut run = Run::settled();
    run.successes_for(SECOND);
    let (stale, refused) = (run.granted(), run.granted());
    run.now = run.now + ROUND_TRIP;
    let _ = run.controller.backoff(run.now, &refused, Some(SECOND), 0.0);
    let rate = run.rate();
    assert_eq!(run.controller.success(run.now, &stale), Change::Nothing);
    let longer = run
        .controller
        .backoff(run.now, &stale, Some(9 * SECOND), 0.0);
    assert_eq!(
        longer,
        Change::Held {
            cooldown: 9 * SECOND
        }
    );
    assert_eq!(run.rate(), rate);
}

#[test]
fn idle_time_is_no_time_of_the_hold() {
    let mut run = Run::settled();
    run.successes_for(30 * SECOND);
    run.now = run.now + 600 * SECOND;
    let Poll::Grant(grant) = run.controller.poll(run.now, 1, false) else {
        panic!("a token is there")
    };
    let _ = run.controller.success(run.now, &grant);
    run.successes_for(20 * SECOND);
    assert_eq!(
        run.phase(),
        Phase::Cruising,
        "10 of the 60 seconds are left"
    );
}

#[test]
fn what_was_learned_is_taken_over_and_confirmed() {
    let old = Run::settled();
    let learned = old.controller.learned(old.now, SECOND).expect("a ceiling");
    let mut new = Run::new(settings());
    let _ = new.controller.restore(at(0.0), &learned, 2 * SECOND);
    assert_eq!(new.reason(), LearningReason::Restored);
    assert!(new.ceiling() <= old.ceiling());
    assert!((new.rate() / new.ceiling() - 0.995).abs() < 1e-9);
    // Refused before it was confirmed: it is forgotten, and learned anew.
    new.successes_for(2 * SECOND);
    let _ = new.refusal(None);
    let _ = new.success();
    assert_eq!(new.reason(), LearningReason::Learned);
}

#[test]
fn nothing_is_learned_before_two_refusals_or_where_learning_is_off() {
    let mut run = Run::new(settings());
    let _ = run.success();
    assert_eq!(run.controller.learned(run.now, SECOND), None);
    let mut off = Run::new(Settings {
        learning: Learning::Off,
        ..settings()
    });
    let _ = off.refusal(None);
    assert_eq!(off.controller.learned(off.now, SECOND), None);
    assert_eq!(off.view().learning, None);
}

#[test]
fn while_the_canary_is_out_a_pause_beyond_its_patience_is_named() {
    let mut run = Run::settled();
    let stale = run.granted();
    let _ = run.refusal(Some(SECOND));
    let _canary = run.granted();
    let _ = run
        .controller
        .backoff(run.now, &stale, Some(60 * SECOND), 0.0);
    let answer = run.controller.poll(run.now, 1, true);
    assert_eq!(answer, Poll::AfterFeedback(run.now + 60 * SECOND));
}

#[test]
fn a_canary_from_before_the_last_cut_says_nothing_when_it_gets_through_at_last() {
    let mut run = Run::settled();
    let _ = run.refusal(Some(SECOND));
    let late = run.granted();
    run.now = run.now + 11 * SECOND;
    let next = run.granted();
    assert!(late.canary && next.canary);
    let _ = run.controller.backoff(run.now, &next, Some(SECOND), 0.0);
    let _ = run.controller.success(run.now, &late);
    let third = run.granted();
    assert!(
        third.canary,
        "the cut after it asks for an answer of its own"
    );
}
