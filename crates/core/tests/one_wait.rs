//! One wait: what a response is explained as, what the client's limiter really waits, and what the error says are one
//! number, for every vector of `data/header-dialects.json`.
//!
//! The limiter is driven in virtual time by the same calls as a client drives it.

#[path = "common/scripted.rs"]
mod scripted;

use std::sync::Arc;
use std::time::Duration;

use api_ratelimiter_core::call::{Call, Drained, Judged, Next, Onward};
use api_ratelimiter_core::http::{Method, StatusCode};
use api_ratelimiter_core::limiter::{Controller, ManualReport, Poll};
use api_ratelimiter_core::reply::BodyStart;
use api_ratelimiter_core::settings::CallSettings;
use api_ratelimiter_core::{
    ApiRateConfig, DialectConfig, DialectField, Error, FieldMeaning, Time, TimeForm, TimeUnit,
    Verdict, presets,
};

use scripted::{Scripted, vectors};

/// A rate at which pacing takes no time that matters, so that every wait is a pause or a limit's reset.
const FAST: f64 = 1e6;

/// Time that pacing by [`FAST`] may take.
const PACING: Duration = Duration::from_millis(1);

/// Time that the limiter adds to resets of a server that rounds them down.
const GRACE: Duration = Duration::from_secs(1);

/// Longest window that is taken for a rolling one, as the limiter has it, and the part of it that is added for jitter.
const SHORT: Duration = Duration::from_secs(4);
const ROOM: f64 = 0.015;

/// Returns the settings of the profile's API, without limits of its own, that send nothing twice.
fn config_of(profile: &str) -> ApiRateConfig {
    let preset = presets::all().into_iter().find(|it| it.name == profile);
    ApiRateConfig {
        base_url: "https://api.example/v1".into(),
        initial_rate: FAST,
        min_rate: FAST,
        max_rate: FAST,
        max_cooldown: Duration::from_secs(1 << 32),
        limits: Vec::new(),
        scopes: Vec::new(),
        ..preset.unwrap_or_else(|| ApiRateConfig {
            dialect: DialectConfig::default().profile(profile),
            ..ApiRateConfig::default()
        })
    }
}

/// What came of one response.
struct Outcome {
    /// The pause of the client's verdict on the whole response, which `explain` shows.
    explained: Option<Duration>,
    is_refusal: bool,
    /// Whether the response is a success that exhausts a window of seconds. The limiter goes on at the rate of such
    /// a window: whole seconds can't tell when it resets.
    is_paced: bool,
    /// How much longer than asked the wait may be.
    room: Duration,
    /// How long the limiter holds the next request.
    waited: Duration,
    /// The error of a refusal that is not sent again.
    error: Option<Error>,
}

/// Returns how long the limiter holds the next request, from `now` on.
fn next_grant(limiter: &mut Controller, now: Time) -> Duration {
    let mut at = now;
    for _ in 0..100 {
        match limiter.poll(at, 1, false) {
            Poll::Grant(_) => return at.saturating_since(now),
            Poll::At(next) => at = next,
            other => panic!("{other:?}"),
        }
    }
    panic!("no grant");
}

