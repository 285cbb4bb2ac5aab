//! `apirl fetch`: a list of requests, at the speed that the API allows.
//!
//! - `input` has what is read, `output` what is written, `run` what happens in between.
//! - Each worker thread takes a line, sends its request and hands the response to one writer, which keeps the order
//!   of the input. The main thread shows the progress and waits for the end.

mod input;
mod line_file;
pub(crate) mod output;
pub(crate) mod run;
mod stop_reason;

use std::sync::Arc;
use std::time::Instant;

use api_ratelimiter::DynamicAPIClient;
use parking_lot::Mutex;

use crate::failure::Failure;
use crate::flags::FetchFlags;
use crate::fleet_store::{has_password, warn_of_password};
use crate::interrupt;
use crate::progress::{Extent, Progress};
use crate::quantity::counted;
use crate::terminal::{announce_typing, say};
use crate::threads;
use crate::warnings::WarningCollector;
use input::input_lines::InputLines;
use input::journal::RefusalNotes;
use output::ordered_writer::OrderedWriter;
use output::output_target::{self, Existing, OutputTarget};
use output::summary::SummaryFile;
use run::job::{Granularity, Job, JournalOfRun};
use run::live_page;
use run::reading_posts::ReadingPosts;
use run::settings::{self, Settings};
use run::traffic::Traffic;
use run::{dry_run, ending, watch};
use stop_reason::{StopReason, StopSignal};

pub(crate) fn run(flags: FetchFlags) -> Result<(), Failure> {
    // The client, and warnings about credentials on the command line.
    let settings = Settings::of(&flags)?;
    let traffic = Arc::new(Traffic::of(&settings.client.config.backoff_status_codes));
    let warnings = Arc::new(WarningCollector::default());
    let client = settings.build(
        &flags,
        [Arc::clone(&traffic) as _, Arc::clone(&warnings) as _],
    )?;
    warn_of_credentials(&flags, &settings);

    // A dry run reads the input and ends here.
    let lines = InputLines::open(&flags.input)?;
    if !flags.quiet {
        announce_typing(&flags.input);
    }
    if flags.dry_run {
        return dry_run::run(&client, &settings, lines, flags.quiet);
    }

    // The live page is served until it is dropped at the end of the run.
    let _page = flags
        .dashboard
        .as_deref()
        .map(|address| live_page::serve(address, &client))
        .transpose()?;
    let stop = Arc::new(StopSignal::default());
    stop_at_signals(&stop, &client)?;

    // The files of the run. All are opened before the first request, so that a file that can't be written costs none.
    output_target::refuse_input(&flags.input, &flags.output)?;
    let existing = match (flags.resume, flags.retry_failed) {
        (false, _) => Existing::Refuse,
        (true, false) => Existing::Continue,
        (true, true) => Existing::RetryFailed {
            any: flags.idempotent,
        },
    };
    let target = output_target::open(&flags.output, existing, &settings.fingerprint(&flags))?;
    let summary_file = summary_file(&flags)?;
    let total = InputLines::count(&flags.input, &target.checkpoints, &target.present)?;
    if flags.resume && !flags.quiet {
        say_what_is_present(&target);
    }
    if !flags.quiet {
        say_what_is_asked_for(&flags, total);
    }
    let can_resume = target.journal.is_some();
    let (failed_before, has_gaps) = (target.failed, target.has_gaps);
    let journal = target.journal.as_ref().map(|journal| {
        let not_processed = &settings.client.config.dialect.not_processed;
        let refusals = Arc::new(RefusalNotes::in_journal(journal, not_processed));
        client.limiter().add_observer(Arc::clone(&refusals) as _);
        JournalOfRun {
            journal: Arc::clone(journal),
            refusals,
        }
    });

    // The workers.
    let job = Arc::new(Job {
        lines: Mutex::new(
            lines
                .after(&target.checkpoints, &target.present)
                .noted_in(target.journal.as_ref()),
        ),
        writer: OrderedWriter::new(
            target.out,
            !flags.unordered,
            flags.client.concurrency.into(),
            usize::try_from(flags.max_body).unwrap_or(usize::MAX),
        ),
        template: settings.template,
        stop,
        journal,
        started_before: target.started,
        granularity: match (flags.paginate, flags.items) {
            (false, false) => Granularity::Response,
            (true, _) => Granularity::Pages,
            (false, true) => Granularity::Items,
        },
        idempotent: flags.idempotent,
        reading_posts: ReadingPosts::of(&settings.client.config),
        fail_fast: flags.fail_fast,
        client,
    });
    let began = Instant::now();
    let worker = Arc::clone(&job);
    threads::start(flags.client.concurrency, move || worker.work())?;

    // Wait for the end, then report.
    watch::until_the_end(
        &job,
        &traffic,
        &warnings,
        Progress::new(Extent::Lines(total), flags.quiet),
    );
    let summary = ending::summarise(&job, &traffic, began.elapsed());
    if !flags.quiet {
        say(&summary.to_string());
        ending::mention_limit(&summary);
        ending::mention_default_rate(&flags, &job.client);
    }
    let written = summary_file.map_or(Ok(()), |file| file.write(&summary));
    let failed = failed_before + summary.failed;
    let result = ending::result(&job, &flags, can_resume, failed);
    if has_gaps && !flags.unordered && ending::is_complete(&job) {
        output_target::put_in_order(&flags.output)?;
    }
    result.and(written)
}

/// Warns of secrets on the command line: other users of the machine can list processes with their arguments.
fn warn_of_credentials(flags: &FetchFlags, settings: &Settings) {
    settings.client.warn_of_credentials();
    if flags.store.fleet.as_deref().is_some_and(has_password) {
        warn_of_password("--fleet");
    }
}

/// Opens the file of `--summary`. It must not be a file that the run reads or writes.
fn summary_file(flags: &FetchFlags) -> Result<Option<SummaryFile>, Failure> {
    let mut taken = vec![flags.input.clone(), flags.output.clone()];
    taken.extend(flags.client.config.clone());
    taken.push(output_target::journal_of(&flags.output));
    let path = flags.summary.as_deref();
    path.map(|path| SummaryFile::create(path, &taken))
        .transpose()
}

fn say_what_is_present(target: &OutputTarget) {
    let lines = counted(target.present.count(), "line");
    let failed = match target.failed {
        0 => String::new(),
        failed => format!(", {failed} of them failed"),
    };
    say(&format!("{lines} already there{failed}."));
}

/// Says how fast the run may become, if no flag and no file says that and the input is long enough for it to matter.
fn say_what_is_asked_for(flags: &FetchFlags, total: Option<u64>) {
    let default = settings::default_max_rate(flags);
    let is_long = |rate: &f64| total.is_none_or(|total| total as f64 > *rate);
    if let Some(rate) = default.filter(is_long) {
        say(&format!(
            "Asks for at most {rate} requests per second (max_rate); --max-rate sets another maximum."
        ));
    }
}

/// The first Ctrl-C lets the requests in flight finish. The second ends the process.
fn stop_at_signals(stop: &Arc<StopSignal>, client: &DynamicAPIClient) -> Result<(), Failure> {
    let (stop, client) = (Arc::clone(stop), client.clone());
    // No line waits in a buffer at the second signal, and --resume removes a truncated last line.
    interrupt::stop_at_first(move || {
        stop.give(StopReason::Interrupted);
        client.close();
    })
}
