//! The client that the flags of a command describe.

use std::sync::Arc;

use api_ratelimiter::http::{HeaderName, Uri};
use api_ratelimiter::{ApiRateConfig, ClientBuilder, DynamicAPIClient, Error, Observer};
use api_ratelimiter_core::headers::is_sensitive;

use crate::failure::Failure;
use crate::flags::client::ClientFlags;
use crate::terminal::say;
use crate::{environment, settings};

/// Maximum number of retries after a broken connection, for a request that may be sent twice. A list of ten thousand
/// lines should not have errors because a server was restarted.
pub(crate) const RETRY_TRANSPORT: u32 = 3;

/// The client's configuration, and the headers of all requests.
#[derive(Debug)]
pub(crate) struct ClientSettings {
    pub(crate) config: ApiRateConfig,
    /// Headers from the command line.
    pub(crate) headers: Vec<(String, String)>,
    /// Headers from the environment: names and values.
    pub(crate) secret_headers: Vec<(String, String)>,
    bearer: Option<String>,
}

impl ClientSettings {
    /// Reads the flags, the files that they name and the environment. `api` is the name of a preset; `base_url` replaces
    /// that of the preset or file.
    pub(crate) fn of(
        api: Option<&str>,
        base_url: Option<&str>,
        flags: &ClientFlags,
    ) -> Result<Self, Failure> {
        let config = config(api, base_url, flags)?;
        let headers = flags.header.iter().map(|text| header(text));
        let headers = headers.collect::<Result<Vec<_>, _>>()?;
        let secret_headers = flags.header_env.iter().map(|text| header_of_env(text));
        let secret_headers = secret_headers.collect::<Result<Vec<_>, _>>()?;
        let bearer = flags.bearer_env.as_deref();
        let bearer = bearer.map(environment::variable).transpose()?;
        Ok(Self {
            config,
            headers,
            secret_headers,
            bearer,
        })
    }

    /// Warns of secrets on the command line: other users of the machine can list processes with their arguments.
    pub(crate) fn warn_of_credentials(&self) {
        let names = self.headers.iter().map(|(name, _)| name.as_str());
        for name in names.filter(|name| is_sensitive(name)) {
            say(&format!(
                "warning: --header {name} shows a credential to all users who can list processes; use --header-env or \
                 --bearer-env"
            ));
        }
    }

    /// Returns a builder of the client, with these observers.
    pub(crate) fn builder(
        &self,
        observers: impl IntoIterator<Item = Arc<dyn Observer>>,
    ) -> ClientBuilder {
        let mut builder =
            DynamicAPIClient::builder(self.config.clone()).retry_transport(RETRY_TRANSPORT);
        for observer in observers {
            builder = builder.observer(observer);
        }
        for (name, value) in self.headers.iter().chain(&self.secret_headers) {
            builder = builder.default_header(name, value);
        }
        match &self.bearer {
            Some(token) => builder.bearer_auth(token),
            None => builder,
        }
    }

    /// Builds the client.
    pub(crate) fn build(&self, builder: ClientBuilder) -> Result<DynamicAPIClient, Failure> {
        let built = builder.build();
        built.map_err(|error| unusable(&self.config, &error))
    }
}

/// Returns the configuration: the preset or file, changed by flags.
fn config(
    api: Option<&str>,
    base_url: Option<&str>,
    flags: &ClientFlags,
) -> Result<ApiRateConfig, Failure> {
    if api.is_some_and(|api| api.contains("://")) {
        // The address is not shown: it may have a credential.
        return Err(
            Failure::usage("the API is a URL, but must be the name of a preset")
                .hint("give a URL with --base-url"),
        );
    }
    let found = settings::configured(api, flags.config.as_deref())?;
    let mut config = found.map_or_else(ApiRateConfig::default, |config| {
        ApiRateConfig::clone(&config)
    });
    if let Some(url) = base_url {
        config.base_url = url.to_owned();
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
