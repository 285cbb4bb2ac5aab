//! Why a command did not do what it was asked, and what to do about it.

use std::fmt;

/// How a command ends early: one sentence, a hint, an exit code.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    message: String,
    hint: Option<String>,
    code: u8,
}

/// Exit code: a part of the work failed.
const FAILED: u8 = 1;

/// Exit code: the command line, or a file that it names, can't be used.
const USAGE: u8 = 2;

/// Exit code: interrupted. Shells use 128 plus the number of the signal, which is 2 for Ctrl-C.
pub(crate) const INTERRUPTED: u8 = 130;

impl Failure {
    /// Invalid arguments or unreadable input: exit code 2.
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self {
            message: message.to_string(),
            hint: None,
            code: USAGE,
        }
    }

    /// A part of the work failed: exit code 1.
    pub(crate) fn failed(message: impl fmt::Display) -> Self {
        Self {
            code: FAILED,
            ..Self::usage(message)
        }
    }

    /// A part of the work failed, and the output says which: exit code 1 without a message.
    pub(crate) fn already_reported() -> Self {
        Self::failed("")
    }

    /// Ended by Ctrl-C: exit code 130.
    pub(crate) fn interrupted(message: impl fmt::Display) -> Self {
        Self {
            code: INTERRUPTED,
            ..Self::usage(message)
        }
    }

    /// The reader of the output has closed it, as `head` does. The command ends quietly with exit code 0.
    pub(crate) fn broken_pipe() -> Self {
        Self {
            code: 0,
            ..Self::usage("")
        }
    }

    /// Whether there is a message to print.
    pub(crate) fn has_message(&self) -> bool {
        !self.message.is_empty()
    }

    /// Adds a hint: what to do about the failure.
    pub(crate) fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// Returns the exit code.
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
