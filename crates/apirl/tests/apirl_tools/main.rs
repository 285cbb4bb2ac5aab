//! The tools of the command line beside `fetch`, run as programs.

mod check;
mod explain;
mod presets;
mod run;
mod serve;
mod simulate;
mod vectors;
