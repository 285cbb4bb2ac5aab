//! Names of headers: the grammar of rate-limit fields.
//!
//! Vendors agree on the words and on nothing else: `X-RateLimit-Limit`, `x-rate-limit-limit`,
//! `RateLimit-Limit`, `X-Rate-Limit`, `x-ratelimit-limit-requests`, `anthropic-ratelimit-requests-limit`,
//! `X-RateLimit-Remaining-Minute`, `x-rate-limit-api-token-interval-ms`. So names are parsed, not listed: a
//! prefix, the marker, and words after it. Some words name the field, some a unit or a window, and the others
//! the *dimension*, which is what is limited.

use super::wait_name::{self, unit_of};
use crate::duration;
use crate::number::{SECOND, split_digits};

/// Words that mark a header as one about limits.
const MARKERS: [&str; 4] = ["ratelimit", "rate-limit", "rate_limit", ERROR_MARKER];

/// Marker of a limit that counts failed requests, not all of them: EVE's `X-Esi-Error-Limit-Remain`
/// (developers.eveonline.com, error limit).
const ERROR_MARKER: &str = "error-limit";

/// Dimension of such a limit.
const ERRORS: &str = "errors";

/// Prefixes that name what is limited (Riot's `X-App-Rate-Limit`). Others name the vendor
/// (`X-HubSpot-RateLimit-Max`).
const SCOPES: [&str; 17] = [
    "account",
    "app",
    "application",
    "client",
    "endpoint",
    "global",
    "ip",
    "method",
    "org",
    "organization",
    "project",
    "read",
    "service",
    "tenant",
    "user",
    "workspace",
    "write",
];

/// Contents of a header. If a name has words for several, the one that is later here counts:
/// `X-RateLimit-Limit-Count`, `X-RateLimit-Quota-Remaining`, `X-RateLimit-Window-Reset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Field {
    /// The name does not say: `RateLimit`, `X-Rate-Limit`, `X-HubSpot-RateLimit-Daily`.
    Unnamed,
    /// Amount that was used: `-Used`, `-Usage`, `-Count`, `-Observed`.
    Used,
    /// Amount that is allowed: `-Limit`, `-Max`, `-Quota`.
    Limit,
    /// Length of the window, which may or may not roll: `-Period`, `-Window`.
    Window,
    /// Length of the rolling window: `-Interval`.
    Interval,
    /// Amount that comes back in an interval, which then is not a window: Atlassian's `-FillRate`.
    Refill,
    /// Amount that is left: `-Remaining`.
    Remaining,
    /// Instant at which the limit resets: `-ResetTime`, `-Reset-At`.
    ResetAt,
    /// Reset in any form: `-Reset`.
    Reset,
    /// Time until the limit resets: `-Reset-After`.
    ResetAfter,
    /// Time until one more request is allowed: Akamai's `X-RateLimit-Next`.
    Next,
    /// Limits in force: `-Policy`.
    Policy,
    /// Wait: `-Retry-After`.
    RetryAfter,
}

/// Words that name fields.
const FIELDS: &[(&[&str], Field)] = &[
    (
        &["used", "usage", "count", "observed", "consumed"],
        Field::Used,
    ),
    (
        &["limit", "max", "maximum", "quota", "total", "capacity"],
        Field::Limit,
    ),
    (&["window", "period", "duration"], Field::Window),
    (&["interval"], Field::Interval),
    (&["fillrate"], Field::Refill),
    (
        &["remaining", "remain", "left", "available"],
        Field::Remaining,
    ),
    (&["resettime", "resetat"], Field::ResetAt),
    (&["reset", "resets"], Field::Reset),
    (&["resetafter", "resetin"], Field::ResetAfter),
    (&["next"], Field::Next),
    (&["policy", "policies"], Field::Policy),
    (&["retryafter"], Field::RetryAfter),
];

/// Words after `reset` that make it an instant.
const INSTANTS: [&str; 9] = [
    "at",
    "time",
    "date",
    "datetime",
    "timestamp",
    "on",
    "epoch",
    "unix",
    "utc",
];
/// Words after `reset` that make it a time from now.
const DIFFERENCES: [&str; 2] = ["after", "in"];

