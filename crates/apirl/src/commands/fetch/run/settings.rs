//! The client that the flags describe, and what all requests have in common.

use std::path::Path;
use std::sync::Arc;

use api_ratelimiter::{ApiRateConfig, DynamicAPIClient, Fleet, Observer};
use api_ratelimiter_core::hash::Fnv64;
use api_ratelimiter_core::headers::is_sensitive;

use crate::client_settings::ClientSettings;
use crate::commands::fetch::input::request_line::{self, Template};
use crate::failure::Failure;
use crate::flags::FetchFlags;
use crate::fleet_store;

/// The client's settings, and what all requests have in common.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) client: ClientSettings,
    pub(crate) template: Template,
    fleet: Option<Fleet>,
}

impl Settings {
    /// Reads the flags, the files that they name and the environment.
    pub(crate) fn of(flags: &FetchFlags) -> Result<Self, Failure> {
        let template = template(flags)?;
        let (api, base_url) = (flags.api.as_deref(), flags.base_url.as_deref());
        let client = ClientSettings::of(api, base_url, &flags.client)?;
        if (flags.paginate || flags.items) && client.config.pagination.is_none() {
            return Err(Failure::usage(format_args!(
                "no pagination is known for {:?}",
                client.config.name
            ))
            .hint("give it with --config FILE; `apirl presets github --json` shows an example"));
        }
        let store = &flags.store;
        let fleet = store
            .fleet_key
            .as_deref()
            .map(|key| fleet_store::fleet(store.fleet.as_deref(), store.fleet_env.as_deref(), key));
        let fleet = fleet.transpose()?;
        Ok(Self {
            client,
            template,
            fleet,
        })
    }

    /// Builds the client.
    pub(crate) fn build(
        &self,
        flags: &FetchFlags,
        observers: [Arc<dyn Observer>; 2],
    ) -> Result<DynamicAPIClient, Failure> {
        let mut builder = self.client.builder(observers).max_body(flags.max_body);
        if let Some(directory) = &flags.learned {
            make_directory(directory)?;
            builder = builder.remember_in(directory);
        }
        // A dry run sends nothing, also not to the store.
        if let Some(fleet) = self.fleet.as_ref().filter(|_| !flags.dry_run) {
            builder = builder.fleet(fleet.clone());
        }
        self.client.build(builder)
    }

    /// Returns a hash of everything that shapes the requests. A run can continue another one if both have the same
    /// fingerprint. Credentials are not in it: they may change between runs.
    pub(crate) fn fingerprint(&self, flags: &FetchFlags) -> String {
        let open = |(name, value): &(String, String)| match is_sensitive(name) {
            true => (name.to_ascii_lowercase(), String::new()),
            false => (name.to_ascii_lowercase(), value.clone()),
        };
        let hidden = self.client.secret_headers.iter();
        let shapes = serde_json::json!([
            self.client.config.base_url,
            self.template.method.as_str(),
            self.template.path,
            [flags.paginate, flags.items],
            self.client.headers.iter().map(open).collect::<Vec<_>>(),
            hidden
                .map(|(name, _)| name.to_ascii_lowercase())
                .collect::<Vec<_>>(),
        ]);
        Fnv64::of(shapes.to_string().as_bytes()).to_string()
    }
}

/// Reads `--method` and `--path`.
fn template(flags: &FetchFlags) -> Result<Template, Failure> {
    let method = request_line::method(&flags.method).ok_or_else(|| {
        Failure::usage(format_args!(
            "{:?} is not a valid HTTP method",
            flags.method
        ))
        .hint("GET, POST, PUT, PATCH, DELETE, HEAD, …")
    })?;
    if let Some(path) = flags.path.as_ref().filter(|path| !path.contains("{}")) {
        return Err(Failure::usage(format_args!("--path {path:?} has no {{}}"))
            .hint("put {} where each line goes, as in --path '/pages/{}'"));
    }
    Ok(Template {
        method,
        path: flags.path.clone(),
    })
}

/// Returns the default of `max_rate`, if no flag and no file sets another.
pub(crate) fn default_max_rate(flags: &FetchFlags) -> Option<f64> {
    let is_default =
        flags.api.is_none() && flags.client.config.is_none() && flags.client.max_rate.is_none();
    is_default.then(|| ApiRateConfig::default().max_rate)
}

/// Creates the directory of `--learned`.
fn make_directory(directory: &Path) -> Result<(), Failure> {
    if directory.exists() && !directory.is_dir() {
        return Err(
            Failure::usage(format_args!("{} is not a directory", directory.display()))
                .hint("give a directory, which may be a new one"),
        );
    }
    std::fs::create_dir_all(directory).map_err(|error| {
        Failure::usage(format_args!(
            "could not create the directory {}: {error}",
            directory.display()
        ))
        .hint("choose a path where you may write")
    })
}
