//! A scripted HTTP server on raw sockets. It sends the bytes that a test defines and records requests.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Timeout of every read and write, far longer than a test takes.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A received request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Number of its connection, from 0.
    pub(crate) connection: usize,
    /// Method and target: `GET /path?query`.
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// Returns all values of that header, joined by ` | `; `None` if there is none.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let values: Vec<&str> = self
            .headers
            .iter()
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .collect();
        (!values.is_empty()).then(|| values.join(" | "))
    }

    /// Returns the names of all headers in alphabetical order.
    pub(crate) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.headers.iter().map(|(key, _)| key.as_str()).collect();
        names.sort_unstable();
        names
    }
}

/// Whether the connection stays open after a response.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum After {
    Keep,
    Close,
}

#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    requests: Mutex<Vec<Request>>,
    stopped: AtomicBool,
}

pub(crate) struct Server {
    addr: SocketAddr,
    seen: Arc<Seen>,
}

impl Server {
    /// Starts a server that passes each accepted connection to `serve`, with its number.
    pub(crate) fn raw(serve: impl Fn(usize, TcpStream) + Send + Sync + 'static) -> Self {
        Self::with(Arc::default(), serve)
    }

    fn with(seen: Arc<Seen>, serve: impl Fn(usize, TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let addr = listener.local_addr().expect("an address");
        let noted = Arc::clone(&seen);
        let serve = Arc::new(serve);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if noted.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let number = noted.connections.fetch_add(1, Ordering::SeqCst);
                stream
                    .set_read_timeout(Some(TIMEOUT))
                    .expect("a valid timeout");
                stream
                    .set_write_timeout(Some(TIMEOUT))
                    .expect("a valid timeout");
                stream.set_nodelay(true).expect("a socket option");
                let serve = Arc::clone(&serve);
                thread::spawn(move || serve(number, stream));
            }
        });
        Self { addr, seen }
    }

    /// Starts a server that passes each request to `respond`, with its number over all connections, from 0.
    /// `respond` writes the response itself. An error closes the connection.
    pub(crate) fn of(
        respond: impl Fn(usize, &Request, &mut TcpStream) -> io::Result<After> + Send + Sync + 'static,
    ) -> Self {
        let seen = Arc::<Seen>::default();
        let noted = Arc::clone(&seen);
        Self::with(seen, move |connection, mut stream| {
            while let Ok(Some(request)) = read_request(connection, &mut stream) {
                let number = {
                    let mut requests = noted.requests.lock().expect("not poisoned");
                    requests.push(request.clone());
                    requests.len() - 1
                };
                match respond(number, &request, &mut stream) {
                    Ok(After::Keep) => {}
                    Ok(After::Close) | Err(_) => return,
                }
            }
        })
    }

    /// Starts a server that sends one of these responses to each request, and the last one to all that follow.
    /// Connections stay open.
    pub(crate) fn answers<A: Into<Vec<u8>>>(answers: impl IntoIterator<Item = A>) -> Self {
        Self::scripted(answers, After::Keep)
    }

    /// Starts a server like [`answers`](Self::answers) that closes the connection after each response.
    pub(crate) fn answers_and_closes<A: Into<Vec<u8>>>(
        answers: impl IntoIterator<Item = A>,
    ) -> Self {
        Self::scripted(answers, After::Close)
    }

    fn scripted<A: Into<Vec<u8>>>(answers: impl IntoIterator<Item = A>, after: After) -> Self {
        let answers: Vec<Vec<u8>> = answers.into_iter().map(Into::into).collect();
        Self::of(move |number, _, stream| {
            stream.write_all(&answers[number.min(answers.len() - 1)])?;
            Ok(after)
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub(crate) fn port(&self) -> u16 {
        self.addr.port()
    }

    /// Returns the number of accepted connections.
    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// Returns the received requests in order.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.seen.requests.lock().expect("not poisoned").clone()
    }

    /// Returns methods and targets of the received requests.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.requests()
            .into_iter()
            .map(|request| request.line)
            .collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.seen.stopped.store(true, Ordering::SeqCst);
        // Wake the thread that accepts connections.
        drop(TcpStream::connect(self.addr));
    }
}

/// Reads the next request of a connection. Returns `None` at its end.
fn read_request(connection: usize, stream: &mut TcpStream) -> io::Result<Option<Request>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte)? == 0 {
            return Ok(None);
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head);
    let mut lines = head.lines();
    let line = lines.next().unwrap_or_default();
    let line = line.strip_suffix(" HTTP/1.1").unwrap_or(line).to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .map_or(0, |(_, value)| value.parse().expect("a length"));
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(Some(Request {
        connection,
        line,
        headers,
        body,
    }))
}

/// Returns a complete response with its `Content-Length`.
pub(crate) fn answer(status: u16, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status} Some Reason\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
}

pub(crate) fn ok(body: &str) -> String {
    answer(200, "", body)
}

/// Writes `bytes` repeatedly, with a pause in between, until the client disconnects or the timeout ends.
/// Returns the number of writes.
pub(crate) fn flood(stream: &mut TcpStream, bytes: &[u8], pause: Duration) -> usize {
    let until = Instant::now() + TIMEOUT;
    let mut written = 0;
    while Instant::now() < until && stream.write_all(bytes).is_ok() {
        written += 1;
        if !pause.is_zero() {
            thread::sleep(pause);
        }
    }
    written
}

/// Sends nothing until the client disconnects.
pub(crate) fn silence(stream: &mut TcpStream) -> io::Result<After> {
    let mut rest = [0; 1024];
    while stream.read(&mut rest)? > 0 {}
    Ok(After::Close)
}
