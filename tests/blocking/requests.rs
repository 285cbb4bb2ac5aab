//! Requests as they arrive at the server.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api_ratelimiter::http::Method;
use api_ratelimiter::{Error, ManualClock, Timeouts};

use crate::front::{DynamicAPIClient, RequestBuilder};
use crate::server::{Request, Server, answer, ok};
use crate::{SECRET, builder, client, config, no_secret, promptly};

/// Returns the request that `make` sends with a client, as it arrived.
fn arrived(make: impl FnOnce(&DynamicAPIClient) -> RequestBuilder) -> Request {
    let server = Server::answers([answer(200, "", "")]);
    make(&client(&server.url())).send().expect("a response");
    let mut requests = server.requests();
    assert_eq!(requests.len(), 1);
    requests.remove(0)
}

#[test]
fn an_empty_post_announces_an_empty_body() {
    for method in ["POST", "PUT", "PATCH"] {
        for empty in [false, true] {
            let request = arrived(|client| {
                let request = client.request(method, "/x");
                if empty { request.body("") } else { request }
            });
            assert_eq!(
                request.header("content-length").as_deref(),
                Some("0"),
                "{method}"
            );
            assert_eq!(request.header("transfer-encoding"), None, "{method}");
            assert_eq!(request.header("expect"), None, "{method}");
        }
    }
}

#[test]
fn a_method_without_a_body_announces_none() {
    for method in ["GET", "HEAD", "DELETE", "OPTIONS", "PURGE"] {
        let request = arrived(|client| client.request(method, "/x"));
        assert_eq!(request.line, format!("{method} /x"));
        assert_eq!(request.header("content-length"), None, "{method}");
        assert_eq!(request.header("content-type"), None, "{method}");
        assert_eq!(request.header("transfer-encoding"), None, "{method}");
    }
}

#[test]
fn a_body_arrives_with_every_method() {
    for method in ["POST", "PUT", "PATCH", "DELETE", "GET", "OPTIONS", "PURGE"] {
        let request = arrived(|client| client.request(method, "/x").body("seven!!"));
        assert_eq!(request.body, b"seven!!", "{method}");
        assert_eq!(
            request.header("content-length").as_deref(),
            Some("7"),
            "{method}"
        );
        assert_eq!(request.header("transfer-encoding"), None, "{method}");
        assert_eq!(request.header("content-type"), None, "{method}");
    }
}

#[test]
fn each_shorthand_sends_its_method() {
    type Make = fn(&DynamicAPIClient) -> RequestBuilder;
    let table: [(Make, &str); 8] = [
        (|c| c.get("/x"), "GET /x"),
        (|c| c.head("/x"), "HEAD /x"),
        (|c| c.post("/x"), "POST /x"),
        (|c| c.put("/x"), "PUT /x"),
        (|c| c.patch("/x"), "PATCH /x"),
        (|c| c.delete("/x"), "DELETE /x"),
        (|c| c.request("REPORT", "/x"), "REPORT /x"),
        (
            |c| c.request(Method::OPTIONS, String::from("/x")),
            "OPTIONS /x",
        ),
    ];
    for (make, line) in table {
        assert_eq!(arrived(make).line, line);
    }
}

#[test]
fn queries_are_encoded_and_come_after_the_paths_own() {
    let request = arrived(|client| {
        client
            .get("/a b?x=1")
            .query("q", "a&b=c d/é?#%+")
            .query("n", 42)
            .query("ключ", true)
            .query_opt("none", None::<u32>)
            .query_opt("some", Some(1.5))
            .query("q", "again")
            .query("", "")
    });
    assert_eq!(
        request.line,
        "GET /a%20b?x=1&q=a%26b%3Dc%20d%2F%C3%A9%3F%23%25%2B&n=42\
         &%D0%BA%D0%BB%D1%8E%D1%87=true&some=1.5&q=again&="
    );
}

#[test]
fn a_line_break_in_a_query_stays_in_the_query() {
    let request = arrived(|client| {
        client
            .get("/")
            .query("q", " HTTP/1.1\r\nX-Injected: 1\r\n\r\n")
    });
    assert_eq!(request.header("x-injected"), None);
    assert_eq!(
        request.line,
        "GET /?q=%20HTTP%2F1.1%0D%0AX-Injected%3A%201%0D%0A%0D%0A"
    );
}

