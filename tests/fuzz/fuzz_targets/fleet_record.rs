//! Fuzz target: whatever a fleet's store holds, a worker neither panics nor visits it without a pause, and its rate
//! stays within the bounds.
//!
//! The input is the text in the store. If it is JSON, its fingerprint of the settings is made the right one.

#![no_main]

use std::time::Duration;

use api_ratelimiter_core::limiter::{
    Action, Member, OutagePolicy, Outcome, Poll, Record, Settled, settle,
};
use api_ratelimiter_core::{ApiRateConfig, Time};
use libfuzzer_sys::fuzz_target;

/// The store's time when the worker starts.
const START: Duration = Duration::from_secs(1_700_000_000);

/// Number of visits and grants that a worker has at one instant, at most.
const MOST_AT_ONCE: usize = 100;

fuzz_target!(|input: &[u8]| {
    let config = ApiRateConfig {
        name: "test".into(),
        initial_rate: 20.0,
        min_rate: 0.5,
        max_rate: 100.0,
        ..Default::default()
    };
    let settings = config.settings().expect("valid settings");
    let policy = OutagePolicy {
        workers: 16,
        stops: false,
    };
    let mut member = Member::new(settings, policy, Time::ZERO);
    let mut text = String::from_utf8_lossy(input).into_owned();
    if let Ok(mut record) = serde_json::from_str::<serde_json::Value>(&text) {
        if let Some(settings) = record.get_mut("settings") {
            *settings = member.fingerprint().into();
            text = record.to_string();
        }
    }
    let mut now = Time::ZERO;
    for _ in 0..20 {
        let rest = rest_of_visits(&mut member, &mut text, now);
        requests(&mut member, now);
        let view = member.view(now);
        let rate = view.rate.as_per_second();
        assert!((0.5..=100.0).contains(&rate), "{rate}/s");
        assert!(view.tokens.is_finite(), "{} tokens", view.tokens);
        let step = rest.saturating_since(now);
        now = now + step.clamp(Duration::from_millis(1), Duration::from_secs(5));
    }
});

/// Visits the store while that is due. Returns the time of the next visit.
fn rest_of_visits(member: &mut Member, text: &mut String, now: Time) -> Time {
    let store_now = now + START;
    for lineage in 0..MOST_AT_ONCE as u64 {
        let request = match member.next_action(now, &[1, 1], lineage) {
            Action::Rest(until) => return until,
            Action::Visit(request) => *request,
        };
        let found = Record::read(text, store_now);
        if let Some(record) = &found {
            assert!(record.summary(store_now).rate.as_per_second().is_finite());
        }
        let fingerprint = member.fingerprint();
        match settle(found, store_now, &request, member.settings(), fingerprint) {
            Settled::Write(record, reply) => {
                *text = record.to_text();
                let _ = member.synced(now, now, now, reply);
            }
            Settled::Keep(reply) => {
                let _ = member.synced(now, now, now, reply);
            }
            Settled::OtherSettings => {
                member.met_other_settings(now, request);
            }
        }
    }
    panic!("the worker visits the store again and again");
}

/// Sends requests while that is allowed. Every eighth is refused.
fn requests(member: &mut Member, now: Time) {
    for number in 0..MOST_AT_ONCE {
        match member.poll(now, 1, true) {
            Poll::Grant(grant) => {
                let outcome = match number % 8 {
                    7 => Outcome::refused(None, 0.5),
                    _ => Outcome::success(),
                };
                let _ = member.report(now, &grant, outcome);
            }
            Poll::At(time) | Poll::AfterFeedback(time) => {
                assert!(time > now, "a caller would spin");
                return;
            }
            Poll::Denied(_) => return,
        }
    }
    panic!("a burst of {MOST_AT_ONCE} requests");
}
