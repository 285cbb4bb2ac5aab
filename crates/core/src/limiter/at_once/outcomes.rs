//! How many requests were accepted and refused, by the number of others that were under way.

/// Numbers that are told apart. Larger ones count as the last.
const LEVELS: usize = 128;

/// What one request adds to a count, so that halves of it are kept for a while.
const ONE: u16 = 16;

/// How much more probable a number of requests at once must make what was seen, as a logarithm: some 1,000 times.
const SHOWN: f64 = 7.0;

/// Split of refusals below the number, as a part of the share from there on, at most. Requests overtake each other.
const BELOW: f64 = 0.02;

/// Accepted requests after which all counts are halved: a limit may change.
const HALVED_AFTER: u32 = 1000;

/// Accepted and refused requests.
#[derive(Debug, Clone)]
pub(super) struct OutcomesByNumber {
    accepted: [u16; LEVELS],
    refused: [u16; LEVELS],
    /// Accepted requests since the counts were halved.
    since: u32,
}

/// Returns where requests beside this number of others are counted.
fn level(beside: u64) -> usize {
    usize::try_from(beside).map_or(LEVELS - 1, |beside| beside.min(LEVELS - 1))
}

fn count(counts: &mut [u16; LEVELS], beside: u64) {
    let count = &mut counts[level(beside)];
    *count = count.saturating_add(ONE);
}

impl OutcomesByNumber {
    pub(super) const fn new() -> Self {
        Self {
            accepted: [0; LEVELS],
            refused: [0; LEVELS],
            since: 0,
        }
    }

    /// Counts a request that was accepted beside this number of others.
    pub(super) fn accepted(&mut self, beside: u64) {
        count(&mut self.accepted, beside);
        self.since += 1;
        if self.since >= HALVED_AFTER {
            self.since = 0;
            let counts = self.accepted.iter_mut().chain(&mut self.refused);
            counts.for_each(|count| *count /= 2);
        }
    }

    /// Counts a request that was refused beside this number of others.
    pub(super) fn refused(&mut self, beside: u64) {
        count(&mut self.refused, beside);
    }

    /// Returns the number of requests at once that explains what was accepted and refused, if one does far better than
    /// chance: from there on many were refused, and nearly none below it. Some pass beyond it, as the response before them
    /// was on its way back.
    pub(super) fn shown(&self) -> Option<u64> {
        let total = |counts: &[u16]| {
            counts.iter().map(|count| f64::from(*count)).sum::<f64>() / f64::from(ONE)
        };
        let split = |at: usize| {
            let of = |range: std::ops::Range<usize>| Split {
                accepted: total(&self.accepted[range.clone()]),
                refused: total(&self.refused[range]),
            };
            [of(0..at), of(at..LEVELS)]
        };
        let all = split(0)[1].likelihood();
        let gain = |at: usize| {
            let [below, above] = split(at);
            below.likelihood() + above.likelihood() - all
        };
        // The last level counts what is above it, too.
        let best = (1..LEVELS - 1).max_by(|a, b| gain(*a).total_cmp(&gain(*b)))?;
        let [below, above] = split(best);
        let is_shown = gain(best) >= SHOWN && below.share() <= BELOW * above.share();
        is_shown.then_some(best as u64)
    }
}

/// Requests that were accepted and refused.
#[derive(Debug, Clone, Copy)]
struct Split {
    accepted: f64,
    refused: f64,
}

impl Split {
    /// Returns the part that was refused.
    fn share(self) -> f64 {
        self.refused / (self.refused + self.accepted).max(1.0)
    }

    /// Returns the logarithm of the probability of these numbers, if each request is refused with the same probability.
    fn likelihood(self) -> f64 {
        let share = self.share();
        let part = |number: f64, share: f64| match share > 0.0 {
            true => number * share.ln(),
            false => 0.0,
        };
        part(self.refused, share) + part(self.accepted, 1.0 - share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes in numbers of accepted and refused requests by how many others were under way.
    fn shown(counts: &[(u64, u32, u32)]) -> Option<u64> {
        let mut outcomes = OutcomesByNumber::new();
        for (beside, accepted, refused) in counts {
            (0..*accepted).for_each(|_| outcomes.accepted(*beside));
            (0..*refused).for_each(|_| outcomes.refused(*beside));
        }
        outcomes.shown()
    }

    #[test]
    fn what_is_refused_only_beside_many_shows_their_number() {
        assert_eq!(shown(&[(0, 40, 0), (4, 200, 0), (5, 0, 2)]), Some(5));
        // Some pass by luck, and one is overtaken.
        assert_eq!(shown(&[(0, 40, 0), (4, 500, 1), (5, 20, 9)]), Some(5));
    }

    #[test]
    fn what_is_refused_beside_any_number_shows_none() {
        assert_eq!(shown(&[(0, 40, 2), (4, 200, 10), (5, 10, 1)]), None);
        assert_eq!(shown(&[(0, 40, 1), (4, 200, 0), (5, 5, 1)]), None);
    }

    #[test]
    fn few_requests_show_nothing() {
        assert_eq!(OutcomesByNumber::new().shown(), None);
        assert_eq!(shown(&[(0, 4, 0), (1, 0, 1)]), None);
        // The last level is reached by the largest numbers, too, and no number is known to be it.
        assert_eq!(shown(&[(0, 400, 0), (u64::MAX, 0, 9)]), Some(126));
    }

    #[test]
    fn old_requests_count_less_and_less() {
        let mut outcomes = OutcomesByNumber::new();
        (0..3).for_each(|_| outcomes.refused(5));
        (0..8 * HALVED_AFTER).for_each(|_| outcomes.accepted(4));
        assert_eq!(outcomes.shown(), None, "the refusals are long ago");
    }
}
