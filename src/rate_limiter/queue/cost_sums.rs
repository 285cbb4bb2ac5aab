//! Sums of the costs of waiting callers, by ticket.

use std::collections::BTreeMap;

/// Tickets, or groups of the level below, that form a group: two to this power.
const GROUP_BITS: u32 = 5;

/// Number of levels. A group of the last one holds a million tickets.
const LEVELS: usize = 5;

/// The costs of waiting callers, summed up in groups of tickets, so that the sum of all costs before a ticket takes few
/// steps however many callers wait.
#[derive(Debug, Default)]
pub(super) struct CostSums {
    /// By level: the sum of each group that has any cost. On the first level a group is one ticket.
    levels: [BTreeMap<u64, u64>; LEVELS],
    total: u64,
}

impl CostSums {
    /// Returns the sum of all costs.
    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    /// Adds the cost of a ticket.
    pub(super) fn add(&mut self, ticket: u64, cost: u32) {
        self.total += u64::from(cost);
        for (level, bits) in self
            .levels
            .iter_mut()
            .zip((0..).step_by(GROUP_BITS as usize))
        {
            *level.entry(ticket >> bits).or_default() += u64::from(cost);
        }
    }

    /// Subtracts the cost of a ticket that was added.
    pub(super) fn subtract(&mut self, ticket: u64, cost: u32) {
        self.total -= u64::from(cost);
        for (level, bits) in self
            .levels
            .iter_mut()
            .zip((0..).step_by(GROUP_BITS as usize))
        {
            let group = ticket >> bits;
            if let Some(sum) = level.get_mut(&group) {
                *sum -= u64::from(cost);
                if *sum == 0 {
                    level.remove(&group);
                }
            }
        }
    }

    /// Returns the sum of the costs of all tickets before this one.
    pub(super) fn before(&self, ticket: u64) -> u64 {
        let mut sum = 0;
        let mut end = ticket;
        for level in &self.levels[..LEVELS - 1] {
            // The rest of the group that holds this ticket; the next level has the groups before it.
            let start = end >> GROUP_BITS << GROUP_BITS;
            sum += level.range(start..end).map(|(_, cost)| cost).sum::<u64>();
            end >>= GROUP_BITS;
        }
        let rest = self.levels[LEVELS - 1].range(..end);
        sum + rest.map(|(_, cost)| cost).sum::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_tickets_one_by_one() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut sums, mut tickets) = (CostSums::default(), BTreeMap::new());
        let mut next = 0;
        for _ in 0..3_000 {
            if random.u8(..3) > 0 || tickets.is_empty() {
                // Some tickets are far apart, so that all levels are used.
                next += if random.u8(..50) == 0 {
                    1 << random.u32(..24)
                } else {
                    1
                };
                let cost = random.u32(..5);
                tickets.insert(next, cost);
                sums.add(next, cost);
            } else {
                let at = random.usize(..tickets.len());
                let ticket = *tickets.keys().nth(at).expect("a ticket");
                let cost = tickets.remove(&ticket).expect("its cost");
                sums.subtract(ticket, cost);
            }
            let asked = random.u64(..next + 2);
            let expected: u64 = tickets
                .range(..asked)
                .map(|(_, cost)| u64::from(*cost))
                .sum();
            assert_eq!(sums.before(asked), expected);
            assert_eq!(sums.total(), sums.before(u64::MAX));
        }
        for (ticket, cost) in tickets {
            sums.subtract(ticket, cost);
        }
        assert!(sums.levels.iter().all(BTreeMap::is_empty), "nothing stays");
    }
}
