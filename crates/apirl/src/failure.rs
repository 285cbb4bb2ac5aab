//! Why a command did not do what it was asked, and what to do about it.

use std::fmt;
use std::io;

/// What ends a command early: one sentence, a hint, an exit code.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    message: String,
    hint: Option<String>,
    code: u8,
}

/// Some of what was asked for did not work out.
const FAILED: u8 = 1;

/// The command line itself, or a file that it names, can't be used.
const USAGE: u8 = 2;

/// 128 and the number of SIGINT, as shells count.
pub(crate) const INTERRUPTED: u8 = 130;

impl Failure {
    /// Wrong arguments or unreadable input: exit code 2.
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self {
            message: message.to_string(),
            hint: None,
            code: USAGE,
        }
    }

    /// Something did not work out: exit code 1.
    pub(crate) fn failed(message: impl fmt::Display) -> Self {
        Self {
            code: FAILED,
            ..Self::usage(message)
        }
    }

    /// The same, when all there is to say has been said.
    pub(crate) fn told() -> Self {
        Self::failed("")
    }

    /// Ended by Ctrl-C: exit code 130, as shells have it.
    pub(crate) fn interrupted(message: impl fmt::Display) -> Self {
        Self {
            code: INTERRUPTED,
            ..Self::usage(message)
        }
    }

    /// Whoever reads our output has gone, as `head` does: an end, and no failure.
    pub(crate) fn nobody_listens() -> Self {
        Self {
            code: 0,
            ..Self::usage("")
        }
    }

    /// Whether there is anything to say about it.
    pub(crate) fn is_worth_telling(&self) -> bool {
        !self.message.is_empty()
    }

    /// The same with what to do about it.
    pub(crate) fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        self.code
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl From<api_ratelimiter::Error> for Failure {
    fn from(error: api_ratelimiter::Error) -> Self {
        Self::usage(error)
    }
}

/// Writes to standard output, with colours only where they are wanted.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    use io::Write as _;
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::nobody_listens()),
        Err(error) => Err(Failure::failed(format_args!(
            "could not write to standard output: {error}"
        ))),
    }
}
