//! Workers and a store in virtual time. The store's clock is 1,000 s ahead of the workers', and visits take no time
//! unless a test says so.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::config::ApiRateConfig;
use crate::limiter::{
    Announced, AnnouncedLimits, Change, CircuitBreaker, Denial, FixedLimit, FleetUnavailable,
    Grant, Learned, Learning, LimitName, ManualReport, Outcome, Poll, Settings,
};
use crate::rate::Rate;
use crate::time::Time;

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);
const AHEAD: Duration = Duration::from_secs(1000);

fn at(seconds: f64) -> Time {
    Time::ZERO + Duration::from_secs_f64(seconds)
}

fn config() -> ApiRateConfig {
    ApiRateConfig {
        name: "test".into(),
        initial_rate: 10.0,
        max_rate: 1000.0,
        ..Default::default()
    }
}

fn settings(config: &ApiRateConfig) -> Settings {
    config.settings().expect("valid settings")
}

/// Ten requests per second, whatever happens; one token at the start.
fn steady() -> Settings {
    let config = ApiRateConfig {
        increase_step: 0.0,
        decrease_factor: 1.0,
        learning: Learning::Off,
        ..config()
    };
    Settings {
        initial_tokens: Some(1.0),
        capacity: Some(1.0),
        ..settings(&config)
    }
}

/// Change that a worker got on a visit.
#[derive(Debug)]
struct Heard(Change);

/// A store that keeps text, as a real one does.
#[derive(Default)]
struct Store {
    text: String,
}

impl Store {
    fn record(&self, now: Time) -> Option<Record> {
        Record::read(&self.text, now + AHEAD)
    }

    fn settle(&self, now: Time, ask: &SyncRequest, member: &Member) -> Settled {
        let record = self.record(now);
        settle(
            record,
            now + AHEAD,
            ask,
            member.settings(),
            member.fingerprint(),
        )
    }

    /// One whole visit, if the worker wants one now.
    fn visit(&mut self, member: &mut Member, now: Time, callers: usize) -> Option<Heard> {
        match member.next_action(now, &vec![1; callers], 77) {
            Action::Visit(ask) => Some(self.take(member, now, *ask)),
            Action::Rest(_) => None,
        }
    }

    fn take(&mut self, member: &mut Member, now: Time, ask: SyncRequest) -> Heard {
        match self.settle(now, &ask, member) {
            Settled::Write(record, reply) => {
                self.text = record.to_text();
                Heard(member.synced(now, now, now, reply))
            }
            Settled::Keep(reply) => Heard(member.synced(now, now, now, reply)),
            Settled::OtherSettings => {
                member.met_other_settings(now, ask);
                Heard(Change::Nothing)
            }
        }
    }
}

fn member(settings: &Settings) -> Member {
    let policy = OutagePolicy {
        workers: 16,
        stops: false,
    };
    Member::new(settings.clone(), policy, Time::ZERO)
}

fn granted(poll: Poll) -> Grant {
    match poll {
        Poll::Grant(grant) => grant,
        other => panic!("no grant: {other:?}"),
    }
}

/// Asks until there is a grant, no later than `until`; visits the store whenever the worker wants to.
fn next(store: &mut Store, member: &mut Member, now: &mut Time, until: Time) -> Option<Grant> {
    while *now < until {
        let _ = store.visit(member, *now, 1);
        match member.poll(*now, 1, true) {
            Poll::Grant(grant) => return Some(grant),
            Poll::At(_) | Poll::AfterFeedback(_) => *now = *now + MILLI,
            other => panic!("{other:?}"),
        }
    }
    None
}

fn succeed(member: &mut Member, now: Time, grant: &Grant) {
    let _ = member.report(now, grant, Outcome::success());
}

#[test]
fn a_worker_gets_nothing_before_it_has_met_the_store() {
    let (mut store, mut one) = (Store::default(), member(&steady()));
    assert!(matches!(
        one.poll(at(0.0), 1, false),
        Poll::AfterFeedback(_)
    ));
    assert!(!one.membership().joined);
    store.visit(&mut one, at(0.0), 1);
    let first = granted(one.poll(at(0.0), 1, false));
    assert_eq!(first.issued_at, at(1000.0), "in the store's time");
    assert!(!first.waited, "it waited for the store only");
    assert!(one.membership().joined);
}

#[test]
fn two_workers_share_one_rate() {
    let mut store = Store::default();
    let mut both = [member(&steady()), member(&steady())];
    let mut sent = [0, 0];
    for step in 0..10_000 {
        let now = Time::ZERO + step * MILLI;
        for (member, sent) in both.iter_mut().zip(&mut sent) {
            store.visit(member, now, 1);
            if let Poll::Grant(grant) = member.poll(now, 1, true) {
                *sent += 1;
                succeed(member, now, &grant);
            }
        }
    }
    // Ten seconds at ten per second, and the one token at the start.
    assert!((99..=101).contains(&(sent[0] + sent[1])), "{sent:?}");
    assert!((49..=51).contains(&sent[0]), "{sent:?}");
    assert_eq!(both[0].membership().workers, 2);
}

#[test]
fn a_refusal_of_one_holds_all_at_their_next_visit() {
    let config = config();
    let settings = settings(&config);
    let mut store = Store::default();
    let (mut one, mut other) = (member(&settings), member(&settings));
    store.visit(&mut one, at(0.0), 1);
    store.visit(&mut other, at(0.0), 1);
    let refused = granted(one.poll(at(0.0), 1, false));
    let of_the_other = granted(other.poll(at(0.0), 1, false));
    let _ = one.report(at(0.1), &refused, Outcome::refused(Some(5 * SECOND), 0.0));
    let Heard(change) = store.visit(&mut one, at(0.1), 0).expect("at once");
    assert!(matches!(change, Change::Cut { .. }), "{change:?}");
    // The other's request of the same burst cuts nothing more.
    let _ = other.report(
        at(0.2),
        &of_the_other,
        Outcome::refused(Some(5 * SECOND), 0.0),
    );
    let Heard(change) = store
        .visit(&mut other, at(0.2), 1)
        .expect("a longer pause is news");
    assert!(matches!(change, Change::Held { .. }), "{change:?}");
    let view = other.view(at(0.2));
    assert_eq!(view.cooldown_until, Some(at(5.2)), "in its own time");
    let mut now = at(0.2);
    let first = next(&mut store, &mut other, &mut now, at(9.0)).expect("after the pause");
    assert!(now >= at(5.2) && first.canary);
    // While the canary is in flight, no other request goes.
    assert_eq!(next(&mut store, &mut one, &mut at(5.3), at(6.0)), None);
    succeed(&mut other, at(6.0), &first);
    store
        .visit(&mut other, at(6.0), 0)
        .expect("a canary's answer is urgent");
    assert!(next(&mut store, &mut one, &mut at(6.0), at(7.0)).is_some());
}

