//! Events of requests.

use api_ratelimiter::{DynamicAPIClient, Error, Event};

use super::server::{Server, answer, ok};
use super::{json, quick, recorder};

#[test]
fn each_request_of_a_call_is_an_event_with_status_and_number() {
    let server = Server::answers([answer(429, "", "no"), ok("done")]);
    let heard = recorder();
    let client = DynamicAPIClient::builder(quick("calls", &server.url()))
        .label("tenant-1")
        .observer(heard.clone())
        .build()
        .expect("valid");
    let answer = client
        .get("/pages/1?token=hunter2")
        .context("job", 42)
        .send()
        .expect("a response");
    let mut kinds = heard.kinds();
    // The success raises the rate only if this thread was fast enough, so ignore that event.
    kinds.retain(|kind| kind != "raised");
    assert_eq!(
        kinds,
        [
            "cut",
            "cooldown_began",
            "attempt",
            "cooldown_ended",
            "attempt"
        ]
    );
    let events = heard.events();
    let attempts: Vec<_> = events
        .iter()
        .filter(|event| matches!(event, Event::Attempt { .. }))
        .map(json)
        .collect();
    let (first, second) = (&attempts[0], &attempts[1]);
    assert_eq!(
        (&first["status"], &first["refused"], &first["attempt"]),
        (&429.into(), &true.into(), &1.into())
    );
    assert_eq!(
        (&second["status"], &second["refused"], &second["attempt"]),
        (&200.into(), &false.into(), &2.into())
    );
    assert_eq!(second["bytes"], 4);
    assert_eq!(second["url"], format!("{}/pages/1", server.url()));
    assert_eq!(second["tenant"], "tenant-1");
    // The end of the pause has no context. The other events were caused by this request.
    for (event, kind) in events.iter().zip(heard.kinds()) {
        let job = event.about().context.get("job").map(String::as_str);
        assert_eq!(job, (kind != "cooldown_ended").then_some("42"), "{kind}");
    }
    let waited: std::time::Duration = events
        .iter()
        .filter_map(|event| match event {
            Event::Attempt { waited, .. } => Some(*waited),
            _ => None,
        })
        .sum();
    assert_eq!(waited, answer.waited());
    assert!(!format!("{events:?}").contains("hunter2"));
    for event in events {
        let text = serde_json::to_string(&event).expect("plain data");
        assert_eq!(serde_json::from_str::<Event>(&text).expect(&text), event);
    }
}

#[test]
fn a_route_replaces_the_address() {
    let server = Server::answers([ok("done")]);
    let heard = recorder();
    let client = DynamicAPIClient::builder(quick("calls", &server.url()))
        .observer(heard.clone())
        .build()
        .expect("valid");
    client
        .get("/users/ann@example.com")
        .route("/users/{id}")
        .send()
        .expect("a response");
    let shown = json(&heard.events()[0]);
    assert_eq!(
        (&shown["route"], &shown["url"]),
        (&"/users/{id}".into(), &serde_json::Value::Null)
    );
    assert!(!shown.to_string().contains("ann@"), "{shown}");
}

#[test]
fn a_call_that_ends_in_an_error_gave_up() {
    let server = Server::answers([answer(429, "", ""), answer(429, "", "")]);
    let heard = recorder();
    let client = DynamicAPIClient::builder(quick("calls", &server.url()))
        .max_retries_on_backoff(1)
        .observer(heard.clone())
        .build()
        .expect("valid");
    client.get("/").send().expect_err("refused twice");
    let events = heard.events();
    let last = json(events.last().expect("events"));
    assert_eq!(
        (&last["event"], &last["error"], &last["attempts"]),
        (&"gave_up".into(), &"BackoffExhausted".into(), &2.into())
    );
}

#[test]
fn a_connection_that_fails_is_an_attempt_without_a_status() {
    let heard = recorder();
    let client = DynamicAPIClient::builder(quick("calls", "http://127.0.0.1:9"))
        .observer(heard.clone())
        .build()
        .expect("valid");
    client.get("/").send().expect_err("no server listens");
    assert_eq!(heard.kinds(), ["attempt", "gave_up"]);
    let attempt = json(&heard.events()[0]);
    assert!(attempt["status"].is_null());
    assert!(
        attempt["error"]
            .as_str()
            .expect("a reason")
            .contains("no connection"),
        "{attempt}"
    );
}

#[test]
fn a_context_that_is_too_large_is_refused_before_anything_is_sent() {
    let client = DynamicAPIClient::builder(quick("calls", "http://127.0.0.1:9"))
        .build()
        .expect("valid");
    let many = (0..17).fold(client.get("/"), |request, n| {
        request.context(n.to_string(), n)
    });
    let requests = [
        client.get("/").route("r".repeat(129)),
        client.get("/").context("k".repeat(129), ""),
        client.get("/").context("key", "v".repeat(1025)),
        many,
    ];
    for request in requests {
        let error = request.send().expect_err("too much");
        assert!(matches!(error, Error::InvalidRequest { .. }), "{error}");
    }
    assert_eq!(client.limiter().snapshot().granted, 0);
}
