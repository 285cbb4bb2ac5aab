//! Every phase of a request ends in time, whatever the other side does: it says nothing, it sends or takes a byte
//! each 50 ms, or it sends without end.
//!
//! Rows: connecting (the response of a proxy to CONNECT, the TLS handshake directly and through the tunnel, that
//! with the proxy itself), sending, the head and the body of the response. Each row runs twice: with short
//! timeouts of the phases, and with a short deadline alone.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::thread;

use api_ratelimiter::{Error, TimeoutPhase, Timeouts, TransportKind};

use crate::front::{ClientBuilder, DynamicAPIClient};
use crate::server::{Server, flood};
use crate::{config, ms, promptly, secs};

/// What the other side does in a phase.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Manner {
    Silent,
    /// One byte each 50 ms.
    Drip,
    Endless,
}

use Manner::{Drip, Endless, Silent};

impl Manner {
    const ALL: [Self; 3] = [Silent, Drip, Endless];

    /// Sends `start` and then `rest` again and again, in this manner, until the client is gone.
    fn send(self, stream: &mut TcpStream, start: &[u8], rest: &[u8]) {
        match self {
            Silent => wait(stream),
            Drip => {
                for byte in start.iter().chain(rest.iter().cycle()) {
                    if stream.write_all(&[*byte]).is_err() {
                        return;
                    }
                    thread::sleep(ms(50));
                }
            }
            Endless => {
                if stream.write_all(start).is_ok() {
                    flood(stream, &rest.repeat(1000), ms(0));
                }
            }
        }
    }
}

/// Waits until the client is gone.
fn wait(stream: &mut TcpStream) {
    io::copy(stream, &mut io::sink()).ok();
}

/// Reads a head; what follows it stays unread.
fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// Begin of a record of TLS 1.2 with a long handshake message; zeros may follow.
const TLS_START: &[u8] = &[22, 3, 3, 0x3f, 0, 2, 0, 0x3e, 0, 3, 3];

/// Phase of a request.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Stage {
    /// The response of the proxy to CONNECT.
    Connect,
    /// The TLS handshake.
    Handshake,
    SendBody,
    Head,
    Body,
}

/// Serves one connection in a row.
fn serve(stage: Stage, manner: Manner, stream: &mut TcpStream) {
    match stage {
        Stage::Connect => manner.send(stream, b"HTTP/1.1 200 OK\r\nX: ", b"x"),
        Stage::Handshake => {
            // The client speaks first.
            if stream.read_exact(&mut [0]).is_ok() {
                manner.send(stream, TLS_START, &[0]);
            }
        }
        Stage::Head => {
            if read_head(stream).is_ok() {
                manner.send(stream, b"HTTP/1.1 200 OK\r\nX: ", b"x");
            }
        }
        Stage::Body => {
            if read_head(stream).is_ok() {
                let head = b"HTTP/1.1 200 OK\r\n\r\n";
                stream.write_all(head).ok();
                manner.send(stream, b"", b"x");
            }
        }
        Stage::SendBody => match manner {
            // Nothing of the body is read, or a byte each 50 ms.
            Silent => thread::sleep(secs(10)),
            Drip | Endless => {
                let mut byte = [0];
                while stream.read(&mut byte).is_ok_and(|length| length > 0) {
                    thread::sleep(ms(50));
                }
            }
        },
    }
}

/// The timeouts of the phases, or a deadline alone.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Bound {
    Phases,
    Deadline,
}

/// Sends a request to `url`, and returns the error in which it ends.
fn ended(builder: ClientBuilder, stage: Stage, bound: Bound) -> Error {
    let length = match bound {
        Bound::Phases => ms(400),
        Bound::Deadline => secs(60),
    };
    let timeouts = Timeouts::default()
        .connect(length)
        .send(length)
        .first_byte(length)
        .between_bytes(length)
        .body(length);
    let client = builder.timeouts(timeouts).max_body(1_000_000);
    let client = client.build().expect("a valid client");
    let mut request = match stage {
        // Far more than the buffers of both systems hold.
        Stage::SendBody => client.post("/").body(vec![b'x'; 32 << 20]),
        _ => client.get("/"),
    };
    if bound == Bound::Deadline {
        request = request.deadline(ms(400));
    }
    let outcome = promptly(move || request.send().and_then(|response| response.bytes()));
    outcome.map(|body| body.len()).expect_err("it ends")
}

/// Fails unless the error is one of the row.
#[track_caller]
fn check(error: &Error, stage: Stage, manner: Manner, bound: Bound) {
    let row = format!("{stage:?} {manner:?} {bound:?}: {error}");
    let phase = match stage {
        Stage::Connect | Stage::Handshake => TimeoutPhase::Connect,
        Stage::SendBody => TimeoutPhase::Send,
        Stage::Head => TimeoutPhase::FirstByte,
        Stage::Body => TimeoutPhase::Body,
    };
    match (error, manner, bound) {
        // Data without end is too much or not what it should be.
        (Error::BodyTooLarge { .. }, Endless, _) if stage == Stage::Body => {}
        (
            Error::Transport {
                kind: TransportKind::Tls | TransportKind::Protocol | TransportKind::Connect,
                ..
            },
            Endless,
            _,
        ) => {}
        (
            Error::Transport {
                kind: TransportKind::Timeout(TimeoutPhase::BetweenBytes),
                ..
            },
            Silent,
            Bound::Phases,
        ) if stage == Stage::Body => {}
        (error, _, Bound::Deadline) => assert!(error.is_timeout(), "{row}"),
        (Error::Transport { kind, .. }, _, Bound::Phases) => {
            assert_eq!(*kind, TransportKind::Timeout(phase), "{row}");
        }
        _ => panic!("{row}"),
    }
}

