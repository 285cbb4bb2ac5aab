//! The async client and `acquire_async`: order, cancellation, runtimes, streams.

mod answers;
mod cancellation;
#[cfg(feature = "rustls")]
mod https;
mod order;
#[allow(
    dead_code,
    reason = "another test's server, of which this one needs a part"
)]
#[path = "../common/server.rs"]
mod server;
mod wakers;

use std::future::Future;
use std::time::Duration;

use api_ratelimiter::{
    ApiRateConfig, AsyncClientBuilder, AsyncDynamicAPIClient, BucketConfig, Timeouts,
};
use tokio::runtime::{Builder, Runtime};

/// Returns the configuration of a fast API with the shortest pauses, so that the limiter delays no test.
fn config(base_url: &str) -> ApiRateConfig {
    ApiRateConfig {
        name: "tested".into(),
        base_url: base_url.into(),
        initial_rate: 1000.0,
        min_rate: 100.0,
        max_rate: 1000.0,
        default_cooldown: Some(Duration::from_millis(1)),
        bucket: BucketConfig::of(1000.0, 1000.0),
        ..Default::default()
    }
}

/// Returns a limiter of one permit per second without a burst.
fn slow() -> ApiRateConfig {
    ApiRateConfig {
        initial_rate: 1.0,
        min_rate: 1.0,
        max_rate: 1.0,
        bucket: BucketConfig::of(1.0, 1.0),
        ..config("http://127.0.0.1:9")
    }
}

/// Returns timeouts that expire only in tests of timeouts.
fn ample() -> Timeouts {
    let long = Duration::from_secs(15);
    Timeouts::default()
        .connect(long)
        .send(long)
        .first_byte(long)
        .between_bytes(long)
        .body(long)
}

fn builder(base_url: &str) -> AsyncClientBuilder {
    AsyncDynamicAPIClient::builder(config(base_url))
        .no_proxy()
        .timeouts(ample())
}

fn client(base_url: &str) -> AsyncDynamicAPIClient {
    builder(base_url).build().expect("a valid client")
}

fn current_thread() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

fn multi_thread() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    current_thread().block_on(future)
}
