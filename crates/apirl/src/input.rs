//! Files and standard input, and the configurations that commands start from.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal as _, Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use api_ratelimiter::{API_RATE_CONFIGS, ApiRateConfig, DynamicAPIClient, Error};
use serde_json::Value;

use crate::failure::Failure;

/// Says that something is waited for, where a person would have to type it.
pub(crate) fn tell_of_terminal(path: &Path) {
    if path.as_os_str() == "-" && io::stdin().is_terminal() {
        say("Reading from the terminal; Ctrl-D ends it.");
    }
}

/// A line for people; if they have closed their ears there is nobody to tell.
pub(crate) fn say(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// The file, or standard input for `-`.
pub(crate) fn open(path: &Path) -> Result<Box<dyn BufRead>, Failure> {
    if path.as_os_str() == "-" {
        tell_of_terminal(path);
        return Ok(Box::new(io::stdin().lock()));
    }
    match open_file(path) {
        Ok(file) => Ok(Box::new(BufReader::new(file))),
        Err(error) => Err(unreadable(path, &error)),
    }
}

/// A file to read. A directory can be opened, too: better now than when the first line is wanted.
pub(crate) fn open_file(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    match file.metadata()?.is_dir() {
        true => Err(io::ErrorKind::IsADirectory.into()),
        false => Ok(file),
    }
}

/// The file as errors name it.
pub(crate) fn shown(path: &Path) -> String {
    match path.to_str() {
        Some("-") => "standard input".to_owned(),
        _ => path.display().to_string(),
    }
}

/// A file that is read whole as text.
pub(crate) fn text(path: &Path) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    open(path)?
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(path, &error))?;
    String::from_utf8(bytes)
        .map_err(|_| Failure::usage(format_args!("{} is not text in UTF-8", shown(path))))
}

/// Input that could not be read.
pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let hint = match error.kind() {
        io::ErrorKind::NotFound => "give a file that is there, or - for standard input",
        io::ErrorKind::IsADirectory => "give a file in it, or - for standard input",
        io::ErrorKind::PermissionDenied => "choose a file that you may read",
        _ => return Failure::usage(format_args!("could not read {}: {error}", shown(path))),
    };
    Failure::usage(format_args!("could not read {}: {error}", shown(path))).hint(hint)
}

/// What is wrong with the JSON of one line: of its place only the column tells something.
pub(crate) fn in_line(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.replace(" at line 1 column ", " at column ")
}

/// A variable of the environment that must say something.
pub(crate) fn variable(name: &str) -> Result<String, Failure> {
    let hint = "set it, and export it, before the command";
    match std::env::var(name) {
        Ok(value) if value.trim().is_empty() => {
            Err(Failure::usage(format_args!("the environment variable {name} is empty")).hint(hint))
        }
        Ok(value) => Ok(value),
        Err(std::env::VarError::NotPresent) => Err(Failure::usage(format_args!(
            "the environment variable {name} is not set"
        ))
        .hint(hint)),
        Err(std::env::VarError::NotUnicode(_)) => Err(Failure::usage(format_args!(
            "the environment variable {name} is not text in UTF-8"
        ))),
    }
}

/// The configuration of that name; an unknown name gets the library's suggestion.
pub(crate) fn preset(name: &str) -> Result<Arc<ApiRateConfig>, Failure> {
    API_RATE_CONFIGS.get(name).ok_or_else(|| {
        let nearest = match DynamicAPIClient::builder_for(name) {
            Err(Error::UnknownApi { nearest, .. }) => nearest,
            _ => None,
        };
        let meant = nearest.map_or_else(String::new, |name| format!(", did you mean {name:?}?"));
        Failure::usage(format_args!("no API is registered as {name:?}{meant}"))
            .hint("`apirl presets` lists them")
    })
}

/// The configuration that `--api` and `--config` name; without either, none.
///
/// A file of several entries needs `--api` to choose one, unless it has only one.
pub(crate) fn configured(
    api: Option<&str>,
    file: Option<&Path>,
) -> Result<Option<Arc<ApiRateConfig>>, Failure> {
    let Some(file) = file else {
        return api.map(preset).transpose();
    };
    let shown = shown(file);
    let bad = |problem: &dyn std::fmt::Display| {
        Failure::usage(format_args!("{shown}: {problem}"))
            .hint("`apirl check FILE` tells everything that is wrong with it")
    };
    let text = text(file)?;
    let value: Value = serde_json::from_str(&text).map_err(|error| {
        Failure::usage(format_args!("{shown} is no JSON: {error}"))
            .hint("`apirl check FILE` tells everything that is wrong with it")
    })?;
    if crate::check::is_one(&value) {
        let config = ApiRateConfig::from_json(&text).map_err(|error| bad(&error))?;
        return match api {
            Some(api) if api != config.name => Err(bad(&format_args!(
                "is about {:?}, not {api:?}",
                config.name
            ))),
            _ => Ok(Some(Arc::new(config))),
        };
    }
    let names = crate::check::names(&value);
    API_RATE_CONFIGS
        .merge_json(&crate::check::as_map(value).to_string())
        .map_err(|error| bad(&error))?;
    match (api, names.as_slice()) {
        (Some(api), _) => preset(api).map(Some),
        (None, [only]) => preset(only).map(Some),
        (None, _) => Err(
            Failure::usage(format_args!("{shown} has {} entries", names.len())).hint(format_args!(
                "name the API that you mean: {}",
                names.join(", ")
            )),
        ),
    }
}
