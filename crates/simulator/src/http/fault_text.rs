//! Text form of faults, like `cut:2%` or `status:503:1%@60s+30s`: parsing and display.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::fault::{Fault, FaultEffect, FaultError, StopKind, StopPoint};
use crate::duration_text::{DurationText, decimal, duration};

/// Examples of all forms, shown in errors.
const FORMS: &str = "cut:2% | cut-in-body:2% | reset:2% | reset-in-body:2% | slow:200ms:10% | \
                     slow-in-body:5s:1% | status:503:1% | garbage:1% | outage:60s+30s; all but \
                     the last also with a time, like cut:100%@60s+30s";

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let invalid = || {
            FaultError::new(format!(
                "{text:?} is not a valid fault (expected for example {FORMS})"
            ))
        };
        // The time of any fault, after `@`.
        let (what, time) = match text.trim().split_once('@') {
            Some((what, time)) => (what, Some(time_span(time).ok_or_else(invalid)?)),
            None => (text.trim(), None),
        };
        // An outage has its own form.
        if let Some(time) = what.strip_prefix("outage:") {
            let (from, length) = time_span(time)
                .filter(|_| text.trim() == what)
                .ok_or_else(invalid)?;
            return Ok(Self::outage(from, length));
        }
        // All others: a kind, an argument for some kinds, and a probability.
        let mut words = what.split(':');
        let kind = words.next().unwrap_or_default();
        let argument = match kind {
            "slow" | "slow-in-body" | "status" => Some(words.next().ok_or_else(invalid)?),
            _ => None,
        };
        let chance = match words.next() {
            Some(chance) => probability(chance).ok_or_else(invalid)?,
            None => 1.0,
        };
        if words.next().is_some() {
            return Err(invalid());
        }
        let fault = match (kind, argument) {
            ("cut", None) => Self::cut_before_response(chance),
            ("cut-in-body", None) => Self::cut_in_body(chance),
            ("reset", None) => Self::cut_before_response(chance).map(Self::by_reset),
            ("reset-in-body", None) => Self::cut_in_body(chance).map(Self::by_reset),
            ("garbage", None) => Self::garbage(chance),
            ("status", Some(status)) => {
                Self::status(status.parse().map_err(|_| invalid())?, chance)
            }
            ("slow", Some(time)) => {
                Self::stall_before_response(duration(time).ok_or_else(invalid)?, chance)
            }
            ("slow-in-body", Some(time)) => {
                Self::stall_in_body(duration(time).ok_or_else(invalid)?, chance)
            }
            _ => Err(invalid()),
        }?;
        Ok(match time {
            Some((from, length)) => fault.during(from, length),
            None => fault,
        })
    }
}

/// Reads `60s+30s`: the start of a time span and its length.
fn time_span(text: &str) -> Option<(Duration, Duration)> {
    let (from, length) = text.split_once('+')?;
    Some((duration(from)?, duration(length)?))
}

/// Reads `2%` or `0.02`. The constructors check that it is within 0 and 1.
fn probability(text: &str) -> Option<f64> {
    match text.strip_suffix('%') {
        Some(percent) => Some(decimal(percent)? / 100.0),
        None => decimal(text),
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(time), true) = (self.during, self.is_plain_outage()) {
            return write!(
                f,
                "outage:{}+{}",
                DurationText(time.from),
                DurationText(time.length)
            );
        }
        match self.effect {
            FaultEffect::Garbage => f.write_str("garbage")?,
            FaultEffect::Status(status) => write!(f, "status:{}", status.as_u16())?,
            FaultEffect::Stop(point, kind) => {
                f.write_str(match kind {
                    StopKind::Close => "cut",
                    StopKind::Reset => "reset",
                    StopKind::Stall(_) => "slow",
                })?;
                if point == StopPoint::InBody {
                    f.write_str("-in-body")?;
                }
                if let StopKind::Stall(duration) = kind {
                    write!(f, ":{}", DurationText(duration))?;
                }
            }
        }
        write!(f, ":{}", ProbabilityText(self.probability))?;
        match self.during {
            Some(time) => write!(
                f,
                "@{}+{}",
                DurationText(time.from),
                DurationText(time.length)
            ),
            None => Ok(()),
        }
    }
}

