//! The sentences about a measurement.

use std::fmt::Write as _;
use std::time::Duration;

use super::announced::AnnouncedLimit;
use super::course::Ending;
use super::findings::{Findings, LongestRefusal, RateFound};
use crate::quantity::{counted, rough, spoken};

/// Share of a bound from which on the run was at it.
const NEARLY: f64 = 0.9;

/// Shortest time that is not shown as zero.
const SHOWN: Duration = Duration::from_millis(50);

/// What the run could not have gone beyond.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reach {
    /// Requests per second.
    pub(super) max_rate: f64,
    pub(super) concurrency: u32,
}

/// Returns the reason for the end of the run.
pub(super) fn why(ending: &Ending) -> String {
    match ending {
        Ending::Window => "the limit is known: it was seen three times".to_owned(),
        Ending::Rate => "two tests in a row found the learned rate where it was".to_owned(),
        Ending::AnnouncedHeld => {
            "the announced limit held for three windows, and nothing was refused".to_owned()
        }
        Ending::AnnouncedSpared => {
            "more would use up an announced limit that comes back late".to_owned()
        }
        Ending::Time => "the time is over".to_owned(),
        Ending::Refusals => "as many requests were refused as --most-refusals allows".to_owned(),
        Ending::Interrupted => "it was interrupted".to_owned(),
        Ending::Pause(wait) => {
            format!(
                "the server asks for a pause of {}, longer than the time left; come back then",
                rough(*wait)
            )
        }
        Ending::Failure { problem, .. } => format!("a request failed, not by a limit: {problem}"),
    }
}

/// Returns what was found without an announcement.
pub(super) fn found(findings: &Findings) -> Vec<String> {
    let Findings {
        accepted, refused, ..
    } = findings;
    let mut lines = Vec::new();
    if let Some(limit) = &findings.limit {
        lines.push(format!("{limit}."));
    }
    match (&findings.rate, findings.average) {
        _ if findings.limit.is_some() => {}
        // Between windows of refusals an estimate says less than nothing.
        (Some(rate), average) if !findings.shows_windows => lines.push(learned(rate, average)),
        (_, Some(average)) => lines.push(format!(
            "{average} requests per second were accepted on average from the first refusal to the last."
        )),
        _ => {}
    }
    if *refused > 0 && something_was_left(findings) {
        lines.push(
            "Requests were refused although something was left of what is announced: there is another limit, which is \
             not announced."
                .to_owned(),
        );
    }
    if *refused == 0 && *accepted > 0 {
        lines.push(format!(
            "Nothing was refused, up to {} in a second and {} in {}.",
            counted(findings.busiest_second, "request"),
            counted(*accepted, "request"),
            spoken_roughly(findings.seconds)
        ));
    }
    // With the law these follow from it.
    if findings.limit.is_none() {
        if let Some(before) = findings.before_refusal {
            lines.push(format!(
                "{} accepted before the first refusal, within {}.",
                were(before.requests),
                spoken_roughly(before.seconds)
            ));
        }
        lines.extend(findings.longest_refusal.map(refusal));
    }
    lines
}

/// Returns whether limits are announced, and something was left of each of them at all times.
fn something_was_left(findings: &Findings) -> bool {
    let announced = &findings.announced;
    let left = |limit: &AnnouncedLimit| limit.fewest_left.is_some_and(|left| left > 0);
    !announced.is_empty() && announced.iter().all(left)
}

fn were(requests: u64) -> String {
    match requests {
        1 => "1 request was".to_owned(),
        _ => format!("{requests} requests were"),
    }
}

/// Returns the learned rate with its interval.
fn learned(rate: &RateFound, average: Option<f64>) -> String {
    let RateFound {
        per_second,
        from,
        to,
        estimates,
        tests,
    } = rate;
    let mut text = match to > from {
        true => format!("Between {from} and {to} requests per second: "),
        false => format!("About {per_second} requests per second: "),
    };
    if let Some(average) = average {
        let _ = write!(
            text,
            "{average} were accepted on average from the first refusal to the last, "
        );
    }
    let _ = match estimates {
        1 => write!(text, "the only estimate is {per_second}"),
        _ => write!(text, "the last of {estimates} estimates is {per_second}"),
    };
    text.push_str(match tests {
        0 => ", which no test has confirmed.",
        1 => ", which a test has confirmed.",
        _ => ", which tests have confirmed.",
    });
    text
}

fn refusal(longest: LongestRefusal) -> String {
    let LongestRefusal { from, to } = longest;
    match to.map(spoken_roughly) {
        Some(to) if from < SHOWN => {
            format!("After a refusal nothing was accepted for at most {to}.")
        }
        Some(to) => format!(
            "After a refusal nothing was accepted for {} to {to}, at the longest.",
            spoken_roughly(from)
        ),
        None if from < SHOWN => "At the end requests were refused.".to_owned(),
        None => format!(
            "At the end requests had been refused for {} or more.",
            spoken_roughly(from)
        ),
    }
}

