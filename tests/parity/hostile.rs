//! Random answers of a server that breaks rules: heads, lengths, chunks, codings, cuts, pauses.
//!
//! Neither front panics or hangs. Where the answer is sound, or breaks off, or only its coding is broken, both end
//! in the same way: the same status and body, or the same kind of error. Heads and lengths that break the rules
//! of HTTP may be read by one transport and refused by the other.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpStream;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use api_ratelimiter::{Error, TransportKind};
use fastrand::Rng;

use crate::pair::{Outcome, asynchronous, blocking};
use crate::server::{After, Server, ok, silence};
use crate::{announced, seeds};

/// Number of random answers.
const ANSWERS: u64 = 200;

/// Time for each wait.
const PATIENCE: Duration = Duration::from_millis(800);

/// Time within which every call ends: its waits, and a slow machine.
const LONGEST: Duration = Duration::from_secs(30);

/// A random answer.
#[derive(Debug, Clone)]
struct Hostile {
    bytes: Vec<u8>,
    /// Lengths of the pieces in which it is sent.
    pieces: Vec<usize>,
    pause: Duration,
    end: End,
    /// Whether head and framing follow the rules, so that both transports must read them alike.
    is_sound: bool,
}

/// What the server does after its answer.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Keeps,
    Closes,
    FallsSilent,
}

impl Hostile {
    fn random(rng: &mut Rng) -> Self {
        let mut is_sound = true;
        // The status line.
        let status = [
            200, 200, 200, 200, 201, 204, 206, 304, 400, 404, 429, 500, 503,
        ];
        let mut head = format!("HTTP/1.1 {} Some\r\n", status[rng.usize(..status.len())]);
        if rng.u8(..12) == 0 {
            is_sound = false;
            let odd = [
                "HTTP/1.0 200 OK\r\n",
                "HTTP/2 200\r\n",
                "HTTP/1.1 99 Low\r\n",
                "HTTP/1.1 999 High\r\n",
                "HTTP/1.1 2x0 OK\r\n",
                "HTTP/1.1 200\r\n",
                "ICY 200 OK\r\n",
                "\r\n",
                "HTTP/1.1 200 \u{e9}\r\n",
                "HTTP/1.1 100 Continue\r\n",
                "HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n",
                "{}",
                "HTTP/1.1 101 Switching\r\n",
                "HTTP/1.1 -1 OK\r\n",
                "\0\0\0\0",
            ];
            odd[rng.usize(..odd.len())].clone_into(&mut head);
        }
        // Headers that harm nothing, and some that break rules.
        for _ in 0..rng.usize(..4) {
            let harmless = [
                "Retry-After: 0\r\n",
                "Retry-After: 1e99\r\n",
                "X-RateLimit-Remaining: -1\r\n",
                "Content-Type: text/html; charset=\r\n",
                "Set-Cookie: a=b\r\n",
                "X:\r\n",
                "X-Long: ",
            ];
            let line = harmless[rng.usize(..harmless.len())];
            head.push_str(line);
            if line.ends_with(' ') {
                head.push_str(&"x".repeat(rng.usize(1..6_000)));
                head.push_str("\r\n");
            }
        }
        if rng.u8(..12) == 0 {
            is_sound = false;
            let odd = [
                "X: a\r\n folded\r\n",
                "no colon\r\n",
                "X\0: y\r\n",
                "X: \0\r\n",
                " X: y\r\n",
                "X : y\r\n",
                "X: y\n",
                ": y\r\n",
                "X: \u{fc}\r\n",
            ];
            head.push_str(odd[rng.usize(..odd.len())]);
        }
        if rng.u8(..30) == 0 {
            is_sound = false;
            head.push_str(&"Y: z\r\n".repeat(rng.usize(80..300)));
        }
        // The body and its coding.
        let mut body = content(rng);
        match rng.u8(..8) {
            0..=2 => {
                head.push_str(if rng.bool() {
                    "Content-Encoding: gzip\r\n"
                } else {
                    "Content-Encoding: x-gzip\r\n"
                });
                body = gzip(rng, &body);
            }
            3 => {
                head.push_str("Content-Encoding: gzip\r\n");
            }
            4 => head.push_str("Content-Encoding: gzip, br\r\n"),
            _ => {}
        }
        // The framing.
        let mut bytes = Vec::new();
        let mut end = [End::Keeps, End::Keeps, End::Closes][rng.usize(..3)];
        match rng.u8(..10) {
            0..=3 => head.push_str(&format!("Content-Length: {}\r\n", body.len())),
            4..=6 => {
                head.push_str("Transfer-Encoding: chunked\r\n");
                body = chunked(rng, &body, &mut is_sound);
            }
            7 => end = End::Closes,
            _ => {
                is_sound = false;
                let length = body.len();
                let odd = [
                    format!("Content-Length: {}\r\n", length + 1),
                    format!("Content-Length: {}\r\n", length / 2),
                    "Content-Length: -1\r\n".into(),
                    "Content-Length: 18446744073709551615\r\n".into(),
                    "Content-Length: 99999999999999999999999\r\n".into(),
                    format!("Content-Length: {length}, {length}\r\n"),
                    format!("Content-Length: {length}\r\nContent-Length: 1\r\n"),
                    format!("Content-Length: +{length}\r\n"),
                    format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"),
                    "Transfer-Encoding: gzip, chunked\r\n".into(),
                    "Transfer-Encoding: identity\r\n".into(),
                    "Transfer-Encoding: xchunked\r\n".into(),
                ];
                head.push_str(&odd[rng.usize(..odd.len())]);
            }
        }
        // An idle connection that is closed is a race.
        if end == End::Closes {
            head.push_str("Connection: close\r\n");
        }
        let is_retried = head.starts_with("HTTP/1.1 429") || head.starts_with("HTTP/1.1 503");
        bytes.extend(head.into_bytes());
        bytes.extend(b"\r\n");
        bytes.extend(body);
        // A cut anywhere.
        if rng.u8(..6) == 0 {
            bytes.truncate(rng.usize(..=bytes.len()));
            end = if rng.bool() {
                End::Closes
            } else {
                End::FallsSilent
            };
            is_sound = is_sound && end == End::Closes && !is_retried;
        }
        // Pauses between its pieces.
        let pause = Duration::from_millis(rng.u64(..4));
        let most = bytes.len().max(1);
        let pieces = (0..rng.usize(..12)).map(|_| rng.usize(..most)).collect();
        Self {
            bytes,
            pieces,
            pause,
            end,
            is_sound,
        }
    }