/// Displays a probability as a percentage where that is exact, else as a number.
struct ProbabilityText(f64);

impl fmt::Display for ProbabilityText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // As a float, 0.07 times 100 is slightly more than 7.
        let percent = (self.0 * 100.0 * 1e9).round() / 1e9;
        if percent / 100.0 == self.0 {
            write!(f, "{percent}%")
        } else {
            write!(f, "{}", self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fault(text: &str) -> Fault {
        text.parse().expect(text)
    }

    #[test]
    fn a_fault_is_displayed_as_it_was_written() {
        for text in [
            "cut:2%",
            "cut-in-body:0.5%",
            "reset:7%",
            "reset-in-body:100%",
            "slow:200ms:10%",
            "slow-in-body:90s:1%",
            "status:503:1%",
            "garbage:1%",
            "outage:60s+30s",
            "cut:100%@60s+1500ms",
            "status:500:100%@0s+1s",
        ] {
            assert_eq!(fault(text).to_string(), text);
        }
    }

    #[test]
    fn some_parts_have_defaults_and_other_forms() {
        assert_eq!(fault("slow:200ms"), fault("slow:0.2s:100%"));
        assert_eq!(fault(" cut:0.02 "), fault("cut:2%"));
        assert_eq!(fault("garbage"), fault("garbage:1"));
        assert_eq!(fault("status:503@1min+30s"), fault("outage:60s+30s"));
        assert_eq!(fault("reset:2%"), fault("cut:2%").by_reset());
    }

    #[test]
    fn invalid_faults_are_rejected() {
        for text in [
            "",
            ":",
            "2%",
            "cut:",
            "cut:%",
            "cut:2%:3%",
            "cut:-1%",
            "cut:inf",
            "cut:2%@",
            "cut:2%@60s",
            "cut:2%@60s+",
            "cut@60s+30s@1s+1s",
            "slow",
            "slow:10%",
            "slow:200",
            "status",
            "status:x",
            "status:70000",
            "outage",
            "outage:60s",
            "outage:60s+30s:5%",
            "outage:60s+30s@1s+1s",
            "melt:1%",
        ] {
            let error = text.parse::<Fault>().expect_err(text).to_string();
            assert!(
                error.contains("is not a valid fault (expected for example cut:2%"),
                "{error}"
            );
        }
        let error = |text: &str| text.parse::<Fault>().expect_err(text).to_string();
        assert_eq!(
            error("cut:200%"),
            "a probability must be within 0 and 1, not 2"
        );
        assert_eq!(
            error("status:100"),
            "a status must be within 200 and 599, not 100"
        );
    }

    proptest! {
        #[test]
        fn every_fault_round_trips_through_text(
            probability in 0.0..=1.0_f64,
            kind in 0..4,
            reset: bool,
            nanos: u64,
            time in proptest::option::of((0..u64::MAX, 0..u64::MAX)),
        ) {
            let nanos = Duration::from_nanos(nanos);
            let mut fault = match kind {
                0 => Fault::cut_before_response(probability),
                1 => Fault::cut_in_body(probability),
                2 => Fault::stall_in_body(nanos, probability),
                _ => Fault::status(503, probability),
            }.expect("valid");
            if reset {
                fault = fault.by_reset();
            }
            if let Some((from, length)) = time {
                fault = fault.during(Duration::from_nanos(from), Duration::from_nanos(length));
            }
            let text = fault.to_string();
            prop_assert_eq!(text.parse::<Fault>(), Ok(fault), "{}", text);
        }
    }
}
