//! Reading bodies: whole, as a stream, as part of an error, and too long.

use std::io::{Read, Write};

use api_ratelimiter::Error;
use serde::Deserialize;

use crate::server::{After, Server, answer, flood, ok, silence};
use crate::{SECRET, ample, builder, client, hides, ms, no_secret, promptly, whole_body};

#[test]
fn a_body_of_exactly_max_body_is_read_and_one_byte_more_is_an_error() {
    for (length, fits) in [(0, true), (1000, true), (1001, false), (1_000_000, false)] {
        let server = Server::answers([ok(&"x".repeat(length))]);
        let client = builder(&server.url())
            .max_body(1000)
            .build()
            .expect("valid");
        let outcome = whole_body(&client);
        if fits {
            assert_eq!(outcome.expect("it fits").len(), length);
        } else {
            let error = outcome.expect_err("too long");
            assert!(
                matches!(error, Error::BodyTooLarge { limit: 1000, .. }),
                "{error:?}"
            );
            no_secret(&error);
            assert!(!error.is_transient());
        }
    }
}

#[test]
fn a_body_of_a_gigabyte_is_read_up_to_max_body() {
    const GIGABYTE: usize = 1 << 30;
    let chunk = SECRET.repeat(10_000);
    let chunked = format!("{:x}\r\n{chunk}\r\n", chunk.len());
    for (head, part) in [
        (format!("Content-Length: {GIGABYTE}\r\n"), chunk),
        ("Transfer-Encoding: chunked\r\n".into(), chunked),
        ("Connection: close\r\n".into(), SECRET.repeat(10_000)),
    ] {
        let server = Server::of(move |_, _, stream| {
            stream.write_all(format!("HTTP/1.1 200 OK\r\n{head}\r\n").as_bytes())?;
            let most = GIGABYTE / part.len();
            for _ in 0..most {
                stream.write_all(part.as_bytes())?;
            }
            panic!("all of it was read");
        });
        let client = builder(&server.url())
            .max_body(1 << 20)
            .build()
            .expect("valid");
        let error = whole_body(&client).expect_err("too long");
        assert!(
            matches!(
                error,
                Error::BodyTooLarge {
                    limit: 1_048_576,
                    ..
                }
            ),
            "{error:?}"
        );
        no_secret(&error);
    }
}

#[test]
fn a_reader_streams_beyond_max_body_and_beyond_the_timeout_of_the_body() {
    let server = Server::of(|_, _, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4000000\r\n\r\n")?;
        for _ in 0..4 {
            std::thread::sleep(ms(80));
            stream.write_all(&[b'x'; 1_000_000])?;
        }
        Ok(After::Keep)
    });
    let client = builder(&server.url())
        .max_body(10)
        .timeouts(ample().body(ms(100)))
        .build()
        .expect("valid");
    let mut reader = client.get("/").send().expect("a response").into_reader();
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).expect("all of it");
    assert_eq!(bytes.len(), 4_000_000);
    assert_eq!(reader.read(&mut [0; 10]).expect("the end is final"), 0);
}

#[test]
fn silence_ends_a_reader_with_a_timeout() {
    let server = Server::of(|_, _, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhunter2")?;
        silence(stream)
    });
    let client = builder(&server.url())
        .timeouts(ample().between_bytes(ms(150)))
        .build()
        .expect("valid");
    let mut reader = client.get("/").send().expect("a response").into_reader();
    hides(&format!("{reader:?}"));
    let error = promptly(move || {
        let mut bytes = Vec::new();
        reader
            .read_to_end(&mut bytes)
            .expect_err("it is not complete")
    });
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut, "{error:?}");
    hides(&format!("{error} {error:?}"));
}

#[test]
fn a_reader_of_a_truncated_body_ends_with_an_error() {
    for half in [
        "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhunter2",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nhunter2\r\n",
    ] {
        let server = Server::answers_and_closes([half]);
        let mut reader = client(&server.url())
            .get("/")
            .send()
            .expect("a response")
            .into_reader();
        let mut bytes = Vec::new();
        let error = reader
            .read_to_end(&mut bytes)
            .expect_err("the file is truncated");
        hides(&format!("{error} {error:?}"));
    }
}

