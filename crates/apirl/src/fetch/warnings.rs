//! What the library warns of and no event tells: a credential in the clear, a folder that can't be used.

use log::kv::Key;
use log::{Level, LevelFilter, Log, Metadata, Record};
use parking_lot::Mutex;

/// Kept until somebody says it, so that it does not run into the bar.
static HEARD: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Ear;

/// Of this library's lines only: its transport's show what is sent.
const TARGET: &str = "api_ratelimiter";

/// Of warnings that are no news about the limiter: where a credential goes, and the file in question.
const KEYS: [&str; 2] = ["origin", "path"];

impl Log for Ear {
    fn enabled(&self, about: &Metadata<'_>) -> bool {
        about.level() <= Level::Warn && about.target() == TARGET
    }

    fn log(&self, record: &Record<'_>) {
        let has = |key| record.key_values().get(Key::from_str(key)).is_some();
        if self.enabled(record.metadata()) && KEYS.into_iter().any(has) {
            HEARD.lock().push(format!("warning: {}", record.args()));
        }
    }

    fn flush(&self) {}
}

/// From now on.
pub(crate) fn listen() {
    // A second time is as good as the first.
    let _ = log::set_logger(&Ear);
    log::set_max_level(LevelFilter::Warn);
}

/// What was heard since the last time.
pub(crate) fn take() -> Vec<String> {
    std::mem::take(&mut HEARD.lock())
}