/// Plays one response to a client with this configuration.
fn play(config: &ApiRateConfig, response: &Scripted) -> Outcome {
    let Scripted {
        status,
        headers,
        body,
        unix_now,
        ..
    } = response;
    let mut settings = CallSettings::new(config).expect("valid");
    settings.max_retries_on_backoff = 0;
    let settings = Arc::new(settings);
    let reader = &settings.reader;
    let told = reader.read(*status, headers, body, *unix_now);
    let verdict = reader.verdict(*status, &told);
    let explained = match verdict {
        Verdict::Refused { pause, .. }
        | Verdict::Exhausted { pause, .. }
        | Verdict::Success { pause } => pause,
        _ => None,
    };

    // A granted request, its response, and the limiter's feedback.
    let now = Time::ZERO + Duration::from_secs(1000);
    let mut limiter = Controller::new(config.settings().expect("valid"), Time::ZERO);
    let Poll::Grant(grant) = limiter.poll(now, 1, false) else {
        panic!("a token is there");
    };
    let parts = settings.request(Method::GET, "/path").expect("valid");
    let outgoing = Call::new(Arc::clone(&settings), parts).granted(Duration::ZERO, false);
    let arrived = outgoing.answered(*status, headers, *unix_now);
    let peeked = arrived.wants_body(headers).then_some(body.as_slice());
    let Judged {
        feedback,
        hold,
        next,
    } = arrived.judge(headers, peeked);
    let _ = limiter.report(now, &grant, feedback.outcome(|| 0.0));
    if let Some(hold) = hold {
        let wait = hold.wait;
        let _ = limiter.report_manually(
            now,
            ManualReport::Exhausted {
                wait,
                by_reset: false,
                chance: 0.0,
            },
        );
    }
    let start = BodyStart {
        bytes: body.clone(),
        truncated: false,
    };
    let next = match next {
        Ok(Next::Drain(draining)) => {
            let Drained { longer, next } = draining.drained(headers, start.clone());
            if let Some(longer) = longer {
                let wait = longer.wait;
                let _ = limiter.report_manually(
                    now,
                    ManualReport::Exhausted {
                        wait,
                        by_reset: false,
                        chance: 0.0,
                    },
                );
            }
            next
        }
        Ok(Next::Deliver(delivered)) => Ok(Onward::Deliver(delivered)),
        Err(given_up) => Err(given_up),
    };
    let error = match next {
        Ok(Onward::Deliver(delivered)) => {
            (status.as_u16() >= 400).then(|| delivered.status_error(headers.clone(), start))
        }
        Ok(Onward::Again(_)) => None,
        Err(given_up) => Some(given_up.error),
    };
    Outcome {
        explained,
        is_refusal: matches!(verdict, Verdict::Refused { .. }),
        is_paced: matches!(verdict, Verdict::Success { .. })
            && told.window.is_some_and(|window| window <= SHORT),
        room: match told.window.filter(|window| *window <= SHORT) {
            Some(window) => PACING + window.mul_f64(ROOM),
            None => PACING,
        },
        waited: next_grant(&mut limiter, now),
        error,
    }
}

/// Checks that the three agree, and returns whether there was a wait to compare.
fn agree(config: &ApiRateConfig, response: &Scripted) -> bool {
    let outcome = play(config, response);
    let what = format!("{} on {}", response.id, response.status);
    let asked = outcome.explained.filter(|wait| !wait.is_zero());
    match asked {
        Some(_) if outcome.is_paced => {}
        Some(asked) => {
            let longest = asked + outcome.room;
            assert!(
                asked <= outcome.waited && outcome.waited <= longest,
                "{what}: waited {:?}, not {asked:?}",
                outcome.waited
            );
        }
        // The limiter's own pause is not the server's.
        None if outcome.is_refusal => {}
        None => {
            // Nothing is left, and the limit resets now: the server rounds its resets down.
            let grace = outcome.explained.map_or(PACING, |_| GRACE);
            assert!(
                outcome.waited <= grace,
                "{what}: waited {:?}",
                outcome.waited
            );
        }
    }
    if outcome.is_refusal {
        let error = outcome.error.expect("a refusal that is not sent again");
        assert_eq!(error.retry_after(), outcome.explained, "{what}: {error:?}");
    }
    asked.is_some()
}

#[test]
fn explanation_client_and_error_agree_on_every_vector() {
    let mut waits = 0;
    for vector in vectors() {
        let config = config_of(&vector.profile);
        for status in [vector.status, StatusCode::TOO_MANY_REQUESTS] {
            let response = Scripted {
                status,
                ..vector.clone()
            };
            waits += u32::from(agree(&config, &response));
        }
    }
    assert!(waits > 200, "only {waits} waits");
}

