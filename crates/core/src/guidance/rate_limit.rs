//! Every limit that the headers of one response announce, in any dialect.
//!
//! Headers are gathered into families (same beginning, same dimension), and each family has its limits. The
//! IETF's structured items are added. Announcements of the same limit by a gateway and by the server behind
//! it are merged.

use std::time::Duration;

use http::HeaderMap;

use super::dialect::Dialect;
use super::family::Family;
use super::name::{self, Field};
use super::policy::{Policy, Unit};
use super::reset::{LONGEST, ServerClock};
use super::structured::{self, Item};
use super::{quota, retry_after};
use crate::headers::lines::{MOST_PARTS, text};
use crate::number::Number;

/// Maximum number of limits that are kept of one response: ten times what the most verbose server sends.
pub(super) const MOST_POLICIES: usize = 64;

/// Maximum number of lines about limits that are read.
const MOST_LINES: usize = 256;

/// Maximum difference between two resets that count as equal: one may be an epoch cut to whole seconds, the
/// other a rounded difference.
const SAME_RESET: Duration = Duration::from_secs(2);

/// Endings of headers that contain `used/limit`, with their window.
///
/// Shopify sends `X-Shopify-Shop-Api-Call-Limit: 32/40`. Salesforce sends `Sforce-Limit-Info:
/// api-usage=18/5000; per-app-api-usage=17/250(appName=x)`, counted over 24 hours.
const USAGES: [(&str, Option<Duration>); 2] = [
    ("-call-limit", None),
    ("sforce-limit-info", Some(Duration::from_secs(86_400))),
];

/// Returns whether a header contains `used/limit`, and the window of that limit.
fn usage_window(header: &str) -> Option<Option<Duration>> {
    // Shopify also documents the name of its variable, with underscores:
    // `HTTP_X_SHOPIFY_SHOP_API_CALL_LIMIT` (shopify.dev, REST Admin API rate limits).
    let header = header.replace('_', "-");
    let found = USAGES.iter().find(|(end, _)| header.ends_with(end));
    found.map(|&(_, window)| window)
}

/// Limits and waits in the headers.
#[derive(Debug, Default)]
pub(super) struct Limits {
    /// Announced limits, each once.
    pub(super) policies: Vec<Policy>,
    /// Wait under the name of a limit: `X-RateLimit-Retry-After`.
    pub(super) retry_after: Option<Duration>,
}

/// Reads all headers about limits.
pub(super) fn read(headers: &HeaderMap, clock: &ServerClock, dialect: &Dialect) -> Limits {
    let mut limits = Limits::default();
    let mut found = Gathered::default();
    // Every header about limits has "limit" in its name.
    let named = headers
        .iter()
        .filter(|(name, _)| name.as_str().contains("limit"));
    for (header, value) in named.take(MOST_LINES) {
        let (header, Some(text)) = (header.as_str(), text(value)) else {
            continue;
        };
        // Headers that contain `used/limit` have names of their own.
        if let Some(window) = usage_window(header) {
            found.usages.extend(quota::usages(&text, window));
            continue;
        }
        let Some(name) = name::read(header, dialect.markers) else {
            continue;
        };
        if dialect.dropped.contains(&name.dimension.as_str()) {
            continue;
        }
        // The name says what the value is; without a word for it, the form of the value does.
        match name.field {
            Field::RetryAfter => {
                let unit = name.unit.unwrap_or(dialect.time_unit);
                let wait = retry_after::in_unit(&text, unit, clock);
                limits.retry_after = limits.retry_after.max(wait);
            }
            Field::Policy => found.quotas.extend(quota::announced(&text)),
            Field::Remaining if Number::take(&text).is_none() && text.contains(';') => {
                found.usages.extend(quota::remainders(&text));
            }
            Field::Unnamed if Number::take(&text).is_none() => match structured::items(&text) {
                Some(items) if name.dimension.is_empty() => found.states.extend(items),
                _ => found.family(name, true).add_pairs(&text, clock),
            },
            Field::Unnamed if !name.is_plain() => {}
            field => {
                let unit = name.unit.unwrap_or(dialect.time_unit);
                found.family(name, false).add(field, &text, unit, clock);
            }
        }
    }
    limits.policies = found.policies(headers, dialect);
    limits
}

