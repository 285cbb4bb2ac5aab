//! The simulated API: an HTTP server on a loopback port that hides limits and does harm on purpose.
//!
//! A request's way: [`server`] reads it, asks the [`gate`] (limits, faults, counts; pure), lets
//! [`routes`] make the answer (pure; a vendor's by [`vendors`]), adds the [`hint`]s (pure) and notes for the [`wire`] where the
//! answer is to be cut or stalled, which it follows byte by byte by its [`script`] (pure).

mod api;
mod builder;
mod fault;
mod fault_text;
mod gate;
mod hint;
mod ledger;
mod routes;
mod script;
mod server;
mod setting;
mod shape;
mod vendors;
mod wire;

pub use api::SimulatedApi;
pub use builder::SimulatedApiBuilder;
pub use fault::{Fault, FaultError};
pub use hint::Hint;
pub use ledger::Stats;
pub use setting::SettingError;
pub use shape::Shape;
