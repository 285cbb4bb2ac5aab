//! Response shapes of the vendors: page sizes, errors, refusals.

use api_ratelimiter_simulator::{SimulatedApi, SimulatedApiBuilder};
use serde_json::{Value, json};

use crate::client::{agent, get, header, json, statuses};

fn api(settings: &str) -> SimulatedApi {
    let builder: SimulatedApiBuilder = settings.parse().expect("settings");
    builder.start().expect("a server")
}

fn fetch(api: &SimulatedApi, path: &str) -> (u16, Value) {
    let response = get(&agent(), api, path);
    (response.status().as_u16(), json(response))
}

fn post(api: &SimulatedApi, path: &str, body: &Value) -> (u16, Value) {
    let url = format!("{}{path}", api.base_url());
    let response = agent()
        .post(url)
        .send(body.to_string())
        .expect("a response");
    (response.status().as_u16(), json(response))
}

fn length(array: &Value) -> usize {
    array.as_array().expect("an array").len()
}

/// Returns the response to the second request under a limit of one per hour.
fn refusal(settings: &str) -> (crate::client::Response, Option<Value>) {
    let api = api(&format!("limit=fixed-window:1/1h {settings}"));
    let agent = agent();
    statuses(&agent, &api, "/anything", 1);
    let mut response = get(&agent, &api, "/anything");
    let body = response.body_mut().read_to_string().expect("text");
    (response, serde_json::from_str(&body).ok())
}

#[test]
fn notion_reads_its_cursor_from_the_query_or_the_body() {
    let api = api("shape=notion items=205");
    let (_, first) = fetch(&api, "/v1/users");
    assert_eq!(length(&first["results"]), 100);
    let cursor = first["next_cursor"].as_str().expect("a cursor");
    let (_, by_get) = fetch(&api, &format!("/users?page_size=3&start_cursor={cursor}"));
    assert_eq!(by_get["results"][0]["id"], "item-100");
    assert_eq!(length(&by_get["results"]), 3);
    for path in [
        "/databases/d/query",
        "/v1/data_sources/d/query",
        "/v1/search",
    ] {
        let (_, by_post) = post(&api, path, &json!({"start_cursor": "cursor-200"}));
        assert_eq!(by_post["results"][4]["id"], "item-204", "{path}");
        let end = (&by_post["has_more"], &by_post["next_cursor"]);
        assert_eq!(end, (&json!(false), &Value::Null), "{path}");
    }
}

#[test]
fn vanta_cursors_contain_characters_that_a_url_encodes() {
    let api = api("shape=vanta items=12");
    let (_, first) = fetch(&api, "/v1/tests");
    let results = &first["results"];
    assert_eq!(length(&results["data"]), 10, "the default size");
    let info = &results["pageInfo"];
    assert_eq!(
        (&info["hasNextPage"], &info["endCursor"]),
        (&json!(true), &json!("cursor+10/="))
    );
    let (status, last) = fetch(&api, "/v1/tests?pageCursor=cursor%2B10%2F%3D");
    assert_eq!(
        (status, &last["results"]["data"][1]["id"]),
        (200, &json!("item-11"))
    );
    assert_eq!(last["results"]["pageInfo"]["hasNextPage"], false);
    // Without encoding, a plus is a space.
    assert_eq!(fetch(&api, "/v1/tests?pageCursor=cursor+10/=").0, 400);
}

#[test]
fn fieldguide_links_to_other_pages() {
    let api = api("shape=fieldguide items=250");
    let (_, page) = fetch(&api, "/v1/clients?page=2&sort_by=name&per_page=100");
    assert_eq!(
        (length(&page["data"]), &page["data"][0]["id"]),
        (100, &json!(100))
    );
    let href = |page: &Value, name: &str| page["_links"][name]["href"].clone();
    let target = |number| {
        json!(format!(
            "/v1/clients?sort_by=name&per_page=100&page={number}"
        ))
    };
    for (name, number) in [
        ("self", 2),
        ("first", 1),
        ("previous", 1),
        ("next", 3),
        ("last", 3),
    ] {
        assert_eq!(href(&page, name), target(number), "{name}");
    }
    let (_, last) = fetch(&api, "/v1/clients?page=3&per_page=100");
    assert_eq!(
        (length(&last["data"]), href(&last, "next")),
        (50, Value::Null)
    );
    let (_, beyond) = fetch(&api, "/v1/clients?page=9&per_page=100");
    assert_eq!(
        (length(&beyond["data"]), href(&beyond, "next")),
        (0, Value::Null)
    );
}

