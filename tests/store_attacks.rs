//! Stores that answer slowly, endlessly or nonsense: a visit has one deadline and one bound of bytes.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use api_ratelimiter::{ApiRateConfig, DynamicRateLimiter, Fleet};

/// Bound that only detects a hang.
const HANG: Duration = Duration::from_secs(60);

/// Most that one connection takes from a server that sends without end: the bound of a visit, 256 KiB, and what the
/// buffers of two sockets hold.
const MOST_SENT: usize = 32 << 20;

/// What a server does with one connection, after the first bytes of the client have come.
type Attack = fn(&mut Wire);

/// The server's end of a connection; counts what the client took.
struct Wire {
    stream: TcpStream,
    sent: usize,
    open: bool,
}

impl Wire {
    fn send(&mut self, bytes: &[u8]) {
        if self.open && self.sent <= MOST_SENT && self.stream.write_all(bytes).is_ok() {
            self.sent += bytes.len();
        } else {
            self.open = false;
        }
    }

    /// Sends a byte each 30 ms, until the client has gone.
    fn drip(&mut self, bytes: &[u8]) {
        for byte in bytes.iter().chain(std::iter::repeat(&b'1')) {
            if !self.open {
                break;
            }
            self.send(&[*byte]);
            thread::sleep(Duration::from_millis(30));
        }
    }

    /// Sends the same again and again, until the client has gone.
    fn repeat(&mut self, first: &[u8], rest: &[u8]) {
        self.send(first);
        let many = rest.repeat(4_096 / rest.len());
        while self.open {
            self.send(&many);
        }
    }

    /// Sends nothing until the client has gone.
    fn wait(&mut self) {
        let mut sink = [0; 1024];
        while matches!(self.stream.read(&mut sink), Ok(1..)) {}
    }
}

/// Starts a server. Each connection that has ended gives the number of bytes that were sent over it.
fn server(attack: Attack) -> (String, Receiver<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let (ended, sent) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let ended = ended.clone();
            thread::spawn(move || {
                let mut stream = stream.expect("a connection");
                let mut asked = [0; 4096];
                let _ = stream.read(&mut asked);
                let mut wire = Wire {
                    stream,
                    sent: 0,
                    open: true,
                };
                attack(&mut wire);
                let _ = ended.send(wire.sent);
            });
        }
    });
    (address, sent)
}

/// Visits the store in all ways: `status`, which the program's `fleet status` prints, and a worker that joins. Returns
/// the error and the bytes of each of their connections.
fn visited(url: &str, sent: &Receiver<usize>) -> (String, [usize; 2]) {
    let (done, outcome) = mpsc::channel();
    let fleet = Fleet::redis(url, "key").expect("an address");
    thread::spawn(move || {
        let error = fleet.status().expect_err("no store").to_string();
        let config = ApiRateConfig {
            initial_rate: 1000.0,
            max_rate: 1000.0,
            ..Default::default()
        };
        let limiter = DynamicRateLimiter::in_fleet(&config, &fleet);
        let limiter = limiter.expect("a store that does not work is no error");
        let joined = limiter.snapshot().fleet.map(|fleet| fleet.joined);
        limiter.acquire().expect("its share").success();
        let _ = done.send((error, joined));
    });
    let (error, joined) = outcome.recv_timeout(HANG).expect("the visits end");
    assert_eq!(joined, Some(false));
    let counted = [(); 2].map(|()| sent.recv_timeout(HANG).expect("the connection ends"));
    (error, counted)
}

#[test]
fn a_store_that_drips_is_given_up_in_time() {
    let (address, sent) = server(|wire| wire.drip(b"*4\r\n$10\r\n"));
    let (error, counted) = visited(&format!("redis://{address}"), &sent);
    assert!(error.contains("no response in time"), "{error}");
    // 500 ms are 16 bytes.
    assert!(counted.iter().all(|sent| *sent < 400), "{counted:?}");
}

#[test]
fn a_store_that_drips_while_a_worker_logs_in_is_given_up_in_time() {
    let (address, sent) = server(|wire| wire.drip(b"+OOOOOOOOOOOOOOOO"));
    let (error, counted) = visited(&format!("redis://:s3cret@{address}/2"), &sent);
    assert!(error.contains("no response in time") && !error.contains("s3cret"));
    assert!(counted.iter().all(|sent| *sent < 400), "{counted:?}");
}

#[cfg(feature = "rustls")]
#[test]
fn a_store_that_drips_during_the_handshake_of_tls_is_given_up_in_time() {
    // The head of a record of 16 KiB.
    let (address, sent) = server(|wire| wire.drip(&[22, 3, 3, 64, 0]));
    let (error, counted) = visited(&format!("rediss://{address}"), &sent);
    assert!(error.contains("no response in time"), "{error}");
    assert!(counted.iter().all(|sent| *sent < 400), "{counted:?}");
}