/// Returns what is not known, and why.
pub(super) fn unknown(findings: &Findings, ending: &Ending, reach: Reach) -> Vec<String> {
    let (is_announced, is_refused) = (!findings.announced.is_empty(), findings.refused > 0);
    let mut lines = Vec::new();
    if findings.accepted == 0 {
        return vec!["Whether there is a limit: no request was accepted.".to_owned()];
    }
    match (is_refused, is_announced) {
        (false, false) => lines.push(above(findings, reach)),
        (false, true) => lines.push(
            "Whether there is a limit beside the announced ones: the run kept to these.".to_owned(),
        ),
        (true, false) => {}
        (true, true) if something_was_left(findings) => {}
        (true, true) => lines.push(
            "Whether the refusals came from an announced limit, or from one that is not announced."
                .to_owned(),
        ),
    }
    if is_refused && findings.limit.is_none() {
        lines.push(undecided(findings, ending));
        let shows_rate = findings.rate.is_some() && !findings.shows_windows;
        if shows_rate && findings.in_flight >= reach.concurrency {
            lines.push(format!(
                "Whether the rate is higher: at times all {} of --concurrency were in flight.",
                counted(reach.concurrency.into(), "request")
            ));
        }
        if let Ending::Refusals | Ending::Time | Ending::Interrupted = ending {
            lines.push(
                "More time and more refusals may show it, such as --for 15m --most-refusals 40."
                    .to_owned(),
            );
        }
    }
    lines
}

/// Returns why nothing is known of the law of refusals.
fn undecided(findings: &Findings, ending: &Ending) -> String {
    let text = match (&findings.rate, ending) {
        (_, Ending::Pause(_)) => {
            "How the server counts: perhaps in windows as long as the pause that it asks for."
        }
        _ if findings.shows_windows => {
            "How the server counts: refusals lasted as with a limit in windows, of which too few were seen."
        }
        (Some(_), _) => {
            "How the server counts: a bucket, a window of a few seconds and a limit of requests in flight look alike. So \
             does strict even pacing, of which a client gets less than all."
        }
        (None, _) => "The limit: there were too few refusals to tell.",
    };
    text.to_owned()
}

/// Returns the sentence on a limit that was not met.
fn above(findings: &Findings, reach: Reach) -> String {
    let busiest = findings.busiest_second;
    let in_flight = counted(findings.in_flight.into(), "request");
    let mut text = format!(
        "The limit, if there is one, is above {} in a second and {} in {}: ",
        counted(busiest, "request"),
        counted(findings.accepted, "request"),
        spoken_roughly(findings.seconds)
    );
    let max_rate = reach.max_rate;
    let _ = if busiest as f64 >= NEARLY * max_rate {
        write!(
            text,
            "the run goes no faster than {max_rate}/s, its --max-rate"
        )
    } else if findings.in_flight >= reach.concurrency {
        write!(
            text,
            "{in_flight} in flight, its --concurrency, were no faster"
        )
    } else {
        write!(
            text,
            "it had no more than {in_flight} in flight until its end"
        )
    };
    text.push('.');
    text
}

/// Returns an announced limit: `"core": 5000 requests per 3600 s (60 min); 4690 were left at the least.`
pub(super) fn announced(limit: &AnnouncedLimit) -> String {
    let AnnouncedLimit {
        name,
        unit,
        limit,
        window,
        longest_reset,
        fewest_left,
    } = limit;
    let mut text = String::new();
    if let Some(name) = name {
        let _ = write!(text, "{name:?}: ");
    }
    let unit = unit.escape_debug();
    let _ = match limit {
        Some(limit) => write!(text, "{limit} {unit}"),
        None => write!(text, "an unknown number of {unit}"),
    };
    let _ = match (window, longest_reset) {
        (Some(window), _) => write!(text, " per {}", spoken(*window)),
        (None, Some(reset)) => write!(
            text,
            "; its window is not announced, its farthest reset was {} away",
            spoken_roughly(*reset)
        ),
        (None, None) => write!(text, "; its window is not announced"),
    };
    if let Some(left) = fewest_left {
        let _ = write!(text, "; {left} were left at the least");
    }
    text.push('.');
    text
}

/// Returns a measured time: to a tenth of a second if it is short.
pub(super) fn spoken_roughly(duration: Duration) -> String {
    match duration.as_secs() {
        ..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..120 => format!("{:.0} s", duration.as_secs_f64()),
        120..7200 => format!("{:.0} min", duration.as_secs_f64() / 60.0),
        _ => format!("{:.1} h", duration.as_secs_f64() / 3600.0),
    }
}
