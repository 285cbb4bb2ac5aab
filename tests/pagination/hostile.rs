//! Hostile servers: every walk ends with an error that names the page.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use api_ratelimiter::{Error, Pagination};
use serde_json::{Value, json};

use crate::front::Pages;
use crate::server::{Answer, Request, Server};
use crate::{SECRET, builder, client};

/// Returns the number of pages before the error, and the error. Fails if the walk takes longer than a few
/// seconds.
fn outcome(pages: Pages) -> (u64, Error) {
    let (done, outcome) = mpsc::channel();
    thread::spawn(move || {
        let mut pages = pages;
        let mut good = 0;
        let error = loop {
            match pages.next().expect("an error comes before the end") {
                Ok(_) => good += 1,
                Err(error) => break error,
            }
        };
        assert!(pages.next().is_none(), "fused after an error");
        done.send((good, error, pages.position().page()))
    });
    let (good, error, position) = outcome
        .recv_timeout(Duration::from_secs(10))
        .expect("the walk ends");
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(SECRET), "{shown}");
    // The walk stays at the page with the problem, which is delivered if only its successor is the problem.
    assert!([good, good + 1].contains(&position), "{shown}");
    if let Error::Pagination { page, .. } = &error {
        assert_eq!(*page, position);
        assert!(shown.contains(&format!("page {page}: ")), "{shown}");
    }
    (good, error)
}

fn cursor() -> Pagination {
    Pagination::cursor("cursor", "next").items("items")
}

#[test]
fn loops_of_cursors_links_and_numbers_end() {
    let page = |next: Value| json!({"items": [{"id": 1}], "next": next});
    let round = move |request: &Request| match request.param("cursor") {
        None => page(json!("a-hunter2")),
        Some("a-hunter2") => page(json!("b-hunter2")),
        _ => page(json!("a-hunter2")),
    };
    let server = Server::smooth(round);
    let (good, error) = outcome(client(&server.url(), cursor()).get("/a").pages());
    assert!(matches!(error, Error::Pagination { .. }), "{error}");
    assert_eq!(good, 2);

    let server =
        Server::smooth(move |request: &Request| page(json!(format!("{}/a", request.origin))));
    let style = Pagination::next_url("next").items("items");
    let (good, _) = outcome(client(&server.url(), style).get("/a").pages());
    assert_eq!(good, 1);

    let server = Server::smooth(|_: &Request| Answer {
        headers: "Link: <?page=2>; rel=next\r\n".into(),
        body: "[1]".into(),
    });
    let (good, _) = outcome(
        client(&server.url(), Pagination::link_header())
            .get("/a")
            .pages(),
    );
    assert_eq!(good, 1);

    for style in [
        Pagination::page_number("page"),
        Pagination::offset("offset"),
    ] {
        let server = Server::smooth(|_: &Request| json!([{"id": 1}, {"id": 2}]));
        let client = client(&server.url(), style.items(""));
        let (good, error) = outcome(client.get("/a").pages());
        assert!(error.to_string().contains("same items"), "{error}");
        assert_eq!(good, 1);
        assert_eq!(server.requests().len(), 2);
    }
}

#[test]
fn links_to_other_origins_are_not_followed() {
    let other = Server::smooth(|_: &Request| json!({"items": [SECRET]}));
    for target in [
        other.url(),
        other.url().replacen("http:", "", 1),
        "https://127.0.0.1/a".to_owned(),
        "javascript:alert('hunter2')".to_owned(),
        "ftp://127.0.0.1/hunter2".to_owned(),
        "http://user:hunter2@127.0.0.1/".to_owned(),
        "/a/%2e%2e/%2e%2e/hunter2".to_owned(),
    ] {
        let next = target.clone();
        let server = Server::smooth(move |_: &Request| json!({"items": [1], "next": next}));
        let style = Pagination::next_url("next").items("items");
        let client = client(&server.url(), style);
        let (good, error) = outcome(client.get("/a").bearer_auth(SECRET).pages());
        assert!(matches!(error, Error::Pagination { .. }), "{error}");
        assert_eq!(good, 1, "{target}");

        let server = Server::smooth(move |_: &Request| Answer {
            headers: format!("Link: <{target}>; rel=\"next\"\r\n"),
            body: "[1]".into(),
        });
        let client = crate::client(&server.url(), Pagination::link_header());
        let (good, error) = outcome(client.get("/a").bearer_auth(SECRET).pages());
        assert!(matches!(error, Error::Pagination { .. }), "{error}");
        assert_eq!(good, 1);
    }
    assert!(other.requests().is_empty());
}

