//! The handle on a running server.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::handler::Handler;
use parking_lot::{Condvar, Mutex};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use super::builder::SimulatedApiBuilder;
use super::ledger::Stats;
use super::server::{Server, handle};
use super::wire::{ScriptHandle, Wires};

/// A rate-limited HTTP API on a loopback port, to try scripts against.
///
/// It runs on a thread of its own until it is stopped or dropped. Its limits are hidden unless a
/// [`Hint`](super::Hint) tells of them. What it answers to requests that the limits accept (each path
/// also under `/v1`), unless it has a vendor's [`Shape`](super::Shape):
///
/// | request | answer |
/// |---|---|
/// | `GET /pages/{id}` | a page in Notion's form with that id |
/// | `POST /databases/{id}/query` | `results`, `has_more` and `next_cursor` of a collection; the body may hold `start_cursor` and `page_size` (1 to 100, default 100) |
/// | any method, `/status/{code}` | that status |
/// | anything else | 200 and JSON that describes the request, without the values of its headers |
///
/// To the others it answers 429 (GitHub's shape: 403), or what
/// [`refusal_status`](SimulatedApiBuilder::refusal_status) says.
/// A request counts against a concurrency limit from the moment the limits are asked until the last
/// byte of its answer is handed to the operating system.
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
    running: Mutex<Option<Running>>,
    ended: Arc<Ended>,
}

/// Whether the thread has ended, for those who wait for it.
#[derive(Debug, Default)]
struct Ended {
    yes: Mutex<bool>,
    changed: Condvar,
}

/// Tells on its drop, so that a panic ends the waiting, too.
struct TellEnd(Arc<Ended>);

impl Drop for TellEnd {
    fn drop(&mut self) {
        *self.0.yes.lock() = true;
        self.0.changed.notify_all();
    }
}

struct Running {
    /// The thread waits for this to be dropped.
    _stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl SimulatedApi {
    /// Settings to start from: no limits, no hints, no faults.
    pub fn builder() -> SimulatedApiBuilder {
        SimulatedApiBuilder::new()
    }

    pub(super) fn start(port: u16, server: Server) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        // One thread serves all: it is fast enough, and requests are decided in the order they arrive.
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let server = Arc::new(server);
        let (stop, stopped) = oneshot::channel();
        let ended = Arc::new(Ended::default());
        let thread = {
            let server = Arc::clone(&server);
            let name = String::from("simulated-api");
            let tell_end = TellEnd(Arc::clone(&ended));
            let run = move || {
                let _tell_end = tell_end;
                serve(runtime, listener, server, stopped);
            };
            std::thread::Builder::new().name(name).spawn(run)?
        };
        let running = Mutex::new(Some(Running {
            _stop: stop,
            thread,
        }));
        Ok(Self {
            address,
            server,
            running,
            ended,
        })
    }

    /// Where to send requests: `http://127.0.0.1:` and the port, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address it listens on.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Counts since the start; they can be asked for after a stop, too.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.server.stats()
    }

    /// How often a request was served.
    ///
    /// Either `"/path?query"`, summed over methods and bodies, or `"POST /path?query"`, summed over
    /// bodies. The query belongs to it: `"/path"` means only requests without one.
    #[must_use]
    pub fn served(&self, request: &str) -> u64 {
        self.server.served(request)
    }

    /// The most requests that were accepted in any stretch of time as long as `window`.
    ///
    /// What a limit let through at its worst: under `sliding-window:50/10s` never more than 50 in ten
    /// seconds.
    #[must_use]
    pub fn most_accepted_in(&self, window: Duration) -> usize {
        self.server.most_accepted_in(window)
    }

    /// Blocks until it is stopped by [`stop`](Self::stop) on another thread: a server in the foreground.
    ///
    /// ```
    /// use api_ratelimiter_simulator::SimulatedApi;
    ///
    /// let api = SimulatedApi::builder().start()?;
    /// std::thread::scope(|threads| {
    ///     threads.spawn(|| api.stop()); // What a handler of Ctrl-C would do.
    ///     api.wait();
    /// });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn wait(&self) {
        let mut ended = self.ended.yes.lock();
        while !*ended {
            self.ended.changed.wait(&mut ended);
        }
    }

    /// Stops it: connections are closed, whatever they are doing, and the port is free again.
    ///
    /// Returns when its thread has ended. Stopping twice, or dropping it afterwards, does nothing more.
    pub fn stop(&self) {
        let running = self.running.lock().take();
        if let Some(Running {
            _stop: stop,
            thread,
        }) = running
        {
            drop(stop);
            // A panic there has been reported by the thread itself.
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

/// Serves until the stop; then the runtime is dropped and all connections with it.
fn serve(
    runtime: Runtime,
    listener: TcpListener,
    server: Arc<Server>,
    stopped: oneshot::Receiver<()>,
) {
    runtime.block_on(async {
        // Fails only outside of a runtime.
        let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
            return;
        };
        let service = handle.with_state(Arc::clone(&server));
        let service = service.into_make_service_with_connect_info::<ScriptHandle>();
        tokio::spawn(axum::serve(Wires { listener, server }, service).into_future());
        let _ = stopped.await;
    });
}