/// A refusal or a success that combines what the vectors have one by one.
fn response(status: u16, headers: &[(&'static str, &str)], body: &str) -> Scripted {
    let status = StatusCode::from_u16(status).expect("a status");
    let mut response = scripted::with_body(status, body);
    for (name, value) in headers {
        let value = value.parse().expect("a header's value");
        response.headers.append(*name, value);
    }
    response
}

/// The headers of an exhausted limit that resets in an hour.
const SPENT: [(&str, &str); 3] = [
    ("x-ratelimit-limit", "200"),
    ("x-ratelimit-remaining", "0"),
    ("x-ratelimit-reset", "1767229200"),
];

/// Checks that explanation, client and error agree on this wait in seconds.
fn assert_wait(config: &ApiRateConfig, response: &Scripted, seconds: u64) {
    assert!(agree(config, response), "{} has a wait", response.id);
    let waited = play(config, response).waited;
    let differs = waited.abs_diff(Duration::from_secs(seconds));
    assert!(differs <= PACING, "{}: {waited:?}", response.id);
}

#[test]
fn a_wait_that_is_asked_for_replaces_the_reset_beside_it() {
    let generic = config_of("generic");
    let with = |header, text| [&SPENT[..], &[(header, text)]].concat();
    for status in [200, 429] {
        for (header, text, seconds) in [
            ("retry-after", "4", 4),
            ("retry-after", "PT4S", 4),
            ("retry-after", "1 minute and 4 seconds", 64),
            ("retry-after", "1 minute, 4 seconds", 64),
            ("retry-after", "00:01:04", 64),
            ("retry-after-ms", "4000", 4),
            ("retry-after", "9000", 9000),
            ("retry-after-medium", "4", 4),
            ("retry-after", "0", 3600),
        ] {
            let response = response(status, &with(header, text), "");
            assert_wait(&generic, &response, seconds);
        }
    }
    // A refusal's body is read before the limiter is told.
    let body = r#"{"retry_after": 4}"#;
    assert_wait(&generic, &response(429, &SPENT, body), 4);
    assert_wait(&generic, &response(429, &with("retry-after", "0"), body), 4);
    let draft = [("ratelimit", "\"default\";r=0;t=40"), ("retry-after", "4")];
    assert_wait(&generic, &response(429, &draft, ""), 4);
}

#[test]
fn dialects_of_vendors_and_of_users_are_read_alike_by_all_three() {
    let shopify = r#"{"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}], "extensions": {"cost": {"requestedQueryCost": 202, "throttleStatus": {"maximumAvailable": 1000.0, "currentlyAvailable": 102.0, "restoreRate": 50.0}}}}"#;
    assert_wait(
        &config_of("shopify_graphql"),
        &response(200, &[], shopify),
        2,
    );
    let monday = r#"{"errors": [{"extensions": {"code": "COMPLEXITY_BUDGET_EXHAUSTED", "retry_in_seconds": 15}}]}"#;
    assert_wait(&config_of("monday"), &response(200, &[], monday), 15);
    // Differences in milliseconds.
    let prisjakt = [
        ("x-ratelimit-limit", "100"),
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset", "30000"),
    ];
    assert_wait(&config_of("prisjakt"), &response(429, &prisjakt, ""), 30);
    // A dialect of the user's own.
    let taught = ApiRateConfig {
        dialect: DialectConfig::default()
            .field(
                DialectField::header(FieldMeaning::Wait, "X-Cooldown").unit(TimeUnit::Milliseconds),
            )
            .field(DialectField::header(
                FieldMeaning::Remaining,
                "X-Allowance-Left",
            ))
            .field(DialectField::header(FieldMeaning::Reset, "X-Next-Window").form(TimeForm::Epoch))
            .field(DialectField::body(FieldMeaning::Wait, "error.pause")),
        ..config_of("generic")
    };
    let left = ("x-allowance-left", "0");
    let next = ("x-next-window", "1767225640");
    let cooldown = ("x-cooldown", "4000");
    for status in [200, 429] {
        assert_wait(&taught, &response(status, &[left, next], ""), 40);
        assert_wait(&taught, &response(status, &[left, next, cooldown], ""), 4);
    }
    let body = r#"{"error": {"pause": 7}}"#;
    assert_wait(&taught, &response(429, &[left, next], body), 7);
}
