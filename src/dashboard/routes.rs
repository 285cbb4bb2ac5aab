//! Routes of the page.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderValue};
use http::uri::Authority;
use http::{HeaderMap, StatusCode};
use prometheus_client::registry::Registry;

use super::samples::Samples;
use super::stream;
use crate::prometheus::text_format;

/// The page: markup, style and script in one file.
const PAGE: &str = include_str!("page.html");

/// Content security policy: the page loads nothing from other origins and sends nothing to them.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
                      connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// State that all requests share.
#[derive(Debug)]
pub(super) struct PageState {
    pub(super) samples: Arc<Samples>,
    pub(super) registry: Registry,
    /// Accepted host names besides `localhost`, in lower case.
    pub(super) names: Vec<String>,
}

pub(super) fn router(watched: Arc<PageState>) -> Router {
    Router::new()
        .route(
            "/",
            get(|| async { typed("text/html; charset=utf-8", PAGE) }),
        )
        .route("/snapshot.json", get(snapshot))
        .route("/metrics", get(metrics))
        .route("/events", get(events))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&watched),
            only_by_known_names,
        ))
        .with_state(watched)
}

async fn snapshot(State(watched): State<Arc<PageState>>) -> Response {
    typed("application/json", watched.samples.now())
}

async fn metrics(State(watched): State<Arc<PageState>>) -> Response {
    typed(
        "text/plain; version=0.0.4; charset=utf-8",
        text_format(&watched.registry),
    )
}

async fn events(State(watched): State<Arc<PageState>>) -> Response {
    let (kept, coming) = watched.samples.follow();
    stream::events(kept, coming).into_response()
}

/// Rejects requests with an unknown `Host`. A web site whose name was made to point at this address sends
/// its own name.
async fn only_by_known_names(
    State(watched): State<Arc<PageState>>,
    request: Request,
    next: Next,
) -> Response {
    if !is_known(request.headers(), &watched.names) {
        let problem = "host name not allowed\n";
        return (StatusCode::FORBIDDEN, problem).into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(
        "x-content-type-options",
        HeaderValue::from_static("nosniff"),
    );
    response
}

fn is_known(headers: &HeaderMap, names: &[String]) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let Some(authority) = host.and_then(|host| host.parse::<Authority>().ok()) else {
        return false;
    };
    let host = authority.host().to_ascii_lowercase();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok() || names.contains(&host)
}

fn typed(kind: &'static str, body: impl IntoResponse) -> Response {
    let mut response = body.into_response();
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(host: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().expect("a header's value"));
        is_known(&headers, &["job-7.internal".into()])
    }

    #[test]
    fn addresses_localhost_and_given_names_are_answered_and_no_others() {
        for host in [
            "127.0.0.1:9465",
            "[::1]:9465",
            "localhost",
            "LOCALHOST:1",
            "10.0.0.7",
            "job-7.internal:80",
        ] {
            assert!(known(host), "{host}");
        }
        for host in [
            "evil.example",
            "127.0.0.1.evil.example:9465",
            "localhost.evil.example",
            "",
            "job-7.internal@evil",
        ] {
            assert!(!known(host), "{host}");
        }
        assert!(!is_known(&HeaderMap::new(), &[]), "no Host at all");
    }
}
