//! Other control laws as strategies, with their known weaknesses.

use std::time::Duration;

use api_ratelimiter::Time;
use api_ratelimiter_simulator::world::{Decision, Strategy};

/// Returns the seconds since the start.
fn seconds(at: Time) -> f64 {
    at.saturating_since(Time::ZERO).as_secs_f64()
}

/// Returns the time that many seconds after `now`.
fn later(now: Time, seconds: f64) -> Time {
    // Rounded up, so that rounding cannot make a rival poll forever.
    now + Duration::from_secs_f64(seconds.clamp(0.0, 1e6)) + Duration::from_nanos(1)
}

/// The AIMD law of the Python package from which this library descends. The bucket holds the tokens of two
/// seconds and fills during pauses; every refusal cuts the rate.
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

    /// Adds the tokens since the last call.
    fn refill(&mut self, now: Time) {
        let elapsed = now.saturating_since(self.as_of).as_secs_f64();
        self.tokens = (self.tokens + self.rate * elapsed).min(2.0 * self.rate);
        self.as_of = now;
    }
}

/// Bounds far from the hidden limits, so that they do not affect the laws.
const MIN_RATE: f64 = 0.1;

/// Minimum rate of the reference. Below it, its bucket never holds a whole token and the law stops forever;
/// the minimum keeps that defect out of the table.
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

/// The adaptive retry mode of the AWS SDKs: no limit until the first refusal, then CUBIC around the refused
/// rate, at most twice the measured rate.
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
    const MIN: f64 = 0.5;

    pub(crate) fn new() -> Self {
        Self {
            enabled: false,
            rate: Self::MIN,
            tokens: 0.0,
            as_of: Time::ZERO,
            top: Self::MIN,
            failed_at: 0.0,
            measured: 0.0,
            counted: 0.0,
            slot: 0.0,
            cooldown_until: Time::ZERO,
        }
    }

    /// Adds the tokens since the last call.
    fn refill(&mut self, now: Time) {
        let elapsed = now.saturating_since(self.as_of).as_secs_f64();
        self.tokens = (self.tokens + self.rate * elapsed).min(self.rate.max(1.0));
        self.as_of = now;
    }

    /// Measures responses per second, smoothed over slots of half a second.
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

    /// Adjusts the rate after a response.
    fn responded(&mut self, now: Time, refused: bool) {
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
        self.rate = wanted.min(2.0 * self.measured).max(Self::MIN);
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
        self.responded(now, false);
    }

    fn backoff(&mut self, now: Time, (): (), hint: Option<Duration>, _chance: f64) {
        self.responded(now, true);
        // In the SDK each refused call waits alone. Here the hint pauses the whole client, which favours CUBIC.
        self.cooldown_until = later(now, hint.map_or(0.0, |hint| hint.as_secs_f64()));
    }

    fn rate_per_second(&self) -> f64 {
        if self.enabled { self.rate } else { MAX_RATE }
    }
}

/// A law that uses the measured goodput of the last ten seconds as its rate. One second in ten it probes a
/// tenth above that rate.
#[derive(Debug)]
pub(crate) struct Goodput {
    anchor: f64,
    /// Successful requests in each of the last ten seconds.
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

    /// Moves to the current second and updates the rate after every ten.
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
