//! `apirl completions`: completions for shells.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::failure::{Failure, print};

/// Print the completions for a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  apirl completions bash > ~/.local/share/bash-completion/completions/apirl
  apirl completions fish > ~/.config/fish/completions/apirl.fish
  apirl completions zsh > ~/.zfunc/_apirl")]
pub(crate) struct Args {
    /// The shell to print them for.
    shell: Shell,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::Cli::command(), "apirl", &mut script);
    print(&String::from_utf8_lossy(&script))
}
