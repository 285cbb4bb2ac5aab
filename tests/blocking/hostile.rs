//! Hostile and broken servers: each causes a clear error within the timeouts.

use std::io::Write;
use std::net::TcpListener;

use api_ratelimiter::{TimeoutPhase, TransportKind};
use api_ratelimiter_simulator::{Fault, SimulatedApi};

use crate::front;
use crate::server::{After, Server, answer, flood, ok, silence};
use crate::{SECRET, ample, builder, client, failure, hides, ms, promptly, secs, whole_body};

#[test]
fn invalid_http_is_an_error_of_the_protocol() {
    let many: String = (0..10_000)
        .map(|number| format!("x-{number}: {SECRET}\r\n"))
        .collect();
    let table: Vec<(&str, String)> = vec![
        ("garbage", format!("\u{0}\u{1}\u{7f}{SECRET}\r\n\r\n")),
        ("HTTP/0.9", format!("<html>{SECRET}</html>\r\n")),
        ("another protocol", format!("SSH-2.0-{SECRET}\r\n\r\n")),
        ("no status", "HTTP/1.1 abc OK\r\n\r\n".into()),
        ("a short status", "HTTP/1.1 20 OK\r\n\r\n".into()),
        ("a long status", "HTTP/1.1 2000 OK\r\n\r\n".into()),
        ("another version", "HTTP/7.3 200 OK\r\n\r\n".into()),
        ("no colon", format!("HTTP/1.1 200 OK\r\n{SECRET}\r\n\r\n")),
        (
            "a bad name",
            format!("HTTP/1.1 200 OK\r\n{SECRET} x: 1\r\n\r\n"),
        ),
        (
            "a bad value",
            format!("HTTP/1.1 200 OK\r\nx: {SECRET}\u{0}\r\n\r\n"),
        ),
        ("10,000 headers", format!("HTTP/1.1 200 OK\r\n{many}\r\n")),
        (
            "a header of 1 MB",
            format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", SECRET.repeat(150_000)),
        ),
        (
            "a reason of 1 MB",
            format!("HTTP/1.1 200 {}\r\n\r\n", SECRET.repeat(150_000)),
        ),
        (
            "a negative length",
            format!("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{SECRET}"),
        ),
        (
            "a length of 2^64",
            format!("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n{SECRET}"),
        ),
        (
            "a length in words",
            format!("HTTP/1.1 200 OK\r\nContent-Length: {SECRET}\r\n\r\n{SECRET}"),
        ),
        (
            "two lengths",
            format!("HTTP/1.1 200 OK\r\nContent-Length: 7\r\nContent-Length: 3\r\n\r\n{SECRET}"),
        ),
    ];
    for (name, bytes) in table {
        let server = Server::answers_and_closes([bytes]);
        let kind = failure(whole_body(&client(&server.url())));
        assert_eq!(kind, TransportKind::Protocol, "{name}");
        assert_eq!(server.requests().len(), 1, "{name}: sent once");
    }
}

#[test]
fn an_endless_line_is_an_error_of_the_protocol() {
    for begin in ["HTTP/1.1 200 OK\r\nx: ", "HTTP/1.1 200 ", "x"] {
        let server = Server::of(move |_, _, stream| {
            stream.write_all(begin.as_bytes())?;
            flood(stream, &[b'x'; 4096], ms(0));
            Ok(After::Close)
        });
        let kind = failure(whole_body(&client(&server.url())));
        assert_eq!(kind, TransportKind::Protocol, "{begin:?}");
    }
}

#[test]
fn endless_headers_are_an_error_of_the_protocol() {
    let server = Server::of(|_, _, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        flood(stream, b"x: y\r\n", ms(0));
        Ok(After::Close)
    });
    let kind = failure(whole_body(&client(&server.url())));
    assert_eq!(kind, TransportKind::Protocol);
}

#[test]
fn a_truncated_head_is_a_closed_connection() {
    for half in [
        "",
        "HT",
        "HTTP/1.1 200 OK",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n",
    ] {
        let server = Server::answers_and_closes([half]);
        let kind = failure(whole_body(&client(&server.url())));
        assert_eq!(kind, TransportKind::Closed, "{half:?}");
        assert_eq!(server.requests().len(), 2, "{half:?}: sent once more");
    }
}

#[test]
fn a_truncated_body_is_a_closed_connection() {
    for half in [
        format!("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{SECRET}"),
        format!("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551612\r\n\r\n{SECRET}"),
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n{SECRET}\r\n"),
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{SECRET}"),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7".into(),
    ] {
        let server = Server::answers_and_closes([half.as_str()]);
        let kind = failure(whole_body(&client(&server.url())));
        assert_eq!(kind, TransportKind::Closed, "{half:?}");
        assert_eq!(
            server.requests().len(),
            1,
            "a response that has begun is delivered"
        );
    }
}

