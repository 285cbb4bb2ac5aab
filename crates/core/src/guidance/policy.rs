//! Limits as a server announces them, and which of several is the binding one.

use std::time::Duration;

/// A limit that a server announces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// The server's name for it, if it has one: `daily`, `requests`, `input-tokens`.
    pub name: Option<Box<str>>,
    /// Amount that is allowed per window.
    pub limit: Option<u64>,
    /// Amount that is left; `None` means unknown, not 0.
    pub remaining: Option<u64>,
    /// Window that the limit counts in.
    pub window: Option<Duration>,
    /// Time from the response until the limit resets; zero if the reset has passed. A token bucket may
    /// announce when it is full, or when it allows one more request: `remaining` divided by this is not a
    /// rate.
    pub reset_after: Option<Duration>,
    /// Unit that the limit counts in.
    pub unit: Unit,
    /// Whether the window rolls, so that a reset can take its whole length and no longer.
    pub rolling: bool,
}

/// Unit that a limit counts in. Only a limit in requests can become a rate of requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unit {
    /// Requests. This is the default, for limits that name no unit.
    #[default]
    Requests,
    /// Bytes of content (draft-ietf-httpapi-ratelimit-headers, quota units).
    ContentBytes,
    /// Requests at the same time, which no wait is known for (same draft).
    ConcurrentRequests,
    /// A model's tokens.
    Tokens,
    /// Complexity, cost or points of queries.
    Complexity,
    /// Something else, under the server's own name.
    Other(Box<str>),
}

/// Longest name of a unit that is kept, in bytes. It is only displayed, and none in use is longer.
const LONGEST_NAME: usize = 64;

impl Unit {
    /// Returns the unit of that name (`qu` of the drafts).
    pub(super) fn named(name: &str) -> Self {
        match name {
            "requests" => Self::Requests,
            "content-bytes" => Self::ContentBytes,
            "concurrent-requests" => Self::ConcurrentRequests,
            "tokens" => Self::Tokens,
            "complexity" => Self::Complexity,
            other => Self::Other(start(other, LONGEST_NAME).into()),
        }
    }

    /// Returns the unit that the words of a dimension name, such as `input-tokens` or `tokens-minute`;
    /// requests if they name none.
    pub(super) fn of_dimension(dimension: &str) -> Self {
        const COUNTED: [&str; 9] = [
            "tokens",
            "complexity",
            "bytes",
            "points",
            "credits",
            "cost",
            "images",
            "units",
            "errors",
        ];
        if dimension
            .split('-')
            .any(|word| word.starts_with("concurren"))
        {
            return Self::ConcurrentRequests;
        }
        match dimension.split('-').find(|word| COUNTED.contains(word)) {
            Some(word) => Self::named(word),
            None if dimension.ends_with("-seconds") => Self::named(dimension),
            None => Self::Requests,
        }
    }

    /// Returns the unit's name as servers write it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Requests => "requests",
            Self::ContentBytes => "content-bytes",
            Self::ConcurrentRequests => "concurrent-requests",
            Self::Tokens => "tokens",
            Self::Complexity => "complexity",
            Self::Other(name) => name,
        }
    }
}

impl Policy {
    /// Returns whether nothing is left.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.remaining == Some(0)
    }
}

/// Returns the binding limit: the exhausted one with the latest reset; if none is exhausted, the one with the
/// least left, and among equals the one with the later reset.
pub(super) fn binding(policies: &[Policy]) -> Option<&Policy> {
    // An unknown reset counts as the earliest. Among equals, the longer window decides.
    let exhausted = policies.iter().filter(|policy| policy.is_exhausted());
    // `max_by_key` takes the last of equals, but the first one announced is the more general one.
    let exhausted = exhausted
        .rev()
        .max_by_key(|policy| (policy.reset_after, policy.window));
    let least = |policy: &&Policy| {
        (
            policy.remaining.unwrap_or(u64::MAX),
            std::cmp::Reverse(policy.reset_after),
        )
    };
    exhausted.or_else(|| policies.iter().min_by_key(least))
}

/// Returns the first `most` bytes of a text at most, ending between characters.
pub(super) fn start(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len()))
        .rev()
        .find(|&end| text.is_char_boundary(end));
    &text[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(remaining: Option<u64>, reset: Option<u64>) -> Policy {
        Policy {
            remaining,
            reset_after: reset.map(Duration::from_secs),
            ..Policy::default()
        }
    }

    #[test]
    fn the_exhausted_limit_with_the_latest_reset_binds() {
        let policies = [
            policy(Some(0), Some(20)),
            policy(Some(0), Some(1800)),
            policy(Some(0), None),
            policy(Some(5), Some(9999)),
        ];
        assert_eq!(binding(&policies), policies.get(1));
    }

    #[test]
    fn else_the_one_with_the_least_left_and_the_later_reset() {
        let policies = [
            policy(None, Some(9999)),
            policy(Some(7), Some(1)),
            policy(Some(5), Some(1)),
            policy(Some(5), Some(2)),
        ];
        assert_eq!(binding(&policies), policies.get(3));
        assert_eq!(binding(&policies[..1]), policies.first());
        assert_eq!(binding(&[]), None);
    }

    #[test]
    fn dimensions_name_what_is_counted() {
        for (dimension, unit) in [
            ("requests", "requests"),
            ("", "requests"),
            ("api-token", "requests"),
            ("endpoint-requests", "requests"),
            ("input-tokens", "tokens"),
            ("tokens-minute", "tokens"),
            ("complexity", "complexity"),
            ("audio-seconds", "audio-seconds"),
        ] {
            assert_eq!(Unit::of_dimension(dimension).as_str(), unit, "{dimension}");
        }
    }
}
