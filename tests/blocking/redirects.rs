//! Redirects: their number, their targets, and the headers and bodies that follow them.

use std::io::Write;
use std::sync::{Arc, OnceLock};

use api_ratelimiter::{Error, TransportKind};

use crate::front;
use crate::server::{After, Server, answer, ok};
use crate::{SECRET, builder, client, failure, no_secret, promptly};

fn redirect(status: u16, location: &str) -> String {
    answer(status, &format!("Location: {location}\r\n"), "moved")
}

#[test]
fn redirects_within_the_origin_are_followed_with_a_permit_each() {
    let server = Server::answers([
        redirect(301, "/a/b/c?x=1"),
        redirect(302, "../d"),
        redirect(307, "?y=2"),
        redirect(308, "e#fragment"),
        ok("there"),
    ]);
    let client = builder(&server.url())
        .bearer_auth(SECRET)
        .build()
        .expect("valid");
    let response = client.get("/start").send().expect("a response");
    assert_eq!(response.attempts(), 5);
    assert_eq!(response.text().expect("a body"), "there");
    assert_eq!(
        server.lines(),
        [
            "GET /start",
            "GET /a/b/c?x=1",
            "GET /a/d",
            "GET /a/d?y=2",
            "GET /a/e"
        ]
    );
    for request in server.requests() {
        assert_eq!(
            request.header("authorization"),
            Some(format!("Bearer {SECRET}"))
        );
    }
    let reused = front::REUSED.contains(&server.connections());
    assert!(reused, "redirects are read to their end");
    let snapshot = client.limiter().snapshot();
    assert_eq!((snapshot.granted, snapshot.succeeded), (5, 5));
}

#[test]
fn ten_redirects_are_followed_and_the_eleventh_is_an_error() {
    let path = |number: usize| redirect(302, &format!("/{number}?key={SECRET}"));
    let ten = (1..=10).map(path).chain([ok("there")]);
    let server = Server::answers(ten);
    let response = client(&server.url())
        .get("/")
        .send()
        .expect("ten redirects are followed");
    assert_eq!(response.attempts(), 11);

    let server = Server::answers([redirect(302, &format!("/loop?key={SECRET}"))]);
    let client = client(&server.url());
    let kind = failure(client.get("/loop").query("key", SECRET).send());
    assert_eq!(kind, TransportKind::TooManyRedirects);
    assert_eq!(server.requests().len(), 11);
}

#[test]
fn redirects_change_methods_as_browsers_do() {
    for (status, method, then, with_body) in [
        (301, "POST", "GET", false),
        (302, "POST", "GET", false),
        (303, "POST", "GET", false),
        (303, "PUT", "GET", false),
        (303, "HEAD", "HEAD", false),
        (301, "PUT", "PUT", true),
        (307, "POST", "POST", true),
        (308, "POST", "POST", true),
        (308, "PATCH", "PATCH", true),
    ] {
        let moved = answer(status, "Location: /to\r\n", "");
        let server = Server::answers([moved, answer(200, "", "")]);
        let mut request = client(&server.url()).request(method, "/from");
        if method != "HEAD" {
            request = request.json(&7);
        }
        request.send().expect("a response");
        let second = &server.requests()[1];
        assert_eq!(second.line, format!("{then} /to"), "{status} {method}");
        assert_eq!(second.body == b"7", with_body, "{status} {method}");
        assert_eq!(
            second.header("content-type").is_some(),
            with_body,
            "{status} {method}"
        );
        let length = with_body.then(|| "1".to_owned());
        assert_eq!(second.header("content-length"), length, "{status} {method}");
        assert_eq!(
            second.header("transfer-encoding"),
            None,
            "{status} {method}"
        );
    }
}

#[test]
fn another_origin_receives_only_four_headers() {
    let foreign = Server::answers([ok("foreign")]);
    for host in ["127.0.0.1", "localhost"] {
        let home = Server::answers([redirect(
            302,
            &format!("http://{host}:{}/file?signature=abc", foreign.port()),
        )]);
        let client = builder(&home.url())
            .bearer_auth(SECRET)
            .default_header("Notion-Version", SECRET)
            .default_header("X-Api-Key", SECRET)
            .user_agent("tester/1")
            .build()
            .expect("valid");
        let response = client
            .get("/file")
            .query("key", SECRET)
            .header("Accept", "text/plain")
            .header("Range", "bytes=0-9")
            .header("Cookie", SECRET)
            .header("X-Own", SECRET)
            .header("Referer", SECRET)
            .header("Proxy-Authorization", SECRET)
            .send()
            .expect("a response");
        assert_eq!(response.attempts(), 2);
        assert_eq!(response.text().expect("a body"), "foreign");

        let request = foreign.requests().pop().expect("it came");
        assert_eq!(request.line, "GET /file?signature=abc");
        let mut names = request.names();
        // Headers of the transport, without which there is no request.
        names.retain(|name| !["host", "accept-encoding", "connection"].contains(name));
        assert_eq!(names, ["accept", "range", "user-agent"], "{host}");
        assert_eq!(request.header("accept").as_deref(), Some("text/plain"));
        assert_eq!(request.header("range").as_deref(), Some("bytes=0-9"));
        assert_eq!(request.header("user-agent").as_deref(), Some("tester/1"));
        let expected = format!("{host}:{}", foreign.port());
        assert_eq!(request.header("host"), Some(expected));
        assert!(!format!("{request:?}").contains(SECRET), "{request:?}");

        let snapshot = client.limiter().snapshot();
        assert_eq!(
            (snapshot.granted, snapshot.succeeded),
            (1, 1),
            "no permit, no feedback"
        );
    }
}

