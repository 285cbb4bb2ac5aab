//! Whole walks: their end, their errors, and where they can be resumed.

use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};

use super::page::RemainingItems;
use super::step_tests::{request, shown};
use super::{Position, Walk};
use crate::config::Pagination;
use crate::error::{Effort, Error, Result, TimeoutPhase, TransportKind};
use crate::request::RequestParts;
use crate::time::Time;

fn cursor() -> Pagination {
    Pagination::cursor("cursor", "next").items("items")
}

fn walk(style: Pagination) -> Walk {
    Walk::new(Some(style), Ok(request(Method::GET, "/a", None)))
}

fn asked(walk: &mut Walk) -> String {
    let parts = walk.request().expect("not over").expect("a request");
    shown(&parts)
}

fn told(walk: &mut Walk, body: &Value) -> Result<Vec<Value>> {
    let page = walk.arrived(
        StatusCode::OK,
        HeaderMap::new(),
        body.to_string().into_bytes(),
    )?;
    Ok(page.into_items())
}

/// Returns why the page after the last one can't be asked for.
fn no_next(walk: &mut Walk) -> Error {
    walk.request().expect("not over").expect_err("no next page")
}

fn page(items: &Value, next: &Value) -> Value {
    json!({"items": items, "next": next})
}

fn closed(kind: TransportKind) -> Error {
    Error::transport("GET /".into(), kind, None)
}

#[test]
fn a_walk_asks_until_the_end_and_then_never_again() {
    let mut walk = walk(cursor());
    assert_eq!(asked(&mut walk), "/a");
    assert_eq!(
        told(&mut walk, &page(&json!([1, 2]), &json!("x"))).expect("a page"),
        [1, 2]
    );
    assert_eq!(asked(&mut walk), "/a?cursor=x");
    assert_eq!(
        told(&mut walk, &page(&json!([3]), &json!(null))).expect("a page"),
        [3]
    );
    assert!(walk.position().is_end());
    assert!(walk.request().is_none() && walk.request().is_none());
}

#[test]
fn reading_may_be_repeated_unless_the_caller_says_otherwise() {
    for (given, expected) in [(None, true), (Some(true), true), (Some(false), false)] {
        let mut parts = request(Method::POST, "/a", None);
        parts.idempotent = given;
        let mut walk = Walk::new(Some(cursor()), Ok(parts));
        let parts = walk.request().expect("not over").expect("a request");
        assert_eq!(parts.is_idempotent(), expected);
    }
}

#[test]
fn a_cursor_seen_before_ends_the_walk_with_an_error() {
    // The page itself, the page before, and the page that the request began with.
    for (target, cursors, position) in [
        ("/a", &["x", "x"][..], 2),
        ("/a", &["x", "y", "x"], 3),
        ("/a?cursor=first", &["first"], 1),
        ("/a?cursor=first", &["x", "first"], 2),
    ] {
        let mut walk = Walk::new(Some(cursor()), Ok(request(Method::GET, target, None)));
        for (index, next) in cursors.iter().enumerate() {
            asked(&mut walk);
            told(&mut walk, &page(&json!([index]), &json!(next))).expect("a page");
            if index + 1 < cursors.len() {
                continue;
            }
            let error = no_next(&mut walk);
            let shown = error.to_string();
            assert!(
                shown.starts_with(&format!(
                    "GET https://h.example/v1/a, page {position}: leads back"
                )),
                "{shown}"
            );
            assert!(!shown.contains("first") && !shown.contains(" x"), "{shown}");
        }
        assert_eq!(walk.position().page(), position);
        assert!(walk.request().is_none(), "fused after an error");
    }
}

