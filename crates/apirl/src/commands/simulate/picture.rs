//! A run as a picture: the hidden limit, the rates, and the refusals over time.

use std::fmt::Write as _;
use std::time::Duration;

use api_ratelimiter::Time;
use api_ratelimiter_simulator::world::{Report, Scenario};

use super::figures::steps;

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 60.0;
const TOP: f64 = 40.0;

/// Lines along each axis that carry a number.
const TICKS: u32 = 5;

/// How far above the limit the picture reaches, as a share of it.
const HEADROOM: f64 = 1.6;

pub(super) fn draw(title: &str, report: &Report, scenario: &Scenario, clients: u32) -> String {
    let length = scenario.length.as_secs_f64();
    let limits = steps(scenario);
    let rates = (0..clients as usize).flat_map(|client| report.rates(client));
    let fastest = rates.map(|(_, rate)| *rate).fold(0.0, f64::max);
    let highest = limits.iter().map(|(_, rate)| *rate).fold(0.0, f64::max);
    // Limits of concurrency alone may allow any rate.
    let highest = match highest * HEADROOM {
        bounded if bounded.is_finite() && bounded > 0.0 => bounded,
        _ => fastest.max(1.0),
    };
    let base = TOP + HEIGHT;
    let x = |seconds: f64| LEFT + WIDTH * seconds / length;
    let y = |rate: f64| base - HEIGHT * (rate / highest).min(1.0);

    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"22\" font-size=\"15\">{title}</text>\n",
        LEFT + WIDTH + 30.0,
        base + 60.0,
    );
    for tick in 0..=TICKS {
        let share = f64::from(tick) / f64::from(TICKS);
        let (along, up) = (x(share * length), y(share * highest));
        let _ = writeln!(
            svg,
            "<line x1=\"{LEFT}\" y1=\"{up:.1}\" x2=\"{:.1}\" y2=\"{up:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{:.3}/s</text>\
             <text x=\"{along:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{:.0} s</text>",
            LEFT + WIDTH,
            LEFT - 6.0,
            up + 4.0,
            share * highest,
            base + 26.0,
            share * length,
        );
    }
    let mut limit = String::new();
    let ends = limits
        .iter()
        .skip(1)
        .map(|(at, _)| *at)
        .chain([scenario.length]);
    for ((from, rate), until) in limits.iter().zip(ends) {
        for at in [*from, until] {
            let _ = write!(limit, "{:.1},{:.1} ", x(at.as_secs_f64()), y(*rate));
        }
    }
    for client in 0..clients as usize {
        let points = rate_line(report.rates(client), scenario.length, &x, &y);
        let _ = writeln!(
            svg,
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"#1f5fa8\"/>"
        );
    }
    let _ = writeln!(
        svg,
        "<polyline points=\"{limit}\" fill=\"none\" stroke=\"#c0392b\" stroke-width=\"2\"/>\n\
         <path d=\"{}\" stroke=\"#e67e22\"/>\n\
         <text x=\"{LEFT}\" y=\"{}\">red: what the limits allow, blue: the rate of each client, orange: refusals</text>\n</svg>",
        refusals(report, base + 2.0, &x),
        base + 46.0,
    );
    svg
}

fn seconds(at: Time) -> f64 {
    at.saturating_since(Time::ZERO).as_secs_f64()
}

/// A client's rate, as steps. Nobody sees more than a point every half pixel, except where it is cut.
fn rate_line(
    rates: &[(Time, f64)],
    length: Duration,
    x: &dyn Fn(f64) -> f64,
    y: &dyn Fn(f64) -> f64,
) -> String {
    let mut points = String::new();
    let (mut last, mut drawn) = (None, f64::NEG_INFINITY);
    for (at, rate) in rates {
        let now = x(seconds(*at));
        if now - drawn >= 0.5 || last.is_some_and(|last| *rate < 0.9 * last) {
            let _ = write!(
                points,
                "{now:.1},{:.1} {now:.1},{:.1} ",
                y(last.unwrap_or(*rate)),
                y(*rate)
            );
            (last, drawn) = (Some(*rate), now);
        }
    }
    if let Some((_, rate)) = rates.last() {
        let _ = write!(points, "{:.1},{:.1}", x(length.as_secs_f64()), y(*rate));
    }
    points
}

/// A tick for each refusal, one for those that would lie on top of each other.
fn refusals(report: &Report, top: f64, x: &dyn Fn(f64) -> f64) -> String {
    let mut path = String::new();
    let mut last = f64::NEG_INFINITY;
    for arrival in report.arrivals().iter().filter(|arrival| !arrival.accepted) {
        let at = x(seconds(arrival.at));
        if at - last >= 0.5 {
            let _ = write!(path, "M{at:.1},{top:.1}v8");
            last = at;
        }
    }
    path
}