#[test]
fn json_and_forms_arrive_with_their_content_types() {
    let value = BTreeMap::from([("a", vec![1, 2]), ("b", vec![])]);
    let json = arrived(|client| client.post("/x").json(&value));
    assert_eq!(json.body, br#"{"a":[1,2],"b":[]}"#);
    assert_eq!(
        json.header("content-type").as_deref(),
        Some("application/json")
    );

    let form = arrived(|client| client.post("/x").form(&[("a b", "c&d=é"), ("e", "")]));
    assert_eq!(form.body, b"a%20b=c%26d%3D%C3%A9&e=");
    assert_eq!(
        form.header("content-type").as_deref(),
        Some("application/x-www-form-urlencoded")
    );
}

#[test]
fn a_content_type_that_is_given_is_kept() {
    let kept = |request: Request| {
        let kind = request.header("content-type");
        assert_eq!(kind.as_deref(), Some("application/vnd.api+json"));
    };
    const KIND: &str = "application/vnd.api+json";
    kept(arrived(|client| {
        client.post("/").header("Content-Type", KIND).json(&1)
    }));
    kept(arrived(|client| {
        client.post("/").header("Content-Type", KIND).body("1")
    }));

    let server = Server::answers([ok("")]);
    let client = builder(&server.url())
        .default_header("content-type", KIND)
        .build()
        .expect("valid");
    client.post("/").body("1").send().expect("a response");
    kept(server.requests().remove(0));
}

#[test]
fn a_header_of_the_request_replaces_the_clients() {
    let server = Server::answers([ok("")]);
    let client = builder(&server.url())
        .default_header("X-One", "default")
        .default_header("X-Two", "default-1")
        .default_header("X-Two", "default-2")
        .default_header("X-Three", "default")
        .user_agent("tester/1")
        .bearer_auth("default")
        .build()
        .expect("valid");
    client.get("/1").send().expect("a response");
    client
        .get("/2")
        .header("x-one", "own")
        .header("X-TWO", "own-1")
        .header("x-two", "own-2")
        .header("User-Agent", "own/1")
        .bearer_auth("own")
        .send()
        .expect("a response");
    client
        .get("/3")
        .bearer_auth("first")
        .bearer_auth(" last\n")
        .header("authorization-x", "")
        .send()
        .expect("a response");

    let requests = server.requests();
    let seen = |number: usize, name| requests[number].header(name).unwrap_or_default();
    let table = [
        ("x-one", "default", "own"),
        ("x-two", "default-1 | default-2", "own-1 | own-2"),
        ("x-three", "default", "default"),
        ("user-agent", "tester/1", "own/1"),
        ("authorization", "Bearer default", "Bearer own"),
    ];
    for (name, first, second) in table {
        assert_eq!(
            (seen(0, name).as_str(), seen(1, name).as_str()),
            (first, second),
            "{name}"
        );
    }
    assert_eq!(seen(2, "authorization"), "Bearer last");
}

#[test]
fn requests_name_the_library_unless_another_user_agent_is_set() {
    let agent = arrived(|client| client.get("/"))
        .header("user-agent")
        .unwrap_or_default();
    assert!(agent.starts_with("dynamic-api-rate-limiter/"), "{agent}");
}

#[test]
fn paths_join_under_the_base() {
    let server = Server::answers([ok("")]);
    let base = format!("{}/v1/", server.url());
    let client = client(&base);
    let absolute = format!("{}/v2/x?y=1", server.url());
    for path in ["/a", "a", "", "/", "a/", "?x=1", absolute.as_str()] {
        client.get(path).send().expect("a response");
    }
    assert_eq!(
        server.lines(),
        [
            "GET /v1/a",
            "GET /v1/a",
            "GET /v1",
            "GET /v1",
            "GET /v1/a/",
            "GET /v1?x=1",
            "GET /v2/x?y=1"
        ]
    );
}

#[test]
fn the_maximum_timeout_never_expires() {
    let server = Server::answers([ok("done")]);
    let longest = Duration::MAX;
    let timeouts = Timeouts::default()
        .connect(longest)
        .send(longest)
        .first_byte(longest)
        .between_bytes(longest)
        .body(longest);
    let client = builder(&server.url()).timeouts(timeouts).build();
    let client = client.expect("valid");
    for request in [
        client.get("/"),
        client.post("/").body("x").timeout(longest),
        client.get("/").deadline(longest),
    ] {
        let text = promptly(move || request.send()?.text());
        assert_eq!(text.expect("a response"), "done");
    }
}

#[test]
fn an_invalid_request_is_refused_before_anything_is_sent() {
    let server = Server::answers([ok("")]);
    let client = builder(&server.url())
        .bearer_auth(SECRET)
        .build()
        .expect("valid");
    let get = |path: &str| client.get(path);
    let other = format!(
        "http://127.0.0.1:{}/x",
        if server.port() == 1 { 2 } else { 1 }
    );
    let table = [
        ("another host", get("https://example.com/x")),
        ("another port", get(&other)),
        (
            "another scheme",
            get(&server.url().replace("http:", "https:")),
        ),
        ("another host without a scheme", get("//example.com/x")),
        ("a parent", get("/a/../../b")),
        ("a hidden parent", get("/a/%2e%2E/b")),
        ("a half hidden parent", get("/a/.%2e")),
        ("a hidden slash", get("/a%2f..%2fb")),
        ("a backslash", get("/a\\b")),
        ("a line break", get("/a\r\nX-Injected: 1")),
        ("a null", get("/a\0")),
        ("a fragment", get("/a#b")),
        (
            "userinfo",
            get(&server.url().replace("//", "//user:hunter2@")),
        ),
        (
            "userinfo without a scheme",
            get(&format!("//user:{SECRET}@127.0.0.1/x")),
        ),
        (
            "userinfo in a path that has no other fault than a null",
            get(&format!("us_er:{SECRET}@127.0.0.1/\0")),
        ),
        (
            "userinfo with an @",
            get(&server.url().replace("//", "//user:hun@hunter2@")),
        ),
        (
            "userinfo with a ?",
            get(&server.url().replace("//", "//user:hunter2?@")),
        ),
        ("a bad method", client.request("G T", "/")),
        ("no method", client.request("", "/")),
        (
            "a bad name of a header",
            get("/").header("bad name", SECRET),
        ),
        (
            "a bad header",
            get("/").header("x", format!("a\r\nX-Injected: {SECRET}")),
        ),
        ("a bad token", get("/").bearer_auth(format!("a\n{SECRET}"))),
        ("a length", get("/").header("Content-Length", "5")),
        ("a coding", get("/").header("transfer-encoding", "chunked")),
        (
            "a body that is no JSON",
            client.post("/").json(&BTreeMap::from([((1, 2), SECRET)])),
        ),
    ];
    for (name, request) in table {
        let request = request.query("key", SECRET);
        crate::hides(&format!("{request:?}"));
        let error = request.send().expect_err(name);
        no_secret(&error);
        assert!(
            matches!(error, Error::InvalidRequest { .. }),
            "{name}: {error:?}"
        );
        assert!(!error.is_transient(), "{name}");
    }
    assert_eq!(server.connections(), 0);
    assert_eq!(
        client.limiter().snapshot().granted,
        0,
        "no permit was taken"
    );
}

#[test]
fn the_first_invalid_value_is_the_one_that_is_reported() {
    let server = Server::answers([ok("")]);
    let request = client(&server.url()).get("/\0").header("bad name", "x");
    let error = request.send().expect_err("two invalid values").to_string();
    assert!(error.contains("path"), "{error}");
}

#[test]
fn invalid_settings_are_refused_when_the_client_is_built() {
    let base = "http://127.0.0.1:9";
    let table = [
        ("base_url", builder("ftp://127.0.0.1")),
        ("base_url", builder("")),
        (
            "base_url",
            builder(&format!("http://user:{SECRET}@127.0.0.1")),
        ),
        (
            "base_url",
            builder(&format!("//user:{SECRET}@127.0.0.1/v1")),
        ),
        ("base_url", builder(&format!("us_er:{SECRET}@127.0.0.1/v1"))),
        (
            "base_url",
            builder(&format!("http://127.0.0.1/?key={SECRET}")),
        ),
        (
            "base_url",
            builder(base).base_url(format!("http://user:{SECRET}@127.0.0.1")),
        ),
        ("header", builder(base).default_header("bad name", SECRET)),
        (
            "header",
            builder(base).default_header("x-key", format!("{SECRET}\n")),
        ),
        ("user_agent", builder(base).user_agent("a\nb")),
        ("bearer", builder(base).bearer_auth(format!("a\n{SECRET}"))),
        (
            "backoff_status_codes",
            builder(base).backoff_status_codes([200]),
        ),
        ("max_cooldown", builder(base).max_cooldown(crate::secs(0))),
        (
            "timeouts.connect",
            builder(base).timeouts(crate::ample().connect(crate::secs(0))),
        ),
        (
            "timeouts.first_byte",
            builder(base).timeouts(crate::ample().first_byte(crate::secs(0))),
        ),
    ];
    for (field, builder) in table {
        let error = builder.build().expect_err(field);
        let shown = error.to_string();
        assert!(matches!(error, Error::InvalidConfig { .. }), "{shown}");
        assert!(
            shown.contains(field) && shown.contains("tested"),
            "{field}: {shown}"
        );
        no_secret(&error);
    }
}

#[test]
fn settings_of_a_limiter_are_refused_beside_a_shared_one() {
    let shared = client("http://127.0.0.1:9").limiter().clone();
    let table = [
        (
            "max_cooldown",
            builder("http://127.0.0.1:9").max_cooldown(crate::secs(1)),
        ),
        (
            "clock",
            builder("http://127.0.0.1:9").clock(Arc::new(ManualClock::new())),
        ),
    ];
    for (field, builder) in table {
        let error = builder.limiter(shared.clone()).build().expect_err(field);
        assert!(error.to_string().contains(field), "{field}: {error}");
    }
}

#[test]
fn headers_of_length_and_coding_come_from_the_body() {
    for (name, value) in [("Content-Length", "5"), ("Transfer-Encoding", "chunked")] {
        let outcome = builder("http://127.0.0.1:9")
            .default_header(name, value)
            .build();
        assert!(
            matches!(outcome, Err(Error::InvalidConfig { .. })),
            "{name}"
        );
    }
}

#[test]
fn a_request_can_be_kept_and_sent_from_another_thread() {
    let server = Server::answers([ok("done")]);
    let request = {
        let client = DynamicAPIClient::builder(config(&server.url()))
            .no_proxy()
            .build();
        client.expect("valid").get("/later")
    };
    let text = std::thread::spawn(move || request.send()?.text());
    assert_eq!(text.join().expect("no panic").expect("a body"), "done");
}

#[test]
fn a_request_with_a_credential_names_no_other_host() {
    let server = Server::answers([ok(""), ok(""), ok("")]);
    let host = server.url().trim_start_matches("http://").to_owned();
    let with = |builder: crate::front::ClientBuilder, host: &str| {
        let client = builder.build().expect("valid");
        client.get("/").header("Host", host).send()
    };
    let token = || builder(&server.url()).bearer_auth(crate::SECRET);
    let source = || builder(&server.url()).bearer_auth_with(|_| Ok::<_, Error>("t".to_owned()));
    for builder in [
        token(),
        source(),
        builder(&server.url()).default_header("X-Api-Key", "k"),
    ] {
        let error = with(builder, "evil.example").expect_err("another host");
        assert!(matches!(error, Error::InvalidRequest { .. }), "{error}");
        assert!(error.to_string().contains("header host"), "{error}");
    }
    for (builder, host) in [
        (token(), host.as_str()),
        (
            token().default_header("Host", "virtual.example"),
            "virtual.example",
        ),
        (builder(&server.url()), "virtual.example"),
    ] {
        with(builder, host).expect("the host is allowed");
    }
    assert_eq!(server.requests().len(), 3);
}
