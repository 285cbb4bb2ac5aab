//! The progress of a run, on standard error.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use api_ratelimiter::{BreakerPhase, Phase, Snapshot};
use indicatif::{ProgressBar, ProgressStyle};

use crate::fleet_store::fleet_share;
use crate::quantity::rough;
use crate::terminal::say;

/// Time between two lines if standard error is not a terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// What a run is as long as.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Extent {
    /// Lines of input; `None` if their number is unknown.
    Lines(Option<u64>),
    /// A time, at most.
    Time(Duration),
}

/// Shows the progress: as a bar on a terminal, as lines elsewhere, or not at all.
pub(crate) struct Progress {
    extent: Extent,
    began: Instant,
    display: Display,
}

enum Display {
    Bar(ProgressBar),
    Lines { next: Instant },
    None,
}

/// The values that the progress shows.
pub(crate) struct ProgressView<'a> {
    /// What was done, successes and failures together.
    pub(crate) done: u64,
    pub(crate) failed: u64,
    pub(crate) refused: u64,
    pub(crate) limiter: &'a Snapshot,
}

impl Progress {
    pub(crate) fn new(extent: Extent, is_quiet: bool) -> Self {
        let began = Instant::now();
        let display = if is_quiet {
            Display::None
        } else if std::io::stderr().is_terminal() {
            Display::Bar(bar(extent.lines()))
        } else {
            let next = began + LINE_EVERY;
            Display::Lines { next }
        };
        Self {
            extent,
            began,
            display,
        }
    }

    pub(crate) fn is_shown(&self) -> bool {
        !matches!(self.display, Display::None)
    }

    pub(crate) fn show(&mut self, view: &ProgressView<'_>) {
        let (done, elapsed) = (view.done, self.began.elapsed());
        let left = match self.extent {
            Extent::Lines(total) => total.and_then(|total| left(done, total, elapsed)),
            Extent::Time(time) => Some(time.saturating_sub(elapsed)),
        };
        match &mut self.display {
            Display::None => {}
            Display::Bar(bar) => {
                bar.set_position(done);
                bar.set_message(text_of(view, left));
                bar.tick();
            }
            Display::Lines { next } => {
                if Instant::now() < *next {
                    return;
                }
                *next = Instant::now() + LINE_EVERY;
                let of = self.extent.lines().map(|total| format!(" of {total}"));
                say(&format!(
                    "{done}{} done, {}",
                    of.unwrap_or_default(),
                    text_of(view, left)
                ));
            }
        }
    }

    /// Prints a line without breaking the bar.
    pub(crate) fn say(&self, line: &str) {
        match &self.display {
            Display::Bar(bar) => bar.suspend(|| say(line)),
            Display::Lines { .. } | Display::None => say(line),
        }
    }

    /// Removes the bar.
    pub(crate) fn end(&self) {
        if let Display::Bar(bar) = &self.display {
            bar.finish_and_clear();
        }
    }
}

