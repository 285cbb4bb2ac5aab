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
//! | path | content |
//! |---|---|
//! | `/` | the page: one file, no outside requests |
//! | `/events` | server-sent events: first the last minutes, then a sample every half second |
//! | `/snapshot.json` | the newest sample |
//! | `/metrics` | the metrics of [`prometheus`](crate::prometheus) |
//!
//! The page is read-only: nothing on it changes a limiter. It shows names, labels and figures, never an
//! address or a credential. There is no password, so it listens only on loopback addresses, unless
//! [`DashboardBuilder::allow_remote`] allows others. A request with an unknown name as its `Host` is
//! rejected, so that no web site can read the page through the user's browser (DNS rebinding).
//!
//! At most 64 connections are open at a time, on Linux also no more than an eighth of the descriptors that the process
//! may open, and further ones are closed at once: the descriptors are those of the job. A connection ends if the head of a request takes longer than 10 s, if it is idle for as long, or if its reader takes
//! nothing for 30 s.

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

mod connections;
mod routes;
mod samples;
mod stream;

use connections::ConnectionBounds;
use samples::Samples;

/// Serves the page about a client, blocking or async, or about a limiter, on `address`, such as
/// `127.0.0.1:9465`. Port 0 chooses a free port.
///
/// # Errors
///
/// As for [`DashboardBuilder::start`].
pub fn serve(address: &str, client: &impl AsRef<DynamicRateLimiter>) -> Result<Dashboard> {
    builder().watch(client.as_ref()).start(address)
}

/// Returns a builder for a page about several limiters, or for one that other machines can reach.
pub fn builder() -> DashboardBuilder {
    DashboardBuilder {
        limiters: Vec::new(),
        remote_names: None,
    }
}

/// Builder of a [`Dashboard`]; returned by [`builder`].
#[derive(Debug)]
#[must_use]
pub struct DashboardBuilder {
    limiters: Vec<DynamicRateLimiter>,
    remote_names: Option<Vec<String>>,
}

impl DashboardBuilder {
    /// Adds a limiter to the page.
    pub fn watch(mut self, limiter: &DynamicRateLimiter) -> Self {
        self.limiters.push(limiter.clone());
        self
    }

    /// Allows addresses that other machines can reach. There is no password and no encryption: everyone who
    /// reaches the port sees the page. `names` are the host names by which the page is reached, such as
    /// `job-7.internal`. IP addresses and `localhost` are always accepted.
    pub fn allow_remote<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        let names = names
            .into_iter()
            .map(|name| name.into().to_ascii_lowercase());
        self.remote_names = Some(names.collect());
        self
    }

    /// Starts to serve the page on a thread of its own, until the [`Dashboard`] is dropped.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] if `address` is not an IP address with a port, if other machines can reach it
    /// without [`allow_remote`](Self::allow_remote), or if the page can't listen on it.
    pub fn start(self, address: &str) -> Result<Dashboard> {
        let bad = |problem: &dyn fmt::Display| Error::config("dashboard", "address", problem);
        // Check the address and listen on it.
        let wanted: SocketAddr = address.parse().map_err(|error| {
            bad(&format_args!(
                "{address:?} is not a valid address (expected an IP address with a port, such as 127.0.0.1:9465): {error}"
            ))
        })?;
        if !wanted.ip().is_loopback() && self.remote_names.is_none() {
            return Err(bad(&format_args!(
                "{wanted} can be reached by other machines; use 127.0.0.1, or allow_remote"
            )));
        }
        let failed = |error| bad(&format_args!("can't listen on {wanted}: {error}"));
        let listener = TcpListener::bind(wanted).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;

        // Collect metrics and samples of the limiters.
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
        // Serve on a thread of its own.
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
                    let page = routes::router(watched);
                    let bounds = ConnectionBounds::of_a_page();
                    tokio::select! {
                        // The dashboard drops the sender when it ends.
                        _ = stopped => {}
                        () = connections::serve(listener, page, bounds) => {}
                    }
                    sampling.abort();
                });
                // Open streams would delay a normal shutdown for ever.
                runtime.shutdown_background();
            })
            .map_err(failed)?;
        Ok(Dashboard {
            address,
            running: Some((stop, thread)),
        })
    }
}

/// A page that is being served. Dropping it stops the server.
#[must_use = "the page is served until this is dropped"]
pub struct Dashboard {
    address: SocketAddr,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Dashboard {
    /// Returns the address on which the page listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the URL of the page.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            drop(stop);
            // Ignore a panic of the page's thread: `drop` must not panic.
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

#[cfg(test)]
mod tests {
    use super::*;
    use api_ratelimiter_core::config::ApiRateConfig;

    #[test]
    fn a_page_that_has_ended_leaves_no_observer_behind() {
        let limiter = DynamicRateLimiter::new(&ApiRateConfig::default()).expect("valid");
        for _ in 0..20 {
            let page = serve("127.0.0.1:0", &limiter).expect("it starts");
            assert_eq!(limiter.observers(), 1);
            drop(page);
            assert_eq!(limiter.observers(), 0);
        }
    }
}
