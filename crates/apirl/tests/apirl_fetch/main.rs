//! `apirl fetch`, run as a program against the simulated API.

mod bad_input;
mod collections;
mod failed_again;
mod fleet;
mod interrupted;
mod job;
mod lines;
mod live_page;
mod memory;
mod no_room;
mod order;
mod outage;
mod proxies;
mod resumed;
// The tests of the other commands use the rest of this module.
#[allow(dead_code)]
#[path = "../apirl_tools/run.rs"]
mod run;
mod server;
mod terminal;
mod together;
mod walks;