/// A parsed name of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name<'a> {
    /// The name up to the end of the marker. Headers with another beginning belong to another family, such as
    /// those of a gateway and of the server behind it.
    pub(super) family: &'a str,
    /// The prefix, if it names what is limited.
    scope: Option<&'a str>,
    /// The thing that is limited, joined by `-`; empty if the name does not say.
    pub(super) dimension: String,
    /// Contents of the header.
    pub(super) field: Field,
    /// Unit of a time, in nanoseconds, if the name has one.
    pub(super) unit: Option<i128>,
    /// Window in nanoseconds, if the dimension names one (`daily`, `minute`, `24hour`).
    pub(super) window: Option<i128>,
}

/// Parses a name in lower case, as `http` keeps it; `None` if it is not about limits.
///
/// `markers` are a vendor's own words in addition to `ratelimit`. `Beta-*` announces future limits, which
/// must not be obeyed (Atlassian).
pub(super) fn read<'a>(name: &'a str, markers: &[&str]) -> Option<Name<'a>> {
    // Split the name at its marker: a prefix, the family and the words after it.
    let find = |marker: &&str| name.find(marker).map(|at| (at, marker.len()));
    let (at, length) = MARKERS.iter().chain(markers).find_map(find)?;
    let (family, behind) = name.split_at(at + length);
    let mut front = words(&name[..at]);
    if front.clone().any(|word| word == "beta") {
        return None;
    }
    let scope = front.next_back().filter(|word| SCOPES.contains(word));
    let mut read = Name {
        family,
        scope,
        dimension: String::new(),
        field: Field::Unnamed,
        unit: None,
        window: None,
    };
    if family.ends_with(ERROR_MARKER) {
        read.dimension.push_str(ERRORS);
    }

    // Each word is a field, alone or with the next word, or a unit; any other word is part of the dimension.
    let mut words = words(behind).peekable();
    while let Some(word) = words.next() {
        let next = words.peek().copied();
        let field = match next {
            Some("after") if word == "retry" => Some(Field::RetryAfter),
            Some(next) if is_reset(word) && DIFFERENCES.contains(&next) => Some(Field::ResetAfter),
            Some(next) if is_reset(word) && INSTANTS.contains(&next) => Some(Field::ResetAt),
            // BigCommerce's `Time-Window` and `Time-Reset`.
            Some(next) if word == "time" => field_of(next).filter(|field| field.is_time()),
            Some("size" | "length") if field_of(word) == Some(Field::Window) => Some(Field::Window),
            _ => None,
        };
        if let Some(field) = field {
            words.next();
            read.field = read.field.max(field);
        } else if let Some(field) = field_of(word) {
            read.field = read.field.max(field);
        } else if let Some((thing, field)) = compound(word) {
            read.field = read.field.max(field);
            read.window = read.window.or_else(|| window_of(thing));
            push(&mut read.dimension, thing);
        } else if let Some(unit) = unit_of(word).filter(|_| read.field.is_time()) {
            read.unit = Some(unit);
        } else {
            read.window = read.window.or_else(|| window_of(word));
            push(&mut read.dimension, word);
        }
    }
    // `X-RateLimit-Retry-After-Reason` is about a wait, but is none.
    let is_another = read.field == Field::RetryAfter && !wait_name::is_wait(behind);
    (!is_another).then_some(read)
}

/// Splits a name into words. Some servers write underscores (GoCardless's `http_x_ratelimit_reset`).
fn words(text: &str) -> impl DoubleEndedIterator<Item = &str> + Clone {
    text.split(['-', '_']).filter(|word| !word.is_empty())
}

impl Name<'_> {
    /// Returns the name of the limit: its dimension, else the prefix if that names a scope.
    pub(super) fn policy(&self) -> Option<&str> {
        if self.dimension.is_empty() {
            self.scope
        } else {
            Some(&self.dimension)
        }
    }

    /// Returns whether the name contains nothing but the marker and a window. Only then may a header that
    /// does not say what it contains contain a limit; `X-RateLimit-Bucket` and `X-RateLimit-Cost` do not.
    pub(super) fn is_plain(&self) -> bool {
        self.dimension.is_empty() || window_of(&self.dimension).is_some()
    }
}