#[test]
fn github_links_in_a_header_to_its_own_origin() {
    let api = api("shape=github items=250");
    let url = |query: &str| format!("{}/orgs/o/repos?{query}", api.base_url());
    let first = get(&agent(), &api, "/orgs/o/repos?per_page=100&type=all");
    let expected = format!(
        "<{}>; rel=\"next\", <{}>; rel=\"last\"",
        url("per_page=100&type=all&page=2"),
        url("per_page=100&type=all&page=3"),
    );
    assert_eq!(header(&first, "link"), Some(expected.as_str()));
    let last = get(&agent(), &api, "/orgs/o/repos?page=3&per_page=100");
    let expected = format!(
        "<{}>; rel=\"prev\", <{}>; rel=\"first\"",
        url("per_page=100&page=2"),
        url("per_page=100&page=1"),
    );
    assert_eq!(header(&last, "link"), Some(expected.as_str()));
    assert_eq!(length(&json(last)), 50);
    let whole = get(&agent(), &api, "/orgs/o/repos?page=1&per_page=100");
    assert_eq!(
        json(whole)[7],
        json!({"id": 7, "name": "item-7", "full_name": "octo-org/item-7"})
    );
}

#[test]
fn page_sizes_stay_within_the_maximum_of_the_vendor() {
    for (shape, largest, too_large) in [
        ("notion", "page_size=100", "page_size=101"),
        ("vanta", "pageSize=100", "pageSize=101"),
        ("fieldguide", "per_page=200", "per_page=201"),
    ] {
        let api = api(&format!("shape={shape} items=1000"));
        assert_eq!(fetch(&api, &format!("/things?{largest}")).0, 200, "{shape}");
        let (name, _) = largest.split_once('=').expect("a parameter");
        for wrong in [
            too_large,
            &format!("{name}=0"),
            &format!("{name}=x"),
            &format!("{name}=-1"),
        ] {
            let (status, error) = fetch(&api, &format!("/things?{wrong}"));
            assert_eq!(status, 400, "{shape} {wrong}");
            assert!(
                error["message"].as_str().expect("a message").contains(name),
                "{error}"
            );
        }
    }
    let github = api("shape=github items=1000");
    for (query, size) in [
        ("per_page=500", 100),
        ("per_page=0", 30),
        ("per_page=x", 30),
        ("page=0", 30),
    ] {
        let (status, page) = fetch(&github, &format!("/things?{query}"));
        assert_eq!((status, length(&page)), (200, size), "{query}");
    }
}

#[test]
fn invalid_positions_are_errors_without_panics() {
    let huge = usize::MAX;
    for (shape, query) in [
        ("notion", "start_cursor=item-3".to_owned()),
        ("notion", format!("start_cursor=cursor-{huge}")),
        ("vanta", "pageCursor=%FF%00".to_owned()),
        ("vanta", "pageCursor=".to_owned()),
        ("fieldguide", "page=0".to_owned()),
        ("fieldguide", "page=first".to_owned()),
        ("fieldguide", format!("page={huge}0")),
    ] {
        let api = api(&format!("shape={shape} items=10"));
        assert_eq!(
            fetch(&api, &format!("/things?{query}")).0,
            400,
            "{shape} {query}"
        );
    }
    for shape in ["fieldguide", "github"] {
        let api = api(&format!("shape={shape} items={huge}"));
        let (status, _) = fetch(&api, &format!("/things?page={huge}&per_page=1"));
        assert_eq!(status, 200, "{shape}");
    }
}

#[test]
fn an_empty_collection_has_one_empty_page() {
    let data = |shape: &str, place: &str| {
        let api = api(&format!("shape={shape} items=0"));
        let response = get(&agent(), &api, "/things");
        assert_eq!(header(&response, "link"), None);
        json(response).pointer(place).map(length)
    };
    assert_eq!(data("notion", "/results"), Some(0));
    assert_eq!(data("vanta", "/results/data"), Some(0));
    assert_eq!(data("fieldguide", "/data"), Some(0));
    assert_eq!(data("github", ""), Some(0));
}

#[test]
fn a_path_with_an_id_returns_one_item() {
    for (shape, id) in [
        ("notion", json!("7")),
        ("vanta", json!("7")),
        ("fieldguide", json!(7)),
        ("github", json!(7)),
    ] {
        let api = api(&format!("shape={shape} items=10"));
        assert_eq!(fetch(&api, "/things/7").1["id"], id, "{shape}");
        // Ids beyond the collection are valid, too.
        assert_eq!(fetch(&api, "/v1/things/item-12").0, 200, "{shape}");
        assert_eq!(fetch(&api, "/status/404").0, 404, "{shape}");
        let (status, echo) = post(&api, "/things", &json!({}));
        assert_eq!((status, &echo["method"]), (200, &json!("POST")), "{shape}");
        assert_eq!(
            (api.stats().items_served, api.stats().served),
            (1, 4),
            "{shape}"
        );
    }
}

