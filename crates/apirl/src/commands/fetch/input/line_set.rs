//! A set of line numbers.

use std::collections::BTreeMap;

/// A set of input lines by their numbers. It needs a few bits for each line, however high the numbers are: a damaged
/// journal may hold any.
#[derive(Debug, Clone, Default)]
pub(crate) struct LineSet {
    /// Bits of 64 neighbours each, by their number divided by 64.
    words: BTreeMap<u64, u64>,
    count: u64,
}

impl LineSet {
    /// Adds a line. Returns whether it is new.
    pub(crate) fn insert(&mut self, n: u64) -> bool {
        let (word, bit) = Self::position(n);
        let bits = self.words.entry(word).or_default();
        let is_new = *bits & bit == 0;
        *bits |= bit;
        self.count += u64::from(is_new);
        is_new
    }

    pub(crate) fn remove(&mut self, n: u64) {
        let (word, bit) = Self::position(n);
        if let Some(bits) = self.words.get_mut(&word) {
            self.count -= u64::from(*bits & bit != 0);
            *bits &= !bit;
        }
    }

    pub(crate) fn contains(&self, n: u64) -> bool {
        let (word, bit) = Self::position(n);
        self.words.get(&word).is_some_and(|bits| bits & bit != 0)
    }

    /// Returns the lines in ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u64> {
        self.words.iter().flat_map(|(word, bits)| {
            let lines = (0..64).filter(move |bit| bits & (1 << bit) != 0);
            lines.map(move |bit| 64 * word + bit)
        })
    }

    /// Returns how many lines the set has.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Returns the number of the word and the bit in it.
    fn position(n: u64) -> (u64, u64) {
        (n / 64, 1 << (n % 64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_in_order_and_removed_ones_do_not() {
        let mut set = LineSet::default();
        for n in [200, 64, 1, 63, 127] {
            set.insert(n);
        }
        set.remove(63);
        set.remove(500);
        assert_eq!(set.iter().collect::<Vec<_>>(), [1, 64, 127, 200]);
        assert_eq!(set.count(), 4);
    }

    #[test]
    fn a_high_number_takes_no_memory_for_those_below_it() {
        let mut set = LineSet::default();
        for n in [u64::MAX, 0, u64::MAX - 64] {
            assert!(set.insert(n));
        }
        assert!(set.contains(u64::MAX) && !set.contains(u64::MAX - 1));
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, u64::MAX - 64, u64::MAX]);
    }
}
