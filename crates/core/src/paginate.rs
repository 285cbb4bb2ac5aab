//! Pagination: how a collection continues from page to page. A [`Walk`] takes pages and returns the next
//! request, the end, or an error.
//!
//! ```text
//! request() ── parts ──► a front sends them ──► arrived(head, body) ──► a page, and where the next begins
//!     │  ▲                                  └─► broke_off(error) ────► once more, or the error
//!     │  └──────────────────────────────────────────────────────────────┘
//!     └─ None: the walk is over, by its end or by an error
//! ```

mod body;
mod link;
mod page;
mod params;
mod position;
mod seen;
mod step;
mod walk;

pub use page::Page;
pub use position::Position;

pub use page::RemainingItems;
pub use walk::Walk;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod step_tests;
#[cfg(test)]
mod walk_tests;
