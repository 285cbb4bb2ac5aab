//! The transport of the blocking client: ureq with a timeout for every wait, without redirects of its own.
//! Its errors become [`Failure`]s.

use std::io;
use std::time::Duration;

use http::{Method, Request};
use ureq::config::Config;
use ureq::{Agent, AsSendBody, Body};

use super::patience::PatientConnector;
use super::resolver::{BoundedResolver, Unresolved};
use super::tls as front_tls;
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
use api_ratelimiter_core::url::Origin;

/// Returns a transport with the settings' timeouts. It follows no redirects and treats no status as an
/// error.
pub(super) fn agent(settings: &ClientSettings) -> Result<Agent> {
    tls::check(settings)?;
    let timeouts = &settings.timeouts;
    let mut config = Config::builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .allow_non_standard_methods(true)
        // The codings are the client's own business, also in a build in which ureq has a decoder.
        .accept_encoding("")
        .timeout_resolve(countable(timeouts.connect))
        .timeout_connect(countable(timeouts.connect))
        .timeout_send_request(countable(timeouts.send))
        .timeout_send_body(countable(timeouts.send))
        .timeout_recv_response(countable(timeouts.first_byte))
        .timeout_per_read(countable(timeouts.between_bytes))
        .timeout_per_write(countable(timeouts.send))
        .max_idle_connections(MOST_IDLE_CONNECTIONS)
        .max_idle_connections_per_host(MOST_IDLE_CONNECTIONS);
    // The transport reads no variable of the environment itself.
    config = config.proxy(route(settings, settings.call.base.origin())?);
    let config = front_tls::configure(config, settings).build();
    Ok(Agent::with_parts(
        config,
        PatientConnector::default(),
        BoundedResolver::default(),
    ))
}

/// Returns the proxy for requests to an origin.
fn route(settings: &ClientSettings, origin: &Origin) -> Result<Option<ureq::Proxy>> {
    let proxy = proxy::route(settings, origin)?;
    let proxy = proxy.map(|proxy| ureq::Proxy::new(proxy.url()));
    proxy
        .transpose()
        .map_err(|_| Error::config(&settings.call.name, "proxy", "can't be used"))
}

/// Returns a timeout that ureq can add to the current time. ureq panics where that overflows.
fn countable(timeout: Duration) -> Option<Duration> {
    Some(timeout.min(LONGEST_TIMEOUT))
}

/// Longest timeout: a hundred years, which is as long as no timeout.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Sends one request and returns as soon as the head of its response has arrived.
pub(super) fn send(
    agent: &Agent,
    settings: &ClientSettings,
    parts: &RequestParts,
    token: Option<http::HeaderValue>,
    now: Time,
) -> Result<http::Response<Body>, NoResponse> {
    // Check the address.
    if parts.address.origin().is_https() && !tls::is_available(settings.tls) {
        return Err(Failed(Failure {
            kind: TransportKind::Tls,
            source: None,
        }));
    }
    let uri = parts
        .address
        .to_uri()
        .map_err(|problem| Unsent(Error::request("path", problem)))?;
    // Make the request's head.
    let mut request = Request::new(());
    *request.method_mut() = parts.method.clone();
    *request.uri_mut() = uri;
    *request.headers_mut() = parts.headers.clone();
    gzip::ask(request.headers_mut());
    if let Some(token) = token {
        request
            .headers_mut()
            .insert(http::header::AUTHORIZATION, token);
    }
    // Send an empty body where the method usually has one, so that the server sees its length. A body
    // of type `()` would be sent in chunks.
    let body = match parts.body.as_deref() {
        None if matches!(parts.method, Method::POST | Method::PUT | Method::PATCH) => {
            Some(&b""[..])
        }
        body => body,
    };
    // A redirect to another origin may lead through another proxy, or through none.
    let origin = parts.address.origin();
    let is_abroad = origin != settings.call.base.origin();
    let proxy = is_abroad.then(|| route(settings, origin)).transpose();
    let proxy = proxy.map_err(Unsent)?;
    // Send it, within the time that is left of the attempt.
    let left = parts.time_left(now);
    let answer = match body {
        Some(body) => agent.run(configured(agent, request.map(|()| body), left, proxy)),
        None => agent.run(configured(agent, request, left, proxy)),
    };
    answer.map_err(|error| Failed(failure(error)))
}

fn configured<S: AsSendBody>(
    agent: &Agent,
    request: Request<S>,
    left: Option<Duration>,
    proxy: Option<Option<ureq::Proxy>>,
) -> Request<S> {
    // Only where the request needs it: this copies the whole configuration.
    if left.is_none() && proxy.is_none() {
        return request;
    }
    let mut config = agent.configure_request(request);
    if let Some(left) = left {
        config = config.timeout_global(countable(left));
    }
    if let Some(proxy) = proxy {
        config = config.proxy(proxy);
    }
    config.build()
}

/// Returns the failure that an error of ureq means. The error stays as its source.
pub(super) fn failure(error: ureq::Error) -> Failure {
    let kind = match &error {
        ureq::Error::Timeout(timeout) => TransportKind::Timeout(phase(*timeout)),
        ureq::Error::HostNotFound => TransportKind::Resolve,
        ureq::Error::Other(error) if error.is::<Unresolved>() => TransportKind::Resolve,
        ureq::Error::ConnectionFailed
        | ureq::Error::ConnectProxyFailed(_)
        | ureq::Error::InvalidProxyUrl => TransportKind::Connect,
        ureq::Error::Protocol(_) | ureq::Error::LargeResponseHeader(..) | ureq::Error::Http(_) => {
            TransportKind::Protocol
        }
        ureq::Error::Io(error) => io_kind(error),
        // The connection ended in the middle of a chunk.
        ureq::Error::BodyStalled => TransportKind::Closed,
        // The variants for TLS exist only in builds with TLS, but their texts are known in all builds.
        other
            if ["rustls", "native-tls", "PEM", "der"]
                .iter()
                .any(|tls| other.to_string().starts_with(tls)) =>
        {
            TransportKind::Tls
        }
        ureq::Error::Tls(_) | ureq::Error::TlsRequired => TransportKind::Tls,
        _ => TransportKind::Other,
    };
    Failure {
        kind,
        source: Some(Box::new(error)),
    }
}

/// Returns the failure that an error while reading a body means.
pub(super) fn body_failure(error: io::Error) -> Failure {
    let is_decoders = error.kind() == DECODER_ERROR;
    let failure = failure(ureq::Error::from(error));
    Failure {
        kind: if is_decoders {
            TransportKind::Protocol
        } else {
            failure.kind
        },
        ..failure
    }
}

/// Kind of the decoder's errors about a body that is not gzip. Sockets report none of this kind.
pub(super) const DECODER_ERROR: io::ErrorKind = io::ErrorKind::InvalidInput;

fn phase(timeout: ureq::Timeout) -> TimeoutPhase {
    match timeout {
        ureq::Timeout::Resolve | ureq::Timeout::Connect => TimeoutPhase::Connect,
        ureq::Timeout::SendRequest | ureq::Timeout::SendBody | ureq::Timeout::PerWrite => {
            TimeoutPhase::Send
        }
        ureq::Timeout::RecvResponse => TimeoutPhase::FirstByte,
        ureq::Timeout::PerRead => TimeoutPhase::BetweenBytes,
        ureq::Timeout::RecvBody => TimeoutPhase::Body,
        _ => TimeoutPhase::Attempt,
    }
}
