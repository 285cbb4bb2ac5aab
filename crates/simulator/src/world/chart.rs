//! Pictures of simulated runs, as SVG: the hidden limit, the rates of clients and the refusals over time.
//!
//! [`Chart`] writes the elements of one picture. [`Plot`] places seconds and rates in it.
//!
//! ```
//! use api_ratelimiter_simulator::world::chart::{self, Chart, Plot};
//! use api_ratelimiter_simulator::world::{Scenario, fixed, run};
//!
//! let scenario = Scenario::new(["token-bucket:10/s,burst=20".parse()?]);
//! let (report, _) = run(&scenario, vec![fixed(12.0)], 1);
//!
//! let plot = Plot {
//!     left: 10.0,
//!     base: 110.0,
//!     width: 300.0,
//!     height: 100.0,
//!     length: scenario.length,
//!     highest: 20.0,
//! };
//! let mut chart = Chart::new(320.0, 130.0, 12);
//! chart.polyline(&plot.limit(&chart::limit_steps(&scenario)), chart::LIMIT_COLOUR, None).line_break();
//! chart.path(&plot.refusals(&report, 0.5), chart::REFUSAL_COLOUR, None).line_break();
//! let svg = chart.finish();
//! assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
//! # Ok::<(), api_ratelimiter_simulator::LimitError>(())
//! ```

use std::fmt::{Display, Write as _};
use std::time::Duration;

use api_ratelimiter_core::Time;

use super::report::Report;
use super::scenario::Scenario;
use crate::rules::Limit;

/// Colour of the hidden limit: red.
pub const LIMIT_COLOUR: &str = "#c0392b";

/// Colour of the rates of clients: blue.
pub const RATE_COLOUR: &str = "#1f5fa8";

/// Colour of refusals: orange.
pub const REFUSAL_COLOUR: &str = "#e67e22";

/// Minimum distance of two points of a rate, in units of the picture. More points would not be seen.
const MIN_DISTANCE: f64 = 0.5;

/// A rate below this share of the one before is drawn although the points are near: it was cut.
const CUT: f64 = 0.9;

/// Returns the rate that `limits` allow in the long run, in requests per second. A concurrency limit allows as many
/// as fit if each takes the server `service`.
#[must_use]
pub fn long_run_rate(limits: &[Limit], service: Duration) -> f64 {
    let rates = limits.iter().filter_map(|limit| match limit {
        Limit::Concurrency { limit, .. } => Some(f64::from(*limit) / service.as_secs_f64()),
        other => other.per_second(),
    });
    rates.fold(f64::INFINITY, f64::min)
}

/// Returns the long-run rate of a scenario's limits from the start and from each change on, in order of time.
#[must_use]
pub fn limit_steps(scenario: &Scenario) -> Vec<(Duration, f64)> {
    let rate = |limits: &[Limit]| long_run_rate(limits, scenario.trip.mean_service());
    let changes = scenario
        .changes
        .iter()
        .map(|(at, limits)| (*at, rate(limits)));
    std::iter::once((Duration::ZERO, rate(&scenario.limits)))
        .chain(changes)
        .collect()
}

/// The SVG text of one picture.
#[derive(Debug, Clone)]
#[must_use = "a chart is only text until it is finished"]
pub struct Chart {
    svg: String,
}

impl Chart {
    /// Begins a picture with a white background.
    pub fn new(width: f64, height: f64, font_size: u32) -> Self {
        Self {
            svg: format!(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
                 font-family=\"sans-serif\" font-size=\"{font_size}\">\n\
                 <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
            ),
        }
    }

    /// Adds a text. `attributes` go into its element, as in `text-anchor="end"`; `content` must have no `<` and
    /// no `&`.
    pub fn text(
        &mut self,
        x: impl Display,
        y: impl Display,
        attributes: &str,
        content: impl Display,
    ) -> &mut Self {
        let space = if attributes.is_empty() { "" } else { " " };
        self.add(format_args!(
            "<text x=\"{x}\" y=\"{y}\"{space}{attributes}>{content}</text>"
        ))
    }

    /// Adds a horizontal line from `left` to `right`.
    pub fn horizontal_line(
        &mut self,
        left: impl Display,
        right: impl Display,
        y: impl Display,
        colour: &str,
    ) -> &mut Self {
        self.add(format_args!(
            "<line x1=\"{left}\" y1=\"{y}\" x2=\"{right}\" y2=\"{y}\" stroke=\"{colour}\"/>"
        ))
    }

    /// Adds a line through `points`, which a [`Plot`] returns. The default width is 1.
    pub fn polyline(&mut self, points: &str, colour: &str, width: Option<u32>) -> &mut Self {
        let width = stroke_width(width);
        self.add(format_args!(
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\"{width}/>"
        ))
    }

    /// Adds a path, which [`Plot::refusals`] returns. The default width is 1.
    pub fn path(&mut self, path: &str, colour: &str, width: Option<u32>) -> &mut Self {
        let width = stroke_width(width);
        self.add(format_args!(
            "<path d=\"{path}\" stroke=\"{colour}\"{width}/>"
        ))
    }

    /// Starts a new line in the text of the file. It changes nothing in the picture.
    pub fn line_break(&mut self) -> &mut Self {
        self.svg.push('\n');
        self
    }

