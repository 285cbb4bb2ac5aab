//! One limit as a server announced it, and which of several is the one that binds.

use std::time::Duration;

/// A limit that a server announced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// What the server calls it, if anything: `daily`, `requests`, `input-tokens`.
    pub name: Option<Box<str>>,
    /// How much is allowed in a window.
    pub limit: Option<u64>,
    /// How much of it is left; `None` is unknown, not 0.
    pub remaining: Option<u64>,
    /// The window that the limit counts in.
    pub window: Option<Duration>,
    /// Time from the response until the limit resets; zero if the reset has passed. A token bucket may
    /// announce when it is full, or when it allows one more request: `remaining` divided by this is not a
    /// rate.
    pub reset_after: Option<Duration>,
    /// What it counts.
    pub unit: Unit,
    /// The window rolls, so that its length is the longest that a reset can take.
    pub rolling: bool,
}

/// What a limit counts: only one in requests may become a rate of requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unit {
    /// Requests, which is what a limit counts that does not say.
    #[default]
    Requests,
    /// Bytes of content (draft-ietf-httpapi-ratelimit-headers, quota units).
    ContentBytes,
    /// Requests at the same time, for which there is nothing to wait for (same draft).
    ConcurrentRequests,
    /// A model's tokens.
    Tokens,
    /// Complexity, cost or points of queries.
    Complexity,
    /// Something else, by the server's word.
    Other(Box<str>),
}

/// Longest name of a unit that is kept, in bytes: it is for showing, and none in use is longer.
const LONGEST_NAME: usize = 64;

impl Unit {
    /// The unit of that name (`qu` of the drafts).
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

    /// The unit that the words of a dimension end or begin with: `input-tokens`, `tokens-minute`;
    /// requests if they name none.
    pub(super) fn of_dimension(dimension: &str) -> Self {
        const COUNTED: [&str; 8] = [
            "tokens",
            "complexity",
            "bytes",
            "points",
            "credits",
            "cost",
            "images",
            "units",
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

    /// Its name as servers write it.
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
    /// Whether nothing is left of it.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.remaining == Some(0)
    }
}

/// The limit that decides: of the exhausted ones that with the latest reset, else the one with the least
/// left, the later reset deciding between equals.
pub(super) fn binding(policies: &[Policy]) -> Option<&Policy> {
    // A reset that is not told counts as earlier than any; among such, the longer window decides.
    let exhausted = policies.iter().filter(|policy| policy.is_exhausted());
    // `max_by_key` takes the last of equals, and the first announced is the more general one.
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

/// A text's first bytes, ending between characters.
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
