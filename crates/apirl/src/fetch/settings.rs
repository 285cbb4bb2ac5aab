//! The client that the flags ask for.

use std::path::Path;
use std::sync::Arc;

use api_ratelimiter::http::{HeaderName, Uri};
use api_ratelimiter::{ApiRateConfig, DynamicAPIClient, Error, Fleet};
use api_ratelimiter_core::headers::is_sensitive;

use super::Args;
use super::ask::{self, Form};
use super::fingerprint::Fingerprint;
use super::traffic::Traffic;
use crate::failure::Failure;
use crate::input;

/// Broken connections of one request that are made good, if it may be sent twice: a list of ten thousand
/// should not have holes where a server was restarted.
pub(crate) const RETRY_TRANSPORT: u32 = 3;

/// What all requests have in common.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) config: ApiRateConfig,
    pub(crate) form: Form,
    /// From the command line.
    headers: Vec<(String, String)>,
    /// From the environment: name of the header, value.
    secret_headers: Vec<(String, String)>,
    bearer: Option<String>,
    fleet: Option<Fleet>,
}

impl Settings {
    pub(crate) fn of(args: &Args) -> Result<Self, Failure> {
        let form = form(args)?;
        let config = config(args)?;
        let headers = args.header.iter().map(|text| header(text));
        let headers = headers.collect::<Result<Vec<_>, _>>()?;
        let secret_headers = args.header_env.iter().map(|text| header_of_env(text));
        let secret_headers = secret_headers.collect::<Result<Vec<_>, _>>()?;
        let bearer = args
            .bearer_env
            .as_deref()
            .map(input::variable)
            .transpose()?;
        let fleet = args.sharing.fleet()?;
        Ok(Self {
            config,
            form,
            headers,
            secret_headers,
            bearer,
            fleet,
        })
    }

    /// Headers that should not stand on a command line.
    pub(crate) fn exposed(&self) -> impl Iterator<Item = &str> {
        let names = self.headers.iter().map(|(name, _)| name.as_str());
        names.filter(|name| is_sensitive(name))
    }

    pub(crate) fn client(
        &self,
        args: &Args,
        traffic: &Arc<Traffic>,
    ) -> Result<DynamicAPIClient, Failure> {
        let mut builder = DynamicAPIClient::builder(self.config.clone())
            .retry_transport(RETRY_TRANSPORT)
            .observer(Arc::<Traffic>::clone(traffic));
        for (name, value) in self.headers.iter().chain(&self.secret_headers) {
            builder = builder.default_header(name, value);
        }
        if let Some(token) = &self.bearer {
            builder = builder.bearer_auth(token);
        }
        if let Some(folder) = &args.learned {
            make_folder(folder)?;
            builder = builder.remember_in(folder);
        }
        // Nothing is sent by a dry run, to the store neither.
        if let Some(fleet) = self.fleet.as_ref().filter(|_| !args.dry_run) {
            builder = builder.fleet(fleet.clone());
        }
        builder
            .build()
            .map_err(|error| unusable(&self.config, &error))
    }

    /// The same for runs that send the same requests for the same lines. Tokens may change between them.
    pub(crate) fn fingerprint(&self, args: &Args) -> String {
        let open = |(name, value): &(String, String)| match is_sensitive(name) {
            true => (name.to_ascii_lowercase(), String::new()),
            false => (name.to_ascii_lowercase(), value.clone()),
        };
        let hidden = self.secret_headers.iter();
        let shapes = serde_json::json!([
            self.config.base_url,
            self.form.method.as_str(),
            self.form.template,
            [args.paginate, args.items],
            self.headers.iter().map(open).collect::<Vec<_>>(),
            hidden
                .map(|(name, _)| name.to_ascii_lowercase())
                .collect::<Vec<_>>(),
        ]);
        Fingerprint::of(shapes.to_string().as_bytes()).to_string()
    }
}

fn form(args: &Args) -> Result<Form, Failure> {
    let method = ask::method(&args.method).ok_or_else(|| {
        Failure::usage(format_args!("{:?} is not a method of HTTP", args.method))
            .hint("GET, POST, PUT, PATCH, DELETE, HEAD, …")
    })?;
    if let Some(template) = args.path.as_ref().filter(|path| !path.contains("{}")) {
        return Err(Failure::usage(format_args!(
            "--path {template:?} has no place for the lines"
        ))
        .hint("write {} where each line goes, as in --path '/pages/{}'"));
    }
    Ok(Form {
        method,
        template: args.path.clone(),
    })
}

