//! Properties of an API in its configuration: throttles in bodies, keys, headers, scopes with limits of
//! their own.

use std::collections::HashSet;
use std::io::{Read, Write};

use api_ratelimiter::{
    ApiRateConfig, BodyThrottle, DialectConfig, Error, IdempotencyConfig, JoinGuard, LimitConfig,
    ManualClock, ScopeConfig,
};

use crate::front::{self, ClientBuilder, DynamicAPIClient};
use crate::server::{After, Server, answer, ok, silence};
use crate::{ample, config, in_virtual_time, promptly, secs};

const THROTTLED: &str = r#"{"errors": [{"extensions": {"code": "THROTTLED"}}]}"#;

/// Returns a client in virtual time with a changed configuration.
fn of(
    server: &Server,
    change: impl FnOnce(&mut ApiRateConfig),
) -> (DynamicAPIClient, ManualClock, JoinGuard) {
    let mut config = config(&server.url());
    change(&mut config);
    in_virtual_time(&server.url(), |_| {
        DynamicAPIClient::builder(config)
            .no_proxy()
            .timeouts(ample())
    })
}

fn graphql(config: &mut ApiRateConfig) {
    let rule = BodyThrottle::new([200], "errors.*.extensions.code", ["throttled"]);
    config.dialect = DialectConfig::default().throttle(rule);
}

#[test]
fn a_throttle_in_a_200_is_retried_and_the_response_is_whole() {
    let long = format!(r#"{{"data": "{}"}}"#, "x".repeat(300_000));
    let server = Server::answers([ok(THROTTLED), ok(&long)]);
    let (client, _clock, _joined) = of(&server, graphql);
    let response = client.post("/graphql").json(&1).send().expect("a response");
    assert_eq!(response.attempts(), 2);
    assert_eq!(response.text().expect("a body"), long);
    let bodies: Vec<_> = server
        .requests()
        .into_iter()
        .map(|request| request.body)
        .collect();
    assert_eq!(bodies, [b"1", b"1"]);
    let reused = front::REUSED.contains(&server.connections());
    assert!(reused, "both bodies were read to their end");
}

#[test]
fn the_inspected_beginning_is_part_of_the_reader() {
    let long = format!(r#"{{"data": "{}"}}"#, "x".repeat(300_000));
    let server = Server::answers([ok(&long)]);
    let (client, _clock, _joined) = of(&server, graphql);
    let mut text = String::new();
    let response = client.get("/").send().expect("a response");
    response
        .into_reader()
        .read_to_string(&mut text)
        .expect("a body");
    assert!(text == long);
}

#[test]
fn the_maximum_length_of_a_body_includes_its_inspected_beginning() {
    let server = Server::answers([ok(r#"{"data": "more than ten"}"#)]);
    let mut config = config(&server.url());
    graphql(&mut config);
    let client = ClientBuilder::build(
        DynamicAPIClient::builder(config)
            .no_proxy()
            .timeouts(ample())
            .max_body(10),
    )
    .expect("valid");
    let outcome = client.get("/").send().expect("a response").text();
    assert!(
        matches!(outcome, Err(Error::BodyTooLarge { limit: 10, .. })),
        "{outcome:?}"
    );
}

#[test]
fn a_silent_body_hangs_no_caller_and_is_an_error_of_the_reader() {
    let server = Server::of(|_, _, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"errors\"")?;
        silence(stream)
    });
    let mut config = config(&server.url());
    graphql(&mut config);
    let client = DynamicAPIClient::builder(config)
        .no_proxy()
        .timeouts(ample().between_bytes(crate::ms(100)))
        .build()
        .expect("valid");
    let outcome = promptly(move || client.get("/").send()?.text());
    assert!(outcome.expect_err("the body is truncated").is_timeout());
}

#[test]
fn json_is_read_whatever_its_label() {
    let throttled = THROTTLED;
    let guarded = format!(")]}}'\n{THROTTLED}");
    let marked = format!("\u{feff} {THROTTLED}");
    for (kind, body) in [
        ("text/html; charset=utf-8", throttled),
        ("text/javascript", throttled),
        ("text/plain", guarded.as_str()),
        ("application/octet-stream", marked.as_str()),
        ("", throttled),
    ] {
        let label = match kind {
            "" => String::new(),
            kind => format!("Content-Type: {kind}\r\n"),
        };
        let server = Server::answers([answer(200, &label, body), ok("done")]);
        let (client, _clock, _joined) = of(&server, graphql);
        let response = client.get("/").send().expect("a response");
        assert_eq!(response.attempts(), 2, "{kind}");
        assert_eq!(response.text().expect("a body"), "done");
    }
}

#[test]
fn no_more_than_the_first_bytes_of_another_body_are_awaited() {
    let server = Server::of(|_, _, stream| {
        stream.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: 9\r\n\r\n\0\0",
        )?;
        silence(stream).map(|_| After::Close)
    });
    let (client, _clock, _joined) = of(&server, graphql);
    let response = promptly(move || client.get("/").send()).expect("two bytes are enough");
    assert_eq!(response.status(), 200);
}

#[test]
fn a_quota_that_is_used_up_is_the_callers_at_once() {
    let spent = r#"{"errors": [{"error": "PUBLIC_API_BILLING_LIMIT_EXCEEDED"}]}"#;
    for kind in ["application/json", "text/html"] {
        let kind = format!("Content-Type: {kind}\r\n");
        let server = Server::answers([answer(429, &kind, spent)]);
        let (client, _clock, _joined) = of(&server, |config| config.name = "airtable".into());
        let before = client.limiter().snapshot().current_rate;
        let error = client.get("/").send().expect_err("a quota");
        let Error::QuotaExhausted {
            reason,
            reply,
            until: None,
            ..
        } = &error
        else {
            panic!("{error:?}")
        };
        assert_eq!(&**reason, "PUBLIC_API_BILLING_LIMIT_EXCEEDED");
        assert_eq!(reply.body(), spent.as_bytes());
        assert_eq!((error.attempts(), server.requests().len()), (1, 1));
        let after = client.limiter().snapshot();
        assert_eq!((after.current_rate, after.cooldown_until), (before, None));
    }
}

#[test]
fn an_event_stream_is_delivered_at_once() {
    let server = Server::of(|_, _, stream| {
        stream.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 9\r\n\r\n",
        )?;
        silence(stream).map(|_| After::Close)
    });
    let (client, _clock, _joined) = of(&server, graphql);
    let response = promptly(move || client.get("/").send()).expect("the head is enough");
    assert_eq!(response.status(), 200);
}

#[test]
fn each_call_has_its_own_key_and_all_its_attempts_share_it() {
    let server = Server::answers([answer(429, "", ""), ok(""), ok(""), ok(""), ok("")]);
    let (client, _clock, _joined) = of(&server, |config| {
        config.idempotency = IdempotencyConfig::default().automatic().header("X-Idem");
    });
    for _ in 0..2 {
        client.post("/charges").send().expect("a response");
    }
    client
        .post("/charges")
        .idempotency_key("mine")
        .send()
        .expect("a response");
    client.get("/charges").send().expect("a response");
    let keys: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.header("x-idem"))
        .collect();
    assert_eq!(keys[0], keys[1]);
    assert_eq!(keys[1..3].iter().flatten().collect::<HashSet<_>>().len(), 2);
    assert_eq!(keys[1].as_ref().map(String::len), Some(36));
    assert_eq!(keys[3].as_deref(), Some("mine"));
    assert_eq!(keys[4], None);
}

