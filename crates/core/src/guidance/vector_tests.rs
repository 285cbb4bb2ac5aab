//! Every vector of `tests/data/header-dialects.json`: one response and its meaning each.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::Value;

use super::{Guidance, Policy, Profile, read};

/// Tolerance of times in seconds: vectors are written as decimals.
const TOLERANCE: f64 = 1e-6;

fn headers(vector: &Value) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in vector["headers"]
        .as_object()
        .expect("headers are an object")
    {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header's name");
        let lines = value
            .as_array()
            .cloned()
            .unwrap_or_else(|| vec![value.clone()]);
        for line in lines {
            let line = line.as_str().expect("a line is text");
            headers.append(
                name.clone(),
                HeaderValue::from_bytes(line.as_bytes()).expect("a header's value"),
            );
        }
    }
    headers
}

fn read_vector(vector: &Value) -> Guidance {
    let status = vector["status"]
        .as_u64()
        .and_then(|status| u16::try_from(status).ok());
    let status = status
        .and_then(|status| StatusCode::from_u16(status).ok())
        .expect("a status");
    let body = vector["body"].as_str().unwrap_or_default();
    let now = Duration::from_secs_f64(now_of(vector));
    let profile = vector["profile"]
        .as_str()
        .and_then(Profile::named)
        .expect("a profile");
    read(status, &headers(vector), body.as_bytes(), now, profile)
}

/// The client's clock in a vector, in seconds since 1970.
fn now_of(vector: &Value) -> f64 {
    vector["now_unix"].as_f64().expect("a time")
}

/// Returns whether a value is the expected one, a tolerated one, or above the tolerated bound.
///
/// A reset in the past is an instant in the vector and zero in [`Guidance`], so it counts as now.
fn fits(expect: &Value, key: &str, found: Option<f64>, now: f64) -> bool {
    let earliest = if key == "reset_at_unix" { now } else { 0.0 };
    let same = |value: &Value| match (value.as_f64(), found) {
        (Some(expected), Some(found)) => (expected.max(earliest) - found).abs() < TOLERANCE,
        (None, None) => value.is_null(),
        _ => false,
    };
    let tolerated = expect[format!("accept_{key}")]
        .as_array()
        .is_some_and(|values| values.iter().any(same));
    let least = expect[format!("accept_{key}_min")].as_f64();
    same(&expect[key])
        || tolerated
        || least
            .zip(found)
            .is_some_and(|(least, found)| found >= least)
}

/// Returns the numbers that a vector expects of the binding limit and of every limit.
fn numbers(policy: &Policy, now: f64) -> [(&'static str, Option<f64>); 4] {
    [
        ("limit", policy.limit.map(|limit| limit as f64)),
        (
            "remaining",
            policy.remaining.map(|remaining| remaining as f64),
        ),
        ("window_s", policy.window.map(|window| window.as_secs_f64())),
        (
            "reset_at_unix",
            policy.reset_after.map(|reset| now + reset.as_secs_f64()),
        ),
    ]
}

/// Describes each difference from the expected values.
fn failures(vector: &Value) -> Vec<String> {
    let (expect, guidance, now) = (&vector["expect"], read_vector(vector), now_of(vector));
    let binding = Policy {
        limit: guidance.limit,
        remaining: guidance.remaining,
        window: guidance.window,
        reset_after: guidance.reset_after,
        ..Policy::default()
    };
    let wait = ("wait_s", guidance.wait.map(|wait| wait.as_secs_f64()));
    let mut failures: Vec<String> = std::iter::once(wait)
        .chain(numbers(&binding, now))
        .filter(|(key, found)| !fits(expect, key, *found, now))
        .map(|(key, found)| format!("{key}: {found:?}, expected {}", expect[key]))
        .collect();
    if expect
        .get("retryable")
        .is_some_and(|expected| expected.as_bool() != guidance.retryable)
    {
        failures.push(format!(
            "retryable: {:?}, expected {}",
            guidance.retryable, expect["retryable"]
        ));
    }
    let least = guidance.pause().map(|wait| wait.as_secs_f64());
    if expect.get("fallback_min_wait_s").is_some()
        && expect["fallback_min_wait_s"].as_f64() != least
    {
        failures.push(format!(
            "least_wait: {least:?}, expected {}",
            expect["fallback_min_wait_s"]
        ));
    }
    if let Some(expected) = expect.get("policies").and_then(Value::as_array) {
        let same = |(expected, found): (&Value, &Policy)| {
            expected["name"].as_str() == found.name.as_deref()
                && expected["unit"].as_str() == Some(found.unit.as_str())
                && numbers(found, now)
                    .into_iter()
                    .all(|(key, found)| fits(expected, key, found, now))
        };
        if expected.len() != guidance.policies.len()
            || !expected.iter().zip(&guidance.policies).all(same)
        {
            failures.push(format!("policies: {:#?}", guidance.policies));
        }
    }
    failures
}

#[test]
fn every_vector_is_read_as_its_source_says() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/header-dialects.json"
    );
    let text = std::fs::read_to_string(path).expect("the vectors are there");
    let vectors: Vec<Value> = serde_json::from_str(&text).expect("the vectors are JSON");
    assert!(vectors.len() >= 190, "only {} vectors", vectors.len());
    let failed: Vec<String> = vectors
        .iter()
        .map(|vector| (vector["id"].as_str().unwrap_or("?"), failures(vector)))
        .filter(|(_, failures)| !failures.is_empty())
        .map(|(id, failures)| format!("{id}\n    {}", failures.join("\n    ")))
        .collect();
    assert!(
        failed.is_empty(),
        "{} of {} vectors fail:\n{}",
        failed.len(),
        vectors.len(),
        failed.join("\n")
    );
}
