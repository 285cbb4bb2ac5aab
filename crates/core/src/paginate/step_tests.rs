//! Each style against responses as its vendors send them, and against invalid responses.

use std::sync::Arc;

use http::{HeaderMap, Method, header};
use serde_json::{Value, json};

use super::body::PageBody;
use super::step::ReceivedPage;
use crate::config::pagination::Pagination;
use crate::request::RequestParts;
use crate::url::Address;

/// A request as a caller creates it.
pub(super) fn parts(method: Method, url: &str, body: Option<&str>) -> RequestParts {
    RequestParts {
        method,
        address: Address::parse(url).expect("a URL"),
        headers: HeaderMap::new(),
        body: body.map(|body| Arc::from(body.as_bytes())),
        idempotent: None,
        repeatable: false,
        cost: 1,
        timeout: None,
        deadline: None,
        tags: None,
        before_send: None,
    }
}

/// A request to a path of an API at `https://h.example/v1`.
pub(super) fn request(method: Method, target: &str, body: Option<&Value>) -> RequestParts {
    let body = body.map(Value::to_string);
    parts(
        method,
        &format!("https://h.example/v1{target}"),
        body.as_deref(),
    )
}

/// Returns path with query, and the body if there is one, as text.
pub(super) fn shown(parts: &RequestParts) -> String {
    let uri = parts.address.to_uri().expect("valid").to_string();
    let target = uri.strip_prefix("https://h.example/v1").unwrap_or(&uri);
    match parts.body.as_deref() {
        Some(body) => format!("{target} {}", std::str::from_utf8(body).expect("text")),
        None => target.to_owned(),
    }
}

/// Returns the next request, `end`, or the error.
fn step(style: &Pagination, request: &RequestParts, links: &[&str], body: &Value) -> String {
    let mut headers = HeaderMap::new();
    for link in links {
        headers.append(header::LINK, link.parse().expect("a header value"));
    }
    let text = body.to_string();
    let body = PageBody::read(text.as_bytes(), style).expect("JSON");
    let next = style.items_of(&body).and_then(|items| {
        style.next(&ReceivedPage {
            request,
            headers: &headers,
            body: &body.fields,
            items,
        })
    });
    match next {
        Ok(super::position::PageStart::End) => "end".into(),
        Ok(at) => match style.request(request, &at) {
            Ok(parts) => shown(&parts),
            Err(problem) => format!("can't be asked: {problem}"),
        },
        Err(problem) => format!("error: {problem}"),
    }
}

/// Steps from a GET. Each row is a response body and the expected step.
fn table(style: &Pagination, target: &str, rows: &[(Value, &str)]) {
    let request = request(Method::GET, target, None);
    for (body, expected) in rows {
        let found = step(style, &request, &[], body);
        assert!(
            if expected.starts_with("error") {
                found.starts_with(expected)
            } else {
                found == *expected
            },
            "{body}\n   gives {found:?},\nexpected {expected:?}"
        );
    }
}

#[test]
fn notion_has_its_cursor_in_the_query_of_a_get_and_in_the_body_of_a_post() {
    let style = Pagination::cursor("start_cursor", "next_cursor")
        .more_if("has_more")
        .items("results");
    table(
        &style,
        "/users?page_size=2",
        &[
            (
                json!({"results": [1, 2], "has_more": true, "next_cursor": "c/1"}),
                "/users?page_size=2&start_cursor=c%2F1",
            ),
            (
                json!({"results": [], "has_more": true, "next_cursor": "c"}),
                "/users?page_size=2&start_cursor=c",
            ),
            (
                json!({"results": [1], "has_more": false, "next_cursor": null}),
                "end",
            ),
            (
                json!({"results": [1], "has_more": false, "next_cursor": "c"}),
                "end",
            ),
            (json!({"results": [], "has_more": false}), "end"),
            (
                json!({"results": [1], "has_more": true, "next_cursor": null}),
                "error: says that more pages follow, but there is no cursor at `next_cursor`",
            ),
            (
                json!({"results": [1], "has_more": true}),
                "error: says that more",
            ),
            (
                json!({"results": [1], "has_more": true, "next_cursor": ""}),
                "error: says that more",
            ),
            (
                json!({"results": [1], "has_more": true, "next_cursor": 1.5}),
                "error: `next_cursor` is a number (expected a cursor)",
            ),
            (
                json!({"results": [1], "has_more": true, "next_cursor": {"a": 1}}),
                "error: `next_cursor` is an object",
            ),
            (
                json!({"results": [1], "has_more": "true", "next_cursor": "c"}),
                "error: `has_more` is a text (expected true or false)",
            ),
            (
                json!({"results": [1], "next_cursor": "c"}),
                "error: there is no true or false at `has_more`",
            ),
            (
                json!({"has_more": true, "next_cursor": "c"}),
                "error: there is no array of items at `results`",
            ),
            (
                json!({"results": null, "has_more": false}),
                "error: there is no array",
            ),
            (
                json!({"results": {"a": 1}, "has_more": false}),
                "error: `results` is an object (expected an array of items)",
            ),
            (
                json!(["results"]),
                "error: `results` can't be reached: an array is on the way",
            ),
        ],
    );
    let post = request(
        Method::POST,
        "/databases/d/query?x=1",
        Some(&json!({"page_size": 2})),
    );
    let page = json!({"results": [1, 2], "has_more": true, "next_cursor": "c"});
    assert_eq!(
        step(&style, &post, &[], &page),
        r#"/databases/d/query?x=1 {"page_size":2,"start_cursor":"c"}"#
    );
    let bare = request(Method::POST, "/search", None);
    assert_eq!(
        step(&style, &bare, &[], &page),
        r#"/search {"start_cursor":"c"}"#
    );
}

