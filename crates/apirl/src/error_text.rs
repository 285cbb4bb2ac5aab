//! The text of an error in a line of output.

use api_ratelimiter::{Error, TransportKind};

use crate::quantity::shown_size;

/// Returns the error's text, with the cause if the text alone does not name it. Advice for programmers is left out.
pub(crate) fn error_text(error: &Error) -> String {
    match error {
        Error::BodyTooLarge { request, limit, .. } => {
            format!("{request}: the body is longer than {}", shown_size(*limit))
        }
        Error::BackoffExhausted {
            request,
            attempts,
            waited,
            reply,
            ..
        } => format!(
            "{request}: still refused after {attempts} attempts ({}), waited {waited:.1?} in all",
            reply.status()
        ),
        Error::Transport {
            request,
            kind: kind @ (TransportKind::Tls | TransportKind::Other),
            source: Some(cause),
            ..
        } => {
            let problem = match kind {
                TransportKind::Tls => "TLS could not be set up",
                _ => "the request failed",
            };
            format!("{request}: {problem}: {cause}")
        }
        _ => error.to_string(),
    }
}
