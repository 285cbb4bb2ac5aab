//! A server whose responses a test chooses. Each connection serves one request after the other.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// A response with an empty object.
pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

/// Counts requests, and has a gate that a test can open.
pub(crate) struct Server {
    pub(crate) base_url: String,
    requests: Arc<AtomicUsize>,
    opened: Arc<AtomicBool>,
}

impl Server {
    /// Starts a server. `respond` gets the first line of a request and whether the gate is open. If it returns `None`, it
    /// is called again after a moment.
    pub(crate) fn start(
        respond: impl Fn(&str, bool) -> Option<&'static str> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let base_url = format!("http://{}", listener.local_addr().expect("an address"));
        let (requests, opened) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let server = Self {
            base_url,
            requests: Arc::clone(&requests),
            opened: Arc::clone(&opened),
        };
        let respond = Arc::new(respond);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let (requests, opened) = (Arc::clone(&requests), Arc::clone(&opened));
                let respond = Arc::clone(&respond);
                std::thread::spawn(move || {
                    let mut reader = BufReader::new(stream.try_clone().expect("a handle"));
                    let mut first = String::new();
                    while reader.read_line(&mut first).is_ok_and(|bytes| bytes > 0) {
                        let mut line = String::new();
                        while reader.read_line(&mut line).is_ok_and(|bytes| bytes > 2) {
                            line.clear();
                        }
                        requests.fetch_add(1, Ordering::SeqCst);
                        let response = loop {
                            match respond(&first, opened.load(Ordering::SeqCst)) {
                                Some(response) => break response,
                                None => std::thread::sleep(Duration::from_millis(5)),
                            }
                        };
                        if stream.write_all(response.as_bytes()).is_err() {
                            return;
                        }
                        first.clear();
                    }
                });
            }
        });
        server
    }

    /// Starts a server that responds at once, except to `/pages/1`, which waits for the gate.
    pub(crate) fn with_a_slow_first_page() -> Self {
        Self::start(|first, is_open| {
            let is_held = first.starts_with("GET /pages/1 ") && !is_open;
            (!is_held).then_some(OK)
        })
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    pub(crate) fn open(&self) {
        self.opened.store(true, Ordering::SeqCst);
    }
}