#[test]
fn slots_taken_ahead_are_void_after_a_refusal() {
    let settings = settings(&config());
    let mut store = Store::default();
    let (mut one, mut other) = (member(&settings), member(&settings));
    store.visit(&mut one, at(0.0), 1);
    store.visit(&mut other, at(0.0), 3);
    let refused = granted(one.poll(at(0.0), 1, false));
    let _ = one.report(at(0.05), &refused, Outcome::refused(Some(5 * SECOND), 0.0));
    store.visit(&mut one, at(0.05), 0);
    let unused = granted(other.poll(at(0.05), 1, false));
    let _ = other.report(at(0.06), &unused, Outcome::refused(Some(SECOND), 0.0));
    store.visit(&mut other, at(0.06), 2);
    assert!(
        !matches!(other.poll(at(0.06), 1, true), Poll::Grant(_)),
        "the second slot is gone with the epoch"
    );
}

#[test]
fn a_canary_of_a_worker_that_was_killed_blocks_no_worker_for_ever() {
    let settings = settings(&config());
    let mut store = Store::default();
    let (mut one, mut other) = (member(&settings), member(&settings));
    store.visit(&mut one, at(0.0), 1);
    let refused = granted(one.poll(at(0.0), 1, false));
    let _ = one.report(at(0.0), &refused, Outcome::refused(Some(SECOND), 0.0));
    let mut now = at(0.0);
    let canary = next(&mut store, &mut one, &mut now, at(2.0)).expect("after the pause");
    assert!(canary.canary);
    drop(one);
    let mut now = at(2.0);
    let second = next(&mut store, &mut other, &mut now, at(30.0)).expect("another canary");
    assert!(
        second.canary && now >= at(11.0) && now < at(11.5),
        "{now:?}"
    );
}

#[test]
fn a_ticket_of_a_worker_that_was_killed_is_passed_over() {
    let mut store = Store::default();
    let mut all: Vec<Member> = (0..5).map(|_| member(&steady())).collect();
    for member in &mut all {
        store.visit(member, at(0.0), 1);
    }
    let mut last = all.pop().expect("five of them");
    drop(all);
    let mut now = at(0.0);
    next(&mut store, &mut last, &mut now, at(5.0)).expect("passed over the others");
    assert!(now < at(1.5), "{now:?}");
}

#[test]
fn an_unused_slot_goes_back() {
    let slow = ApiRateConfig {
        initial_rate: 0.1,
        ..config()
    };
    let settings = settings(&slow);
    let mut store = Store::default();
    let (mut one, mut other) = (member(&settings), member(&settings));
    store.visit(&mut one, at(0.0), 1);
    // Its caller has gone; a tenth of a second later the slot is over.
    assert!(store.visit(&mut one, at(0.05), 0).is_none());
    assert!(store.visit(&mut one, at(0.31), 0).is_none());
    store
        .visit(&mut one, at(0.6), 0)
        .expect("told after a while");
    let mut now = at(0.6);
    next(&mut store, &mut other, &mut now, at(9.0)).expect("the token is there again");
    assert_eq!(now, at(0.6), "not ten seconds later");
}

#[test]
fn costs_are_kept_apart() {
    let settings = Settings {
        capacity: Some(10.0),
        initial_tokens: Some(10.0),
        ..steady()
    };
    let (mut store, mut one) = (Store::default(), member(&settings));
    let Action::Visit(ask) = one.next_action(at(0.0), &[4, 1], 7) else {
        panic!("it has to meet the store");
    };
    store.take(&mut one, at(0.0), *ask);
    assert!(matches!(
        one.poll(at(0.0), 1, false),
        Poll::AfterFeedback(_)
    ));
    assert_eq!(granted(one.poll(at(0.0), 4, false)).cost, 4);
    // The bucket had ten.
    store.visit(&mut one, at(0.1), 1);
    assert_eq!(granted(one.poll(at(0.1), 1, false)).cost, 1);
}

#[test]
fn successes_are_told_with_the_next_visit_and_raise_the_common_rate() {
    let settings = settings(&config());
    let mut store = Store::default();
    let (mut one, mut other) = (member(&settings), member(&settings));
    store.visit(&mut one, at(0.0), 12);
    let mut grants = Vec::new();
    let mut now = at(0.0);
    while grants.len() < 12 {
        store.visit(&mut one, now, 12 - grants.len());
        if let Poll::Grant(grant) = one.poll(now, 1, true) {
            grants.push(grant);
        }
        now = now + MILLI;
    }
    let waited = grants.iter().filter(|grant| grant.waited).count();
    assert!(waited > 0, "the bucket held ten");
    // Each request takes a tenth of a second.
    for grant in &grants {
        let sent = Time::ZERO + grant.issued_at.saturating_since(at(1000.0));
        succeed(&mut one, sent + 100 * MILLI, grant);
    }
    store
        .visit(&mut one, now + SECOND, 0)
        .expect("not for ever");
    store.visit(&mut other, now + SECOND, 1);
    // One more request in each round trip, for each success of a permit that waited.
    let expected = 10.0 + 10.0 * waited as f64;
    let rate = other.view(now + SECOND).rate.as_per_second();
    assert!(
        (rate - expected).abs() < 1e-9,
        "{rate} instead of {expected}"
    );
}

#[test]
fn without_the_store_each_goes_on_with_its_part() {
    let mut store = Store::default();
    let mut all: Vec<Member> = (0..4).map(|_| member(&steady())).collect();
    for member in &mut all {
        store.visit(member, at(0.0), 1);
    }
    // Each has seen as many as came before it; a second later all.
    for member in &mut all {
        store.visit(member, at(1.0), 1).expect("its slot is late");
        assert_eq!(member.membership().workers, 4);
    }
    let mut sent = 0;
    let lost = at(2.0);
    for (member, chance) in all.iter_mut().zip([0.1, 0.3, 0.6, 0.9]) {
        let Action::Visit(ask) = member.next_action(lost, &[1], 7) else {
            panic!("it wants a slot");
        };
        assert!(member.store_unreachable(lost, *ask, chance), "told once");
        assert_eq!(member.view(lost).rate.as_per_second(), 2.5);
        for step in 0..20_000 {
            if let Poll::Grant(grant) = member.poll(lost + step * MILLI, 1, true) {
                sent += 1;
                succeed(member, lost + step * MILLI, &grant);
            }
        }
    }
    assert!(
        (198..=202).contains(&sent),
        "{sent} in 20 s at 10 per second"
    );
}

