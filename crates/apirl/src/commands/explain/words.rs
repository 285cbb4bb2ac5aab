//! Explains in words a response and how a client handles it.

use std::fmt::Write as _;
use std::time::Duration;

use api_ratelimiter::guidance::{Guidance, Policy, Refusal, Scope, WaitSource};
use api_ratelimiter::{ApiRateConfig, Reader, Resend, Verdict};

use super::raw_response::RawResponse;
use crate::quantity::spoken;

/// Returns the whole text.
pub(super) fn explain(
    response: &RawResponse,
    guidance: &Guidance,
    config: &ApiRateConfig,
    reader: &Reader,
) -> String {
    let name = match config.name.as_str() {
        "" => "the default settings".to_owned(),
        name => format!("the settings of {name:?}"),
    };
    let mut text = format!(
        "\x1b[1m{}, read with the profile {}\x1b[0m\n",
        response.status,
        response.profile.name()
    );
    for line in announced(response, guidance) {
        let _ = writeln!(text, "  {line}");
    }
    let _ = writeln!(text, "\x1b[1mA client with {name}\x1b[0m");
    for line in reaction(guidance, config, reader.verdict(response.status, guidance)) {
        let _ = writeln!(text, "  {line}");
    }
    text
}

/// Returns what the response announces, one sentence per line.
fn announced(response: &RawResponse, guidance: &Guidance) -> Vec<String> {
    let mut lines = Vec::new();
    match guidance.refusal {
        Some(Refusal::Limit) => lines.push("It is a refusal: your limit is used up.".to_owned()),
        Some(Refusal::Overload) => {
            lines.push("It is a refusal: the server is overloaded, for all callers.".to_owned());
        }
        Some(Refusal::Quota) => lines.push(
            "It is a refusal: a quota of the account is used up, of a day, of its plan or of money."
                .to_owned(),
        ),
        _ => {}
    }
    if let Some(reason) = &guidance.reason {
        lines.push(format!("Reason, as the server names it: {:?}.", reason));
    }
    match guidance.scope {
        Some(Scope::Endpoint) => lines.push("It applies to this endpoint only.".to_owned()),
        Some(Scope::Everything) if guidance.refusal.is_none() => {
            lines.push("The limit that is used up applies to all your requests.".to_owned());
        }
        Some(Scope::Everything) => lines.push("It applies to all your requests.".to_owned()),
        _ => {}
    }
    if let Some(wait) = guidance.wait {
        let by = match guidance.source {
            Some(WaitSource::Header) => "a header asks for it",
            Some(WaitSource::Body) => "the body asks for it",
            Some(WaitSource::Reset) => "until the limit resets",
            Some(WaitSource::Window) => "at most; the window slides",
            _ => "it asks for it",
        };
        lines.push(format!("Wait {}: {by}.", spoken(wait)));
    }
    if let Some(least) = guidance.least_wait {
        lines.push(format!(
            "It names no wait; the vendor documents at least {}.",
            spoken(least)
        ));
    }
    lines.extend(
        guidance
            .policies
            .iter()
            .map(|policy| limit(response, policy)),
    );
    match guidance.retryable {
        Some(true) => lines.push("It says that a retry can succeed.".to_owned()),
        Some(false) => lines.push("A retry does not help.".to_owned()),
        None => {}
    }
    if let Some(unread) = guidance.unread {
        let problem = unread.problem;
        lines.push(format!(
            "A rule of the settings asks for its body, which {problem}."
        ));
    }
    if lines.is_empty() {
        lines.push("It announces nothing about limits.".to_owned());
    }
    lines
}

/// Returns one limit: `Limit "core": 5000 per 3600 s (1 h), 0 left, resets in 30 s (at 1767225630).`
fn limit(response: &RawResponse, policy: &Policy) -> String {
    let mut text = "Limit".to_owned();
    if let Some(name) = &policy.name {
        let _ = write!(text, " {name:?}");
    }
    let count = policy.limit.map_or_else(
        || "an unknown number of".to_owned(),
        |limit| limit.to_string(),
    );
    let _ = write!(text, ": {count} {}", policy.unit.as_str());
    if let Some(window) = policy.window {
        let _ = write!(text, " per {}", spoken(window));
    }
    if let Some(remaining) = policy.remaining {
        let _ = write!(text, ", {remaining} left");
    }
    if let Some(left) = policy.reset_after {
        let reset = response.now.saturating_add(left);
        let _ = write!(
            text,
            ", resets in {} (at {})",
            spoken(left),
            reset.as_secs()
        );
    }
    text.push('.');
    text
}

/// Returns what the client does, one line each.
fn reaction(guidance: &Guidance, config: &ApiRateConfig, verdict: Verdict) -> Vec<String> {
    let pause = match verdict {
        Verdict::Refused { pause, resend } => return refused(config, pause, resend),
        Verdict::Exhausted { pause, resend } => return exhausted(config, pause, resend),
        Verdict::Success { pause } => pause,
        _ => {
            return vec![
                "returns it to the caller; it shows nothing about the limit, so the rate stays."
                    .to_owned(),
            ];
        }
    };
    let mut lines = vec!["counts it as a success and returns it to the caller.".to_owned()];
    if let Some(wait) = pause.filter(|wait| !wait.is_zero()) {
        lines.push(format!(
            "holds its next requests for {} without lowering its rate: no quota is left.",
            spoken(wait)
        ));
        lines.extend(too_long(wait, config));
    } else if guidance.wait.is_some_and(|wait| !wait.is_zero()) {
        lines.push("does not pause: on a response like this the wait is only a hint.".to_owned());
    }
    lines
}

/// Returns what the client does with a refusal.
fn refused(config: &ApiRateConfig, pause: Option<Duration>, resend: Resend) -> Vec<String> {
    let mut lines =
        vec!["counts it as a refusal and slows down, once per burst of refusals.".to_owned()];
    match pause.filter(|wait| !wait.is_zero()) {
        Some(wait) => {
            lines.push(format!(
                "holds all its requests for {}, plus a random 0 to 10%.",
                spoken(wait)
            ));
            lines.extend(too_long(wait, config));
        }
        None => lines.push(match config.default_cooldown {
            Some(pause) => format!(
                "holds all its requests for {}, as configured, doubled for each refusal until a request succeeds.",
                spoken(pause)
            ),
            None => "holds all its requests for a pause that it learns, from 1 s to 60 s.".to_owned(),
        }),
    }
    lines.push(
        match resend {
            Resend::Always => "then retries it, whatever its method: it was not processed.",
            Resend::Never => "does not retry it: the caller gets the response.",
            _ => "then retries it if the request is idempotent (GET, PUT, DELETE, or marked as such).",
        }
        .to_owned(),
    );
    lines
}

/// Returns what the client does with a quota that is used up.
fn exhausted(config: &ApiRateConfig, pause: Option<Duration>, resend: Resend) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(wait) = pause {
        lines.push(format!(
            "holds its next requests for {} without lowering its rate: the quota renews then.",
            spoken(wait)
        ));
        lines.extend(too_long(wait, config));
    }
    lines.push(match resend {
        Resend::Always => "then retries it once.".to_owned(),
        _ => "does not retry it: the caller gets the error QuotaExhausted at once, and the rate stays.".to_owned(),
    });
    lines
}

/// Returns the line for a pause that is longer than callers wait.
fn too_long(wait: Duration, config: &ApiRateConfig) -> Option<String> {
    (wait > config.max_cooldown).then(|| {
        format!(
            "while more than max_cooldown, {}, of the pause is left, callers get the error CooldownTooLong at once.",
            spoken(config.max_cooldown)
        )
    })
}
