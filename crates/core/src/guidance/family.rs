//! Families: headers whose names belong together, about one limit, or about several by position.

use std::time::Duration;

use super::dialect::Dialect;
use super::name::{Field, Name};
use super::pairs::{self, Row};
use super::policy::{Policy, Unit};
use super::quota::{self, Amount, amounts, limits};
use super::reset::{self, ServerClock, span};
use super::structured::Item;
use crate::headers::lines::{MOST_PARTS, parts, unquoted};

/// Name of a family without another name whose window rolls: HubSpot's `-Interval-`.
const ROLLING: &str = "interval";

/// Headers with the same beginning and dimension.
#[derive(Debug)]
pub(super) struct Family<'a> {
    name: Name<'a>,
    /// Whether it was read from pairs in one header, not from one header per number. The positions of the two
    /// are unrelated.
    pairs: bool,
    lists: Lists,
    /// Limits that were written as pairs, also by position.
    rows: Vec<Row>,
    /// Whether its window rolls.
    rolling: bool,
    /// Whether its interval is not a window but the time in which a part comes back.
    refilled: bool,
}

/// Contents of its headers, by position.
#[derive(Debug, Default)]
struct Lists {
    limits: Vec<Amount>,
    used: Vec<Amount>,
    remaining: Vec<Amount>,
    after: Vec<Option<i128>>,
    reset: Vec<Option<i128>>,
    at: Vec<Option<i128>>,
    next: Vec<Option<i128>>,
    windows: Vec<Option<Duration>>,
}

impl<'a> Family<'a> {
    /// Creates the family of a name.
    pub(super) fn new(name: Name<'a>, pairs: bool) -> Self {
        Self {
            name,
            pairs,
            lists: Lists::default(),
            rows: Vec::new(),
            rolling: false,
            refilled: false,
        }
    }

    /// Returns whether a name belongs to the family.
    pub(super) fn is_of(&self, name: &Name<'_>, pairs: bool) -> bool {
        self.name.family == name.family
            && self.name.dimension == name.dimension
            && self.pairs == pairs
    }

    /// Returns whether it is about the limit as a whole and not about one dimension.
    pub(super) fn is_general(&self) -> bool {
        self.name.dimension.is_empty()
    }

    /// Returns whether its name contains nothing but a window, or not even that.
    pub(super) fn is_plain(&self) -> bool {
        self.name.is_plain()
    }

    /// Returns whether it has times but no amounts. The amounts then have names of their own.
    pub(super) fn has_only_times(&self) -> bool {
        self.is_general()
            && !self.pairs
            && self.lists.amounts().all(|amount| amount.count.is_none())
    }

    /// Returns whether it has a dimension of the limit that `general` is about as a whole.
    pub(super) fn is_beside(&self, general: &Self) -> bool {
        self.name.family == general.name.family && !self.is_general() && !self.pairs
    }

    /// Returns whether it has an amount that is left, but neither a limit nor a window.
    pub(super) fn has_no_limit(&self) -> bool {
        let lists = &self.lists;
        let is_bare = lists.limits.is_empty() && lists.used.is_empty() && lists.windows.is_empty();
        is_bare && !self.pairs && !lists.remaining.is_empty()
    }

    /// Returns whether it has a limit of requests, but no amount that is left or used.
    pub(super) fn has_only_a_limit(&self) -> bool {
        let (remaining, used) = (&self.lists.remaining, &self.lists.used);
        Unit::of_dimension(&self.name.dimension) == Unit::Requests
            && !self.lists.limits.is_empty()
            && remaining.is_empty()
            && used.is_empty()
    }

    /// Takes over the amount that is left, and its reset, from a family without a limit.
    pub(super) fn take_over(&mut self, rest: Self) {
        self.borrow(&rest);
        self.lists.remaining = rest.lists.remaining;
    }

    /// Returns whether one of its limits is exhausted.
    pub(super) fn is_exhausted(&self) -> bool {
        let mut remaining = self.lists.remaining.iter();
        remaining.any(|amount| amount.count == Some(0))
    }

    /// Copies times that it lacks from a family of times.
    pub(super) fn borrow(&mut self, times: &Self) {
        let (own, others) = (&mut self.lists, &times.lists);
        if own.windows.is_empty() && self.name.window.is_none() {
            own.windows.clone_from(&others.windows);
            self.rolling |= times.rolling;
        }
        if own.length_of_times() == 0 {
            own.after.clone_from(&others.after);
            own.reset.clone_from(&others.reset);
            own.at.clone_from(&others.at);
            own.next.clone_from(&others.next);
        }
    }

