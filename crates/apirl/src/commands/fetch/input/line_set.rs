//! A set of line numbers.

/// A set of input lines by their numbers. It needs one bit for each line.
#[derive(Debug, Clone, Default)]
pub(crate) struct LineSet {
    bits: Vec<u64>,
    count: u64,
}

impl LineSet {
    /// Adds a line. Returns whether it is new.
    pub(crate) fn insert(&mut self, n: u64) -> bool {
        let (word, bit) = Self::position(n);
        if self.bits.len() <= word {
            self.bits.resize(word + 1, 0);
        }
        let is_new = self.bits[word] & bit == 0;
        self.bits[word] |= bit;
        self.count += u64::from(is_new);
        is_new
    }

    pub(crate) fn remove(&mut self, n: u64) {
        let (word, bit) = Self::position(n);
        if let Some(bits) = self.bits.get_mut(word) {
            self.count -= u64::from(*bits & bit != 0);
            *bits &= !bit;
        }
    }

    pub(crate) fn contains(&self, n: u64) -> bool {
        let (word, bit) = Self::position(n);
        self.bits.get(word).is_some_and(|bits| bits & bit != 0)
    }

    /// Returns the lines in ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u64> {
        let words = (0..).zip(&self.bits);
        words.flat_map(|(word, bits)| {
            let lines = (0..64).filter(move |bit| bits & (1 << bit) != 0);
            lines.map(move |bit| 64 * word + bit)
        })
    }

    /// Returns how many lines the set has.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Returns the index of the word and the bit in it.
    fn position(n: u64) -> (usize, u64) {
        (
            usize::try_from(n / 64).unwrap_or(usize::MAX - 1),
            1 << (n % 64),
        )
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
}
