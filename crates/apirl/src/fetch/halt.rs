//! Why a run ends before its input does.

use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use crate::failure::Failure;

/// A reason to take no more lines.
#[derive(Debug)]
pub(crate) enum Reason {
    /// Ctrl-C, or a polite kill.
    Interrupted,
    /// A line failed, and `--fail-fast` was said.
    FailFast,
    /// The API wants a pause that is longer than anybody should sit through.
    Pause(Duration),
    /// Requests fail, and the circuit breaker of the settings is open for longer than anybody waits.
    Outage,
    /// The fleet grants nothing.
    Fleet(String),
    /// The output, or what is kept beside it, can't be written to.
    Output(io::Error),
    /// The input is not what it was, or can't be read.
    Input(Failure),
}

/// Set once; the first reason counts.
#[derive(Debug, Default)]
pub(crate) struct Halt(OnceLock<Reason>);

impl Halt {
    pub(crate) fn because(&self, reason: Reason) {
        // An earlier reason stands.
        let _ = self.0.set(reason);
    }

    pub(crate) fn is_on(&self) -> bool {
        self.0.get().is_some()
    }

    pub(crate) fn reason(&self) -> Option<&Reason> {
        self.0.get()
    }
}
