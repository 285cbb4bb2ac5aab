//! Fleets through faults, in virtual time: all workers together keep to one rate, and no worker starves.

use std::time::Duration;

use super::*;
use crate::config::ApiRateConfig;
use crate::limiter::outcome::Outcome;
use crate::limiter::poll::Poll;
use crate::limiter::settings::{Learning, Settings};
use crate::time::Time;

const MILLI: Duration = Duration::from_millis(1);

/// Limit of the whole fleet, per second.
const RATE: u32 = 40;

/// How far the store's clock is ahead.
const AHEAD: Duration = Duration::from_secs(1_000_000);

/// The rate never changes, so that what is sent can be counted.
fn settings() -> Settings {
    let config = ApiRateConfig {
        name: "test".into(),
        initial_rate: f64::from(RATE),
        max_rate: 1000.0,
        increase_step: 0.0,
        decrease_factor: 1.0,
        learning: Learning::Off,
        ..Default::default()
    };
    Settings {
        initial_tokens: Some(1.0),
        capacity: Some(1.0),
        ..config.settings().expect("valid settings")
    }
}

/// Workers that always have more to send, and their store.
struct Fleet {
    now: Time,
    text: String,
    is_away: bool,
    /// Whether writes succeed but their responses are lost.
    is_mute: bool,
    /// Replacements are in vain.
    is_jammed: bool,
    members: Vec<Member>,
    rng: fastrand::Rng,
    /// Number of requests sent in each second.
    sent: Vec<u32>,
}

impl Fleet {
    fn of(workers: usize) -> Self {
        let mut fleet = Self {
            now: Time::ZERO,
            text: String::new(),
            is_away: false,
            is_mute: false,
            is_jammed: false,
            members: Vec::new(),
            rng: fastrand::Rng::with_seed(7),
            sent: Vec::new(),
        };
        fleet.join(workers);
        fleet
    }

    fn join(&mut self, workers: usize) {
        let policy = OutagePolicy {
            workers: 16,
            stops: false,
        };
        let new = (0..workers).map(|_| Member::new(settings(), policy, self.now));
        self.members.extend(new);
    }

    /// Runs on until that second.
    fn until(&mut self, second: u64) {
        while self.now < Time::ZERO + Duration::from_secs(second) {
            let mut members = std::mem::take(&mut self.members);
            for member in &mut members {
                self.step(member);
            }
            self.members = members;
            self.now = self.now + MILLI;
        }
    }

    fn step(&mut self, member: &mut Member) {
        let now = self.now;
        let seed = self.rng.u64(..);
        if let Action::Visit(ask) = member.next_action(now, &[1; 8], seed) {
            self.visit(member, *ask);
        }
        if let Poll::Grant(grant) = member.poll(now, 1, true) {
            let second = (now.as_nanos() / 1_000_000_000) as usize;
            self.sent.resize(second + 1, 0);
            self.sent[second] += 1;
            let _ = member.report(now, &grant, Outcome::success());
        }
    }

    fn visit(&mut self, member: &mut Member, mut ask: SyncRequest) {
        let (now, chance) = (self.now, self.rng.f64());
        if self.is_away {
            let _ = member.store_unreachable(now, ask, chance);
            return;
        }
        if self.is_jammed {
            let _ = member.lost_all_races(now, ask, chance);
            return;
        }
        let store_now = now + AHEAD;
        let found = Record::read(&self.text, store_now);
        let settled = settle(
            found,
            store_now,
            &ask,
            member.settings(),
            member.fingerprint(),
        );
        match settled {
            Settled::Write(record, reply) => {
                self.text = record.to_text();
                if self.is_mute {
                    ask.may_be_settled(&reply);
                    let _ = member.store_unreachable(now, ask, chance);
                    return;
                }
                let _ = member.synced(now, now, now, reply);
            }
            Settled::Keep(reply) => {
                let _ = member.synced(now, now, now, reply);
            }
            Settled::OtherSettings => panic!("all have the same"),
        }
    }

