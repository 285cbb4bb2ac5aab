//! A store inside the process.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::store::{FleetKey, FleetStore, Replaced, StoreError, Stored};
use crate::clock::{Clock, SystemClock};

/// A store for workers of one process: for tests, and for several clients that should share a limit without sharing a
/// limiter.
///
/// Clones are cheap and share the content. The store keeps everything.
#[derive(Debug, Clone)]
pub struct LocalStore {
    texts: Arc<Mutex<Texts>>,
    clock: SystemClock,
}

/// Version and text of each key.
type Texts = HashMap<Box<str>, (u64, String)>;

impl LocalStore {
    /// Returns an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self {
            texts: Arc::default(),
            clock: SystemClock::new(),
        }
    }

    fn stored(&self, found: Option<&(u64, String)>) -> Stored {
        let (version, text) = found.cloned().unwrap_or_default();
        Stored {
            text,
            version,
            now: self.clock.unix_now(),
        }
    }
}

impl Default for LocalStore {
    fn default() -> Self {
        Self::new()
    }
}

impl FleetStore for LocalStore {
    fn read(&self, key: &FleetKey) -> Result<Stored, StoreError> {
        Ok(self.stored(self.texts.lock().get(key.as_str())))
    }

    fn replace(
        &self,
        key: &FleetKey,
        version: u64,
        text: &str,
        _keep: Duration,
    ) -> Result<Replaced, StoreError> {
        let mut texts = self.texts.lock();
        let place = texts.entry(key.as_str().into()).or_default();
        if place.0 != version {
            return Ok(Replaced::Other(self.stored(Some(place))));
        }
        *place = (version + 1, text.to_owned());
        Ok(Replaced::Done)
    }

    fn shown(&self) -> String {
        "this process".to_owned()
    }
}
