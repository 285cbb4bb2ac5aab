//! Connections that are used again, and connections that are closed.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::front;
use crate::server::{After, Server, answer, flood, ok, silence};
use crate::{ample, builder, client, ms, promptly};

/// Maximum number of bytes of a refusal that are read.
const DRAINED: usize = 64 * 1024;

fn refusal_of(bytes: usize) -> String {
    answer(429, "", &"x".repeat(bytes))
}

#[test]
fn refusals_of_up_to_64_kib_are_read_so_that_the_connection_is_used_again() {
    let sizes = [0, 1, 1000, 16 * 1024, 16 * 1024 + 1, DRAINED - 1, DRAINED];
    let server = Server::answers(sizes.map(refusal_of).into_iter().chain([ok("done")]));
    let response = client(&server.url()).get("/").send().expect("a response");
    assert_eq!(response.attempts(), 8);
    assert!(front::REUSED.contains(&server.connections()));
}

#[test]
fn refusals_in_chunks_are_read_to_their_end() {
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    let chunked = format!(
        "HTTP/1.1 429 Slow\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
        chunk.repeat(16)
    );
    let refusals = [chunked.clone(), chunked.clone(), chunked];
    let server = Server::answers(refusals.into_iter().chain([ok("done")]));
    let response = client(&server.url()).get("/").send().expect("a response");
    assert_eq!(response.attempts(), 4);
    assert!(front::REUSED.contains(&server.connections()));
}

#[test]
fn longer_refusals_are_not_read_and_their_connection_is_closed() {
    let server = Server::of(|number, _, stream| {
        if number == 0 {
            stream.write_all(b"HTTP/1.1 429 Slow\r\nContent-Length: 1000000000\r\n\r\n")?;
            let written = flood(stream, &[b'x'; 65_536], ms(0));
            assert!(written < 1000, "{written} times 64 KiB were read");
            return Ok(After::Close);
        }
        stream.write_all(ok("done").as_bytes())?;
        Ok(After::Keep)
    });
    let request = client(&server.url()).get("/");
    let response = promptly(move || request.send()).expect("a response");
    assert_eq!(response.attempts(), 2);
    assert_eq!(server.connections(), 2);
}

/// Refuses the first request with `head` and a body that drips for ever. Returns the number of writes until
/// the second request arrived, and the number of connections.
fn after_a_drip(head: &'static str, drip: &'static [u8]) -> (usize, usize) {
    let drips = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&drips);
    let server = Server::of(move |number, _, stream| {
        if number == 0 {
            stream.write_all(head.as_bytes())?;
            while stream.write_all(drip).is_ok() {
                if counted.fetch_add(1, Ordering::SeqCst) > 2000 {
                    break;
                }
                thread::sleep(ms(10));
            }
            return Ok(After::Close);
        }
        stream.write_all(ok("done").as_bytes())?;
        Ok(After::Keep)
    });
    let request = client(&server.url()).get("/");
    let response = promptly(move || request.send()).expect("a response");
    assert_eq!(response.attempts(), 2);
    (drips.load(Ordering::SeqCst), server.connections())
}

#[test]
fn a_refusal_that_drips_is_abandoned_after_a_second() {
    let head = "HTTP/1.1 429 Slow\r\nContent-Length: 60000\r\n\r\n";
    let (drips, connections) = after_a_drip(head, b"x");
    assert!((2..600).contains(&drips), "{drips}");
    assert_eq!(connections, 2);
}

#[test]
fn a_refusal_whose_chunks_never_begin_is_abandoned_after_a_second() {
    let head = "HTTP/1.1 429 Slow\r\nTransfer-Encoding: chunked\r\n\r\n7;extension=";
    let (drips, connections) = after_a_drip(head, b"x");
    assert!((2..600).contains(&drips), "{drips}");
    assert_eq!(connections, 2);
}

