//! `apirl fetch`: a list of requests, at the speed that the API allows.

mod ask;
mod contact;
mod desk;
mod dry_run;
mod fingerprint;
mod halt;
mod held;
mod journal;
mod problem;
mod progress;
mod record;
mod resume;
mod settings;
mod source;
mod summary;
mod traffic;
mod warnings;
mod worker;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api_ratelimiter::dashboard::{self, Dashboard};
use api_ratelimiter::{ApiRateConfig, DynamicAPIClient, Error};
use parking_lot::Mutex;

use crate::failure::{Failure, INTERRUPTED};
use crate::fleet::{self, Sharing};
use crate::input::{self, say};
use contact::Contact;
use desk::{Counts, Desk};
use halt::{Halt, Reason};
use journal::Refusals;
use progress::{Progress, Standing, rough};
use settings::Settings;
use source::Source;
use summary::{Sheet, Summary};
use traffic::Traffic;
use worker::{Depth, Job};

/// Fetch a list: one request for each line of input, one line of JSON for each answer.
///
/// All requests share one limiter, which learns the API's limit from its answers. Refused requests are sent
/// again.
///
/// A line of output is JSON with n, id, path, status, body (or body_base64), attempts, waited_seconds and
/// elapsed_seconds; without an answer it has error instead of a body. n is the number of the line of input, id
/// is n unless the input names one.
#[derive(Debug, clap::Args)]
#[command(override_usage = "apirl fetch [OPTIONS] <API | --base-url URL>")]
#[command(group = clap::ArgGroup::new("store").args(["fleet", "fleet_env"]))]
#[command(after_help = "Lines of input are one of
  /pages/123   a path, or a URL of the same origin
  123          with --path '/pages/{}', whatever is to stand there
  {\"id\": …, \"method\": …, \"path\": …, \"query\": {…}, \"headers\": {…}, \"body\": …}

Examples:
  apirl fetch notion --bearer-env NOTION_TOKEN --header 'Notion-Version: 2022-06-28' \\
      --path '/pages/{}' --input ids.txt --output pages.jsonl
  apirl fetch notion … --input ids.txt --output pages.jsonl --resume
  apirl fetch --base-url https://api.example.com --max-rate 50 < paths.txt > answers.jsonl
  echo /orgs/rust-lang/repos | apirl fetch github --items
  apirl fetch notion … --fleet redis://10.0.0.5:6379 --fleet-key notion/workspace-42

Interrupted: Ctrl-C finishes what is under way; a second one stops at once. With --resume the same command \
goes on, also after a kill: what the output holds is not fetched again. Each answer stands there once; the \
server may have seen its request twice, but not a POST or PATCH: one whose outcome is unknown becomes an \
error, unless --idempotent says that it may be sent again. What is needed for that is kept in OUTPUT.apirl.

Exit codes: 0 all succeeded, 1 some failed (an error, or a status of 400 or more), also of what the output held \
already, 2 wrong usage, 130 interrupted.")]
pub(crate) struct Args {
    /// The API, a preset by its name; `apirl presets` lists them.
    #[arg(required_unless_present_any = ["base_url", "config"])]
    api: Option<String>,
    /// Where the API is, if it has no preset or the preset names no host.
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// The lines to fetch, `-` for standard input.
    #[arg(
        long,
        help_heading = "Input and output",
        short,
        value_name = "FILE",
        default_value = "-"
    )]
    input: PathBuf,
    /// Where answers go, `-` for standard output.
    #[arg(
        long,
        help_heading = "Input and output",
        short,
        value_name = "FILE",
        default_value = "-"
    )]
    output: PathBuf,
    /// Go on where an earlier run with this output ended.
    #[arg(long, help_heading = "Input and output", conflicts_with = "dry_run")]
    resume: bool,
    /// Write answers as they come, not in the order of the input.
    #[arg(long, help_heading = "Input and output")]
    unordered: bool,
    /// Write the summary as JSON there, too; `-` for standard output.
    #[arg(long, help_heading = "Input and output", value_name = "FILE")]
    summary: Option<PathBuf>,
    /// A path with {} where each line goes, percent-encoded.
    #[arg(long, help_heading = "Requests", value_name = "PATH")]
    path: Option<String>,
    /// The method of lines that name none.
    #[arg(long, help_heading = "Requests", default_value = "GET")]
    method: String,
    /// A header of all requests; repeatable.
    #[arg(long, help_heading = "Requests", value_name = "NAME: VALUE")]
    header: Vec<String>,
    /// A header with the value of an environment variable; repeatable.
    #[arg(long, help_heading = "Requests", value_name = "NAME=VAR")]
    header_env: Vec<String>,
    /// The environment variable that holds the token for `Authorization: Bearer`.
    #[arg(long, help_heading = "Requests", value_name = "VAR")]
    bearer_env: Option<String>,
    /// Follow each collection from page to page, one line of output for each page.
    #[arg(long, help_heading = "Requests", conflicts_with = "items")]
    paginate: bool,
    /// The same, one line of output for each item.
    #[arg(long, help_heading = "Requests")]
    items: bool,
    /// All requests may be sent twice, POST and PATCH too.
    #[arg(long, help_heading = "Requests")]
    idempotent: bool,
    /// Requests that are under way at most.
    #[arg(long, help_heading = "Pace", value_name = "N", default_value_t = 8, allow_negative_numbers = true, value_parser = clap::value_parser!(u16).range(1..=1024))]
    concurrency: u16,
    /// Requests per second to begin with. Default: the preset's, else 2.
    #[arg(
        long,
        help_heading = "Pace",
        value_name = "RATE",
        allow_negative_numbers = true
    )]
    initial_rate: Option<f64>,
    /// Requests per second at most. Default: the preset's, else 10.
    #[arg(
        long,
        help_heading = "Pace",
        value_name = "RATE",
        allow_negative_numbers = true
    )]
    max_rate: Option<f64>,
    /// A status that means "slow down", instead of the API's own; repeatable, or with commas.
    #[arg(
        long,
        help_heading = "Pace",
        value_name = "CODE",
        value_delimiter = ',',
        allow_negative_numbers = true
    )]
    backoff_status: Vec<u16>,
    /// Settings of the API: a file of configurations, see `apirl check`.
    #[arg(long, help_heading = "Pace", value_name = "FILE")]
    config: Option<PathBuf>,
    /// A folder that keeps what was learned about the limit, for the next run.
    #[arg(long, help_heading = "Pace", value_name = "DIR")]
    learned: Option<PathBuf>,
    #[command(flatten)]
    sharing: Sharing,
    /// End with the first line that fails.
    #[arg(long, help_heading = "Run")]
    fail_fast: bool,
    /// Show what would be sent, on standard output, and send nothing.
    #[arg(long, help_heading = "Run")]
    dry_run: bool,
    /// No progress and no summary on standard error.
    #[arg(long, help_heading = "Run", short)]
    quiet: bool,
    /// Show a live page about the run, by default on http://127.0.0.1:9465/; port 0 takes a free one.
    #[arg(long, help_heading = "Run", value_name = "ADDRESS", num_args = 0..=1, require_equals = true, default_missing_value = "127.0.0.1:9465")]
    dashboard: Option<String>,
}

