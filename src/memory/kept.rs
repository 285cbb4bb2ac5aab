//! What a client's limiters have learned, and what they have used of known limits.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::rate_limiter::DynamicRateLimiter;
use api_ratelimiter_core::limiter::Learned;

/// What the limiters of one client have learned.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    /// The client's own limiter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    learned: Option<Learned>,
    /// The limiters of its scopes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    scopes: BTreeMap<String, Learned>,
}

impl Kept {
    /// Returns what these limiters have learned, with a reserve of known limits. `None` if that is nothing.
    pub(super) fn of(limiter: &DynamicRateLimiter, reserve: u64) -> Option<Self> {
        let learned = |limiter: &DynamicRateLimiter| {
            let learned = limiter.learned();
            learned.map(|learned| learned.with_reserve(reserve))
        };
        let scopes = limiter.scopes().iter().filter_map(|(name, scope)| {
            let learned = learned(scope)?;
            Some((String::from(&**name), learned))
        });
        let kept = Self {
            learned: learned(limiter),
            scopes: scopes.collect(),
        };
        (kept.learned.is_some() || !kept.scopes.is_empty()).then_some(kept)
    }

    /// Gives the limiters what they have learned. Skips a shared limiter that has learned something already.
    pub(super) fn restore(&self, limiter: &DynamicRateLimiter) {
        let give = |limiter: &DynamicRateLimiter, learned: Option<&Learned>| {
            if let Some(learned) = learned.filter(|_| limiter.learned().is_none()) {
                limiter.restore(learned);
            }
        };
        give(limiter, self.learned.as_ref());
        for (name, scope) in limiter.scopes() {
            give(scope, self.scopes.get(&**name));
        }
    }

    /// Returns whether both say the same, whenever it was learned.
    pub(super) fn is_as(&self, other: &Self) -> bool {
        let own = match (&self.learned, &other.learned) {
            (Some(one), Some(other)) => one.is_as(other),
            (one, other) => one.is_none() && other.is_none(),
        };
        own && self.scopes.len() == other.scopes.len()
            && self.scopes.iter().all(|(name, learned)| {
                let other = other.scopes.get(name);
                other.is_some_and(|other| learned.is_as(other))
            })
    }
}
