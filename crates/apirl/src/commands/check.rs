//! `apirl check`: whether the library accepts a file of configurations.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use api_ratelimiter::{API_RATE_CONFIGS, ApiRateConfig};
use serde_json::{Map, Value};

use crate::config_file::{is_one, name};
use crate::failure::Failure;
use crate::files;
use crate::flags::CheckFlags;
use crate::json_text::kind;
use crate::terminal::print;

/// An entry of a file by its name, and what is wrong with it.
type Verdict = (String, Option<String>);

/// An example of a valid file.
const EXAMPLE: &str = "it should look like {\"notion\": {\"max_rate\": 25}}";

pub(crate) fn run(flags: CheckFlags) -> Result<(), Failure> {
    let shown = files::shown(&flags.file);
    let text = files::text(&flags.file)?;

    // Check each entry by itself, so that one run names every invalid one.
    let value: Value = serde_json::from_str(&text).map_err(|error| {
        Failure::failed(format_args!("{shown} is not valid JSON: {error}")).hint(EXAMPLE)
    })?;
    let verdicts = verdicts(value, &text)
        .map_err(|problem| Failure::failed(format_args!("{shown} {problem}")).hint(EXAMPLE))?;

    // One line for each entry.
    let mut report = String::new();
    for (entry, problem) in &verdicts {
        let _ = match problem {
            Some(problem) => writeln!(report, "\x1b[31mbad\x1b[0m  {entry}: {problem}"),
            None => writeln!(report, "\x1b[32mok\x1b[0m   {entry}"),
        };
    }
    print(&report)?;
    match verdicts.iter().filter(|(_, it)| it.is_some()).count() {
        0 => Ok(()),
        invalid => Err(Failure::failed(format_args!(
            "{shown}: {invalid} of {} entries can't be used",
            verdicts.len()
        ))
        .hint("`apirl presets NAME --json` shows every field with its unit")),
    }
}

/// Checks every entry. `Err` is what is wrong with the whole file, as the end of a sentence that begins with its name.
fn verdicts(value: Value, text: &str) -> Result<Vec<Verdict>, String> {
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
        return Err("has no entry".to_owned());
    }
    let mut seen = BTreeSet::new();
    let verdicts = entries
        .into_iter()
        .enumerate()
        .map(|(index, (name, fields))| {
            let shown = match name.as_str() {
                "" => format!("entry {}", index + 1),
                name => name.to_owned(),
            };
            let problem = if !name.is_empty() && !seen.insert(name.clone()) {
                Some("occurs twice; the later entry would replace the earlier one".to_owned())
            } else {
                // Merge only this entry: merging the whole file would stop at the first invalid one.
                let alone = Value::from(Map::from_iter([(name, fields)]));
                let merged = API_RATE_CONFIGS.merge_json(&alone.to_string());
                merged.err().map(|error| error.to_string())
            };
            (shown, problem)
        });
    Ok(verdicts.collect())
}