fn config(args: &Args) -> Result<ApiRateConfig, Failure> {
    if args.api.as_ref().is_some_and(|api| api.contains("://")) {
        // Not shown: it may hold a credential.
        return Err(
            Failure::usage("the API is an address, not the name of a preset")
                .hint("an address goes to --base-url"),
        );
    }
    let found = input::configured(args.api.as_deref(), args.config.as_deref())?;
    let mut config = found.map_or_else(ApiRateConfig::default, |config| {
        ApiRateConfig::clone(&config)
    });
    if let Some(url) = &args.base_url {
        config.base_url.clone_from(url);
    }
    if config.name.is_empty() {
        config.name = host(&config.base_url);
    }
    if let Some(rate) = args.max_rate {
        config.max_rate = rate;
        lower(&mut config.initial_rate, rate);
    }
    if let Some(rate) = args.initial_rate {
        config.initial_rate = rate;
    }
    // Whoever asks for less than the least that was thought of means it.
    let asked = config.initial_rate.min(config.max_rate);
    lower(&mut config.min_rate, asked);
    if !args.backoff_status.is_empty() {
        config.backoff_status_codes.clone_from(&args.backoff_status);
    }
    if (args.paginate || args.items) && config.pagination.is_none() {
        return Err(Failure::usage(format_args!(
            "it is not known how {:?} splits collections into pages",
            config.name
        ))
        .hint("give its pagination by --config FILE; `apirl presets github --json` shows one"));
    }
    Ok(config)
}

/// Why there is no client, in terms of flags.
fn unusable(config: &ApiRateConfig, error: &Error) -> Failure {
    let name = &config.name;
    if config.base_url.is_empty() {
        return Failure::usage(format_args!("each customer of {name:?} has a host"))
            .hint("give yours by --base-url URL");
    }
    let (problem, is_login) = match error {
        Error::InvalidConfig { problem, .. } => problem
            .strip_suffix("; give credentials by bearer_auth or a header")
            .map_or((problem.as_ref(), false), |problem| (problem, true)),
        _ => ("", false),
    };
    if is_login {
        return Failure::usage(format_args!("--base-url {problem}"))
            .hint("--bearer-env and --header-env take credentials");
    }
    let (first, most) = (config.initial_rate, config.max_rate);
    let failure = Failure::usage(error);
    if most > 0.0 && first > most && first.is_finite() {
        return failure.hint("raise the most by --max-rate, too, if the API allows it");
    }
    failure
}

/// To what a flag asks for; what is no rate is left for the check to tell.
fn lower(rate: &mut f64, to: f64) {
    if to > 0.0 && *rate > to {
        *rate = to;
    }
}

/// What messages call an API of which only the address is known.
fn host(base_url: &str) -> String {
    let uri: Option<Uri> = base_url.parse().ok();
    let host = uri.as_ref().and_then(Uri::host);
    host.unwrap_or("api").to_owned()
}

/// `Name: value`.
fn header(text: &str) -> Result<(String, String), Failure> {
    let bad = || {
        // The value may be a secret.
        let name = text.split([':', '=', ' ']).next().unwrap_or_default();
        Failure::usage(format_args!("--header {name:?}… is no header"))
            .hint("write it as --header 'Name: value'")
    };
    let (name, value) = text.split_once(':').ok_or_else(bad)?;
    let name: HeaderName = name.trim().parse().map_err(|_| bad())?;
    Ok((name.as_str().to_owned(), value.trim().to_owned()))
}

/// `NAME=VAR`.
fn header_of_env(text: &str) -> Result<(String, String), Failure> {
    let bad = || {
        Failure::usage(format_args!(
            "--header-env {text:?} names no header and variable"
        ))
        .hint("write it as --header-env X-Api-Key=MY_KEY")
    };
    let (name, var) = text.split_once('=').ok_or_else(bad)?;
    let name: HeaderName = name.trim().parse().map_err(|_| bad())?;
    let value = input::variable(var.trim())?;
    Ok((name.as_str().to_owned(), value.trim().to_owned()))
}

fn make_folder(folder: &Path) -> Result<(), Failure> {
    if folder.exists() && !folder.is_dir() {
        return Err(
            Failure::usage(format_args!("{} is no folder", folder.display()))
                .hint("give a folder, which may be a new one"),
        );
    }
    std::fs::create_dir_all(folder).map_err(|error| {
        Failure::usage(format_args!(
            "could not make the folder {}: {error}",
            folder.display()
        ))
        .hint("choose a place where you may write")
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
    fn a_header_that_is_refused_does_not_show_its_value() {
        let told = header("Authorization=Bearer hunter2").expect_err("no colon");
        assert!(!told.to_string().contains("hunter2"), "{told}");
    }

    #[test]
    fn names_of_credentials_are_known() {
        for name in ["Authorization", "X-API-Key", "Cookie", "x-token"] {
            assert!(is_sensitive(name), "{name}");
        }
        assert!(!is_sensitive("Notion-Version"));
    }

    #[test]
    fn an_api_of_which_only_the_address_is_known_is_called_by_its_host() {
        assert_eq!(host("https://api.example.com/v1"), "api.example.com");
        assert_eq!(host("nonsense"), "nonsense");
        assert_eq!(host("/"), "api");
    }
}
