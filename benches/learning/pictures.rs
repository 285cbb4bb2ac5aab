//! Pictures of the rate and the hidden limit over time, with refusals: ours above, the reference below.

use api_ratelimiter_simulator::world::chart::{
    self, Chart, LIMIT_COLOUR, Plot, RATE_COLOUR, REFUSAL_COLOUR,
};
use api_ratelimiter_simulator::world::{Report, Scenario};

use crate::players::{Player, play};

const WIDTH: f64 = 900.0;
const PANEL: f64 = 220.0;
const LEFT: f64 = 50.0;
const TOP: f64 = 40.0;
const GAP: f64 = 50.0;

/// Height of a panel, as a multiple of the highest limit.
const HEADROOM: f64 = 1.6;

/// Draws one scenario, played by ours and by the reference.
pub(crate) fn draw(title: &str, scenario: &Scenario) -> String {
    let reports =
        [Player::Ours, Player::Reference].map(|player| (player, play(player, scenario, 1, 1)));
    let limits = chart::limit_steps(scenario);
    let highest = limits.iter().map(|(_, rate)| *rate).fold(0.0, f64::max) * HEADROOM;

    let mut chart = Chart::new(WIDTH + LEFT + 20.0, TOP + 2.0 * (PANEL + GAP), 13);
    chart.text(LEFT, 20, "font-size=\"15\"", title).line_break();
    for (row, (player, report)) in reports.iter().enumerate() {
        let plot = Plot {
            left: LEFT,
            base: TOP + PANEL + row as f64 * (PANEL + GAP),
            width: WIDTH,
            height: PANEL,
            length: scenario.length,
            highest,
        };
        draw_panel(&mut chart, player.name(), report, &limits, &plot);
    }
    chart.finish()
}

/// Draws the run of one player: its figures, the limit, the rate and the refusals.
fn draw_panel(
    chart: &mut Chart,
    name: &str,
    report: &Report,
    limits: &[(std::time::Duration, f64)],
    plot: &Plot,
) {
    let accepted = report.accepted(crate::players::STEADY, plot.length);
    let refused = 100.0 * report.refused_share(crate::players::STEADY, plot.length);
    let (base, highest) = (plot.base, plot.highest);
    let rates = report.rates(0).iter();
    let rates = rates.map(|(at, rate)| (*at, rate.min(2.0 * highest)));
    chart
        .horizontal_line(LEFT, LEFT + WIDTH, base, "#888")
        .line_break()
        .text(
            LEFT,
            base - PANEL - 4.0,
            "",
            format_args!("{name}: {accepted} accepted, {refused:.2}% refused after 300 s"),
        )
        .line_break()
        .text(4, base - PANEL + 10.0, "", format_args!("{highest:.0}/s"))
        .line_break()
        .polyline(&plot.limit(limits), LIMIT_COLOUR, Some(2))
        .line_break()
        .polyline(&plot.rate(0.0, rates), RATE_COLOUR, Some(1))
        .line_break()
        .path(&plot.refusals(report, 0.0), REFUSAL_COLOUR, Some(1))
        .line_break()
        .text(
            LEFT,
            base + 24.0,
            "font-size=\"11\"",
            format_args!(
                "0 to {:.0} s; red: the hidden limit, blue: the rate, orange: refusals",
                plot.length.as_secs_f64()
            ),
        )
        .line_break();
}
