//! A fingerprint of settings, to tell whether two workers have the same.

use std::time::Duration;

use crate::hash::Fnv64;
use crate::limiter::circuit_breaker::CircuitBreaker;
use crate::limiter::law::Law;
use crate::limiter::settings::{DEFAULT_RESERVE, Learning, Settings};
use crate::rate::Rate;

/// Returns a number that is equal for equal settings, on every machine and in every build.
///
/// Each value is hashed with a name that is written down here, so that renaming a field does not split a fleet. The
/// patterns name every field, so that a new one can't be forgotten.
pub(super) fn fingerprint(settings: &Settings) -> u64 {
    let mut hash = NamedHash(Fnv64::new());
    let Settings {
        initial,
        law,
        capacity,
        initial_tokens,
        default_cooldown,
        max_cooldown,
        learning,
        probe_interval,
        breaker,
        fixed,
        reserve,
        max_under_way,
    } = settings;
    let Law {
        min,
        max,
        increase_step,
        decrease_factor,
    } = law;
    hash.rate("initial_rate", *initial);
    hash.rate("min_rate", *min);
    hash.rate("max_rate", *max);
    hash.float("increase_step", *increase_step);
    hash.float("decrease_factor", *decrease_factor);
    hash.optional("capacity", *capacity, NamedHash::float);
    hash.optional("initial_tokens", *initial_tokens, NamedHash::float);
    hash.optional("default_cooldown", *default_cooldown, NamedHash::duration);
    hash.duration("max_cooldown", *max_cooldown);
    hash.flag("learning", matches!(learning, Learning::On));
    hash.duration("probe_interval", *probe_interval);
    hash.optional("breaker", *breaker, NamedHash::breaker);
    if *reserve != DEFAULT_RESERVE {
        // Left out where nobody has set it, so that an update does not split fleets.
        hash.float("reserve", *reserve);
    }
    if let Some(most) = max_under_way {
        hash.float("max_under_way", *most as f64);
    }
    for limit in fixed {
        hash.float("limit.requests", limit.most() as f64);
        hash.bytes("limit.of", limit.key().as_bytes());
    }
    hash.0.value()
}

/// Hashes values together with their names.
struct NamedHash(Fnv64);

impl NamedHash {
    /// Hashes a name and the bytes of a value. The length of a value is fixed by its name, so no two lists of values
    /// run into each other.
    fn bytes(&mut self, name: &str, value: &[u8]) {
        self.0.add(name.as_bytes());
        self.0.add(b"=");
        self.0.add(value);
        self.0.add(b";");
    }

    fn float(&mut self, name: &str, value: f64) {
        self.bytes(name, &value.to_bits().to_be_bytes());
    }

    fn rate(&mut self, name: &str, value: Rate) {
        self.float(name, value.as_per_second());
    }

    fn duration(&mut self, name: &str, value: Duration) {
        self.bytes(name, &value.as_nanos().to_be_bytes());
    }

    fn number(&mut self, name: &str, value: u32) {
        self.bytes(name, &value.to_be_bytes());
    }

    fn flag(&mut self, name: &str, value: bool) {
        self.bytes(name, &[u8::from(value)]);
    }

    /// Hashes nothing for `None`.
    fn optional<T>(&mut self, name: &str, value: Option<T>, add: impl FnOnce(&mut Self, &str, T)) {
        if let Some(value) = value {
            add(self, name, value);
        }
    }

    fn breaker(&mut self, _name: &str, breaker: CircuitBreaker) {
        let CircuitBreaker {
            failures,
            failure_share,
            window,
            least_outcomes,
            trial_interval,
            fail_fast,
        } = breaker;
        self.optional("breaker.failures", failures, Self::number);
        self.optional("breaker.failure_share", failure_share, Self::float);
        self.duration("breaker.window", window);
        self.number("breaker.least_outcomes", least_outcomes);
        self.duration("breaker.trial_interval", trial_interval);
        self.flag("breaker.fail_fast", fail_fast);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ApiRateConfig, LimitConfig};

    fn config() -> ApiRateConfig {
        ApiRateConfig {
            initial_rate: 2.5,
            max_rate: 10.0,
            default_cooldown: Some(Duration::from_secs(7)),
            breaker: Some(CircuitBreaker::after_failures(3)),
            limits: vec![LimitConfig::new(1000.0, Duration::from_secs(3600))],
            ..Default::default()
        }
    }

    fn of(config: &ApiRateConfig) -> u64 {
        fingerprint(&config.settings().expect("valid"))
    }

    #[test]
    fn workers_of_all_builds_agree_on_the_fingerprint() {
        // A change of these values splits every fleet during an update.
        assert_eq!(of(&ApiRateConfig::default()), 4903470629674761824);
        assert_eq!(of(&config()), 17551244712434983998);
        let before = ApiRateConfig {
            max_rate: 10.0,
            ..Default::default()
        };
        assert_eq!(of(&before), 14192035827284440675);
    }

    #[test]
    fn each_setting_changes_the_fingerprint() {
        let changes: [fn(&mut ApiRateConfig); 15] = [
            |it| it.initial_rate = 2.6,
            |it| it.min_rate /= 2.0,
            |it| it.max_rate *= 2.0,
            |it| it.increase_step *= 2.0,
            |it| it.decrease_factor *= 0.9,
            |it| it.bucket.capacity = Some(5.0),
            |it| it.bucket.initial_tokens = Some(1.0),
            |it| it.default_cooldown = None,
            |it| it.max_cooldown *= 2,
            |it| it.learning = Learning::Off,
            |it| it.probe_interval *= 2,
            |it| it.breaker = Some(CircuitBreaker::default().fail_fast(true)),
            |it| it.limits.clear(),
            |it| it.reserve = 0.0,
            |it| it.max_under_way = Some(4),
        ];
        let mut seen = vec![of(&config())];
        for change in changes {
            let mut changed = config();
            change(&mut changed);
            seen.push(of(&changed));
        }
        let all = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), all);
    }
}
