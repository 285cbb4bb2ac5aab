//! A worker's own controller during an outage of the store.

use std::time::Duration;

use crate::limiter::controller::Controller;
use crate::limiter::fixed::FixedLimit;
use crate::limiter::law::Law;
use crate::limiter::outcome::ManualReport;
use crate::limiter::settings::Settings;
use crate::time::Time;

/// An outage of the store.
#[derive(Debug, Clone)]
pub(super) struct Outage {
    /// The worker's own controller. `None`: callers get an error.
    pub(super) standalone: Option<Controller>,
    /// This worker's part of each limit.
    pub(super) part: f64,
    /// How much of what it sent was reported to the store.
    pub(super) told: u64,
    /// Lineage of the fleet's state before the outage.
    pub(super) left: u64,
    pub(super) since: Time,
    /// Whether the store is back, and other workers are still to come.
    pub(super) is_awaited: bool,
    pub(super) tries: u32,
    pub(super) next_try: Time,
    /// Whether the outage was reported to the driver.
    pub(super) is_reported: bool,
}

/// What one worker goes on with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    /// Its part of everything.
    pub(super) part: f64,
    /// How much the others may have been granted since its last visit.
    pub(super) unseen: u64,
    /// Rest of the fleet's pause.
    pub(super) pause: Duration,
    /// Sets the first grants of the workers apart from each other; in `0.0..1.0`.
    pub(super) chance: f64,
}

/// Returns a controller for one of several workers, with its part of the fleet's rate, burst, and known and announced
/// limits.
///
/// `seen` is the fleet's controller as it was last seen, and `seen_now` its time.
pub(super) fn begin(
    settings: &Settings,
    seen: &Controller,
    seen_now: Time,
    now: Time,
    share: &Share,
) -> Controller {
    let Share {
        part,
        unseen,
        pause,
        chance,
    } = *share;
    let Law { min, max, .. } = settings.law;
    let own = Settings {
        initial: seen.pace_now().scaled(part),
        law: Law {
            min: min.scaled(part),
            max: max.scaled(part),
            ..settings.law
        },
        capacity: settings.capacity.map(|capacity| (capacity * part).max(1.0)),
        initial_tokens: Some(chance),
        fixed: settings
            .fixed
            .iter()
            .map(|limit: &FixedLimit| limit.scaled(part))
            .collect(),
        ..settings.clone()
    };
    let mut controller = Controller::new(own, now);
    controller.take_part_of_fixed(now, seen, seen_now, (part, unseen));
    let announced = seen.clone().take_announced(seen_now);
    controller.announced_elsewhere(now, &announced.of_worker(part, unseen));
    if let Some(learned) = seen.learned(seen_now, Duration::ZERO) {
        let _ = controller.restore(now, &learned.scaled(part), Duration::ZERO);
    }
    let _ = controller.report_manually(
        now,
        ManualReport::Exhausted {
            wait: pause,
            by_reset: false,
            chance: 0.0,
        },
    );
    controller
}