impl Field {
    /// Returns the field that a key inside a line names: `limit=100`, `total=100`, `resets=41`.
    pub(super) fn of_key(key: &str) -> Option<Self> {
        let field = if key == "w" {
            Some(Self::Window)
        } else {
            field_of(key)
        };
        let known = [
            Self::Limit,
            Self::Used,
            Self::Remaining,
            Self::Window,
            Self::Reset,
        ];
        field.filter(|field| known.contains(field))
    }

    /// Returns whether it is a time, so that `seconds` after it is a unit and not what is limited.
    fn is_time(self) -> bool {
        matches!(
            self,
            Self::Window
                | Self::Interval
                | Self::ResetAt
                | Self::Reset
                | Self::ResetAfter
                | Self::Next
                | Self::RetryAfter
        )
    }
}

/// Returns the field that a single word names.
fn field_of(word: &str) -> Option<Field> {
    FIELDS
        .iter()
        .find(|(words, _)| words.contains(&word))
        .map(|&(_, field)| field)
}

/// Splits a word that is made of a dimension and a field: Imgur's `UserRemaining`, Sentry's
/// `ConcurrentLimit`.
fn compound(word: &str) -> Option<(&str, Field)> {
    ["limit", "remaining", "reset"].iter().find_map(|end| {
        let thing = word.strip_suffix(end).filter(|thing| !thing.is_empty())?;
        Some((thing, field_of(end)?))
    })
}

/// Returns whether a word names a reset.
fn is_reset(word: &str) -> bool {
    field_of(word) == Some(Field::Reset)
}

/// Returns the window that a word names: `second`, `daily`, `1m`, `24hour`. The plural of something that is
/// counted is not a window (Groq limits `audio-seconds`).
fn window_of(word: &str) -> Option<i128> {
    if split_digits(word).is_some() {
        return duration::nanos(word);
    }
    let counted = word.len() < 3 || word.ends_with('s');
    duration::unit_nanos(word).filter(|unit| !counted && *unit >= SECOND)
}

