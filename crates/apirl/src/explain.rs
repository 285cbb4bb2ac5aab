//! `apirl explain`: what an answer says about limits, and what a client makes of it.

mod answer;
mod head;
mod words;

use std::io::{BufRead as _, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use api_ratelimiter::guidance::{Guidance, Profile};
use api_ratelimiter::{API_RATE_CONFIGS, ApiRateConfig};
use serde_json::{Map, Value, json};

use crate::failure::{Failure, print};
use crate::input;
use answer::Answer;

/// Bytes of an answer that are looked at: what says something about limits stands in its first 64 KiB.
const MOST_READ: u64 = 4 * 1024 * 1024;

/// Say in words what an answer announces about limits, and what a client would do.
///
/// The answer is read from a file or standard input, as `curl -i` prints it (several heads in a row are
/// redirects: the last one counts), or put together by --status, --header and --body.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  curl -si https://api.github.com/rate_limit | apirl explain --api github
  apirl explain --status 429 --header 'Retry-After: 30'
  apirl explain answer.txt --profile openai --json
  apirl explain --json-lines answers.jsonl

--json prints wait_s, limit, remaining, window_s, reset_at_unix, retryable and policies; null is unknown.")]
pub(crate) struct Args {
    /// The answer, or with --json-lines the answers; `-` or nothing for standard input.
    file: Option<PathBuf>,
    /// The status of the answer, instead of a file.
    #[arg(
        long,
        value_name = "CODE",
        conflicts_with_all = ["file", "json_lines"],
        allow_negative_numbers = true
    )]
    status: Option<u16>,
    /// A header of the answer; repeatable.
    #[arg(long, value_name = "NAME: VALUE", requires = "status")]
    header: Vec<String>,
    /// The body of the answer.
    #[arg(long, value_name = "TEXT", requires = "status")]
    body: Option<String>,
    /// The vendor's way to speak of limits. Default: as --api, else what can be read without knowing it.
    #[arg(long, value_name = "NAME", conflicts_with = "json_lines")]
    profile: Option<String>,
    /// The client's time in seconds since 1970, if the answer is not of now.
    #[arg(
        long,
        value_name = "UNIX",
        conflicts_with = "json_lines",
        allow_negative_numbers = true
    )]
    now: Option<f64>,
    /// The configuration of the client. Default: the preset that is called like the profile.
    #[arg(long, value_name = "NAME", conflicts_with = "json_lines")]
    api: Option<String>,
    /// A file of configurations, see `apirl check`.
    #[arg(long, value_name = "FILE", conflicts_with = "json_lines")]
    config: Option<PathBuf>,
    /// Print what was read as one JSON object.
    #[arg(long)]
    json: bool,
    /// Read one JSON object per line (id, status, headers, body, now_unix, profile), print one per line.
    #[arg(long, conflicts_with = "json")]
    json_lines: bool,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    if args.json_lines {
        return lines(args.file.as_deref().unwrap_or(Path::new("-")));
    }
    let config = input::configured(args.api.as_deref(), args.config.as_deref())?;
    let config = settings(config, args.profile.as_deref())?;
    let reader = config.reader().map_err(Failure::usage)?;
    let (status, headers, body) = match args.status {
        Some(status) => answer::from_flags(status, &args.header, args.body.as_deref())?,
        None => from_file(args.file.as_deref().unwrap_or(Path::new("-")))?,
    };
    let now = match args.now {
        Some(now) => answer::since_1970(now)
            .ok_or_else(|| Failure::usage(format_args!("--now {now:?} is no time since 1970")))?,
        None => wall_time(),
    };
    let answer = Answer {
        status,
        headers,
        body,
        now,
        profile: reader.profile(),
    };
    let told = reader.read(answer.status, &answer.headers, &answer.body, now);
    if args.json {
        return print(&format!("{}\n", facts(&told, answer.now)));
    }
    print(&words::explain(&answer, &told, &config, &reader))
}