#[test]
fn slack_ends_with_an_empty_cursor_or_none() {
    let style = Pagination::cursor("cursor", "response_metadata.next_cursor")
        .in_query()
        .items("members");
    table(
        &style,
        "/users.list?cursor=old&limit=2",
        &[
            (
                json!({"ok": true, "members": [1], "response_metadata": {"next_cursor": "dXNlcjpVMEc5V0ZYTlo="}}),
                "/users.list?limit=2&cursor=dXNlcjpVMEc5V0ZYTlo%3D",
            ),
            (
                json!({"ok": true, "members": [], "response_metadata": {"next_cursor": "c"}}),
                "/users.list?limit=2&cursor=c",
            ),
            (
                json!({"ok": true, "members": [1], "response_metadata": {"next_cursor": ""}}),
                "end",
            ),
            (
                json!({"ok": true, "members": [1], "response_metadata": {}}),
                "end",
            ),
            (json!({"ok": true, "members": [1]}), "end"),
            (
                json!({"ok": false, "error": "invalid_auth"}),
                "error: there is no array of items at `members`",
            ),
            (
                json!({"ok": true, "members": [1], "response_metadata": "?"}),
                "error: `response_metadata.next_cursor` can't be reached: a text",
            ),
            (
                json!({"ok": true, "members": [1], "response_metadata": {"next_cursor": false}}),
                "error: `response_metadata.next_cursor` is true or false",
            ),
        ],
    );
    let post = request(Method::POST, "/users.list", None);
    let page = json!({"members": [1], "response_metadata": {"next_cursor": "c"}});
    assert_eq!(step(&style, &post, &[], &page), "/users.list?cursor=c");
}

#[test]
fn the_number_0_as_a_cursor_is_the_end_where_nothing_else_says_so() {
    let style = Pagination::cursor("cursor", "next_cursor").items("ids");
    table(
        &style,
        "/followers/ids.json?cursor=-1",
        &[
            (
                json!({"ids": [1], "next_cursor": 1_700_000_000_000_u64}),
                "/followers/ids.json?cursor=1700000000000",
            ),
            (json!({"ids": [1], "next_cursor": 0}), "end"),
            (
                json!({"ids": [1], "next_cursor": "0"}),
                "/followers/ids.json?cursor=0",
            ),
        ],
    );
    table(
        &style.more_if("more"),
        "/a",
        &[
            (
                json!({"ids": [1], "next_cursor": 0, "more": true}),
                "/a?cursor=0",
            ),
            (json!({"ids": [1], "next_cursor": 0, "more": false}), "end"),
        ],
    );
}

#[test]
fn a_page_without_its_items_is_empty_only_where_the_vendor_leaves_them_out() {
    let style = Pagination::cursor("pageToken", "nextPageToken").items("a.messages");
    let gmail = style.clone().may_lack_items();
    for body in [
        json!({"resultSizeEstimate": 0}),
        json!({"a": {}}),
        json!({"a": null}),
        json!({"a": {"messages": null}}),
    ] {
        table(&style, "/m", &[(body.clone(), "error: there is no array")]);
        table(&gmail, "/m", &[(body.clone(), "end")]);
        let mut body = body;
        body["nextPageToken"] = json!("t");
        table(&gmail, "/m", &[(body, "/m?pageToken=t")]);
    }
    for body in [
        json!([]),
        json!("x"),
        json!({"a": {"messages": {}}}),
        json!({"a": 7}),
    ] {
        table(&gmail, "/m", &[(body, "error")]);
    }
    let none = gmail.items("");
    table(&none, "/m", &[(json!(null), "error: there is no array")]);
}

