//! `apirl`: the limiter on the command line.

mod check;
mod completions;
mod explain;
mod failure;
mod fetch;
mod fleet;
mod input;
mod presets;
mod quantity;
mod serve;
mod simulate;
mod stop;

use std::process::ExitCode;

use clap::{
    ColorChoice, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum as _,
};

/// Call other people's APIs at the speed they allow.
#[derive(Debug, Parser)]
#[command(name = "apirl", version, propagate_version = true)]
#[command(after_help = "Examples:
  apirl fetch github --bearer-env GITHUB_TOKEN --path '/users/{}' --input names.txt --output users.jsonl
  curl -si https://api.github.com/rate_limit | apirl explain --api github
  apirl simulate --limit token-bucket:10/s,burst=20
  apirl serve --limit token-bucket:5/s,burst=10 --port 8080

Each command has more by --help.")]
pub(crate) struct Cli {
    /// When to use colours.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: ColorChoice,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Fetch(Box<fetch::Args>),
    Explain(explain::Args),
    Simulate(simulate::Args),
    Presets(presets::Args),
    Check(check::Args),
    Serve(serve::Args),
    Fleet(fleet::Args),
    Completions(completions::Args),
}

/// What `--color` says, found before anything is parsed: help and errors of parsing are coloured, too.
fn color() -> ColorChoice {
    let mut args = std::env::args_os().filter_map(|arg| arg.into_string().ok());
    let mut named = ColorChoice::Auto;
    while let Some(arg) = args.next() {
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
    let matches = Cli::command().color(color()).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match cli.color {
        ColorChoice::Auto => {}
        ColorChoice::Always => anstream::ColorChoice::Always.write_global(),
        ColorChoice::Never => anstream::ColorChoice::Never.write_global(),
    }
    let done = match cli.command {
        Command::Fetch(args) => fetch::run(*args),
        Command::Explain(args) => explain::run(args),
        Command::Simulate(args) => simulate::run(args),
        Command::Presets(args) => presets::run(args),
        Command::Check(args) => check::run(args),
        Command::Serve(args) => serve::run(args),
        Command::Fleet(args) => fleet::run(args),
        Command::Completions(args) => completions::run(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if failure.is_worth_telling() {
                use std::io::Write as _;
                // A standard error that is closed is no reason to panic.
                let _ = writeln!(anstream::stderr(), "{failure}");
            }
            ExitCode::from(failure.code())
        }
    }
}
