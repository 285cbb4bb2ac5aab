//! `apirl`: the limiter on the command line.
//!
//! - `flags` has the flags of all commands; `commands` has one module for each command.
//! - The other modules are what several commands need: reading files, settings, writing to the terminal.
//!
//! A command returns `Ok` or a [`Failure`](failure::Failure), which has the exit code. Only this file ends the process
//! with it.

mod client_settings;
mod commands;
mod config_file;
mod environment;
mod error_text;
mod failure;
mod files;
mod flags;
mod fleet_store;
mod interrupt;
mod json_text;
mod progress;
mod quantity;
mod settings;
mod terminal;
mod threads;
mod warnings;

use std::process::ExitCode;

use clap::{ColorChoice, CommandFactory as _, FromArgMatches as _, ValueEnum as _};

use flags::{Command, Flags};

/// Returns the value of `--color`. It is needed before anything is parsed: help and parse errors have colours, too.
fn color() -> ColorChoice {
    let mut args = std::env::args_os().filter_map(|arg| arg.into_string().ok());
    let mut named = ColorChoice::Auto;
    while let Some(arg) = args.next() {
        // Both `--color WHEN` and `--color=WHEN` are possible.
        let value = match arg.strip_prefix("--color") {
            Some("") => args.next(),
            Some(rest) => rest.strip_prefix('=').map(str::to_owned),
            None => None,
        };
        let choice = value.and_then(|value| ColorChoice::from_str(&value, false).ok());
        named = choice.unwrap_or(named);
    }
    named
}

fn main() -> ExitCode {
    let matches = Flags::command().color(color()).get_matches();
    let flags = Flags::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match flags.color {
        ColorChoice::Auto => {}
        ColorChoice::Always => anstream::ColorChoice::Always.write_global(),
        ColorChoice::Never => anstream::ColorChoice::Never.write_global(),
    }
    let result = match flags.command {
        Command::Fetch(flags) => commands::fetch::run(*flags),
        Command::Discover(flags) => commands::discover::run(*flags),
        Command::Explain(flags) => commands::explain::run(flags),
        Command::Simulate(flags) => commands::simulate::run(flags),
        Command::Presets(flags) => commands::presets::run(flags),
        Command::Check(flags) => commands::check::run(flags),
        Command::Serve(flags) => commands::serve::run(flags),
        Command::Fleet(flags) => commands::fleet::run(flags),
        Command::Completions(flags) => commands::completions::run(flags),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if failure.has_message() {
                terminal::say(&failure.to_string());
            }
            ExitCode::from(failure.code())
        }
    }
}
