//! Every limit that the headers of one answer announce, whatever the dialect.
//!
//! Fields are gathered into families (same beginning, same dimension), each family yields its limits,
//! the IETF's structured items join them, and what a gateway and the server behind it say about the
//! same limit in two dialects becomes one.

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
use crate::number::{Number, SECOND};

/// Most limits that are kept of one answer: ten times what the most talkative server sends.
pub(super) const MOST_POLICIES: usize = 64;

/// Most lines about limits that are looked at.
const MOST_LINES: usize = 256;

/// How far two resets may lie apart and still be the same: one may be an epoch cut to whole seconds,
/// the other a difference that was rounded.
const SAME_RESET: Duration = Duration::from_secs(2);

/// Headers that hold `used/limit`, by the end of their name, with their window in seconds.
///
/// Shopify's `X-Shopify-Shop-Api-Call-Limit: 32/40`; Salesforce's `Sforce-Limit-Info:
/// api-usage=18/5000; per-app-api-usage=17/250(appName=x)`, counted over 24 hours.
const TALLIES: [(&str, Option<Duration>); 2] = [
    ("-call-limit", None),
    ("sforce-limit-info", Some(Duration::from_secs(86_400))),
];

/// What the headers say about limits.
#[derive(Debug, Default)]
pub(super) struct Limits {
    pub(super) policies: Vec<Policy>,
    /// The wait under a limit's own name: `X-RateLimit-Retry-After`.
    pub(super) retry_after: Option<Duration>,
}

/// Reads them all.
pub(super) fn read(headers: &HeaderMap, clock: &ServerClock, dialect: &Dialect) -> Limits {
    let mut limits = Limits::default();
    let mut found = Found::default();
    let named = headers
        .iter()
        .filter(|(name, _)| name.as_str().contains("limit"));
    for (header, value) in named.take(MOST_LINES) {
        let (header, Some(text)) = (header.as_str(), text(value)) else {
            continue;
        };
        if let Some(&(_, window)) = TALLIES.iter().find(|(end, _)| header.ends_with(end)) {
            found.tallies.extend(quota::tallies(&text, window));
            continue;
        }
        let Some(name) = name::read(header, dialect.markers) else {
            continue;
        };
        if dialect.dropped.contains(&name.dimension.as_str()) {
            continue;
        }
        match name.field {
            Field::RetryAfter => {
                let wait = match name.unit.unwrap_or(dialect.time_unit) {
                    SECOND => retry_after::read_line(&text, clock),
                    unit => retry_after::units(&text, unit),
                };
                limits.retry_after = limits.retry_after.max(wait);
            }
            Field::Policy => found.quotas.extend(quota::announced(&text)),
            Field::Remaining if Number::take(&text).is_none() && text.contains(';') => {
                found.tallies.extend(quota::rests(&text));
            }
            Field::Unsaid if Number::take(&text).is_none() => match structured::items(&text) {
                Some(items) if name.dimension.is_empty() => found.states.extend(items),
                _ => found.family(name, true).add_pairs(&text, clock),
            },
            Field::Unsaid if !name.is_plain() => {}
            field => {
                let unit = name.unit.unwrap_or(dialect.time_unit);
                found.family(name, false).add(field, &text, unit, clock);
            }
        }
    }
    limits.policies = found.policies(headers, dialect);
    limits
}

/// What was gathered, before it is put together.
#[derive(Default)]
struct Found<'a> {
    families: Vec<Family<'a>>,
    /// `RateLimit`: what is left of named policies.
    states: Vec<Item>,
    /// `RateLimit-Policy` and the lists in draft 03's `RateLimit-Limit`: what is in force.
    quotas: Vec<Item>,
    tallies: Vec<Policy>,
}

impl<'a> Found<'a> {
    /// The family that a field belongs to.
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

    /// Times under a name that says of nothing what they are belong to the one limit beside them, or to
    /// those of several of which nothing is left (BigCommerce, Contentful).
    fn share_times(&mut self) {
        let (times, mut others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.families)
            .into_iter()
            .partition(Family::tells_only_times);
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

    /// What is left under a name that says of nothing what it is, and without a limit there, is left of
    /// the one limit beside it of which nothing else is told: Yelp's `DailyLimit`, Spring's
    /// `Burst-Capacity`.
    fn share_counts(&mut self) {
        let (rests, mut others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.families)
            .into_iter()
            .partition(|family| family.is_general() && family.tells_no_limit());
        for rest in rests {
            // One that is called by its window alone is not about a part of the API.
            let only = |plain: bool| {
                let is_about = |family: &Family<'_>| {
                    family.is_beside(&rest)
                        && family.tells_only_a_limit()
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

    /// All limits, each once.
    fn policies(mut self, headers: &HeaderMap, dialect: &Dialect) -> Vec<Policy> {
        self.share_times();
        self.share_counts();
        // The order of headers means nothing: general limits come first, those of requests before others.
        self.families.sort_by_key(Family::rank);
        self.quotas
            .extend(self.families.iter().flat_map(Family::quotas));
        self.quotas.truncate(MOST_PARTS);
        let mut told = vec![false; self.quotas.len()];

        // Each with the number of its group: within a group no two are the same limit.
        let mut policies = Vec::new();
        for state in self.states.iter().take(MOST_POLICIES) {
            let policy = state_policy(state, &self.quotas, &mut told);
            // A lone word, such as `unlimited`, is an item too, and says nothing.
            if policy.limit.is_some() || policy.remaining.is_some() || policy.reset_after.is_some()
            {
                policies.push((0, policy));
            }
        }
        for (group, family) in self.families.iter().enumerate() {
            for mut policy in family.policies(dialect).into_iter().take(MOST_POLICIES) {
                if family.is_general() {
                    quota::complete(&mut policy, &self.quotas, &mut told);
                }
                policies.push((group + 1, policy));
                if policies.len() >= MOST_POLICIES {
                    break;
                }
            }
        }
        let untold = self
            .quotas
            .iter()
            .zip(&told)
            .filter(|(_, told)| !**told)
            .map(|(quota, _)| quota::policy(quota));
        let mut policies: Vec<Policy> = merged(policies)
            .into_iter()
            .chain(self.tallies)
            .chain(untold)
            .collect();
        policies.truncate(MOST_POLICIES);
        for policy in &mut policies {
            dialect.complete(policy, headers);
        }
        policies
    }
}

/// What is left of a policy, with what is known of the policy itself: the item of the same name and
/// partition key, or of the same name if one of them has no key.
fn state_policy(state: &Item, quotas: &[Item], told: &mut [bool]) -> Policy {
    let same_name = |quota: &&Item| quota.name == state.name;
    let same_key = |quota: &&Item| quota.partition == state.partition;
    let keyless = |quota: &&Item| quota.partition.is_none() || state.partition.is_none();
    let exact = quotas.iter().filter(same_name).find(same_key);
    let found = exact.or_else(|| quotas.iter().filter(same_name).find(keyless));
    if let Some(found) = found {
        quota::mark(found, quotas, told);
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

/// Limits of different groups that are the same become one, which knows what either knew.
///
/// Kong sends `RateLimit-*` with the reset and `X-RateLimit-*-Minute` with the window, Zendesk
/// `x-rate-limit` and `ratelimit-limit`, many servers the IETF's fields beside those of before.
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

/// Whether two announcements are of one limit: they contradict each other nowhere and agree in at least
/// two of limit, remaining and reset.
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