#[test]
fn the_maximum_length_ends_in_an_error() {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", u64::MAX);
    let server = Server::answers_and_closes([head + SECRET]);
    let kind = failure(whole_body(&client(&server.url())));
    assert_eq!(kind, front::LONGEST_LENGTH);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn invalid_chunks_are_an_error_of_the_protocol() {
    for chunks in [
        format!("zz\r\n{SECRET}\r\n0\r\n\r\n"),
        format!("-7\r\n{SECRET}\r\n0\r\n\r\n"),
        format!("FFFFFFFFFFFFFFFFF\r\n{SECRET}\r\n0\r\n\r\n"),
        format!("3\r\n{SECRET}\r\n0\r\n\r\n"),
        format!("{SECRET}\r\n\r\n"),
        "\r\n\r\n\r\n".into(),
    ] {
        let server = Server::answers_and_closes([format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"
        )]);
        let kind = failure(whole_body(&client(&server.url())));
        assert_eq!(kind, TransportKind::Protocol, "{chunks:?}");
    }
}

#[test]
fn a_connection_closed_right_after_it_was_accepted_is_retried_once() {
    let server = Server::raw(|_, stream| drop(stream));
    let kind = failure(whole_body(&client(&server.url())));
    assert_eq!(kind, TransportKind::Closed);
    assert_eq!(server.connections(), 2);
}

#[test]
fn a_reset_instead_of_a_response_is_retried_once() {
    let fault = Fault::cut_before_response(1.0).expect("valid").by_reset();
    let api = SimulatedApi::builder()
        .fault(fault)
        .start()
        .expect("it starts");
    let kind = failure(whole_body(&client(&api.base_url())));
    assert_eq!(kind, TransportKind::Closed);
    assert_eq!(api.stats().accepted, 2);
}

#[test]
fn a_reset_in_the_middle_of_a_body_is_a_closed_connection() {
    let fault = Fault::cut_in_body(1.0).expect("valid").by_reset();
    let api = SimulatedApi::builder()
        .fault(fault)
        .start()
        .expect("it starts");
    let kind = failure(whole_body(&client(&api.base_url())));
    assert_eq!(kind, TransportKind::Closed);
}

#[test]
fn a_port_without_a_server_is_a_connection_that_could_not_be_made() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        listener.local_addr().expect("it has an address").port()
    };
    let client = client(&format!("http://127.0.0.1:{port}"));
    assert_eq!(failure(whole_body(&client)), TransportKind::Connect);
    assert_eq!(client.limiter().snapshot().granted, 1);
}

#[test]
fn a_name_that_does_not_resolve_is_an_error_of_resolution() {
    // A name of 300 characters is invalid, so no resolver contacts a server.
    let client = client(&format!("http://{}.invalid", "x".repeat(300)));
    let kind = failure(whole_body(&client));
    assert_eq!(kind, TransportKind::Resolve);
}

#[test]
fn silence_before_the_response_ends_by_the_timeout_of_the_first_byte() {
    let server = Server::of(|_, _, stream| silence(stream));
    let client = builder(&server.url())
        .timeouts(ample().first_byte(ms(150)))
        .build()
        .expect("valid");
    let kind = failure(whole_body(&client));
    assert_eq!(kind, TransportKind::Timeout(TimeoutPhase::FirstByte));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn silence_in_the_middle_of_the_head_ends_by_a_timeout() {
    let server = Server::of(|_, _, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nx: ")?;
        silence(stream)
    });
    let client = builder(&server.url())
        .timeouts(ample().between_bytes(ms(150)).first_byte(secs(1)))
        .build()
        .expect("valid");
    let kind = failure(whole_body(&client));
    assert_eq!(kind, TransportKind::Timeout(front::SILENT_HEAD));
}

#[test]
fn silence_in_the_middle_of_the_body_ends_by_the_timeout_between_bytes() {
    let server = Server::of(|_, _, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhunter2")?;
        silence(stream)
    });
    let client = builder(&server.url())
        .timeouts(ample().between_bytes(ms(150)))
        .build()
        .expect("valid");
    let kind = failure(whole_body(&client));
    assert_eq!(kind, TransportKind::Timeout(TimeoutPhase::BetweenBytes));
}