/// Contents of the headers, before they are put together.
#[derive(Default)]
struct Gathered<'a> {
    /// Headers by family.
    families: Vec<Family<'a>>,
    /// `RateLimit`: what is left of named policies.
    states: Vec<Item>,
    /// `RateLimit-Policy`, and the lists in draft 03's `RateLimit-Limit`: the limits in force.
    quotas: Vec<Item>,
    /// Limits written as `used/limit`, and amounts named one by one.
    usages: Vec<Policy>,
}

impl<'a> Gathered<'a> {
    /// Returns the family that a name belongs to; creates it if it is new.
    fn family(&mut self, name: name::Name<'a>, pairs: bool) -> &mut Family<'a> {
        let known = self
            .families
            .iter()
            .position(|family| family.is_of(&name, pairs));
        let index = known.unwrap_or_else(|| {
            self.families.push(Family::new(name, pairs));
            self.families.len() - 1
        });
        &mut self.families[index]
    }

    /// Gives times without an amount to the limits that they are about: the only one beside them, or the
    /// exhausted ones of several (BigCommerce, Contentful).
    fn share_times(&mut self) {
        let (times, mut others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.families)
            .into_iter()
            .partition(Family::has_only_times);
        for times in times {
            let beside = |family: &&mut Family<'_>| family.is_beside(&times);
            let is_alone = others.iter_mut().filter(beside).count() == 1;
            let mut about = others
                .iter_mut()
                .filter(beside)
                .filter(|family| is_alone || family.is_exhausted())
                .peekable();
            if about.peek().is_none() {
                self.families.push(times);
            } else {
                about.for_each(|family| family.borrow(&times));
            }
        }
        self.families.append(&mut others);
    }

    /// Gives an amount that is left, whose name has no dimension and no limit, to the limit that it is about:
    /// the only one beside it of which nothing else is known (Yelp's `DailyLimit`, Spring's
    /// `Burst-Capacity`).
    fn share_counts(&mut self) {
        let (remainders, mut others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.families)
            .into_iter()
            .partition(|family| family.is_general() && family.has_no_limit());
        for rest in remainders {
            // A limit with nothing but a window in its name is about the whole API, so it comes first.
            let only = |plain: bool| {
                let is_about = |family: &Family<'_>| {
                    family.is_beside(&rest)
                        && family.has_only_a_limit()
                        && family.is_plain() >= plain
                };
                let mut about = (0..others.len()).filter(|&at| is_about(&others[at]));
                about.next().filter(|_| about.next().is_none())
            };
            match only(true).or_else(|| only(false)) {
                Some(limit) => others[limit].take_over(rest),
                None => self.families.push(rest),
            }
        }
        self.families.append(&mut others);
    }

    /// Returns all limits, each once.
    fn policies(mut self, headers: &HeaderMap, dialect: &Dialect) -> Vec<Policy> {
        self.share_times();
        self.share_counts();
        // The order of headers means nothing: general limits come first, and those of requests before others.
        self.families.sort_by_key(Family::rank);
        self.quotas
            .extend(self.families.iter().flat_map(Family::quotas));
        self.quotas.truncate(MOST_PARTS);
        let mut matched = vec![false; self.quotas.len()];

        // Each policy with the number of its group. Within a group no two are the same limit.
        let mut policies = Vec::new();
        for state in self.states.iter().take(MOST_POLICIES) {
            let policy = state_policy(state, &self.quotas, &mut matched);
            // A lone word, such as `unlimited`, is an item too, but announces nothing.
            if policy.limit.is_some() || policy.remaining.is_some() || policy.reset_after.is_some()
            {
                policies.push((0, policy));
            }
        }
        // Limits of families, completed by the limits in force.
        for (group, family) in self.families.iter().enumerate() {
            for mut policy in family.policies(dialect).into_iter().take(MOST_POLICIES) {
                if family.is_general() {
                    quota::complete(&mut policy, &self.quotas, &mut matched);
                }
                policies.push((group + 1, policy));
                if policies.len() >= MOST_POLICIES {
                    break;
                }
            }
        }
        // Limits in force that no amount was announced for.
        let unmatched = self
            .quotas
            .iter()
            .zip(&matched)
            .filter(|(_, matched)| !**matched)
            .map(|(quota, _)| quota::policy(quota));
        let mut policies: Vec<Policy> = merged(policies)
            .into_iter()
            .chain(self.usages)
            .chain(unmatched)
            .collect();
        policies.truncate(MOST_POLICIES);
        for policy in &mut policies {
            dialect.complete(policy, headers);
        }
        policies
    }
}