#[test]
fn vanta_has_its_cursor_in_the_page_info() {
    let style = Pagination::cursor("pageCursor", "results.pageInfo.endCursor")
        .more_if("results.pageInfo.hasNextPage")
        .items("results.data");
    let page = |more: Value, cursor: Value| json!({"results": {"data": [1], "pageInfo": {"startCursor": "s", "endCursor": cursor, "hasNextPage": more, "hasPreviousPage": false}}});
    table(
        &style,
        "/tests?pageSize=100",
        &[
            (
                page(json!(true), json!("e")),
                "/tests?pageSize=100&pageCursor=e",
            ),
            (page(json!(false), json!("e")), "end"),
            (page(json!(true), json!(null)), "error: says that more"),
            (
                page(json!(1), json!("e")),
                "error: `results.pageInfo.hasNextPage` is a number",
            ),
            (
                json!({"results": {"data": []}}),
                "error: there is no true or false",
            ),
            (
                json!({"data": []}),
                "error: there is no array of items at `results.data`",
            ),
        ],
    );
}

#[test]
fn stripe_goes_on_after_the_last_item() {
    let style = Pagination::last_item("starting_after", "id")
        .more_if("has_more")
        .items("data");
    table(
        &style,
        "/customers?limit=2",
        &[
            (
                json!({"data": [{"id": "cus_1"}, {"id": "cus_2"}], "has_more": true}),
                "/customers?limit=2&starting_after=cus_2",
            ),
            (
                json!({"data": [{"id": 7}], "has_more": true}),
                "/customers?limit=2&starting_after=7",
            ),
            (json!({"data": [{"id": "cus_1"}], "has_more": false}), "end"),
            (json!({"data": [], "has_more": false}), "end"),
            (
                json!({"data": [], "has_more": true}),
                "error: says that more pages follow, but there is no item at `data`",
            ),
            (
                json!({"data": [{"name": "x"}], "has_more": true}),
                "error: the last item has no `id`",
            ),
            (
                json!({"data": [{"id": null}], "has_more": true}),
                "error: the last item has no `id`",
            ),
            (
                json!({"data": ["x"], "has_more": true}),
                "error: `id` can't be reached: a text",
            ),
        ],
    );
    let silent = Pagination::last_item("since_id", "id").items("data");
    table(
        &silent,
        "/events",
        &[
            (json!({"data": [{"id": "e1"}]}), "/events?since_id=e1"),
            (json!({"data": []}), "end"),
        ],
    );
}

#[test]
fn fieldguide_counts_pages_until_there_is_no_next_link() {
    let style = Pagination::page_number("page")
        .more_if_present("_links.next")
        .items("data");
    table(
        &style,
        "/v1/clients?per_page=50",
        &[
            (
                json!({"data": [1], "_links": {"next": {"href": "/x?page=2"}}}),
                "/v1/clients?per_page=50&page=2",
            ),
            (
                json!({"data": [1], "_links": {"next": "/x?page=2"}}),
                "/v1/clients?per_page=50&page=2",
            ),
            (
                json!({"data": [], "_links": {"next": {}}}),
                "/v1/clients?per_page=50&page=2",
            ),
            (json!({"data": [1], "_links": {"next": null}}), "end"),
            (json!({"data": [1], "_links": {"next": ""}}), "end"),
            (json!({"data": [1], "_links": {}}), "end"),
            (json!({"data": [1]}), "end"),
            (
                json!({"data": [1], "_links": {"next": ["/x"]}}),
                "error: `_links.next` is an array",
            ),
            (
                json!({"data": [1], "_links": 5}),
                "error: `_links.next` can't be reached: a number",
            ),
            (json!({"data": "1"}), "error: `data` is a text"),
        ],
    );
    let from_seven = request(Method::GET, "/v1/clients?page=7", None);
    let page = json!({"data": [1], "_links": {"next": "/"}});
    assert_eq!(step(&style, &from_seven, &[], &page), "/v1/clients?page=8");
    let last = request(Method::GET, &format!("/v1/clients?page={}", u64::MAX), None);
    assert!(step(&style, &last, &[], &page).starts_with("error: has the largest possible number"));
    let nonsense = request(Method::GET, "/v1/clients?page=two", None);
    assert!(
        step(&style, &nonsense, &[], &page)
            .starts_with("error: the request's `page` is not a whole number")
    );
}