#[test]
fn a_seeded_generator_of_the_application_repeats_no_key() {
    let server = Server::answers([ok(""), ok("")]);
    let (client, _clock, _joined) = of(&server, |config| {
        config.idempotency = IdempotencyConfig::default().automatic();
    });
    for _ in 0..2 {
        fastrand::seed(42);
        client.post("/charges").send().expect("a response");
    }
    let requests = server.requests();
    let mut keys = requests.iter().map(|sent| sent.header("idempotency-key"));
    let (first, second) = (keys.next().flatten(), keys.next().flatten());
    assert!(first.is_some() && first != second, "{first:?} {second:?}");
}

#[test]
fn a_post_with_a_key_of_the_caller_is_retried() {
    let server = Server::answers([answer(503, "", ""), ok("")]);
    let (client, _clock, _joined) = of(&server, |config| {
        config.backoff_status_codes = vec![429, 503];
    });
    let request = client.post("/").idempotency_key("order-7");
    assert_eq!(request.send().expect("a response").attempts(), 2);
    let keys: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.header("idempotency-key"))
        .collect();
    assert_eq!(keys, [Some("order-7".into()), Some("order-7".into())]);
    let error = client
        .post("/")
        .idempotency_key("")
        .send()
        .expect_err("no key");
    assert!(error.to_string().contains("idempotency key"), "{error}");
}

#[test]
fn headers_of_the_builder_replace_defaults_and_those_of_the_request_replace_both() {
    let server = Server::answers([ok("")]);
    let with_header = |config: &mut ApiRateConfig| {
        config.default_headers = [("Api-Version".into(), "1".into())].into();
    };
    let (client, _clock, _joined) = of(&server, with_header);
    client.get("/").send().expect("a response");
    client
        .get("/")
        .header("api-version", "3")
        .send()
        .expect("a response");
    let mut config = config(&server.url());
    with_header(&mut config);
    let client = DynamicAPIClient::builder(config)
        .no_proxy()
        .default_header("API-Version", "2");
    client
        .build()
        .expect("valid")
        .get("/")
        .send()
        .expect("a response");
    let versions: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.header("api-version"))
        .collect();
    assert_eq!(
        versions,
        [Some("1".into()), Some("3".into()), Some("2".into())]
    );
}

#[test]
fn a_scope_paces_its_path_and_nothing_else() {
    let server = Server::answers([ok("")]);
    let (client, clock, _joined) = of(&server, |config| {
        let limit = LimitConfig::per_minute(6.0);
        config.scopes = vec![ScopeConfig::new("search", "/search/**", limit).one_by_one()];
    });
    for path in ["/search/a", "/items/1", "/search/b", "/items/2"] {
        client.get(path).send().expect("a response");
    }
    let elapsed = api_ratelimiter::Clock::now(&clock);
    assert_eq!(elapsed.as_nanos(), secs(10).as_nanos() as u64);
    let json = serde_json::to_value(client.limiter().snapshot()).expect("JSON");
    assert_eq!(json["scopes"][0]["name"], "tested/search");
    assert_eq!(json["scopes"][0]["granted"], 2);
    assert_eq!(json["granted"], 4);
}