    fn send(&self, stream: &mut TcpStream) -> std::io::Result<After> {
        let mut rest = &self.bytes[..];
        for piece in &self.pieces {
            let (now, later) = rest.split_at((*piece).min(rest.len()));
            stream.write_all(now)?;
            rest = later;
            thread::sleep(self.pause);
        }
        stream.write_all(rest)?;
        match self.end {
            End::Keeps => Ok(After::Keep),
            End::Closes => Ok(After::Close),
            End::FallsSilent => silence(stream),
        }
    }
}

fn content(rng: &mut Rng) -> Vec<u8> {
    match rng.u8(..6) {
        0 => Vec::new(),
        1 => br#"{"error": {"code": "SLOW", "retry_after": 1e400}}"#.to_vec(),
        2 => b"[".repeat(rng.usize(..3_000)),
        3 => vec![b'x'; rng.usize(..400_000)],
        _ => (0..rng.usize(..3_000)).map(|_| rng.u8(..)).collect(),
    }
}

/// Compresses by stored blocks in one or more members, and sometimes breaks something.
fn gzip(rng: &mut Rng, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let size = rng.usize(1..=content.len().max(1)).min(60_000);
    for member in content.chunks(size).take(20) {
        bytes.extend(crate::stored(member));
    }
    match rng.u8(..5) {
        0 if !bytes.is_empty() => {
            let at = rng.usize(..bytes.len());
            bytes[at] ^= 1 << rng.u8(..8);
        }
        1 => bytes.truncate(rng.usize(..=bytes.len())),
        2 => bytes.extend([0; 3].repeat(rng.usize(..200))),
        _ => {}
    }
    bytes
}

