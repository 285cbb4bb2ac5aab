//! All commands but `fetch`, run as programs.

mod check;
mod explain;
mod one_wait;
mod presets;
mod run;
mod serve;
mod simulate;
mod vectors;