/// Runs rows at the same time, with both bounds, each with the client for its URL.
fn run(rows: &[(Stage, Manner)], client: impl Fn(Stage, Manner) -> ClientBuilder + Sync) {
    thread::scope(|scope| {
        for (stage, manner) in rows.iter().copied() {
            for bound in [Bound::Phases, Bound::Deadline] {
                let client = &client;
                scope.spawn(move || {
                    let error = ended(client(stage, manner), stage, bound);
                    check(&error, stage, manner, bound);
                });
            }
        }
    });
}

/// Returns the rows of these stages.
fn rows(stages: &[Stage]) -> Vec<(Stage, Manner)> {
    let manners = |stage: &Stage| Manner::ALL.map(|manner| (*stage, manner));
    stages.iter().flat_map(manners).collect()
}

#[test]
fn every_phase_of_a_direct_request_ends_in_time() {
    let rows = rows(&[Stage::SendBody, Stage::Head, Stage::Body]);
    let start = |(stage, manner): &(Stage, Manner)| {
        let (stage, manner) = (*stage, *manner);
        Server::raw(move |_, mut stream| serve(stage, manner, &mut stream))
    };
    let servers: Vec<Server> = rows.iter().map(start).collect();
    run(&rows, |stage, manner| {
        let row = rows.iter().position(|row| *row == (stage, manner));
        let server = &servers[row.expect("a known row")];
        DynamicAPIClient::builder(config(&server.url())).no_proxy()
    });
}

/// Variable that names the rows of a child process.
const CHILD: &str = "TEST_PHASES";

/// The rows behind a proxy, which needs an environment of its own. The name of the target says what the proxy
/// does.
#[test]
fn child_process_that_sends_through_a_proxy() {
    let Ok(wanted) = std::env::var(CHILD) else {
        return; // Not a child.
    };
    let mut rows = rows(&[Stage::Connect, Stage::Handshake]);
    rows.retain(|(stage, manner)| wanted.contains(&format!("{stage:?}-{manner:?}")));
    assert!(!rows.is_empty(), "{wanted}");
    run(&rows, |stage, manner| {
        let url = format!("https://{stage:?}-{manner:?}.example");
        DynamicAPIClient::builder(config(&url))
    });
}

/// Connecting with TLS, directly and through proxies.
#[cfg(feature = "rustls")]
mod tls {
    use std::process::Command;

    use super::*;

    #[test]
    fn every_tls_handshake_ends_in_time() {
        let servers = Manner::ALL.map(|manner| {
            Server::raw(move |_, mut stream| serve(Stage::Handshake, manner, &mut stream))
        });
        run(&rows(&[Stage::Handshake]), |_, manner| {
            let server = &servers[manner as usize];
            let url = format!("https://localhost:{}", server.port());
            DynamicAPIClient::builder(config(&url)).no_proxy()
        });
    }

    /// Runs a child with these rows behind the proxy at `url`.
    fn behind(url: &str, rows: &[(Stage, Manner)]) {
        let mut child = Command::new(std::env::current_exe().expect("this program"));
        child.args([
            "--exact",
            "phases::child_process_that_sends_through_a_proxy",
        ]);
        for name in ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"] {
            child.env_remove(name).env_remove(name.to_lowercase());
        }
        let names = rows
            .iter()
            .map(|(stage, manner)| format!("{stage:?}-{manner:?} "));
        child
            .env("ALL_PROXY", url)
            .env(CHILD, names.collect::<String>());
        let output = child.output();
        let output = output.expect("it runs");
        let shown = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{shown}\n{errors}");
    }

    /// Runs a child behind each of three proxies, one for each manner.
    fn behind_each(scheme: &str, serve: fn(Manner, &mut TcpStream)) {
        thread::scope(|scope| {
            for manner in Manner::ALL {
                scope.spawn(move || {
                    let proxy = Server::raw(move |_, mut stream| serve(manner, &mut stream));
                    let url = format!("{scheme}://localhost:{}", proxy.port());
                    behind(&url, &[(Stage::Handshake, manner)]);
                });
            }
        });
    }

    #[test]
    fn connecting_through_a_proxy_ends_in_time() {
        let proxy = Server::raw(|_, mut stream| {
            let Ok(head) = read_head(&mut stream) else {
                return;
            };
            let head = head.to_ascii_lowercase();
            let manner = Manner::ALL
                .into_iter()
                .find(|manner| head.contains(&format!("-{manner:?}").to_ascii_lowercase()));
            let manner = manner.expect("a row");
            if head.contains("connect connect-") {
                return serve(Stage::Connect, manner, &mut stream);
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok();
            serve(Stage::Handshake, manner, &mut stream);
        });
        let url = format!("http://127.0.0.1:{}", proxy.port());
        behind(&url, &rows(&[Stage::Connect, Stage::Handshake]));
    }

    /// The handshake with a proxy that is reached by https.
    #[test]
    fn connecting_to_a_proxy_by_tls_ends_in_time() {
        behind_each("https", |manner, stream| {
            serve(Stage::Handshake, manner, stream)
        });
    }

    #[cfg(feature = "socks-proxy")]
    mod socks {
        use super::*;

        /// The handshake with a SOCKS proxy (RFC 1928, sections 3 and 6): the method, then a response with a long name.
        #[test]
        fn connecting_to_a_socks_proxy_ends_in_time() {
            behind_each("socks5h", |manner, stream| {
                if stream.read_exact(&mut [0]).is_ok() {
                    manner.send(stream, b"\x05\x00\x05\x00\x00\x03\xff", b"x");
                }
            });
        }
    }
}
