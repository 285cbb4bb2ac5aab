//! The simulated API: an HTTP server on a loopback port with hidden limits and injected faults.
//!
//! The way of a request: [`handler`] reads it and asks the [`gate`] (limits, faults, counts; pure).
//! [`routes`] makes the normal response (pure; [`vendors`] makes those of a vendor) and [`hint`] its headers
//! (pure). The [`connection`] then follows the [`script`] of the response (pure) byte by byte, which says
//! where to cut or stall it. [`server`] holds what all requests share.

mod accept;
mod api;
mod builder;
mod builder_text;
mod connection;
mod error_bodies;
mod fault;
mod fault_text;
mod gate;
mod handler;
mod hint;
mod ledger;
mod response;
mod routes;
mod script;
mod server;
mod setting_error;
mod shape;
mod vendors;

pub use api::SimulatedApi;
pub use builder::SimulatedApiBuilder;
pub use fault::{Fault, FaultError};
pub use hint::Hint;
pub use ledger::Stats;
pub use setting_error::SettingError;
pub use shape::Shape;