#[test]
fn a_url_seen_before_ends_the_walk_with_an_error() {
    for next in ["/v1/a", "https://h.example/v1/a", "?", "./b/../a#x", ""] {
        let mut walk = walk(Pagination::next_url("next").items("items"));
        asked(&mut walk);
        told(&mut walk, &page(&json!([1]), &json!(next))).expect("a page");
        match next {
            // No URL is the end.
            "" => assert!(walk.request().is_none()),
            _ => drop(no_next(&mut walk)),
        }
    }
}

#[test]
fn the_same_records_twice_in_a_row_tell_that_the_api_does_not_count() {
    for style in [
        Pagination::page_number("page"),
        Pagination::offset("offset"),
    ] {
        let mut first = walk(style.clone().items(""));
        asked(&mut first);
        told(&mut first, &json!([{"id": 1}])).expect("a page");
        asked(&mut first);
        told(&mut first, &json!([{"id": 2}])).expect("a page");
        asked(&mut first);
        let error = told(&mut first, &json!([{"id": 2}])).expect_err("the same page");
        assert!(
            error.to_string().contains("page 3: has the same items"),
            "{error}"
        );
        assert!(first.request().is_none());

        // Numbers alone may repeat.
        let mut numbers = walk(style.items(""));
        for _ in 0..3 {
            asked(&mut numbers);
            told(&mut numbers, &json!([0, 0])).expect("a page");
        }
    }
}

#[test]
fn empty_pages_without_end_are_an_error() {
    let mut walk = walk(cursor());
    for pages in 1..=1_000 {
        asked(&mut walk);
        let items = told(&mut walk, &page(&json!([]), &json!(pages))).expect("a page");
        assert!(items.is_empty());
    }
    asked(&mut walk);
    let error = told(&mut walk, &page(&json!([]), &json!(1_001))).expect_err("no end");
    assert!(error.to_string().contains("page 1001: is empty"), "{error}");
}

#[test]
fn a_page_is_returned_although_its_successor_is_the_problem() {
    let more = || cursor().more_if("more");
    let url = || Pagination::next_url("next").items("items");
    for (style, rest, said) in [
        (more(), json!({"more": true}), "there is no cursor"),
        (more(), json!({"more": "hunter2"}), "expected true or false"),
        (more(), json!({}), "there is no true or false"),
        (cursor(), json!({"next": ["hunter2"]}), "is an array"),
        (cursor(), json!({"next": 1.5}), "is a number"),
        (cursor(), json!({"next": "x".repeat(65_537)}), "65537 bytes"),
        (
            url(),
            json!({"next": "https://evil.example/hunter2"}),
            r#"leads to "https://evil.example""#,
        ),
        (url(), json!({"next": 7}), "expected a URL"),
        (
            Pagination::last_item("after", "id")
                .items("items")
                .more_if("more"),
            json!({"more": true}),
            "the last item has no `id`",
        ),
    ] {
        let mut walk = walk(style);
        asked(&mut walk);
        let mut body = json!({"items": [{"a": 1}, {"a": 2}]});
        for (key, value) in rest.as_object().expect("an object") {
            body[key] = value.clone();
        }
        let page = walk
            .arrived(StatusCode::OK, HeaderMap::new(), body.to_string().into())
            .expect("a page");
        assert_eq!((page.number(), page.items().len()), (1, 2), "{body:.60}");
        assert!(!page.position().is_end() && !walk.is_over());
        assert_eq!(page.position(), walk.position(), "it starts here itself");
        assert_eq!(walk.position().page(), 1);
        let error = no_next(&mut walk);
        assert!(error.to_string().contains("page 1: "), "{error}");
        assert!(
            error.to_string().contains(said),
            "{said:?} is not in {error}"
        );
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert!(walk.is_over() && walk.request().is_none());
    }
}

#[test]
fn a_page_that_comes_twice_is_returned_once() {
    let mut walk = walk(cursor());
    asked(&mut walk);
    let last = page(&json!([{"id": 1}]), &json!("x"));
    told(&mut walk, &last).expect("a page");
    asked(&mut walk);
    let error = told(&mut walk, &last).expect_err("the same page again");
    assert!(error.to_string().contains("page 2: leads back"), "{error}");
}

