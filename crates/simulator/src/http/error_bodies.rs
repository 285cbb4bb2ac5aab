//! Refusals and errors of each vendor. [`Shape`] lists the sources.

use http::StatusCode;
use http::header::{HeaderMap, RETRY_AFTER};
use serde_json::json;

use super::hint::REMAINING;
use super::response::ApiResponse;
use super::shape::Shape;

impl Shape {
    /// Returns the vendor's status for refusals.
    pub(super) fn refusal_status(self) -> u16 {
        match self {
            Self::GitHub => 403,
            Self::Echo | Self::Notion | Self::Vanta | Self::Fieldguide => 429,
        }
    }

    /// Returns the response to a refused request. Some vendors repeat `hints` in the body.
    pub(super) fn refusal(self, status: StatusCode, hints: &HeaderMap) -> ApiResponse {
        match self {
            Self::Echo => {
                let message = "Too many requests. Please try again later.";
                self.error(status, "rate_limited", message)
            }
            Self::Notion => {
                let mut data = json!({"rate_limit_reason": "public_api_request_rate_limit"});
                // Notion repeats the seconds of the header as text.
                let seconds = hints.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
                if let Some(seconds) = seconds.filter(|text| text.parse::<u64>().is_ok()) {
                    data["retry_after"] = seconds.into();
                }
                let body = json!({
                    "object": "error", "status": status.as_u16(), "code": "rate_limited",
                    "message": "You have been rate limited. Please try again in a few minutes.",
                    "additional_data": data,
                });
                ApiResponse::json(status, &body)
            }
            Self::Vanta | Self::Fieldguide => self.error(status, "", "Too many requests"),
            Self::GitHub => {
                let primary = hints.get(REMAINING).is_some_and(|left| left == "0");
                let message = if primary {
                    "API rate limit exceeded for user ID 1."
                } else {
                    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
                };
                self.error(status, "", message)
            }
        }
    }

    /// Returns an error response. `code` appears in the shapes `echo` and `notion` only.
    pub(super) fn error(self, status: StatusCode, code: &str, message: &str) -> ApiResponse {
        let number = status.as_u16();
        let body = match self {
            Self::Echo | Self::Notion => {
                json!({"object": "error", "status": number, "code": code, "message": message})
            }
            Self::Vanta | Self::Fieldguide => json!({"message": message}),
            Self::GitHub => json!({
                "message": message,
                "documentation_url": "https://docs.github.com/rest",
                "status": number.to_string(),
            }),
        };
        ApiResponse::json(status, &body)
    }

    /// Returns the response to an invalid request.
    pub(super) fn invalid(self, message: &str) -> ApiResponse {
        self.error(StatusCode::BAD_REQUEST, "validation_error", message)
    }
}
