//! `apirl explain`.

use serde_json::{Value, json};

use crate::run::{apirl, apirl_with};

#[test]
fn flags_are_read_as_a_response_and_unknown_values_are_null() {
    let run = apirl(&[
        "explain",
        "--status",
        "429",
        "--header",
        "Retry-After: 30",
        "--now",
        "1000",
        "--json",
    ]);
    let expected = json!({
        "wait_s": 30, "limit": null, "remaining": null, "window_s": null, "reset_at_unix": 1030,
        "retryable": null, "policies": [],
    });
    assert_eq!((run.code, run.json()), (Some(0), expected));
}

#[test]
fn the_last_of_several_heads_counts_and_the_body_is_read() {
    let response = "HTTP/1.1 200 Connection established\r\n\r\nHTTP/2 302 \r\nlocation: /b\r\nretry-after: 99\r\n\r\n\
                  HTTP/2 429 \r\nx-ratelimit-limit: 100\r\nx-ratelimit-remaining: 0\r\nretry-after: 7\r\n\r\n{\"a\": 1}\n";
    let run = apirl_with(&["explain", "--now", "1000", "--json"], response.as_bytes());
    let facts = run.json();
    assert_eq!(
        (&facts["wait_s"], &facts["limit"], &facts["remaining"]),
        (&json!(7), &json!(100), &json!(0))
    );
}

#[test]
fn the_text_says_what_was_announced_and_what_a_client_does() {
    let flags = [
        "explain",
        "--status",
        "429",
        "--header",
        "Retry-After: 4000",
        "--color",
        "never",
    ];
    let run = apirl(&[&flags[..], &["--api", "notion"]].concat());
    for fact in [
        "429 Too Many Requests, read with the profile notion",
        "Wait 4000 s (66.667 min): a header asks for it.",
        "CooldownTooLong",
        "max_cooldown, 600 s (10 min)",
    ] {
        assert!(run.out.contains(fact), "{fact:?} is not in {}", run.out);
    }
    let run = apirl(&["explain", "--status", "200", "--color", "never"]);
    assert!(
        run.out.contains("It announces nothing about limits."),
        "{}",
        run.out
    );
    assert!(run.out.contains("counts it as a success"), "{}", run.out);
}

#[test]
fn the_settings_decide_which_status_is_a_refusal() {
    let file = std::env::temp_dir().join(format!("apirl-explain-{}.json", std::process::id()));
    std::fs::write(&file, r#"{"mine": {"backoff_status_codes": [503]}}"#).expect("a file");
    let file = file.to_str().expect("UTF-8");
    let with = apirl(&["explain", "--status", "503", "--config", file]);
    let without = apirl(&["explain", "--status", "503"]);
    std::fs::remove_file(file).expect("it was there");
    assert!(with.out.contains("counts it as a refusal"), "{with:?}");
    assert!(without.out.contains("so the rate stays"), "{without:?}");
}

#[test]
fn an_invalid_line_gets_an_error_and_the_others_are_read() {
    let input = "{\"id\":\"a\",\"status\":429,\"headers\":{\"Retry-After\":\"5\"},\"now_unix\":0}\n\
                 nonsense\n\n{\"id\":\"c\",\"status\":99}\n{\"id\":\"d\",\"status\":200,\"headers\":{\"X\":1}}\n\
                 {\"id\":\"e\",\"status\":200,\"profile\":\"unknown\"}\n{\"status\":204}\n";
    let run = apirl_with(&["explain", "--json-lines"], input.as_bytes());
    run.refuses(1, "4 of 7 lines");
    let lines: Vec<Value> = run
        .out
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 6);
    assert_eq!(
        (&lines[0]["id"], &lines[0]["wait_s"]),
        (&json!("a"), &json!(5))
    );
    for (line, problem) in [
        (
            1,
            "line 2: the line is not valid JSON: expected ident at column 2",
        ),
        (2, "status: 99"),
        (3, "headers: X"),
        (4, "\"unknown\""),
    ] {
        let error = lines[line]["error"].as_str().expect("an error");
        assert!(error.contains(problem), "{error}");
    }
    assert_eq!(
        (&lines[5]["id"], &lines[5]["wait_s"]),
        (&json!(7), &Value::Null)
    );
}

#[test]
fn a_line_that_is_too_long_gets_one_error() {
    let long = format!("{{\"id\":1,\"body\":\"{}\"}}\n", "x".repeat(9 << 20));
    let input = format!("{long}{{\"id\":\"b\",\"status\":204}}\n{}", long.trim_end());
    let run = apirl_with(&["explain", "--json-lines"], input.as_bytes());
    run.refuses(1, "2 of 3 lines");
    let lines: Vec<Value> = run
        .out
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let ids: Vec<&Value> = lines.iter().map(|line| &line["id"]).collect();
    assert_eq!(ids, [&json!(1), &json!("b"), &json!(3)]);
    for line in [&lines[0], &lines[2]] {
        assert!(
            line["error"].to_string().contains("is longer than 4 MiB"),
            "{line}"
        );
    }
}