#[test]
fn an_error_about_the_next_page_took_no_request() {
    let mut walk = walk(cursor());
    let sent = walk.request().expect("not over").expect("a request");
    let broken = closed(TransportKind::Closed).with_effort(Effort::new(1, Duration::ZERO));
    walk.broke_off(broken, &sent, 3, Time::ZERO)
        .expect("once more");
    let page = walk.arrived(
        StatusCode::OK,
        HeaderMap::new(),
        br#"{"items": [1], "next": []}"#.to_vec(),
    );
    let page = walk
        .with_effort(page, Effort::new(1, Duration::ZERO))
        .expect("a page");
    assert_eq!(page.attempts(), 2);
    assert_eq!(no_next(&mut walk).attempts(), 0);
}

#[test]
fn items_are_text_until_a_tree_is_asked_for() {
    let mut walk = walk(cursor());
    asked(&mut walk);
    let body = r#"{"items": [{"z":1.50, "a":1}, 12345678901234567890123 ], "next": null}"#;
    let page = walk
        .arrived(StatusCode::OK, HeaderMap::new(), body.into())
        .expect("a page");
    let texts: Vec<&str> = page.item_texts().collect();
    assert_eq!(texts, [r#"{"z":1.50, "a":1}"#, "12345678901234567890123"]);
    assert_eq!(page.items()[0], json!({"a": 1, "z": 1.5}));
    assert_eq!(page.items().len(), 2);
    assert_eq!(page.into_body(), body.as_bytes());
}

#[test]
fn an_invalid_page_is_an_error_that_names_the_position_and_shows_no_contents() {
    for (status, body) in [
        (200, "hunter2"),
        (200, r#"{"items": ["hunter2"]"#),
        (200, ""),
        (200, r#"{"hunter2": []}"#),
        (200, r#"{"items": "hunter2"}"#),
        (204, ""),
        (304, r#"{"items": []}"#),
    ] {
        let mut walk = walk(cursor());
        asked(&mut walk);
        told(&mut walk, &page(&json!([1]), &json!("hunter2"))).expect("a page");
        asked(&mut walk);
        let status = StatusCode::from_u16(status).expect("a status");
        let error = walk
            .arrived(status, HeaderMap::new(), body.into())
            .expect_err("no page");
        assert!(
            matches!(error, Error::Pagination { page: 2, .. }),
            "{error:?}"
        );
        let shown = format!("{error} {error:?} {:?}", walk.position());
        assert!(shown.contains("cursor of 7 bytes"), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(walk.request().is_none(), "fused after an error");
        assert_eq!(walk.position().page(), 2, "the page can be tried again");
    }
}

#[test]
fn deeply_nested_bodies_are_an_error_and_no_overflow() {
    let mut walk = walk(cursor());
    asked(&mut walk);
    let body = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let told = walk.arrived(StatusCode::OK, HeaderMap::new(), body.into());
    assert!(matches!(told, Err(Error::Pagination { .. })));
}

#[test]
fn the_first_request_reports_what_is_wrong() {
    let bad = |walk: &mut Walk| {
        let error = walk.request().expect("not over").expect_err("it is wrong");
        assert!(walk.request().is_none());
        error.to_string()
    };
    let get = || Ok(request(Method::GET, "/a", None));
    let mut unknown = Walk::new(None, get());
    assert!(bad(&mut unknown).contains("pages_by"));
    let mut no_place = Walk::new(Some(Pagination::cursor("cursor", "next")), get());
    assert!(bad(&mut no_place).contains("items_at"));
    let mut senseless = Walk::new(Some(cursor().total("total")), get());
    assert!(bad(&mut senseless).contains("pagination"));
    let mut broken = Walk::new(Some(cursor()), Err(Error::request("path", "is broken")));
    assert!(bad(&mut broken).contains("path: is broken"));
    let array = request(Method::POST, "/a", Some(&json!([1])));
    let mut no_object = Walk::new(Some(cursor()), Ok(array));
    assert!(bad(&mut no_object).contains("not a JSON object"));
    let worded = request(Method::GET, "/a?page=two", None);
    let mut no_number = Walk::new(Some(Pagination::page_number("page").items("")), Ok(worded));
    assert!(bad(&mut no_number).contains("not a whole number"));

    let mut placed = Walk::new(Some(Pagination::cursor("cursor", "next")), get());
    placed.items_at("members".into());
    asked(&mut placed);
    assert_eq!(
        told(&mut placed, &json!({"members": [1]})).expect("a page"),
        [1]
    );
}

#[test]
fn a_walk_goes_on_from_its_position_and_from_no_other() {
    let mut first = walk(cursor());
    asked(&mut first);
    told(&mut first, &page(&json!([1]), &json!("x"))).expect("a page");
    let json = serde_json::to_string(first.position()).expect("JSON");
    let position: Position = serde_json::from_str(&json).expect("a position");

    let mut second = walk(cursor());
    second.resume(position.clone());
    assert_eq!(second.position(), &position);
    assert_eq!(asked(&mut second), "/a?cursor=x");
    // The loop is found in the second run, too.
    told(&mut second, &page(&json!([2]), &json!("x"))).expect("a page");
    no_next(&mut second);
    assert_eq!(second.position(), &position);

    let style = Pagination::last_item("cursor", "id").items("items");
    let mut of_another_style = walk(style);
    of_another_style.resume(position.clone());
    let error = of_another_style
        .request()
        .expect("not over")
        .expect_err("of another style");
    assert!(error.to_string().contains("style"), "{error}");

    let mut of_another_path = Walk::new(Some(cursor()), Ok(request(Method::GET, "/b", None)));
    of_another_path.resume(position);
    let error = of_another_path
        .request()
        .expect("not over")
        .expect_err("of another path");
    assert!(error.to_string().contains("path"), "{error}");
    assert!(of_another_path.request().is_none());

    let mut ended = walk(cursor());
    asked(&mut ended);
    told(&mut ended, &page(&json!([1]), &json!(""))).expect("a page");
    let mut after = walk(cursor());
    after.resume(ended.position().clone());
    assert!(after.request().is_none());
}

#[test]
fn a_position_that_was_tampered_with_leads_nowhere_else() {
    for at in [
        json!({"url": "https://evil.example/"}),
        json!({"url": "//evil.example/"}),
        json!({"url": "javascript:alert(1)"}),
        json!({"number": 7}),
        json!({"cursor": "x"}),
    ] {
        let position = json!({"style": "url", "path": "/v1/a", "page": 2, "at": at});
        let mut walk = walk(Pagination::next_url("next").items("items"));
        walk.resume(serde_json::from_value(position).expect("a position"));
        let error = walk
            .request()
            .expect("not over")
            .expect_err("it leads elsewhere");
        assert!(
            matches!(error, Error::InvalidRequest { .. }),
            "{at}: {error}"
        );
    }
}

#[test]
fn a_body_that_breaks_off_is_asked_for_again_as_often_as_allowed() {
    let broken = |walk: &mut Walk, error: Error, tries: u32, deadline: Option<u64>| {
        let mut sent = walk.request().expect("not over").expect("a request");
        sent.deadline = deadline.map(Time::from_nanos);
        let now = Time::from_nanos(10);
        (0..10)
            .take_while(|_| walk.broke_off(clone(&error), &sent, tries, now).is_ok())
            .count()
    };
    fn clone(error: &Error) -> Error {
        match error {
            Error::Transport { kind, .. } => closed(*kind),
            _ => Error::body_too_large("GET /".into(), 1),
        }
    }
    let too_large = Error::body_too_large("GET /".into(), 1);
    for (error, tries, deadline, expected) in [
        (closed(TransportKind::Closed), 0, None, 0),
        (closed(TransportKind::Closed), 3, None, 3),
        (closed(TransportKind::Closed), 3, Some(11), 3),
        (closed(TransportKind::Closed), 3, Some(10), 0),
        (
            closed(TransportKind::Timeout(TimeoutPhase::Body)),
            1,
            None,
            1,
        ),
        (closed(TransportKind::Other), 1, None, 1),
        (closed(TransportKind::Protocol), 3, None, 0),
        (too_large, 3, None, 0),
    ] {
        let mut walk = walk(cursor());
        assert_eq!(broken(&mut walk, error, tries, deadline), expected);
        assert!(walk.request().is_none(), "over after the error");
        assert_eq!(walk.position().page(), 1);
    }
    let mut not_twice = Walk::new(
        Some(cursor()),
        Ok(RequestParts {
            idempotent: Some(false),
            ..request(Method::POST, "/a", None)
        }),
    );
    assert_eq!(
        broken(&mut not_twice, closed(TransportKind::Closed), 3, None),
        0
    );

    // Each page has retries of its own.
    let mut walk = walk(cursor());
    for cursor in 1..6 {
        let sent = walk.request().expect("not over").expect("a request");
        walk.broke_off(closed(TransportKind::Closed), &sent, 1, Time::ZERO)
            .expect("once more");
        told(&mut walk, &page(&json!([cursor]), &json!(cursor))).expect("a page");
    }
}

#[test]
fn an_item_of_another_shape_is_named_and_not_shown() {
    let mut walk = walk(cursor());
    let start = walk.position().clone();
    asked(&mut walk);
    let body = page(&json!([1, "hunter2", 3]), &json!("x"));
    let page = walk
        .arrived(
            StatusCode::OK,
            HeaderMap::new(),
            body.to_string().into_bytes(),
        )
        .expect("a page");
    assert!(!format!("{page:?}").contains("hunter2"));
    let mut shelf = RemainingItems::of(page, start.clone());
    assert_eq!(shelf.take::<u32>().expect("an item").expect("a number"), 1);
    assert_eq!(shelf.position(), Some(&start));
    let error = shelf.take::<u32>().expect("an item").expect_err("a text");
    let shown = format!("{error} {error:?}");
    assert!(
        shown.contains("page 1, item 2: found string, expected u32"),
        "{shown}"
    );
    assert!(
        !shown.contains("hunter2") && !shown.contains("line 0"),
        "{shown}"
    );
    assert_eq!(shelf.position(), Some(&start));
}

#[test]
fn the_position_moves_on_with_the_last_item_of_a_page() {
    let mut walk = walk(cursor());
    let start = walk.position().clone();
    asked(&mut walk);
    let body = page(&json!([1, 2]), &json!("x"));
    let page = walk
        .arrived(
            StatusCode::OK,
            HeaderMap::new(),
            body.to_string().into_bytes(),
        )
        .expect("a page");
    assert_eq!(page.position(), walk.position());
    let mut shelf = RemainingItems::of(page, start.clone());
    shelf.take::<u32>().expect("an item").expect("a number");
    assert_eq!(shelf.position(), Some(&start));
    shelf.take::<u32>().expect("an item").expect("a number");
    assert_eq!(shelf.position(), None);
    assert!(shelf.take::<u32>().is_none());

    // Even the last page is not skipped if it can't be read.
    let mut spoilt = RemainingItems::of(
        {
            asked(&mut walk);
            let body = json!({"items": ["no number"]});
            walk.arrived(
                StatusCode::OK,
                HeaderMap::new(),
                body.to_string().into_bytes(),
            )
            .expect("a page")
        },
        start.clone(),
    );
    spoilt.take::<u32>().expect("an item").expect_err("a text");
    assert_eq!(spoilt.position(), Some(&start));
}
