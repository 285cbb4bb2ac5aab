//! Handling of one request: read it, admit it, make the response and its script.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use tokio::time::timeout;

use super::connection::ScriptHandle;
use super::fault::FaultEffect;
use super::ledger::{Delivery, Identity};
use super::response::ApiResponse;
use super::routes;
use super::script::OutgoingResponse;
use super::server::{InFlight, Server, Settings};
use crate::rules::Admission;

/// Maximum size of a request's body in bytes, larger than the vendors allow.
const MAX_BODY: usize = 16 * 1024 * 1024;

/// Reads a request, decides about it and returns the response.
pub(super) async fn handle(
    State(server): State<Arc<Server>>,
    ConnectInfo(script): ConnectInfo<ScriptHandle>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let settings = server.settings;
    let body = timeout(settings.patience, to_bytes(body, MAX_BODY)).await;
    let half_trip = settings.round_trip / 2;
    delay(half_trip).await;

    // Ask the limits and the faults, and make the response.
    let mut hints = HeaderMap::new();
    let mut in_flight = None;
    let mut stop = None;
    let response = match body {
        Err(_) => settings.shape.error(
            StatusCode::REQUEST_TIMEOUT,
            "timeout",
            "The body did not come in time.",
        ),
        Ok(Err(_)) => settings.shape.error(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            "The body is larger than 16 MiB.",
        ),
        Ok(Ok(body)) => {
            let (decision, headers) = server.admit();
            hints = headers;
            match decision.admission {
                Admission::Refused { .. } => {
                    settings.shape.refusal(settings.refusal_status, &hints)
                }
                Admission::Accepted => {
                    let (response, delivery) =
                        accepted_response(settings, &parts, &body, decision.effect);
                    if let Some(FaultEffect::Stop(point, kind)) = decision.effect {
                        stop = Some((point, kind));
                    }
                    in_flight = Some(InFlight::new(Arc::clone(&server), delivery));
                    response
                }
            }
        }
    };

    // The connection follows the script while the HTTP library writes the response.
    delay(half_trip).await;
    let body_sent = if parts.method == Method::HEAD {
        0
    } else {
        response.body.len()
    };
    script.push(OutgoingResponse::new(body_sent, stop, in_flight));
    into_http(response, hints)
}

/// Returns the response to an accepted request. The delivery is `None` if a fault replaces the normal
/// response.
fn accepted_response(
    settings: Settings,
    parts: &http::request::Parts,
    body: &Bytes,
    effect: Option<FaultEffect>,
) -> (ApiResponse, Option<Delivery>) {
    match effect {
        Some(FaultEffect::Status(status)) => {
            let message = "An injected fault replaced the response.";
            let response = settings.shape.error(status, "injected_fault", message);
            (response, None)
        }
        Some(FaultEffect::Garbage) => (ApiResponse::garbage(), None),
        Some(FaultEffect::Stop(..)) | None => {
            let response = routes::respond(settings.shape, parts, body, settings.items);
            let delivery = Delivery {
                identity: Identity::new(parts, body),
                items: response.items.clone(),
            };
            (response, Some(delivery))
        }
    }
}

/// Waits for `duration`. A timer would take a millisecond even for a duration of zero.
async fn delay(duration: Duration) {
    if !duration.is_zero() {
        tokio::time::sleep(duration).await;
    }
}

/// Returns the response with its hints, as the HTTP library takes it.
fn into_http(response: ApiResponse, hints: HeaderMap) -> Response {
    let mut headers = response.headers;
    headers.extend(hints);
    if !response.body.is_empty() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    let mut sent = Response::new(Body::from(response.body));
    *sent.status_mut() = response.status;
    *sent.headers_mut() = headers;
    sent
}