#[test]
fn a_head_that_drips_ends_by_the_timeout_of_the_first_byte() {
    let server = Server::of(|_, _, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nx: ")?;
        flood(stream, b"x", ms(10));
        Ok(After::Close)
    });
    let client = builder(&server.url())
        .timeouts(ample().first_byte(ms(300)))
        .build()
        .expect("valid");
    let kind = failure(whole_body(&client));
    assert_eq!(kind, TransportKind::Timeout(TimeoutPhase::FirstByte));
}

/// Starts a server whose bodies never end, one byte at a time.
fn dripping(head: &'static str, drip: &'static [u8]) -> Server {
    Server::of(move |_, _, stream| {
        stream.write_all(head.as_bytes())?;
        flood(stream, drip, ms(10));
        Ok(After::Close)
    })
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

#[test]
fn a_body_that_drips_ends_by_the_timeout_of_the_body() {
    let long = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n";
    for (head, drip) in [(long, &b"x"[..]), (CHUNKED, b"1\r\nx\r\n")] {
        let server = dripping(head, drip);
        let client = builder(&server.url())
            .timeouts(ample().body(ms(300)))
            .build()
            .expect("valid");
        let kind = failure(whole_body(&client));
        assert_eq!(kind, TransportKind::Timeout(TimeoutPhase::Body), "{head:?}");
    }
}

#[test]
fn the_size_of_a_chunk_that_drips_ends_by_the_timeout_of_the_body() {
    let server = dripping(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7;extension=",
        b"x",
    );
    let client = builder(&server.url())
        .timeouts(ample().body(ms(300)))
        .build()
        .expect("valid");
    let kind = failure(whole_body(&client));
    assert_eq!(kind, TransportKind::Timeout(TimeoutPhase::Body));
}

#[test]
fn trailers_that_drip_end_by_the_timeout_of_the_body() {
    let server = dripping(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nx: ",
        b"x",
    );
    let client = builder(&server.url())
        .timeouts(ample().body(ms(300)))
        .build()
        .expect("valid");
    let outcome = whole_body(&client);
    // A transport that ignores trailers may deliver the body, which is complete.
    if let Ok(body) = &outcome {
        assert_eq!(body, "x");
    } else {
        let kind = failure(outcome);
        assert!(
            matches!(
                kind,
                TransportKind::Timeout(TimeoutPhase::Body) | TransportKind::Protocol
            ),
            "{kind:?}"
        );
    }
}

#[test]
fn a_first_byte_may_take_longer_than_the_timeout_between_two_bytes() {
    let server = Server::of(|_, _, stream| {
        std::thread::sleep(ms(500));
        stream.write_all(ok("it was worth it").as_bytes())?;
        Ok(After::Keep)
    });
    let client = builder(&server.url())
        .timeouts(ample().between_bytes(ms(150)))
        .build()
        .expect("valid");
    assert_eq!(whole_body(&client).expect("a response"), "it was worth it");
    // Send another request on the same connection.
    assert_eq!(whole_body(&client).expect("a response"), "it was worth it");
    assert!(front::REUSED.contains(&server.connections()));
}

#[test]
fn a_flood_of_informational_responses_ends_within_the_timeout_of_the_first_byte() {
    for (informational, pause) in [
        ("HTTP/1.1 100 Continue\r\n\r\n", front::FLOOD),
        ("HTTP/1.1 100 Continue\r\n\r\n", ms(10)),
        ("HTTP/1.1 102 Processing\r\n\r\n", front::FLOOD),
        ("HTTP/1.1 102 Processing\r\n\r\n", ms(10)),
        (
            "HTTP/1.1 103 Early Hints\r\nLink: </hunter2>\r\n\r\n",
            ms(10),
        ),
    ] {
        let server = Server::of(move |_, _, stream| {
            flood(stream, informational.as_bytes(), pause);
            Ok(After::Close)
        });
        let client = builder(&server.url())
            .timeouts(ample().first_byte(ms(300)))
            .build()
            .expect("valid");
        let kind = failure(whole_body(&client));
        assert!(
            matches!(
                kind,
                TransportKind::Timeout(TimeoutPhase::FirstByte) | TransportKind::Protocol
            ),
            "{informational:?}: {kind:?}"
        );
    }
}

#[test]
fn informational_responses_before_the_final_one_are_skipped() {
    for informational in [
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 102 Processing\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n",
    ] {
        let server = Server::answers([format!("{informational}{}", ok("real"))]);
        let text = whole_body(&client(&server.url()));
        assert_eq!(text.expect("a response"), "real", "{informational:?}");
    }
}

#[test]
fn an_unrequested_switch_of_protocols_ends_in_an_error() {
    let server = Server::of(|_, _, stream| {
        stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: hunter2\r\n\r\n")?;
        silence(stream)
    });
    let client = builder(&server.url())
        .timeouts(ample().first_byte(ms(300)).between_bytes(ms(300)))
        .build()
        .expect("valid");
    // A status below 200 is not a final response.
    failure(whole_body(&client));
}

#[test]
fn forbidden_bodies_do_not_reach_the_next_response() {
    for (method, status) in [("GET", 204), ("GET", 304), ("HEAD", 200)] {
        let smuggled = ok("smuggled");
        let server = Server::answers([
            format!("{}{smuggled}", answer(status, "", "forbidden body")),
            ok("real"),
        ]);
        let client = client(&server.url());
        let first = client.request(method, "/1").send().expect("a response");
        assert_eq!(first.status(), status);
        assert_eq!(first.text().expect("no body"), "", "{method} {status}");
        assert_eq!(
            whole_body(&client).expect("a response"),
            "real",
            "{method} {status}"
        );
        assert_eq!(server.connections(), 2, "{method} {status}: no more trust");
    }
}

#[test]
fn an_unrequested_response_is_not_taken_for_the_next_one() {
    let server = Server::answers([format!("{}{}", ok("first"), ok("smuggled")), ok("second")]);
    let client = client(&server.url());
    assert_eq!(whole_body(&client).expect("a response"), "first");
    assert_eq!(whole_body(&client).expect("a response"), "second");
    assert_eq!(server.connections(), 2);
}

#[test]
fn lengths_together_with_chunks_do_not_reach_the_next_response() {
    let server = Server::answers([
        format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n\
             3\r\nabc\r\n0\r\n\r\n{}",
            ok("smuggled")
        ),
        ok("second"),
    ]);
    let client = client(&server.url());
    if let Ok(body) = whole_body(&client) {
        assert_eq!(body, "abc", "chunks count (RFC 9112, section 6.3)");
    }
    assert_eq!(whole_body(&client).expect("a response"), "second");
}

