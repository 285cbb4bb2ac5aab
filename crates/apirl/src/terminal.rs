//! Writing to standard output and standard error, and prompts for a person at the terminal.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use crate::failure::Failure;

/// Writes to standard output, with colours only where they are wanted.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::broken_pipe()),
        Err(error) => Err(Failure::failed(format_args!(
            "could not write to standard output: {error}"
        ))),
    }
}

/// Writes a line to standard error. Ignores errors: standard error may be closed.
pub(crate) fn say(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// Says that input is awaited, if a person has to type it.
pub(crate) fn announce_typing(path: &Path) {
    if path.as_os_str() == "-" && io::stdin().is_terminal() {
        say("Reading from the terminal; Ctrl-D ends the input.");
    }
}
