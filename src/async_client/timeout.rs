//! Timeouts of the async front.

use std::time::Duration;

use api_ratelimiter_core::error::{TimeoutPhase, TransportKind};
use api_ratelimiter_core::outcome::Failure;

/// Awaits `future` for at most `most`, and for at most the time `left` of the attempt.
pub(super) async fn within<T>(
    most: Duration,
    phase: TimeoutPhase,
    left: Option<Duration>,
    future: impl Future<Output = T>,
) -> Result<T, Failure> {
    let (bound, phase) = match left {
        Some(left) if left < most => (left, TimeoutPhase::Attempt),
        _ => (most, phase),
    };
    tokio::time::timeout(bound, future)
        .await
        .map_err(|_| timed_out(phase))
}

/// Returns the failure of an attempt whose timeout expired.
pub(super) fn timed_out(phase: TimeoutPhase) -> Failure {
    Failure {
        kind: TransportKind::Timeout(phase),
        source: None,
    }
}
