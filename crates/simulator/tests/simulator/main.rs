//! Tests of the simulated API over loopback: limits, hints, shapes, faults and counts.

mod client;
mod connections;
mod counts;
mod faults;
mod hints;
mod limits;
mod shapes;
