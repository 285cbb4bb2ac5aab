//! The end of a run: its summary, its exit code, and how to continue.

use std::io;
use std::time::Duration;

use api_ratelimiter::{DynamicAPIClient, Phase};

use super::job::Job;
use super::settings;
use super::traffic::Traffic;
use crate::commands::fetch::output::ordered_writer::LineCounts;
use crate::commands::fetch::output::output_target;
use crate::commands::fetch::output::summary::Summary;
use crate::commands::fetch::stop_reason::StopReason;
use crate::failure::Failure;
use crate::files;
use crate::flags::FetchFlags;
use crate::quantity::rough;
use crate::terminal::say;

/// Returns the figures of the run.
pub(crate) fn summarise(job: &Job, traffic: &Traffic, took: Duration) -> Summary {
    let LineCounts {
        succeeded, failed, ..
    } = job.writer.counts();
    let snapshot = job.client.limiter().snapshot();
    let mut summary = Summary {
        requested: succeeded + failed,
        succeeded,
        failed,
        refused: traffic.refused(),
        attempts: traffic.sent(),
        seconds: 0.0,
        rate_per_second: 0.0,
        learned_ceiling: snapshot.learned_ceiling,
        limit: snapshot.limit,
        fleet: snapshot.fleet,
        perhaps_a_limit: traffic.perhaps_a_limit(),
    };
    summary.set_time(took);
    summary
}

/// Says what the API allows, if the run has found that out.
pub(crate) fn mention_limit(summary: &Summary) {
    if let Some(limit) = &summary.limit {
        say(&format!("The API allows {limit}."));
    }
}

/// Says that only the default maximum kept the rate down, if it did.
pub(crate) fn mention_default_rate(flags: &FetchFlags, client: &DynamicAPIClient) {
    let is_reached = client.limiter().snapshot().phase == Some(Phase::AtMaxRate);
    if let Some(max_rate) = settings::default_max_rate(flags).filter(|_| is_reached) {
        say(&format!(
            "The run reached {max_rate} requests per second, the default maximum; --max-rate raises it if the API \
             allows more."
        ));
    }
}

/// Whether all lines of the input are in the output.
pub(crate) fn is_complete(job: &Job) -> bool {
    // A worker that waits for input holds the lock, so the input has not ended.
    let is_used_up = job.lines.try_lock().is_some_and(|it| it.is_used_up());
    is_used_up && job.writer.counts().undone == 0
}

/// Returns how the run ends, and how to continue it.
pub(crate) fn result(
    job: &Job,
    flags: &FetchFlags,
    can_resume: bool,
    failed: u64,
) -> Result<(), Failure> {
    let how_to_continue = if can_resume {
        "run the same command with --resume to continue"
    } else {
        "only a run with --output FILE can be continued with --resume"
    };
    match job.stop.reason() {
        Some(StopReason::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            Err(Failure::broken_pipe())
        }
        Some(StopReason::Output(error)) => Err(Failure::failed(format_args!(
            "could not write to {}: {error}",
            files::shown(&flags.output)
        ))
        .hint(how_to_continue)),
        Some(StopReason::Journal(error)) => Err(Failure::failed(format_args!(
            "could not write to {}: {error}",
            output_target::journal_of(&flags.output).display()
        ))
        .hint(how_to_continue)),
        Some(StopReason::Input(failure)) => Err(failure.clone()),
        Some(StopReason::Interrupted) if !is_complete(job) => Err(Failure::interrupted(
            "interrupted before all lines were done",
        )
        .hint(how_to_continue)),
        Some(StopReason::Pause(wait)) => Err(Failure::failed(format_args!(
            "the API asks for a pause of {}, longer than max_cooldown",
            rough(*wait)
        ))
        .hint(format_args!("after the pause {how_to_continue}"))),
        Some(StopReason::Quota(problem)) => {
            Err(Failure::failed(format_args!("the run stopped: {problem}")).hint(how_to_continue))
        }
        Some(StopReason::Outage) => Err(Failure::failed(
            "requests fail, and the circuit breaker of the settings allows no more of them",
        )
        .hint(format_args!("when the API is back {how_to_continue}"))),
        Some(StopReason::Fleet(problem)) => Err(Failure::failed(format_args!(
            "the fleet grants no requests: {problem}"
        ))
        .hint(how_to_continue)),
        Some(StopReason::FailFast) => Err(Failure::failed(
            "a line failed, and --fail-fast stops the run at the first failure",
        )
        .hint(how_to_continue)),
        Some(StopReason::Interrupted) | None if failed == 0 => Ok(()),
        Some(StopReason::Interrupted) | None => Err(Failure::already_reported()),
    }
}
