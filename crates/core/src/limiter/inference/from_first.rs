//! Evidence for windows of one length that begin with the first request after the last one expired.
//!
//! For the only user of a limit such a window is the easiest to find: a request of ours opened it, so its beginning is
//! known as well as that request's arrival.

use super::counts::CountBounds;

/// Maximum number of contradictions that are counted.
const MOST_CONTRADICTIONS: u8 = 8;

/// Number of windows in a row that were used up without a contradiction, and make up for one.
const MAKE_UP: u8 = 8;

/// Evidence for windows of one length.
#[derive(Debug, Clone)]
pub(super) struct FromFirst {
    /// Earliest and latest time at which the current window began; `None` before the first request, or if unknown.
    begins: Option<[f64; 2]>,
    /// Whether a window had begun before the first request that counts.
    is_in_progress: bool,
    /// Requests accepted in it: surely, and at most.
    accepted: [u32; 2],
    /// First request that came about when the window expires, and the number of those: they may be in the next one.
    between: Option<f64>,
    accepted_between: u32,
    /// Time of the first refusal in the current window.
    full_since: Option<f64>,
    /// Whether the current window has contradicted the law.
    is_odd: bool,
    pub(super) bounds: CountBounds,
    /// Number of windows used up since the last contradiction.
    pub(super) fitting: u8,
    /// Number of windows that contradicted the law, unless many that did not made up for it.
    pub(super) contradictions: u8,
    /// Number of windows that were used up.
    pub(super) used_up: u32,
}

impl FromFirst {
    pub(super) const fn new() -> Self {
        Self {
            begins: None,
            is_in_progress: false,
            accepted: [0; 2],
            between: None,
            accepted_between: 0,
            full_since: None,
            is_odd: false,
            bounds: CountBounds::UNKNOWN,
            fitting: 0,
            contradictions: 0,
            used_up: 0,
        }
    }

    /// Forgets the evidence, because the limit has changed: the current window says nothing any more.
    pub(super) fn forget(&mut self) {
        *self = Self {
            is_in_progress: true,
            ..Self::new()
        };
    }

    /// Returns the earliest and the latest time at which the current window began.
    pub(super) const fn begins(&self) -> Option<[f64; 2]> {
        self.begins
    }

    /// Takes in an accepted request.
    pub(super) fn accepted(&mut self, at: f64, cost: u32, length: f64, jitter: f64) {
        let after_refusal = self.full_since.is_some_and(|full| at > full + jitter);
        let Some([earliest, latest]) = self.begins else {
            if after_refusal || !self.is_in_progress {
                self.open(at, cost);
                self.used_up = 0;
                self.fitting = 0;
            }
            return;
        };
        if at < earliest + length - jitter {
            if after_refusal {
                // The window was used up, and still more was accepted: it began earlier, or is none.
                self.contradict();
                return self.open(at, cost);
            }
            self.accepted = self.accepted.map(|count| count.saturating_add(cost));
            self.bounds.accepted(self.accepted[0]);
        } else if at > latest + length + jitter || after_refusal {
            self.open(at, cost);
        } else {
            self.between.get_or_insert(at);
            self.accepted_between = self.accepted_between.saturating_add(cost);
        }
    }

    /// Takes in a refusal, or that the server would have refused a request then.
    pub(super) fn refused(&mut self, at: f64, length: f64, jitter: f64, near: u32) {
        let Some([_, latest]) = self.begins else {
            self.full_since.get_or_insert(at);
            return;
        };
        if at > latest + length + jitter {
            match self.between {
                // The window expired, and a request that came then may have opened the next one.
                Some(between) => {
                    let cost = self.accepted_between;
                    self.open(between, cost);
                    self.accepted[0] = 0;
                }
                None => return self.contradict(),
            }
        }
        let accepted = self.accepted[1].saturating_add(self.accepted_between);
        self.bounds.refused_after(accepted.saturating_add(near));
        self.full_since.get_or_insert(at);
    }

    /// Takes in that the current window ends between these times, as the server says.
    pub(super) fn ends_between(&mut self, from: f64, to: f64, length: f64, jitter: f64) {
        let Some([earliest, latest]) = self.begins else {
            return;
        };
        if latest + length + jitter < from || earliest + length - jitter > to {
            self.contradict();
        }
    }

    fn contradict(&mut self) {
        if !self.is_odd {
            self.is_odd = true;
            self.fitting = 0;
            self.contradictions = (self.contradictions + 1).min(MOST_CONTRADICTIONS);
        }
    }

    /// Begins a window with a request that was accepted.
    fn open(&mut self, at: f64, cost: u32) {
        if self.full_since.is_some() && !self.is_odd {
            self.used_up = self.used_up.saturating_add(1);
            self.fitting = self.fitting.saturating_add(1);
            if self.fitting % MAKE_UP == 0 {
                self.contradictions = self.contradictions.saturating_sub(1);
            }
        }
        // Requests that came before, about when the last window expired, may be in this one.
        let earliest = self.between.filter(|_| self.full_since.is_none());
        let at_most = if earliest.is_some() {
            cost.saturating_add(self.accepted_between)
        } else {
            cost
        };
        self.begins = Some([earliest.unwrap_or(at), at]);
        self.accepted = [cost, at_most];
        self.between = None;
        self.accepted_between = 0;
        self.full_since = None;
        self.is_odd = false;
    }
}