#[test]
fn a_store_that_is_silent_is_given_up_in_time() {
    let (address, sent) = server(Wire::wait);
    let (error, _) = visited(&format!("redis://{address}"), &sent);
    assert!(error.contains("no response in time"), "{error}");
}

#[test]
fn a_store_that_sends_without_end_is_given_up_after_the_bound_of_bytes() {
    let endless: [(&str, Attack); 6] = [
        ("messages that were not asked for", |wire| {
            wire.repeat(b"", b">2\r\n+message\r\n+x\r\n");
        }),
        ("an array", |wire| {
            wire.repeat(b"*1000000000\r\n", b":1\r\n")
        }),
        ("a string of 512 MB", |wire| {
            wire.repeat(b"$536870912\r\n", b"\0\0\0\0");
        }),
        ("a line", |wire| wire.repeat(b"+", b"a")),
        ("a line of an error", |wire| wire.repeat(b"-ERR ", b"a")),
        ("an attribute", |wire| {
            wire.repeat(b"|1000000000\r\n", b"+k\r\n:1\r\n");
        }),
    ];
    for (name, attack) in endless {
        let (address, sent) = server(attack);
        let (error, counted) = visited(&format!("redis://{address}"), &sent);
        assert!(
            counted.iter().all(|sent| *sent < MOST_SENT),
            "{name}: {error} {counted:?}"
        );
        assert!(error.len() < 500, "{name}: {error}");
    }
}

#[test]
fn a_store_that_sends_nonsense_is_an_error_in_one_line() {
    let nonsense: [(&str, Attack); 9] = [
        ("another protocol", |wire| {
            wire.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        }),
        ("a deep array", |wire| wire.send(&b"*1\r\n".repeat(20_000))),
        ("a huge map", |wire| {
            wire.send(b"%9223372036854775807\r\n:1\r\n")
        }),
        ("a huge attribute", |wire| {
            wire.send(b"|9223372036854775807\r\n:1\r\n")
        }),
        ("a negative text", |wire| wire.send(b"=-1\r\nabc\r\n")),
        ("a negative map", |wire| wire.send(b"%-1\r\n")),
        ("a short list", |wire| wire.send(b"*2\r\n:1\r\n:2\r\n")),
        ("other types", |wire| {
            wire.send(b"*4\r\n+a\r\n+s3cret\r\n+c\r\n*0\r\n")
        }),
        ("an error with control characters", |wire| {
            wire.send(b"-ERR \x1b[31mred\x07\r\n");
        }),
    ];
    for (name, attack) in nonsense {
        let (address, sent) = server(attack);
        let (error, _) = visited(&format!("redis://{address}"), &sent);
        assert!(
            !error.contains("s3cret") && !error.chars().any(char::is_control),
            "{name}: {error:?}"
        );
    }
}

#[test]
fn random_responses_neither_hang_nor_panic() {
    const RUNS: u64 = 300;
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let fleet = Fleet::redis(&format!("redis://{address}"), "key").expect("an address");
    for run in 0..RUNS {
        let answer = random_response(&mut random);
        let (done, outcome) = mpsc::channel();
        let theirs = fleet.clone();
        thread::spawn(move || {
            let _ = done.send(theirs.status());
        });
        let (mut stream, _) = listener.accept().expect("a connection");
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(&answer);
        drop(stream);
        let status = outcome.recv_timeout(HANG);
        let status = status.unwrap_or_else(|_| panic!("run {run} of seed {seed}: {answer:?}"));
        if let Ok(Some(status)) = status {
            assert!(status.rate_per_second.is_finite() && status.rate_per_second > 0.0);
        }
    }
}

/// Returns a response of the right form with changes, or any bytes.
fn random_response(random: &mut fastrand::Rng) -> Vec<u8> {
    const MARKS: &[u8] = b"*$+-:_,#!=(%~>|0123456789\r\n";
    let mut answer = match random.u8(..3) {
        0 => b"*4\r\n$10\r\n1700000000\r\n$6\r\n123456\r\n$1\r\n0\r\n$0\r\n\r\n".to_vec(),
        1 => (0..random.usize(..200)).map(|_| random.u8(..)).collect(),
        _ => (0..random.usize(..200))
            .map(|_| MARKS[random.usize(..MARKS.len())])
            .collect(),
    };
    for _ in 0..random.usize(..4) {
        if answer.is_empty() {
            break;
        }
        let at = random.usize(..answer.len());
        match random.u8(..3) {
            0 => answer[at] = MARKS[random.usize(..MARKS.len())],
            1 => answer.truncate(at),
            _ => answer.insert(at, MARKS[random.usize(..MARKS.len())]),
        }
    }
    answer
}
