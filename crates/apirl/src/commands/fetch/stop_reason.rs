//! Why a run ends before its input does.

use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use crate::failure::Failure;

/// A reason to take no more lines.
#[derive(Debug)]
pub(crate) enum StopReason {
    /// Ctrl-C, or another signal that asks the process to end.
    Interrupted,
    /// A line failed, and `--fail-fast` was given.
    FailFast,
    /// The API asks for a pause longer than `max_cooldown`.
    Pause(Duration),
    /// A quota of the account is used up. The text is the error.
    Quota(String),
    /// Requests fail, and the circuit breaker of the settings stays open longer than `max_cooldown`.
    Outage,
    /// The fleet grants no requests. The text says why.
    Fleet(String),
    /// The output can't be written.
    Output(io::Error),
    /// The output's journal can't be written.
    Journal(io::Error),
    /// The input has changed since the earlier run, or can't be read.
    Input(Failure),
}

impl StopReason {
    /// Returns the failure of a command that only reads the input.
    pub(crate) fn into_input_failure(self) -> Failure {
        match self {
            Self::Input(failure) => failure,
            other => Failure::failed(format_args!("could not read the input: {other:?}")),
        }
    }
}

/// Tells all threads of a run to stop. It is given once; later reasons are ignored.
#[derive(Debug, Default)]
pub(crate) struct StopSignal(OnceLock<StopReason>);

impl StopSignal {
    pub(crate) fn give(&self, reason: StopReason) {
        // Fails if there is an earlier reason, which stays.
        let _ = self.0.set(reason);
    }

    pub(crate) fn is_given(&self) -> bool {
        self.0.get().is_some()
    }

    pub(crate) fn reason(&self) -> Option<&StopReason> {
        self.0.get()
    }
}
