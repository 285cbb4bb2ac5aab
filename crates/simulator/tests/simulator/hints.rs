//! What answers say about the limits. The limit is of one hour, so that a slow test changes no answer.

use std::time::SystemTime;

use api_ratelimiter_simulator::{Hint, SimulatedApi};

use crate::client::{Response, agent, get, header, limit};

const HINTS: [&str; 4] = [
    "retry-after",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
];

/// Seconds of which an hour's limit may speak a moment after its first request, rounded up.
const ABOUT_AN_HOUR: std::ops::RangeInclusive<u64> = 3_540..=3_601;

/// The answers to three requests of which two are accepted.
fn three_answers(hint: Hint) -> [Response; 3] {
    let api = SimulatedApi::builder()
        .limit(limit("sliding-window:2/1h"))
        .hint(hint)
        .start()
        .expect("a server");
    let agent = agent();
    let answers = [(); 3].map(|()| get(&agent, &api, "/pages/1"));
    assert_eq!(
        answers.each_ref().map(|answer| answer.status().as_u16()),
        [200, 200, 429]
    );
    answers
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
fn nothing_is_said_unless_it_is_asked_for() {
    for answer in &three_answers(Hint::None) {
        assert!(names(answer).is_empty(), "{answer:?}");
    }
}

#[test]
fn a_refusal_says_how_many_seconds_to_wait() {
    let [_, accepted, refused] = three_answers(Hint::RetryAfterSeconds);
    assert!(names(&accepted).is_empty(), "{accepted:?}");
    assert_eq!(names(&refused), ["retry-after"]);
    assert!(ABOUT_AN_HOUR.contains(&number(&refused, "retry-after")));
}

#[test]
fn a_refusal_says_until_when_to_wait() {
    let [_, accepted, refused] = three_answers(Hint::RetryAfterDate);
    assert!(names(&accepted).is_empty(), "{accepted:?}");
    assert_eq!(names(&refused), ["retry-after"]);
    let until = unix_seconds(header(&refused, "retry-after").expect("a date"));
    let sent = unix_seconds(header(&refused, "date").expect("a date"));
    assert!(ABOUT_AN_HOUR.contains(&(until - sent)), "{until} - {sent}");
}

#[test]
fn every_answer_announces_the_limit() {
    let answers = three_answers(Hint::Headers);
    for (answer, remaining) in answers.iter().zip([1, 0, 0]) {
        assert_eq!(number(answer, "x-ratelimit-limit"), 2);
        assert_eq!(number(answer, "x-ratelimit-remaining"), remaining);
        let sent = unix_seconds(header(answer, "date").expect("a date"));
        assert!(ABOUT_AN_HOUR.contains(&(number(answer, "x-ratelimit-reset") - sent)));
    }
    let [accepted, _, refused] = &answers;
    assert_eq!(header(accepted, "retry-after"), None);
    assert!(ABOUT_AN_HOUR.contains(&number(refused, "retry-after")));
}
