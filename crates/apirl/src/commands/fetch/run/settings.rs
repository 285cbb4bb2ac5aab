//! The client that the flags describe.

use std::path::Path;
use std::sync::Arc;

use api_ratelimiter::http::{HeaderName, Uri};
use api_ratelimiter::{ApiRateConfig, DynamicAPIClient, Error, Fleet, Observer};
use api_ratelimiter_core::hash::Fnv64;
use api_ratelimiter_core::headers::is_sensitive;

use crate::commands::fetch::input::request_line::{self, Template};
use crate::failure::Failure;
use crate::flags::FetchFlags;
use crate::{environment, fleet_store, settings};

/// Maximum number of retries after a broken connection, for a request that may be sent twice. A list of ten thousand
/// lines should not have errors because a server was restarted.
pub(crate) const RETRY_TRANSPORT: u32 = 3;

/// The client's configuration, and what all requests have in common.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) config: ApiRateConfig,
    pub(crate) template: Template,
    /// Headers from the command line.
    headers: Vec<(String, String)>,
    /// Headers from the environment: names and values.
    secret_headers: Vec<(String, String)>,
    bearer: Option<String>,
    fleet: Option<Fleet>,
}

impl Settings {
    /// Reads the flags, the files that they name and the environment.
    pub(crate) fn of(flags: &FetchFlags) -> Result<Self, Failure> {
        let template = template(flags)?;
        let config = config(flags)?;
        let headers = flags.header.iter().map(|text| header(text));
        let headers = headers.collect::<Result<Vec<_>, _>>()?;
        let secret_headers = flags.header_env.iter().map(|text| header_of_env(text));
        let secret_headers = secret_headers.collect::<Result<Vec<_>, _>>()?;
        let bearer = flags
            .bearer_env
            .as_deref()
            .map(environment::variable)
            .transpose()?;
        let store = &flags.store;
        let fleet = store
            .fleet_key
            .as_deref()
            .map(|key| fleet_store::fleet(store.fleet.as_deref(), store.fleet_env.as_deref(), key));
        let fleet = fleet.transpose()?;
        Ok(Self {
            config,
            template,
            headers,
            secret_headers,
            bearer,
            fleet,
        })
    }

    /// Returns the names of headers that should not be on a command line.
    pub(crate) fn exposed(&self) -> impl Iterator<Item = &str> {
        let names = self.headers.iter().map(|(name, _)| name.as_str());
        names.filter(|name| is_sensitive(name))
    }

    /// Builds the client.
    pub(crate) fn client(
        &self,
        flags: &FetchFlags,
        observers: [Arc<dyn Observer>; 2],
    ) -> Result<DynamicAPIClient, Failure> {
        let mut builder = DynamicAPIClient::builder(self.config.clone())
            .retry_transport(RETRY_TRANSPORT)
            .max_body(flags.max_body);
        for observer in observers {
            builder = builder.observer(observer);
        }
        for (name, value) in self.headers.iter().chain(&self.secret_headers) {
            builder = builder.default_header(name, value);
        }
        if let Some(token) = &self.bearer {
            builder = builder.bearer_auth(token);
        }
        if let Some(directory) = &flags.learned {
            make_directory(directory)?;
            builder = builder.remember_in(directory);
        }
        // A dry run sends nothing, also not to the store.
        if let Some(fleet) = self.fleet.as_ref().filter(|_| !flags.dry_run) {
            builder = builder.fleet(fleet.clone());
        }
        builder
            .build()
            .map_err(|error| unusable(&self.config, &error))
    }

