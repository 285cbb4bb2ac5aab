//! Evidence for windows of one length on a grid of the server's clock, and for sliding windows of that length.
//!
//! The phase of the grid is unknown, so the length is divided into cells: each cell stands for windows that begin
//! within it, and has bounds of its own for the number of requests in one window.

use super::counts::CountBounds;

/// Maximum number of cells.
const CELLS: usize = 32;

/// Minimum number of cells, and the shortest cell in seconds.
const FEWEST_CELLS: usize = 10;
const SHORTEST_CELL: f64 = 0.1;

/// Maximum number of cells by which a time may be wrong.
const MOST_UNSURE: u64 = 4;

/// Number of counts that are kept: those of one window, and of the cells by which its beginning may be wrong.
const KEPT: usize = CELLS + MOST_UNSURE as usize + 2;

/// Longest hint in seconds by which its whole seconds were rounded up.
const ROUNDED_UP: f64 = 1.0;

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
    /// Requests accepted before the beginning of each of the last cells.
    before: [u32; KEPT],
    /// CountBounds for windows that begin in each cell.
    bounds: [CountBounds; CELLS],
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
            bounds: [CountBounds::UNKNOWN; CELLS],
            sliding: CountBounds::UNKNOWN,
        }
    }

    /// Forgets the evidence, because the limit has changed: windows that have begun say nothing any more.
    pub(super) fn forget(&mut self, accepted: u32) {
        self.since = self.tick + 1;
        self.before = [accepted; KEPT];
        self.bounds = [CountBounds::UNKNOWN; CELLS];
        self.sliding = CountBounds::UNKNOWN;
    }

    /// Returns the bounds for windows that begin in each cell.
    pub(super) fn phases(&self) -> &[CountBounds] {
        &self.bounds[..self.cells as usize]
    }

    /// Returns the length of a cell in seconds.
    pub(super) const fn cell(&self) -> f64 {
        self.cell
    }

    /// Returns the number of cells by which a time may be wrong.
    fn unsure(&self, jitter: f64) -> u64 {
        ((jitter / 2.0 / self.cell).ceil() as u64).clamp(1, MOST_UNSURE)
    }

    fn accepted_before(&self, tick: u64) -> u32 {
        self.before[(tick % KEPT as u64) as usize]
    }

    /// Returns the requests accepted before a cell that is `back` cells before `tick`. Nothing was before the origin.
    fn accepted_before_earlier(&self, tick: u64, back: u64) -> u32 {
        tick.checked_sub(back)
            .map_or(0, |tick| self.accepted_before(tick))
    }

    /// Moves on to `at`. `accepted` is the number of all requests accepted so far.
    pub(super) fn advance(&mut self, at: f64, accepted: u32, jitter: f64) {
        let to = (at / self.cell) as u64;
        if to == self.tick {
            return;
        }
        let unsure = self.unsure(jitter);
        if to > self.tick + KEPT as u64 {
            // Nothing happened for longer than a window.
            self.sum_up(accepted, unsure);
            self.before = [accepted; KEPT];
            self.tick = to;
            return;
        }
        while self.tick < to {
            self.tick += 1;
            // Accepted surely within one window: its beginning lies in the cell a length before this one.
            let earlier = self.accepted_before_earlier(self.tick, self.cells - unsure);
            let count = accepted.wrapping_sub(earlier);
            self.bounds[(self.tick % self.cells) as usize].accepted(count);
            self.sliding.accepted(count);
            self.before[(self.tick % KEPT as u64) as usize] = accepted;
        }
    }

    /// Takes the window in progress into the bounds.
    fn sum_up(&mut self, accepted: u32, unsure: u64) {
        for back in unsure..self.cells.min(self.tick) {
            let begins = self.tick - back;
            let count = accepted.wrapping_sub(self.accepted_before(begins + unsure));
            self.bounds[(begins % self.cells) as usize].accepted(count);
        }
    }

    /// Returns how many requests were accepted in half of the jitter before `at`: this number may have arrived in another
    /// order than they were sent.
    pub(super) fn accepted_lately(&mut self, at: f64, accepted: u32, jitter: f64) -> u32 {
        self.advance(at, accepted, jitter);
        let cells = (jitter / self.cell).ceil().max(1.0);
        let before = self.accepted_before_earlier(self.tick, cells as u64);
        let lately = f64::from(accepted.wrapping_sub(before));
        (lately * jitter / 2.0 / (self.cell * cells)).round() as u32
    }

    /// Takes in a refusal at `at`. `near` accepted requests may have come before it in truth.
    pub(super) fn refused(&mut self, at: f64, accepted: u32, near: u32, jitter: f64) {
        self.advance(at, accepted, jitter);
        let unsure = self.unsure(jitter);
        self.sum_up(accepted, unsure);
        let most = accepted.wrapping_add(near);
        let known = (self.tick + 1).saturating_sub(self.since + unsure);
        let known = if self.since == 0 { u64::MAX } else { known };
        for into in unsure..=(self.cells - unsure).min(known) {
            let begins = self.accepted_before_earlier(self.tick, into + unsure - 1);
            let cell = (self.tick + self.cells - into % self.cells) % self.cells;
            self.bounds[cell as usize].refused_after(most.wrapping_sub(begins));
        }
        if self.cells + unsure <= known {
            let begins = self.accepted_before_earlier(self.tick, self.cells + unsure);
            self.sliding.refused_after(most.wrapping_sub(begins));
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

/// Returns the times between which a pause named by the server ends, for a refusal at `at`.
pub(super) fn told_end(at: f64, hint: f64, jitter: f64) -> (f64, f64) {
    (
        at + hint - ROUNDED_UP - jitter / 2.0,
        at + hint + jitter / 2.0,
    )
}
