//! Detection of loops: whether a cursor was seen before.

use std::collections::HashSet;

/// Finds loops in a sequence of cursors, in bounded memory.
///
/// The first [`REMEMBERED`](Self::REMEMBERED) cursors are all remembered, so a loop among them is found at
/// once. A loop that lies beyond them is found by Brent's method: the cursor at each power of two is kept,
/// and a loop returns to one of them.
#[derive(Debug, Default)]
pub(super) struct Seen {
    first: HashSet<u64>,
    count: u64,
    anchor: u64,
}

impl Seen {
    /// Number of cursors that are remembered: half a mebibyte, and with a thousand items per page more than
    /// most collections have pages.
    const REMEMBERED: usize = 65_536;

    /// Adds the fingerprint of a cursor, and returns whether it was not seen before. Two cursors that collide
    /// end a walk with an error.
    pub(super) fn is_new(&mut self, fingerprint: u64) -> bool {
        self.count = self.count.saturating_add(1);
        let is_new = if self.first.len() < Self::REMEMBERED {
            self.first.insert(fingerprint)
        } else {
            !self.first.contains(&fingerprint) && fingerprint != self.anchor
        };
        if self.count.is_power_of_two() {
            self.anchor = fingerprint;
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_among_remembered_cursors_is_found_at_once() {
        let mut seen = Seen::default();
        assert!((0..1000).all(|cursor| seen.is_new(cursor)));
        assert!(!seen.is_new(0));
        assert!(!seen.is_new(999));
        assert!(seen.is_new(1000));
    }

    #[test]
    fn a_loop_beyond_remembered_cursors_is_found_in_bounded_time_and_memory() {
        let mut seen = Seen::default();
        let (before, around) = (100_000_u64, 70_000);
        let cursors = (0..before).chain((0..).map(|step| before + step % around));
        let found = cursors.take_while(|cursor| seen.is_new(*cursor)).count() as u64;
        assert!(
            found >= before + around && found <= 4 * (before + around),
            "{found}"
        );
        assert!(seen.first.len() <= Seen::REMEMBERED);
    }
}