fn chunked(rng: &mut Rng, body: &[u8], is_sound: &mut bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let size = rng.usize(1..=body.len().max(1)).max(body.len() / 50);
    for chunk in body.chunks(size.max(1)) {
        let extension = if rng.u8(..8) == 0 { ";a=b" } else { "" };
        bytes.extend(format!("{:x}{extension}\r\n", chunk.len()).into_bytes());
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
    }
    if rng.u8(..6) == 0 {
        *is_sound = false;
        let odd = [
            "zz\r\n",
            "-1\r\n\r\n",
            "ffffffffffffffffff\r\nx",
            "5\r\nab\r\n",
            "\r\n",
            "1\nx\n0\n\n",
            "0\r\nX: y\r\n\r\n",
            "0\r\n",
            "00000000000000000000000000000000000000\r\n\r\n",
        ];
        bytes.extend(odd[rng.usize(..odd.len())].as_bytes());
    } else {
        bytes.extend(b"0\r\n\r\n");
    }
    bytes
}

/// How a call ended, without what differs between the transports' words.
fn ended(outcome: Outcome) -> String {
    match outcome {
        Ok((status, body)) => format!("{status} with {} bytes, {:x}", body.len(), sum(&body)),
        Err(Error::Transport {
            // The transports see a silent head at different times.
            kind: TransportKind::Timeout(_),
            ..
        }) => "timeout".into(),
        Err(Error::Transport { kind, .. }) => format!("{kind:?}"),
        Err(error) => {
            let shown = format!("{error:?}");
            shown
                .split([' ', '(', '{'])
                .next()
                .unwrap_or_default()
                .to_owned()
        }
    }
}

/// Returns a number by which bodies of one length differ (FNV-1a).
fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Sends a request to a server with this answer, and returns how it ended. Fails if it hangs.
fn play(
    hostile: &Arc<Hostile>,
    method: &'static str,
    call: fn(&str, &str, &str, Duration) -> Outcome,
) -> String {
    let answer = Arc::clone(hostile);
    let server = Server::of(move |number, _, stream| match number {
        0 => answer.send(stream),
        _ => stream
            .write_all(ok("done").as_bytes())
            .map(|()| After::Keep),
    });
    let (done, outcome) = mpsc::channel();
    let url = server.url();
    thread::spawn(move || done.send(ended(call(&url, method, "/", PATIENCE))));
    outcome
        .recv_timeout(LONGEST)
        .expect("neither a hang nor a panic")
}

#[test]
fn both_fronts_survive_hostile_answers_alike() {
    let seeds = seeds(ANSWERS);
    let tally = Mutex::new(BTreeMap::<String, usize>::new());
    thread::scope(|scope| {
        for worker in 0..8 {
            let (seeds, tally) = (seeds.clone(), &tally);
            scope.spawn(move || {
                for seed in seeds.skip(worker).step_by(8) {
                    let ended = announced(seed, || one(seed));
                    *tally
                        .lock()
                        .expect("not poisoned")
                        .entry(ended)
                        .or_default() += 1;
                }
            });
        }
    });
    println!("{:#?}", tally.lock().expect("not poisoned"));
}

/// Plays one answer. Returns how it ended, in a few words.
fn one(seed: u64) -> String {
    let mut rng = Rng::with_seed(seed);
    let method = ["GET", "GET", "POST", "HEAD"][rng.usize(..4)];
    let hostile = Arc::new(Hostile::random(&mut rng));
    let expected = play(&hostile, method, blocking);
    let found = play(&hostile, method, asynchronous);
    if hostile.is_sound {
        let start = String::from_utf8_lossy(&hostile.bytes[..hostile.bytes.len().min(600)]);
        assert_eq!(found, expected, "{method} {:?} {start}", hostile.end);
    }
    let kind = expected.split(' ').next().unwrap_or_default();
    format!(
        "{} {kind}",
        if hostile.is_sound { "sound" } else { "broken" }
    )
}
