//! Events and observers.

#[path = "../common/server.rs"]
#[allow(dead_code, reason = "the helper has more than is needed here")]
mod server;

mod calls;
mod conduct;
mod guide;
mod limiter;
mod outage;
mod totals;
mod warnings;

use std::sync::{Arc, Mutex};

use api_ratelimiter::{ApiRateConfig, BucketConfig, Event, Learning, Observer};

/// Observer that keeps every event.
#[derive(Default)]
struct Recorder(Mutex<Vec<Event>>);

impl Observer for Recorder {
    fn on_event(&self, event: &Event) {
        self.0.lock().expect("not poisoned").push(event.clone());
    }
}

impl Recorder {
    fn events(&self) -> Vec<Event> {
        self.0.lock().expect("not poisoned").clone()
    }

    /// Returns the kinds of the events, as JSON names them.
    fn kinds(&self) -> Vec<String> {
        let kind = |event: &Event| json(event)["event"].as_str().expect("a kind").to_owned();
        self.events().iter().map(kind).collect()
    }
}

fn recorder() -> Arc<Recorder> {
    Arc::default()
}

fn json(event: &Event) -> serde_json::Value {
    serde_json::to_value(event).expect("plain data")
}

/// Returns the configuration of a hundred per second, one by one, without learning, with pauses of
/// milliseconds.
fn quick(name: &str, base_url: &str) -> ApiRateConfig {
    ApiRateConfig {
        name: name.into(),
        base_url: base_url.into(),
        initial_rate: 100.0,
        min_rate: 1.0,
        max_rate: 200.0,
        increase_step: 10.0,
        decrease_factor: 0.5,
        default_cooldown: Some(std::time::Duration::from_millis(4)),
        bucket: BucketConfig::of(1.0, 1.0),
        learning: Learning::Off,
        ..Default::default()
    }
}
