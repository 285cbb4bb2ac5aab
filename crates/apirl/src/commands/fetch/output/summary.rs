//! The summary of a run.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use api_ratelimiter::{FleetSnapshot, LimitFound};
use serde::Serialize;

use super::record::seconds;
use crate::failure::Failure;
use crate::files::{shown, unwritable};
use crate::fleet_store::fleet_share;
use crate::quantity::counted;

/// The figures of one run. Lines of earlier runs are not in it.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    /// Lines of input that were done.
    pub(crate) requested: u64,
    /// Responses with a status below 400, and collections that were followed to their end.
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    /// Requests that the API refused. Most of them were retried.
    pub(crate) refused: u64,
    /// Requests that were sent.
    pub(crate) attempts: u64,
    pub(crate) seconds: f64,
    /// Requests per second that were not refused.
    pub(crate) rate_per_second: f64,
    pub(crate) learned_ceiling: Option<f64>,
    /// The limit that the API did not announce, if it was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<LimitFound>,
    /// The fleet that shared the limit, at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fleet: Option<FleetSnapshot>,
    /// The flag that helps if the failures were refusals by a limit that the settings do not know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) perhaps_a_limit: Option<String>,
}

impl Summary {
    pub(crate) fn set_time(&mut self, took: Duration) {
        self.seconds = seconds(took);
        let accepted = self.attempts.saturating_sub(self.refused) as f64;
        // A run of zero seconds would have an infinite rate.
        let rate = accepted / took.as_secs_f64().max(1e-3);
        self.rate_per_second = (rate * 1e3).round() / 1e3;
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            requested,
            succeeded,
            failed,
            refused,
            attempts,
            seconds,
            rate_per_second,
            learned_ceiling,
            limit: _,
            fleet,
            perhaps_a_limit,
        } = self;
        let (lines, requests) = (counted(*requested, "line"), counted(*attempts, "request"));
        write!(
            f,
            "{lines} in {seconds:.1} s: {succeeded} succeeded, {failed} failed; {requests}, {refused} refused, \
             {rate_per_second:.1}/s"
        )?;
        if let Some(ceiling) = learned_ceiling {
            write!(f, ", learned ceiling {ceiling:.1}/s")?;
        }
        if let Some(fleet) = fleet {
            write!(f, "; {}", fleet_share(fleet))?;
        }
        match perhaps_a_limit {
            Some(flag) => write!(f, "; perhaps a limit: {flag}"),
            None => Ok(()),
        }
    }
}

/// The file of `--summary`. It is opened before the run: if it can't be written, no request is sent.
pub(crate) struct SummaryFile {
    path: PathBuf,
    file: Box<dyn Write>,
}

impl SummaryFile {
    /// Opens the file. It may not replace one of `taken`, the other files of the run.
    pub(crate) fn create(path: &Path, taken: &[PathBuf]) -> Result<Self, Failure> {
        // A stream of this process is written to, not opened again.
        let known = path.canonicalize().ok().filter(|path| path.is_file());
        let stream: Option<Box<dyn Write>> = if path.as_os_str() == "-" {
            Some(Box::new(io::stdout()))
        } else {
            known.as_deref().and_then(stream_into)
        };
        if let Some(file) = stream {
            let path = path.to_owned();
            return Ok(Self { path, file });
        }

        // Another file of the run would be lost.
        let other =
            |other: &PathBuf| other.as_os_str() != "-" && other.canonicalize().ok() == known;
        if known.is_some() && taken.iter().any(other) {
            return Err(Failure::usage(format_args!(
                "the summary would replace {}",
                path.display()
            ))
            .hint("give another --summary file"));
        }
        let file = File::create(path).map_err(unwritable(path))?;
        Ok(Self {
            path: path.to_owned(),
            file: Box::new(file),
        })
    }

    pub(crate) fn write(mut self, summary: &Summary) -> Result<(), Failure> {
        let mut text = serde_json::to_string(summary).unwrap_or_default();
        text.push('\n');
        let written = self.file.write_all(text.as_bytes());
        match written.and_then(|()| self.file.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::broken_pipe()),
            written => written.map_err(|error| {
                let place = shown(&self.path);
                Failure::failed(format_args!("could not write to {place}: {error}"))
                    .hint("all responses were written; only the summary is missing")
            }),
        }
    }
}

/// Returns standard output or standard error if it goes into this file. Opening the file again would empty it.
fn stream_into(file: &Path) -> Option<Box<dyn Write>> {
    let is = |name: &str| Path::new(name).canonicalize().is_ok_and(|it| it == file);
    if is("/dev/stdout") {
        return Some(Box::new(io::stdout()));
    }
    is("/dev/stderr").then(|| Box::new(io::stderr()) as Box<dyn Write>)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_has_these_fields_and_no_others() {
        let mut summary = Summary {
            requested: 3,
            succeeded: 2,
            failed: 1,
            refused: 1,
            attempts: 5,
            seconds: 0.0,
            rate_per_second: 0.0,
            learned_ceiling: None,
            limit: None,
            fleet: None,
            perhaps_a_limit: None,
        };
        summary.set_time(Duration::from_secs(2));
        assert_eq!(
            serde_json::to_string(&summary).expect("JSON"),
            "{\"requested\":3,\"succeeded\":2,\"failed\":1,\"refused\":1,\"attempts\":5,\"seconds\":2.0,\
             \"rate_per_second\":2.0,\"learned_ceiling\":null}"
        );
        summary.set_time(Duration::ZERO);
        assert!(summary.rate_per_second.is_finite());
    }
}
