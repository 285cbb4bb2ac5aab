//! `apirl presets`: what is known of APIs, by name.

use std::fmt::Write as _;

use api_ratelimiter::{API_RATE_CONFIGS, ApiRateConfig};
use serde_json::Value;

use crate::failure::{Failure, print};
use crate::input;
use crate::quantity::spoken;

/// List the presets, or show one of them.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  apirl presets
  apirl presets notion
  apirl presets github --json > mine.json")]
pub(crate) struct Args {
    /// The preset to show.
    name: Option<String>,
    /// Print configurations as JSON, as `--config` and `apirl check` read them.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let text = match (&args.name, args.json) {
        (Some(name), true) => format!("{}\n", input::preset(name)?.to_json()),
        (Some(name), false) => detail(&*input::preset(name)?),
        (None, true) => {
            let all: Vec<Value> = API_RATE_CONFIGS
                .iter()
                .map(|config| serde_json::from_str(&config.to_json()).unwrap_or_default())
                .collect();
            format!("{:#}\n", Value::from(all))
        }
        (None, false) => table(),
    };
    print(&text)
}

/// A rate with at most three decimals, without trailing zeros.
fn rate(per_second: f64) -> String {
    let text = format!("{per_second:.3}");
    format!("{}/s", text.trim_end_matches('0').trim_end_matches('.'))
}

fn codes(config: &ApiRateConfig) -> String {
    let codes: Vec<String> = config
        .backoff_status_codes
        .iter()
        .map(u16::to_string)
        .collect();
    codes.join(", ")
}

fn table() -> String {
    let mut text = String::from("\x1b[1m");
    let _ = writeln!(
        text,
        "{:<22} {:>9} {:>9} {:>9}  {:<9} BASE URL\x1b[0m",
        "NAME", "START", "LEAST", "MOST", "REFUSALS"
    );
    for config in API_RATE_CONFIGS.iter() {
        let base = match config.base_url.as_str() {
            "" => "(your own)",
            base => base,
        };
        let _ = writeln!(
            text,
            "{:<22} {:>9} {:>9} {:>9}  {:<9} {base}",
            config.name,
            rate(config.initial_rate),
            rate(config.min_rate),
            rate(config.max_rate),
            codes(&config),
        );
    }
    text
}

fn detail(config: &ApiRateConfig) -> String {
    let cooldown = match config.default_cooldown {
        Some(pause) => spoken(pause),
        None => "learned, from 1 s to 60 s".to_owned(),
    };
    let mut text = format!("\x1b[1m{}\x1b[0m\n", config.name);
    let rows = [
        ("base URL", config.base_url.clone()),
        ("starts at", rate(config.initial_rate)),
        (
            "stays within",
            format!("{} to {}", rate(config.min_rate), rate(config.max_rate)),
        ),
        (
            "law",
            format!(
                "+ {} for a success that tells something, x {} for a refusal",
                rate(config.increase_step),
                config.decrease_factor
            ),
        ),
        ("refuses by", codes(config)),
        ("pause without a hint", cooldown),
        ("longest pause waited", spoken(config.max_cooldown)),
        ("learning", format!("{:?}", config.learning).to_lowercase()),
    ];
    for (name, value) in rows {
        let _ = writeln!(text, "  {name:<21} {value}");
    }
    if let Some(documented) = &config.documented_limit_desc {
        let _ = writeln!(text, "\n{documented}");
    }
    text
}