#[test]
fn pages_without_a_sign_end_with_an_empty_one_or_where_that_is_said_a_short_one() {
    let style = Pagination::page_number("page").first_page(0).items("");
    table(
        &style,
        "/a?per_page=2",
        &[
            (json!([1, 2]), "/a?per_page=2&page=1"),
            (json!([1]), "/a?per_page=2&page=1"),
            (json!([]), "end"),
        ],
    );
    let short = style.until_short_page("per_page");
    table(
        &short,
        "/a?per_page=2",
        &[
            (json!([1, 2]), "/a?per_page=2&page=1"),
            (json!([1, 2, 3]), "/a?per_page=2&page=1"),
            (json!([1]), "end"),
            (json!([]), "end"),
        ],
    );
    for unsized_ in ["/a", "/a?per_page=all", "/a?per_page=0"] {
        let request = request(Method::GET, unsized_, None);
        assert!(
            step(&short, &request, &[], &json!([1])).ends_with("page=1"),
            "{unsized_}"
        );
        assert_eq!(step(&short, &request, &[], &json!([])), "end");
    }
    let total = Pagination::page_number("page").total("pages").items("data");
    table(
        &total,
        "/a?page=2",
        &[
            (json!({"data": [], "pages": 3}), "/a?page=3"),
            (json!({"data": [1], "pages": 2}), "end"),
            (json!({"data": [1], "pages": 0}), "end"),
            (json!({"data": [1], "pages": u64::MAX}), "/a?page=3"),
            (
                json!({"data": [1], "pages": -1}),
                "error: there is no whole number at `pages`",
            ),
            (
                json!({"data": [1], "pages": "3"}),
                "error: there is no whole number",
            ),
            (
                json!({"data": [1], "pages": 1e300}),
                "error: there is no whole number",
            ),
            (json!({"data": [1]}), "error: there is no whole number"),
        ],
    );
}

#[test]
fn offsets_grow_by_the_items_received() {
    let style = Pagination::offset("offset").items("items");
    table(
        &style,
        "/a?limit=100",
        &[
            (json!({"items": [1, 2, 3]}), "/a?limit=100&offset=3"),
            (json!({"items": []}), "end"),
        ],
    );
    table(
        &style.clone().total("total"),
        "/a?offset=10",
        &[
            (json!({"items": [1, 2], "total": 13}), "/a?offset=12"),
            (json!({"items": [1, 2], "total": 12}), "end"),
            (json!({"items": [1, 2], "total": 0}), "end"),
            (json!({"items": [], "total": 10}), "end"),
            (
                json!({"items": [], "total": 11}),
                "error: says that more pages follow, but there is no item at `items`",
            ),
            (
                json!({"items": [1], "total": null}),
                "error: there is no whole number at `total`",
            ),
        ],
    );
    table(
        &style.clone().more_if("more"),
        "/a",
        &[
            (json!({"items": [1], "more": true}), "/a?offset=1"),
            (json!({"items": [1], "more": false}), "end"),
            (json!({"items": [], "more": true}), "error: says that more"),
        ],
    );
    table(
        &style.clone().last_if("isLast"),
        "/a",
        &[
            (json!({"items": [1], "isLast": false}), "/a?offset=1"),
            (json!({"items": [1], "isLast": true}), "end"),
        ],
    );
    table(
        &style.clone().until_short_page("limit"),
        "/a?limit=2",
        &[
            (json!({"items": [1, 2]}), "/a?limit=2&offset=2"),
            (json!({"items": [1]}), "end"),
        ],
    );
    let post = request(
        Method::POST,
        "/search",
        Some(&json!({"offset": 5, "limit": 2})),
    );
    assert_eq!(
        step(&style, &post, &[], &json!({"items": [1, 2]})),
        r#"/search {"limit":2,"offset":7}"#
    );
    let last = request(Method::GET, &format!("/a?offset={}", u64::MAX), None);
    assert!(step(&style, &last, &[], &json!({"items": [1]})).starts_with("error: has the largest"));
}

