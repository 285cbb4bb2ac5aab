//! The result of a measurement as it is printed: facts, sentences and settings.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::course::Ending;
use super::findings::Findings;
use super::suggestion::Suggestion;
use super::words::{self, Reach, spoken_roughly};
use crate::quantity::counted;

/// The result. As JSON it is what `--json` prints; `apirl discover --help` lists the fields.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    #[serde(flatten)]
    pub(super) findings: Findings,
    pub(super) why: String,
    pub(super) found: Vec<String>,
    pub(super) unknown: Vec<String>,
    config: Option<Value>,
    rust: Option<String>,
}

impl Report {
    /// Returns the report on a run that ended by `ending`, with the settings that follow from it.
    pub(super) fn of(
        findings: Findings,
        ending: &Ending,
        reach: Reach,
        suggestion: Option<Suggestion>,
    ) -> Self {
        let (config, rust) = suggestion.map(|it| (it.config, it.rust)).unzip();
        Self {
            why: words::why(ending),
            found: words::found(&findings),
            unknown: words::unknown(&findings, ending, reach),
            findings,
            config,
            rust,
        }
    }
}

/// Writes the result for people, with emphasis for terminals.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Findings {
            url,
            seconds,
            requests,
            accepted,
            refused,
            failed,
            announced,
            ..
        } = &self.findings;
        let (requests, seconds) = (counted(*requests, "request"), spoken_roughly(*seconds));
        writeln!(f, "\x1b[1mGET {}\x1b[0m", url.escape_debug())?;
        writeln!(
            f,
            "  {requests} in {seconds}: {accepted} accepted, {refused} refused, {failed} failed."
        )?;
        writeln!(f, "  It ended because {}.", self.why)?;
        // A run in which nothing got through has shown nothing.
        let (Some(config), Some(rust)) = (&self.config, &self.rust) else {
            return Ok(());
        };

        // What is known and what is not.
        let announced: Vec<_> = announced.iter().map(words::announced).collect();
        for (title, lines, none) in [
            ("Announced", &announced, Some("Nothing about limits.")),
            ("Found", &self.found, Some("Nothing.")),
            ("Not known", &self.unknown, None),
        ] {
            let lines = lines.iter().map(String::as_str);
            let none = none.filter(|_| lines.len() == 0);
            for (place, line) in lines.chain(none).enumerate() {
                if place == 0 {
                    writeln!(f, "\x1b[1m{title}\x1b[0m")?;
                }
                writeln!(f, "  {line}")?;
            }
        }
        writeln!(
            f,
            "\x1b[1mSettings, as a file for --config\x1b[0m\n{config:#}"
        )?;
        writeln!(f, "\x1b[1mThe same in Rust\x1b[0m\n{rust}")
    }
}

#[cfg(test)]
mod tests;
