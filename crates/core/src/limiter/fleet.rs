//! One limit for many processes.
//!
//! The fleet has one [`Controller`](super::Controller), whose state is a record in a store that all workers reach. A
//! worker reads the record, lets the controller decide in its own process, and writes it back unless another worker
//! was quicker ([`settle()`]). It takes away *slots*, grants for instants to come, so that one visit serves several
//! requests. A [`Member`] hands them out, each at its instant.

mod clock_offset;
mod fingerprint;
pub(super) mod member;
mod record;
mod settle;
mod standalone;
mod sync;
mod turns;

pub use member::{Action, Member, OutagePolicy};
pub use record::{Record, RecordSummary};
pub use settle::{Settled, settle};
pub use sync::{MOST_TRIES, MOST_WANTED, SyncReply, SyncRequest};

#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod state_tests;
#[cfg(test)]
mod tests;
