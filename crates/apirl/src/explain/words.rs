//! What an answer says and what a client does with it, in words.

use std::fmt::Write as _;
use std::time::Duration;

use api_ratelimiter::guidance::{Guidance, Policy, Refusal, Scope, WaitSource};
use api_ratelimiter::{ApiRateConfig, Reader, Resend, Verdict};

use super::answer::Answer;
use crate::quantity::spoken;

/// The whole text.
pub(super) fn explain(
    answer: &Answer,
    told: &Guidance,
    config: &ApiRateConfig,
    reader: &Reader,
) -> String {
    let name = match config.name.as_str() {
        "" => "the default settings".to_owned(),
        name => format!("the settings of {name:?}"),
    };
    let mut text = format!(
        "\x1b[1m{}, read as {} speaks\x1b[0m\n",
        answer.status,
        answer.profile.name()
    );
    for line in announced(answer, told) {
        let _ = writeln!(text, "  {line}");
    }
    let _ = writeln!(text, "\x1b[1mA client with {name}\x1b[0m");
    for line in reaction(told, config, reader.verdict(answer.status, told)) {
        let _ = writeln!(text, "  {line}");
    }
    text
}

fn announced(answer: &Answer, told: &Guidance) -> Vec<String> {
    let mut lines = Vec::new();
    match told.refusal {
        Some(Refusal::Limit) => lines.push("It refuses: a limit of yours is used up.".to_owned()),
        Some(Refusal::Overload) => {
            lines.push("It refuses: the server is overloaded, whoever asks.".to_owned());
        }
        _ => {}
    }
    if let Some(reason) = &told.reason {
        lines.push(format!("Its word for the reason: {:?}.", reason));
    }
    match told.scope {
        Some(Scope::Endpoint) => lines.push("Only this endpoint is meant.".to_owned()),
        Some(Scope::Everything) => lines.push("Everything that you send is meant.".to_owned()),
        _ => {}
    }
    if let Some(wait) = told.wait {
        let by = match told.source {
            Some(WaitSource::Header) => "a header asks for it",
            Some(WaitSource::Body) => "the body asks for it",
            Some(WaitSource::Reset) => "until the limit resets",
            Some(WaitSource::Window) => "at most: the window rolls",
            _ => "it asks for it",
        };
        lines.push(format!("Wait {}: {by}.", spoken(wait)));
    }
    if let Some(least) = told.least_wait {
        lines.push(format!(
            "It names no wait; the vendor documents at least {}.",
            spoken(least)
        ));
    }
    lines.extend(told.policies.iter().map(|policy| limit(answer, policy)));
    match told.retryable {
        Some(true) => lines.push("It says that sending again makes sense.".to_owned()),
        Some(false) => lines.push("Sending the same again does not help.".to_owned()),
        None => {}
    }
    if lines.is_empty() {
        lines.push("It says nothing about limits.".to_owned());
    }
    lines
}

/// One limit: `Limit "core": 5000 per 3600 s (1 h), 0 left, resets in 30 s (at 1767225630).`
fn limit(answer: &Answer, policy: &Policy) -> String {
    let mut text = "Limit".to_owned();
    if let Some(name) = &policy.name {
        let _ = write!(text, " {name:?}");
    }
    let count = policy
        .limit
        .map_or_else(|| "an untold number".to_owned(), |limit| limit.to_string());
    let _ = write!(text, ": {count} {}", policy.unit.as_str());
    if let Some(window) = policy.window {
        let _ = write!(text, " per {}", spoken(window));
    }
    if let Some(remaining) = policy.remaining {
        let _ = write!(text, ", {remaining} left");
    }
    if let Some(left) = policy.reset_after {
        let reset = answer.now.saturating_add(left);
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

/// What the client does.
fn reaction(told: &Guidance, config: &ApiRateConfig, verdict: Verdict) -> Vec<String> {
    let pause = match verdict {
        Verdict::Refused { pause, resend } => return refused(config, pause, resend),
        Verdict::Success { pause } => pause,
        _ => {
            return vec![
                "hands it to the caller; it says nothing about the limit, so the rate stays."
                    .to_owned(),
            ];
        }
    };
    let mut lines = vec!["takes it as a success and hands it to the caller.".to_owned()];
    if let Some(wait) = pause.filter(|wait| !wait.is_zero()) {
        lines.push(format!(
            "holds its next requests for {} without lowering its rate: nothing is left.",
            spoken(wait)
        ));
        lines.extend(too_long(wait, config));
    } else if told.wait.is_some_and(|wait| !wait.is_zero()) {
        lines.push("does not pause: on an answer like this the wait is only a hint.".to_owned());
    }
    lines
}

fn refused(config: &ApiRateConfig, pause: Option<Duration>, resend: Resend) -> Vec<String> {
    let mut lines =
        vec!["takes it as a refusal and slows down, once for a burst of them.".to_owned()];
    match pause.filter(|wait| !wait.is_zero()) {
        Some(wait) => {
            lines.push(format!(
                "holds all its requests for {}, with up to 10% on top by chance.",
                spoken(wait)
            ));
            lines.extend(too_long(wait, config));
        }
        None => lines.push(match config.default_cooldown {
            Some(pause) => format!(
                "holds all its requests for {}, as configured, doubled while nothing gets through.",
                spoken(pause)
            ),
            None => "holds all its requests for a pause of its own, from 1 s to 60 s.".to_owned(),
        }),
    }
    lines.push(
        match resend {
            Resend::Always => "sends it again then, whatever its method: it was not processed.",
            Resend::Never => "does not send it again: the caller gets the answer.",
            _ => "sends it again then, if that does no harm (GET, PUT, DELETE, or marked as idempotent).",
        }
        .to_owned(),
    );
    lines
}

/// A pause that nobody is made to sleep through.
fn too_long(wait: Duration, config: &ApiRateConfig) -> Option<String> {
    (wait > config.max_cooldown).then(|| {
        format!(
            "while more than max_cooldown, {}, of that is left, callers get the error CooldownTooLong at once.",
            spoken(config.max_cooldown)
        )
    })
}