#[test]
fn a_silent_refusal_is_abandoned_after_the_timeout_between_bytes() {
    let server = Server::of(|number, _, stream| {
        if number == 0 {
            stream.write_all(b"HTTP/1.1 429 Slow\r\nContent-Length: 10\r\n\r\nhalf")?;
            return silence(stream);
        }
        stream.write_all(ok("done").as_bytes())?;
        Ok(After::Keep)
    });
    let client = builder(&server.url())
        .timeouts(ample().between_bytes(ms(100)))
        .build()
        .expect("valid");
    let request = client.get("/");
    let response = promptly(move || request.send()).expect("a response");
    assert_eq!(response.attempts(), 2);
    assert_eq!(server.connections(), 2);
}

#[test]
fn a_refusal_with_a_truncated_body_is_a_refusal() {
    let half = "HTTP/1.1 429 Slow\r\nContent-Length: 10\r\n\r\nhalf";
    let server = Server::answers_and_closes([half.to_owned(), ok("done")]);
    let client = client(&server.url());
    assert_eq!(client.post("/").send().expect("a response").attempts(), 2);
    assert_eq!(client.limiter().snapshot().backed_off, 1);
}

#[test]
fn a_body_that_was_read_returns_its_connection() {
    let server = Server::answers([ok("done")]);
    let client = client(&server.url());
    for _ in 0..3 {
        let send = || client.get("/").send().expect("a response");
        assert_eq!(send().text().expect("a body"), "done");
        assert_eq!(send().bytes().expect("a body"), b"done");
        assert!(send().json::<u32>().is_err());
        let mut text = String::new();
        send()
            .into_reader()
            .read_to_string(&mut text)
            .expect("a body");
        assert_eq!(text, "done");
    }
    assert_eq!(server.requests().len(), 12);
    assert!(front::REUSED.contains(&server.connections()));
}

#[test]
fn a_status_error_returns_its_connection() {
    let server = Server::answers([answer(404, "", "none")]);
    let client = client(&server.url());
    for _ in 0..3 {
        let response = client.get("/").send().expect("a response");
        response.error_for_status().expect_err("404");
    }
    assert!(front::REUSED.contains(&server.connections()));
}

#[test]
fn responses_without_a_body_return_their_connection() {
    let server = Server::answers([
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    ]);
    let client = client(&server.url());
    for method in ["GET", "GET", "HEAD", "GET", "GET"] {
        let response = client.request(method, "/").send().expect("a response");
        assert_eq!(response.bytes().expect("none"), b"");
    }
    assert!(front::REUSED.contains(&server.connections()));
}

#[test]
fn a_response_that_is_dropped_unread_closes_its_connection() {
    let server = Server::answers([ok("unread")]);
    let client = client(&server.url());
    drop(client.get("/").send().expect("a response"));
    front::settle();
    drop(client.get("/").send().expect("a response"));
    assert_eq!(server.connections(), front::AFTER_A_SHORT_ONE);

    let server = Server::answers([ok(&"unread".repeat(1_000_000))]);
    let client = crate::client(&server.url());
    drop(client.get("/").send().expect("a response"));
    front::settle();
    drop(client.get("/").send().expect("a response"));
    assert_eq!(server.connections(), 2);
}

#[test]
fn a_connection_that_the_server_announces_to_close_is_not_used_again() {
    let server = Server::answers([answer(200, "Connection: close\r\n", "done")]);
    let client = client(&server.url());
    for _ in 0..3 {
        let response = client.post("/").send().expect("a response");
        assert_eq!(response.text().expect("a body"), "done");
    }
    assert_eq!(server.connections(), 3);
}

#[test]
fn clones_share_connections() {
    let server = Server::answers([ok("done")]);
    let client = client(&server.url());
    for _ in 0..3 {
        let clone = client.clone();
        thread::spawn(move || clone.get("/").send()?.text())
            .join()
            .expect("no panic")
            .expect("a body");
    }
    assert!(front::REUSED.contains(&server.connections()));
}

#[cfg(feature = "rustls")]
#[test]
fn a_connection_that_is_cut_in_the_tls_handshake_sent_nothing() {
    let server = Server::raw(|_, mut stream| {
        // The client speaks first.
        let _ = stream.read(&mut [0; 4096]);
    });
    let client = client(&format!("https://localhost:{}", server.port()));
    let outcome = client.post("/").body(*b"x").send();
    assert_eq!(
        crate::failure(outcome),
        api_ratelimiter::TransportKind::Connect
    );
}
