//! The presets: configurations for known vendors, read from their documentation in November 2026.
//!
//! Each preset says in [`documented_limit_desc`](ApiRateConfig::documented_limit_desc) which values the
//! vendor documents and which are guesses. The registry that looks presets up by name is part of the library.

use crate::config::ApiRateConfig;

mod ai;
mod business;
mod commerce;
mod developer;
mod messaging;
mod template;
mod work;

/// Returns the presets of all vendors.
///
/// ```
/// use api_ratelimiter_core::presets;
///
/// let presets = presets::all();
/// let notion = presets.iter().find(|preset| preset.name == "notion").unwrap();
/// assert_eq!(notion.limits[0].requests, 180.0);
/// assert!(presets.iter().all(|preset| preset.validate().is_ok()));
/// ```
#[must_use]
pub fn all() -> Vec<ApiRateConfig> {
    [
        ai::all(),
        business::all(),
        commerce::all(),
        developer::all(),
        messaging::all(),
        work::all(),
    ]
    .concat()
}
