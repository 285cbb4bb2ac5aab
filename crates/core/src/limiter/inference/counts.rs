//! How probable a limit's number is between two bounds, before anything is known: people like round numbers.

/// Numbers that people choose for limits, up to 100,000.
const ROUND: [u32; 67] = [
    1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 20, 24, 25, 30, 40, 45, 50, 60, 75, 80, 90, 100, 120, 150,
    180, 200, 240, 250, 300, 400, 450, 500, 600, 750, 800, 900, 1_000, 1_200, 1_500, 1_800, 2_000,
    2_400, 2_500, 3_000, 4_000, 4_500, 5_000, 6_000, 7_500, 8_000, 9_000, 10_000, 12_000, 15_000,
    18_000, 20_000, 24_000, 25_000, 30_000, 40_000, 45_000, 50_000, 60_000, 75_000, 80_000, 90_000,
];

/// Probability that a limit's number is round.
const IS_ROUND: f64 = 0.6;

/// Logarithm of the range of numbers that are not round: 0.5 to 100,000.
const LOG_RANGE: f64 = 12.2;

/// Requests, and share of the number, by which bounds may contradict each other: a request was lost, or overtook another.
const SLACK: (f64, f64) = (0.3, 0.005);

/// Contradiction in parts of the slack beyond which a law is impossible.
const MOST_SLACK: f64 = 4.0;

/// CountBounds of the number of requests in one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CountBounds {
    /// This many were accepted in one window.
    pub(super) least: u32,
    /// One more was refused in a window after this many; `u32::MAX` if none was refused.
    pub(super) most: u32,
}

impl CountBounds {
    pub(super) const UNKNOWN: Self = Self {
        least: 0,
        most: u32::MAX,
    };

    /// Records this number of requests as accepted in one window.
    pub(super) fn accepted(&mut self, count: u32) {
        self.least = self.least.max(count);
    }

    /// Records a refusal after this number of accepted requests.
    pub(super) fn refused_after(&mut self, count: u32) {
        self.most = self.most.min(count);
    }

    /// Returns the probability that a limit's number lies within the bounds.
    pub(super) fn mass(self) -> f64 {
        let Self { least, most } = self;
        if most < 1 {
            return 0.0;
        }
        if least <= most {
            return share_within(least, most);
        }
        let slack = SLACK.0 + SLACK.1 * f64::from(most);
        let off = f64::from(least - most) / slack;
        if off > MOST_SLACK {
            return 0.0;
        }
        (1.0 - IS_ROUND) * log_share(most, least) * (-1.5 * off).exp()
    }

    /// Returns the bounds with the lower one first, if they contradict each other.
    pub(super) fn in_order(self) -> Self {
        Self {
            least: self.least.min(self.most),
            most: self.least.max(self.most),
        }
    }

    /// Returns the only round number within the bounds, if there is exactly one.
    pub(super) fn only_round(self) -> Option<u32> {
        match round_within(self.least, self.most) {
            [only] => Some(*only),
            _ => None,
        }
    }
}

fn round_within(least: u32, most: u32) -> &'static [u32] {
    let from = ROUND.partition_point(|number| *number < least);
    let to = ROUND.partition_point(|number| *number <= most);
    &ROUND[from..to.max(from)]
}

/// Returns the probability that a limit's number lies between these.
fn share_within(least: u32, most: u32) -> f64 {
    let round = round_within(least, most).len() as f64 / ROUND.len() as f64;
    IS_ROUND * round + (1.0 - IS_ROUND) * log_share(least, most)
}

/// Returns the probability that a limit's number lies between these, if every order of magnitude is as usual.
fn log_share(least: u32, most: u32) -> f64 {
    let most = f64::from(most.min(ROUND[ROUND.len() - 1]));
    let least = f64::from(least).max(1.0);
    ((most + 0.5) / (least - 0.5)).max(1.0).ln() / LOG_RANGE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(least: u32, most: u32) -> CountBounds {
        CountBounds { least, most }
    }

    #[test]
    fn bounds_around_a_round_number_are_more_probable_than_others() {
        assert!(bounds(98, 101).mass() > 4.0 * bounds(93, 96).mass());
        assert!((CountBounds::UNKNOWN.mass() - 1.0).abs() < 0.03);
        assert_eq!(bounds(3, 0).mass(), 0.0);
    }

    #[test]
    fn bounds_that_contradict_each_other_a_little_are_possible() {
        let (fit, off) = (bounds(100, 100).mass(), bounds(102, 100).mass());
        assert!(off < fit / 2.0 && off > 0.0);
        assert_eq!(bounds(120, 100).mass(), 0.0);
    }

    #[test]
    fn a_single_round_number_within_the_bounds_is_taken() {
        assert_eq!(bounds(97, 102).only_round(), Some(100));
        assert_eq!(bounds(91, 99).only_round(), None);
        assert_eq!(bounds(97, 130).only_round(), None);
    }
}
