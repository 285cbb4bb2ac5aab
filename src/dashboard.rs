//! A live page about the limiters of a running job.
//!
//! ```no_run
//! use api_ratelimiter::{dashboard, make_client_for};
//!
//! # fn main() -> api_ratelimiter::Result<()> {
//! let client = make_client_for("notion")?;
//! let page = dashboard::serve("127.0.0.1:9465", &client)?;
//! println!("watch it on {}", page.url());
//! # Ok(())
//! # }
//! ```
//!
//! | path | what |
//! |---|---|
//! | `/` | the page: one file, no outside requests |
//! | `/events` | server-sent events: first the last minutes, then a sample every half second |
//! | `/snapshot.json` | the newest sample |
//! | `/metrics` | the metrics of [`prometheus`](crate::prometheus) |
//!
//! The page only looks: nothing on it changes a limiter. It shows names, labels and figures, never an
//! address or a credential. Who can reach the port can read them, so it listens on loopback addresses
//! only, unless [`DashboardBuilder::allow_remote`] says otherwise; and a request whose `Host` is a name that it
//! was not told of is refused, so that no web site can read it through the browser of its owner (DNS
//! rebinding).

use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use prometheus_client::registry::Registry;
use tokio::runtime;
use tokio::sync::oneshot;

use crate::prometheus::Metrics;
use crate::rate_limiter::DynamicRateLimiter;
use api_ratelimiter_core::{Error, Result};

mod routes;
mod samples;
mod stream;

use samples::Samples;

/// Serves the page about this client, blocking or async, or this limiter on `address`, such as
/// `127.0.0.1:9465`; port 0 takes a free one.
///
/// # Errors
///
/// As for [`DashboardBuilder::start`].
pub fn serve(address: &str, client: &impl AsRef<DynamicRateLimiter>) -> Result<Dashboard> {
    builder().watch(client.as_ref()).start(address)
}

/// A page with more to say: several limiters, or another way to reach it.
pub fn builder() -> DashboardBuilder {
    DashboardBuilder {
        limiters: Vec::new(),
        remote_names: None,
    }
}

/// What a page is made of.
#[derive(Debug)]
#[must_use]
pub struct DashboardBuilder {
    limiters: Vec<DynamicRateLimiter>,
    remote_names: Option<Vec<String>>,
}

impl DashboardBuilder {
    /// Shows this limiter, too, beside the others.
    pub fn watch(mut self, limiter: &DynamicRateLimiter) -> Self {
        self.limiters.push(limiter.clone());
        self
    }

    /// Allows addresses that other machines can reach. There is no password and no encryption: everyone who
    /// reaches the port sees the page. `names` are the host names under which it is called, such as
    /// `job-7.internal`; calls by IP address and as `localhost` are always answered.
    pub fn allow_remote<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        let names = names
            .into_iter()
            .map(|name| name.into().to_ascii_lowercase());
        self.remote_names = Some(names.collect());
        self
    }

    /// Starts to serve on a thread of its own, until the [`Dashboard`] is dropped.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] if `address` is no IP address with a port, can be reached by others
    /// without [`allow_remote`](Self::allow_remote), or can't be listened on.
    pub fn start(self, address: &str) -> Result<Dashboard> {
        let bad = |problem: &dyn fmt::Display| Error::config("dashboard", "address", problem);
        let wanted: SocketAddr = address.parse().map_err(|error| {
            bad(&format_args!(
                "{address:?} is not an IP address with a port ({error}); 127.0.0.1:9465 is one"
            ))
        })?;
        if !wanted.ip().is_loopback() && self.remote_names.is_none() {
            return Err(bad(&format_args!(
                "{wanted} can be reached by others, who would see the page; use 127.0.0.1, or say allow_remote"
            )));
        }
        let failed = |error| bad(&format_args!("can't listen on {wanted}: {error}"));
        let listener = TcpListener::bind(wanted).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;

        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        for limiter in &self.limiters {
            metrics.watch(limiter);
        }
        let samples = Arc::new(Samples::new(self.limiters));
        let watched = Arc::new(routes::PageState {
            samples: Arc::clone(&samples),
            registry,
            names: self.remote_names.unwrap_or_default(),
        });
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("dashboard".into())
            .spawn(move || {
                runtime.block_on(async {
                    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
                        return;
                    };
                    let sampling = tokio::spawn(samples::take_forever(samples));
                    let serving = axum::serve(listener, routes::router(watched));
                    tokio::select! {
                        // Never sent: it ends when its other half is dropped.
                        _ = stopped => {}
                        _ = serving.into_future() => {}
                    }
                    sampling.abort();
                });
                // Streams that are open would hold it for ever.
                runtime.shutdown_background();
            })
            .map_err(failed)?;
        Ok(Dashboard {
            address,
            running: Some((stop, thread)),
        })
    }
}

/// A page that is served until this is dropped.
#[must_use = "the page is served until this is dropped"]
pub struct Dashboard {
    address: SocketAddr,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Dashboard {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The page's address, for a person.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            drop(stop);
            // A panic of the page is no reason to panic here.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Dashboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dashboard")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
