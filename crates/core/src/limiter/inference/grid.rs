//! Evidence for windows of one length on a grid of the server's clock, and for sliding windows of that length.
//!
//! The phase of the grid is unknown, so the length is divided into cells: each cell stands for windows that begin
//! within it, and has bounds of its own for the number of requests in one window.

use super::counts::CountBounds;

/// Maximum number of cells.
pub(super) const CELLS: usize = 32;

/// Minimum number of cells, and the shortest cell in seconds.
const FEWEST_CELLS: usize = 10;
const SHORTEST_CELL: f64 = 0.1;

/// Maximum number of cells by which a time may be wrong.
const MOST_UNSURE: u64 = 4;

/// Number of counts that are kept: those of one window, and of the cells by which its beginning may be wrong.
const KEPT: usize = CELLS + MOST_UNSURE as usize + 2;

/// Longest hint in seconds by which its whole seconds were rounded up.
const ROUNDED_UP: f64 = 1.0;

/// Bounds of the number of requests in one window, in little memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SmallBounds {
    least: u16,
    /// `u16::MAX` if none was refused.
    most: u16,
}

impl SmallBounds {
    const UNKNOWN: Self = Self {
        least: 0,
        most: u16::MAX,
    };

    fn accepted(&mut self, count: u16) {
        self.least = self.least.max(count);
    }

    fn refused_after(&mut self, count: u32) {
        self.most = self.most.min(u16::try_from(count).unwrap_or(u16::MAX));
    }

    fn widened(self) -> CountBounds {
        CountBounds {
            least: u32::from(self.least),
            most: match self.most {
                u16::MAX => u32::MAX,
                most => u32::from(most),
            },
        }
    }
}

/// Evidence for windows of one length.
#[derive(Debug, Clone)]
pub(super) struct Grid {
    pub(super) length: f64,
    /// Length of a cell in seconds.
    cell: f64,
    cells: u64,
    /// Number of the current cell since the origin.
    tick: u64,
    /// The first cell from which a window counts.
    since: u64,
    /// The low bits of the requests accepted before the beginning of each of the last cells: differences are exact as long
    /// as no more are accepted in all of these cells than fit.
    before: [u16; KEPT],
    /// Requests accepted before the current cell, and from the first cell that is kept until then.
    accepted: u32,
    kept: u32,
    /// Whether more were accepted than fit. Then nothing is known of windows of this length.
    too_many: bool,
    /// Bounds for windows that begin in each cell.
    bounds: [SmallBounds; CELLS],
    /// CountBounds for a sliding window.
    pub(super) sliding: CountBounds,
}

impl Grid {
    pub(super) fn new(length: f64) -> Self {
        let cells = (length / SHORTEST_CELL).clamp(FEWEST_CELLS as f64, CELLS as f64) as u64;
        Self {
            length,
            cell: length / cells as f64,
            cells,
            tick: 0,
            since: 0,
            before: [0; KEPT],
            accepted: 0,
            kept: 0,
            too_many: false,
            bounds: [SmallBounds::UNKNOWN; CELLS],
            sliding: CountBounds::UNKNOWN,
        }
    }

    /// Forgets the evidence, because the limit has changed: windows that have begun say nothing any more.
    pub(super) fn forget(&mut self, accepted: u32) {
        self.since = self.tick + 1;
        self.keep_nothing(accepted);
        self.too_many = false;
        self.bounds = [SmallBounds::UNKNOWN; CELLS];
        self.sliding = CountBounds::UNKNOWN;
    }

    /// Forgets what was accepted in the last cells.
    fn keep_nothing(&mut self, accepted: u32) {
        self.before = [low_bits(accepted); KEPT];
        self.accepted = accepted;
        self.kept = 0;
    }

    /// Returns whether more requests were accepted in a window of this length than can be counted.
    pub(super) const fn has_too_many(&self) -> bool {
        self.too_many
    }

    /// Returns the number of cells.
    pub(super) const fn cells(&self) -> usize {
        self.cells as usize
    }

    /// Returns the bounds for windows that begin in this cell.
    pub(super) fn phase(&self, cell: usize) -> CountBounds {
        self.bounds[cell].widened()
    }

    /// Returns the length of a cell in seconds.
    pub(super) const fn cell(&self) -> f64 {
        self.cell
    }

    /// Returns the number of cells by which a time may be wrong.
    fn unsure(&self, jitter: f64) -> u64 {
        ((jitter / 2.0 / self.cell).ceil() as u64).clamp(1, MOST_UNSURE)
    }

    /// Returns how many of the `accepted` requests were accepted since this cell began.
    fn accepted_since(&self, accepted: u32, tick: u64) -> u16 {
        low_bits(accepted).wrapping_sub(self.before[(tick % KEPT as u64) as usize])
    }

