//! Settings that follow from a measurement, as JSON and as Rust.

use api_ratelimiter::{ApiRateConfig, LimitConfig, LimitKind};
use api_ratelimiter_core::config::overlaid;
use serde_json::{Map, Value, json};

use super::findings::Findings;
use crate::failure::Failure;

/// Settings to paste.
#[derive(Debug)]
pub(super) struct Suggestion {
    /// As `--config` and `merge_json` read them: fields by name of the API.
    pub(super) config: Value,
    /// Two lines of Rust that use them.
    pub(super) rust: String,
}

impl Suggestion {
    /// Returns the settings that follow from the findings of a run with `config`, as changes of `base`: the preset of that
    /// name, or the defaults. `None` if no request was accepted, and if a part of the API was measured: its limit is not that of
    /// the whole client.
    ///
    /// # Errors
    ///
    /// If the library does not accept them, which is a bug.
    pub(super) fn of(
        base: &ApiRateConfig,
        config: &ApiRateConfig,
        findings: &Findings,
    ) -> Result<Option<Self>, Failure> {
        if findings.accepted == 0 || findings.is_of_part {
            return Ok(None);
        }
        let better = improved(config, findings);
        let fields = changed(base, &better);
        let config = json!({ better.name.as_str(): fields.clone() });

        // They are given away only if the library loads them.
        let loaded = overlaid(&better.name, base.clone(), fields.into());
        let loaded = loaded.and_then(|loaded| loaded.validate());
        loaded.map_err(|error| {
            Failure::failed(format_args!(
                "the settings that were found can't be used: {error}"
            ))
            .hint("this is a bug in apirl")
        })?;
        // A raw string ends at the first quote that is followed by its number of #.
        let text = config.to_string();
        let mut hashes = "#".to_owned();
        while text.contains(&format!("\"{hashes}")) {
            hashes.push('#');
        }
        let rust = format!(
            "API_RATE_CONFIGS.merge_json(r{hashes}\"{text}\"{hashes})?;\nlet client = make_client_for({:?})?;",
            better.name
        );
        Ok(Some(Self { config, rust }))
    }
}

/// Returns the configuration of the run with what was found.
///
/// A window becomes a known limit, and a number of requests at once the most under way. Without them, a rate that a test
/// has confirmed becomes the maximum, unless refusals lasted as those of windows do. An estimate that may be far off, or a
/// rate that was never refused, is only where the next client starts: it goes on searching. Announced limits need no
/// settings, because the client reads them from each response.
fn improved(config: &ApiRateConfig, findings: &Findings) -> ApiRateConfig {
    let mut better = config.clone();
    if let Some(limit) = findings.limit.filter(|it| it.kind == LimitKind::AtOnce) {
        better.max_under_way = u32::try_from(limit.count).ok();
        return better;
    }
    if let Some(limit) = &findings.limit {
        // A count is far below 2^53, above which a float is not exact.
        let limit = LimitConfig::new(limit.count as f64, limit.window);
        let others = |known: &LimitConfig| known.per != limit.per || known.resets.is_some();
        better.limits.retain(others);
        better.limits.push(limit);
        return better;
    }
    let start = match &findings.rate {
        Some(rate) if rate.tests > 0 && !findings.shows_windows => {
            better.max_rate = better.max_rate.min(rate.per_second);
            better.min_rate = better.min_rate.min(better.max_rate);
            better.initial_rate
        }
        Some(rate) => rate.from,
        None if findings.refused == 0 && findings.announced.is_empty() => {
            findings.busiest_second as f64
        }
        None => better.initial_rate,
    };
    better.initial_rate = start.clamp(better.min_rate, better.max_rate);
    better
}

/// Returns the fields in which `config` differs from `base`.
fn changed(base: &ApiRateConfig, config: &ApiRateConfig) -> Map<String, Value> {
    let fields = |config: &ApiRateConfig| match serde_json::from_str(&config.to_json()) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    let base = fields(base);
    let mut changed = fields(config);
    // The name is the key of the entry.
    changed.retain(|field, value| field != "name" && base.get(field) != Some(value));
    changed
}

#[cfg(test)]
mod tests;
