//! How many requests were accepted and refused, by the number of others that were under way.

/// Numbers that are told apart. Larger ones count as the last.
const LEVELS: usize = 128;

/// What one request adds to a count, so that halves of it are kept for a while.
const ONE: u16 = 16;

/// How much more probable a number of requests at once must make what was seen, as a logarithm: some 1,000 times.
const SHOWN: f64 = 7.0;

/// Share of refusals below the number, as a part of the share from there on, at most. Requests overtake each other.
const BELOW: f64 = 0.02;

/// Accepted requests after which all counts are halved: a limit may change.
const HALVED_AFTER: u32 = 1000;

/// Accepted and refused requests.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    accepted: [u16; LEVELS],
    refused: [u16; LEVELS],
    /// Accepted requests since the counts were halved.
    since: u32,
}

/// Returns where requests beside so many others are counted.
fn level(beside: u64) -> usize {
    usize::try_from(beside).map_or(LEVELS - 1, |beside| beside.min(LEVELS - 1))
}

fn count(counts: &mut [u16; LEVELS], beside: u64) {
    let count = &mut counts[level(beside)];
    *count = count.saturating_add(ONE);
}

impl Tally {
    pub(super) const fn new() -> Self {
        Self {
            accepted: [0; LEVELS],
            refused: [0; LEVELS],
            since: 0,
        }
    }

    /// Counts a request that was accepted beside so many others.
    pub(super) fn accepted(&mut self, beside: u64) {
        count(&mut self.accepted, beside);
        self.since += 1;
        if self.since >= HALVED_AFTER {
            self.since = 0;
            let counts = self.accepted.iter_mut().chain(&mut self.refused);
            counts.for_each(|count| *count /= 2);
        }
    }

    /// Counts a request that was refused beside so many others.
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
            let of = |range: std::ops::Range<usize>| Share {
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
struct Share {
    accepted: f64,
    refused: f64,
}

impl Share {
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
