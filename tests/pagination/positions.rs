//! Positions of a walk, and walks that continue at a position.

use api_ratelimiter::{Error, Page, Pagination, Position};
use serde_json::{Value, json};

use crate::server::{Fate, Request, Server};
use crate::{SECRET, builder, client};

fn style() -> Pagination {
    Pagination::cursor("cursor", "next").items("items")
}

/// Starts a server with ten items, three per page, and cursors full of secrets.
fn ten(request: &Request) -> Value {
    let start = request.param("cursor").map_or(0, |cursor| {
        let start = cursor.strip_prefix(SECRET).expect("a cursor");
        start.parse().expect("the cursor's number")
    });
    let end = (start + 3).min(10);
    let next = (end < 10).then(|| format!("{SECRET}{end}"));
    json!({"items": (start..end).collect::<Vec<usize>>(), "next": next, "secret": SECRET})
}

fn stored(position: &Position) -> Position {
    let json = serde_json::to_string(position).expect("JSON");
    serde_json::from_str(&json).expect("a position")
}

fn numbers(page: &Page) -> Vec<u64> {
    page.items()
        .iter()
        .map(|item| item.as_u64().expect("a number"))
        .collect()
}

#[test]
fn a_page_has_its_number_items_body_and_the_position_of_the_next_page() {
    let server = Server::smooth(ten);
    let client = client(&server.url(), style());
    let mut pages = client.get("/a").pages();
    let mut found = Vec::new();
    let mut number = 0;
    while let Some(page) = pages.next() {
        let page = page.expect("a page");
        number += 1;
        assert_eq!((page.number(), page.status().as_u16()), (number, 200));
        assert!(page.headers().contains_key("content-length"));
        assert_eq!(page.json::<Value>().expect("JSON")["secret"], SECRET);
        assert_eq!(page.position(), &pages.position());
        let shown = format!("{page:?} {pages:?}");
        assert!(!shown.contains(SECRET), "{shown}");
        found.extend(numbers(&page));
    }
    assert_eq!(found, (0..10).collect::<Vec<_>>());
    assert!(pages.position().is_end());
    assert!(pages.next().is_none());
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn a_walk_continues_after_any_page_in_another_run() {
    let server = Server::smooth(ten);
    let client = client(&server.url(), style());
    for stop in 0..=4 {
        let mut before = client.get("/a").pages();
        let mut found: Vec<u64> = before
            .by_ref()
            .take(stop)
            .flat_map(|page| numbers(&page.expect("a page")))
            .collect();
        let position = stored(&before.position());
        assert_eq!(position.page(), stop as u64 + 1);
        let after = client.get("/a").pages().resume_from(position);
        found.extend(after.flat_map(|page| numbers(&page.expect("a page"))));
        assert_eq!(found, (0..10).collect::<Vec<_>>(), "stopped after {stop}");
    }
}

#[test]
fn items_continue_at_the_page_of_the_next_item() {
    let server = Server::smooth(ten);
    let client = client(&server.url(), style());
    for stop in 0..=10_usize {
        let mut before = client.get("/a").pages().items::<u64>();
        let mut found: Vec<u64> = before
            .by_ref()
            .take(stop)
            .map(|item| item.expect("an item"))
            .collect();
        let position = stored(&before.position());
        assert_eq!(
            position.page(),
            stop.min(9) as u64 / 3 + 1 + u64::from(stop == 10)
        );
        let after = client.get("/a").pages().resume_from(position);
        found.truncate(stop / 3 * 3 + usize::from(stop == 10));
        found.extend(after.items::<u64>().map(|item| item.expect("an item")));
        assert_eq!(found, (0..10).collect::<Vec<_>>(), "stopped after {stop}");
    }
}

#[test]
fn a_position_of_another_path_or_style_is_an_error_before_anything_is_sent() {
    let server = Server::smooth(ten);
    let client = client(&server.url(), style());
    let mut pages = client.get("/a").pages();
    pages.next().expect("a page").expect("a page");
    let position = pages.position();
    let sent = server.requests().len();
    let other_style = Pagination::offset("offset").items("items");
    for mut wrong in [
        client.get("/b").pages().resume_from(position.clone()),
        client.get("/a").pages_by(other_style).resume_from(position),
    ] {
        let error = wrong
            .next()
            .expect("an error")
            .expect_err("a wrong position");
        assert!(matches!(error, Error::InvalidRequest { .. }), "{error}");
        assert!(!format!("{error} {error:?}").contains(SECRET));
        assert!(wrong.next().is_none());
    }
    assert_eq!(server.requests().len(), sent);
}

#[test]
fn an_invalid_item_ends_the_walk_and_is_not_skipped() {
    let server = Server::smooth(|_| json!({"items": [1, SECRET, 3]}));
    let client = client(&server.url(), style());
    let mut items = client.get("/a").pages().items::<u64>();
    assert_eq!(items.next().expect("an item").expect("a number"), 1);
    let error = items.next().expect("an item").expect_err("a text");
    assert!(matches!(error, Error::Decode { .. }));
    let shown = format!("{error} {error:?}");
    assert!(shown.contains("page 1, item 2"), "{shown}");
    assert!(!shown.contains(SECRET), "{shown}");
    assert!(items.next().is_none());
    let position = items.position();
    assert_eq!(position.page(), 1);
    let again = client.get("/a").pages().resume_from(position);
    assert_eq!(again.items::<Value>().count(), 3);
}

#[test]
fn after_an_error_the_page_can_be_retried() {
    // The responses of the third and the fourth request are cut.
    let fate = |number| {
        if number == 2 || number == 3 {
            Fate::CutInBody
        } else {
            Fate::Sent
        }
    };
    let server = Server::of(fate, ten);
    let client = builder(&server.url(), Some(style()))
        .retry_transport(1)
        .build()
        .expect("a valid client");
    let mut pages = client.get("/a").pages();
    let mut found = Vec::new();
    let error = loop {
        match pages.next().expect("it continues or fails") {
            Ok(page) => found.extend(numbers(&page)),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Transport { .. }), "{error}");
    assert_eq!(found, (0..6).collect::<Vec<_>>());
    assert!(pages.next().is_none());
    let position = stored(&pages.position());
    assert_eq!(position.page(), 3);
    let again = client.get("/a").pages().resume_from(position);
    found.extend(again.flat_map(|page| numbers(&page.expect("a page"))));
    assert_eq!(found, (0..10).collect::<Vec<_>>());
}

#[test]
fn a_page_that_is_not_idempotent_is_not_retried() {
    let cut_in_body = |number: usize| {
        if number == 0 {
            Fate::CutInBody
        } else {
            Fate::Sent
        }
    };
    let cut_before = |number: usize| {
        if number == 0 {
            Fate::CutBefore
        } else {
            Fate::Sent
        }
    };
    for fate in [cut_in_body as fn(usize) -> Fate, cut_before] {
        let server = Server::of(fate, ten);
        let client = builder(&server.url(), Some(style()))
            .retry_transport(3)
            .build()
            .expect("a valid client");
        let pages = client.post("/a").idempotent(false).pages();
        let errors: Vec<Error> = pages.map(|page| page.expect_err("a cut")).collect();
        assert_eq!(errors.len(), 1);
        assert_eq!(server.requests().len(), 1);
        let pages = client.get("/a").pages();
        let pages: Vec<Page> = pages.map(|page| page.expect("a page")).collect();
        assert_eq!(pages.len(), 4);
    }
}