/// The settings that an answer is explained by: those that are named, else those of the profile's API.
fn settings(
    named: Option<Arc<ApiRateConfig>>,
    profile: Option<&str>,
) -> Result<ApiRateConfig, Failure> {
    let preset = || profile.and_then(|name| API_RATE_CONFIGS.get(name));
    let config = named.or_else(preset).unwrap_or_default();
    let mut config = ApiRateConfig::clone(&config);
    if let Some(name) = profile {
        config.dialect = config.dialect.profile(known_profile(name)?.name());
    }
    Ok(config)
}

fn wall_time() -> Duration {
    SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default()
}

fn known_profile(name: &str) -> Result<Profile, Failure> {
    Profile::named(name).ok_or_else(|| {
        let names: Vec<_> = Profile::names().collect();
        Failure::usage(format_args!("there is no profile {name:?}"))
            .hint(format_args!("one of {}", names.join(", ")))
    })
}

fn from_file(path: &Path) -> Result<answer::Parts, Failure> {
    let mut bytes = Vec::new();
    input::open(path)?
        .take(MOST_READ)
        .read_to_end(&mut bytes)
        .map_err(|error| input::unreadable(path, &error))?;
    head::parse(&bytes).map_err(|problem| {
        Failure::usage(format_args!("{}: {problem}", input::shown(path)))
            .hint("save an answer by `curl -si URL > answer.txt`, or use --status and --header")
    })
}

/// One result for each line; a line that can't be read gets an `error` and makes the exit code 1.
fn lines(path: &Path) -> Result<(), Failure> {
    let mut reader = input::open(path)?;
    let (mut line, mut number, mut bad) = (Vec::new(), 0_u64, 0_u64);
    loop {
        line.clear();
        let read = reader
            .by_ref()
            .take(MOST_READ)
            .read_until(b'\n', &mut line)
            .map_err(|error| input::unreadable(path, &error))?;
        if read == 0 {
            break;
        }
        number += 1;
        let is_too_long = read as u64 == MOST_READ && line.last() != Some(&b'\n');
        if is_too_long {
            reader
                .skip_until(b'\n')
                .map_err(|error| input::unreadable(path, &error))?;
            line.clear();
        } else if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let parsed: Result<Value, _> = serde_json::from_slice(&line);
        let id = parsed.as_ref().ok().and_then(|value| value.get("id"));
        let id = id.cloned().unwrap_or_else(|| number.into());
        let answer = match parsed {
            _ if is_too_long => Err(format!("is longer than {} MiB", MOST_READ >> 20)),
            Ok(value) => answer::from_json(&value, wall_time()),
            Err(error) => Err(format!("no JSON: {}", input::in_line(&error))),
        };
        let mut result = Map::from_iter([("id".to_owned(), id)]);
        match answer.map(|answer| facts(&answer.read(), answer.now)) {
            Ok(Value::Object(facts)) => result.extend(facts),
            Ok(_) => {}
            Err(problem) => {
                bad += 1;
                result.insert(
                    "error".to_owned(),
                    format!("line {number}: {problem}").into(),
                );
            }
        }
        print(&format!("{}\n", Value::from(result)))?;
    }
    match bad {
        0 => Ok(()),
        bad => Err(Failure::failed(format_args!(
            "{bad} of {number} lines could not be read"
        ))),
    }
}

/// Whole seconds as an integer, others as a decimal.
fn seconds(duration: Option<Duration>) -> Value {
    match duration {
        None => Value::Null,
        Some(duration) if duration.subsec_nanos() == 0 => duration.as_secs().into(),
        Some(duration) => duration.as_secs_f64().into(),
    }
}

/// What was read, as JSON.
fn facts(told: &Guidance, now: Duration) -> Value {
    let reset_at = |after: Duration| now.saturating_add(after);
    let policies: Vec<Value> = told
        .policies
        .iter()
        .map(|policy| {
            json!({
                "name": policy.name,
                "unit": policy.unit.as_str(),
                "limit": policy.limit,
                "remaining": policy.remaining,
                "window_s": seconds(policy.window),
                "reset_at_unix": seconds(policy.reset_after.map(reset_at)),
            })
        })
        .collect();
    json!({
        "wait_s": seconds(told.wait),
        "limit": told.limit,
        "remaining": told.remaining,
        "window_s": seconds(told.window),
        "reset_at_unix": seconds(told.reset_after.map(reset_at)),
        "retryable": told.retryable,
        "policies": policies,
    })
}
