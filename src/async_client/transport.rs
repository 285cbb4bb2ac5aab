//! The transport of the async client: reqwest with a timeout for every wait, without redirects and retries
//! of its own. Its errors become [`Failure`]s.

use std::error::Error as StdError;
use std::io;

use http::{HeaderValue, Method, header};
use reqwest::Url;
use reqwest::redirect::Policy;
use tokio::runtime::{Handle, RuntimeFlavor};

use super::timeout::within;
use super::tls as front_tls;
use super::upload::Upload;
use crate::client::gzip;
use crate::client::proxy;
use crate::client::settings::ClientSettings;
use crate::client::tls;
use crate::client::transport::{MOST_IDLE_CONNECTIONS, io_kind};
use api_ratelimiter_core::Time;
use api_ratelimiter_core::error::{Error, Result, TimeoutPhase, TransportKind};
use api_ratelimiter_core::outcome::Failure;
use api_ratelimiter_core::outcome::NoResponse::{self, Failed, Unsent};
use api_ratelimiter_core::request::RequestParts;
use api_ratelimiter_core::url::Base;

/// The HTTP transport.
#[derive(Debug)]
pub(super) struct Http {
    client: reqwest::Client,
    /// Whether https is supported. True for a builder from the user, which decides itself.
    speaks_https: bool,
    /// Whether the environment's proxies are used. False for a builder from the user, which decides itself.
    reads_environment: bool,
}

/// Returns a transport with the settings' timeouts, made from the user's builder if there is one. It follows
/// no redirects and retries nothing.
pub(super) fn client(
    brought: Option<reqwest::ClientBuilder>,
    settings: &ClientSettings,
) -> Result<Http> {
    // Take the user's builder with its own TLS, or configure one.
    let speaks_https = brought.is_some() || tls::is_available(settings.tls);
    let reads_environment = brought.is_none();
    let builder = match brought {
        Some(builder) => front_tls::provide(builder),
        None => {
            tls::check(settings)?;
            let builder = reqwest::Client::builder().pool_max_idle_per_host(MOST_IDLE_CONNECTIONS);
            front_tls::configure(through_proxies(builder, settings)?, settings)?
        }
    };
    let builder = match settings.proxies {
        Some(_) => builder,
        None => builder.no_proxy(),
    };
    // Leave redirects and retries to the call: they go through the limiter.
    let client = builder
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        // The codings are the client's own business, also in a build in which reqwest has decoders: those end
        // silently after the first member of a body.
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .referer(false)
        .connect_timeout(settings.timeouts.connect)
        .build()
        .map_err(|error| Error::config(&settings.call.name, "http", Causes(&error)))?;
    Ok(Http {
        client,
        speaks_https,
        reads_environment,
    })
}

/// Sends each request through the proxy that the environment names for its origin. The transport reads no variable
/// itself.
fn through_proxies(
    builder: reqwest::ClientBuilder,
    settings: &ClientSettings,
) -> Result<reqwest::ClientBuilder> {
    proxy::route(settings, settings.call.base.origin())?;
    let proxies = settings.proxies.clone();
    let of = move |url: &Url| {
        // An address that core has made parses again.
        let base = Base::parse(&url.origin().ascii_serialization()).ok()?;
        let proxy = proxies.as_ref()?.of(base.origin())?;
        Some(proxy.url().to_owned())
    };
    Ok(builder.no_proxy().proxy(reqwest::Proxy::custom(of)))
}

