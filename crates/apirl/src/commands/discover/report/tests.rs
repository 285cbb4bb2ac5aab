use super::*;
use std::time::Duration;

use api_ratelimiter::guidance::{self, Guidance, Profile};
use api_ratelimiter::http::{HeaderMap, HeaderValue, StatusCode};
use api_ratelimiter::{LearningReason, LimitFound};

use crate::commands::discover::course::{Answer, Bounds, Course, Ending, Next};
use crate::commands::discover::findings::About;
use crate::commands::discover::words::Reach;

const REACH: Reach = Reach {
    max_rate: 100.0,
    concurrency: 8,
};

fn course() -> Course {
    Course::new(Bounds {
        time: Duration::from_secs(300),
        most_refusals: 10,
        concurrency: 8,
    })
}

/// Sends a request at this time, in milliseconds.
fn send(course: &mut Course, millis: u64, answer: Answer) {
    assert_eq!(course.begin(), Next::Begin);
    course.sent();
    course.attempted(matches!(answer, Answer::Refused(_)));
    course.answered(Duration::from_millis(millis), &answer);
}

fn accepted() -> Answer {
    Answer::Accepted(Guidance::default())
}

fn refused() -> Answer {
    Answer::Refused(Guidance::default())
}

fn findings(mut course: Course, ending: Ending, limit: Option<LimitFound>) -> Report {
    course.end(ending);
    course.tally.end();
    let about = About {
        api: "a.example".into(),
        url: "https://a.example/x".into(),
    };
    let ending = course.ending.clone().expect("it has ended");
    let findings = Findings::of(about, &course, limit, Duration::from_secs(300));
    Report::of(findings, &ending, REACH, None)
}

#[test]
fn a_limit_that_was_not_met_is_above_what_was_tried() {
    for (gap, ending) in [
        (
            200,
            "100 requests in 5 min: it had no more than 1 request in flight until its end.",
        ),
        (
            10,
            "100 requests in 5 min: the run goes no faster than 100/s, its --max-rate.",
        ),
    ] {
        let mut course = course();
        (0..100).for_each(|n| send(&mut course, gap * n, accepted()));
        let found = findings(course, Ending::Time, None);
        let busiest = 1000 / gap;
        assert_eq!(
            found.found,
            [format!(
                "Nothing was refused, up to {busiest} requests in a second and 100 requests in 5 min."
            )]
        );
        assert_eq!(
            found.unknown,
            [format!(
                "The limit, if there is one, is above {busiest} requests in a second and {ending}"
            )]
        );
    }
}

#[test]
fn a_window_is_said_with_how_often_it_was_seen_and_nothing_is_left_unknown() {
    let text = r#"{"kind":"window_from_first","count":100,"most":100,"window_seconds":60.0,"begins":null,"seen":3,"certainty":0.97}"#;
    let limit: LimitFound = serde_json::from_str(text).expect("a limit");
    let mut course = course();
    send(&mut course, 0, accepted());
    send(&mut course, 10, refused());
    let found = findings(course, Ending::Window, Some(limit));
    assert_eq!(
        found.found,
        ["100 requests per 60 s, from the first request on (seen 3 times)."]
    );
    assert!(found.unknown.is_empty(), "{found:?}");
    assert_eq!(found.findings.rate, None);
}

#[test]
fn a_rate_is_said_with_its_estimates_and_the_average_between_refusals() {
    let mut course = course();
    send(&mut course, 0, accepted());
    send(&mut course, 100, refused());
    (0..198).for_each(|n| send(&mut course, 200 + 100 * n, accepted()));
    send(&mut course, 20_100, refused());
    send(&mut course, 20_200, accepted());
    course.estimated(12.0, LearningReason::FirstRefusal);
    course.estimated(10.4, LearningReason::ProbeConfirmed);
    let found = findings(course, Ending::Time, None);
    assert_eq!(
        found.found,
        [
            "Between 9.9 and 12 requests per second: 9.9 were accepted on average from the first refusal to the last, the \
             last of 2 estimates is 10.4, which a test has confirmed.",
            "1 request was accepted before the first refusal, within 0.1 s.",
            "After a refusal nothing was accepted for at most 0.3 s.",
        ]
    );
    assert!(
        found.unknown[0].starts_with("How the server counts: a bucket, "),
        "{found:?}"
    );
    assert!(found.unknown[1].contains("--most-refusals 40"), "{found:?}");
}

#[test]
fn refusals_that_last_are_said_and_not_taken_for_a_rate() {
    let mut course = course();
    (0..100).for_each(|n| send(&mut course, 50 * n, accepted()));
    send(&mut course, 5000, refused());
    send(&mut course, 35_000, refused());
    send(&mut course, 62_000, accepted());
    course.estimated(1.67, LearningReason::FirstRefusal);
    let ended = findings(course, Ending::Refusals, None);
    assert_eq!(
        ended.found,
        [
            "100 requests were accepted before the first refusal, within 5.0 s.",
            "After a refusal nothing was accepted for 30 s to 57 s, at the longest.",
        ]
    );
    assert!(
        ended.unknown[0].contains("as with a limit in windows"),
        "{ended:?}"
    );
}

#[test]
fn a_pause_beyond_the_end_is_the_reason_and_the_hint() {
    let mut course = course();
    send(&mut course, 0, accepted());
    send(&mut course, 10, refused());
    let found = findings(course, Ending::Pause(Duration::from_secs(3480)), None);
    assert_eq!(
        found.why,
        "the server asks for a pause of 58 min, longer than the time left; come back then"
    );
    assert_eq!(
        found.unknown,
        ["How the server counts: perhaps in windows as long as the pause that it asks for."]
    );
}

#[test]
fn a_refusal_with_something_left_of_what_is_announced_shows_another_limit() {
    for (left, is_shown) in [("4000", true), ("0", false)] {
        let mut headers = HeaderMap::new();
        headers.insert("x-ratelimit-limit", HeaderValue::from_static("5000"));
        headers.insert("x-ratelimit-remaining", HeaderValue::from_static(left));
        let now = Duration::from_secs(1_800_000_000);
        let read = |status| guidance::read(status, &headers, b"", now, Profile::default());
        let mut course = course();
        send(&mut course, 0, Answer::Accepted(read(StatusCode::OK)));
        let refusal = read(StatusCode::TOO_MANY_REQUESTS);
        send(&mut course, 10, Answer::Refused(refusal));
        let report = findings(course, Ending::Time, None);
        let has = |lines: &[String], text: &str| lines.iter().any(|line| line.contains(text));
        assert_eq!(has(&report.found, "there is another limit"), is_shown);
        assert_eq!(
            has(&report.unknown, "Whether the refusals came from"),
            !is_shown
        );
    }
}