#[test]
fn github_links_to_the_next_page_in_a_header() {
    let style = Pagination::link_header();
    let from = request(Method::GET, "/orgs/o/repos?per_page=2", None);
    for (links, expected) in [
        (
            &[
                r#"<https://h.example/v1/organizations/1/repos?per_page=2&page=2>; rel="next", <https://h.example/v1/organizations/1/repos?page=9>; rel="last""#,
            ][..],
            "/organizations/1/repos?per_page=2&page=2",
        ),
        (
            &[r#"<https://H.EXAMPLE:443/v1/a?after=x%2Fy>; rel="next""#],
            "/a?after=x%2Fy",
        ),
        (&[r#"<?page=2>; rel="next""#], "/orgs/o/repos?page=2"),
        (&[r#"<../b>; rel="next""#], "/orgs/b"),
        (
            &[r#"</v1/self>; rel="self""#, r#"</v1/n>; rel="next""#],
            "/n",
        ),
        (
            &[r#"</v1/other>; rel="next"; anchor="/v1/thing", </v1/n>; rel="next"; anchor="""#],
            "/n",
        ),
        (&[r#"</v1/a#part>; rel="next""#], "/a"),
        (&[r#"</v1/a>; rel="prev""#], "end"),
        (&[], "end"),
        (
            &[r#"<https://evil.example/v1/a>; rel="next""#],
            r#"error: the link to the next page leads to "https://evil.example" (expected https://h.example)"#,
        ),
        (
            &[r#"<//evil.example/v1/a>; rel="next""#],
            "error: the link to the next page leads to",
        ),
        (
            &[r#"<http://h.example/v1/a>; rel="next""#],
            "error: the link to the next page leads to",
        ),
        (
            &[r#"<https://h.example:8443/v1/a>; rel="next""#],
            "error: the link to the next page leads to",
        ),
        (
            &[r#"<https://h.example@evil.example/>; rel="next""#],
            "error: the link to the next page contains a user name",
        ),
        (
            &[r#"<javascript:alert(1)>; rel="next""#],
            "error: the link to the next page is not an absolute URL",
        ),
        (
            &[r#"<file:///etc/passwd>; rel="next""#],
            "error: the link to the next page does not begin with http",
        ),
        (
            &[r#"</v1/%2e%2e/x>; rel="next""#],
            "error: the link to the next page contains the segment `.` or `..`",
        ),
        (
            &[r#"</v1\a>; rel="next""#],
            "error: the link to the next page contains a backslash",
        ),
        (
            &[r#"</v1/a; rel="next""#],
            "error: the Link header is not valid",
        ),
    ] {
        let found = step(&style, &from, links, &json!([1]));
        assert!(
            if expected.starts_with("error") {
                found.starts_with(expected)
            } else {
                found == expected
            },
            "{links:?} gives {found}"
        );
    }
    assert!(
        step(&style, &from, &[], &json!({"message": "Moved"}))
            .starts_with("error: the body itself is an object")
    );
    let search = style.items("items");
    assert_eq!(
        step(
            &search,
            &from,
            &[r#"<?page=2>; rel="next""#],
            &json!({"total_count": 9, "items": [1]})
        ),
        "/orgs/o/repos?page=2"
    );
}

#[test]
fn a_next_url_in_the_body_is_followed_within_the_origin_only() {
    for (style, body, expected) in [
        (
            Pagination::next_url("links.next"),
            json!({"links": {"next": "https://h.example/v1/a?page=2"}}),
            "/a?page=2",
        ),
        (
            Pagination::next_url(["@odata.nextLink"]),
            json!({"@odata.nextLink": "https://h.example/v1/a?$skiptoken=x"}),
            "/a?$skiptoken=x",
        ),
        (
            Pagination::next_url("nextRecordsUrl").last_if("done"),
            json!({"nextRecordsUrl": "/v1/query/01g-2000", "done": false}),
            "/query/01g-2000",
        ),
        (
            Pagination::next_url("nextRecordsUrl").last_if("done"),
            json!({"done": true}),
            "end",
        ),
        (
            Pagination::next_url("nextRecordsUrl").last_if("done"),
            json!({"done": false}),
            "error: says that more pages follow, but there is no URL at `nextRecordsUrl`",
        ),
        (
            Pagination::next_url("links.next").more_if("meta.has_more"),
            json!({"links": {"next": "/v1/a"}, "meta": {"has_more": false}}),
            "end",
        ),
        (Pagination::next_url("next"), json!({"next": null}), "end"),
        (Pagination::next_url("next"), json!({"next": ""}), "end"),
        (Pagination::next_url("next"), json!({}), "end"),
        (
            Pagination::next_url("next"),
            json!({"next": false}),
            "error: `next` is true or false (expected a URL)",
        ),
        (
            Pagination::next_url("next"),
            json!({"next": 7}),
            "error: `next` is a number (expected a URL)",
        ),
        (
            Pagination::next_url("next"),
            json!({"next": "https://evil.example/"}),
            "error: the link to the next page leads to",
        ),
        (
            Pagination::next_url("next"),
            json!({"next": "javascript:alert(1)"}),
            "error: the link to the next page is not an absolute URL",
        ),
        (
            Pagination::next_url("next"),
            json!({"next": "data:text/html,x"}),
            "error: the link to the next page is not",
        ),
        (
            Pagination::next_url("next"),
            json!({"next": "/a\r\nHost: evil.example"}),
            "error: the link to the next page contains a control character",
        ),
        (
            Pagination::next_url("next"),
            json!({"next": format!("/{}", "x".repeat(70_000))}),
            "error: ",
        ),
    ] {
        let mut body = body;
        body["items"] = json!([1]);
        table(&style.items("items"), "/a", &[(body, expected)]);
    }
}

#[test]
fn a_graphql_cursor_goes_into_its_variables() {
    let style = Pagination::cursor("variables.after", "data.issues.pageInfo.endCursor")
        .more_if("data.issues.pageInfo.hasNextPage")
        .items("data.issues.nodes");
    let post = request(
        Method::POST,
        "/graphql",
        Some(&json!({"query": "q", "variables": {"first": 2}})),
    );
    let page = json!({"data": {"issues": {"nodes": [1], "pageInfo": {"endCursor": "e", "hasNextPage": true}}}});
    assert_eq!(
        step(&style, &post, &[], &page),
        r#"/graphql {"query":"q","variables":{"after":"e","first":2}}"#
    );
    let failed = json!({"data": null, "errors": [{"message": "rate limited"}]});
    assert!(step(&style, &post, &[], &failed).starts_with("error: there is no array"));
}

#[test]
fn styles_go_through_json_both_ways_and_unknown_fields_are_refused() {
    for style in [
        Pagination::cursor("cursor", "next").in_query(),
        Pagination::cursor(["a.b"], ["@x.y"])
            .in_body()
            .more_if("m")
            .items("i"),
        Pagination::last_item("after", "id").until_short_page("limit"),
        Pagination::page_number("page").first_page(0).total("pages"),
        Pagination::offset("offset").last_if("isLast"),
        Pagination::link_header(),
        Pagination::next_url("links.next").more_if_present("x"),
        Pagination::cursor("c", "n").may_lack_items(),
    ] {
        let json = serde_json::to_string(&style).expect("JSON");
        assert_eq!(
            serde_json::from_str::<Pagination>(&json).expect("it reads back"),
            style
        );
    }
    assert_eq!(
        serde_json::from_value::<Pagination>(json!({"next": "link_header", "items": ""}))
            .expect("short"),
        Pagination::link_header()
    );
    assert_eq!(
        serde_json::from_value::<Pagination>(json!({"next": {"page_number": {"parameter": "p"}}}))
            .expect("short"),
        Pagination::page_number("p")
    );
    for bad in [
        json!({}),
        json!({"next": "link"}),
        json!({"next": "link_header", "item": "x"}),
        json!({"next": {"offset": {"parameter": "o", "limit": "l"}}}),
        json!({"next": {"cursor": {"parameter": "c"}}}),
        json!({"next": {"page_number": {"parameter": "p", "first": -1}}}),
        json!({"next": "link_header", "more": {"flags": "x"}}),
        json!({"next": "link_header", "place": "header"}),
    ] {
        assert!(
            serde_json::from_value::<Pagination>(bad.clone()).is_err(),
            "{bad}"
        );
    }
}

#[test]
fn styles_that_make_no_sense_break_a_rule() {
    for style in [
        Pagination::cursor("c", "n").total("t"),
        Pagination::link_header().total("t"),
        Pagination::cursor("c", "n").until_short_page("s"),
        Pagination::next_url("n").until_short_page("s"),
        Pagination::cursor("", "n"),
        Pagination::page_number("a..b"),
    ] {
        assert!(style.check().is_err(), "{style:?}");
    }
}