/// Appends a word to words joined by `-`.
fn push(words: &mut String, word: &str) {
    if !words.is_empty() {
        words.push('-');
    }
    words.push_str(word);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::MILLISECOND;

    #[test]
    fn names_of_every_family_are_understood() {
        let expected = [
            ("x-ratelimit-limit", "x-ratelimit", "", Field::Limit),
            ("x-rate-limit-limit", "x-rate-limit", "", Field::Limit),
            ("ratelimit-remaining", "ratelimit", "", Field::Remaining),
            ("x-rate-limit", "x-rate-limit", "", Field::Unnamed),
            ("ratelimit", "ratelimit", "", Field::Unnamed),
            ("ratelimit-policy", "ratelimit", "", Field::Policy),
            ("x-ratelimitremaining", "x-ratelimit", "", Field::Remaining),
            (
                "x-ratelimit-limit-requests",
                "x-ratelimit",
                "requests",
                Field::Limit,
            ),
            (
                "x-ratelimit-reset-project-tokens",
                "x-ratelimit",
                "project-tokens",
                Field::Reset,
            ),
            (
                "x-ratelimit-limit-audio-seconds",
                "x-ratelimit",
                "audio-seconds",
                Field::Limit,
            ),
            (
                "anthropic-ratelimit-input-tokens-remaining",
                "anthropic-ratelimit",
                "input-tokens",
                Field::Remaining,
            ),
            (
                "x-ratelimit-remaining-minute",
                "x-ratelimit",
                "minute",
                Field::Remaining,
            ),
            (
                "x-hubspot-ratelimit-daily",
                "x-hubspot-ratelimit",
                "daily",
                Field::Unnamed,
            ),
            (
                "x-hubspot-ratelimit-daily-remaining",
                "x-hubspot-ratelimit",
                "daily",
                Field::Remaining,
            ),
            (
                "x-hubspot-ratelimit-interval-milliseconds",
                "x-hubspot-ratelimit",
                "",
                Field::Interval,
            ),
            (
                "x-rate-limit-api-token-interval-ms",
                "x-rate-limit",
                "api-token",
                Field::Interval,
            ),
            (
                "x-ratelimit-reset-after",
                "x-ratelimit",
                "",
                Field::ResetAfter,
            ),
            ("ratelimit-resettime", "ratelimit", "", Field::ResetAt),
            ("x-ratelimit-reset-ms", "x-ratelimit", "", Field::Reset),
            ("x-ratelimit-window-size", "x-ratelimit", "", Field::Window),
            (
                "x-ratelimit-retry-after",
                "x-ratelimit",
                "",
                Field::RetryAfter,
            ),
            (
                "x-ratelimit-quota-remaining",
                "x-ratelimit",
                "",
                Field::Remaining,
            ),
            ("x-ratelimit-next", "x-ratelimit", "", Field::Next),
            (
                "x-app-rate-limit-count",
                "x-app-rate-limit",
                "",
                Field::Used,
            ),
            (
                "zendesk-ratelimit-tickets-index",
                "zendesk-ratelimit",
                "tickets-index",
                Field::Unnamed,
            ),
            ("x-readratelimit-usage", "x-readratelimit", "", Field::Used),
            ("ratelimit-dailylimit", "ratelimit", "daily", Field::Limit),
            (
                "http_x_ratelimit_account_success_remaining",
                "http_x_ratelimit",
                "account-success",
                Field::Remaining,
            ),
            ("x_rate_limit_reset", "x_rate_limit", "", Field::Reset),
            ("x-ratelimit-reset-utc", "x-ratelimit", "", Field::ResetAt),
            ("x-ratelimit-reset-unix", "x-ratelimit", "", Field::ResetAt),
            (
                "x-esi-error-limit-remain",
                "x-esi-error-limit",
                "errors",
                Field::Remaining,
            ),
            (
                "fastly-ratelimit-remaining",
                "fastly-ratelimit",
                "",
                Field::Remaining,
            ),
        ];
        for (name, family, dimension, field) in expected {
            let read = read(name, &[]).expect(name);
            assert_eq!(
                (read.family, read.dimension.as_str(), read.field),
                (family, dimension, field),
                "{name}"
            );
        }
    }

    #[test]
    fn units_and_windows_are_distinguished_from_dimensions() {
        let of = |name| {
            read(name, &["app-limit"])
                .map(|read| (read.unit, read.window.map(|nanos| nanos / SECOND)))
        };
        assert_eq!(
            of("x-ratelimit-interval-milliseconds"),
            Some((Some(MILLISECOND), None))
        );
        assert_eq!(of("x-ratelimit-reset-seconds"), Some((Some(SECOND), None)));
        assert_eq!(
            of("x-ratelimit-window-minutes"),
            Some((Some(60 * SECOND), None))
        );
        assert_eq!(of("ratelimit-dailylimit"), Some((None, Some(86_400))));
        assert_eq!(of("x-ratelimit-reset-minute"), Some((None, Some(60))));
        assert_eq!(of("x-ratelimit-limit-second"), Some((None, Some(1))));
        assert_eq!(of("x-ratelimit-limit-1m"), Some((None, Some(60))));
        assert_eq!(
            of("x-app-limit-24hour-remaining"),
            Some((None, Some(86_400)))
        );
        assert_eq!(of("x-ratelimit-limit-audio-seconds"), Some((None, None)));
        assert_eq!(
            of("x-ratelimit-limit-tokens-minute"),
            Some((None, Some(60)))
        );
    }

    #[test]
    fn names_about_something_else_are_left_alone() {
        for name in [
            "retry-after",
            "date",
            "x-limit",
            "beta-ratelimit",
            "x-beta-ratelimit-limit",
            "x-complexity",
            "ratelimi",
        ] {
            assert_eq!(read(name, &[]), None, "{name}");
        }
        for name in [
            "x-ratelimit-bucket",
            "stripe-rate-limited-reason",
            "x-sentry-rate-limits",
        ] {
            assert!(
                read(name, &[])
                    .is_some_and(|read| read.field == Field::Unnamed && !read.is_plain()),
                "{name}"
            );
        }
    }
}