#[test]
fn served_items_are_counted() {
    let api = api("shape=vanta items=25");
    for path in [
        "/tests",
        "/tests?pageCursor=cursor%2B10%2F%3D",
        "/tests?pageSize=15",
    ] {
        assert_eq!(fetch(&api, path).0, 200, "{path}");
    }
    let stats = api.stats();
    assert_eq!((stats.items_served, stats.items_served_twice), (20, 15));
}

#[test]
fn notion_refusals_have_a_code_and_the_wait_in_header_and_body() {
    let (response, body) = refusal("shape=notion hint=vendor");
    let body = body.expect("JSON");
    assert_eq!(response.status(), 429);
    assert_eq!(
        (&body["object"], &body["code"]),
        (&json!("error"), &json!("rate_limited"))
    );
    assert_eq!(
        body["additional_data"]["rate_limit_reason"],
        "public_api_request_rate_limit"
    );
    let wait = body["additional_data"]["retry_after"].as_str();
    assert_eq!(
        (wait, wait.is_some()),
        (header(&response, "retry-after"), true)
    );
    let (_, body) = refusal("shape=notion");
    assert_eq!(
        body.expect("JSON")["additional_data"].get("retry_after"),
        None
    );
}

#[test]
fn vanta_and_fieldguide_refusals_have_no_hint() {
    for shape in ["vanta", "fieldguide"] {
        let (response, body) = refusal(&format!("shape={shape} hint=vendor"));
        assert_eq!(response.status(), 429);
        assert_eq!(body, Some(json!({"message": "Too many requests"})));
        let hints = ["retry-after", "x-ratelimit-limit", "ratelimit"];
        assert!(hints.iter().all(|name| header(&response, name).is_none()));
    }
}

#[test]
fn github_refuses_by_a_primary_or_a_secondary_limit() {
    let (response, body) = refusal("shape=github hint=vendor");
    assert_eq!(response.status(), 403);
    assert_eq!(header(&response, "x-ratelimit-remaining"), Some("0"));
    assert_eq!(header(&response, "x-ratelimit-used"), Some("1"));
    assert_eq!(header(&response, "retry-after"), None);
    let body = body.expect("JSON");
    let message = |body: &Value| body["message"].as_str().expect("a message").to_owned();
    assert!(
        message(&body).starts_with("API rate limit exceeded"),
        "{body}"
    );

    for hint in ["none", "seconds"] {
        let (response, body) = refusal(&format!("shape=github hint={hint} refusal-status=429"));
        assert_eq!(response.status(), 429);
        let body = body.expect("JSON");
        assert!(message(&body).contains("secondary rate limit"), "{body}");
    }
}

#[test]
fn garbage_is_neither_json_nor_text() {
    let api = api("shape=notion fault=garbage");
    let mut response = get(&agent(), &api, "/users");
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "content-type"), Some("application/json"));
    let bytes = response.body_mut().read_to_vec().expect("bytes");
    assert!(std::str::from_utf8(&bytes).is_err());
    assert_eq!((api.stats().served, api.stats().items_served), (0, 0));
}

#[test]
fn an_outage_strikes_every_request() {
    let api = api("fault=outage:0s+1d");
    assert_eq!(statuses(&agent(), &api, "/anything", 3), [503; 3]);
    let later = self::api("fault=outage:1d+1d");
    assert_eq!(statuses(&agent(), &later, "/anything", 3), [200; 3]);
}

#[test]
fn a_server_in_the_foreground_runs_until_it_is_stopped() {
    let api = api("shape=github");
    std::thread::scope(|threads| {
        let waiter = threads.spawn(|| api.wait());
        assert_eq!(fetch(&api, "/repos/1").0, 200);
        assert!(!waiter.is_finished(), "it was not stopped yet");
        api.stop();
        waiter.join().expect("it returns");
    });
    api.wait(); // A second wait returns at once.
    assert_eq!(api.stats().served, 1);
    let port = api.addr().port();
    let again: SimulatedApiBuilder = format!("port={port}").parse().expect("settings");
    assert_eq!(again.start().expect("the port is free").addr().port(), port);
}

#[test]
fn the_busiest_stretch_equals_the_limit() {
    let api = api("limit=fixed-window:5/1h");
    statuses(&agent(), &api, "/anything", 8);
    assert_eq!(
        api.most_accepted_in(std::time::Duration::from_secs(3_600)),
        5
    );
}
