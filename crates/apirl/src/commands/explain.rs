//! `apirl explain`: what a response announces about limits, and what a client does with it.

mod curl_output;
mod raw_response;
mod words;

use std::io::{BufRead as _, Read as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use api_ratelimiter::guidance::{Guidance, Profile};
use api_ratelimiter::{API_RATE_CONFIGS, ApiRateConfig};
use serde_json::{Map, Value, json};

use crate::failure::Failure;
use crate::flags::ExplainFlags;
use crate::terminal::print;
use crate::{files, json_text, settings};
use raw_response::{Parts, RawResponse};

/// Maximum bytes of a response that are read. What announces limits is in the first 64 KiB.
const MAX_READ: u64 = 4 * 1024 * 1024;

pub(crate) fn run(flags: ExplainFlags) -> Result<(), Failure> {
    if flags.json_lines {
        return lines(flags.file.as_deref().unwrap_or(Path::new("-")));
    }
    let config = settings::configured(flags.api.as_deref(), flags.config.as_deref())?;
    let config = explained_by(config, flags.profile.as_deref())?;
    let reader = config.reader().map_err(Failure::usage)?;
    let (status, headers, body) = match flags.status {
        Some(status) => raw_response::from_flags(status, &flags.header, flags.body.as_deref())?,
        None => from_file(flags.file.as_deref().unwrap_or(Path::new("-")))?,
    };
    let now = match flags.now {
        Some(now) => raw_response::since_1970(now).ok_or_else(|| {
            Failure::usage(format_args!("--now {now:?} is not a valid time since 1970"))
        })?,
        None => wall_time(),
    };
    let response = RawResponse {
        status,
        headers,
        body,
        now,
        profile: reader.profile(),
    };
    let guidance = reader.read(response.status, &response.headers, &response.body, now);
    if flags.json {
        return print(&format!("{}\n", facts(&guidance, response.now)));
    }
    print(&words::explain(&response, &guidance, &config, &reader))
}

/// Returns the settings that explain a response: those that are named, else those of the profile's API.
fn explained_by(
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

/// Returns the time since 1970.
fn wall_time() -> Duration {
    SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default()
}

fn known_profile(name: &str) -> Result<Profile, Failure> {
    Profile::named(name).ok_or_else(|| {
        let names: Vec<_> = Profile::names().collect();
        Failure::usage(format_args!("{name:?} is not a known profile"))
            .hint(format_args!("one of {}", names.join(", ")))
    })
}

fn from_file(path: &Path) -> Result<Parts, Failure> {
    let mut bytes = Vec::new();
    files::open(path)?
        .take(MAX_READ)
        .read_to_end(&mut bytes)
        .map_err(|error| files::unreadable(path, &error))?;
    curl_output::parse(&bytes).map_err(|problem| {
        Failure::usage(format_args!("{}: {problem}", files::shown(path))).hint(
            "save a response with `curl -si URL > response.txt`, or use --status and --header",
        )
    })
}

/// Prints one result for each line. A line that can't be read gets an `error`, and the exit code is then 1.
fn lines(path: &Path) -> Result<(), Failure> {
    let mut reader = files::open(path)?;
    let (mut line, mut number, mut invalid) = (Vec::new(), 0_u64, 0_u64);
    loop {
        // The next line, up to the maximum.
        line.clear();
        let read = reader
            .by_ref()
            .take(MAX_READ)
            .read_until(b'\n', &mut line)
            .map_err(|error| files::unreadable(path, &error))?;
        if read == 0 {
            break;
        }
        number += 1;
        let is_too_long = read as u64 == MAX_READ && line.last() != Some(&b'\n');
        if is_too_long {
            reader
                .skip_until(b'\n')
                .map_err(|error| files::unreadable(path, &error))?;
            line.clear();
        } else if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        // Its id comes back in the result, also if the rest is invalid.
        let parsed: Result<Value, _> = serde_json::from_slice(&line);
        let id = parsed.as_ref().ok().and_then(|value| value.get("id"));
        let id = id.cloned().unwrap_or_else(|| number.into());
        let response = match parsed {
            _ if is_too_long => Err(format!("the line is longer than {} MiB", MAX_READ >> 20)),
            Ok(value) => raw_response::from_json(&value, wall_time()),
            Err(error) => Err(format!(
                "the line is not valid JSON: {}",
                json_text::error_in_line(&error)
            )),
        };
        // The result: facts, or an error.
        let mut result = Map::from_iter([("id".to_owned(), id)]);
        match response.map(|response| facts(&response.read(), response.now)) {
            Ok(Value::Object(facts)) => result.extend(facts),
            Ok(_) => {}
            Err(problem) => {
                invalid += 1;
                result.insert(
                    "error".to_owned(),
                    format!("line {number}: {problem}").into(),
                );
            }
        }
        print(&format!("{}\n", Value::from(result)))?;
    }
    match invalid {
        0 => Ok(()),
        invalid => Err(Failure::failed(format_args!(
            "{invalid} of {number} lines could not be read"
        ))),
    }
}

/// Returns whole seconds as an integer, others as a decimal.
fn seconds(duration: Option<Duration>) -> Value {
    match duration {
        None => Value::Null,
        Some(duration) if duration.subsec_nanos() == 0 => duration.as_secs().into(),
        Some(duration) => duration.as_secs_f64().into(),
    }
}

/// Returns the guidance as JSON; `now` is when the response came, as Unix time.
fn facts(guidance: &Guidance, now: Duration) -> Value {
    let reset_at = |after: Duration| now.saturating_add(after);
    let policies: Vec<Value> = guidance
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
    let mut facts = json!({
        "wait_s": seconds(guidance.wait),
        "limit": guidance.limit,
        "remaining": guidance.remaining,
        "window_s": seconds(guidance.window),
        "reset_at_unix": seconds(guidance.reset_after.map(reset_at)),
        "retryable": guidance.retryable,
        "policies": policies,
    });
    // Only some vendors document a minimum, for refusals that name no wait.
    if guidance.least_wait.is_some() {
        facts["least_wait_s"] = seconds(guidance.least_wait);
    }
    facts
}