#[test]
fn a_visit_that_does_not_end_is_an_outage() {
    let mut store = Store::default();
    let mut one = member(&steady());
    store.visit(&mut one, at(0.0), 1);
    let first = granted(one.poll(at(0.0), 1, false));
    succeed(&mut one, at(0.0), &first);
    // Something holds the driver up that knows no end, such as a resolver of names.
    let ask = asked(&mut one, at(1.0), &[1]);
    let held = one.poll(at(2.9), 1, true);
    assert_eq!(
        held,
        Poll::AfterFeedback(at(3.0)),
        "looked at again by then"
    );
    let sent = (3_000..13_000).filter(|step| {
        let now = Time::ZERO + *step * MILLI;
        match one.poll(now, 1, true) {
            Poll::Grant(grant) => {
                succeed(&mut one, now, &grant);
                true
            }
            _ => false,
        }
    });
    assert!((99..=101).contains(&sent.count()), "10 per second, alone");
    assert!(!one.membership().joined);
    // Should it end all the same, that is news once, and the next visit is one like others.
    assert!(one.store_unreachable(at(13.0), ask, 0.0));
    assert!(matches!(one.next_action(at(13.0), &[1], 7), Action::Rest(until) if until == at(13.1)));
    let is_back = (13_100..20_000).any(|step| {
        store.visit(&mut one, Time::ZERO + step * MILLI, 1);
        one.membership().joined && one.ended_an_outage()
    });
    assert!(is_back);
}

#[test]
fn callers_who_rather_fail_are_told_of_a_visit_that_does_not_end() {
    let policy = OutagePolicy {
        workers: 16,
        stops: true,
    };
    let mut one = Member::new(steady(), policy, Time::ZERO);
    let _ask = asked(&mut one, at(0.0), &[1]);
    assert_eq!(one.poll(at(1.0), 1, true), Poll::AfterFeedback(at(1.1)));
    assert_eq!(
        one.poll(at(2.0), 1, true),
        Poll::Denied(Denial::Fleet(FleetUnavailable::Unreachable))
    );
}

#[test]
fn a_store_that_was_never_there_means_a_sixteenth() {
    let mut one = member(&steady());
    let Action::Visit(ask) = one.next_action(at(0.0), &[1], 7) else {
        panic!("it has to meet the store");
    };
    assert!(one.store_unreachable(at(0.0), *ask, 0.5));
    assert_eq!(
        one.view(at(0.0)).rate,
        Rate::per_second(10.0 / 16.0).expect("a rate")
    );
}

#[test]
fn callers_may_rather_fail_than_go_on_alone() {
    let policy = OutagePolicy {
        workers: 16,
        stops: true,
    };
    let mut one = Member::new(steady(), policy, Time::ZERO);
    let Action::Visit(ask) = one.next_action(at(0.0), &[1], 7) else {
        panic!("it has to meet the store");
    };
    one.store_unreachable(at(0.0), *ask, 0.5);
    assert_eq!(
        one.poll(at(0.0), 1, false),
        Poll::Denied(Denial::Fleet(FleetUnavailable::Unreachable))
    );
    let mut store = Store::default();
    store.visit(&mut one, at(10.0), 1).expect("it tries again");
    granted(one.poll(at(10.0), 1, false));
}

#[test]
fn a_lost_store_is_tried_again_at_growing_intervals() {
    let mut one = member(&steady());
    let mut tries = Vec::new();
    for step in 0..20_000 {
        let now = Time::ZERO + step * MILLI;
        if let Action::Visit(ask) = one.next_action(now, &[1], 7) {
            tries.push(now);
            one.store_unreachable(now, *ask, 0.0);
        }
    }
    let gaps: Vec<u64> = tries
        .windows(2)
        .map(|two| two[1].saturating_since(two[0]).as_millis() as u64)
        .collect();
    assert_eq!(gaps[..6], [100, 200, 400, 800, 1600, 2000]);
    assert!(gaps[6..].iter().all(|gap| *gap == 2000), "{gaps:?}");
}

#[test]
fn when_the_store_is_back_all_meet_again_without_a_burst() {
    let mut store = Store::default();
    let mut all: Vec<Member> = (0..4).map(|_| member(&steady())).collect();
    let mut sent: Vec<Time> = Vec::new();
    for step in 0..30_000 {
        let now = Time::ZERO + step * MILLI;
        let is_down = (10_000..20_000).contains(&step);
        for member in &mut all {
            match member.next_action(now, &[1], 7) {
                Action::Visit(ask) if is_down => {
                    member.store_unreachable(now, *ask, 0.25);
                }
                Action::Visit(ask) => {
                    store.take(member, now, *ask);
                }
                Action::Rest(_) => {}
            }
            if let Poll::Grant(grant) = member.poll(now, 1, true) {
                sent.push(now);
                succeed(member, now, &grant);
            }
        }
    }
    let within = |from: f64, to: f64| {
        sent.iter()
            .filter(|it| (at(from)..at(to)).contains(*it))
            .count()
    };
    assert!(
        (95..=101).contains(&within(0.0, 10.0)),
        "{}",
        within(0.0, 10.0)
    );
    assert!(
        (85..=104).contains(&within(10.0, 20.0)),
        "{}",
        within(10.0, 20.0)
    );
    assert!(
        (95..=104).contains(&within(20.0, 30.0)),
        "{}",
        within(20.0, 30.0)
    );
    for begin in 0..29 {
        let in_a_second = within(f64::from(begin), f64::from(begin) + 1.0);
        assert!(in_a_second <= 15, "{in_a_second} from {begin} s on");
    }
}

