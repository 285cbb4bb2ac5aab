//! Compressed bodies, also harmful ones.

use std::io::{Read, Write};
use std::time::Duration;

use api_ratelimiter::{Error, TimeoutPhase, TransportKind};

use crate::front;
use crate::server::{After, Server, flood, ok};
use crate::{SECRET, ample, builder, client, failure, ms, promptly, whole_body};

#[test]
fn a_compressed_body_is_requested_and_decoded() {
    let mut gzip = GZIP_HEADER.to_vec();
    // One stored block, its checksum and length.
    gzip.extend(b"\x01\x05\x00\xfa\xffhello\x86\xa6\x10\x36\x05\x00\x00\x00");
    let server = Server::answers([compressed(&gzip)]);
    let client = builder(&server.url()).max_body(5).build().expect("valid");
    let response = client.get("/").send().expect("a response");
    assert_eq!(response.header("content-encoding"), None);
    assert_eq!(response.header("content-length"), None);
    assert_eq!(response.text().expect("a body"), "hello");
    assert_eq!(whole_body(&client).expect("a body"), "hello");
    let encodings = server.requests()[0].header("accept-encoding");
    assert_eq!(encodings.as_deref(), Some("gzip"));
    assert!(front::REUSED.contains(&server.connections()));
}

/// One member: a stored block with its checksum (CRC-32, RFC 1952, section 8) and length.
fn stored(text: &str) -> Vec<u8> {
    let crc = !text.bytes().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    });
    let length = u16::try_from(text.len()).expect("a short text");
    let mut gzip = GZIP_HEADER.to_vec();
    gzip.push(1);
    gzip.extend(length.to_le_bytes());
    gzip.extend((!length).to_le_bytes());
    gzip.extend(text.as_bytes());
    gzip.extend(crc.to_le_bytes());
    gzip.extend(u32::from(length).to_le_bytes());
    gzip
}

#[test]
fn a_throttle_in_a_compressed_body_is_found_and_the_next_body_is_whole() {
    let throttled = r#"{"errors": [{"code": "SLOW"}]}"#;
    let long = "[".to_owned() + &"1,".repeat(30_000) + "2]";
    assert!(long.len() < 65_536);
    let server = Server::answers([compressed(&stored(throttled)), compressed(&stored(&long))]);
    let mut config = crate::config(&server.url());
    let rule = api_ratelimiter::BodyThrottle::new([200], "errors.*.code", ["slow"]);
    config.dialect = api_ratelimiter::DialectConfig::default().throttle(rule);
    let client = front::DynamicAPIClient::builder(config)
        .no_proxy()
        .timeouts(ample());
    let response = client
        .build()
        .expect("valid")
        .post("/")
        .send()
        .expect("a response");
    assert_eq!(response.attempts(), 2);
    assert!(response.text().expect("a body") == long);
}

const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];

fn compressed(gzip: &[u8]) -> Vec<u8> {
    let length = gzip.len();
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), gzip].concat()
}

/// Returns gzip that decodes to an endless sequence of the letter `x`: 13 bytes become 2064.
///
/// One block of fixed codes (RFC 1951, section 3.2.6): the letter, then repeatedly "copy 258 bytes from one
/// byte back", which is 11000101 00000.
fn bomb(bytes: usize) -> Vec<u8> {
    let mut bits = vec![true, true, false];
    let code = |value: u8, width: u32| (0..width).rev().map(move |bit| value >> bit & 1 == 1);
    bits.extend(code(0x30 + b'x', 8));
    while bits.len() < bytes * 8 {
        bits.extend(code(0b1100_0101, 8));
        bits.extend(code(0, 5));
    }
    let packed = bits.chunks_exact(8).map(|bits| {
        let bit = |(place, bit): (usize, &bool)| u8::from(*bit) << place;
        bits.iter().enumerate().map(bit).sum::<u8>()
    });
    GZIP_HEADER.into_iter().chain(packed).collect()
}

#[test]
fn a_gzip_bomb_is_unpacked_up_to_max_body() {
    // 128 KiB that unpack to 20 MB.
    let server = Server::answers([compressed(&bomb(1 << 17))]);
    let client = builder(&server.url())
        .max_body(100_000)
        .build()
        .expect("valid");
    let error = whole_body(&client).expect_err("too long");
    assert!(
        matches!(error, Error::BodyTooLarge { limit: 100_000, .. }),
        "{error:?}"
    );
}

#[test]
fn a_gzip_bomb_in_an_error_is_truncated_to_64_kib() {
    let bomb = compressed(&bomb(1 << 17));
    for status in [500, 429] {
        let mut bytes = bomb.clone();
        bytes[9..12].copy_from_slice(status.to_string().as_bytes());
        let server = Server::answers([bytes]);
        let client = builder(&server.url())
            .max_retries_on_backoff(1)
            .build()
            .expect("valid");
        let request = client.get("/");
        let error = promptly(move || request.send()?.error_for_status()).expect_err("refused");
        let reply = error.reply().expect("the error contains a response");
        assert_eq!(
            (reply.status().as_u16(), reply.body().len()),
            (status, 65_536)
        );
        assert!(reply.is_truncated());
    }
}

