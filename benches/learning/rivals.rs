//! The laws of others, each with its faults, as strategies of the simulated world.

use std::time::Duration;

use api_ratelimiter::Time;
use api_ratelimiter_simulator::world::{Decision, Strategy};

fn seconds(at: Time) -> f64 {
    at.saturating_since(Time::ZERO).as_secs_f64()
}

fn later(now: Time, seconds: f64) -> Time {
    // Rounded up: none of the rivals is made to spin by our arithmetic.
    now + Duration::from_secs_f64(seconds.clamp(0.0, 1e6)) + Duration::from_nanos(1)
}

/// The bare AIMD law of the Python package that this crate descends from: the bucket holds two
/// seconds' worth, fills during pauses, and every refusal cuts.
#[derive(Debug)]
pub(crate) struct Reference {
    rate: f64,
    tokens: f64,
    as_of: Time,
    cooldown_until: Time,
    step: f64,
    factor: f64,
}

impl Reference {
    pub(crate) fn new(rate: f64, step: f64, factor: f64) -> Self {
        Self {
            rate,
            tokens: rate,
            as_of: Time::ZERO,
            cooldown_until: Time::ZERO,
            step,
            factor,
        }
    }

    fn refill(&mut self, now: Time) {
        let elapsed = now.saturating_since(self.as_of).as_secs_f64();
        self.tokens = (self.tokens + self.rate * elapsed).min(2.0 * self.rate);
        self.as_of = now;
    }
}

/// Bounds that leave both laws free: the hidden limits lie well between.
const MIN_RATE: f64 = 0.1;

/// The reference stands still for ever below this, as its bucket holds no whole token there. It gets a
/// floor, so that the table shows its law and not that fault alone.
const REFERENCE_MIN_RATE: f64 = 0.5;

const MAX_RATE: f64 = 1000.0;

impl Strategy for Reference {
    type Permit = ();

    fn poll(&mut self, now: Time, _waited: bool) -> Decision<()> {
        if now < self.cooldown_until {
            return Decision::WaitUntil(self.cooldown_until);
        }
        self.refill(now);
        if self.tokens < 1.0 {
            return Decision::WaitUntil(later(now, (1.0 - self.tokens) / self.rate));
        }
        self.tokens -= 1.0;
        Decision::Send(())
    }

    fn success(&mut self, now: Time, (): ()) {
        self.refill(now);
        self.rate = (self.rate + self.step).min(MAX_RATE);
    }

    fn backoff(&mut self, now: Time, (): (), hint: Option<Duration>, _chance: f64) {
        self.rate = (self.rate * self.factor).max(REFERENCE_MIN_RATE);
        let pause = hint.map_or((1.0 / self.rate).max(1.0), |hint| hint.as_secs_f64());
        self.cooldown_until = self.cooldown_until.max(later(now, pause));
    }

    fn rate_per_second(&self) -> f64 {
        self.rate
    }
}

/// The adaptive retry mode of AWS's SDKs: no limit until the first refusal, then CUBIC around the rate
/// that was refused, never above twice what is measured.
#[derive(Debug)]
pub(crate) struct Cubic {
    enabled: bool,
    rate: f64,
    tokens: f64,
    as_of: Time,
    top: f64,
    failed_at: f64,
    measured: f64,
    counted: f64,
    slot: f64,
    cooldown_until: Time,
}

impl Cubic {
    const SCALE: f64 = 0.4;
    const BETA: f64 = 0.7;
    const SMOOTHING: f64 = 0.8;
    const LEAST: f64 = 0.5;

    pub(crate) fn new() -> Self {
        Self {
            enabled: false,
            rate: Self::LEAST,
            tokens: 0.0,
            as_of: Time::ZERO,
            top: Self::LEAST,
            failed_at: 0.0,
            measured: 0.0,
            counted: 0.0,
            slot: 0.0,
            cooldown_until: Time::ZERO,
        }
    }

    fn refill(&mut self, now: Time) {
        let elapsed = now.saturating_since(self.as_of).as_secs_f64();
        self.tokens = (self.tokens + self.rate * elapsed).min(self.rate.max(1.0));
        self.as_of = now;
    }

    /// Answers per second, smoothed over slots of half a second.
    fn measure(&mut self, now: f64) {
        self.counted += 1.0;
        let slot = (now * 2.0).floor() / 2.0;
        if slot > self.slot {
            let current = self.counted / (slot - self.slot);
            self.measured = current * Self::SMOOTHING + self.measured * (1.0 - Self::SMOOTHING);
            self.counted = 0.0;
            self.slot = slot;
        }
    }