    /// Returns its place among families: general limits first, then those of requests; shorter windows first.
    pub(super) fn rank(&self) -> (bool, bool, Option<i128>) {
        let other = Unit::of_dimension(&self.name.dimension) != Unit::Requests;
        (!self.is_general(), other, self.name.window)
    }

    /// Adds a line. Its parts are appended by position, whether proxies added lines or a library joined them.
    /// An invalid part keeps its place.
    pub(super) fn add(&mut self, field: Field, line: &str, unit: i128, clock: &ServerClock) {
        // Only amounts have parameters.
        let bare = |part| {
            unquoted(part, &[';'])
                .and_then(|end| part.get(..end))
                .unwrap_or(part)
        };
        let ahead = |part| reset::read(bare(part), unit, clock);
        let window = |part| quota::window(bare(part), unit);
        let lists = &mut self.lists;
        match field {
            Field::Unnamed | Field::Limit => fill(&mut lists.limits, limits(line)),
            Field::Used => fill(&mut lists.used, amounts(line)),
            Field::Remaining => fill(&mut lists.remaining, amounts(line)),
            Field::ResetAfter => fill(&mut lists.after, parts(line).map(ahead)),
            Field::Reset => fill(&mut lists.reset, parts(line).map(ahead)),
            Field::ResetAt => fill(&mut lists.at, parts(line).map(ahead)),
            Field::Next => fill(&mut lists.next, parts(line).map(ahead)),
            Field::Window => fill(&mut lists.windows, parts(line).map(window)),
            Field::Interval => {
                fill(&mut lists.windows, parts(line).map(window));
                self.rolling = true;
            }
            Field::Refill => self.refilled = true,
            Field::Policy | Field::RetryAfter => {}
        }
    }

    /// Adds a line of limits that are written as pairs.
    pub(super) fn add_pairs(&mut self, line: &str, clock: &ServerClock) {
        let amount = |count| Amount {
            count,
            ..Amount::default()
        };
        self.rows = pairs::rows(&self.rows, line, clock);
        let rows = &self.rows;
        let amounts = |of: fn(&Row) -> Option<u64>| rows.iter().map(of).map(amount).collect();
        self.lists = Lists {
            limits: amounts(|row| row.limit),
            used: amounts(|row| row.used),
            remaining: amounts(|row| row.remaining),
            reset: rows.iter().map(|row| row.reset).collect(),
            windows: rows.iter().map(|row| row.window).collect(),
            ..Lists::default()
        };
    }

    /// Returns the limits that follow the family's own in a list, as drafts 00 to 03 write them: `10,
    /// 10;w=1`.
    pub(super) fn quotas(&self) -> impl Iterator<Item = Item> + '_ {
        let (_, others) = self.lists.limits();
        others
            .filter(|amount| amount.count.is_some())
            .map(|amount| Item::unnamed(amount.count, amount.window))
    }

    /// Returns its limits, by position.
    pub(super) fn policies(&self, dialect: &Dialect) -> Vec<Policy> {
        let limits: Vec<Amount> = self.lists.limits().0.copied().collect();
        let length = self.lists.length().max(limits.len());
        let positions = if length > 1 { dialect.positions } else { &[] };
        let at = |at: usize| self.policy(at, limits.get(at).copied(), positions.get(at));
        (0..length).filter_map(at).collect()
    }

    /// Returns the limit at a position; `None` if nothing is known of it.
    fn policy(
        &self,
        at: usize,
        amount: Option<Amount>,
        known: Option<&(&str, u64)>,
    ) -> Option<Policy> {
        // Two of limit, used amount and remaining amount determine the third.
        let lists = &self.lists;
        let amount = amount.unwrap_or_default();
        let used = beside(&lists.used, at, amount.window);
        let remaining = beside(&lists.remaining, at, amount.window);
        let remaining = remaining.or_else(|| Some(amount.count?.saturating_sub(used?)));
        let limit = amount
            .count
            .or_else(|| Some(remaining?.saturating_add(used?)));
        let ahead = lists.ahead(at, remaining);
        if limit.is_none() && remaining.is_none() && ahead.is_none() {
            return None;
        }
        // The window: beside an amount, in the name, or in a header of its own.
        let own = lists.remaining.get(at).and_then(|amount| amount.window);
        let announced = shared(&lists.windows, at);
        let (window, refill) = if self.refilled {
            (None, announced)
        } else {
            (announced, None)
        };
        let window = amount
            .window
            .or(own)
            .or(self.name.window.map(span))
            .or(window);
        // An exhausted bucket has something left as soon as a part comes back.
        let refill = refill
            .filter(|_| remaining == Some(0))
            .map(|refill| refill.as_nanos() as i128);
        Some(Policy {
            name: self.policy_name(known.map(|&(name, _)| name)),
            limit,
            remaining,
            window: window.or(known.map(|&(_, seconds)| Duration::from_secs(seconds))),
            reset_after: ahead.or(refill).map(span),
            unit: Unit::of_dimension(&self.name.dimension),
            rolling: self.rolling && !self.refilled,
        })
    }

    /// Returns the name of a limit; `position` is the vendor's name for its position.
    fn policy_name(&self, position: Option<&str>) -> Option<Box<str>> {
        match (self.name.policy(), position) {
            (Some(name), Some(position)) => Some(format!("{name}-{position}").into()),
            (name, position) => {
                let rolling = (self.rolling && !self.refilled).then_some(ROLLING);
                name.or(position).or(rolling).map(Into::into)
            }
        }
    }
}