/// Sends one request and returns as soon as the head of its response has arrived.
pub(super) async fn send(
    http: &Http,
    settings: &ClientSettings,
    parts: &RequestParts,
    token: Option<HeaderValue>,
    now: Time,
) -> Result<reqwest::Response, NoResponse> {
    // Check the address.
    if parts.address.origin().is_https() && !http.speaks_https {
        return Err(Failed(Failure {
            kind: TransportKind::Tls,
            source: None,
        }));
    }
    let uri = parts.address.to_uri();
    let uri = uri.map_err(|problem| Unsent(Error::request("path", problem)))?;
    let url = url_of(&uri).map_err(Unsent)?;
    // A redirect to another origin may lead through another proxy.
    if http.reads_environment && parts.address.origin() != settings.call.base.origin() {
        proxy::route(settings, parts.address.origin()).map_err(Unsent)?;
    }
    // Make the request's head.
    let mut request = reqwest::Request::new(parts.method.clone(), url);
    *request.headers_mut() = parts.headers.clone();
    gzip::ask(request.headers_mut());
    if let Some(token) = token {
        request.headers_mut().insert(header::AUTHORIZATION, token);
    }
    // Announce an empty body where the method usually has one. The transport announces the length of
    // others.
    let calls_for_one = matches!(parts.method, Method::POST | Method::PUT | Method::PATCH);
    let says_empty = parts
        .body
        .as_ref()
        .map_or(calls_for_one, |body| body.is_empty());
    if says_empty {
        let zero = HeaderValue::from_static("0");
        request.headers_mut().insert(header::CONTENT_LENGTH, zero);
    }
    // Send it. Each stage has its own timeout, and the whole attempt may have one.
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

/// Returns the URL for the transport, whose URLs repair what they take: nothing but the address itself is sent.
fn url_of(uri: &http::Uri) -> Result<Url> {
    let text = uri.to_string();
    text.parse()
        .ok()
        .filter(|url: &Url| url.as_str() == text)
        .ok_or_else(|| Error::request("path", "is not a URL that all programs read alike"))
}

/// Lets a single-threaded runtime check its sockets, which it can't while its thread is busy. Otherwise a
/// request could be sent on an idle connection that the server has closed.
async fn look_at_connections() {
    let flavor = Handle::try_current().map(|runtime| runtime.runtime_flavor());
    if matches!(flavor, Ok(RuntimeFlavor::CurrentThread)) {
        tokio::task::yield_now().await;
    }
}

/// Returns the failure that an error of reqwest means. The error stays as its source, without the URL, whose
/// query may contain a secret.
pub(super) fn failure(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    let kind = match kind_below(&error) {
        _ if error.is_dns() => TransportKind::Resolve,
        _ if error.is_timeout() && error.is_connect() => {
            TransportKind::Timeout(TimeoutPhase::Connect)
        }
        // A timeout of the user's builder, or of the system's for a vanished peer: the server may have
        // processed the request.
        _ if error.is_timeout() => TransportKind::Timeout(TimeoutPhase::Attempt),
        Some(TransportKind::Tls) => TransportKind::Tls,
        _ if error.is_connect() => TransportKind::Connect,
        // The host became unreachable after the connection was made: the server may have processed the
        // request.
        Some(TransportKind::Connect) => TransportKind::Closed,
        Some(kind) => kind,
        None => TransportKind::Other,
    };
    Failure {
        kind,
        source: Some(Box::new(error)),
    }
}

/// Returns the failure that an error while reading a body means: the connection works, so invalid data is an
/// invalid body.
pub(super) fn body_failure(error: reqwest::Error) -> Failure {
    let failure = failure(error);
    let kind = match failure.kind {
        TransportKind::Tls | TransportKind::Other => TransportKind::Protocol,
        kind => kind,
    };
    Failure { kind, ..failure }
}

/// Returns the failure that an error of the decoder means: the compressed data ended too early, or is not gzip.
pub(super) fn undecodable(error: io::Error) -> Failure {
    let kind = match error.kind() {
        io::ErrorKind::UnexpectedEof => TransportKind::Closed,
        _ => TransportKind::Protocol,
    };
    Failure {
        kind,
        source: Some(Box::new(error)),
    }
}

/// Returns the kind of the innermost error that is known.
fn kind_below(error: &(dyn StdError + 'static)) -> Option<TransportKind> {
    let deeper = error.source().and_then(kind_below);
    deeper
        .filter(|kind| *kind != TransportKind::Other)
        .or_else(|| {
            if let Some(error) = error.downcast_ref::<hyper::Error>() {
                let is_cut =
                    error.is_incomplete_message() || error.is_closed() || error.is_canceled();
                // A response that arrived before the request was sent. hyper has no name for this error.
                let is_early = error.source().is_none() && !error.is_user();
                return match () {
                    () if is_cut => Some(TransportKind::Closed),
                    () if error.is_parse() => Some(TransportKind::Protocol),
                    () if is_early => Some(TransportKind::Closed),
                    () => None,
                };
            }
            // The source of an `io::Error` skips the error that it contains, so look at that one here.
            let error = error.downcast_ref::<io::Error>()?;
            let inner = error.get_ref().and_then(|inner| kind_below(inner));
            Some(inner.unwrap_or_else(|| io_kind(error)))
        })
}

/// Writes an error with all its causes.
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
