//! A test server with the pagination of a vendor.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};

use serde_json::{Value, json};

/// A received request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    /// Method, path and query.
    pub(crate) line: String,
    pub(crate) path: String,
    pub(crate) query: HashMap<String, String>,
    pub(crate) authorization: String,
}

/// A server that runs until it is dropped.
pub(crate) struct Vendor {
    address: SocketAddr,
    requests: Receiver<Request>,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Vendor {
    /// Starts a server with Vanta's list of tests: a cursor in `pageInfo`.
    pub(crate) fn vanta(tests: usize) -> Self {
        Self::start(move |request| {
            if request.path != "/v1/tests" {
                return (404, Value::Null);
            }
            let size: usize = number(request, "pageSize").unwrap_or(10);
            let from: usize = number(request, "pageCursor").unwrap_or(0);
            let to = tests.min(from + size);
            let data: Vec<_> = (from..to)
                .map(|n| json!({"id": format!("test-{n}"), "name": format!("Test {n}"), "status": "NEEDS_ATTENTION"}))
                .collect();
            let page_info = json!({
                "startCursor": from.to_string(), "endCursor": to.to_string(),
                "hasNextPage": to < tests, "hasPreviousPage": from > 0,
            });
            (
                200,
                json!({"results": {"data": data, "pageInfo": page_info}}),
            )
        })
    }

    /// Starts a server with Fieldguide's list of engagements: numbered pages and links. Refuses the first request.
    pub(crate) fn fieldguide(engagements: usize) -> Self {
        let refused = AtomicBool::new(false);
        Self::start(move |request| {
            if request.path != "/v1/engagements" {
                return (404, Value::Null);
            }
            if !refused.swap(true, Ordering::Relaxed) {
                return (429, json!({"message": "Too many requests"}));
            }
            let size: usize = number(request, "per_page").unwrap_or(50);
            let page: usize = number(request, "page").unwrap_or(1);
            let (from, to) = ((page - 1) * size, engagements.min(page * size));
            let data: Vec<_> = (from..to)
                .map(|n| json!({"uuid": format!("uuid-{n}"), "name": format!("Audit {n}"), "status": "Pending"}))
                .collect();
            let mut links = json!({"self": {"href": request.path}});
            if to < engagements {
                links["next"] = json!({"href": format!("{}?page={}", request.path, page + 1)});
            }
            (200, json!({"data": data, "_links": links}))
        })
    }

    /// Starts a server that returns one fixed response.
    pub(crate) fn responding(status: u16, body: Value) -> Self {
        Self::start(move |_| (status, body.clone()))
    }

    /// Starts the server on its own thread.
    fn start(respond: impl Fn(&Request) -> (u16, Value) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (sender, requests) = mpsc::channel();
        let stopped = Arc::new(AtomicBool::new(false));
        let thread = {
            let stopped = Arc::clone(&stopped);
            thread::spawn(move || {
                for connection in listener.incoming() {
                    if stopped.load(Ordering::Relaxed) {
                        break;
                    }
                    let mut connection = connection.expect("a connection");
                    let Some(request) = read(&connection) else {
                        continue;
                    };
                    let (status, body) = respond(&request);
                    let body = body.to_string();
                    // Ignore errors: if the example has ended, its test fails by its output.
                    let _ = write!(
                        connection,
                        "HTTP/1.1 {status} Status\r\nContent-Type: application/json\r\n\
                         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
                        body.len()
                    );
                    let _ = sender.send(request);
                }
            })
        };
        Self {
            address,
            requests,
            stopped,
            thread: Some(thread),
        }
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the requests since the last call.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.try_iter().collect()
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        // Wake the thread, which waits for a connection.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Reads a request without a body. Returns `None` if the connection ends first.
fn read(connection: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(connection).lines().map_while(Result::ok);
    let line = lines.next()?;
    let line = line.strip_suffix(" HTTP/1.1")?.to_owned();
    let target = line.split_once(' ')?.1;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query = query.split('&').filter_map(|pair| pair.split_once('='));
    let mut request = Request {
        path: path.to_owned(),
        query: query
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
        line,
        ..Request::default()
    };
    for header in lines.take_while(|line| !line.is_empty()) {
        if let Some((name, value)) = header.split_once(": ") {
            if name.eq_ignore_ascii_case("authorization") {
                request.authorization = value.to_owned();
            }
        }
    }
    Some(request)
}

/// Reads a number from the query.
fn number(request: &Request, key: &str) -> Option<usize> {
    request.query.get(key)?.parse().ok()
}
