//! Warnings of the library that a person should see: an unencrypted credential, a file that can't be used.

use api_ratelimiter::{Event, Observer};
use parking_lot::Mutex;

/// Collects warnings until the main thread prints them: printed at once they would break the progress bar.
#[derive(Debug, Default)]
pub(crate) struct WarningCollector(Mutex<Vec<String>>);

impl WarningCollector {
    /// Returns the warnings since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock())
    }
}

impl Observer for WarningCollector {
    fn on_event(&self, event: &Event) {
        let warning = match event {
            Event::CredentialExposed { origin, .. } => {
                format!("warning: a credential is sent to {origin} without encryption; use https")
            }
            Event::BodyUnread {
                status,
                path,
                problem,
                ..
            } => format!(
                "warning: the body of a {status}, in which {path} may announce a refusal, {problem}; refusals like it are not seen"
            ),
            Event::MemoryFailed {
                operation,
                path,
                problem,
                ..
            } => {
                let effect = match operation.as_str() {
                    "read" => "could not be read, so this run starts without it",
                    _ => "could not be written, so the next run may start without it",
                };
                format!("warning: what was learned {effect}: {path}: {problem}")
            }
            // The other events are no warnings, or the progress shows them.
            _ => return,
        };
        self.0.lock().push(warning);
    }
}
