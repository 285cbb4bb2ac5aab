//! `apirl completions`: completions for shells.

use clap::CommandFactory as _;

use crate::failure::Failure;
use crate::flags::{CompletionsFlags, Flags};
use crate::terminal::print;

pub(crate) fn run(flags: CompletionsFlags) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(flags.shell, &mut Flags::command(), "apirl", &mut script);
    print(&String::from_utf8_lossy(&script))
}