#[test]
fn invalid_input_is_refused_in_one_sentence_with_a_hint() {
    apirl_with(&["explain"], b"").refuses(2, "the response is empty");
    apirl_with(&["explain"], b"<html>").refuses(2, "line 1 is not a valid status line");
    apirl_with(&["explain"], b"\xff\xfe\x00").refuses(2, "hint: save a response");
    apirl(&["explain", "/nowhere/at/all"]).refuses(2, "could not read /nowhere/at/all");
    apirl(&["explain", "--status", "1000"]).refuses(2, "--status 1000 is not a valid status");
    apirl(&["explain", "--status", "429", "--header", "x"]).refuses(2, "has no colon");
    apirl(&["explain", "--status", "429", "--header", "a b: 1"])
        .refuses(2, "is not a valid header name");
    apirl(&["explain", "--status", "429", "--profile", "unknown"]).refuses(2, "hint: one of");
    apirl(&["explain", "--status", "429", "--api", "notoin"])
        .refuses(2, "did you mean \"notion\"?");
    apirl(&["explain", "--status", "429", "--now", "-1"]).refuses(2, "--now");
    apirl(&["explain", "--status", "429", "--now", "NaN"]).refuses(2, "--now");
    apirl(&["explain", "--status", "429", "--now", "1e300"])
        .refuses(2, "--now 1e300 is not a valid time");
    apirl(&["explain", "--status", "-1"]).refuses(2, "invalid value '-1' for '--status");
    apirl(&["explain", "file", "--status", "429"]).refuses(2, "cannot be used with");
    apirl(&["explain", "--header", "a: b"]).refuses(2, "--status");
}

#[test]
fn refusals_in_bodies_and_special_statuses_are_explained_as_the_client_handles_them() {
    let graphql = r#"{"errors": [{"type": "RATE_LIMITED"}]}"#;
    let flags = ["explain", "--color", "never", "--api", "github"];
    let run = apirl(&[&flags[..], &["--status", "200", "--body", graphql]].concat());
    assert!(run.out.contains("counts it as a refusal"), "{}", run.out);
    assert!(run.out.contains("whatever its method"), "{}", run.out);
    // Notion documents that a request with the status 529 was not processed.
    let flags = ["explain", "--color", "never", "--api", "notion"];
    let run = apirl(&[&flags[..], &["--status", "529"]].concat());
    assert!(run.out.contains("whatever its method"), "{}", run.out);
}

#[test]
fn the_dialect_of_a_configuration_explains_the_response() {
    let config = r#"{"name": "mine", "base_url": "https://api.example.com", "dialect": {"profile": "github",
        "throttles": [{"statuses": [409], "path": "code", "words": ["busy"]}]}}"#;
    let file = std::env::temp_dir().join(format!("explain-{}.json", std::process::id()));
    std::fs::write(&file, config).expect("written");
    let path = file.to_str().expect("text");
    let flags = [
        "explain", "--color", "never", "--config", path, "--status", "409",
    ];
    let run = apirl(&[&flags[..], &["--body", r#"{"code": "busy"}"#]].concat());
    std::fs::remove_file(&file).expect("removed");
    assert!(run.out.contains("read with the profile github"), "{run:?}");
    assert!(run.out.contains("counts it as a refusal"), "{run:?}");
}

#[test]
fn headers_and_values_that_a_configuration_names_are_read() {
    let config = std::env::temp_dir().join(format!("apirl-explain-{}.json", std::process::id()));
    let text = r#"{"name": "mine", "dialect": {"fields": [
        {"means": "wait", "header": "X-Cooldown", "unit": "ms"},
        {"means": "remaining", "path": "usage.left"},
        {"means": "reset", "path": "usage.next", "form": "epoch"}]}}"#;
    std::fs::write(&config, text).expect("a file");
    let path = config.to_str().expect("text");
    let flags = ["explain", "--now", "1000", "--json", "--config", path];
    let facts = |response: &str| apirl_with(&flags, response.as_bytes()).json();
    let body = r#"{"usage": {"left": 0, "next": 1060}}"#;
    let refusal = facts(&format!("HTTP/1.1 429 \r\nX-Cooldown: 4500\r\n\r\n{body}"));
    assert_eq!(refusal["wait_s"], json!(4.5));
    assert_eq!(
        (&refusal["remaining"], &refusal["reset_at_unix"]),
        (&json!(0), &json!(1060))
    );
    let success = facts(&format!("HTTP/1.1 200 \r\n\r\n{body}"));
    assert_eq!(
        (&success["wait_s"], &success["remaining"]),
        (&json!(60), &json!(0))
    );
    std::fs::write(
        &config,
        r#"{"name": "mine", "dialect": {"fields": [{"means": "wait"}]}}"#,
    )
    .expect("a file");
    apirl_with(&flags, b"HTTP/1.1 200 \r\n\r\n").refuses(2, "dialect.fields: has no location");
    std::fs::remove_file(&config).expect("the file is there");
}

#[test]
fn a_quota_that_is_used_up_is_told_from_a_limit_of_the_rate() {
    let explain = |head: &str, body: &str| {
        let flags = ["explain", "--api", "hubspot", "--color", "never"];
        let response = format!("HTTP/1.1 429 Too Many Requests\r\n{head}\r\n{body}\n");
        apirl_with(&flags, response.as_bytes()).out
    };
    let daily = r#"{"policyName": "DAILY"}"#;
    let spent = r#"{"error": {"code": "insufficient_quota"}}"#;
    for (head, body, facts) in [
        ("", daily, ["\"DAILY\"", "the error QuotaExhausted at once"]),
        (
            "Retry-After: 60\r\n",
            daily,
            ["for 60 s", "then retries it once"],
        ),
        (
            "Retry-After: 9000\r\n",
            daily,
            ["CooldownTooLong", "QuotaExhausted"],
        ),
        (
            "Retry-After: 60\r\n",
            spent,
            ["insufficient_quota", "does not retry it"],
        ),
    ] {
        let told = explain(head, body);
        assert!(told.contains("a quota of the account is used up"), "{told}");
        for fact in facts {
            assert!(told.contains(fact), "{fact:?} is not in {told}");
        }
        assert!(!told.contains("slows down"), "{told}");
    }
}
