//! What is said of a request that failed.

use api_ratelimiter::{Error, TransportKind};

/// The error's text without advice that only a program can follow, and with the cause where the text alone
/// does not tell it.
pub(crate) fn told(error: &Error) -> String {
    match error {
        Error::BodyTooLarge { request, limit, .. } => {
            format!("{request}: the body is longer than {} MiB", limit >> 20)
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
            let what = match kind {
                TransportKind::Tls => "TLS could not be set up",
                _ => "the request failed",
            };
            format!("{request}: {what}: {cause}")
        }
        _ => error.to_string(),
    }
}
