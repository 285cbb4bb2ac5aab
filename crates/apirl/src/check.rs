//! `apirl check`: is a file of configurations one that the library takes?

use std::fmt::Write as _;
use std::path::PathBuf;

use api_ratelimiter::{API_RATE_CONFIGS, ApiRateConfig};
use serde_json::{Map, Value};

use crate::failure::{Failure, print};
use crate::input;

/// Check a file of configurations: one, a list of them, or overrides by name.
///
/// Exit code 0: all entries are valid. 1: some are not; each is named with its field, its value and the
/// rule. 2: the file can't be read.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  apirl check overrides.json
  echo '{\"notion\": {\"max_rate\": 2.5}}' | apirl check -")]
pub(crate) struct Args {
    /// The file, `-` for standard input.
    file: PathBuf,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let shown = input::shown(&args.file);
    let text = input::text(&args.file)?;
    let value: Value = serde_json::from_str(&text).map_err(|error| {
        Failure::failed(format_args!("{shown} is no JSON: {error}"))
            .hint("it begins like {\"notion\": {\"max_rate\": 2.5}}")
    })?;
    let results = verdicts(value, &text).map_err(|problem| {
        Failure::failed(format_args!("{shown} {problem}"))
            .hint("it begins like {\"notion\": {\"max_rate\": 2.5}}")
    })?;
    let mut report = String::new();
    for (entry, problem) in &results {
        let _ = match problem {
            Some(problem) => writeln!(report, "\x1b[31mbad\x1b[0m  {entry}: {problem}"),
            None => writeln!(report, "\x1b[32mok\x1b[0m   {entry}"),
        };
    }
    print(&report)?;
    match results
        .iter()
        .filter(|(_, problem)| problem.is_some())
        .count()
    {
        0 => Ok(()),
        bad => Err(Failure::failed(format_args!(
            "{shown}: {bad} of {} entries can't be used",
            results.len()
        ))
        .hint("`apirl presets NAME --json` shows every field with its unit")),
    }
}

/// Whether it is the object of one configuration, and not of several by name.
pub(crate) fn is_one(value: &Value) -> bool {
    let known: Value =
        serde_json::from_str(&ApiRateConfig::default().to_json()).unwrap_or_default();
    let objects_only = |fields: &Map<String, Value>| fields.values().all(Value::is_object);
    value.as_object().is_some_and(|fields| {
        !objects_only(fields) && fields.keys().any(|field| known.get(field).is_some())
    })
}

/// The names of the entries of a list or a map.
pub(crate) fn names(value: &Value) -> Vec<String> {
    match value {
        Value::Object(entries) => entries.keys().cloned().collect(),
        Value::Array(entries) => entries.iter().filter_map(name).collect(),
        _ => Vec::new(),
    }
}

fn name(entry: &Value) -> Option<String> {
    entry.get("name")?.as_str().map(str::to_owned)
}

/// A list as the map by name that the registry merges; anything else as it is.
pub(crate) fn as_map(value: Value) -> Value {
    match value {
        Value::Array(entries) => entries
            .into_iter()
            .map(|entry| (name(&entry).unwrap_or_default(), entry))
            .collect::<Map<_, _>>()
            .into(),
        other => other,
    }
}

/// Every entry, and what is wrong with it. `Err`: what the whole is not.
fn verdicts(value: Value, text: &str) -> Result<Vec<(String, Option<String>)>, String> {
    if is_one(&value) {
        let name = name(&value).unwrap_or_else(|| "(no name)".to_owned());
        let problem = ApiRateConfig::from_json(text).err();
        return Ok(vec![(name, problem.map(|error| error.to_string()))]);
    }
    let entries: Vec<(String, Value)> = match value {
        Value::Object(entries) => entries.into_iter().collect(),
        Value::Array(entries) => entries
            .into_iter()
            .map(|entry| (name(&entry).unwrap_or_default(), entry))
            .collect(),
        other => return Err(format!("is {}, not an object or a list", kind(&other))),
    };
    if entries.is_empty() {
        return Err("holds no entry".to_owned());
    }
    let mut seen = std::collections::BTreeSet::new();
    let judged = entries
        .into_iter()
        .enumerate()
        .map(|(index, (name, fields))| {
            let shown = match name.as_str() {
                "" => format!("entry {}", index + 1),
                name => name.to_owned(),
            };
            let problem = if !name.is_empty() && !seen.insert(name.clone()) {
                Some("is there twice; the later one would replace the other".to_owned())
            } else {
                // One at a time, so that all of the broken ones are told.
                let alone = Value::from(Map::from_iter([(name, fields)]));
                let merged = API_RATE_CONFIGS.merge_json(&alone.to_string());
                merged.err().map(|error| error.to_string())
            };
            (shown, problem)
        });
    Ok(judged.collect())
}

/// What a value is, in words.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