#[test]
fn a_store_that_was_emptied_is_told_what_the_workers_know() {
    let settings = settings(&config());
    let (mut store, mut one) = (Store::default(), member(&settings));
    store.visit(&mut one, at(0.0), 1);
    let learned: Learned = serde_json::from_str(
        r#"{"law_version": 1, "ceiling_per_second": 40.0, "rate_per_second": 39.0,
            "last_pause_seconds": 1.0, "learned_at_unix_seconds": 5.0}"#,
    )
    .expect("knowledge");
    let _ = one.restore(at(0.1), &learned, Duration::from_secs(6));
    store.visit(&mut one, at(0.1), 1);
    assert_eq!(
        one.view(at(0.2)).ceiling.map(Rate::as_per_second),
        Some(40.0)
    );
    store.text.clear();
    store.visit(&mut one, at(0.5), 1);
    assert_eq!(
        one.view(at(0.5)).ceiling.map(Rate::as_per_second),
        Some(40.0)
    );
    // A new worker learns it from the store.
    let mut other = member(&settings);
    store.visit(&mut other, at(0.6), 1);
    assert_eq!(
        other.view(at(0.6)).ceiling.map(Rate::as_per_second),
        Some(40.0)
    );
}

#[test]
fn a_ticket_of_a_store_that_was_emptied_starves_no_worker() {
    let mut store = Store::default();
    let mut all: Vec<Member> = (0..40).map(|_| member(&steady())).collect();
    for member in &mut all {
        store.visit(member, at(0.0), 1);
    }
    store.text.clear();
    let last = &mut all[39];
    let mut now = at(5.0);
    next(&mut store, last, &mut now, at(8.0)).expect("a new ticket");
}

#[test]
fn what_a_state_that_is_gone_has_granted_is_no_word_about_the_next_one() {
    let settings = settings(&config());
    let (mut store, mut one) = (Store::default(), member(&settings));
    store.visit(&mut one, at(0.0), 1);
    let old = granted(one.poll(at(0.0), 1, false));
    store.text.clear();
    let Action::Visit(ask) = one.next_action(at(0.5), &[1], 99) else {
        panic!("it wants a slot");
    };
    store.take(&mut one, at(0.5), *ask);
    let _ = one.report(at(0.6), &old, Outcome::refused(None, 0.0));
    let change = store.visit(&mut one, at(1.0), 1);
    assert!(
        !matches!(change, Some(Heard(Change::Cut { .. }))),
        "{change:?}"
    );
}

#[test]
fn other_settings_under_the_same_key_are_refused_while_a_fleet_is_alive() {
    let (mut store, mut one) = (Store::default(), member(&steady()));
    store.visit(&mut one, at(0.0), 1);
    let mut other = member(&settings(&config()));
    store.visit(&mut other, at(1.0), 1);
    assert_eq!(
        other.poll(at(1.0), 1, false),
        Poll::Denied(Denial::Fleet(FleetUnavailable::OtherSettings))
    );
    assert!(store.record(at(1.0)).is_some(), "nothing was overwritten");
    // No worker has come for a while: the new configuration takes over.
    store.visit(&mut other, at(50.0), 1);
    granted(other.poll(at(50.0), 1, false));
}

#[test]
fn a_record_that_is_damaged_foreign_or_of_a_time_to_come_is_a_fresh_start() {
    let (mut store, mut one) = (Store::default(), member(&steady()));
    store.visit(&mut one, at(0.0), 1);
    let good = store.text.clone();
    let now = at(0.0) + AHEAD;
    assert!(Record::read(&good, now).is_some());
    assert_eq!(Record::read(&good[..good.len() / 2], now), None);
    assert_eq!(Record::read("", now), None);
    assert_eq!(
        Record::read(&good.replace("\"format\":4", "\"format\":1"), now),
        None
    );
    assert_eq!(
        Record::read(&good, Time::ZERO + AHEAD / 2),
        None,
        "the clock went back"
    );
    for text in ["", "null", "[]", "{\"format\":1}"] {
        let mut store = Store { text: text.into() };
        let mut one = member(&steady());
        store.visit(&mut one, at(0.0), 1);
        granted(one.poll(at(0.0), 1, false));
    }
}

#[test]
fn the_state_comes_through_the_store_as_it_was_and_stays_small() {
    let settings = settings(&config());
    let mut store = Store::default();
    let mut all: Vec<Member> = (0..200).map(|_| member(&settings)).collect();
    for step in 0..5000 {
        let now = Time::ZERO + step * MILLI;
        for member in &mut all {
            store.visit(member, now, 1);
            if let Poll::Grant(grant) = member.poll(now, 1, true) {
                succeed(member, now, &grant);
            }
        }
    }
    let record = store.record(at(5.0)).expect("a record");
    assert_eq!(record.to_text(), store.text);
    assert!(store.text.len() < 4096, "{} bytes", store.text.len());
    assert_eq!(all[0].membership().workers, 200);
}

#[test]
fn the_record_stays_small_however_many_limits_are_announced_and_known() {
    let minute = 60 * SECOND;
    let limits = [
        (600, minute),
        (5000, 60 * minute),
        (50_000, 24 * 60 * minute),
    ];
    let known = limits.map(|(requests, per)| FixedLimit::new(requests, per).expect("a limit"));
    let settings = Settings {
        fixed: known.to_vec(),
        ..steady()
    };
    // Four limits, as many as are kept, whose windows roll: each response announces the time of a whole window.
    let told = |requests: u64| Announced {
        name: Some(LimitName::of(&requests.to_string())),
        limit: Some(requests),
        window: Some(minute),
        remaining: requests - 600,
        reset_after: minute,
    };
    let told: AnnouncedLimits = [640, 700, 704, 768].map(told).into_iter().collect();
    let mut store = Store::default();
    let mut all: Vec<Member> = (0..3).map(|_| member(&settings)).collect();
    let mut longest = 0;
    for step in 0..12_000 {
        let now = Time::ZERO + step * 20 * MILLI;
        for member in &mut all {
            store.visit(member, now, 1);
            if let Poll::Grant(grant) = member.poll(now, 1, true) {
                let _ = member.report(now, &grant, accepted(told));
            }
        }
        longest = longest.max(store.text.len());
    }
    // Seven logs of at most 64 groups each. The nanoseconds since 1970 have six digits more.
    assert!((8_000..10_000).contains(&longest), "{longest} bytes");
}

#[test]
fn a_worker_that_leaves_gives_everything_back() {
    let settings = Settings {
        capacity: Some(3.0),
        initial_tokens: Some(3.0),
        ..steady()
    };
    let (mut store, mut one) = (Store::default(), member(&settings));
    store.visit(&mut one, at(0.0), 3);
    let sent = granted(one.poll(at(0.0), 1, false));
    succeed(&mut one, at(0.0), &sent);
    let final_visit = one
        .final_visit(at(0.0), 7)
        .expect("there is something to say");
    store.take(&mut one, at(0.0), *final_visit);
    let mut other = member(&settings);
    store.visit(&mut other, at(0.0), 2);
    granted(other.poll(at(0.0), 1, false));
}

