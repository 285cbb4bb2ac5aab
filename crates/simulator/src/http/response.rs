//! A response of the server as plain data.

use std::ops::Range;

use http::{HeaderMap, StatusCode};
use serde_json::Value;

/// Status, headers and body of a response. An empty body is sent without a content type.
#[derive(Debug)]
pub(super) struct ApiResponse {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// Items of the collection in the body.
    pub(super) items: Range<usize>,
}

impl ApiResponse {
    /// Returns a response without headers and items.
    pub(super) fn new(status: StatusCode, body: Vec<u8>) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body,
            items: 0..0,
        }
    }

    /// Returns a response with a JSON body.
    pub(super) fn json(status: StatusCode, body: &Value) -> Self {
        Self::new(status, body.to_string().into_bytes())
    }

    /// Returns a response with an invalid body: truncated JSON with bytes that are not UTF-8.
    pub(super) fn garbage() -> Self {
        Self::new(
            StatusCode::OK,
            b"{\"results\": [\xff\xfe\x00garbage".to_vec(),
        )
    }
}

/// Returns the status if it can end an exchange; `None` for informational and invalid ones.
pub(super) fn final_status(status: u16) -> Option<StatusCode> {
    StatusCode::from_u16(status)
        .ok()
        .filter(|_| (200..=599).contains(&status))
}
