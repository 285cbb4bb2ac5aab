//! The main thread's loop while the workers run: it shows progress, warnings and the state of the fleet's store.

use std::time::Duration;

use super::job::Job;
use super::store_status::StoreStatus;
use super::traffic::Traffic;
use crate::commands::fetch::stop_reason::StopReason;
use crate::progress::{Progress, ProgressView};
use crate::terminal::say;
use crate::warnings::WarningCollector;

/// Time between two updates of the progress.
const UPDATE_EVERY: Duration = Duration::from_millis(100);

/// Returns when the run is over.
pub(crate) fn until_the_end(
    job: &Job,
    traffic: &Traffic,
    warnings: &WarningCollector,
    mut progress: Progress,
) {
    let mut is_closed = false;
    let mut store = StoreStatus::Unknown;
    loop {
        // Show the news since the last update.
        for warning in warnings.take().into_iter().chain(traffic.take_warning()) {
            progress.say(&warning);
        }
        let snapshot = job.client.limiter().snapshot();
        if let Some(change) = snapshot.fleet.as_ref().and_then(|it| store.change(it)) {
            progress.say(&change);
        }

        // Wait a moment, or until the end.
        if job.writer.is_over_after(UPDATE_EVERY, &job.stop) {
            break;
        }

        // A stop closes the client, which ends all waits for permits.
        if job.stop.is_given() && !std::mem::replace(&mut is_closed, true) {
            job.client.close();
            if progress.is_shown() && matches!(job.stop.reason(), Some(StopReason::Interrupted)) {
                progress
                    .say("Finishing the requests in flight; press Ctrl-C again to stop at once.");
            }
        }
        if progress.is_shown() {
            let counts = job.writer.counts();
            progress.show(&ProgressView {
                done: counts.succeeded + counts.failed,
                failed: counts.failed,
                refused: traffic.refused(),
                limiter: &job.client.limiter().snapshot(),
            });
        }
    }
    progress.end();

    // Closing saves what was learned, which may cause warnings.
    job.client.close();
    for warning in warnings.take().into_iter().chain(traffic.take_warning()) {
        say(&warning);
    }
}
