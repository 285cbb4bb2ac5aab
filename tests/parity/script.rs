//! Random scripts: the actions of the server, and the calls.

use std::time::Duration;

use api_ratelimiter::http::Method;
use api_ratelimiter::{
    ApiRateConfig, BodyThrottle, BucketConfig, CircuitBreaker, DialectConfig, IdempotencyConfig,
    LimitConfig, ScopeConfig,
};

/// Action of the server for one request.
#[derive(Debug, Clone)]
pub(crate) enum Does {
    Answers {
        status: u16,
        headers: String,
        body: &'static str,
    },
    /// Redirects to another origin.
    SendsAbroad(u16),
    /// Closes the connection without a response.
    Cuts,
    /// Closes the connection in the middle of a body.
    CutsInBody,
    /// Sends invalid HTTP.
    Babbles,
}

/// One call.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) deadline: Option<Duration>,
    pub(crate) cost: u32,
    pub(crate) idempotency_key: Option<&'static str>,
    /// The request has a token of its own, which can't be renewed.
    pub(crate) own_token: bool,
    /// Time that the caller is busy before this call.
    pub(crate) idle: Duration,
}

#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) seed: u64,
    pub(crate) calls: Vec<Call>,
    /// The client is closed before this call.
    pub(crate) closes_before: Option<usize>,
    /// Actions in order; after them, each response is a 200.
    pub(crate) does: Vec<Does>,
    pub(crate) max_cooldown: Duration,
    pub(crate) retry_transport: u32,
    pub(crate) breaker: Option<CircuitBreaker>,
    pub(crate) automatic_keys: bool,
}

const SLOW_DOWN: &str = r#"{"errors": [{"code": "SLOW_DOWN"}]}"#;

impl Script {
    pub(crate) fn random(seed: u64) -> Self {
        let mut dice = fastrand::Rng::with_seed(seed);
        // Sometimes the server fails for a while, so that breakers open and send trials.
        let outage = match dice.u8(..3) {
            0 => dice.usize(2..9),
            _ => 0,
        };
        let before = dice.usize(1..6);
        let mut does: Vec<Does> = (0..before).map(|_| random_deed(&mut dice)).collect();
        does.extend((0..outage).map(|_| random_failure(&mut dice)));
        does.extend((0..dice.usize(2..9)).map(|_| random_deed(&mut dice)));
        let calls: Vec<Call> = (0..dice.usize(1..9))
            .map(|_| random_call(&mut dice))
            .collect();
        let breaker = (dice.u8(..2) == 0).then(|| {
            CircuitBreaker::after_failures(dice.u32(1..4))
                .trial_interval(Duration::from_millis(dice.u64(500..6000)))
                .fail_fast(dice.u8(..4) == 0)
        });
        Self {
            seed,
            closes_before: (dice.u8(..8) == 0).then(|| dice.usize(..calls.len())),
            calls,
            does,
            max_cooldown: Duration::from_secs(if dice.bool() { 20 } else { 300 }),
            retry_transport: dice.u32(..6),
            breaker,
            automatic_keys: dice.bool(),
        }
    }

    /// Returns the configuration of the API at this address: about one request per second, a scope with a limit
    /// of its own, throttles in bodies.
    pub(crate) fn config(&self, base_url: &str) -> ApiRateConfig {
        let search = LimitConfig::per_minute(20.0);
        let throttle = BodyThrottle::new([200], "errors.*.code", ["slow_down"]);
        let keys = IdempotencyConfig::default();
        ApiRateConfig {
            name: "tested".into(),
            base_url: base_url.into(),
            initial_rate: 1.0,
            min_rate: 0.2,
            max_rate: 4.0,
            bucket: BucketConfig::of(2.0, 2.0),
            backoff_status_codes: vec![429, 503],
            max_cooldown: self.max_cooldown,
            breaker: self.breaker,
            scopes: vec![ScopeConfig::new("search", "/search/**", search).one_by_one()],
            dialect: DialectConfig::default().throttle(throttle),
            idempotency: if self.automatic_keys {
                keys.automatic()
            } else {
                keys
            },
            ..Default::default()
        }
    }
}

fn random_call(dice: &mut fastrand::Rng) -> Call {
    let methods = [Method::GET, Method::POST, Method::PUT, Method::DELETE];
    Call {
        method: methods[dice.usize(..methods.len())].clone(),
        path: ["/a", "/a", "/search/b"][dice.usize(..3)],
        deadline: (dice.u8(..4) == 0).then(|| Duration::from_secs(dice.u64(1..40))),
        cost: dice.u32(1..4),
        idempotency_key: (dice.u8(..4) == 0).then_some("order-7"),
        own_token: dice.u8(..8) == 0,
        idle: Duration::from_millis(dice.u64(..4000)),
    }
}

fn answers(status: u16, headers: String) -> Does {
    let body = "body";
    Does::Answers {
        status,
        headers,
        body,
    }
}

fn random_failure(dice: &mut fastrand::Rng) -> Does {
    match dice.u8(..3) {
        0 => answers(500, String::new()),
        _ => Does::Cuts,
    }
}

fn random_deed(dice: &mut fastrand::Rng) -> Does {
    let seconds = dice.u32(..45);
    let to = |location: &str| format!("Location: {location}\r\n");
    match dice.u8(..24) {
        0 | 1 => answers(429, format!("Retry-After: {seconds}\r\n")),
        2 => answers(429, String::new()),
        3 => answers(503, format!("Retry-After: {seconds}\r\n")),
        4 | 5 => Does::Answers {
            status: 200,
            headers: if dice.bool() {
                format!("Retry-After: {seconds}\r\n")
            } else {
                String::new()
            },
            body: SLOW_DOWN,
        },
        6 => answers(
            200,
            format!(
                "X-RateLimit-Limit: 9\r\nX-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: {seconds}\r\n"
            ),
        ),
        7 => answers(
            200,
            format!(
                "RateLimit-Policy: \"a\";q=60;w=60\r\nRateLimit: \"a\";r={};t={seconds}\r\n",
                dice.u8(..9)
            ),
        ),
        8 => answers(302, to("/v1/elsewhere")),
        9 => answers(308, to("elsewhere?again=1")),
        10 => answers(307, to("/v1/search/c")),
        11 => answers(302, to("ftp://127.0.0.1/x")),
        12 => Does::SendsAbroad(if dice.bool() { 302 } else { 307 }),
        13 | 14 => answers(401, String::new()),
        15 => answers(500, String::new()),
        16 | 17 => Does::Cuts,
        18 => Does::CutsInBody,
        19 => Does::Babbles,
        _ => answers(200, String::new()),
    }
}
