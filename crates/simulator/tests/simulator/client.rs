//! Two test clients: an HTTP client, and one for the bytes of a connection.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use api_ratelimiter_simulator::{Limit, SimulatedApi};

/// Timeout of every wait in a test.
const PATIENCE: Duration = Duration::from_secs(20);

/// Time without bytes after which a connection on loopback counts as silent.
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
    agent.get(url).call().expect("a response")
}

/// Sends `count` requests one after the other and returns their statuses.
pub(crate) fn statuses(
    agent: &ureq::Agent,
    api: &SimulatedApi,
    path: &str,
    count: usize,
) -> Vec<u16> {
    let status = |_| {
        let mut response = get(agent, api, path);
        // Read the whole body, so that the connection can be used again.
        response.body_mut().read_to_vec().expect("a body");
        response.status().as_u16()
    };
    (0..count).map(status).collect()
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

/// Waits until `is_so` returns true. Panics after the timeout.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..PATIENCE.as_millis() {
        if is_so() {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
    panic!("timeout: {what}");
}

/// How reading a connection ended.
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

    /// Reads until the connection ends, or until silence once `enough` has arrived. Returns the received text
    /// and how reading ended.
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

/// Returns whether at least the share `parts / of` of the body has arrived.
pub(crate) fn has_body(response: &str, parts: usize, of: usize) -> bool {
    response.contains("\r\n\r\n") && {
        let (length, body) = body_of(response);
        body.len() >= length * parts / of
    }
}

/// Returns the announced length of a body and the part that arrived.
pub(crate) fn body_of(response: &str) -> (usize, &str) {
    let (head, body) = response.split_once("\r\n\r\n").expect("a whole head");
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .expect("a length");
    (length.parse().expect("a number"), body)
}