impl Extent {
    fn lines(self) -> Option<u64> {
        match self {
            Self::Lines(total) => total,
            Self::Time(_) => None,
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
    // Only an invalid template is an error, and then the bar has its default look.
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Returns everything except the number of lines done.
fn text_of(view: &ProgressView<'_>, left: Option<Duration>) -> String {
    let ProgressView {
        done: _,
        failed,
        refused,
        limiter,
    } = view;
    let mut text = String::new();
    if *failed > 0 {
        let _ = write!(text, "{failed} failed, ");
    }
    let _ = write!(text, "{refused} refused, {:.1}/s", limiter.current_rate);
    if limiter.phase == Some(Phase::AtMaxRate) {
        text.push_str(" (max_rate)");
    }
    let pause = limiter.cooldown_until.and_then(|until| {
        let pause = until.duration_since(std::time::SystemTime::now()).ok()?;
        (!pause.is_zero()).then_some(pause)
    });
    let is_down = matches!(
        limiter.breaker,
        Some(BreakerPhase::Open | BreakerPhase::HalfOpen)
    );

    // The reason why requests wait now.
    match pause {
        _ if is_down => text.push_str(", requests fail, testing now and then"),
        Some(pause) => {
            let _ = write!(text, ", pausing {}", rough(pause));
        }
        None if limiter.waiting > 0 => {
            let _ = write!(text, ", {} queued", limiter.waiting);
        }
        None => text.push_str(", awaiting responses"),
    }
    if let Some(left) = left {
        let _ = write!(text, ", {} left", rough(left));
    }
    if let Some(fleet) = &limiter.fleet {
        let _ = write!(text, ", {}", fleet_share(fleet));
    }
    // This comes last: a narrow terminal cuts the end off.
    if let Some(ceiling) = limiter.learned_ceiling {
        let _ = write!(text, ", ceiling {ceiling:.1}/s");
    }
    text
}

/// Returns the time left at the pace so far.
fn left(done: u64, total: u64, elapsed: Duration) -> Option<Duration> {
    if done == 0 {
        return None;
    }
    let seconds = elapsed.as_secs_f64() / done as f64 * total.saturating_sub(done) as f64;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use api_ratelimiter::{ApiRateConfig, CircuitBreaker, DynamicRateLimiter};

    use super::*;

    #[test]
    fn the_text_shows_the_rate_and_the_reason_to_wait() {
        let limiter = DynamicRateLimiter::new(&ApiRateConfig::default()).expect("a limiter");
        let text = |refused, failed, left| {
            let view = ProgressView {
                done: failed,
                failed,
                refused,
                limiter: &limiter.snapshot(),
            };
            text_of(&view, left)
        };
        let expected = "0 refused, 2.0/s, awaiting responses, 3 min left";
        assert_eq!(text(0, 0, Some(Duration::from_secs(121))), expected);
        limiter.on_backoff(Some(Duration::from_secs(3600)));
        let shown = text(4, 1, None);
        assert!(shown.starts_with("1 failed, 4 refused, "), "{shown}");
        assert!(shown.contains("/s, pausing 6"), "{shown}");
    }

    #[test]
    fn the_text_shows_that_max_rate_keeps_the_rate_down() {
        let config = ApiRateConfig {
            initial_rate: 10.0,
            max_rate: 10.0,
            ..ApiRateConfig::default()
        };
        let limiter = DynamicRateLimiter::new(&config).expect("a limiter");
        let view = ProgressView {
            done: 0,
            failed: 0,
            refused: 0,
            limiter: &limiter.snapshot(),
        };
        let expected = "0 refused, 10.0/s (max_rate), awaiting responses";
        assert_eq!(text_of(&view, None), expected);
    }

    #[test]
    fn the_text_shows_that_the_circuit_breaker_is_open() {
        let config = ApiRateConfig {
            breaker: Some(CircuitBreaker::after_failures(1)),
            ..ApiRateConfig::default()
        };
        let limiter = DynamicRateLimiter::new(&config).expect("a limiter");
        let text = || {
            let view = ProgressView {
                done: 0,
                failed: 0,
                refused: 0,
                limiter: &limiter.snapshot(),
            };
            text_of(&view, None)
        };
        assert_eq!(text(), "0 refused, 2.0/s, awaiting responses");
        limiter.acquire().expect("a permit").failed();
        assert_eq!(
            text(),
            "0 refused, 2.0/s, requests fail, testing now and then"
        );
    }

    #[test]
    fn the_time_left_follows_the_pace_so_far() {
        assert_eq!(left(0, 10, Duration::from_secs(5)), None);
        assert_eq!(
            left(5, 10, Duration::from_secs(5)),
            Some(Duration::from_secs(5))
        );
        assert_eq!(left(20, 10, Duration::from_secs(5)), Some(Duration::ZERO));
    }
}