fn asked(member: &mut Member, now: Time, costs: &[u32]) -> SyncRequest {
    match member.next_action(now, costs, 7) {
        Action::Visit(ask) => *ask,
        Action::Rest(until) => panic!("it rests until {until:?}"),
    }
}

fn accepted(announced: AnnouncedLimits) -> Outcome {
    Outcome::Success {
        announced,
        exhausted: None,
        chance: 0.0,
    }
}

fn announced(remaining: u64) -> AnnouncedLimits {
    let told = Announced {
        name: None,
        limit: Some(100),
        window: Some(60 * SECOND),
        remaining,
        reset_after: 60 * SECOND,
    };
    [told].into_iter().collect()
}

/// Calls as often as it can for a time. Returns the times of its grants.
fn calls(
    store: &mut Store,
    member: &mut Member,
    from: f64,
    millis: u32,
    is_down: impl Fn(u32) -> bool,
) -> Vec<Time> {
    let mut granted = Vec::new();
    for step in 0..millis {
        let now = at(from) + step * MILLI;
        let poll = member.poll(now, 1, true);
        if let Poll::Grant(grant) = poll {
            granted.push(now);
            succeed(member, now, &grant);
        }
        // A rejected caller does not wait.
        let waits = usize::from(matches!(poll, Poll::At(_) | Poll::AfterFeedback(_)));
        match member.next_action(now, &vec![1; waits], now.as_nanos()) {
            Action::Visit(ask) if is_down(step) => {
                member.store_unreachable(now, *ask, 0.5);
            }
            Action::Visit(ask) => {
                store.take(member, now, *ask);
            }
            Action::Rest(_) => {}
        }
    }
    granted
}

#[test]
fn the_trial_of_a_circuit_is_sent_though_callers_are_turned_away() {
    for fail_fast in [false, true] {
        let breaker = CircuitBreaker::after_failures(1).fail_fast(fail_fast);
        let config = ApiRateConfig {
            breaker: Some(breaker),
            ..config()
        };
        let settings = settings(&config);
        let (mut store, mut one, mut other) =
            (Store::default(), member(&settings), member(&settings));
        store.visit(&mut one, at(0.0), 1);
        store.visit(&mut other, at(0.0), 1);
        let grant = granted(one.poll(at(0.0), 1, false));
        let _ = one.report(at(0.0), &grant, Outcome::Failed);
        store.visit(&mut one, at(1.0), 0);
        let trials = calls(&mut store, &mut one, 1.0, 10_000, |_| false);
        assert!(
            trials.first().is_some_and(|first| *first < at(4.0)),
            "{trials:?}"
        );
        // A worker whose callers were denied learns that it is over, too.
        let _ = other.poll(at(11.0), 1, false);
        assert!(!calls(&mut store, &mut other, 11.0, 2000, |_| false).is_empty());
    }
}

#[test]
fn a_worker_that_was_alone_keeps_to_known_limits() {
    let limit = FixedLimit::new(5, 3600 * SECOND).expect("a limit");
    let settings = Settings {
        fixed: vec![limit],
        ..steady()
    };
    let (mut store, mut one) = (Store::default(), member(&settings));
    // The store comes and goes every three seconds.
    let sent = calls(&mut store, &mut one, 0.0, 60_000, |step| {
        (step / 3000) % 2 == 1
    });
    assert_eq!(sent.len(), 5, "of five an hour");
}

#[test]
fn a_fleet_keeps_to_known_limits_through_outages_and_loses_little_of_them() {
    let limit = FixedLimit::new(100, 3600 * SECOND).expect("a limit");
    let settings = Settings {
        fixed: vec![limit],
        ..steady()
    };
    let mut store = Store::default();
    let mut all: Vec<Member> = (0..4).map(|_| member(&settings)).collect();
    let mut sent = 0;
    for step in 0..60_000 {
        let (now, is_down) = (at(0.0) + step * MILLI, (step / 3000) % 2 == 1);
        for one in &mut all {
            let poll = one.poll(now, 1, true);
            if let Poll::Grant(grant) = poll {
                sent += 1;
                succeed(one, now, &grant);
            }
            let waits = usize::from(matches!(poll, Poll::At(_) | Poll::AfterFeedback(_)));
            match one.next_action(now, &vec![1; waits], 7) {
                Action::Visit(ask) if is_down => {
                    one.store_unreachable(now, *ask, 0.5);
                }
                Action::Visit(ask) => {
                    store.take(one, now, *ask);
                }
                Action::Rest(_) => {}
            }
        }
    }
    assert!((90..=100).contains(&sent), "{sent} of a hundred an hour");
}

#[test]
fn a_refusal_that_the_store_never_heard_of_holds_the_worker_alone() {
    let (mut store, mut one) = (Store::default(), member(&settings(&config())));
    store.visit(&mut one, at(0.0), 1);
    let grant = granted(one.poll(at(0.0), 1, false));
    let _ = one.report(at(0.1), &grant, Outcome::refused(Some(60 * SECOND), 0.0));
    let ask = asked(&mut one, at(0.1), &[1]);
    one.store_unreachable(at(0.15), ask, 0.9);
    assert!(calls(&mut store, &mut one, 0.2, 59_000, |_| true).is_empty());
    assert!(!calls(&mut store, &mut one, 60.2, 5000, |_| true).is_empty());
}

#[test]
fn a_limit_of_which_nothing_is_left_is_none_the_more_left_to_a_worker_alone() {
    let (mut store, mut one) = (Store::default(), member(&steady()));
    let mut now = at(0.0);
    let grant = next(&mut store, &mut one, &mut now, at(1.0)).expect("the first");
    let _ = one.report(now, &grant, accepted(announced(0)));
    store.visit(&mut one, at(1.0), 1);
    let ask = asked(&mut one, at(12.0), &[1]);
    one.store_unreachable(at(12.0), ask, 0.9);
    assert!(calls(&mut store, &mut one, 12.0, 20_000, |_| true).is_empty());
}

/// One of four workers, from 2 s on without the store.
fn alone_of_four() -> Member {
    let mut store = Store::default();
    let settings = settings(&config());
    let mut all: Vec<Member> = (0..4).map(|_| member(&settings)).collect();
    for now in [0.0, 1.0] {
        for member in &mut all {
            store.visit(member, at(now), 1);
        }
    }
    let mut one = all.swap_remove(0);
    let ask = asked(&mut one, at(2.0), &[1]);
    one.store_unreachable(at(2.0), ask, 0.99);
    one
}

