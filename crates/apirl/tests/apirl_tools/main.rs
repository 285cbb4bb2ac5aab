//! All commands but `fetch`, run as programs.

mod check;
mod discover;
mod explain;
mod one_wait;
mod presets;
mod run;
mod serve;
#[path = "../apirl_fetch/server.rs"]
#[allow(dead_code)]
mod server;
mod simulate;
mod vectors;
