//! A thousand items in each vendor's format, from a server that refuses one of twenty requests and cuts two
//! of a hundred responses: no item is lost or returned twice.

use std::ops::Range;

use api_ratelimiter::Pagination;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::builder;
use crate::front::{DynamicAPIClient, Pages};
use crate::server::{Answer, Fate, Request, Server, rough};

const ITEMS: usize = 1_000;

/// Items per page, few enough that every kind of fault happens.
const SIZE: usize = 5;

#[derive(Deserialize)]
struct Item {
    id: String,
}

fn id(index: usize) -> String {
    format!("item-{index}")
}

fn rows(range: Range<usize>) -> Vec<Value> {
    range
        .map(|index| json!({"id": id(index), "name": "x"}))
        .collect()
}

fn page(start: usize, size: usize) -> (Vec<Value>, usize, bool) {
    let end = ITEMS.min(start + size);
    (rows(start..end), end, end < ITEMS)
}

/// Returns a cursor for an index, with characters that a URL has to encode.
fn cursor(index: usize) -> String {
    format!("c/{index}+=&é")
}

fn index(cursor: &str) -> usize {
    let index = cursor
        .strip_prefix("c/")
        .and_then(|rest| rest.strip_suffix("+=&é"));
    index
        .expect("a cursor")
        .parse()
        .expect("the cursor's number")
}

/// Walks through the collection and checks that it is complete.
fn walks(
    pagination: Pagination,
    answer: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ask: impl FnOnce(&DynamicAPIClient) -> Pages,
) -> Server {
    let server = Server::of(rough, answer);
    let client = builder(&server.url(), Some(pagination))
        .retry_transport(3)
        .build()
        .expect("a valid client");
    let items = ask(&client).items::<Item>();
    let ids: Vec<String> = items.map(|item| item.expect("an item").id).collect();
    assert_eq!(ids.len(), ITEMS);
    assert!(
        ids.iter().enumerate().all(|(at, found)| *found == id(at)),
        "each once, in order"
    );
    for fate in [Fate::Refused, Fate::CutBefore, Fate::CutInBody] {
        assert!(server.count(fate) >= 2, "{fate:?}");
    }
    assert_eq!(server.count(Fate::Sent), ITEMS / SIZE);
    server
}

#[test]
fn notion_by_get_and_by_post() {
    fn answer(request: &Request) -> Answer {
        let (start, size) = if request.method == "POST" {
            let body = request.json();
            assert_eq!(body["filter"], json!({"property": "Done"}));
            assert!(request.query.is_empty());
            let start = body["start_cursor"].as_str().map_or(0, index);
            (start, body["page_size"].as_u64().expect("a size") as usize)
        } else {
            let start = request.param("start_cursor").map_or(0, index);
            (start, request.number("page_size").expect("a size"))
        };
        let (results, end, more) = page(start, size);
        let next = more.then(|| cursor(end));
        json!({"object": "list", "results": results, "has_more": more, "next_cursor": next}).into()
    }
    let style = Pagination::cursor("start_cursor", "next_cursor")
        .more_if("has_more")
        .items("results");
    walks(style.clone(), answer, |client| {
        client.get("/users").query("page_size", SIZE).pages()
    });
    let server = walks(style, answer, |client| {
        client
            .post("/databases/d/query")
            .json(&json!({"page_size": SIZE, "filter": {"property": "Done"}}))
            .pages()
    });
    assert!(
        server
            .requests()
            .iter()
            .all(|(request, _)| request.path == "/databases/d/query")
    );
}

#[test]
fn slack_with_items_that_depend_on_the_method() {
    walks(
        Pagination::cursor("cursor", "response_metadata.next_cursor").in_query(),
        |request| {
            let start = request.param("cursor").map_or(0, index);
            let (members, end, more) = page(start, request.number("limit").expect("a limit"));
            let next = if more { cursor(end) } else { String::new() };
            json!({"ok": true, "members": members, "response_metadata": {"next_cursor": next}})
                .into()
        },
        |client| {
            client
                .get("/users.list")
                .query("limit", SIZE)
                .pages()
                .items_at("members")
        },
    );
}

