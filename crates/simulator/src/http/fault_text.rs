//! Faults as text: `cut:2%`, `status:503:1%@60s+30s` and their like, both ways.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::fault::{Act, Fault, FaultError, Harm, Place};
use crate::limit::{Length, decimal, duration};

/// What is shown when a text is not understood: one example of each form.
const FORMS: &str = "cut:2% | cut-in-body:2% | reset:2% | reset-in-body:2% | slow:200ms:10% | \
                     slow-in-body:5s:1% | status:503:1% | garbage:1% | outage:60s+30s, each but the \
                     last also with a time, cut:100%@60s+30s";

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let not_understood = || {
            FaultError::new(format!(
                "{text:?} is not a fault; it should be like {FORMS}"
            ))
        };
        let (what, time) = match text.trim().split_once('@') {
            Some((what, time)) => (what, Some(stretch(time).ok_or_else(not_understood)?)),
            None => (text.trim(), None),
        };
        if let Some(time) = what.strip_prefix("outage:") {
            let (from, length) = stretch(time)
                .filter(|_| text.trim() == what)
                .ok_or_else(not_understood)?;
            return Ok(Self::outage(from, length));
        }
        let mut words = what.split(':');
        let kind = words.next().unwrap_or_default();
        let argument = match kind {
            "slow" | "slow-in-body" | "status" => Some(words.next().ok_or_else(not_understood)?),
            _ => None,
        };
        let chance = match words.next() {
            Some(chance) => probability(chance).ok_or_else(not_understood)?,
            None => 1.0,
        };
        if words.next().is_some() {
            return Err(not_understood());
        }
        let fault = match (kind, argument) {
            ("cut", None) => Self::cut_before_answer(chance),
            ("cut-in-body", None) => Self::cut_in_body(chance),
            ("reset", None) => Self::cut_before_answer(chance).map(Self::by_reset),
            ("reset-in-body", None) => Self::cut_in_body(chance).map(Self::by_reset),
            ("garbage", None) => Self::garbage(chance),
            ("status", Some(status)) => {
                Self::status(status.parse().map_err(|_| not_understood())?, chance)
            }
            ("slow", Some(time)) => {
                Self::stall_before_answer(duration(time).ok_or_else(not_understood)?, chance)
            }
            ("slow-in-body", Some(time)) => {
                Self::stall_in_body(duration(time).ok_or_else(not_understood)?, chance)
            }
            _ => Err(not_understood()),
        }?;
        Ok(match time {
            Some((from, length)) => fault.during(from, length),
            None => fault,
        })
    }
}

/// `60s+30s`: from when on, and how long.
fn stretch(text: &str) -> Option<(Duration, Duration)> {
    let (from, length) = text.split_once('+')?;
    Some((duration(from)?, duration(length)?))
}

/// `2%` or `0.02`; whether it is within 0 and 1 is for the constructors to say.
fn probability(text: &str) -> Option<f64> {
    match text.strip_suffix('%') {
        Some(percent) => Some(decimal(percent)? / 100.0),
        None => decimal(text),
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(time), true) = (self.during, self.is_plain_outage()) {
            return write!(f, "outage:{}+{}", Length(time.from), Length(time.length));
        }
        match self.harm {
            Harm::Garbage => f.write_str("garbage")?,
            Harm::Status(status) => write!(f, "status:{}", status.as_u16())?,
            Harm::Stop(place, act) => {
                f.write_str(match act {
                    Act::Close => "cut",
                    Act::Reset => "reset",
                    Act::Stall(_) => "slow",
                })?;
                if place == Place::InBody {
                    f.write_str("-in-body")?;
                }
                if let Act::Stall(duration) = act {
                    write!(f, ":{}", Length(duration))?;
                }
            }
        }
        write!(f, ":{}", Chance(self.probability))?;
        match self.during {
            Some(time) => write!(f, "@{}+{}", Length(time.from), Length(time.length)),
            None => Ok(()),
        }
    }
}

/// A probability in per cent where that is exact, else as it is.
struct Chance(f64);

impl fmt::Display for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // 0.07 times 100 is a little more than 7 in floats.
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
    fn the_text_of_a_fault_is_given_back_as_it_was() {
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
    fn what_may_be_left_out_or_written_otherwise() {
        assert_eq!(fault("slow:200ms"), fault("slow:0.2s:100%"));
        assert_eq!(fault(" cut:0.02 "), fault("cut:2%"));
        assert_eq!(fault("garbage"), fault("garbage:1"));
        assert_eq!(fault("status:503@1min+30s"), fault("outage:60s+30s"));
        assert_eq!(fault("reset:2%"), fault("cut:2%").by_reset());
    }

    #[test]
    fn what_is_not_a_fault_is_refused() {
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
            assert!(error.contains("should be like cut:2%"), "{error}");
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
        fn every_fault_survives_its_text(
            probability in 0.0..=1.0_f64,
            kind in 0..4,
            reset: bool,
            nanos: u64,
            time in proptest::option::of((0..u64::MAX, 0..u64::MAX)),
        ) {
            let nanos = Duration::from_nanos(nanos);
            let mut fault = match kind {
                0 => Fault::cut_before_answer(probability),
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