#[test]
fn a_request_that_the_server_does_not_read_ends_by_the_timeout_of_sending() {
    let server = Server::raw(|_, stream| {
        std::thread::sleep(secs(4));
        drop(stream);
    });
    let client = builder(&server.url())
        .timeouts(ample().send(ms(200)))
        .build()
        .expect("valid");
    let request = client.post("/path").body(vec![b'x'; 64 << 20]);
    let kind = failure(promptly(move || request.send()));
    assert_eq!(kind, TransportKind::Timeout(TimeoutPhase::Send));
}

#[test]
fn a_refusal_before_the_request_was_read_is_a_response_or_a_closed_connection() {
    let server = Server::raw(|_, mut stream| {
        // Closing with unread input resets the connection.
        drop(stream.write_all(answer(413, "", SECRET).as_bytes()));
    });
    let client = client(&server.url());
    let request = client.post("/path").body(vec![b'x'; 16 << 20]);
    match promptly(move || request.send()) {
        Ok(response) => assert_eq!(response.status(), 413),
        outcome => assert_eq!(failure(outcome), TransportKind::Closed),
    }
}

#[test]
#[cfg(feature = "rustls")]
fn a_server_without_tls_is_an_error_of_tls() {
    let server = Server::raw(|_, mut stream| {
        drop(stream.write_all(answer(400, "", SECRET).as_bytes()));
        drop(silence(&mut stream));
    });
    let client = client(&server.url().replace("http:", "https:"));
    let kind = failure(whole_body(&client));
    assert_eq!(kind, TransportKind::Tls);
}

#[test]
#[cfg(feature = "rustls")]
fn silence_instead_of_a_tls_handshake_ends_by_a_timeout() {
    let server = Server::raw(|_, mut stream| drop(silence(&mut stream)));
    let client = builder(&server.url().replace("http:", "https:"))
        .timeouts(ample().connect(ms(300)))
        .build()
        .expect("valid");
    let kind = failure(whole_body(&client));
    assert_eq!(kind, TransportKind::Timeout(TimeoutPhase::Connect));
}

#[test]
fn the_reason_phrase_of_a_server_is_not_shown() {
    let server = Server::answers([format!(
        "HTTP/1.1 500 {SECRET}\r\nSet-Cookie: {SECRET}\r\nContent-Length: 7\r\n\r\n{SECRET}"
    )]);
    let error = promptly({
        let request = client(&server.url()).get("/");
        move || request.send()?.error_for_status()
    })
    .expect_err("it is an error");
    crate::no_secret(&error);
    hides(&format!("{:?}", error.reply()));
}