#[test]
fn invalid_or_truncated_gzip_ends_in_an_error() {
    for (bytes, kind) in [
        (SECRET.repeat(3).into_bytes(), TransportKind::Protocol),
        (GZIP_HEADER.to_vec(), TransportKind::Closed),
        (
            [&GZIP_HEADER[..], SECRET.as_bytes()].concat(),
            TransportKind::Protocol,
        ),
        (bomb(1000), TransportKind::Closed),
    ] {
        let server = Server::answers([compressed(&bytes)]);
        assert_eq!(failure(whole_body(&client(&server.url()))), kind);
    }
}

/// Many members, as pigz, bgzip and appended logs write them: "A gzip file consists of a series of members"
/// (RFC 1952, section 2.2).
#[test]
fn all_members_of_a_body_are_decoded() {
    let members: Vec<Vec<u8>> = (0..40)
        .map(|member| stored(&format!("[{member}] ").repeat(2_500)))
        .collect();
    let whole: String = (0..40)
        .map(|member| format!("[{member}] ").repeat(2_500))
        .collect();
    let server = Server::answers([
        compressed(&members.concat()),
        chunked(&members),
        compressed(
            &[
                stored(""),
                stored("one"),
                stored(""),
                stored("two"),
                stored(""),
            ]
            .concat(),
        ),
    ]);
    let client = client(&server.url());
    for _ in 0..2 {
        assert!(whole_body(&client).expect("a body") == whole);
    }
    assert_eq!(whole_body(&client).expect("a body"), "onetwo");
    // Also where the caller reads piece by piece.
    let server = Server::answers([compressed(&members.concat())]);
    let response = crate::client(&server.url()).get("/").send();
    let mut text = String::new();
    let mut reader = response.expect("a response").into_reader();
    reader.read_to_string(&mut text).expect("a body");
    assert!(text == whole);
}

/// Returns a response in chunks.
fn chunked(chunks: &[Vec<u8>]) -> Vec<u8> {
    let head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut bytes = head.as_bytes().to_vec();
    for chunk in chunks {
        bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        bytes.extend([&chunk[..], b"\r\n"].concat());
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}

#[test]
fn a_body_that_arrives_byte_by_byte_is_decoded() {
    let bytes = [stored("one, "), stored(""), stored("two")].concat();
    let bytes: Vec<Vec<u8>> = bytes.into_iter().map(|byte| vec![byte]).collect();
    let server = Server::of(move |_, _, stream| {
        for piece in chunked(&bytes).chunks(7) {
            stream.write_all(piece)?;
            std::thread::sleep(ms(1));
        }
        Ok(After::Keep)
    });
    let body = whole_body(&client(&server.url()));
    assert_eq!(body.expect("a body"), "one, two");
}

/// "The members simply appear one after another in the file, with no additional information before, between, or
/// after them" (RFC 1952, section 2.2).
#[test]
fn data_between_and_after_members_is_an_error() {
    let whole = stored("rows");
    let mut wrong_sum = whole.clone();
    let mut wrong_length = whole.clone();
    let end = whole.len();
    wrong_sum[end - 8] ^= 1;
    wrong_length[end - 4] ^= 1;
    let cut_member = &whole[..end - 1];
    for (rest, kind) in [
        (&b"\0"[..], TransportKind::Closed),
        (&[0; 512], TransportKind::Protocol),
        (b"garbage after the end", TransportKind::Protocol),
        (&GZIP_HEADER[..1], TransportKind::Closed),
        (&GZIP_HEADER, TransportKind::Closed),
        (cut_member, TransportKind::Closed),
        (&wrong_sum, TransportKind::Protocol),
        (&wrong_length, TransportKind::Protocol),
    ] {
        let bytes = [&whole[..], rest].concat();
        let server = Server::answers([compressed(&bytes)]);
        let found = failure(whole_body(&client(&server.url())));
        assert_eq!(found, kind, "{rest:?}");
        // A reader that was told once is told again, and never that this was the end.
        let server = Server::answers([compressed(&bytes)]);
        let response = client(&server.url()).get("/").send();
        let mut reader = response.expect("a response").into_reader();
        let mut rows = Vec::new();
        reader.read_to_end(&mut rows).expect_err("a rest");
        assert!(
            rows.is_empty() || rows == b"rows" || rows == b"rowsrows",
            "{rows:?}"
        );
    }
}

#[test]
fn an_empty_body_is_empty_with_any_coding() {
    let coded = "Content-Encoding: gzip\r\n";
    let empty_chunks = "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let server = Server::answers([
        format!("HTTP/1.1 200 OK\r\n{coded}Content-Length: 0\r\n\r\n"),
        format!("HTTP/1.1 201 Created\r\n{coded}{empty_chunks}"),
        format!("HTTP/1.1 400 Bad Request\r\n{coded}Content-Length: 0\r\n\r\n"),
        format!("HTTP/1.1 429 Slow\r\n{coded}Retry-After: 0\r\n{empty_chunks}"),
        ok("done"),
    ]);
    let client = client(&server.url());
    for method in ["GET", "POST"] {
        let response = client.request(method, "/").send().expect("a response");
        assert_eq!(response.attempts(), 1);
        assert_eq!(response.bytes().expect("a body"), b"");
    }
    let refused = client.post("/").send().expect("a response");
    let error = refused.error_for_status().expect_err("400");
    assert!(!error.reply().expect("it was kept").is_truncated());
    let response = client.get("/").send().expect("a response");
    assert_eq!(response.attempts(), 2);
    assert_eq!(response.text().expect("a body"), "done");
    // Also where the end of the connection is the end of the body.
    let server = Server::answers_and_closes([format!("HTTP/1.1 200 OK\r\n{coded}\r\n")]);
    let body = whole_body(&crate::client(&server.url()));
    assert_eq!(body.expect("a body"), "");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn codings_that_the_client_does_not_decode_stay_with_their_name() {
    let gzip = stored("rows");
    let body = String::from_utf8_lossy(&gzip).into_owned();
    assert!(body.contains("rows"));
    for (status, coding) in [(200, "br"), (200, "gzip, gzip"), (206, "gzip")] {
        let length = gzip.len();
        let head = format!(
            "HTTP/1.1 {status} OK\r\nContent-Encoding: {coding}\r\nContent-Length: {length}\r\n\r\n"
        );
        let server = Server::answers([[head.as_bytes(), &gzip].concat()]);
        let response = client(&server.url())
            .get("/")
            .header("Accept-Encoding", "br, gzip")
            .send()
            .expect("a response");
        assert_eq!(response.header("content-encoding"), Some(coding));
        assert_eq!(response.bytes().expect("a body"), gzip);
        let asked = server.requests()[0].header("accept-encoding");
        assert_eq!(asked.as_deref(), Some("br, gzip"));
    }
    // The other name of gzip, and a part of a body, of which no coding is requested.
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: X-Gzip\r\nContent-Length: {}\r\n\r\n",
        gzip.len()
    );
    let server = Server::answers([[head.as_bytes(), &gzip].concat()]);
    let request = client(&server.url()).get("/").header("Range", "bytes=0-");
    let response = request.send().expect("a response");
    assert_eq!(response.text().expect("a body"), "rows");
    assert_eq!(server.requests()[0].header("accept-encoding"), None);
}