#[test]
fn the_same_port_under_another_name_is_another_origin() {
    let server = Server::of(|number, request, stream| {
        let host = request.header("host").unwrap_or_default();
        let bytes = if number == 0 {
            redirect(
                302,
                &format!("http://{}/x", host.replace("127.0.0.1", "localhost")),
            )
        } else {
            ok("there")
        };
        stream.write_all(bytes.as_bytes())?;
        Ok(After::Keep)
    });
    let client = builder(&server.url())
        .bearer_auth(SECRET)
        .build()
        .expect("valid");
    client.get("/").send().expect("a response");
    let requests = server.requests();
    assert!(requests[0].header("authorization").is_some());
    assert_eq!(requests[1].header("authorization"), None);
    assert_eq!(client.limiter().snapshot().granted, 1);
}

#[test]
fn headers_removed_for_another_origin_stay_removed_at_home() {
    // Home → other origin → home: a redirect by the other host must not carry a token back.
    let home_port = Arc::new(OnceLock::<u16>::new());
    let port = Arc::clone(&home_port);
    let abroad = Server::of(move |_, _, stream| {
        let port = port.get().expect("it is set");
        stream
            .write_all(redirect(302, &format!("http://127.0.0.1:{port}/delete-all")).as_bytes())?;
        Ok(After::Keep)
    });
    let home = Server::answers([redirect(302, &format!("{}/x", abroad.url())), ok("back")]);
    home_port.set(home.port()).expect("it is set once");
    let client = builder(&home.url())
        .bearer_auth_with(|_| Ok::<_, Error>(SECRET.to_owned()))
        .default_header("X-Api-Key", SECRET)
        .build()
        .expect("valid");
    let response = client.get("/start").send().expect("a response");
    assert_eq!(response.attempts(), 3);
    assert!(home.requests()[0].header("authorization").is_some());
    assert!(!format!("{:?}", abroad.requests()).contains(SECRET));
    assert!(!format!("{:?}", home.requests()[1]).contains(SECRET));
    assert_eq!(
        client.limiter().snapshot().granted,
        2,
        "requests to the home origin take permits, others none"
    );
}

#[test]
fn a_body_goes_to_another_origin_only_if_the_caller_allows_it() {
    for (status, idempotent, followed) in [
        (307, None, false),
        (308, None, false),
        (307, Some(false), false),
        (307, Some(true), true),
        (308, Some(true), true),
    ] {
        let foreign = Server::answers([ok("foreign")]);
        let home = Server::answers([redirect(status, &foreign.url())]);
        let mut request = client(&home.url()).post("/x").json(SECRET);
        if let Some(idempotent) = idempotent {
            request = request.idempotent(idempotent);
        }
        let response = request.send().expect("a response");
        if followed {
            let request = foreign.requests().pop().expect("it came");
            assert_eq!(request.line, "POST /");
            assert_eq!(request.body, format!("{SECRET:?}").into_bytes());
            assert_eq!(
                request.header("content-type").as_deref(),
                Some("application/json")
            );
        } else {
            assert_eq!(
                response.status().as_u16(),
                status,
                "the redirect is delivered"
            );
            assert_eq!(foreign.connections(), 0);
        }
    }
}

#[test]
fn a_body_does_not_go_to_another_origin_where_the_method_changes() {
    for status in [301, 302, 303] {
        let foreign = Server::answers([ok("foreign")]);
        let home = Server::answers([redirect(status, &foreign.url())]);
        let request = client(&home.url()).post("/x").idempotent(true).json(SECRET);
        request.send().expect("a response");
        let request = foreign.requests().pop().expect("it came");
        assert_eq!(request.line, "GET /");
        assert!(!format!("{request:?}").contains("content-"), "{request:?}");
        assert_eq!(request.body, b"");
    }
}

