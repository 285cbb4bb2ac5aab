//! The settings that a command starts from: a preset, a file of configurations, or both.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use api_ratelimiter::{API_RATE_CONFIGS, ApiRateConfig, DynamicAPIClient, Error};
use serde_json::Value;

use crate::failure::Failure;
use crate::{config_file, files};

/// Returns the configuration of that name. The failure suggests the nearest known name.
pub(crate) fn preset(name: &str) -> Result<Arc<ApiRateConfig>, Failure> {
    API_RATE_CONFIGS.get(name).ok_or_else(|| {
        let nearest = match DynamicAPIClient::builder_for(name) {
            Err(Error::UnknownApi { nearest, .. }) => nearest,
            _ => None,
        };
        let meant = nearest.map_or_else(String::new, |name| format!(", did you mean {name:?}?"));
        Failure::usage(format_args!("no API is registered as {name:?}{meant}"))
            .hint("`apirl presets` lists all names")
    })
}

/// Returns the configuration that `--api` and `--config` name, or `None` without either.
///
/// A file with several entries needs `--api` to choose one.
pub(crate) fn configured(
    api: Option<&str>,
    file: Option<&Path>,
) -> Result<Option<Arc<ApiRateConfig>>, Failure> {
    let Some(file) = file else {
        return api.map(preset).transpose();
    };
    let shown = files::shown(file);
    let invalid = |problem: &dyn fmt::Display| {
        Failure::usage(format_args!("{shown}{problem}"))
            .hint("`apirl check FILE` lists every problem of the file")
    };
    let text = files::text(file)?;
    let value: Value = serde_json::from_str(&text)
        .map_err(|error| invalid(&format_args!(" is not valid JSON: {error}")))?;

    // One configuration: it must be the one that `--api` names.
    if config_file::is_one(&value) {
        let config =
            ApiRateConfig::from_json(&text).map_err(|error| invalid(&format_args!(": {error}")))?;
        return match api {
            Some(api) if api != config.name => Err(invalid(&format_args!(
                " configures {:?}, not {api:?}",
                config.name
            ))),
            _ => Ok(Some(Arc::new(config))),
        };
    }

    // Several: they are merged into the presets, then one is chosen.
    let names = config_file::names(&value);
    API_RATE_CONFIGS
        .merge_json(&config_file::as_map(value).to_string())
        .map_err(|error| invalid(&format_args!(": {error}")))?;
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