    /// Returns a hash of everything that shapes the requests. A run can continue another one if both have the same
    /// fingerprint. Credentials are not in it: they may change between runs.
    pub(crate) fn fingerprint(&self, flags: &FetchFlags) -> String {
        let open = |(name, value): &(String, String)| match is_sensitive(name) {
            true => (name.to_ascii_lowercase(), String::new()),
            false => (name.to_ascii_lowercase(), value.clone()),
        };
        let hidden = self.secret_headers.iter();
        let shapes = serde_json::json!([
            self.config.base_url,
            self.template.method.as_str(),
            self.template.path,
            [flags.paginate, flags.items],
            self.headers.iter().map(open).collect::<Vec<_>>(),
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

/// Returns the configuration: the preset or file, changed by flags.
fn config(flags: &FetchFlags) -> Result<ApiRateConfig, Failure> {
    if flags.api.as_ref().is_some_and(|api| api.contains("://")) {
        // The address is not shown: it may have a credential.
        return Err(
            Failure::usage("the API is a URL, but must be the name of a preset")
                .hint("give a URL with --base-url"),
        );
    }
    let found = settings::configured(flags.api.as_deref(), flags.config.as_deref())?;
    let mut config = found.map_or_else(ApiRateConfig::default, |config| {
        ApiRateConfig::clone(&config)
    });
    if let Some(url) = &flags.base_url {
        config.base_url.clone_from(url);
    }
    if config.name.is_empty() {
        config.name = host(&config.base_url);
    }

    // Rates. A maximum below the preset's other rates lowers these, too.
    if let Some(rate) = flags.max_rate {
        config.max_rate = rate;
        lower(&mut config.initial_rate, rate);
    }
    if let Some(rate) = flags.initial_rate {
        config.initial_rate = rate;
    }
    let asked = config.initial_rate.min(config.max_rate);
    lower(&mut config.min_rate, asked);

    // Everything else.
    if let Some(reserve) = flags.reserve {
        config.reserve = reserve;
    }
    if !flags.backoff_status.is_empty() {
        config
            .backoff_status_codes
            .clone_from(&flags.backoff_status);
    }
    if (flags.paginate || flags.items) && config.pagination.is_none() {
        return Err(
            Failure::usage(format_args!("no pagination is known for {:?}", config.name))
                .hint("give it with --config FILE; `apirl presets github --json` shows an example"),
        );
    }
    Ok(config)
}

/// Returns why the client can't be built, in terms of flags.
fn unusable(config: &ApiRateConfig, error: &Error) -> Failure {
    let name = &config.name;
    if config.base_url.is_empty() {
        return Failure::usage(format_args!(
            "{name:?} has a different host for each customer"
        ))
        .hint("give yours with --base-url URL");
    }
    let (problem, is_login) = match error {
        Error::InvalidConfig { problem, .. } => problem
            .strip_suffix(": give credentials by bearer_auth or a header")
            .map_or((problem.as_ref(), false), |problem| (problem, true)),
        _ => ("", false),
    };
    if is_login {
        return Failure::usage(format_args!("--base-url {problem}"))
            .hint("give credentials with --bearer-env or --header-env");
    }
    let (first, most) = (config.initial_rate, config.max_rate);
    let failure = Failure::usage(error);
    if most > 0.0 && first > most && first.is_finite() {
        return failure.hint("raise --max-rate, too, if the API allows it");
    }
    failure
}

/// Returns the default of `max_rate`, if no flag and no file sets another.
pub(crate) fn default_max_rate(flags: &FetchFlags) -> Option<f64> {
    let is_default = flags.api.is_none() && flags.config.is_none() && flags.max_rate.is_none();
    is_default.then(|| ApiRateConfig::default().max_rate)
}

/// Lowers a rate. An invalid `to` is ignored here: the check of the configuration reports it.
fn lower(rate: &mut f64, to: f64) {
    if to > 0.0 && *rate > to {
        *rate = to;
    }
}

/// Returns the host, which is the name of an API without a preset.
fn host(base_url: &str) -> String {
    let uri: Option<Uri> = base_url.parse().ok();
    let host = uri.as_ref().and_then(Uri::host);
    host.unwrap_or("api").to_owned()
}

/// Reads `Name: value`.
fn header(text: &str) -> Result<(String, String), Failure> {
    let invalid = || {
        // The value is not shown: it may be a secret.
        let name = text.split([':', '=', ' ']).next().unwrap_or_default();
        Failure::usage(format_args!("--header {name:?}… is not a valid header"))
            .hint("write it as --header 'Name: value'")
    };
    let (name, value) = text.split_once(':').ok_or_else(invalid)?;
    let name: HeaderName = name.trim().parse().map_err(|_| invalid())?;
    Ok((name.as_str().to_owned(), value.trim().to_owned()))
}

/// Reads `NAME=VAR` and the variable.
fn header_of_env(text: &str) -> Result<(String, String), Failure> {
    let invalid = || {
        Failure::usage(format_args!(
            "--header-env {text:?} is not a header name and a variable"
        ))
        .hint("write it as --header-env X-Api-Key=MY_KEY")
    };
    let (name, var) = text.split_once('=').ok_or_else(invalid)?;
    let name: HeaderName = name.trim().parse().map_err(|_| invalid())?;
    let value = environment::variable(var.trim())?;
    Ok((name.as_str().to_owned(), value.trim().to_owned()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_split_at_their_first_colon() {
        let pair = header("X-Url:  http://a:1/ ").expect("a header");
        assert_eq!(pair, ("x-url".to_owned(), "http://a:1/".to_owned()));
        for bad in ["X-Url", "", ": x", "A B: c"] {
            assert!(header(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_invalid_header_does_not_show_its_value() {
        let failure = header("Authorization=Bearer hunter2").expect_err("no colon");
        assert!(!failure.to_string().contains("hunter2"), "{failure}");
    }

    #[test]
    fn names_of_credentials_are_known() {
        for name in ["Authorization", "X-API-Key", "Cookie", "x-token"] {
            assert!(is_sensitive(name), "{name}");
        }
        assert!(!is_sensitive("Notion-Version"));
    }

    #[test]
    fn an_api_without_a_preset_has_its_host_as_name() {
        assert_eq!(host("https://api.example.com/v1"), "api.example.com");
        assert_eq!(host("nonsense"), "nonsense");
        assert_eq!(host("/"), "api");
    }
}