    fn answered(&mut self, now: Time, refused: bool) {
        let t = seconds(now);
        self.measure(t);
        let wanted = if refused {
            self.top = if self.enabled {
                self.measured.min(self.rate)
            } else {
                self.measured
            };
            self.failed_at = t;
            self.enabled = true;
            self.top * Self::BETA
        } else {
            let plateau = (self.top * (1.0 - Self::BETA) / Self::SCALE).cbrt();
            Self::SCALE * (t - self.failed_at - plateau).powi(3) + self.top
        };
        self.refill(now);
        self.rate = wanted.min(2.0 * self.measured).max(Self::LEAST);
        self.tokens = self.tokens.min(self.rate.max(1.0));
    }
}

impl Strategy for Cubic {
    type Permit = ();

    fn poll(&mut self, now: Time, _waited: bool) -> Decision<()> {
        if !self.enabled {
            return Decision::Send(());
        }
        if now < self.cooldown_until {
            return Decision::WaitUntil(self.cooldown_until);
        }
        self.refill(now);
        if self.tokens < 1.0 {
            return Decision::WaitUntil(later(now, (1.0 - self.tokens) / self.rate));
        }
        self.tokens -= 1.0;
        Decision::Send(())
    }

    fn success(&mut self, now: Time, (): ()) {
        self.answered(now, false);
    }

    fn backoff(&mut self, now: Time, (): (), hint: Option<Duration>, _chance: f64) {
        self.answered(now, true);
        // The SDK makes each refused call wait for itself; here the hint holds the client, in its favour.
        self.cooldown_until = later(now, hint.map_or(0.0, |hint| hint.as_secs_f64()));
    }

    fn rate_per_second(&self) -> f64 {
        if self.enabled { self.rate } else { MAX_RATE }
    }
}

/// Anchored at the measured goodput: what got through in the last ten seconds is the rate, and one
/// second of ten probes a tenth above it.
#[derive(Debug)]
pub(crate) struct Goodput {
    anchor: f64,
    /// Requests that got through in each of the last ten seconds.
    counts: [f64; 10],
    second: u64,
    next: Time,
    cooldown_until: Time,
    refused: bool,
}

impl Goodput {
    const PROBE: f64 = 1.1;
    const CUT: f64 = 0.7;

    pub(crate) fn new(rate: f64) -> Self {
        Self {
            anchor: rate,
            counts: [0.0; 10],
            second: 0,
            next: Time::ZERO,
            cooldown_until: Time::ZERO,
            refused: false,
        }
    }

    fn turn(&mut self, now: Time) {
        let second = seconds(now) as u64;
        while self.second < second {
            self.second += 1;
            let slot = (self.second % 10) as usize;
            if slot == 0 && self.second >= 10 {
                let goodput = self.counts.iter().sum::<f64>() / 10.0;
                self.anchor = if self.refused {
                    goodput
                } else {
                    goodput.max(self.anchor * Self::PROBE)
                }
                .max(MIN_RATE);
                self.refused = false;
            }
            self.counts[slot] = 0.0;
        }
    }
}

impl Strategy for Goodput {
    type Permit = ();

    fn poll(&mut self, now: Time, _waited: bool) -> Decision<()> {
        self.turn(now);
        let due = self.next.max(self.cooldown_until);
        if now < due {
            return Decision::WaitUntil(due);
        }
        self.next = later(now, 1.0 / self.rate_per_second());
        Decision::Send(())
    }

    fn success(&mut self, now: Time, (): ()) {
        self.turn(now);
        self.counts[(self.second % 10) as usize] += 1.0;
    }

    fn backoff(&mut self, now: Time, (): (), hint: Option<Duration>, _chance: f64) {
        self.turn(now);
        if now >= self.cooldown_until && !self.refused {
            self.anchor = (self.anchor * Self::CUT).max(MIN_RATE);
        }
        self.refused = true;
        let pause = hint.map_or(1.0 / self.anchor, |hint| hint.as_secs_f64());
        self.cooldown_until = self.cooldown_until.max(later(now, pause));
    }

    fn rate_per_second(&self) -> f64 {
        if self.second % 10 == 9 {
            self.anchor * Self::PROBE
        } else {
            self.anchor
        }
    }
}
