//! reqwest, set up so that it never waits for ever and never decides for us; its errors in our words.

use std::error::Error as StdError;
use std::io;

use http::{HeaderValue, Method, header};
use reqwest::redirect::Policy;
use tokio::runtime::{Handle, RuntimeFlavor};

use super::timeout::within;
use super::tls as front_tls;
use super::upload::Upload;
use crate::client::settings::ClientSettings;
use crate::client::tls;
use crate::client::transport::{MOST_IDLE_CONNECTIONS, io_kind};
use api_ratelimiter_core::Time;
use api_ratelimiter_core::error::{Error, Result, TimeoutPhase, TransportKind};
use api_ratelimiter_core::outcome::Failure;
use api_ratelimiter_core::outcome::NoResponse::{self, Failed, Unsent};
use api_ratelimiter_core::request::RequestParts;

/// What carries requests.
#[derive(Debug)]
pub(super) struct Http {
    client: reqwest::Client,
    /// Whether https can be spoken, or that is the user's builder's business.
    speaks_https: bool,
}

/// A transport with the settings' timeouts, on the user's builder if there is one, which follows no
/// redirects and sends nothing twice.
pub(super) fn client(
    brought: Option<reqwest::ClientBuilder>,
    settings: &ClientSettings,
) -> Result<Http> {
    let speaks_https = brought.is_some() || tls::is_available(settings.tls);
    let builder = match brought {
        Some(builder) => front_tls::provide(builder),
        None => {
            tls::check(settings)?;
            let builder = reqwest::Client::builder().pool_max_idle_per_host(MOST_IDLE_CONNECTIONS);
            // A proxy is for the way out; what runs on this machine is not out there.
            let builder = if settings.call.base.origin().is_loopback() {
                builder.no_proxy()
            } else {
                builder
            };
            front_tls::configure(builder, settings)?
        }
    };
    let builder = if settings.proxy_from_environment {
        builder
    } else {
        builder.no_proxy()
    };
    let client = builder
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(settings.timeouts.connect)
        .build()
        .map_err(|error| Error::config(&settings.call.name, "http", Causes(&error)))?;
    Ok(Http {
        client,
        speaks_https,
    })
}

/// Sends one request and returns as soon as the answer's head has come.
pub(super) async fn send(
    http: &Http,
    settings: &ClientSettings,
    parts: &RequestParts,
    token: Option<HeaderValue>,
    now: Time,
) -> Result<reqwest::Response, NoResponse> {
    if parts.address.origin().is_https() && !http.speaks_https {
        return Err(Failed(Failure {
            kind: TransportKind::Tls,
            source: None,
        }));
    }
    let url = parts
        .address
        .to_uri()
        .map_err(|problem| Unsent(Error::request("path", problem)))?
        .to_string()
        .parse()
        .map_err(|_| Unsent(Error::request("path", "is no valid URL")))?;
    let mut request = reqwest::Request::new(parts.method.clone(), url);
    *request.headers_mut() = parts.headers.clone();
    if let Some(token) = token {
        request.headers_mut().insert(header::AUTHORIZATION, token);
    }
    // Where the method calls for a body, the server sees that it is empty; of others the transport says
    // the length.
    let calls_for_one = matches!(parts.method, Method::POST | Method::PUT | Method::PATCH);
    let says_empty = parts
        .body
        .as_ref()
        .map_or(calls_for_one, |body| body.is_empty());
    if says_empty {
        let zero = HeaderValue::from_static("0");
        request.headers_mut().insert(header::CONTENT_LENGTH, zero);
    }
    look_at_connections().await;
    let (body, progress) = Upload::new(parts.body.as_ref());
    *request.body_mut() = Some(reqwest::Body::wrap(body));
    let answer = progress.watch(&settings.timeouts, http.client.execute(request));
    let answer = match parts.time_left(now) {
        Some(left) => within(left, TimeoutPhase::Attempt, None, answer)
            .await
            .and_then(|answer| answer),
        None => answer.await,
    };
    answer
        .map_err(Failed)?
        .map_err(|error| Failed(failure(error)))
}

/// Lets a runtime of one thread look at its sockets, which it does not while it stands still: a request
/// would be lost on a kept connection that the server has closed meanwhile.
async fn look_at_connections() {
    let flavor = Handle::try_current().map(|runtime| runtime.runtime_flavor());
    if matches!(flavor, Ok(RuntimeFlavor::CurrentThread)) {
        tokio::task::yield_now().await;
    }
}

/// What happened, in our words; the transport's own error stays as the source, without the URL, whose
/// query may hold a secret.
pub(super) fn failure(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    let kind = match kind_below(&error) {
        _ if error.is_dns() => TransportKind::Resolve,
        _ if error.is_timeout() && error.is_connect() => {
            TransportKind::Timeout(TimeoutPhase::Connect)
        }
        // A timeout of the user's builder, or of the system's for a peer that is gone: what was sent may
        // have been processed.
        _ if error.is_timeout() => TransportKind::Timeout(TimeoutPhase::Attempt),
        Some(TransportKind::Tls) => TransportKind::Tls,
        _ if error.is_connect() => TransportKind::Connect,
        // The same of a host that can't be reached any more.
        Some(TransportKind::Connect) => TransportKind::Closed,
        Some(kind) => kind,
        None => TransportKind::Other,
    };
    Failure {
        kind,
        source: Some(Box::new(error)),
    }
}

/// The same for an error that came out of reading a body: the connection stands, so what is invalid then
/// is the body.
pub(super) fn body_failure(error: reqwest::Error) -> Failure {
    let failure = failure(error);
    let kind = match failure.kind {
        TransportKind::Tls | TransportKind::Other => TransportKind::Protocol,
        kind => kind,
    };
    Failure { kind, ..failure }
}

/// What the innermost error that says something says.
fn kind_below(error: &(dyn StdError + 'static)) -> Option<TransportKind> {
    let deeper = error.source().and_then(kind_below);
    deeper
        .filter(|kind| *kind != TransportKind::Other)
        .or_else(|| {
            if let Some(error) = error.downcast_ref::<hyper::Error>() {
                let is_cut =
                    error.is_incomplete_message() || error.is_closed() || error.is_canceled();
                // An answer that came before the request; it has no name of its own.
                let is_early = error.source().is_none() && !error.is_user();
                return match () {
                    () if is_cut => Some(TransportKind::Closed),
                    () if error.is_parse() => Some(TransportKind::Protocol),
                    () if is_early => Some(TransportKind::Closed),
                    () => None,
                };
            }
            // An `io::Error` around another is not that one's source but holds it.
            let error = error.downcast_ref::<io::Error>()?;
            let inner = error.get_ref().and_then(|inner| kind_below(inner));
            Some(inner.unwrap_or_else(|| io_kind(error)))
        })
}

/// An error with all that is below it.
struct Causes<'a>(&'a dyn StdError);

impl std::fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