/// Returns the first grant from that time on, and its time.
fn granted_from(member: &mut Member, from: f64) -> (Time, Grant) {
    let times = (0..10_000).map(|step| at(from) + step * MILLI);
    let mut grants = times.filter_map(|now| match member.poll(now, 1, true) {
        Poll::Grant(grant) => Some((now, grant)),
        _ => None,
    });
    grants.next().expect("a grant within ten seconds")
}

/// Returns a refusal by a limit of 100 a minute of which so much is left. Its reset is the pause.
fn refused(remaining: u64) -> Outcome {
    Outcome::Refused {
        announced: announced(remaining).pausing_by_reset(true),
        hint: (remaining == 0).then_some(60 * SECOND),
        chance: 0.0,
    }
}

#[test]
fn a_refusal_tells_a_worker_alone_of_its_part_of_the_limit() {
    let mut one = alone_of_four();
    let (now, grant) = granted_from(&mut one, 2.0);
    let _ = one.report(now, &grant, accepted(announced(40)));
    let limit = |one: &Member, now| one.view(now).announced.map(|it| (it.limit, it.remaining));
    assert_eq!(limit(&one, now), Some((Some(25), 10)));
    // That nothing is left explains a refusal, and teaches nothing.
    let (now, grant) = granted_from(&mut one, 3.0);
    let change = one.report(now, &grant, refused(0));
    assert!(matches!(change, Change::Held { .. }), "{change:?}");
    assert_eq!(limit(&one, now), Some((Some(25), 0)));
}

#[test]
fn a_refusal_while_little_is_left_is_a_lesson_for_a_worker_alone() {
    let mut one = alone_of_four();
    let (now, grant) = granted_from(&mut one, 2.0);
    // A quarter of it is less than one.
    let change = one.report(now, &grant, refused(2));
    assert!(matches!(change, Change::Cut { .. }), "{change:?}");
    let left = one.view(now).announced.map(|it| it.remaining);
    assert_eq!(left, Some(1));
}

#[test]
fn a_refusal_of_a_request_from_before_an_outage_only_prolongs_the_pause() {
    let (mut store, mut one) = (Store::default(), member(&settings(&config())));
    store.visit(&mut one, at(0.0), 2);
    let before = granted(one.poll(at(0.0), 1, false));
    let ask = asked(&mut one, at(2.0), &[1]);
    one.store_unreachable(at(2.0), ask, 0.99);
    let (now, grant) = granted_from(&mut one, 2.0);
    let outcome = Outcome::Refused {
        announced: announced(90),
        hint: Some(5 * SECOND),
        chance: 0.0,
    };
    let change = one.report(now, &before, outcome);
    assert_eq!(
        change,
        Change::Held {
            cooldown: 5 * SECOND
        }
    );
    assert_eq!(
        one.view(now).announced,
        None,
        "its number is of another count"
    );
    let is_answered = one.in_force(now).0.has_all_responses();
    assert!(!is_answered, "the worker's own is still under way");
    succeed(&mut one, now, &grant);
}

#[test]
fn a_wait_that_the_server_asked_for_outlasts_an_outage_whatever_it_announced() {
    let (mut store, mut one) = (Store::default(), member(&settings(&config())));
    store.visit(&mut one, at(0.0), 1);
    let grant = granted(one.poll(at(0.0), 1, false));
    // Nothing is left of a limit of a second, and the response asks for a minute.
    let told = Announced {
        name: None,
        limit: Some(10),
        window: Some(SECOND),
        remaining: 0,
        reset_after: 60 * SECOND,
    };
    let refused = Outcome::Refused {
        announced: [told].into_iter().collect(),
        hint: Some(60 * SECOND),
        chance: 0.0,
    };
    let _ = one.report(at(0.1), &grant, refused);
    store.visit(&mut one, at(0.2), 1);
    let ask = asked(&mut one, at(5.0), &[1]);
    one.store_unreachable(at(5.0), ask, 0.9);
    assert!(calls(&mut store, &mut one, 5.0, 55_000, |_| true).is_empty());
}

#[test]
fn a_fleet_begins_without_the_windows_that_a_worker_remembers() {
    let (mut store, mut one) = (Store::default(), member(&settings(&config())));
    let learned: Learned = serde_json::from_str(
        r#"{"law_version": 1, "ceiling_per_second": 40.0, "rate_per_second": 39.0,
            "last_pause_seconds": 1.0, "learned_at_unix_seconds": 5000.0,
            "hidden_window": {"kind": "fixed_window", "count": 400, "length_seconds": 10.0,
            "ends_from_unix_seconds": 4990.0, "ends_until_unix_seconds": 4990.1,
            "last_used_unix_seconds": 4980.0}}"#,
    )
    .expect("knowledge");
    let _ = one.restore(at(0.0), &learned, Duration::from_secs(5001));
    store.visit(&mut one, at(0.0), 1);
    let record = store.record(at(0.0)).expect("a record");
    let (rate, ceiling, _) = record.state.summary(at(0.0));
    assert!(rate.as_per_second() < 41.0, "{rate:?} beside {ceiling:?}");
}

#[test]
fn a_worker_that_has_not_asked_lately_does_not_take_the_fleet_for_small() {
    let mut store = Store::default();
    let mut all: Vec<Member> = (0..16).map(|_| member(&steady())).collect();
    for (worker, from) in all.iter_mut().zip(0..) {
        store.visit(worker, at(f64::from(from) / 10.0), 0);
    }
    let mut rates = 0.0;
    for worker in &mut all {
        let _ = worker.poll(at(10.0), 1, false);
        let ask = asked(worker, at(10.0), &[1]);
        worker.store_unreachable(at(10.0), ask, 0.5);
        rates += worker.view(at(10.0)).rate.as_per_second();
    }
    assert!(rates <= 10.0 + 1e-9, "{rates}");
}

#[test]
fn a_caller_with_a_deadline_is_told_of_a_pause_at_once() {
    let (mut store, mut one, mut other) = (
        Store::default(),
        member(&settings(&config())),
        member(&settings(&config())),
    );
    store.visit(&mut other, at(0.0), 0);
    store.visit(&mut one, at(0.0), 1);
    let grant = granted(one.poll(at(0.0), 1, false));
    let _ = one.report(at(0.1), &grant, Outcome::refused(Some(40 * SECOND), 0.0));
    store.visit(&mut one, at(0.1), 0);
    assert!(matches!(one.poll(at(0.2), 1, false), Poll::At(time) if time >= at(40.0)));
    // The other workers' callers hear of it as of a pause, too.
    let _ = other.poll(at(0.2), 1, false);
    let Heard(change) = store
        .visit(&mut other, at(0.2), 1)
        .expect("it wants a slot");
    assert!(
        matches!(change, Change::Held { cooldown } if cooldown > 39 * SECOND),
        "{change:?}"
    );
}

