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
