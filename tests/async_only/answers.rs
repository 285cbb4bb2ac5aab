//! Requests and responses of async code only. `tests/blocking_suite_on_async` tests everything else.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use api_ratelimiter::http::{HeaderMap, HeaderValue};
use api_ratelimiter::{
    AsyncDynamicAPIClient, Error, FieldPath, Pagination, TimeoutPhase, TransportKind, reqwest,
};
use serde_json::{Value, json};

use crate::server::{After, Server, answer, ok, silence};
use crate::{block_on, builder, client, current_thread, multi_thread};

#[test]
fn a_request_is_sent_as_it_was_built() {
    let server = Server::answers([ok(r#"{"id": 7}"#)]);
    let client = builder(&server.url())
        .bearer_auth("hunter2")
        .build()
        .expect("valid");
    let runtime = multi_thread();
    let call = async move {
        let request = client.post("/a").query("q", "x y").json(&json!({"a": 1}));
        let answer = request.send().await?.error_for_status().await?;
        client.post("/empty").send().await?;
        answer.json::<Value>().await
    };
    let task = runtime.spawn(call);
    let body = runtime
        .block_on(task)
        .expect("no panic")
        .expect("a response");
    assert_eq!(body["id"], 7);
    let request = &server.requests()[0];
    assert!(request.line.starts_with("POST /a?q=x"), "{}", request.line);
    assert_eq!(request.body, br#"{"a":1}"#);
    assert_eq!(
        request.header("content-type").as_deref(),
        Some("application/json")
    );
    assert_eq!(
        request.header("authorization").as_deref(),
        Some("Bearer hunter2")
    );
    assert_eq!(
        server.requests()[1].header("content-length").as_deref(),
        Some("0")
    );
}

#[test]
fn a_body_can_be_read_piece_by_piece() {
    let server = Server::answers([ok("abc")]);
    let client = client(&server.url());
    let whole = block_on(async {
        let mut answer = client.get("/").send().await?;
        let mut whole = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            whole.extend(chunk);
        }
        Ok::<_, Error>(whole)
    });
    assert_eq!(whole.expect("a body"), b"abc");
}

#[test]
fn pages_are_a_stream_and_a_dropped_next_loses_none() {
    let server = Server::of(|_, request, stream| {
        let page: usize = request
            .line
            .split("page=")
            .nth(1)
            .map_or(1, |n| n.parse().expect("a number"));
        std::thread::sleep(Duration::from_millis(5));
        let items: Vec<_> = (0..if page < 5 { 2 } else { 0 })
            .map(|i| json!({"id": page * 10 + i}))
            .collect();
        let body = json!({ "data": items }).to_string();
        stream.write_all(ok(&body).as_bytes())?;
        Ok(After::Keep)
    });
    let client = client(&server.url());
    let style = || Pagination::page_number("page").items(FieldPath::from("data"));
    let ids = block_on(async {
        let mut items = client.get("/things").pages_by(style()).items::<Value>();
        let mut ids = Vec::new();
        loop {
            // Drop the future and call `next` again until the item arrives.
            let Ok(next) = tokio::time::timeout(Duration::from_millis(1), items.next()).await
            else {
                continue;
            };
            match next {
                Some(item) => ids.push(item.expect("an item")["id"].clone()),
                None => return ids,
            }
        }
    });
    assert_eq!(ids, [10, 11, 20, 21, 30, 31, 40, 41].map(Value::from));
    assert_eq!(server.requests().len(), 5, "each page was requested once");
}

#[test]
fn the_learned_limit_is_saved_by_the_last_clone_and_by_closing() {
    let name = format!("api-ratelimiter-async-memory-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    let next = || {
        let builder = builder("http://127.0.0.1:9").remember_in(&folder);
        builder.build().expect("valid")
    };
    let ceiling = |client: &AsyncDynamicAPIClient| client.limiter().snapshot().learned_ceiling;
    let now = SystemTime::UNIX_EPOCH.elapsed().expect("after 1970");
    let mut learned = json!({"law_version": 1, "ceiling_per_second": 400.0, "rate_per_second": 390.0,
        "last_pause_seconds": 1.5, "learned_at_unix_seconds": now.as_secs_f64()});
    let first = next();
    let clone = first.clone();
    assert_eq!(ceiling(&first), None);
    first
        .limiter()
        .restore(&serde_json::from_value(learned.clone()).expect("valid"));
    drop(first);
    assert_eq!(ceiling(&next()), None, "a clone still exists");
    drop(clone);
    let second = next();
    assert_eq!(ceiling(&second), Some(400.0));

    learned["ceiling_per_second"] = json!(500.0);
    second
        .limiter()
        .restore(&serde_json::from_value(learned).expect("valid"));
    assert_eq!(block_on(second.close_within(Duration::ZERO)), 0);
    assert_eq!(ceiling(&next()), Some(500.0), "closing is enough");
    drop(second);
    std::fs::remove_dir_all(folder).expect("it was made");
}

#[test]
fn a_timeout_of_the_users_transport_may_have_been_processed_and_is_not_retried() {
    let soon = Duration::from_millis(100);
    let brought = reqwest::Client::builder;
    for http in [brought().timeout(soon), brought().read_timeout(soon)] {
        let server = Server::of(|_, _, stream| silence(stream));
        let client = builder(&server.url()).http(http).retry_transport(3);
        let client = client.build().expect("valid");
        let error = block_on(client.post("/orders").send()).expect_err("silence");
        let is_of_attempt = matches!(
            error,
            Error::Transport {
                kind: TransportKind::Timeout(TimeoutPhase::Attempt),
                ..
            }
        );
        assert!(is_of_attempt, "{error:?}");
        assert_eq!(server.lines(), ["POST /orders"]);
    }
}

#[test]
fn a_connection_closed_while_the_runtime_was_idle_loses_no_request() {
    let pause = Duration::from_millis(20);
    let server = Server::of(move |_, _, stream| {
        stream.write_all(ok("done").as_bytes())?;
        std::thread::sleep(pause);
        Ok(After::Close)
    });
    let client = client(&server.url());
    for runtime in [current_thread(), multi_thread()] {
        for _ in 0..4 {
            let call = async { client.post("/orders").body("x").send().await?.text().await };
            let text = runtime.block_on(call).expect("a response");
            assert_eq!(text, "done");
            std::thread::sleep(5 * pause);
        }
    }
    assert_eq!(server.requests().len(), 8);
}

#[test]
fn headers_that_the_users_transport_adds_reach_no_other_host() {
    let foreign = Server::answers([ok("foreign")]);
    let there = foreign.url();
    let home = Server::of(move |number, _, stream| {
        let location = ["/on", &there][number.min(1)];
        let moved = answer(302, &format!("Location: {location}\r\n"), "");
        stream.write_all(moved.as_bytes())?;
        Ok(After::Keep)
    });
    let mut headers = HeaderMap::new();
    headers.insert("x-api-key", HeaderValue::from_static("hunter2"));
    let http = reqwest::Client::builder().default_headers(headers);
    let client = builder(&home.url()).http(http).build().expect("valid");
    let response = block_on(client.get("/").send()).expect("a response");
    let seen = (response.status().as_u16(), response.attempts());
    assert_eq!(seen, (302, 2), "the second redirect is delivered");
    assert_eq!(home.lines(), ["GET /", "GET /on"]);
    assert_eq!(foreign.connections(), 0);
}

#[test]
fn hundreds_of_redirects_and_responses_need_no_new_connections() {
    for runtime in [current_thread(), multi_thread()] {
        let server = Server::of(|number, _, stream| {
            let bytes = if number % 2 == 0 {
                answer(302, "Location: /x\r\n", "moved")
            } else {
                ok("there")
            };
            stream.write_all(bytes.as_bytes())?;
            Ok(After::Keep)
        });
        let client = client(&server.url());
        runtime.block_on(async {
            for _ in 0..300 {
                let answer = client.get("/").send().await.expect("a response");
                assert_eq!(answer.bytes().await.expect("a body"), b"there");
            }
        });
        // Sometimes a connection is made because the last one was not returned yet.
        let connections = server.connections();
        assert!(connections < 60, "{connections} for 600 requests");
    }
}

#[test]
fn before_send_is_called_for_each_attempt_and_may_prevent_it() {
    let server = Server::answers([answer(429, "", ""), ok("done")]);
    let client = client(&server.url());
    let told = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = told.clone();
    let request = client.post("/orders").before_send(move || {
        match counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => Ok(()),
            _ => Err(Error::closed()),
        }
    });
    let error = block_on(request.send()).expect_err("before_send failed for the second");
    assert!(matches!(error, Error::Closed { .. }), "{error:?}");
    assert_eq!(server.lines(), ["POST /orders"]);
}

#[test]
fn a_source_of_tokens_may_send_requests_of_its_own() {
    let server = Server::answers([
        ok("one"),
        answer(401, "", ""),
        ok("two"),
        answer(429, "Retry-After: 1\r\n", ""),
        ok("three"),
        ok("done"),
    ]);
    let tokens = client(&server.url());
    let (reasons, told) = (Arc::new(Mutex::new(Vec::new())), tokens.limiter().clone());
    let seen = Arc::clone(&reasons);
    let client = builder(&server.url())
        .limiter(told)
        .bearer_auth_with(move |why| {
            seen.lock().expect("no panic").push(format!("{why:?}"));
            let tokens = tokens.clone();
            async move { tokens.get("/token").send().await?.text().await }
        })
        .build()
        .expect("valid");
    let started = std::time::Instant::now();
    let text = block_on(async move { client.get("/x").send().await?.text().await });
    assert_eq!(text.expect("a response"), "done");
    // A safety bound: a source that waited for its own call would take ten seconds.
    assert!(started.elapsed() < Duration::from_secs(9));
    assert_eq!(
        *reasons.lock().expect("no panic"),
        ["First", "Expired { times: 1 }", "First"]
    );
    let sent: Vec<_> = server
        .requests()
        .iter()
        .filter(|request| request.header("authorization").is_some())
        .map(|request| request.header("authorization").unwrap_or_default())
        .collect();
    assert_eq!(sent, ["Bearer one", "Bearer two", "Bearer three"]);
}

#[test]
fn a_source_of_tokens_that_does_not_answer_ends_with_the_deadline() {
    let server = Server::answers([ok("done")]);
    let client = builder(&server.url())
        .bearer_auth_with(|_| std::future::pending::<Result<String, Error>>())
        .build()
        .expect("valid");
    let request = client.get("/").deadline(Duration::from_millis(50));
    let error = block_on(request.send()).expect_err("no token comes");
    assert!(error.is_timeout(), "{error:?}");
    assert_eq!(
        (server.connections(), client.limiter().snapshot().granted),
        (0, 0)
    );
}
