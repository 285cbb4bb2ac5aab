//! A law that may explain what was seen.

use super::counts::CountBounds;
use super::found::LimitKind;

/// Probability of what was seen, if the law is none of those that are weighed.
pub(super) const OTHER: f64 = 2e-9;

/// The most probable law and what is known about it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    pub(super) kind: LimitKind,
    pub(super) at: usize,
    pub(super) weight: f64,
    pub(super) bounds: CountBounds,
    /// Weight of the most probable grid of this length.
    pub(super) rival: f64,
    /// Weight of the other kind of fixed windows of this length.
    pub(super) sibling: f64,
    /// Range of beginnings in seconds since the origin, modulo the length.
    pub(super) zone: Option<[f64; 2]>,
}
