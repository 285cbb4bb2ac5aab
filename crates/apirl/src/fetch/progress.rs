//! How far it is, for whoever watches.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use api_ratelimiter::{BreakerPhase, Snapshot};
use indicatif::{ProgressBar, ProgressStyle};

use super::desk::Counts;
use super::summary::among;
use crate::input::say;

/// Between two lines where no bar can be drawn.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// A bar on a terminal, lines elsewhere, or nothing.
pub(crate) struct Progress {
    total: Option<u64>,
    began: Instant,
    face: Face,
}

enum Face {
    Bar(ProgressBar),
    Lines { next: Instant },
    None,
}

/// What is told.
pub(crate) struct Standing<'a> {
    pub(crate) counts: Counts,
    pub(crate) refused: u64,
    pub(crate) limiter: &'a Snapshot,
}

impl Progress {
    pub(crate) fn new(total: Option<u64>, is_quiet: bool) -> Self {
        let began = Instant::now();
        let face = if is_quiet {
            Face::None
        } else if std::io::stderr().is_terminal() {
            Face::Bar(bar(total))
        } else {
            let next = began + LINE_EVERY;
            Face::Lines { next }
        };
        Self { total, began, face }
    }

    pub(crate) fn is_seen(&self) -> bool {
        !matches!(self.face, Face::None)
    }

    pub(crate) fn show(&mut self, standing: &Standing<'_>) {
        let done = standing.counts.succeeded + standing.counts.failed;
        let left = self
            .total
            .and_then(|total| left(done, total, self.began.elapsed()));
        match &mut self.face {
            Face::None => {}
            Face::Bar(bar) => {
                bar.set_position(done);
                bar.set_message(words(standing, left));
                bar.tick();
            }
            Face::Lines { next } => {
                if Instant::now() < *next {
                    return;
                }
                *next = Instant::now() + LINE_EVERY;
                let of = self.total.map(|total| format!(" of {total}"));
                say(&format!(
                    "{done}{} done, {}",
                    of.unwrap_or_default(),
                    words(standing, left)
                ));
            }
        }
    }

    /// Says something between two looks, without running into the bar.
    pub(crate) fn say(&self, line: &str) {
        match &self.face {
            Face::Bar(bar) => bar.suspend(|| say(line)),
            Face::Lines { .. } | Face::None => say(line),
        }
    }

    /// Takes the bar away.
    pub(crate) fn end(&self) {
        if let Face::Bar(bar) = &self.face {
            bar.finish_and_clear();
        }
    }
}

fn bar(total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (
            ProgressBar::new(total),
            "{bar:8} {pos}/{len} done, {wide_msg}",
        ),
        None => (
            ProgressBar::new_spinner(),
            "{spinner} {pos} done, {wide_msg}",
        ),
    };
    // The templates are the two above; were one wrong, the default would be shown.
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Everything but how many are done.
fn words(standing: &Standing<'_>, left: Option<Duration>) -> String {
    let Standing {
        counts,
        refused,
        limiter,
    } = standing;
    let mut text = String::new();
    if counts.failed > 0 {
        let _ = write!(text, "{} failed, ", counts.failed);
    }
    let _ = write!(text, "{refused} refused, {:.1}/s", limiter.current_rate);
    let pause = limiter.cooldown_until.and_then(|until| {
        let pause = until.duration_since(std::time::SystemTime::now()).ok()?;
        (!pause.is_zero()).then_some(pause)
    });
    let is_down = matches!(
        limiter.breaker,
        Some(BreakerPhase::Open | BreakerPhase::HalfOpen)
    );
    match pause {
        _ if is_down => text.push_str(", requests fail, trying now and then"),
        Some(pause) => {
            let _ = write!(text, ", pausing {}", rough(pause));
        }
        None if limiter.waiting > 0 => {
            let _ = write!(text, ", {} in line", limiter.waiting);
        }
        None => text.push_str(", awaiting answers"),
    }
    if let Some(left) = left {
        let _ = write!(text, ", {} left", rough(left));
    }
    if let Some(fleet) = &limiter.fleet {
        let _ = write!(text, ", {}", among(fleet));
    }
    // Last, as a narrow terminal cuts it off.
    if let Some(ceiling) = limiter.learned_ceiling {
        let _ = write!(text, ", ceiling {ceiling:.1}/s");
    }
    text
}

/// At the pace so far.
fn left(done: u64, total: u64, elapsed: Duration) -> Option<Duration> {
    if done == 0 {
        return None;
    }
    let seconds = elapsed.as_secs_f64() / done as f64 * total.saturating_sub(done) as f64;
    Duration::try_from_secs_f64(seconds).ok()
}

/// Seconds, minutes or hours, rounded up: nobody plans by more.
pub(crate) fn rough(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match duration.as_secs() {
        ..120 => format!("{:.0} s", seconds.ceil()),
        120..7200 => format!("{:.0} min", (seconds / 60.0).ceil()),
        _ => format!("{:.0} h", (seconds / 3600.0).ceil()),
    }
}

#[cfg(test)]
mod tests {
    use api_ratelimiter::{ApiRateConfig, CircuitBreaker, DynamicRateLimiter};

    use super::*;

    #[test]
    fn the_words_tell_the_rate_and_what_it_waits_for() {
        let limiter = DynamicRateLimiter::new(&ApiRateConfig::default()).expect("a limiter");
        let text = |refused, failed, left| {
            let standing = Standing {
                counts: Counts {
                    failed,
                    ..Counts::default()
                },
                refused,
                limiter: &limiter.snapshot(),
            };
            words(&standing, left)
        };
        let expected = "0 refused, 2.0/s, awaiting answers, 3 min left";
        assert_eq!(text(0, 0, Some(Duration::from_secs(121))), expected);
        limiter.on_backoff(Some(Duration::from_secs(3600)));
        let told = text(4, 1, None);
        assert!(told.starts_with("1 failed, 4 refused, "), "{told}");
        assert!(told.contains("/s, pausing 6"), "{told}");
    }

    #[test]
    fn the_words_tell_that_the_circuit_breaker_is_open() {
        let config = ApiRateConfig {
            breaker: Some(CircuitBreaker::after_failures(1)),
            ..ApiRateConfig::default()
        };
        let limiter = DynamicRateLimiter::new(&config).expect("a limiter");
        let text = || {
            let standing = Standing {
                counts: Counts::default(),
                refused: 0,
                limiter: &limiter.snapshot(),
            };
            words(&standing, None)
        };
        assert_eq!(text(), "0 refused, 2.0/s, awaiting answers");
        limiter.acquire().expect("a permit").failed();
        assert_eq!(
            text(),
            "0 refused, 2.0/s, requests fail, trying now and then"
        );
    }

    #[test]
    fn time_left_goes_by_the_pace_so_far() {
        assert_eq!(left(0, 10, Duration::from_secs(5)), None);
        assert_eq!(
            left(5, 10, Duration::from_secs(5)),
            Some(Duration::from_secs(5))
        );
        assert_eq!(left(20, 10, Duration::from_secs(5)), Some(Duration::ZERO));
    }
}