#[test]
fn an_invalid_page_is_never_an_empty_one() {
    let style = cursor().more_if("more");
    for body in [
        "",
        "hunter2",
        "null",
        "[]",
        r#"{"error": "hunter2"}"#,
        r#"{"items": null, "more": false}"#,
        r#"{"items": {"0": "hunter2"}, "more": false}"#,
        r#"{"items": [], "more": "hunter2"}"#,
        r#"{"items": [], "more": 1e999}"#,
        r#"{"items": [], "more": true}"#,
        r#"{"items": [], "more": true, "next": ""}"#,
        r#"{"items": [], "more": true, "next": {"hunter2": 1}}"#,
    ] {
        let server = Server::smooth(move |_: &Request| Answer {
            headers: String::new(),
            body: body.into(),
        });
        let (good, error) = outcome(client(&server.url(), style.clone()).get("/a").pages());
        assert!(matches!(error, Error::Pagination { .. }), "{body}: {error}");
        assert_eq!((good, server.requests().len()), (0, 1), "{body}");
    }
}

#[test]
fn a_page_is_delivered_before_the_error_about_its_successor() {
    let style = cursor().more_if("more");
    for rest in [
        r#""other": 1"#,
        r#""more": "hunter2""#,
        r#""more": true"#,
        r#""more": true, "next": """#,
        r#""more": true, "next": {"hunter2": 1}"#,
        r#""more": true, "next": 1.5"#,
    ] {
        let server = Server::smooth(move |request: &Request| Answer {
            headers: String::new(),
            body: match request.param("cursor") {
                None => r#"{"items": [1], "more": true, "next": "c"}"#.into(),
                Some(_) => format!(r#"{{"items": [2, 3], {rest}}}"#),
            },
        });
        let client = client(&server.url(), style.clone());
        let (good, error) = outcome(client.get("/a").pages());
        assert!(matches!(error, Error::Pagination { page: 2, .. }), "{rest}");
        assert_eq!((good, server.requests().len()), (2, 2), "{rest}");
        let items = client.get("/a").pages().items::<u32>();
        let items: Vec<_> = items.map(Result::ok).collect();
        assert_eq!(items, [Some(1), Some(2), Some(3), None], "{rest}");
    }
}

#[test]
fn oversized_pages_and_cursors_are_errors() {
    let server = Server::smooth(|_: &Request| json!({"items": ["x".repeat(4096)]}));
    let client = builder(&server.url(), Some(cursor()))
        .max_body(4096)
        .build()
        .expect("a valid client");
    let (_, error) = outcome(client.get("/a").pages());
    assert!(matches!(error, Error::BodyTooLarge { .. }), "{error}");

    let server = Server::smooth(|_: &Request| json!({"items": [1], "next": "x".repeat(100_000)}));
    let client = crate::client(&server.url(), cursor());
    let (good, _) = outcome(client.get("/a").pages());
    assert_eq!(good, 1);

    let server = Server::smooth(|request: &Request| {
        let next = request.number("cursor").unwrap_or(0) + 1;
        json!({"items": [], "next": next.to_string()})
    });
    let client = crate::client(&server.url(), cursor());
    let (good, error) = outcome(client.get("/a").pages());
    assert!(error.to_string().contains("is empty"), "{error}");
    assert_eq!(good, 1_000);
}

#[test]
fn an_error_status_keeps_its_response() {
    // The 429 of this server is not a backoff status for this client.
    let server = Server::of(|_| crate::server::Fate::Refused, |_: &Request| json!({}));
    let client = builder(&server.url(), Some(cursor()))
        .backoff_status_codes([503])
        .build()
        .expect("a valid client");
    let (good, error) = outcome(client.get("/a").pages());
    assert_eq!(
        (good, error.status().map(|status| status.as_u16())),
        (0, Some(429))
    );
}
