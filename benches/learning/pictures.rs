//! Pictures: the rate and the hidden limit over time, refusals marked, ours above the reference.

use std::fmt::Write as _;

use api_ratelimiter::Time;
use api_ratelimiter_simulator::world::{Report, Scenario};

use crate::players::{Player, play};

const WIDTH: f64 = 900.0;
const PANEL: f64 = 220.0;
const LEFT: f64 = 50.0;
const TOP: f64 = 40.0;
const GAP: f64 = 50.0;

/// Draws one scenario, played by ours and by the reference.
pub(crate) fn draw(title: &str, scenario: &Scenario) -> String {
    let reports =
        [Player::Ours, Player::Reference].map(|player| (player, play(player, scenario, 1, 1)));
    let height = TOP + 2.0 * (PANEL + GAP);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {height}\" font-family=\"sans-serif\" \
         font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"20\" font-size=\"15\">{title}</text>\n",
        WIDTH + LEFT + 20.0
    );
    let highest = steps(scenario)
        .iter()
        .map(|(_, rate)| *rate)
        .fold(0.0, f64::max)
        * 1.6;
    for (row, (player, report)) in reports.iter().enumerate() {
        let base = TOP + PANEL + row as f64 * (PANEL + GAP);
        panel(&mut svg, player.name(), report, scenario, highest, base);
    }
    svg.push_str("</svg>\n");
    svg
}

/// The hidden limit's long-run rate, from each of its changes on.
fn steps(scenario: &Scenario) -> Vec<(f64, f64)> {
    let rate = |limits: &[api_ratelimiter_simulator::Limit]| {
        limits
            .iter()
            .filter_map(|limit| limit.per_second())
            .fold(f64::INFINITY, f64::min)
    };
    let changes = scenario
        .changes
        .iter()
        .map(|(at, limits)| (at.as_secs_f64(), rate(limits)));
    std::iter::once((0.0, rate(&scenario.limits)))
        .chain(changes)
        .collect()
}

fn panel(
    svg: &mut String,
    name: &str,
    report: &Report,
    scenario: &Scenario,
    highest: f64,
    base: f64,
) {
    let length = scenario.length.as_secs_f64();
    let x = |seconds: f64| LEFT + WIDTH * seconds / length;
    let y = |rate: f64| base - PANEL * (rate / highest).min(1.0);
    let seconds = |at: Time| at.saturating_since(Time::ZERO).as_secs_f64();
    let mut limit = String::new();
    let steps = steps(scenario);
    for (index, (from, rate)) in steps.iter().enumerate() {
        let until = steps.get(index + 1).map_or(length, |next| next.0);
        let _ = write!(
            limit,
            "{:.1},{:.1} {:.1},{:.1} ",
            x(*from),
            y(*rate),
            x(until),
            y(*rate)
        );
    }
    let mut rate = String::new();
    let (mut last, mut drawn) = (0.0, f64::NEG_INFINITY);
    for (at, per_second) in report.rates(0) {
        let (now, per_second) = (x(seconds(*at)), per_second.min(2.0 * highest));
        // Nobody sees more than a point every half pixel, except where the rate is cut.
        if now - drawn >= 0.5 || per_second < 0.9 * last {
            let _ = write!(
                rate,
                "{now:.1},{:.1} {now:.1},{:.1} ",
                y(last),
                y(per_second)
            );
            drawn = now;
            last = per_second;
        }
    }
    let mut refusals = String::new();
    for arrival in report.arrivals().iter().filter(|arrival| !arrival.accepted) {
        let _ = write!(
            refusals,
            "M{:.1},{:.1}v8",
            x(seconds(arrival.at)),
            base + 2.0
        );
    }
    let utilisation = report.accepted(crate::players::STEADY, scenario.length);
    let refused = 100.0 * report.refused_share(crate::players::STEADY, scenario.length);
    let _ = write!(
        svg,
        "<line x1=\"{LEFT}\" y1=\"{base}\" x2=\"{}\" y2=\"{base}\" stroke=\"#888\"/>\n\
         <text x=\"{LEFT}\" y=\"{}\">{name}: {utilisation} accepted, {refused:.2}% refused after 300 s</text>\n\
         <text x=\"4\" y=\"{}\">{highest:.0}/s</text>\n\
         <polyline points=\"{limit}\" fill=\"none\" stroke=\"#c0392b\" stroke-width=\"2\"/>\n\
         <polyline points=\"{rate}\" fill=\"none\" stroke=\"#1f5fa8\" stroke-width=\"1\"/>\n\
         <path d=\"{refusals}\" stroke=\"#e67e22\" stroke-width=\"1\"/>\n\
         <text x=\"{LEFT}\" y=\"{}\" font-size=\"11\">0 to {length:.0} s; red: the hidden limit, blue: the rate, orange: refusals</text>\n",
        LEFT + WIDTH,
        base - PANEL - 4.0,
        base - PANEL + 10.0,
        base + 24.0,
    );
}
