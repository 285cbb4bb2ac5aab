//! Checks every vector of `header-dialects.json` with the built program.

use serde_json::Value;

use crate::run::apirl_with;

/// The vectors are decimals, so they are compared with this tolerance.
const TOLERANCE: f64 = 1e-6;

fn same(expected: &Value, found: &Value) -> bool {
    match (expected.as_f64(), found.as_f64()) {
        (Some(expected), Some(found)) => (expected - found).abs() < TOLERANCE,
        _ => expected == found,
    }
}

/// Whether a value is the expected one, a tolerated one, or at least the tolerated minimum.
fn fits(expect: &Value, key: &str, found: &Value) -> bool {
    let tolerated = expect[format!("accept_{key}")]
        .as_array()
        .is_some_and(|values| values.iter().any(|value| same(value, found)));
    let least = expect[format!("accept_{key}_min")].as_f64();
    let above = least
        .zip(found.as_f64())
        .is_some_and(|(least, found)| found >= least);
    same(&expect[key], found) || tolerated || above
}

fn wrong(expect: &Value, found: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    for key in ["wait_s", "limit", "remaining", "window_s", "reset_at_unix"] {
        if !fits(expect, key, &found[key]) {
            wrong.push(format!("{key}: {}, expected {}", found[key], expect[key]));
        }
    }
    if expect
        .get("retryable")
        .is_some_and(|expected| *expected != found["retryable"])
    {
        wrong.push(format!("retryable: {}", found["retryable"]));
    }
    if let Some(expected) = expect.get("policies").and_then(Value::as_array) {
        let found = found["policies"].as_array().expect("a list");
        let alike = expected.len() == found.len()
            && expected.iter().zip(found).all(|(expected, found)| {
                let numbers = ["limit", "remaining", "window_s", "reset_at_unix"];
                expected["name"] == found["name"]
                    && expected["unit"] == found["unit"]
                    && numbers.iter().all(|key| fits(expected, key, &found[*key]))
            });
        if !alike {
            wrong.push(format!("policies: {found:?}"));
        }
    }
    wrong
}

/// Moves resets that have passed to now: the reader counts from the response, and never below zero.
fn no_reset_before(now: &Value, expect: &mut Value) {
    if expect["reset_at_unix"].as_f64() < now.as_f64() && expect["reset_at_unix"].is_number() {
        expect["reset_at_unix"] = now.clone();
    }
    let policies = expect.get_mut("policies").and_then(Value::as_array_mut);
    for policy in policies.into_iter().flatten() {
        no_reset_before(now, policy);
    }
}

/// Returns all vectors.
pub(crate) fn vectors() -> Vec<Value> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../core/tests/data/header-dialects.json"
    );
    let text = std::fs::read_to_string(path).expect("the vectors are there");
    serde_json::from_str(&text).expect("the vectors are JSON")
}

#[test]
fn every_vector_is_explained_as_its_source_documents() {
    let vectors = vectors();
    assert!(vectors.len() >= 190, "only {} vectors", vectors.len());
    let mut input = String::new();
    for vector in &vectors {
        let mut response = vector.clone();
        response
            .as_object_mut()
            .expect("an object")
            .remove("expect");
        input.push_str(&response.to_string());
        input.push('\n');
    }

    let run = apirl_with(&["explain", "--json-lines"], input.as_bytes());
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
    let results: Vec<Value> = run
        .out
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect();
    assert_eq!(results.len(), vectors.len());
    for (vector, result) in vectors.iter().zip(&results) {
        assert_eq!(vector["id"], result["id"]);
        let mut expect = vector["expect"].clone();
        no_reset_before(&vector["now_unix"], &mut expect);
        let wrong = wrong(&expect, result);
        assert!(wrong.is_empty(), "{}: {}", vector["id"], wrong.join("; "));
    }
}
