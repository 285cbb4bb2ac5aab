//! Helpers of the suite, for both fronts.

use std::fmt::{Debug, Display};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use api_ratelimiter::{
    ApiRateConfig, BucketConfig, Error, JoinGuard, ManualClock, Timeouts, TransportKind,
};

use crate::front::{ClientBuilder, DynamicAPIClient};

/// Part of everything that must never be shown: tokens, queries, bodies, passwords.
pub(crate) const SECRET: &str = "hunter2";

pub(crate) const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub(crate) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Returns the configuration of a fast API with the shortest pauses, so that the limiter delays no test.
pub(crate) fn config(base_url: &str) -> ApiRateConfig {
    ApiRateConfig {
        name: "tested".into(),
        base_url: base_url.into(),
        initial_rate: 1000.0,
        min_rate: 100.0,
        max_rate: 1000.0,
        default_cooldown: Some(ms(1)),
        bucket: BucketConfig::of(1000.0, 1000.0),
        ..Default::default()
    }
}

/// Returns timeouts that expire only in tests of timeouts.
pub(crate) fn ample() -> Timeouts {
    Timeouts::default()
        .connect(secs(8))
        .send(secs(8))
        .first_byte(secs(8))
        .between_bytes(secs(8))
        .body(secs(8))
}

pub(crate) fn builder(base_url: &str) -> ClientBuilder {
    DynamicAPIClient::builder(config(base_url))
        .no_proxy()
        .timeouts(ample())
}

pub(crate) fn client(base_url: &str) -> DynamicAPIClient {
    builder(base_url).build().expect("a valid client")
}

/// Returns a client in virtual time: every wait of this thread ends at once and is counted exactly.
pub(crate) fn in_virtual_time(
    base_url: &str,
    change: impl FnOnce(ClientBuilder) -> ClientBuilder,
) -> (DynamicAPIClient, ManualClock, JoinGuard) {
    let clock = ManualClock::auto();
    let joined = clock.join();
    let client = change(builder(base_url))
        .clock(Arc::new(clock.clone()))
        .build()
        .expect("a valid client");
    (client, clock, joined)
}

/// Returns the result of a call. Fails if the call takes longer than a few seconds.
pub(crate) fn promptly<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, outcome) = mpsc::channel();
    thread::spawn(move || done.send(call()));
    match outcome.recv_timeout(secs(6)) {
        Ok(outcome) => outcome,
        Err(RecvTimeoutError::Timeout) => panic!("the call hangs"),
        Err(RecvTimeoutError::Disconnected) => panic!("the call panicked"),
    }
}

/// Sends a request full of secrets, and returns its whole body.
pub(crate) fn whole_body(client: &DynamicAPIClient) -> Result<String, Error> {
    let request = client
        .get("/path")
        .query("key", SECRET)
        .bearer_auth(SECRET)
        .header("X-Api-Key", SECRET);
    promptly(move || request.send()?.text())
}

/// Returns the error of a call. Fails if any form of it shows a secret.
pub(crate) fn failure<T: Debug>(outcome: Result<T, Error>) -> TransportKind {
    let error = outcome.expect_err("it fails");
    no_secret(&error);
    chain(&error);
    match error {
        Error::Transport { kind, .. } => kind,
        other => panic!("not an error of the transport: {other}"),
    }
}

#[track_caller]
pub(crate) fn no_secret(shown: &(impl Debug + Display)) {
    hides(&format!("{shown} {shown:?} {shown:#?}"));
}

#[track_caller]
pub(crate) fn hides(text: &str) {
    assert!(!text.contains(SECRET), "a secret is shown: {text}");
}

/// Fails if a source of the error shows a secret.
#[track_caller]
pub(crate) fn chain(error: &dyn std::error::Error) {
    let mut source = error.source();
    while let Some(error) = source {
        hides(&format!("{error} {error:?}"));
        source = error.source();
    }
}
