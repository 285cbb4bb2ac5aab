//! Fuzz target: reading a response never panics, and what it returns is bounded, whatever a server sends.
//!
//! The input is a response as text: a line `<profile> <status> <now> <rule>…`, then lines `name: value`, an
//! empty line and the body. `<now>` is the client's clock in seconds since 1970. A rule `path=word` is a
//! refusal in bodies that the configuration names. A rule `meaning@header` or `meaning#path` is a field that the
//! configuration names, where the meaning may have a unit and a form: `wait.ms.delta@x-cooldown`. The input may
//! contain any bytes, so that a corpus is easy to write and the fuzzer can change any part of it.

#![no_main]

use std::time::Duration;

use api_ratelimiter_core::guidance::{
    self, BodyRule, DialectField, FieldMeaning, Profile, Rules, TimeForm, TimeUnit,
};
use api_ratelimiter_core::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use libfuzzer_sys::fuzz_target;

/// Longest wait that a response may ask for (RFC 9111, section 1.2.2).
const LONGEST: Duration = Duration::from_secs(1 << 31);

/// Most limits that are returned.
const MOST_POLICIES: usize = 64;

/// Most rules that are taken from the input.
const MOST_RULES: usize = 8;

/// Longest name of a limit and longest reason that is returned, in bytes.
const LONGEST_WORD: usize = 128;

fuzz_target!(|input: &[u8]| {
    // The first line: profile, status, clock and rules. A missing or invalid part has a default.
    let mut lines = input.split_inclusive(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let words = String::from_utf8_lossy(first);
    let mut words = words.split_whitespace();
    let profile = words.next().and_then(Profile::named).unwrap_or_default();
    let status = words
        .next()
        .and_then(|word| StatusCode::from_bytes(word.as_bytes()).ok());
    let now = words
        .next()
        .and_then(|word| word.parse().ok())
        .map_or(Duration::MAX, Duration::from_secs);

    let status = status.unwrap_or_default();
    let rule = |word: &str| {
        let (path, word) = word.split_once('=')?;
        Some(BodyRule {
            statuses: vec![status.as_u16()],
            path: path.to_owned(),
            words: vec![word.to_lowercase()],
            pauses_all: word.len() % 3 == 0,
            quota: word.len() % 2 == 0,
        })
    };
    let words: Vec<&str> = words.take(MOST_RULES).collect();
    let rules: Vec<BodyRule> = words.iter().filter_map(|word| rule(word)).collect();
    let fields: Vec<DialectField> = words.iter().filter_map(|word| field(word)).collect();

    // Header lines up to the empty one; invalid names and values are skipped.
    let mut headers = HeaderMap::new();
    let mut taken = first.len();
    for line in lines {
        taken += line.len();
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        if line.is_empty() {
            break;
        }
        let colon = line
            .iter()
            .position(|byte| *byte == b':')
            .unwrap_or(line.len());
        let (name, value) = line.split_at(colon);
        let name = HeaderName::from_bytes(name);
        let value = HeaderValue::from_bytes(value.get(1..).unwrap_or_default());
        if let (Ok(name), Ok(value)) = (name, value) {
            let _ = headers.try_append(name, value);
        }
    }
    let body = input.get(taken..).unwrap_or_default();

    // Everything that is read is bounded.
    let all = Rules {
        bodies: &rules,
        fields: &fields,
        refusals: &[],
    };
    let read = guidance::read_with_rules(status, &headers, body, now, profile, &all);
    assert!(read.wait.is_none_or(|wait| wait <= LONGEST));
    assert!(read.window.is_none_or(|window| window <= LONGEST));
    assert!(read.reset_after.is_none_or(|reset| reset <= LONGEST));
    assert!(read.policies.len() <= MOST_POLICIES);
    let short =
        |word: &Option<Box<str>>| word.as_ref().is_none_or(|word| word.len() <= LONGEST_WORD);
    assert!(short(&read.reason) && read.policies.iter().all(|policy| short(&policy.name)));
    // Rules add refusals and never remove one.
    let plain = guidance::read(status, &headers, body, now, profile);
    assert!(!rules.is_empty() || !fields.is_empty() || plain == read);
    // A header that a field names is not read otherwise, so that only rules keep every refusal.
    assert!(!fields.is_empty() || plain.refusal.is_none() || read.refusal.is_some());
});

/// Reads a field of the configuration.
fn field(word: &str) -> Option<DialectField> {
    let (what, place) = word.split_once(['@', '#'])?;
    let means = match what.split('.').next()? {
        "wait" => FieldMeaning::Wait,
        "limit" => FieldMeaning::Limit,
        "remaining" => FieldMeaning::Remaining,
        _ => FieldMeaning::Reset,
    };
    let mut field = if word.contains('@') {
        DialectField::header(means, place)
    } else {
        DialectField::body(means, place)
    };
    if what.contains(".ms") {
        field = field.unit(TimeUnit::Milliseconds);
    }
    if what.contains(".delta") {
        field = field.form(TimeForm::Delta);
    } else if what.contains(".epoch") {
        field = field.form(TimeForm::Epoch);
    }
    Some(field)
}
