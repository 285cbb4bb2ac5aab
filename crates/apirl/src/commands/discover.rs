//! `apirl discover`: what limit an API has, measured with few refusals.
//!
//! - The client's limiter searches: how fast to go, what a refusal means, which law fits.
//! - `course` decides when the next request may begin and when the run ends; `tally` and `announced` keep what was
//!   seen. `findings`, `words` and `suggestion` say it. All of these are pure.
//! - This file does it: worker threads that send, and the main thread that shows the progress and waits for the end.

mod announced;
mod course;
mod figures;
mod findings;
mod report;
mod suggestion;
mod tally;
mod target;
#[cfg(test)]
mod virtual_tests;
mod words;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use api_ratelimiter::{API_RATE_CONFIGS, ApiRateConfig};

use crate::client_settings::ClientSettings;
use crate::commands::fetch::run::silent_limit::may_be_of_a_limit;
use crate::commands::fetch::run::traffic::backoff_flag;
use crate::failure::Failure;
use crate::flags::discover::DiscoverFlags;
use crate::interrupt;
use crate::progress::{Extent, Progress, ProgressView};
use crate::terminal::{print, say};
use crate::warnings::WarningCollector;
use course::{Bounds, Ending};
use findings::About;
use report::Report;
use suggestion::Suggestion;
use target::Target;
use words::Reach;
use worker::Measurement;

/// First pause after a refusal that names none. The library's own pauses begin with a fraction of a second, which costs a
/// dozen refusals in a window of a minute.
const FIRST_PAUSE: Duration = Duration::from_secs(4);

/// Time between two updates of the progress.
const UPDATE_EVERY: Duration = Duration::from_millis(100);

/// Longest body that is read, to keep the connection. What announces limits is at the beginning.
const MAX_BODY: u64 = 1024 * 1024;

pub(crate) fn run(flags: DiscoverFlags) -> Result<(), Failure> {
    // The client, whose refusals come back at once: another request asks again.
    let target = target(&flags)?;
    let presets: Vec<_> = API_RATE_CONFIGS.iter().collect();
    let base_url = target.base_url.as_deref().or(flags.base_url.as_deref());
    let mut settings = ClientSettings::of(flags.api.as_deref(), base_url, &flags.client)?;
    let config = settings.config.clone();
    let first_pause = FIRST_PAUSE.min(config.max_cooldown);
    settings.config.default_cooldown.get_or_insert(first_pause);
    // Pauses within the time are waited for.
    settings.config.max_cooldown = config.max_cooldown.max(flags.time);
    let warnings = Arc::new(WarningCollector::default());
    let builder = settings
        .builder([Arc::clone(&warnings) as _])
        .max_retries_on_backoff(0)
        .max_body(MAX_BODY);
    let client = settings.build(builder)?;
    settings.warn_of_credentials();

    // The run.
    let concurrency = flags.client.concurrency.into();
    let bounds = Bounds {
        time: flags.time,
        most_refusals: flags.most_refusals,
        concurrency,
    };
    let measurement = Arc::new(Measurement::new(
        client,
        &config,
        target.path.clone(),
        bounds,
    )?);
    let interrupted = Arc::clone(&measurement);
    interrupt::stop_at_first(move || interrupted.end(Ending::Interrupted))?;
    measurement.start(flags.client.concurrency)?;
    watch(&measurement, &warnings, flags.time, flags.quiet);

    // The result.
    let reach = Reach {
        max_rate: config.max_rate,
        concurrency,
    };
    let about = About {
        api: config.name.clone(),
        url: target.shown(&config.base_url),
    };
    let (findings, ending) = measurement.findings(about);
    let preset = presets.iter().find(|preset| preset.name == config.name);
    let base = preset.map_or_else(ApiRateConfig::default, |it| ApiRateConfig::clone(it));
    let suggestion = Suggestion::of(&base, &config, &findings)?;
    let report = Report::of(findings, &ending, reach, suggestion);
    print(&match flags.json {
        // Plain data can't fail.
        true => format!("{}\n", serde_json::to_string(&report).unwrap_or_default()),
        false => report.to_string(),
    })?;
    match ending {
        Ending::Interrupted => Err(Failure::interrupted("interrupted before the end")
            .hint("the result says what is known so far")),
        Ending::Failure { problem, status } => Err(failure(&problem, status, &config)),
        _ => Ok(()),
    }
}

/// Returns the address that the flags name.
fn target(flags: &DiscoverFlags) -> Result<Target, Failure> {
    match (&flags.url, &flags.path) {
        (Some(url), _) => Target::of_url(url),
        (None, path) => Ok(Target {
            base_url: None,
            path: path.clone().unwrap_or_default(),
        }),
    }
}

/// Shows the progress until the run has ended.
fn watch(measurement: &Measurement, warnings: &WarningCollector, time: Duration, is_quiet: bool) {
    let mut progress = Progress::new(Extent::Time(time), is_quiet);
    loop {
        for warning in warnings.take() {
            progress.say(&warning);
        }
        let counts = match measurement.is_over_after(UPDATE_EVERY) {
            Some(counts) => counts,
            None => break,
        };
        if progress.is_shown() {
            progress.show(&ProgressView {
                done: counts.accepted,
                failed: counts.failed,
                refused: counts.refused,
                limiter: &measurement.snapshot(),
            });
        }
    }
    progress.end();
    warnings.take().iter().for_each(|warning| say(warning));
}

/// Returns the failure that ended the run, with a hint if it may be the refusal of a limit.
fn failure(problem: &str, status: Option<u16>, config: &ApiRateConfig) -> Failure {
    let failure = Failure::failed(problem);
    match status {
        Some(401) => failure.hint("give credentials with --bearer-env or --header-env"),
        Some(status) if may_be_of_a_limit(status) => failure.hint(format_args!(
            "if this status is how the API refuses: {}",
            backoff_flag(status, &config.backoff_status_codes)
        )),
        _ => failure,
    }
}
