//! What the store holds.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::register::Register;
use crate::hash::Fnv64;
use crate::limiter::Settings;
use crate::limiter::controller::State;
use crate::rate::Rate;
use crate::time::Time;

/// Version of the record's form and of the law that its state belongs to: another one is not read.
const FORMAT: u32 = 1;

/// How far a record may lie in the future: clocks of stores that take over from each other differ a little.
const AHEAD: Duration = Duration::from_secs(2);

/// The fleet's one state, as text in the store. Its size does not depend on the number of workers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    format: u32,
    /// Of the settings: a fleet whose workers disagree about them has no common law.
    settings: u64,
    /// When it was written, by the store's clock.
    pub(super) at: Time,
    pub(super) state: State,
    pub(super) register: Register,
}

impl Record {
    pub(super) const fn new(settings: u64, at: Time, state: State, register: Register) -> Self {
        Self {
            format: FORMAT,
            settings,
            at,
            state,
            register,
        }
    }

    /// The text in the store.
    ///
    /// # Panics
    ///
    /// Never: it is plain numbers.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("plain numbers")
    }

    /// What a text in the store says; `None` if it is of another version, damaged, or from a time to come.
    pub fn read(text: &str, now: Time) -> Option<Self> {
        let record: Self = serde_json::from_str(text).ok()?;
        let is_ours = record.format == FORMAT && record.at <= now + AHEAD;
        is_ours.then_some(record)
    }

    /// What people are shown of it: the workers; rate, ceiling and what is left of the pause; how old it is.
    pub fn glance(&self, now: Time) -> (u32, (Rate, Option<Rate>, Duration), Duration) {
        let workers = self.register.workers();
        (
            workers,
            self.state.glance(now),
            now.saturating_since(self.at),
        )
    }

    /// Whether its workers have these settings.
    pub(super) const fn is_of(&self, settings: u64) -> bool {
        self.settings == settings
    }
}

/// The same number for the same settings, on every machine. Reads them as they are shown: floats with all their
/// digits, and every field.
pub(crate) fn fingerprint(settings: &Settings) -> u64 {
    let shown = format!("{settings:?}");
    Fnv64::of(shown.as_bytes()).value()
}
