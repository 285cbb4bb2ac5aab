//! Responses to play to a client: the vectors, and others.

#![allow(dead_code, unreachable_pub)]

use std::time::Duration;

use api_ratelimiter_core::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::Value;

/// A response of a vector.
#[derive(Clone)]
pub struct Scripted {
    pub id: String,
    pub profile: String,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub unix_now: Duration,
}

pub fn vectors() -> Vec<Scripted> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/header-dialects.json"
    );
    let text = std::fs::read_to_string(path).expect("the vectors are there");
    let vectors: Vec<Value> = serde_json::from_str(&text).expect("the vectors are JSON");
    vectors.iter().map(scripted).collect()
}

fn scripted(vector: &Value) -> Scripted {
    let mut headers = HeaderMap::new();
    for (name, value) in vector["headers"].as_object().expect("an object") {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header's name");
        let one = std::slice::from_ref(value);
        for line in value.as_array().map_or(one, Vec::as_slice) {
            let line = line.as_str().expect("text").as_bytes();
            headers.append(&name, HeaderValue::from_bytes(line).expect("a value"));
        }
    }
    let status = vector["status"].as_u64().expect("a status") as u16;
    Scripted {
        id: vector["id"].as_str().expect("an id").to_owned(),
        profile: vector["profile"].as_str().expect("a name").to_owned(),
        status: StatusCode::from_u16(status).expect("a status"),
        headers,
        body: vector["body"].as_str().unwrap_or_default().into(),
        unix_now: Duration::from_secs_f64(vector["now_unix"].as_f64().expect("a time")),
    }
}

/// A response with this status and a body of JSON.
pub fn with_body(status: StatusCode, body: &str) -> Scripted {
    Scripted {
        id: format!("{status} {body}"),
        profile: "generic".into(),
        status,
        headers: HeaderMap::new(),
        body: body.into(),
        unix_now: Duration::from_secs(1_767_225_600),
    }
}