/// Between two looks at the run: as often as a bar changes for the eye.
const MOMENT: Duration = Duration::from_millis(100);

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    warnings::listen();
    let settings = Settings::of(&args)?;
    let traffic = Arc::new(Traffic::default());
    let client = settings.client(&args, &traffic)?;
    for name in settings.exposed() {
        say(&format!(
            "warning: --header {name} shows a credential to everybody who can list processes; use --header-env \
             or --bearer-env"
        ));
    }
    if args.sharing.is_exposed() {
        fleet::warn_of_password("--fleet");
    }
    let source = Source::open(&args.input)?;
    if !args.quiet {
        input::tell_of_terminal(&args.input);
    }
    if args.dry_run {
        return dry_run::run(&client, &settings, source, args.quiet);
    }
    // Served until the end of the run.
    let _page = args
        .dashboard
        .as_deref()
        .map(|address| show(address, &client))
        .transpose()?;
    let halt = Arc::new(Halt::default());
    listen(&halt, &client)?;
    resume::refuse_input(&args.input, &args.output)?;
    let target = resume::open(&args.output, args.resume, &settings.fingerprint(&args))?;
    let mut taken = vec![args.input.clone(), args.output.clone()];
    taken.extend(args.config.clone());
    taken.push(resume::journal_of(&args.output));
    let sheet = args
        .summary
        .as_deref()
        .map(|path| Sheet::create(path, &taken));
    let sheet = sheet.transpose()?;
    let total = Source::survey(&args.input, &target.marks, &target.held)?;
    if args.resume && !args.quiet {
        let held = summary::counted(target.held.count(), "line");
        let failed = match target.failed {
            0 => String::new(),
            failed => format!(", {failed} of them failed"),
        };
        say(&format!("{held} already there{failed}."));
    }
    let can_resume = target.journal.is_some();
    let failed_before = target.failed;
    if let Some(journal) = &target.journal {
        let refusals = Refusals::noted_in(journal, &settings.config.dialect.not_processed);
        client.limiter().add_observer(Arc::new(refusals));
    }
    let job = Arc::new(Job {
        source: Mutex::new(
            source
                .after(&target.marks, &target.held)
                .noted_in(target.journal.as_ref()),
        ),
        desk: Desk::new(target.out, !args.unordered, args.concurrency.into()),
        form: settings.form,
        halt,
        journal: target.journal,
        begun: target.begun,
        depth: match (args.paginate, args.items) {
            (false, false) => Depth::Answer,
            (true, _) => Depth::Pages,
            (false, true) => Depth::Items,
        },
        idempotent: args.idempotent,
        fail_fast: args.fail_fast,
        client,
    });
    let began = Instant::now();
    for _ in 0..args.concurrency {
        // Not joined: a worker may wait for a line of standard input that never comes.
        let job = Arc::clone(&job);
        let started = std::thread::Builder::new().spawn(move || job.work());
        started.map_err(|error| {
            Failure::failed(format_args!(
                "could not start {} threads: {error}",
                args.concurrency
            ))
            .hint("ask for less --concurrency")
        })?;
    }
    let progress = Progress::new(total, args.quiet);
    watch(&job, &traffic, progress);
    let summary = summarise(&job, &traffic, began.elapsed());
    if !args.quiet {
        say(&summary.to_string());
        tell_of_default_rate(&args, &job.client);
    }
    let told = sheet.map_or(Ok(()), |sheet| sheet.write(&summary));
    let failed = failed_before + summary.failed;
    finish(&job, &args, can_resume, failed).and(told)
}

