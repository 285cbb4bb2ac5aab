//! `apirl presets`: the known APIs and their settings.

use std::fmt::Write as _;

use api_ratelimiter::{API_RATE_CONFIGS, ApiRateConfig, LimitConfig};
use serde_json::Value;

use crate::failure::Failure;
use crate::flags::PresetsFlags;
use crate::quantity::spoken;
use crate::settings::preset;
use crate::terminal::print;

pub(crate) fn run(flags: PresetsFlags) -> Result<(), Failure> {
    let text = match (&flags.name, flags.json) {
        (Some(name), true) => format!("{}\n", preset(name)?.to_json()),
        (Some(name), false) => detail(&*preset(name)?),
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

/// Returns a rate with at most three decimals, without trailing zeros.
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

/// Returns the known limits as text.
fn limits(config: &ApiRateConfig) -> String {
    if config.limits.is_empty() {
        return "none".to_owned();
    }
    let limits: Vec<_> = config.limits.iter().map(LimitConfig::to_string).collect();
    limits.join(", ")
}

/// Returns one row for each preset.
fn table() -> String {
    let mut text = String::from("\x1b[1m");
    let _ = writeln!(
        text,
        "{:<22} {:>9} {:>9} {:>9}  {:<9} BASE URL\x1b[0m",
        "NAME", "START", "MIN", "MAX", "REFUSALS"
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

/// Returns the settings of one preset, and what its vendor documents.
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
            "adapts by",
            format!(
                "+{} per informative success, x{} per refusal",
                rate(config.increase_step),
                config.decrease_factor
            ),
        ),
        ("known limits", limits(config)),
        ("refusal statuses", codes(config)),
        ("pause without a hint", cooldown),
        ("maximum pause", spoken(config.max_cooldown)),
        (
            "requests at once",
            config
                .max_under_way
                .map_or_else(|| "no limit known".to_owned(), |most| most.to_string()),
        ),
        ("reserve", format!("{}%", 100.0 * config.reserve)),
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