#[test]
fn what_was_announced_to_a_state_that_is_gone_is_none_of_the_next_ones_business() {
    let (mut store, mut one) = (Store::default(), member(&steady()));
    let mut last = None;
    let mut now = at(0.0);
    for _ in 0..50 {
        last = next(&mut store, &mut one, &mut now, at(30.0));
        succeed(&mut one, now, &last.expect("a slot"));
    }
    let old = last.expect("fifty of them");
    assert_eq!(old.number, 50);
    store.text.clear();
    let _ = one.report(
        now,
        &old,
        Outcome::Refused {
            announced: announced(90),
            hint: None,
            chance: 0.0,
        },
    );
    let ask = asked(&mut one, now, &[]);
    store.take(&mut one, now, ask);
    let mut other = member(&steady());
    let grant = next(&mut store, &mut other, &mut now, at(40.0)).expect("a slot");
    let _ = other.report(now, &grant, accepted(announced(20)));
    now = now + 10 * SECOND;
    let ask = asked(&mut other, now, &[]);
    store.take(&mut other, now, ask);
    let left = other.view(now).announced.map(|it| it.remaining);
    assert_eq!(left, Some(20));
}

#[test]
fn an_answer_that_was_lost_after_the_write_counts_once() {
    let (mut store, mut one) = (Store::default(), member(&settings(&config())));
    store.visit(&mut one, at(0.0), 1);
    let _ = one.report_manually(
        at(0.1),
        ManualReport::Refused {
            hint: Some(SECOND),
            chance: 0.0,
        },
    );
    let mut ask = asked(&mut one, at(0.1), &[]);
    let Settled::Write(record, reply) = store.settle(at(0.1), &ask, &one) else {
        panic!("a cut is written");
    };
    store.text = record.to_text();
    ask.may_be_settled(&reply);
    one.store_unreachable(at(0.2), ask, 0.0);
    store.visit(&mut one, at(3.0), 1);
    store.visit(&mut one, at(9.0), 1);
    let rate = store
        .record(at(9.0))
        .expect("a record")
        .summary(at(9.0))
        .rate;
    assert_eq!(rate.as_per_second(), 7.0, "cut once by hand");
}

#[test]
fn a_worker_that_remembers_does_not_wipe_what_the_fleet_is_learning() {
    let settings = settings(&config());
    let (mut store, mut one) = (Store::default(), member(&settings));
    store.visit(&mut one, at(0.0), 1);
    let grant = granted(one.poll(at(0.0), 1, false));
    let _ = one.report(at(0.1), &grant, Outcome::refused(Some(SECOND), 0.0));
    store.visit(&mut one, at(0.1), 0);
    let mut joins = member(&settings);
    store.visit(&mut joins, at(0.2), 0);
    let learned: Learned = serde_json::from_str(
        r#"{"law_version": 1, "ceiling_per_second": 40.0, "rate_per_second": 39.0,
            "last_pause_seconds": 1.0, "learned_at_unix_seconds": 5.0}"#,
    )
    .expect("knowledge");
    let _ = joins.restore(at(0.3), &learned, Duration::from_secs(6));
    store.visit(&mut joins, at(0.3), 0);
    let mut now = at(0.4);
    let first = next(&mut store, &mut one, &mut now, at(5.0)).expect("after the pause");
    assert!(first.canary);
}

#[test]
fn a_newcomer_that_finds_an_emptied_store_first_does_not_make_the_others_forget() {
    let settings = settings(&config());
    let (mut store, mut one) = (Store::default(), member(&settings));
    store.visit(&mut one, at(0.0), 1);
    let learned: Learned = serde_json::from_str(
        r#"{"law_version": 1, "ceiling_per_second": 40.0, "rate_per_second": 39.0,
            "last_pause_seconds": 1.0, "learned_at_unix_seconds": 5.0}"#,
    )
    .expect("knowledge");
    let _ = one.restore(at(0.1), &learned, Duration::from_secs(6));
    store.visit(&mut one, at(0.1), 1);
    store.text.clear();
    let mut other = member(&settings);
    let Action::Visit(ask) = other.next_action(at(1.0), &[1], 99) else {
        panic!("it has to meet the store");
    };
    store.take(&mut other, at(1.0), *ask);
    store.visit(&mut one, at(2.0), 1).expect("its slot is late");
    assert_eq!(
        one.view(at(2.0)).ceiling.map(Rate::as_per_second),
        Some(40.0)
    );
}

#[test]
fn a_newcomer_that_finds_an_emptied_store_first_does_not_double_a_known_limit() {
    let limit = FixedLimit::new(20, 3600 * SECOND).expect("a limit");
    let settings = Settings {
        fixed: vec![limit],
        ..steady()
    };
    let mut store = Store::default();
    let (mut one, mut another) = (member(&settings), member(&settings));
    let mut sent = calls(&mut store, &mut one, 0.0, 500, |_| false).len();
    sent += calls(&mut store, &mut another, 0.5, 500, |_| false).len();
    store.text.clear();
    let mut newcomer = member(&settings);
    sent += calls(&mut store, &mut newcomer, 1.0, 300, |_| false).len();
    for (from, worker) in [(1.3, &mut one), (1.6, &mut another), (1.9, &mut newcomer)] {
        sent += calls(&mut store, worker, from, 300, |_| false).len();
    }
    sent += calls(&mut store, &mut one, 2.2, 5000, |_| false).len();
    // What others may have been granted since a visit counts as used.
    assert!((14..=20).contains(&sent), "{sent} of twenty an hour");
}

#[test]
fn the_other_half_of_a_fleet_goes_on_after_half_is_killed() {
    let mut store = Store::default();
    let mut all: Vec<Member> = (0..400).map(|_| member(&steady())).collect();
    let mut sent = 0;
    for step in 0..10_000_u32 {
        let now = Time::ZERO + step * 4 * MILLI;
        if step == 2500 {
            // Those whose tickets follow each other.
            all.drain(..200);
        }
        for worker in &mut all {
            store.visit(worker, now, 1);
            if let Poll::Grant(grant) = worker.poll(now, 1, true) {
                sent += u32::from(step >= 2500);
                succeed(worker, now, &grant);
            }
        }
    }
    assert!(sent >= 240, "{sent} of 300 in the 30 s after it");
}