impl Lists {
    /// Returns all amounts.
    fn amounts(&self) -> impl Iterator<Item = &Amount> {
        [&self.limits, &self.used, &self.remaining]
            .into_iter()
            .flatten()
    }

    /// Returns the length of the longest list of times.
    fn length_of_times(&self) -> usize {
        let times = [&self.after, &self.reset, &self.at, &self.next];
        times.map(Vec::len).into_iter().max().unwrap_or_default()
    }

    /// Returns the family's own limits, and the limits in force that follow them. An amount with parameters
    /// is a limit of its own only if no amount has none.
    fn limits(&self) -> (impl Iterator<Item = &Amount>, impl Iterator<Item = &Amount>) {
        let listed = self.limits.iter().any(|amount| !amount.parameters);
        let is_behind = move |amount: &&Amount| listed && amount.parameters;
        (
            self.limits.iter().filter(move |amount| !is_behind(amount)),
            self.limits.iter().filter(is_behind),
        )
    }

    /// Returns the number of positions, limits aside.
    fn length(&self) -> usize {
        let resets = [&self.after, &self.reset, &self.at, &self.next].map(Vec::len);
        resets
            .into_iter()
            .fold(self.used.len().max(self.remaining.len()), usize::max)
    }

    /// Returns when the limit at a position resets. A difference is better than an instant, which depends on
    /// clocks (Discord sends both). For an exhausted limit, the time until one more request is allowed comes
    /// first.
    fn ahead(&self, at: usize, remaining: Option<u64>) -> Option<i128> {
        let next = || shared(&self.next, at).filter(|_| remaining.unwrap_or(0) == 0);
        let first = next().filter(|_| remaining == Some(0));
        let resets = [&self.after, &self.reset, &self.at];
        first
            .or_else(|| resets.into_iter().find_map(|list| shared(list, at)))
            .or_else(next)
    }
}

/// Appends to a list, up to the bound.
fn fill<T>(list: &mut Vec<T>, values: impl IntoIterator<Item = T>) {
    let room = MOST_PARTS.saturating_sub(list.len());
    list.extend(values.into_iter().take(room));
}

/// Returns the amount that belongs to the limit at a position: the one with the same window if the amounts
/// have windows (Riot), else the one at the same position (Strava).
fn beside(amounts: &[Amount], at: usize, window: Option<Duration>) -> Option<u64> {
    let by_window = amounts
        .iter()
        .find(|amount| amount.window.is_some() && amount.window == window);
    let is_free = |amount: &&Amount| amount.window.is_none() || window.is_none();
    by_window.or_else(|| amounts.get(at).filter(is_free))?.count
}

/// Returns the value at a position. A single value counts for every position.
fn shared<T: Copy>(values: &[Option<T>], at: usize) -> Option<T> {
    let at = if values.len() == 1 { 0 } else { at };
    values.get(at).copied().flatten()
}
