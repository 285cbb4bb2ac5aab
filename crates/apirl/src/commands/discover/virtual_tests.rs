//! Measurements in virtual time: what is said beside the limit that there is.

use std::time::Duration;

use api_ratelimiter::guidance::{self, Guidance, Profile};
use api_ratelimiter::http::{HeaderMap, HeaderValue, StatusCode};
use api_ratelimiter::{ApiRateConfig, LearningReason, LimitFound, Time};
use api_ratelimiter_simulator::Limit;
use api_ratelimiter_simulator::world::{
    Decision, Learned, LearnedPermit, LimitHint, Scenario, Strategy, learned, run,
};
use serde_json::json;

use super::FIRST_PAUSE;
use super::course::{Answer, Bounds, Course, Next};
use super::findings::{About, Findings};

const BOUNDS: Bounds = Bounds {
    time: Duration::from_secs(300),
    most_refusals: 10,
    concurrency: 8,
};

/// How soon a worker looks again, as those of the command do.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A client whose requests a course begins.
struct Discovering {
    client: Learned,
    course: Course,
    took: Duration,
}

/// Returns the limit that the client has found, by a clock that began in 1970.
fn limit(client: &Learned) -> Option<LimitFound> {
    let found = client.inferred()?;
    let seconds = |time: Time| time.saturating_since(Time::ZERO).as_secs_f64();
    let value = json!({
        "kind": found.kind, "count": found.count, "most": found.most,
        "window_seconds": found.window.as_secs_f64(), "begins": found.begins.map(|it| it.map(seconds)),
        "seen": found.seen, "certainty": found.certainty,
    });
    Some(serde_json::from_value(value).expect("a limit"))
}

impl Discovering {
    fn came_back(&mut self, now: Time, answer: &Answer) {
        if let Some(ceiling) = self.client.ceiling_per_second() {
            self.course.estimated(ceiling, LearningReason::Learned);
        }
        let now = now.saturating_since(Time::ZERO);
        if self.course.ending.is_none() {
            self.took = now;
        }
        self.course.attempted(matches!(answer, Answer::Refused(_)));
        self.course.answered(now, answer);
        self.course.look(now, limit(&self.client).as_ref());
    }
}

impl Strategy for Discovering {
    type Permit = LearnedPermit;

    fn poll(&mut self, now: Time, waited: bool) -> Decision<Self::Permit> {
        let began = now.saturating_since(Time::ZERO);
        self.course.look(began, limit(&self.client).as_ref());
        match self.course.begin() {
            Next::Stop => return Decision::WaitUntil(now + BOUNDS.time),
            Next::Wait => return Decision::WaitUntil(now + LOOK_AGAIN),
            Next::Begin => {}
        }
        match self.client.poll(now, waited) {
            Decision::Send(permit) => {
                self.course.sent();
                Decision::Send(permit)
            }
            Decision::WaitUntil(time) => {
                self.course.take_back();
                Decision::WaitUntil(time)
            }
        }
    }

    fn success(&mut self, now: Time, permit: Self::Permit) {
        self.client.success(now, permit);
        self.came_back(now, &Answer::Accepted(Guidance::default()));
    }

    fn backoff(&mut self, now: Time, permit: Self::Permit, hint: Option<Duration>, chance: f64) {
        self.client.backoff(now, permit, hint, chance);
        let mut headers = HeaderMap::new();
        if let Some(hint) = hint {
            headers.insert("retry-after", HeaderValue::from(hint.as_secs()));
        }
        let status = StatusCode::TOO_MANY_REQUESTS;
        let told = guidance::read(status, &headers, b"", BOUNDS.time, Profile::default());
        self.came_back(now, &Answer::Refused(told));
    }

    fn rate_per_second(&self) -> f64 {
        self.client.rate_per_second()
    }
}

/// Returns what a run of five minutes finds.
fn measured(limit_text: &str, hint: LimitHint, seed: u64) -> Findings {
    let limits = limit_text
        .split(' ')
        .map(|limit| limit.parse::<Limit>().expect("a limit"));
    let mut scenario = Scenario::new(limits);
    scenario.hint = hint;
    scenario.workers = BOUNDS.concurrency as usize;
    scenario.length = BOUNDS.time;
    let config = ApiRateConfig {
        max_rate: 100.0,
        default_cooldown: Some(FIRST_PAUSE),
        ..ApiRateConfig::default()
    };
    let client = Discovering {
        client: learned(&config).expect("valid rates"),
        course: Course::new(BOUNDS),
        took: Duration::ZERO,
    };
    let (_, mut clients) = run(&scenario, vec![client], seed);
    let mut client = clients.remove(0);
    client.course.tally.end();
    let about = About {
        api: "simulated".into(),
        url: String::new(),
    };
    let limit = limit(&client.client);
    Findings::of(about, &client.course, limit, client.took)
}

/// Returns the law in words, without how often it was seen.
fn law(findings: &Findings) -> Option<String> {
    let text = findings.limit?.to_string();
    let law = text.split([';', '(']).next().unwrap_or_default();
    Some(law.trim_end().to_owned())
}

#[test]
fn windows_are_found_with_ten_refusals() {
    let (none, told) = (LimitHint::None, LimitHint::RetryAfter);
    for (limit, hint, expected) in [
        (
            "fixed-window:100/60s,from=first",
            none,
            "100 requests per 60 s, from the first request on",
        ),
        (
            "fixed-window:100/60s,from=first",
            told,
            "100 requests per 60 s, from the first request on",
        ),
        (
            "fixed-window:40/10s,from=first",
            none,
            "40 requests per 10 s, from the first request on",
        ),
        (
            "fixed-window:40/10s,from=first",
            told,
            "40 requests per 10 s, from the first request on",
        ),
        (
            "fixed-window:20/5s,from=first",
            told,
            "20 requests per 5 s, from the first request on",
        ),
        (
            "fixed-window:100/60s,phase=17s",
            told,
            "100 requests per 60 s",
        ),
        ("fixed-window:50/10s,phase=3s", told, "50 requests per 10 s"),
    ] {
        let findings = measured(limit, hint, 7);
        assert_eq!(
            law(&findings).as_deref(),
            Some(expected),
            "{limit}, {hint:?}: {findings:?}"
        );
        assert!(
            findings.refused <= BOUNDS.most_refusals,
            "{limit}, {hint:?}"
        );
    }
}

#[test]
fn what_is_no_long_window_is_said_as_a_rate() {
    for (limit, rate) in [
        ("token-bucket:10/s,burst=20", 10.0),
        ("token-bucket:5/s,burst=5", 5.0),
        ("token-bucket:20/s,burst=10", 20.0),
        ("fixed-window:4/1s", 4.0),
    ] {
        for hint in [LimitHint::None, LimitHint::RetryAfter] {
            let findings = measured(limit, hint, 7);
            assert_eq!(law(&findings), None, "{limit}, {hint:?}");
            let found = findings.rate.expect("an estimate");
            // The truth is within the interval, give or take a twentieth.
            assert!(
                found.from <= 1.05 * rate && found.to >= 0.95 * rate,
                "{limit}, {hint:?}: {found:?}"
            );
            assert!(
                findings.refused <= BOUNDS.most_refusals,
                "{limit}, {hint:?}"
            );
        }
    }
}
