//! The log lines: target `api_ratelimiter`, with key-values.
//!
//! Each line is made from an event, except for two: a limiter was created, and an observer panicked.

use std::fmt;

use super::event::{Event, Observer};
use api_ratelimiter_core::config::ApiRateConfig;

/// The target of every log line.
pub(super) const TARGET: &str = "api_ratelimiter";

/// Logs that a limiter was created.
pub(crate) fn created(config: &ApiRateConfig) {
    log::debug!(
        target: TARGET,
        api = config.name.as_str(), rate = config.initial_rate, min_rate = config.min_rate, max_rate = config.max_rate;
        "{}: limiter created at {}/s, from {} to {}",
        config.name.escape_debug(), config.initial_rate, config.min_rate, config.max_rate
    );
}

/// Observer that writes the log lines. Each line contains the limiter's state after the event, so that a
/// single line explains the current speed.
pub(super) struct LogLines;

impl Observer for LogLines {
    fn on_event(&self, event: &Event) {
        let api = event.about().api.as_str();
        let name = api.escape_debug();
        match event {
            Event::Attempt {
                method,
                route,
                url,
                status,
                error,
                elapsed,
                waited,
                attempt,
                ..
            } => {
                let (target, status) = (target(route, url), *status);
                let (elapsed, waited) = (elapsed.as_secs_f64(), waited.as_secs_f64());
                log::trace!(
                    target: TARGET,
                    api, status, attempt, elapsed_seconds = elapsed, waited_seconds = waited;
                    "{name}: attempt {attempt}, {method} {target}{}{} after {elapsed:.3} s",
                    With(status), Because(error.as_deref())
                );
            }
            Event::GaveUp {
                method,
                route,
                url,
                error,
                attempts,
                waited,
                ..
            } => {
                let (target, error, waited) =
                    (target(route, url), error.as_str(), waited.as_secs_f64());
                log::debug!(
                    target: TARGET, api, attempts, error, waited_seconds = waited;
                    "{name}: gave up on {method} {target} after {attempts} attempts: {error}"
                );
            }
            Event::Cut {
                old_rate,
                new_rate,
                cooldown,
                status,
                standing,
                ..
            } => {
                let (cooldown, status) = (cooldown.as_secs_f64(), *status);
                let (ceiling, state) = (standing.learned_ceiling, standing.state.as_str());
                log::warn!(
                    target: TARGET,
                    api, old_rate, new_rate, cooldown_seconds = cooldown, status, ceiling, state;
                    "{name}: refused{}, rate cut from {old_rate:.3}/s to {new_rate:.3}/s, nothing sent for {cooldown:.1} s; {state}",
                    With(status)
                );
            }
            Event::Raised {
                old_rate,
                new_rate,
                standing,
                ..
            } => {
                let (ceiling, state) = (standing.learned_ceiling, standing.state.as_str());
                log::debug!(
                    target: TARGET, api, old_rate, new_rate, ceiling, state;
                    "{name}: rate raised from {old_rate:.3}/s to {new_rate:.3}/s; {state}"
                );
            }
            // The line of the cut contains the length of the pause.
            Event::CooldownBegan { by_cut: true, .. } => {}
            Event::CooldownBegan {
                cooldown,
                status,
                standing,
                ..
            } => {
                let (cooldown, status) = (cooldown.as_secs_f64(), *status);
                let (ceiling, state) = (standing.learned_ceiling, standing.state.as_str());
                log::debug!(
                    target: TARGET, api, cooldown_seconds = cooldown, status, ceiling, state;
                    "{name}: the server asks for a pause{}, nothing sent for {cooldown:.1} s; {state}",
                    With(status)
                );
            }
            Event::CooldownEnded { lasted, .. } => {
                let lasted = lasted.as_secs_f64();
                log::debug!(
                    target: TARGET, api, lasted_seconds = lasted;
                    "{name}: pause ended after {lasted:.1} s"
                );
            }
            Event::CeilingLearned { standing, .. }
            | Event::Probe { standing, .. }
            | Event::Blocked { standing, .. } => {
                let (ceiling, state) = (standing.learned_ceiling, standing.state.as_str());
                log::debug!(target: TARGET, api, ceiling, state; "{name}: {state}");
            }
            Event::MaxRateReached { standing, .. } => {
                let (rate, state) = (standing.current_rate, standing.state.as_str());
                log::info!(target: TARGET, api, rate, state; "{name}: {state}");
            }
            Event::BreakerOpened { next_trial, .. } => {
                let next_trial = next_trial.as_secs_f64();
                log::warn!(
                    target: TARGET, api, next_trial_seconds = next_trial;
                    "{name}: requests fail, circuit breaker opened; next trial in {next_trial:.1} s"
                );
            }
            Event::BreakerClosed { open_for, .. } => {
                let open_for = open_for.as_secs_f64();
                log::info!(
                    target: TARGET, api, open_for_seconds = open_for;
                    "{name}: requests succeed again, circuit breaker closed after {open_for:.1} s"
                );
            }
            Event::LimitsDisagree {
                announced_rate,
                learned_ceiling,
                ..
            } => {
                let (announced, ceiling) = (*announced_rate, *learned_ceiling);
                log::info!(
                    target: TARGET, api, announced, ceiling;
                    "{name}: the server announces {announced:.3}/s, but the learned limit is {ceiling:.3}/s; using the lower one"
                );
            }
            Event::LimitFound { limit, words, .. } => {
                let (count, window) = (limit.count, limit.window.as_secs_f64());
                log::info!(
                    target: TARGET, api, count, window_seconds = window;
                    "{name}: the API allows {words}"
                );
            }
            Event::LimitLost { words, .. } => {
                log::info!(target: TARGET, api; "{name}: the limit is no longer {words}");
            }
            Event::FleetLost { store, problem, .. } => {
                let store = store.as_str();
                log::warn!(
                    target: TARGET, api, store;
                    "{name}: the fleet's store {store} is unavailable: {}; retrying", problem.escape_debug()
                );
            }
            Event::FleetBack { store, .. } => {
                let store = store.as_str();
                log::info!(target: TARGET, api, store; "{name}: the fleet's store {store} is available again");
            }
            Event::MemoryFailed {
                operation,
                path,
                problem,
                ..
            } => {
                let path = path.as_str();
                let (access, effect) = if operation == "read" {
                    ("read", "this run starts without it")
                } else {
                    ("write", "the next run may start without it")
                };
                log::warn!(
                    target: TARGET, api, path;
                    "{name}: can't {access} what was learned: {path}: {problem}; {effect}"
                );
            }
            Event::BodyUnread {
                status,
                path,
                problem,
                ..
            } => {
                let (status, path) = (*status, path.as_str());
                log::warn!(
                    target: TARGET, api, status, path;
                    "{name}: the body of a {status}, in which {path} may announce a refusal, {problem}; refusals like it are not seen"
                );
            }
            Event::CredentialExposed { origin, .. } => {
                let origin = origin.as_str();
                log::warn!(
                    target: TARGET, api, origin;
                    "{name}: a credential is sent to {origin} without encryption; use https"
                );
            }
        }
    }
}

/// Returns the target of a request for a log line: its label, or else its address.
fn target<'a>(route: &'a Option<String>, url: &'a Option<String>) -> std::str::EscapeDebug<'a> {
    let shown = route.as_deref().or(url.as_deref());
    shown.unwrap_or_default().escape_debug()
}

/// Logs that an observer panicked. The observer still gets later events, but this line is logged only once.
pub(super) fn observer_panicked(api: &str) {
    log::error!(
        target: TARGET, api;
        "{}: an observer panicked; the request continues", api.escape_debug()
    );
}

/// Writes ` with status …`, if there is a status.
struct With(Option<u16>);

impl fmt::Display for With {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .map_or(Ok(()), |status| write!(f, " with status {status}"))
    }
}

/// Writes `: …`, if there is a reason.
struct Because<'a>(Option<&'a str>);

impl fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |reason| write!(f, ": {reason}"))
    }
}
