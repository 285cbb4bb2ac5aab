//! The presets: each says what its vendor documents and what is a guess. Read in November 2026.

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