/// Joins what is left of a policy with the policy itself: the item of the same name and partition key, or of
/// the same name if one of the two has no key.
fn state_policy(state: &Item, quotas: &[Item], matched: &mut [bool]) -> Policy {
    let same_name = |quota: &&Item| quota.name == state.name;
    let same_key = |quota: &&Item| quota.partition == state.partition;
    let keyless = |quota: &&Item| quota.partition.is_none() || state.partition.is_none();
    let exact = quotas.iter().filter(same_name).find(same_key);
    let found = exact.or_else(|| quotas.iter().filter(same_name).find(keyless));
    if let Some(found) = found {
        quota::mark(found, quotas, matched);
    }
    let unit = found
        .and_then(|quota| quota.unit.clone())
        .or_else(|| state.unit.clone());
    Policy {
        name: Some(state.name.as_str().into()),
        limit: found.and_then(|quota| quota.quota).or(state.quota),
        remaining: state.remaining,
        window: found.and_then(|quota| quota.window).or(state.window),
        reset_after: state.reset.map(|reset| reset.min(LONGEST)),
        unit: unit.unwrap_or(Unit::Requests),
        rolling: false,
    }
}

/// Merges limits of different groups that are the same.
///
/// Kong sends `RateLimit-*` with the reset and `X-RateLimit-*-Minute` with the window, Zendesk `x-rate-limit`
/// and `ratelimit-limit`, and many servers the IETF's fields beside older ones.
fn merged(policies: Vec<(usize, Policy)>) -> Vec<Policy> {
    let mut merged: Vec<(usize, Policy)> = Vec::with_capacity(policies.len());
    for (group, policy) in policies {
        match merged
            .iter_mut()
            .find(|(other, known)| *other != group && are_same(known, &policy))
        {
            Some((_, known)) => {
                known.name = known.name.take().or(policy.name);
                known.limit = known.limit.or(policy.limit);
                known.remaining = known.remaining.or(policy.remaining);
                known.window = known.window.or(policy.window);
                known.reset_after = known.reset_after.or(policy.reset_after);
                known.rolling |= policy.rolling;
            }
            None => merged.push((group, policy)),
        }
    }
    merged.into_iter().map(|(_, policy)| policy).collect()
}

/// Returns whether two announcements are of the same limit: they contradict each other nowhere, and agree in
/// at least two of limit, remaining and reset.
fn are_same(a: &Policy, b: &Policy) -> bool {
    fn agree<T: PartialEq>(a: Option<&T>, b: Option<&T>) -> Option<bool> {
        Some(a? == b?)
    }
    let resets = a
        .reset_after
        .zip(b.reset_after)
        .map(|(a, b)| a.abs_diff(b) < SAME_RESET);
    let counts = [
        agree(a.limit.as_ref(), b.limit.as_ref()),
        agree(a.remaining.as_ref(), b.remaining.as_ref()),
        resets,
    ];
    let others = [
        agree(a.window.as_ref(), b.window.as_ref()),
        agree(a.name.as_ref(), b.name.as_ref()),
    ];
    let contradiction = counts
        .iter()
        .chain(&others)
        .any(|agreed| *agreed == Some(false));
    let agreements = counts
        .iter()
        .filter(|agreed| **agreed == Some(true))
        .count();
    !contradiction && agreements >= 2 && a.unit == b.unit
}
