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
