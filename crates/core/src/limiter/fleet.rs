//! One limit for many processes: which part of the common speed is whose.
//!
//! The law stays where it is, in the [`Controller`](super::Controller): its state is a value in a store that all
//! workers reach. A worker reads it, lets the controller decide in its own process, and writes it back unless
//! somebody else was quicker ([`settle`]). What it takes away are *slots*, grants for instants to come, so that
//! one visit serves several requests; a [`Member`] hands them out, each at its instant.

mod ask;
mod lone;
mod mapping;
mod member;
mod record;
mod register;
mod settle;

pub use ask::{Ask, Reply};
pub use member::{Errand, MOST_TRIES, MOST_WANTED, Manner, Member, Membership};
pub use record::Record;
pub use settle::{Settled, settle};

#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod tests;