/// Serves the live page.
fn show(address: &str, client: &DynamicAPIClient) -> Result<Dashboard, Failure> {
    let bad = |problem: &dyn std::fmt::Display| {
        Failure::usage(format_args!("--dashboard={address}: {problem}"))
    };
    let Ok(wanted) = address.parse::<SocketAddr>() else {
        return Err(bad(&"no IP address with a port")
            .hint("it is like --dashboard=127.0.0.1:9465; port 0 takes a free one"));
    };
    if !wanted.ip().is_loopback() {
        return Err(bad(&"others could reach it, and would see the page").hint(
            "stay on 127.0.0.1; from elsewhere it is seen through a tunnel, as `ssh -L 9465:127.0.0.1:9465 HOST` makes one",
        ));
    }
    let page = dashboard::serve(address, client).map_err(|error| match error {
        Error::InvalidConfig { problem, .. } => bad(&problem),
        other => bad(&other),
    });
    let page = page.map_err(|it| it.hint("--dashboard=127.0.0.1:0 takes a free port"))?;
    say(&format!("Live page: {}", page.url()));
    Ok(page)
}

/// The first Ctrl-C lets what is under way finish, the second does not.
fn listen(halt: &Arc<Halt>, client: &DynamicAPIClient) -> Result<(), Failure> {
    let (halt, client, mut is_second) = (Arc::clone(halt), client.clone(), false);
    crate::stop::listen(move || {
        if std::mem::replace(&mut is_second, true) {
            // Nothing is lost in a buffer, and half a line is taken out by --resume.
            std::process::exit(i32::from(INTERRUPTED));
        }
        halt.because(Reason::Interrupted);
        client.close();
    })
}

