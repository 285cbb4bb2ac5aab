//! The simulated API over loopback: it holds its limits, gives its hints, does its harm and counts.

mod client;
mod counts;
mod faults;
mod hints;
mod limits;
mod shapes;
