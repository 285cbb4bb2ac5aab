//! Draws a run: the hidden limit, the rates of the clients and the refusals over time.

use std::fmt::Write as _;

use api_ratelimiter_simulator::world::chart::{
    self, Chart, LIMIT_COLOUR, Plot, RATE_COLOUR, REFUSAL_COLOUR,
};
use api_ratelimiter_simulator::world::{Report, Scenario};

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 60.0;
const TOP: f64 = 40.0;

/// Number of labels along each axis, without the one at zero.
const TICKS: u32 = 5;

/// Height of the picture, as a multiple of the highest limit.
const HEADROOM: f64 = 1.6;

/// Minimum distance of two marks of refusals.
const MARK_DISTANCE: f64 = 0.5;

/// Returns the picture as SVG.
pub(super) fn draw(title: &str, report: &Report, scenario: &Scenario, clients: u32) -> String {
    let limits = chart::limit_steps(scenario);
    let plot = Plot {
        left: LEFT,
        base: TOP + HEIGHT,
        width: WIDTH,
        height: HEIGHT,
        length: scenario.length,
        highest: highest(&limits, report, clients),
    };
    let mut chart = Chart::new(LEFT + WIDTH + 30.0, plot.base + 60.0, 12);
    chart.text(LEFT, 22, "font-size=\"15\"", title).line_break();
    draw_axes(&mut chart, &plot);

    // A blue line for each client, up to the end of the run.
    for client in 0..clients as usize {
        let rates = report.rates(client);
        let first = rates.first().map_or(0.0, |(_, rate)| *rate);
        let mut points = plot.rate(first, rates.iter().copied());
        if let Some((_, rate)) = rates.last() {
            let end = plot.x(scenario.length.as_secs_f64());
            let _ = write!(points, "{end:.1},{:.1}", plot.y(*rate));
        }
        chart.polyline(&points, RATE_COLOUR, None).line_break();
    }

    // The limit over them, the refusals below, and what the colours mean.
    chart
        .polyline(&plot.limit(&limits), LIMIT_COLOUR, Some(2))
        .line_break()
        .path(&plot.refusals(report, MARK_DISTANCE), REFUSAL_COLOUR, None)
        .line_break()
        .text(
            LEFT,
            plot.base + 46.0,
            "",
            "red: what the limits allow, blue: the rate of each client, orange: refusals",
        )
        .line_break();
    chart.finish()
}

/// Returns the rate at the top of the picture.
fn highest(limits: &[(std::time::Duration, f64)], report: &Report, clients: u32) -> f64 {
    let highest = limits.iter().map(|(_, rate)| *rate).fold(0.0, f64::max);
    let rates = (0..clients as usize).flat_map(|client| report.rates(client));
    let fastest = rates.map(|(_, rate)| *rate).fold(0.0, f64::max);
    // If all limits are of concurrency, the long-run rate may be infinite.
    match highest * HEADROOM {
        bounded if bounded.is_finite() && bounded > 0.0 => bounded,
        _ => fastest.max(1.0),
    }
}

/// Draws a horizontal line and a label on each axis for each tick.
fn draw_axes(chart: &mut Chart, plot: &Plot) {
    let one_digit = |value: f64| format!("{value:.1}");
    for tick in 0..=TICKS {
        let share = f64::from(tick) / f64::from(TICKS);
        let (seconds, rate) = (share * plot.length.as_secs_f64(), share * plot.highest);
        let (x, y) = (plot.x(seconds), plot.y(rate));
        chart
            .horizontal_line(LEFT, one_digit(LEFT + WIDTH), one_digit(y), "#ddd")
            .text(
                one_digit(LEFT - 6.0),
                one_digit(y + 4.0),
                "text-anchor=\"end\"",
                format_args!("{rate:.3}/s"),
            )
            .text(
                one_digit(x),
                one_digit(plot.base + 26.0),
                "text-anchor=\"middle\"",
                format_args!("{seconds:.0} s"),
            )
            .line_break();
    }
}
