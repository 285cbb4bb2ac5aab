//! Time zones: how far the clocks of a place are from UTC, and when they change.
//!
//! A zone is its rule for the years to come, as the IANA time zone database ends each of its zones with. The past, and
//! changes that no rule describes, are not needed to know when a quota is renewed next.

use super::date::{Date, SECONDS_PER_DAY};

/// The rule of each zone of the database's version 2026f, and the names that follow it. Cuba's clocks follow no rule.
const ZONES: &str = include_str!("zones.txt");

/// A time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Zone {
    /// Seconds east of UTC.
    standard: i64,
    summer: Option<Summer>,
}

/// The part of the year with another offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Summer {
    /// Seconds east of UTC.
    offset: i64,
    begins: ClockChange,
    ends: ClockChange,
}

/// A change of the clocks: on the `week`th of these weekdays in the month (the last one for week 5), this many seconds
/// after midnight by the clocks before the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ClockChange {
    month: i64,
    week: i64,
    weekday: i64,
    at: i64,
}

impl Zone {
    /// Returns the zone with this name and the name, or the zone of this rule.
    pub(super) fn named(name: &str) -> Result<(Self, Option<&'static str>), String> {
        let known = ZONES.lines().find_map(|line| {
            let (rule, names) = line.split_once(' ')?;
            let known = names.split(' ').find(|it| *it == name)?;
            Some((rule, known))
        });
        let (rule, known) = known.map_or((name, None), |(rule, known)| (rule, Some(known)));
        let zone = Self::of_rule(rule).ok_or_else(|| {
            format!(
                "{name:?} is not a known time zone (expected a name such as America/Los_Angeles or UTC, or a rule such as \
                 PST8PDT,M3.2.0,M11.1.0)"
            )
        })?;
        Ok((zone, known))
    }

    /// Returns the zone of a rule in the form of POSIX, as in the environment variable `TZ`: `CET-1CEST,M3.5.0,M10.5.0/3`.
    fn of_rule(rule: &str) -> Option<Self> {
        let mut rest = RuleText(rule);
        rest.name()?;
        let standard = -rest.time()?;
        if rest.is_done() {
            return Some(Self {
                standard,
                summer: None,
            });
        }
        rest.name()?;
        let offset = if rest.0.starts_with(',') {
            standard + 3600
        } else {
            -rest.time()?
        };
        let (begins, ends) = (rest.change()?, rest.change()?);
        rest.is_done().then_some(Self {
            standard,
            summer: Some(Summer {
                offset,
                begins,
                ends,
            }),
        })
    }

    /// Returns the local time at this time.
    pub(super) fn to_local(self, unix: i64) -> i64 {
        unix + self.offset(unix)
    }

    /// Returns the time at this local time: the first one, if the clocks show it twice, and for a time that they skip, as much
    /// later as is skipped.
    pub(super) fn to_utc(self, local: i64) -> i64 {
        let summer = self.summer.map_or(self.standard, |summer| summer.offset);
        let (early, late) = (
            local - self.standard.max(summer),
            local - self.standard.min(summer),
        );
        if self.to_local(early) == local {
            early
        } else {
            late
        }
    }

    /// Returns how many seconds the clocks are ahead of UTC at this time.
    fn offset(self, unix: i64) -> i64 {
        let Some(summer) = self.summer else {
            return self.standard;
        };
        let year = Date::of(unix + self.standard).year;
        let begins = summer.begins.in_year(year) - self.standard;
        let ends = summer.ends.in_year(year) - summer.offset;
        // In the south, summer contains the end of the year.
        let is_summer = if begins < ends {
            (begins..ends).contains(&unix)
        } else {
            !(ends..begins).contains(&unix)
        };
        if is_summer {
            summer.offset
        } else {
            self.standard
        }
    }
}

impl ClockChange {
    /// Returns the local time of the change, by the clocks before it.
    fn in_year(self, year: i64) -> i64 {
        let date = Date::weekday_of_month(year, self.month, self.week, self.weekday);
        date.days() * SECONDS_PER_DAY + self.at
    }
}

/// The rest of a rule.
struct RuleText<'a>(&'a str);

impl<'a> RuleText<'a> {
    fn is_done(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes as many characters as `is_part` says.
    fn take(&mut self, is_part: impl Fn(char) -> bool) -> &'a str {
        let end = self.0.find(|it| !is_part(it)).unwrap_or(self.0.len());
        let (part, rest) = self.0.split_at(end);
        self.0 = rest;
        part
    }

    /// Takes this character.
    fn skip(&mut self, expected: char) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(())
    }

    /// Takes a name: three letters or more, or anything in angle brackets.
    fn name(&mut self) -> Option<()> {
        if self.skip('<').is_some() {
            let inside = self.take(|it| it.is_ascii_alphanumeric() || matches!(it, '+' | '-'));
            self.skip('>')?;
            return (inside.len() >= 3).then_some(());
        }
        (self.take(|it| it.is_ascii_alphabetic()).len() >= 3).then_some(())
    }

    /// Takes a number of at most three digits.
    fn number(&mut self) -> Option<i64> {
        let digits = self.take(|it| it.is_ascii_digit());
        (digits.len() <= 3).then(|| digits.parse().ok()).flatten()
    }

    /// Takes hours, with minutes and seconds if there are any, and returns seconds. At most a week, as in POSIX.
    fn time(&mut self) -> Option<i64> {
        let sign = if self.skip('-').is_some() { -1 } else { 1 };
        let _ = self.skip('+');
        let mut seconds = self.number().filter(|hours| *hours <= 167)? * 3600;
        for unit in [60, 1] {
            if self.skip(':').is_some() {
                seconds += self.number().filter(|it| *it < 60)? * unit;
            }
        }
        Some(sign * seconds)
    }

    /// Takes a change, such as `,M3.2.0/2`.
    fn change(&mut self) -> Option<ClockChange> {
        self.skip(',')?;
        self.skip('M')?;
        let month = self.number().filter(|it| (1..=12).contains(it))?;
        self.skip('.')?;
        let week = self.number().filter(|it| (1..=5).contains(it))?;
        self.skip('.')?;
        let weekday = self.number().filter(|it| (0..=6).contains(it))?;
        let at = if self.skip('/').is_some() {
            self.time()?
        } else {
            7200
        };
        Some(ClockChange {
            month,
            week,
            weekday,
            at,
        })
    }
}