#[test]
fn a_response_without_a_body_is_empty_with_any_coding() {
    let coded = "Content-Encoding: gzip\r\n";
    let server = Server::answers([
        format!("HTTP/1.1 200 OK\r\n{coded}Content-Length: 100\r\n\r\n"),
        format!("HTTP/1.1 204 No Content\r\n{coded}\r\n"),
        format!("HTTP/1.1 304 Not Modified\r\n{coded}Content-Length: 100\r\n\r\n"),
        format!("HTTP/1.1 404 Not Found\r\n{coded}Content-Length: 100\r\n\r\n"),
        ok("done"),
    ]);
    let client = client(&server.url());
    for method in ["HEAD", "GET", "GET"] {
        let response = client.request(method, "/").send().expect("a response");
        assert_eq!(response.bytes().expect("none"), b"");
    }
    let missing = client.head("/").send().expect("a response");
    let error = missing.error_for_status().expect_err("404");
    assert!(!error.reply().expect("it was kept").is_truncated());
    let whole = client.get("/").send().expect("a response").text();
    assert_eq!(whole.expect("a body"), "done");
    assert!(front::REUSED.contains(&server.connections()));
}

/// Starts a server that sends endless gzip without a single byte of content: empty stored blocks.
fn empty_gzip(status: u16, pause: Duration) -> Server {
    Server::of(move |number, _, stream| {
        if number > 0 {
            stream.write_all(ok("done").as_bytes())?;
            return Ok(After::Keep);
        }
        let head = format!("HTTP/1.1 {status} Empty\r\nContent-Encoding: gzip\r\n\r\n");
        stream.write_all(head.as_bytes())?;
        stream.write_all(&GZIP_HEADER)?;
        let blocks = [0, 0, 0, 0xff, 0xff].repeat(if pause.is_zero() { 1000 } else { 1 });
        flood(stream, &blocks, pause);
        Ok(After::Close)
    })
}

#[test]
fn endless_gzip_of_nothing_ends_by_the_timeout_of_the_body() {
    for pause in [ms(0), ms(10)] {
        let server = empty_gzip(200, pause);
        let client = builder(&server.url())
            .timeouts(ample().body(ms(300)))
            .build()
            .expect("valid");
        let kind = failure(whole_body(&client));
        assert_eq!(
            kind,
            TransportKind::Timeout(TimeoutPhase::Body),
            "{pause:?}"
        );
    }
}

#[test]
fn a_refusal_with_endless_gzip_of_nothing_is_abandoned_after_a_second() {
    for pause in [ms(0), ms(10)] {
        let server = empty_gzip(429, pause);
        let request = client(&server.url()).get("/");
        let response = promptly(move || request.send()).expect("a response");
        assert_eq!(response.attempts(), 2, "{pause:?}");
        assert_eq!(server.connections(), 2, "{pause:?}");
    }
}
