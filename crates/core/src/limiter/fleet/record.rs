//! The record in the store.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::turns::Turns;
use crate::limiter::settings::Settings;
use crate::limiter::state::State;
use crate::rate::Rate;
use crate::time::Time;

/// Version of the record's format and of the rate law. Records of other versions are ignored.
const FORMAT: u32 = 4;

/// How far a record may lie in the future: the clocks of a store and its replacement differ a little.
const AHEAD: Duration = Duration::from_secs(2);

/// The state of a fleet, kept as text in the store. Its size does not depend on the number of workers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    format: u32,
    /// Fingerprint of the settings. Workers with other settings can't share the state.
    settings: u64,
    /// When it was written, by the store's clock.
    pub(super) at: Time,
    pub(super) state: State,
    pub(super) turns: Turns,
}

impl Record {
    pub(super) const fn new(settings: u64, at: Time, state: State, turns: Turns) -> Self {
        Self {
            format: FORMAT,
            settings,
            at,
            state,
            turns,
        }
    }

    /// Returns the text for the store.
    ///
    /// # Panics
    ///
    /// Never: plain numbers can always be written as JSON.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("plain numbers")
    }

    /// Parses a text from the store. Returns `None` if it is damaged, of another version, or from the future.
    #[must_use]
    pub fn read(text: &str, now: Time) -> Option<Self> {
        let record: Self = serde_json::from_str(text).ok()?;
        let is_ours = record.format == FORMAT && record.at <= now + AHEAD;
        is_ours.then_some(record)
    }

    /// Returns what people are shown of the fleet at `now`.
    #[must_use]
    pub fn summary(&self, now: Time) -> RecordSummary {
        let (rate, ceiling, pause_left) = self.state.summary(now);
        RecordSummary {
            workers: self.turns.workers(),
            rate,
            ceiling,
            pause_left,
            age: now.saturating_since(self.at),
        }
    }

    /// Returns whether workers with these settings can have written it by `now`.
    pub(super) fn is_plausible(&self, settings: &Settings, now: Time) -> bool {
        self.state.is_plausible(settings, now) && self.turns.is_plausible(now)
    }

    /// Returns whether its workers have the settings of this fingerprint.
    pub(super) const fn is_of(&self, settings: u64) -> bool {
        self.settings == settings
    }
}

/// Summary of a fleet's record for people.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RecordSummary {
    /// Number of workers.
    pub workers: u32,
    /// Rate of all workers together.
    pub rate: Rate,
    /// Learned ceiling, once there is one.
    pub ceiling: Option<Rate>,
    /// Rest of the pause.
    pub pause_left: Duration,
    /// Time since a worker last changed the record.
    pub age: Duration,
}