/// Until all is over.
fn watch(job: &Job, traffic: &Traffic, mut progress: Progress) {
    let mut is_closed = false;
    let mut contact = Contact::Unknown;
    loop {
        for warning in warnings::take() {
            progress.say(&warning);
        }
        let snapshot = job.client.limiter().snapshot();
        if let Some(news) = snapshot.fleet.as_ref().and_then(|it| contact.news(it)) {
            progress.say(&news);
        }
        if job.desk.is_over_after(MOMENT, &job.halt) {
            break;
        }
        if job.halt.is_on() && !std::mem::replace(&mut is_closed, true) {
            job.client.close();
            if progress.is_seen() && matches!(job.halt.reason(), Some(Reason::Interrupted)) {
                progress.say("Finishing what is under way; once more to stop at once.");
            }
        }
        if progress.is_seen() {
            progress.show(&Standing {
                counts: job.desk.counts(),
                refused: traffic.refused(),
                limiter: &job.client.limiter().snapshot(),
            });
        }
    }
    progress.end();
    // Saves what was learned.
    job.client.close();
    for warning in warnings::take() {
        say(&warning);
    }
}

fn summarise(job: &Job, traffic: &Traffic, took: Duration) -> Summary {
    let Counts {
        succeeded, failed, ..
    } = job.desk.counts();
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
        fleet: snapshot.fleet,
    };
    summary.set_time(took);
    summary
}

/// Says that nothing but our default held the rate down, where nobody named another.
fn tell_of_default_rate(args: &Args, client: &DynamicAPIClient) {
    let is_default = args.api.is_none() && args.config.is_none() && args.max_rate.is_none();
    let (snapshot, most) = (
        client.limiter().snapshot(),
        ApiRateConfig::default().max_rate,
    );
    if is_default && snapshot.learned_ceiling.is_none() && snapshot.current_rate >= most {
        say(&format!(
            "It went at {most} requests a second, the most without --max-rate; the API may allow more."
        ));
    }
}

/// How the run ends, and how to go on.
fn finish(job: &Job, args: &Args, can_resume: bool, failed: u64) -> Result<(), Failure> {
    let go_on = if can_resume {
        "the same command with --resume goes on"
    } else {
        "a run with --output FILE can be gone on with by --resume"
    };
    let is_complete = || {
        // Whoever waits for input has the lock: there is more to come.
        let is_used_up = job.source.try_lock().is_some_and(|it| it.is_used_up());
        is_used_up && job.desk.counts().undone == 0
    };
    match job.halt.reason() {
        Some(Reason::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            Err(Failure::nobody_listens())
        }
        Some(Reason::Output(error)) => Err(Failure::failed(format_args!(
            "could not write to {}: {error}",
            input::shown(&args.output)
        ))
        .hint(go_on)),
        Some(Reason::Input(failure)) => Err(failure.clone()),
        Some(Reason::Interrupted) if !is_complete() => {
            Err(Failure::interrupted("interrupted before all was done").hint(go_on))
        }
        Some(Reason::Pause(wait)) => Err(Failure::failed(format_args!(
            "the API asks for a pause of {}, longer than max_cooldown allows",
            rough(*wait)
        ))
        .hint(format_args!("try again after it: {go_on}"))),
        Some(Reason::Outage) => Err(Failure::failed(
            "requests fail, and the settings' circuit breaker lets no more of them go",
        )
        .hint(format_args!("try again when the API is back: {go_on}"))),
        Some(Reason::Fleet(problem)) => {
            Err(Failure::failed(format_args!("the fleet grants nothing: {problem}")).hint(go_on))
        }
        Some(Reason::FailFast) => {
            Err(Failure::failed("a line failed, and --fail-fast ends the run with it").hint(go_on))
        }
        Some(Reason::Interrupted) | None if failed == 0 => Ok(()),
        Some(Reason::Interrupted) | None => Err(Failure::told()),
    }
}

/// Why lines could not be read, outside a run.
fn lines_are_bad(reason: Reason) -> Failure {
    match reason {
        Reason::Input(failure) => failure,
        other => Failure::failed(format_args!("the input could not be read: {other:?}")),
    }
}