    /// Returns the whole text.
    #[must_use]
    pub fn finish(mut self) -> String {
        self.svg.push_str("</svg>\n");
        self.svg
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) -> &mut Self {
        // Writing to a string can't fail.
        let _ = self.svg.write_fmt(element);
        self
    }
}

fn stroke_width(width: Option<u32>) -> String {
    width.map_or_else(String::new, |width| format!(" stroke-width=\"{width}\""))
}

/// A rectangle of a picture in which time runs to the right and rates grow upwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plot {
    /// Left edge, at second 0.
    pub left: f64,
    /// Bottom edge, at rate 0.
    pub base: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
    /// Time at the right edge.
    pub length: Duration,
    /// Rate at the top edge. Higher rates are drawn at the top edge.
    pub highest: f64,
}

impl Plot {
    /// Returns the horizontal position of a time, in seconds since the start.
    #[must_use]
    pub fn x(&self, seconds: f64) -> f64 {
        self.left + self.width * seconds / self.length.as_secs_f64()
    }

    /// Returns the vertical position of a rate.
    #[must_use]
    pub fn y(&self, rate: f64) -> f64 {
        self.base - self.height * (rate / self.highest).min(1.0)
    }

    /// Returns the points of a limit. `steps` are its rates and since when each holds.
    #[must_use]
    pub fn limit(&self, steps: &[(Duration, f64)]) -> String {
        let mut points = String::new();
        let ends = steps.iter().skip(1).map(|(at, _)| *at).chain([self.length]);
        for ((from, rate), until) in steps.iter().zip(ends) {
            for at in [*from, until] {
                let _ = write!(
                    points,
                    "{:.1},{:.1} ",
                    self.x(at.as_secs_f64()),
                    self.y(*rate)
                );
            }
        }
        points
    }

    /// Returns the points of a rate that changes in steps. `first` is the rate before the first change. Changes that
    /// are too near to be seen are left out, except cuts.
    #[must_use]
    pub fn rate(&self, first: f64, rates: impl IntoIterator<Item = (Time, f64)>) -> String {
        let mut points = String::new();
        let (mut last, mut drawn) = (first, f64::NEG_INFINITY);
        for (at, rate) in rates {
            let now = self.x(seconds(at));
            if now - drawn >= MIN_DISTANCE || rate < CUT * last {
                let (before, after) = (self.y(last), self.y(rate));
                let _ = write!(points, "{now:.1},{before:.1} {now:.1},{after:.1} ");
                (last, drawn) = (rate, now);
            }
        }
        points
    }

    /// Returns the path with one mark for each refusal, below the plot. A mark nearer than `distance` to the one
    /// before is left out.
    #[must_use]
    pub fn refusals(&self, report: &Report, distance: f64) -> String {
        let mut path = String::new();
        let mut last = f64::NEG_INFINITY;
        let top = self.base + 2.0;
        for arrival in report.arrivals().iter().filter(|arrival| !arrival.accepted) {
            let at = self.x(seconds(arrival.at));
            if at - last >= distance {
                let _ = write!(path, "M{at:.1},{top:.1}v8");
                last = at;
            }
        }
        path
    }
}

fn seconds(at: Time) -> f64 {
    at.saturating_since(Time::ZERO).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot() -> Plot {
        Plot {
            left: 10.0,
            base: 100.0,
            width: 100.0,
            height: 50.0,
            length: Duration::from_secs(100),
            highest: 10.0,
        }
    }

    fn at(seconds: u64, rate: f64) -> (Time, f64) {
        (Time::ZERO + Duration::from_secs(seconds), rate)
    }

    #[test]
    fn a_limit_has_two_points_for_each_step() {
        let steps = [(Duration::ZERO, 5.0), (Duration::from_secs(50), 20.0)];
        assert_eq!(
            plot().limit(&steps),
            "10.0,75.0 60.0,75.0 60.0,50.0 110.0,50.0 "
        );
    }

    #[test]
    fn a_rate_leaves_out_changes_that_are_too_near_but_no_cut() {
        let narrow = Plot {
            width: 10.0,
            ..plot()
        };
        let rates = [at(0, 2.0), at(1, 2.1), at(2, 1.0), at(50, 2.0)];
        assert_eq!(
            narrow.rate(2.0, rates),
            "10.0,90.0 10.0,90.0 10.2,90.0 10.2,95.0 15.0,95.0 15.0,90.0 "
        );
    }

    #[test]
    fn the_steps_follow_the_changes_of_the_limits() {
        let limit = |text: &str| text.parse::<Limit>().expect("a limit");
        let scenario = Scenario {
            changes: vec![(Duration::from_secs(9), vec![limit("pacing:4/s")])],
            ..Scenario::new([limit("pacing:10/s"), limit("token-bucket:12/s,burst=3")])
        };
        let expected = [(Duration::ZERO, 10.0), (Duration::from_secs(9), 4.0)];
        assert_eq!(limit_steps(&scenario), expected);
    }

    #[test]
    fn a_concurrency_limit_allows_as_many_as_fit_into_a_second() {
        let limit: Limit = "concurrency:5".parse().expect("a limit");
        let rate = long_run_rate(&[limit], Duration::from_millis(50));
        assert_eq!(rate, 100.0);
    }
}