#[test]
fn a_worker_that_was_stopped_in_the_middle_of_a_visit_is_soon_as_quick_as_before() {
    let (mut store, mut one) = (Store::default(), member(&steady()));
    store.visit(&mut one, at(0.0), 1);
    let ask = asked(&mut one, at(1.0), &[1]);
    let Settled::Write(record, reply) = store.settle(at(1.0), &ask, &one) else {
        panic!("it takes a slot");
    };
    store.text = record.to_text();
    // Its machine slept for an hour.
    let _ = one.synced(at(1.0), at(1.0), at(3600.0), reply);
    let sent = calls(&mut store, &mut one, 3600.0, 10_000, |_| false);
    assert!(sent.len() >= 90, "{} of 100 in 10 s", sent.len());
}

#[test]
fn slots_of_other_costs_hide_no_caller() {
    let settings = Settings {
        capacity: Some(10.0),
        initial_tokens: Some(10.0),
        ..steady()
    };
    let (mut store, mut one) = (Store::default(), member(&settings));
    store.visit(&mut one, at(0.0), 1);
    let Action::Rest(_) = one.next_action(at(0.02), &[1], 7) else {
        panic!("it holds what is wanted");
    };
    assert!(one.needs_visit(at(0.02), 1, Some(5)));
    assert!(!one.needs_visit(at(0.02), 1, Some(1)));
}

#[test]
fn answers_that_never_come_are_not_waited_for_for_ever() {
    let mut store = Store::default();
    for worker in 0..20 {
        let mut one = member(&steady());
        store.visit(&mut one, at(f64::from(worker)), 1);
        let _ = one.poll(at(f64::from(worker)), 1, true);
    }
    let mut last = member(&steady());
    store.visit(&mut last, at(60.0), 0);
    assert!(
        store.text.contains("\"under_way\":{\"all\":0,"),
        "{}",
        store.text
    );
}

#[test]
fn no_number_in_a_store_makes_a_worker_panic() {
    let mut store = Store::default();
    store.visit(&mut member(&steady()), at(0.0), 1);
    let good = store.text.clone();
    for field in [
        "next",
        "served",
        "floor",
        "open_since",
        "period",
        "present",
        "epoch",
        "under_way",
    ] {
        let from = good.find(&format!("\"{field}\":")).expect(field) + field.len() + 3;
        let to = from + good[from..].find([',', '}']).expect("a value");
        for value in ["0", "18446744073709551615", "-1", "1e300", "null"] {
            let mut store = Store {
                text: format!("{}{value}{}", &good[..from], &good[to..]),
            };
            let mut one = member(&steady());
            for step in 0..20 {
                let now = at(0.1) + step * 100 * MILLI;
                store.visit(&mut one, now, 3);
                let _ = one.poll(now, 1, true);
            }
        }
    }
}

proptest! {
    /// However visits interleave, fail, or are lost with their worker: no more slots than the rate allows.
    #[test]
    fn never_more_than_the_common_rate_whatever_happens(
        events in proptest::collection::vec((0usize..6, 0u8..10, 1u64..300), 1..400),
    ) {
        let settings = steady();
        let mut store = Store::default();
        let mut all: Vec<Member> = (0..6).map(|_| member(&settings)).collect();
        let mut now = at(0.0);
        let mut used: Vec<u64> = Vec::new();
        for (who, what, millis) in events {
            now = now + Duration::from_millis(millis);
            match what {
                // A worker is killed; another takes its place.
                0 => all[who] = member(&settings),
                // The store got its visit, but the response was lost.
                1 => {
                    if let Action::Visit(ask) = all[who].next_action(now, &[1, 1], 7) {
                        if let Settled::Write(record, _) = store.settle(now, &ask, &all[who]) {
                            store.text = record.to_text();
                        }
                        let _ = all[who].lost_all_races(now, *ask, 0.0);
                    }
                }
                _ => {
                    store.visit(&mut all[who], now, 2);
                }
            }
            if let Poll::Grant(grant) = all[who].poll(now, 1, true) {
                used.push(now.as_nanos());
                succeed(&mut all[who], now, &grant);
            }
        }
        // Ten per second; a slot may be used a tenth of a second late, so one or two may come together.
        for (first, from) in used.iter().enumerate() {
            let within = used[first..].iter().filter(|it| **it < from + 1_000_000_000).count();
            prop_assert!(within <= 13, "{within} in a second");
        }
    }
}

#[test]
fn each_worker_keeps_its_part_of_the_requests_under_way_also_without_the_store() {
    let settings = Settings {
        max_under_way: Some(5),
        ..steady()
    };
    let mut store = Store::default();
    let mut workers = [member(&settings), member(&settings)];
    for worker in &mut workers {
        store.visit(worker, at(0.0), 1);
    }
    // Requests take a second. The store is unreachable from second 60 to 120.
    let mut under_way: [Vec<(Time, Grant)>; 2] = [Vec::new(), Vec::new()];
    let mut sent = [0, 0];
    for step in 0..180_000 {
        let now = at(1.0) + step * MILLI;
        let is_down = (60_000..120_000).contains(&step);
        for (number, worker) in workers.iter_mut().enumerate() {
            let over = under_way[number]
                .first()
                .is_some_and(|(ends, _)| *ends <= now);
            if over {
                let (_, grant) = under_way[number].remove(0);
                succeed(worker, now, &grant);
                // Any outcome may let a caller go, and only then one waits for it.
                assert!(worker.is_held_by_cap() || under_way[number].is_empty());
            }
            if let Poll::Grant(grant) = worker.poll(now, 1, true) {
                under_way[number].push((now + SECOND, grant));
                sent[number] += 1;
            }
            assert!(under_way[number].len() <= 2, "half of five, at {now:?}");
            match worker.next_action(now, &[1], now.as_nanos()) {
                Action::Visit(ask) if is_down => {
                    let _ = worker.store_unreachable(now, *ask, 0.5);
                }
                Action::Visit(ask) => {
                    store.take(worker, now, *ask);
                }
                Action::Rest(_) => {}
            }
        }
    }
    // Two at once of a second each: two per second.
    assert!(
        sent.iter().all(|sent| (300..=361).contains(sent)),
        "{sent:?}"
    );
}