#[test]
fn invalid_utf8_is_read_with_replacements() {
    let server = Server::answers([b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na\xffb".to_vec()]);
    let client = client(&server.url());
    assert_eq!(whole_body(&client).expect("a body"), "a\u{fffd}b");
    let bytes = client.get("/").send().expect("a response").bytes();
    assert_eq!(bytes.expect("a body"), b"a\xffb");
}

#[test]
fn a_body_that_ends_with_the_connection_is_read() {
    let server = Server::answers_and_closes(["HTTP/1.1 200 OK\r\n\r\nto the end"]);
    assert_eq!(
        whole_body(&client(&server.url())).expect("a body"),
        "to the end"
    );
}

#[test]
fn a_body_in_chunks_with_extensions_and_trailers_is_read() {
    let server = Server::answers(["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
         3;x=y\r\nto \r\n007\r\nthe end\r\n0\r\nX-Trailer: 1\r\n\r\n"]);
    let client = client(&server.url());
    assert_eq!(whole_body(&client).expect("a body"), "to the end");
    assert_eq!(whole_body(&client).expect("a body"), "to the end");
}

#[derive(Debug, Deserialize)]
struct Page {
    count: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[test]
fn json_is_read_and_invalid_json_is_an_error_without_its_contents() {
    let server = Server::answers([ok(r#"{"count": 3}"#)]);
    let page: Page = client(&server.url())
        .get("/")
        .send()
        .expect("a response")
        .json()
        .expect("a page");
    assert_eq!(page.count, 3);

    for body in [
        r#"{"count": "hunter2"}"#,
        r#"{"hunter2": 1}"#,
        r#"{"count": 1, "count": "hunter2"}"#,
        r#"{"count": "hunter2"#,
        "hunter2",
        "<html>hunter2</html>",
        "",
    ] {
        let server = Server::answers([ok(body)]);
        let response = client(&server.url()).get("/").query("key", SECRET).send();
        let error = response
            .expect("a response")
            .json::<Page>()
            .expect_err("no page");
        assert!(matches!(error, Error::Decode { .. }), "{error:?}");
        no_secret(&error);
        crate::chain(&error);
        assert!(!error.is_transient());
    }
}

#[test]
fn json_that_imitates_the_messages_of_the_parser_is_not_shown() {
    for body in [
        r#"{"a`, expected hunter2": 1}"#,
        r#"{"missing field `hunter2": 1}"#,
        r#"{"a at line 1, expected hunter2 at line 2": 1}"#,
    ] {
        let server = Server::answers([ok(body)]);
        let response = client(&server.url()).get("/").send().expect("a response");
        no_secret(&response.json::<Nothing>().expect_err("unknown field"));
    }
}

#[test]
fn a_status_error_keeps_status_headers_and_the_first_64_kib() {
    let body = "x".repeat(70_000);
    for (length, truncated) in [
        (0, false),
        (10, false),
        (65_536, false),
        (65_537, true),
        (70_000, true),
    ] {
        for status in [400, 404, 500, 599] {
            let server =
                Server::answers([answer(status, "X-Reason: because\r\n", &body[..length])]);
            let response = client(&server.url()).get("/x").query("key", SECRET).send();
            let error = response
                .expect("a response")
                .error_for_status()
                .expect_err("an error");
            no_secret(&error);
            let shown = error.to_string();
            assert!(
                shown.contains("/x: status") && shown.contains(&status.to_string()),
                "{shown}"
            );
            let reply = error.reply().expect("the error contains a response");
            assert_eq!(reply.status().as_u16(), status);
            assert_eq!(reply.headers()["x-reason"], "because");
            assert_eq!(reply.body().len(), length.min(65_536));
            assert_eq!(reply.is_truncated(), truncated, "{length}");
        }
    }
}

#[test]
fn a_response_below_400_is_not_a_status_error() {
    for status in [200, 204, 301, 304, 399] {
        let server = Server::answers([answer(status, "", "")]);
        let response = client(&server.url()).get("/").send().expect("a response");
        assert_eq!(
            response
                .error_for_status()
                .expect("no error")
                .status()
                .as_u16(),
            status
        );
    }
}

#[test]
fn a_status_error_is_returned_even_if_its_body_never_ends() {
    let long = "HTTP/1.1 500 Oh\r\nX-Reason: because\r\nContent-Length: 1000000000\r\n\r\nhunter2";
    type Rest = fn(&mut std::net::TcpStream) -> std::io::Result<After>;
    let ends: [Rest; 4] = [
        |_| Ok(After::Close),
        silence,
        |stream| {
            flood(stream, b"x", ms(10));
            Ok(After::Close)
        },
        |stream| {
            flood(stream, &[b'x'; 65_536], ms(0));
            Ok(After::Close)
        },
    ];
    for rest in ends {
        let server = Server::of(move |_, _, stream| {
            stream.write_all(long.as_bytes())?;
            rest(stream)
        });
        let client = builder(&server.url())
            .timeouts(ample().between_bytes(ms(200)).body(ms(300)))
            .build()
            .expect("valid");
        let request = client.get("/");
        let error = promptly(move || request.send()?.error_for_status()).expect_err("500");
        no_secret(&error);
        let reply = error.reply().expect("the error contains a response");
        assert_eq!(reply.status(), 500);
        assert_eq!(reply.headers()["x-reason"], "because");
        assert!(reply.body().starts_with(b"hunter2"));
        assert!(reply.is_truncated());
    }
}