#[test]
fn vanta() {
    walks(
        Pagination::cursor("pageCursor", "results.pageInfo.endCursor")
            .more_if("results.pageInfo.hasNextPage")
            .items("results.data"),
        |request| {
            let start = request.param("pageCursor").map_or(0, index);
            let (data, end, more) = page(start, request.number("pageSize").expect("a size"));
            let info = json!({"startCursor": cursor(start), "endCursor": cursor(end), "hasNextPage": more, "hasPreviousPage": start > 0});
            json!({"results": {"data": data, "pageInfo": info}}).into()
        },
        |client| client.get("/tests").query("pageSize", SIZE).pages(),
    );
}

#[test]
fn stripe() {
    walks(
        Pagination::last_item("starting_after", "id")
            .more_if("has_more")
            .items("data"),
        |request| {
            let after = request.param("starting_after").map_or(0, |id| {
                let index = id.strip_prefix("item-").expect("an id");
                index.parse::<usize>().expect("a number") + 1
            });
            let (data, _, more) = page(after, request.number("limit").expect("a limit"));
            json!({"object": "list", "data": data, "has_more": more}).into()
        },
        |client| client.get("/customers").query("limit", SIZE).pages(),
    );
}

#[test]
fn fieldguide() {
    walks(
        Pagination::page_number("page")
            .more_if_present("_links.next")
            .items("data"),
        |request| {
            let (number, size) = (
                request.number("page").unwrap_or(1),
                request.number("per_page").unwrap_or(50),
            );
            let (data, _, more) = page((number - 1) * size, size);
            let mut links = json!({"self": {"href": format!("/v1/clients?page={number}")}});
            if more {
                links["next"] = json!({"href": format!("/v1/clients?page={}", number + 1)});
            }
            json!({"data": data, "_links": links}).into()
        },
        |client| client.get("/v1/clients").query("per_page", SIZE).pages(),
    );
}

#[test]
fn github_and_okta_with_absolute_links() {
    for first_path in ["/orgs/o/repos", "/api/v1/users"] {
        walks(
            Pagination::link_header(),
            |request| {
                let (number, size) = (
                    request.number("page").unwrap_or(1),
                    request.number("per_page").expect("a size"),
                );
                let (data, _, more) = page((number - 1) * size, size);
                let url = |page| {
                    format!(
                        "{}/repositories/1?per_page={size}&page={page}",
                        request.origin
                    )
                };
                let mut headers = format!("Link: <{}>; rel=\"self\"\r\n", url(number));
                if more {
                    headers += &format!(
                        "Link: <{}>; rel=\"next\", <{}>; rel=\"last\"\r\n",
                        url(number + 1),
                        url(ITEMS / size)
                    );
                }
                Answer {
                    headers,
                    body: json!(data).to_string(),
                }
            },
            |client| client.get(first_path).query("per_page", SIZE).pages(),
        );
    }
}

#[test]
fn next_urls_in_the_body_relative_and_absolute() {
    for (absolute, key) in [(true, "@odata.nextLink"), (false, "next_page_uri")] {
        walks(
            Pagination::next_url([key]).items("value"),
            move |request| {
                let start = request.param("$skiptoken").map_or(0, index);
                let (value, end, more) = page(start, SIZE);
                let mut body = json!({"value": value});
                if more {
                    let origin = if absolute {
                        request.origin.as_str()
                    } else {
                        ""
                    };
                    let token = cursor(end)
                        .replace('+', "%2B")
                        .replace('&', "%26")
                        .replace('é', "%C3%A9");
                    body[key] = format!("{origin}/users?$skiptoken={token}").into();
                }
                body.into()
            },
            |client| client.get("/users").pages(),
        );
    }
}

#[test]
fn offsets_with_pages_smaller_than_requested() {
    walks(
        Pagination::offset("startAt").total("total").items("issues"),
        |request| {
            assert_eq!(request.number("maxResults"), Some(100));
            let (issues, ..) = page(request.number("startAt").unwrap_or(0), SIZE);
            json!({"issues": issues, "total": ITEMS}).into()
        },
        |client| client.get("/search").query("maxResults", 100).pages(),
    );
}

#[test]
fn airtable_with_a_cursor_as_offset() {
    walks(
        Pagination::cursor("offset", "offset").items("records"),
        |request| {
            let start = request.param("offset").map_or(0, index);
            let (records, end, more) = page(start, request.number("pageSize").expect("a size"));
            let mut body = json!({"records": records});
            if more {
                body["offset"] = cursor(end).into();
            }
            body.into()
        },
        |client| client.get("/app1/table").query("pageSize", SIZE).pages(),
    );
}
