//! The fields that speak of one limit, or of several by position, under names that belong together.

use std::time::Duration;

use super::dialect::Dialect;
use super::name::{Field, Name};
use super::pairs::{self, Row};
use super::policy::{Policy, Unit};
use super::quota::{self, Amount, amounts, limits};
use super::reset::{self, ServerClock, span};
use super::structured::Item;
use crate::headers::lines::{MOST_PARTS, parts, unquoted};

/// What a family without any other name is called if its window rolls: HubSpot's `-Interval-`.
const ROLLING: &str = "interval";

/// Fields with the same beginning and dimension.
#[derive(Debug)]
pub(super) struct Family<'a> {
    name: Name<'a>,
    /// It was read from pairs in one field, not from a field for each number: the positions of the two
    /// have nothing to do with each other.
    pairs: bool,
    lists: Lists,
    /// The limits that were written as pairs, by position too.
    rows: Vec<Row>,
    /// Its window rolls.
    rolling: bool,
    /// Its interval is not a window but the time in which a part comes back.
    refilled: bool,
}

/// What its fields hold, by position.
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
    /// A family to which the field of that name belongs.
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

    /// Whether the field of that name belongs to it.
    pub(super) fn is_of(&self, name: &Name<'_>, pairs: bool) -> bool {
        self.name.family == name.family
            && self.name.dimension == name.dimension
            && self.pairs == pairs
    }

    /// Whether it speaks of the limit as a whole and not of one dimension of it.
    pub(super) fn is_general(&self) -> bool {
        self.name.dimension.is_empty()
    }

    /// Whether nothing is in its name but a window, or not even that.
    pub(super) fn is_plain(&self) -> bool {
        self.name.is_plain()
    }

    /// Whether it says when and for how long, and of what not: that is told under names of their own.
    pub(super) fn tells_only_times(&self) -> bool {
        self.is_general()
            && !self.pairs
            && self.lists.amounts().all(|amount| amount.count.is_none())
    }

    /// Whether it is one of those that a `general` one may be about.
    pub(super) fn is_beside(&self, general: &Self) -> bool {
        self.name.family == general.name.family && !self.is_general() && !self.pairs
    }

    /// Whether it says how much is left, and neither of how much nor in which window.
    pub(super) fn tells_no_limit(&self) -> bool {
        let lists = &self.lists;
        let is_bare = lists.limits.is_empty() && lists.used.is_empty() && lists.windows.is_empty();
        is_bare && !self.pairs && !lists.remaining.is_empty()
    }

    /// Whether it says of a limit of requests how much is allowed, and nothing of what is left.
    pub(super) fn tells_only_a_limit(&self) -> bool {
        let (remaining, used) = (&self.lists.remaining, &self.lists.used);
        Unit::of_dimension(&self.name.dimension) == Unit::Requests
            && !self.lists.limits.is_empty()
            && remaining.is_empty()
            && used.is_empty()
    }

    /// Takes over what is left, and when it resets, from the one that tells no limit.
    pub(super) fn take_over(&mut self, rest: Self) {
        self.borrow(&rest);
        self.lists.remaining = rest.lists.remaining;
    }

    /// Whether nothing is left of one of its limits.
    pub(super) fn is_exhausted(&self) -> bool {
        let mut remaining = self.lists.remaining.iter();
        remaining.any(|amount| amount.count == Some(0))
    }

    /// Takes over what it does not say itself.
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

    /// Its place among families: general limits first, then those of requests, shorter windows first.
    pub(super) fn rank(&self) -> (bool, bool, Option<i128>) {
        let other = Unit::of_dimension(&self.name.dimension) != Unit::Requests;
        (!self.is_general(), other, self.name.window)
    }

    /// Takes a line: its parts are added by position, whether proxies added lines or a library joined
    /// them. A part that is not understood keeps its place.
    pub(super) fn add(&mut self, field: Field, line: &str, unit: i128, clock: &ServerClock) {
        // Parameters are for amounts only.
        let bare = |part| {
            unquoted(part, &[';'])
                .and_then(|end| part.get(..end))
                .unwrap_or(part)
        };
        let ahead = |part| reset::read(bare(part), unit, clock);
        let window = |part| quota::window(bare(part), unit);
        let lists = &mut self.lists;
        match field {
            Field::Unsaid | Field::Limit => fill(&mut lists.limits, limits(line)),
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

    /// Takes a line of limits that are written as pairs.
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

    /// The limits that follow the family's own in a list, as drafts 00 to 03 write them: `10, 10;w=1`.
    pub(super) fn quotas(&self) -> impl Iterator<Item = Item> + '_ {
        let (_, others) = self.lists.limits();
        others
            .filter(|amount| amount.count.is_some())
            .map(|amount| Item::unnamed(amount.count, amount.window))
    }

    /// Its limits, by position.
    pub(super) fn policies(&self, dialect: &Dialect) -> Vec<Policy> {
        let limits: Vec<Amount> = self.lists.limits().0.copied().collect();
        let length = self.lists.length().max(limits.len());
        let positions = if length > 1 { dialect.positions } else { &[] };
        let at = |at: usize| self.policy(at, limits.get(at).copied(), positions.get(at));
        (0..length).filter_map(at).collect()
    }

    /// The limit at a position; `None` if nothing is known of it.
    fn policy(
        &self,
        at: usize,
        amount: Option<Amount>,
        known: Option<&(&str, u64)>,
    ) -> Option<Policy> {
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
        // A part of a bucket comes back in an interval, which is all that an empty one needs.
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

    /// What a limit is called, given what the vendor calls the one at its position.
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
    fn amounts(&self) -> impl Iterator<Item = &Amount> {
        [&self.limits, &self.used, &self.remaining]
            .into_iter()
            .flatten()
    }

    fn length_of_times(&self) -> usize {
        let times = [&self.after, &self.reset, &self.at, &self.next];
        times.map(Vec::len).into_iter().max().unwrap_or_default()
    }

    /// The family's own limits, and the limits in force that stand behind them. An amount with parameters
    /// is its own limit if there is none without.
    fn limits(&self) -> (impl Iterator<Item = &Amount>, impl Iterator<Item = &Amount>) {
        let listed = self.limits.iter().any(|amount| !amount.parameters);
        let is_behind = move |amount: &&Amount| listed && amount.parameters;
        (
            self.limits.iter().filter(move |amount| !is_behind(amount)),
            self.limits.iter().filter(is_behind),
        )
    }

    /// How many positions there are, limits aside.
    fn length(&self) -> usize {
        let resets = [&self.after, &self.reset, &self.at, &self.next].map(Vec::len);
        resets
            .into_iter()
            .fold(self.used.len().max(self.remaining.len()), usize::max)
    }

    /// When the limit at a position resets: the difference rather than the instant, which depends on
    /// clocks (Discord sends both); for an exhausted limit, when one more request is allowed.
    fn ahead(&self, at: usize, remaining: Option<u64>) -> Option<i128> {
        let next = || shared(&self.next, at).filter(|_| remaining.unwrap_or(0) == 0);
        let first = next().filter(|_| remaining == Some(0));
        let resets = [&self.after, &self.reset, &self.at];
        first
            .or_else(|| resets.into_iter().find_map(|list| shared(list, at)))
            .or_else(next)
    }
}

/// Adds to a list, up to the bound.
fn fill<T>(list: &mut Vec<T>, values: impl IntoIterator<Item = T>) {
    let room = MOST_PARTS.saturating_sub(list.len());
    list.extend(values.into_iter().take(room));
}

/// The count that belongs to the limit at a position: the one with the same window if the amounts have
/// windows (Riot), else the one at the same position (Strava).
fn beside(amounts: &[Amount], at: usize, window: Option<Duration>) -> Option<u64> {
    let by_window = amounts
        .iter()
        .find(|amount| amount.window.is_some() && amount.window == window);
    let is_free = |amount: &&Amount| amount.window.is_none() || window.is_none();
    by_window.or_else(|| amounts.get(at).filter(is_free))?.count
}

/// The value at a position; a single one holds for every position.
fn shared<T: Copy>(values: &[Option<T>], at: usize) -> Option<T> {
    let at = if values.len() == 1 { 0 } else { at };
    values.get(at).copied().flatten()
}
