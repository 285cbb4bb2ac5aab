//! Hints in the headers of responses. Limits last one hour, so that a slow test does not change a response.

use std::time::SystemTime;

use api_ratelimiter_simulator::{Hint, SimulatedApi};

use crate::client::{Response, agent, get, header, limit};

const HINTS: [&str; 4] = [
    "retry-after",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
];

/// Seconds until the reset of an hour's limit, rounded up, shortly after its first request.
const ABOUT_AN_HOUR: std::ops::RangeInclusive<u64> = 3_540..=3_601;

/// Returns the responses to three requests, of which two are accepted.
fn three_responses(hint: Hint) -> [Response; 3] {
    let api = SimulatedApi::builder()
        .limit(limit("sliding-window:2/1h"))
        .hint(hint)
        .start()
        .expect("a server");
    let agent = agent();
    let responses = [(); 3].map(|()| get(&agent, &api, "/pages/1"));
    assert_eq!(
        responses
            .each_ref()
            .map(|response| response.status().as_u16()),
        [200, 200, 429]
    );
    responses
}

fn unix_seconds(date: &str) -> u64 {
    let time = httpdate::parse_http_date(date).expect("a date");
    time.duration_since(SystemTime::UNIX_EPOCH)
        .expect("after 1970")
        .as_secs()
}

fn number(response: &Response, name: &str) -> u64 {
    header(response, name)
        .expect(name)
        .parse()
        .expect("a number")
}

fn names(response: &Response) -> Vec<&str> {
    HINTS
        .into_iter()
        .filter(|name| header(response, name).is_some())
        .collect()
}

#[test]
fn no_hints_are_sent_by_default() {
    for response in &three_responses(Hint::None) {
        assert!(names(response).is_empty(), "{response:?}");
    }
}

#[test]
fn a_refusal_has_the_seconds_to_wait() {
    let [_, accepted, refused] = three_responses(Hint::RetryAfterSeconds);
    assert!(names(&accepted).is_empty(), "{accepted:?}");
    assert_eq!(names(&refused), ["retry-after"]);
    assert!(ABOUT_AN_HOUR.contains(&number(&refused, "retry-after")));
}

#[test]
fn a_refusal_has_the_date_to_wait_for() {
    let [_, accepted, refused] = three_responses(Hint::RetryAfterDate);
    assert!(names(&accepted).is_empty(), "{accepted:?}");
    assert_eq!(names(&refused), ["retry-after"]);
    let until = unix_seconds(header(&refused, "retry-after").expect("a date"));
    let sent = unix_seconds(header(&refused, "date").expect("a date"));
    assert!(ABOUT_AN_HOUR.contains(&(until - sent)), "{until} - {sent}");
}

#[test]
fn every_response_announces_the_limit() {
    let responses = three_responses(Hint::Headers);
    for (response, remaining) in responses.iter().zip([1, 0, 0]) {
        assert_eq!(number(response, "x-ratelimit-limit"), 2);
        assert_eq!(number(response, "x-ratelimit-remaining"), remaining);
        let sent = unix_seconds(header(response, "date").expect("a date"));
        assert!(ABOUT_AN_HOUR.contains(&(number(response, "x-ratelimit-reset") - sent)));
    }
    let [accepted, _, refused] = &responses;
    assert_eq!(header(accepted, "retry-after"), None);
    assert!(ABOUT_AN_HOUR.contains(&number(refused, "retry-after")));
}
