//! A server whose answers a test decides, one request after the other on each connection.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// The empty object.
pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

/// Counts what is asked for; a gate is shut until it is opened.
pub(crate) struct Server {
    pub(crate) base_url: String,
    asked: Arc<AtomicUsize>,
    opened: Arc<AtomicBool>,
}

impl Server {
    /// `answer` is told a request's first line, and whether the gate is open; `None`: ask again in a moment.
    pub(crate) fn start(
        answer: impl Fn(&str, bool) -> Option<&'static str> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let base_url = format!("http://{}", listener.local_addr().expect("an address"));
        let (asked, opened) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let server = Self {
            base_url,
            asked: Arc::clone(&asked),
            opened: Arc::clone(&opened),
        };
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let (asked, opened) = (Arc::clone(&asked), Arc::clone(&opened));
                let answer = Arc::clone(&answer);
                std::thread::spawn(move || {
                    let mut reader = BufReader::new(stream.try_clone().expect("a handle"));
                    let mut first = String::new();
                    while reader.read_line(&mut first).is_ok_and(|bytes| bytes > 0) {
                        let mut line = String::new();
                        while reader.read_line(&mut line).is_ok_and(|bytes| bytes > 2) {
                            line.clear();
                        }
                        asked.fetch_add(1, Ordering::SeqCst);
                        let answer = loop {
                            match answer(&first, opened.load(Ordering::SeqCst)) {
                                Some(answer) => break answer,
                                None => std::thread::sleep(Duration::from_millis(5)),
                            }
                        };
                        if stream.write_all(answer.as_bytes()).is_err() {
                            return;
                        }
                        first.clear();
                    }
                });
            }
        });
        server
    }

    /// Answers at once, but to `/pages/1` only when the gate is open.
    pub(crate) fn with_a_slow_first_page() -> Self {
        Self::start(|first, is_open| {
            let is_held = first.starts_with("GET /pages/1 ") && !is_open;
            (!is_held).then_some(OK)
        })
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    pub(crate) fn open(&self) {
        self.opened.store(true, Ordering::SeqCst);
    }
}
