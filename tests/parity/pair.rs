//! A client of either front for the same server.

use std::time::Duration;

use api_ratelimiter::{
    ApiRateConfig, AsyncDynamicAPIClient, BucketConfig, DynamicAPIClient, Result, Timeouts,
};

/// Result of a call: the status and the whole body.
pub(crate) type Outcome = Result<(u16, Vec<u8>)>;

/// Returns the configuration of a fast API with the shortest pauses.
fn config(url: &str) -> ApiRateConfig {
    ApiRateConfig {
        name: "tested".into(),
        base_url: url.into(),
        initial_rate: 1000.0,
        min_rate: 100.0,
        max_rate: 1000.0,
        default_cooldown: Some(Duration::from_millis(1)),
        bucket: BucketConfig::of(1000.0, 1000.0),
        ..Default::default()
    }
}

/// Applies the settings to a builder of either client. The builders have different types.
macro_rules! built {
    ($client:ident, $url:expr, $patience:expr) => {{
        let timeouts = Timeouts::default()
            .connect($patience)
            .send($patience)
            .first_byte($patience)
            .between_bytes($patience)
            .body($patience);
        $client::builder(config($url))
            .no_proxy()
            .timeouts(timeouts)
            .max_retries_on_backoff(1)
            .max_cooldown(Duration::from_millis(5))
            .max_body(300_000)
            .build()
            .expect("a valid client")
    }};
}

/// Sends a request by the blocking client and reads its body. Each wait for the server lasts at most `patience`.
pub(crate) fn blocking(url: &str, method: &str, path: &str, patience: Duration) -> Outcome {
    let response = built!(DynamicAPIClient, url, patience)
        .request(method, path)
        .send()?;
    let status = response.status().as_u16();
    response.bytes().map(|body| (status, body))
}

/// Does the same by the async client.
pub(crate) fn asynchronous(url: &str, method: &str, path: &str, patience: Duration) -> Outcome {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let client = built!(AsyncDynamicAPIClient, url, patience);
        let response = client.request(method, path).send().await?;
        let status = response.status().as_u16();
        response.bytes().await.map(|body| (status, body))
    })
}
