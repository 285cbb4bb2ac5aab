//! Weights of the laws: how well each of them explains what was seen.

use super::candidate::Candidate;
use super::counts::CountBounds;
use super::found::LimitKind;
use super::grid::{CELLS, Grid};
use super::{Evidence, Inference};

/// How usual the kinds are.
const FROM_FIRST: f64 = 0.35;
const FIXED: f64 = 0.3;
const SLIDING: f64 = 0.25;

/// Factor for each contradiction, and for a law that nothing has bounded from above.
const CONTRADICTION: f64 = 0.02;
const UNBOUNDED: f64 = 0.01;

/// Longest window that is considered before it was watched for its whole length, in seconds.
const LONGEST_UNSEEN: f64 = 60.0;

/// Part of the most probable cell from which another is possible, too.
const POSSIBLE: f64 = 0.02;

impl Inference {
    /// Returns the most probable law, and the sum of the weights of all.
    pub(super) fn weigh(&self) -> (Option<Candidate>, f64) {
        let mut sum = 0.0;
        let mut best: Option<Candidate> = None;
        self.weigh_into(|candidate| {
            sum += candidate.weight;
            if best.is_none_or(|best| candidate.weight > best.weight) {
                best = Some(candidate);
            }
        });
        (best, sum)
    }

    /// Passes each law with its weight to `consider`.
    fn weigh_into(&self, mut consider: impl FnMut(Candidate)) {
        let longest = LONGEST_UNSEEN.max(self.now - self.since);
        let considered = self.evidence.iter().enumerate();
        for (at, evidence) in
            considered.filter(|(_, it)| it.grid.length <= longest && !it.grid.has_too_many())
        {
            let Evidence {
                usual,
                grid,
                from_first,
            } = evidence;
            let weight = |bounds: CountBounds| {
                let unbounded = bounds.most == u32::MAX;
                usual * bounds.mass() * if unbounded { UNBOUNDED } else { 1.0 }
            };
            let mut of_cells = [0.0; CELLS];
            let weights = &mut of_cells[..grid.cells()];
            for (cell, it) in weights.iter_mut().enumerate() {
                *it = weight(grid.phase(cell));
            }
            let weights = &*weights;
            let rival = FIXED * weights.iter().copied().fold(0.0, f64::max);
            let contradicted = CONTRADICTION.powi(i32::from(from_first.contradictions));
            let from_first_weight = FROM_FIRST * weight(from_first.bounds) * contradicted;
            let fixed_weight = FIXED * weights.iter().sum::<f64>() / weights.len() as f64;
            consider(Candidate {
                kind: LimitKind::WindowFromFirst,
                at,
                weight: from_first_weight,
                bounds: from_first.bounds,
                rival,
                sibling: fixed_weight,
                zone: from_first.begins(),
            });
            consider(Candidate {
                kind: LimitKind::SlidingWindow,
                at,
                weight: SLIDING * usual * grid.sliding.mass(),
                bounds: grid.sliding,
                rival,
                sibling: 0.0,
                zone: None,
            });
            let (bounds, zone) = possible(grid, weights);
            consider(Candidate {
                kind: LimitKind::FixedWindow,
                at,
                weight: fixed_weight,
                bounds,
                rival,
                sibling: from_first_weight,
                zone,
            });
        }
    }
}

/// Returns the bounds of the possible cells together, and the shortest range of beginnings that holds all of them.
fn possible(grid: &Grid, weights: &[f64]) -> (CountBounds, Option<[f64; 2]>) {
    let largest = weights.iter().copied().fold(0.0, f64::max);
    let is_possible = |cell: usize| weights[cell] > POSSIBLE * largest;
    let cells = weights.len();
    let mut bounds = CountBounds {
        least: u32::MAX,
        most: 0,
    };
    // The longest run of impossible cells lies outside the range.
    let (mut run, mut longest, mut end) = (0, 0, 0);
    for step in 0..2 * cells {
        let cell = step % cells;
        if is_possible(cell) {
            run = 0;
            let CountBounds { least, most } = grid.phase(cell);
            bounds.least = bounds.least.min(least.min(most));
            bounds.most = bounds.most.max(least.max(most));
        } else {
            run += 1;
            if run > longest && run < cells {
                (longest, end) = (run, step);
            }
        }
    }
    if longest == 0 || largest <= 0.0 {
        return (CountBounds::UNKNOWN, None);
    }
    let first = (end + 1) % cells;
    let from = first as f64 * grid.cell();
    (
        bounds,
        Some([from, from + (cells - longest) as f64 * grid.cell()]),
    )
}
