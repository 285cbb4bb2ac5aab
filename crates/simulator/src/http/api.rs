//! Handle of a running server.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use super::accept;
use super::builder::SimulatedApiBuilder;
use super::ledger::Stats;
use super::server::Server;

/// A rate-limited HTTP API on a loopback port, for tests of any client.
///
/// It runs on its own thread until it is stopped or dropped. Its limits are hidden unless a
/// [`Hint`](crate::Hint) is set. Without a vendor's [`Shape`](crate::Shape), requests that the limits accept get
/// these responses (each path is also valid under `/v1`):
///
/// | request | response |
/// |---|---|
/// | `GET /pages/{id}` | a page with that id, in Notion's form |
/// | `POST /databases/{id}/query` | `results`, `has_more` and `next_cursor` of a collection; the body may hold `start_cursor` and `page_size` (1 to 100, default 100) |
/// | any method, `/status/{code}` | that status |
/// | anything else | 200 and JSON that describes the request, without the values of its headers |
///
/// Refused requests get status 429 (403 in GitHub's shape), or the one set by
/// [`refusal_status`](SimulatedApiBuilder::refusal_status).
/// A request counts against a concurrency limit from the decision of the limits until the last byte of its
/// response is sent to the operating system.
///
/// ```
/// use api_ratelimiter_simulator::{Hint, Limit, SimulatedApi};
///
/// let api = SimulatedApi::builder()
///     .limit(Limit::token_bucket(20.0, 2.0)?)
///     .hint(Hint::RetryAfterSeconds)
///     .start()?;
///
/// let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
/// let url = format!("{}/pages/42", api.base_url());
/// let page = agent.get(&url).call()?.body_mut().read_to_string()?;
/// assert!(page.contains(r#""id":"42""#));
/// assert_eq!(api.served("/pages/42"), 1);
/// assert_eq!(api.stats().refused, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SimulatedApi {
    address: SocketAddr,
    server: Arc<Server>,
    running: Mutex<Option<ServerThread>>,
    end: Arc<EndSignal>,
}

/// Signal that the server's thread has ended.
#[derive(Debug, Default)]
struct EndSignal {
    ended: Mutex<bool>,
    changed: Condvar,
}

/// Sends the signal when it is dropped, also after a panic.
struct SignalOnDrop(Arc<EndSignal>);

impl Drop for SignalOnDrop {
    fn drop(&mut self) {
        *self.0.ended.lock() = true;
        self.0.changed.notify_all();
    }
}

/// The thread of a running server.
struct ServerThread {
    /// Dropping it stops the thread.
    _stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl SimulatedApi {
    /// Returns a builder with the default settings: no limits, no hints, no faults.
    pub fn builder() -> SimulatedApiBuilder {
        SimulatedApiBuilder::new()
    }

    /// Binds the port and starts the thread.
    pub(super) fn start(port: u16, server: Server) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        // One thread serves all connections: requests are decided in the order in which they arrive.
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let server = Arc::new(server);
        let (stop, stopped) = oneshot::channel();
        let end = Arc::new(EndSignal::default());
        let thread = {
            let server = Arc::clone(&server);
            let name = String::from("simulated-api");
            let signal = SignalOnDrop(Arc::clone(&end));
            let run = move || {
                let _signal = signal;
                serve(runtime, listener, server, stopped);
            };
            std::thread::Builder::new().name(name).spawn(run)?
        };
        let running = Mutex::new(Some(ServerThread {
            _stop: stop,
            thread,
        }));
        Ok(Self {
            address,
            server,
            running,
            end,
        })
    }

    /// Returns the base URL: `http://127.0.0.1:` and the port, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the address of the server.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Returns the counts since the start. They are also available after a stop.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.server.stats()
    }

    /// Returns how often a request was served.
    ///
    /// `"/path?query"` counts all methods and bodies, `"POST /path?query"` one method with all bodies. The
    /// query must match: `"/path"` counts only requests without a query.
    #[must_use]
    pub fn served(&self, request: &str) -> u64 {
        self.server.served(request)
    }

    /// Returns the maximum number of requests that were accepted in any stretch of time as long as `window`.
    ///
    /// Under `sliding-window:50/10s` it is at most 50 for ten seconds.
    #[must_use]
    pub fn most_accepted_in(&self, window: Duration) -> usize {
        self.server.most_accepted_in(window)
    }

    /// Blocks until another thread calls [`stop`](Self::stop), for a server in the foreground.
    ///
    /// ```
    /// use api_ratelimiter_simulator::SimulatedApi;
    ///
    /// let api = SimulatedApi::builder().start()?;
    /// std::thread::scope(|threads| {
    ///     threads.spawn(|| api.stop()); // For example in a handler of Ctrl-C.
    ///     api.wait();
    /// });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn wait(&self) {
        let mut ended = self.end.ended.lock();
        while !*ended {
            self.end.changed.wait(&mut ended);
        }
    }

    /// Stops the server: closes all connections at once and frees the port.
    ///
    /// Returns when the server's thread has ended. A second call does nothing.
    pub fn stop(&self) {
        let running = self.running.lock().take();
        if let Some(ServerThread {
            _stop: stop,
            thread,
        }) = running
        {
            drop(stop);
            // The thread has reported a panic already.
            let _ = thread.join();
        }
    }
}

impl Drop for SimulatedApi {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for SimulatedApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedApi")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// Serves until the stop. Then the runtime is dropped, and all connections with it.
fn serve(
    runtime: Runtime,
    listener: TcpListener,
    server: Arc<Server>,
    stopped: oneshot::Receiver<()>,
) {
    runtime.block_on(async {
        // This fails only outside a runtime.
        let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
            return;
        };
        tokio::spawn(accept::serve(listener, server));
        let _ = stopped.await;
    });
}
