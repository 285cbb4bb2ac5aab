//! Faults of a fleet.

use std::time::Duration;

/// A fault of a fleet or its store. Times are since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FleetFault {
    /// The store does not respond.
    StoreDown {
        /// Start of the outage.
        from: Duration,
        /// End of the outage.
        until: Duration,
    },
    /// Each way to the store and back takes longer.
    StoreSlow {
        /// Start of the delays.
        from: Duration,
        /// End of the delays.
        until: Duration,
        /// Additional delay of each way.
        by: Duration,
    },
    /// The store loses its data.
    StoreWiped {
        /// Time of the loss.
        at: Duration,
    },
    /// The first workers are killed without a last visit to the store.
    WorkersKilled {
        /// Number of workers.
        workers: usize,
        /// Time at which they are killed.
        at: Duration,
    },
    /// The last workers start late.
    WorkersLate {
        /// Number of workers.
        workers: usize,
        /// Time at which they start.
        at: Duration,
    },
}