    /// Fails unless the requests sent in each of these seconds lie between these parts of the rate.
    fn kept(&self, seconds: std::ops::Range<usize>, least: f64, most: f64) {
        let rate = f64::from(RATE);
        for second in seconds {
            let sent = f64::from(self.sent[second]);
            assert!(
                (least * rate..=most * rate).contains(&sent),
                "{sent} in second {second}: {:?}",
                self.sent
            );
        }
    }
}

#[test]
fn when_half_of_the_workers_are_killed_the_others_take_over_at_once() {
    let mut fleet = Fleet::of(8);
    fleet.until(10);
    fleet.kept(1..10, 0.97, 1.03);
    fleet.members.drain(..6);
    fleet.until(20);
    fleet.kept(10..11, 0.5, 1.1);
    fleet.kept(11..20, 0.9, 1.03);
}

#[test]
fn through_an_outage_and_afterwards_all_together_keep_to_their_rate() {
    for lasts in [2, 10, 60] {
        let mut fleet = Fleet::of(4);
        fleet.until(10);
        fleet.is_away = true;
        fleet.until(10 + lasts);
        fleet.is_away = false;
        fleet.until(10 + lasts + 20);
        let back = 10 + lasts as usize;
        fleet.kept(11..back, 0.9, 1.1);
        fleet.kept(back..back + 8, 0.7, 1.2);
        fleet.kept(back + 8..back + 20, 0.97, 1.03);
        assert_eq!(fleet.members[0].membership().workers, 4);
    }
}

#[test]
fn a_store_that_is_restarted_empty_starves_no_worker_and_makes_no_burst() {
    let mut fleet = Fleet::of(4);
    fleet.until(30);
    fleet.is_away = true;
    fleet.text.clear();
    fleet.until(31);
    fleet.is_away = false;
    fleet.until(36);
    assert_eq!(
        fleet.members[0].membership().workers,
        4,
        "before a period is over"
    );
    fleet.until(51);
    fleet.kept(30..40, 0.7, 1.2);
    fleet.kept(40..51, 0.9, 1.03);
    assert_eq!(fleet.members[0].membership().workers, 4);
}

#[test]
fn a_store_that_forgets_everything_between_two_visits_starves_no_worker() {
    let mut fleet = Fleet::of(4);
    fleet.until(30);
    fleet.text.clear();
    fleet.until(50);
    fleet.kept(30..50, 0.7, 1.2);
}

#[test]
fn a_store_that_goes_back_to_an_older_state_starves_no_worker() {
    let mut fleet = Fleet::of(4);
    fleet.until(5);
    let older = fleet.text.clone();
    fleet.until(30);
    fleet.text = older;
    fleet.until(50);
    fleet.kept(30..50, 0.7, 1.2);
}

#[test]
fn workers_that_join_late_take_their_part_and_no_more() {
    let mut fleet = Fleet::of(4);
    fleet.until(10);
    fleet.join(8);
    fleet.until(20);
    fleet.kept(10..20, 0.95, 1.05);
}

#[test]
fn a_store_in_which_others_are_always_quicker_is_one_that_cannot_be_reached() {
    let mut fleet = Fleet::of(2);
    fleet.until(10);
    fleet.is_jammed = true;
    fleet.until(20);
    assert!(!fleet.members[0].membership().joined);
    fleet.kept(11..20, 0.9, 1.1);
    fleet.is_jammed = false;
    fleet.until(30);
    assert!(fleet.members[0].membership().joined);
    fleet.kept(24..30, 0.95, 1.05);
}

#[test]
fn a_worker_whose_answers_are_lost_is_counted_once() {
    let mut fleet = Fleet::of(4);
    fleet.until(22);
    fleet.is_mute = true;
    fleet.until(38);
    fleet.is_mute = false;
    fleet.until(50);
    assert_eq!(fleet.members[0].membership().workers, 4);
    fleet.kept(23..50, 0.7, 1.2);
}
