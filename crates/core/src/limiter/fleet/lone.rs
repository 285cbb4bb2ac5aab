//! A worker on its own while the store can't be reached: with its part of the speed, and no more.

use std::time::Duration;

use crate::limiter::law::Law;
use crate::limiter::{Controller, FixedLimit, Settings};
use crate::time::Time;

/// The limiter of one of `workers`, begun where the fleet was `seen` last, whose time it is `seen_now`. `pause` is left of its cooldown; `chance`, in
/// `0.0..1.0`, sets the first grants of the workers apart from each other.
pub(super) fn begin(
    settings: &Settings,
    seen: &Controller,
    seen_now: Time,
    workers: u32,
    now: Time,
    pause: Duration,
    chance: f64,
) -> Controller {
    let part = 1.0 / f64::from(workers.max(1));
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
    controller.take_part_of_fixed(now, seen, seen_now, part);
    if let Some(learned) = seen.learned(Duration::ZERO) {
        let _ = controller.restore(now, &learned.scaled(part), Duration::ZERO);
    }
    let _ = controller.exhausted(now, pause, 0.0);
    controller
}
