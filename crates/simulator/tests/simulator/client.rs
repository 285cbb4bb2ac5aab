//! Two clients: one that speaks HTTP, and one that sees the bytes.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use api_ratelimiter_simulator::{Limit, SimulatedApi};

/// A test that waits longer for something hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// Long enough for anything that a server on loopback is about to send.
const SILENCE: Duration = Duration::from_millis(150);

pub(crate) type Response = ureq::http::Response<ureq::Body>;

pub(crate) fn limit(text: &str) -> Limit {
    text.parse().expect("a limit")
}

pub(crate) fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None);
    config.timeout_global(Some(PATIENCE)).build().into()
}

pub(crate) fn get(agent: &ureq::Agent, api: &SimulatedApi, path: &str) -> Response {
    let url = format!("{}{path}", api.base_url());
    agent.get(url).call().expect("an answer")
}

/// Sends so many requests one after the other; returns their statuses.
pub(crate) fn statuses(
    agent: &ureq::Agent,
    api: &SimulatedApi,
    path: &str,
    count: usize,
) -> Vec<u16> {
    let ask = |_| {
        let mut response = get(agent, api, path);
        // Read to its end, so that the connection can be used again.
        response.body_mut().read_to_vec().expect("a body");
        response.status().as_u16()
    };
    (0..count).map(ask).collect()
}

pub(crate) fn json(mut response: Response) -> serde_json::Value {
    serde_json::from_reader(response.body_mut().as_reader()).expect("JSON")
}

pub(crate) fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response
        .headers()
        .get(name)
        .map(|value| value.to_str().expect("text"))
}

/// Waits until something is so; what is awaited is certain to come, only its time is not.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..PATIENCE.as_millis() {
        if is_so() {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
    panic!("never came: {what}");
}

/// How a connection ended for someone who reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Closed,
    Reset,
    Silent,
}

/// One connection, byte by byte.
#[derive(Debug)]
pub(crate) struct Raw(TcpStream);

impl Raw {
    pub(crate) fn connect(api: &SimulatedApi) -> Self {
        Self(TcpStream::connect(api.addr()).expect("a connection"))
    }

    pub(crate) fn send(&mut self, method: &str, target: &str) {
        let request = format!("{method} {target} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n");
        self.0.write_all(request.as_bytes()).expect("sent");
    }

    /// Reads until the connection ends or, after enough has come, falls silent: what came, and how it
    /// ended.
    pub(crate) fn read(&mut self, enough: impl Fn(&str) -> bool) -> (String, End) {
        let mut received = String::new();
        let mut buffer = [0; 4096];
        let end = loop {
            let timeout = if enough(&received) { SILENCE } else { PATIENCE };
            self.0.set_read_timeout(Some(timeout)).expect("a timeout");
            match self.0.read(&mut buffer) {
                Ok(0) => break End::Closed,
                Ok(count) => received += std::str::from_utf8(&buffer[..count]).expect("ASCII"),
                Err(error) => match error.kind() {
                    io::ErrorKind::ConnectionReset => break End::Reset,
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => break End::Silent,
                    other => panic!("unexpected: {other}"),
                },
            }
        };
        (received, end)
    }

    /// Reads until the connection ends.
    pub(crate) fn read_to_end(&mut self) -> (String, End) {
        self.read(|_| false)
    }
}

/// Whether at least this share of an answer's body is there.
pub(crate) fn has_body(answer: &str, parts: usize, of: usize) -> bool {
    answer.contains("\r\n\r\n") && {
        let (length, body) = body_of(answer);
        body.len() >= length * parts / of
    }
}

/// The announced length of a body and what of it came.
pub(crate) fn body_of(answer: &str) -> (usize, &str) {
    let (head, body) = answer.split_once("\r\n\r\n").expect("a whole head");
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .expect("a length");
    (length.parse().expect("a number"), body)
}