#[test]
fn a_redirect_that_drops_the_body_sends_none_to_another_origin() {
    for (status, leads_there) in [(301, true), (302, true), (301, false), (302, false)] {
        let foreign = Server::answers([ok("foreign")]);
        let home = Server::of({
            let there = if leads_there {
                foreign.url()
            } else {
                String::new()
            };
            move |number, _, stream| {
                let bytes = match number {
                    0 => redirect(status, &format!("{there}/y")),
                    _ => ok("home"),
                };
                stream.write_all(bytes.as_bytes())?;
                Ok(After::Keep)
            }
        });
        let request = client(&home.url()).put("/x").idempotent(true).json(SECRET);
        let response = request.send().expect("a response");
        assert_eq!(foreign.connections(), 0);
        if leads_there {
            let given = response.status().as_u16();
            assert_eq!(given, status, "the redirect is delivered");
        } else {
            assert_eq!(
                home.lines(),
                ["PUT /x", "PUT /y"],
                "within the origin it is followed"
            );
        }
    }
}

#[test]
fn a_refusal_of_another_origin_is_delivered_and_does_not_slow_this_one() {
    let foreign = Server::answers([answer(429, "Retry-After: 3600\r\n", "theirs")]);
    let home = Server::answers([redirect(302, &foreign.url())]);
    let client = client(&home.url());
    let response = client.get("/").send().expect("a response");
    assert_eq!((response.status().as_u16(), response.attempts()), (429, 2));
    let snapshot = client.limiter().snapshot();
    assert_eq!((snapshot.backed_off, snapshot.cooldown_until), (0, None));
}

#[test]
fn only_http_is_followed() {
    for location in [
        "ftp://127.0.0.1/hunter2",
        "file:///etc/hunter2",
        "gopher://127.0.0.1:70/hunter2",
        "javascript://hunter2",
        "javascript:hunter2",
        "mailto:hunter2@example.com",
        "data:text/html,hunter2",
        "http:hunter2",
        "http:///hunter2",
        "http://",
        "http://user:hunter2@127.0.0.1/",
        "//user:hunter2@127.0.0.1/",
        "http://[::1/hunter2",
        "http://127.0.0.1:99999/hunter2",
        "http://127.0.0.1:http/hunter2",
        "http://a b/hunter2",
        "\\\\hunter2\\share",
        "/\\hunter2",
        "http:\\\\hunter2",
    ] {
        let server = Server::answers([redirect(302, location), ok("followed")]);
        let request = client(&server.url()).get("/").query("key", SECRET);
        let kind = failure(promptly(move || request.send()));
        assert_eq!(kind, TransportKind::RedirectRefused, "{location}");
        assert_eq!(server.requests().len(), 1, "{location}");
    }
}

#[test]
fn a_redirect_without_an_address_is_delivered() {
    for (status, headers) in [
        (302, ""),
        (300, "Location: /x\r\n"),
        (304, "Location: /x\r\n"),
        (305, "Location: /x\r\n"),
        (200, "Location: /x\r\n"),
        (201, "Location: /x\r\n"),
    ] {
        let server = Server::answers([answer(status, headers, "")]);
        let response = client(&server.url()).get("/").send().expect("a response");
        assert_eq!(
            (response.status().as_u16(), response.attempts()),
            (status, 1)
        );
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn an_address_that_is_not_text_is_refused() {
    let bytes = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: /\xff\xfe\r\n\r\n";
    let server = Server::answers([bytes.to_vec()]);
    let kind = failure(client(&server.url()).get("/").send());
    assert_eq!(kind, TransportKind::RedirectRefused);
}

#[test]
fn an_address_of_a_megabyte_ends_in_an_error() {
    let server = Server::answers([redirect(302, &format!("/{}", SECRET.repeat(150_000)))]);
    let kind = failure(client(&server.url()).get("/").send());
    assert_eq!(kind, TransportKind::Protocol);
    // An address that just fits into a head does not grow when it is followed.
    let server = Server::answers([
        redirect(302, &format!("/{}", "x".repeat(60_000))),
        ok("there"),
    ]);
    let outcome = client(&server.url()).get("/").send();
    assert!(outcome.is_ok(), "{outcome:?}");
}

#[test]
fn a_token_in_a_redirects_query_is_not_shown() {
    let foreign = Server::answers([answer(403, "", SECRET)]);
    let home = Server::answers([redirect(302, &format!("{}/f?sig={SECRET}", foreign.url()))]);
    let response = client(&home.url()).get("/").send().expect("a response");
    crate::hides(&format!("{response:?}"));
    let error = response.error_for_status().expect_err("403");
    no_secret(&error);
    assert!(error.to_string().contains("/f"), "{error}");
}