    /// Returns the same for the cell that is `back` cells before `tick`. Nothing was before the origin.
    fn accepted_since_earlier(&self, accepted: u32, tick: u64, back: u64) -> u16 {
        match tick.checked_sub(back) {
            Some(tick) => self.accepted_since(accepted, tick),
            None => low_bits(accepted),
        }
    }

    /// Takes note of how many were accepted, of which no more than fit may be in the cells that are kept.
    fn check(&mut self, accepted: u32) {
        let here = accepted.wrapping_sub(self.accepted);
        self.too_many |= self.kept.saturating_add(here) > u32::from(u16::MAX);
    }

    /// Moves on to `at`. `accepted` is the number of all requests accepted so far.
    pub(super) fn advance(&mut self, at: f64, accepted: u32, jitter: f64) {
        self.check(accepted);
        let to = (at / self.cell) as u64;
        if to == self.tick {
            return;
        }
        let unsure = self.unsure(jitter);
        if to > self.tick + KEPT as u64 {
            // Nothing happened for longer than a window.
            self.sum_up(accepted, unsure);
            self.keep_nothing(accepted);
            self.tick = to;
            return;
        }
        while self.tick < to {
            self.tick += 1;
            // Accepted surely within one window: its beginning lies in the cell a length before this one.
            let count = self.accepted_since_earlier(accepted, self.tick, self.cells - unsure);
            self.bounds[(self.tick % self.cells) as usize].accepted(count);
            self.sliding.accepted(u32::from(count));
            let (first, second) = (self.tick % KEPT as u64, (self.tick + 1) % KEPT as u64);
            let left = self.before[second as usize].wrapping_sub(self.before[first as usize]);
            self.kept =
                (self.kept + accepted.wrapping_sub(self.accepted)).saturating_sub(u32::from(left));
            self.accepted = accepted;
            self.before[first as usize] = low_bits(accepted);
        }
    }

    /// Takes the window in progress into the bounds.
    fn sum_up(&mut self, accepted: u32, unsure: u64) {
        for back in unsure..self.cells.min(self.tick) {
            let begins = self.tick - back;
            let count = self.accepted_since(accepted, begins + unsure);
            self.bounds[(begins % self.cells) as usize].accepted(count);
        }
    }

    /// Returns how many requests were accepted in half of the jitter before `at`: this number may have arrived in another
    /// order than they were sent.
    pub(super) fn accepted_lately(&mut self, at: f64, accepted: u32, jitter: f64) -> u32 {
        self.advance(at, accepted, jitter);
        let cells = (jitter / self.cell).ceil().max(1.0);
        let lately = f64::from(self.accepted_since_earlier(accepted, self.tick, cells as u64));
        (lately * jitter / 2.0 / (self.cell * cells)).round() as u32
    }

    /// Takes in a refusal at `at`. `near` accepted requests may have come before it in truth.
    pub(super) fn refused(&mut self, at: f64, accepted: u32, near: u32, jitter: f64) {
        self.advance(at, accepted, jitter);
        let unsure = self.unsure(jitter);
        self.sum_up(accepted, unsure);
        let known = (self.tick + 1).saturating_sub(self.since + unsure);
        let known = if self.since == 0 { u64::MAX } else { known };
        for into in unsure..=(self.cells - unsure).min(known) {
            let since = self.accepted_since_earlier(accepted, self.tick, into + unsure - 1);
            let cell = (self.tick + self.cells - into % self.cells) % self.cells;
            self.bounds[cell as usize].refused_after(u32::from(since) + near);
        }
        if self.cells + unsure <= known {
            let since = self.accepted_since_earlier(accepted, self.tick, self.cells + unsure);
            self.sliding.refused_after(u32::from(since) + near);
        }
    }

    /// Takes in that a window ends between these times, as the server says: others do not begin then.
    pub(super) fn ends_between(&mut self, from: f64, to: f64) {
        for cell in 0..self.cells {
            let begins = cell as f64 * self.cell;
            let last = ((to - begins) / self.length).floor() * self.length + begins;
            if last + self.cell < from {
                self.bounds[cell as usize].refused_after(0);
            }
        }
    }
}

fn low_bits(count: u32) -> u16 {
    (count & u32::from(u16::MAX)) as u16
}

/// Returns the times between which a pause named by the server ends, for a refusal at `at`.
pub(super) fn told_end(at: f64, hint: f64, jitter: f64) -> (f64, f64) {
    (
        at + hint - ROUNDED_UP - jitter / 2.0,
        at + hint + jitter / 2.0,
    )
}
