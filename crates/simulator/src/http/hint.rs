//! What the answers tell a client about the limits.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use http::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};

use super::setting::SettingError;
use super::shape::Shape;
use crate::{Announced, Verdict};

/// What a server says about its limits in the headers of its answers.
///
/// As text: `none`, `seconds`, `date`, `headers`, `ietf` or `vendor`.
///
/// ```
/// use api_ratelimiter_simulator::Hint;
///
/// assert_eq!("seconds".parse::<Hint>()?, Hint::RetryAfterSeconds);
/// assert_eq!(Hint::Headers.to_string(), "headers");
/// assert!("minutes".parse::<Hint>().is_err());
/// # Ok::<(), api_ratelimiter_simulator::SettingError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hint {
    /// Nothing: a client can only learn from being refused. The default.
    #[default]
    None,
    /// `Retry-After` in whole seconds, rounded up, on refusals.
    RetryAfterSeconds,
    /// `Retry-After` as an HTTP date, rounded up to a whole second, on refusals.
    RetryAfterDate,
    /// `X-RateLimit-Limit`, `-Remaining` and `-Reset` (seconds since 1970, rounded up) of the binding
    /// limit on every answer, and `Retry-After` in seconds on refusals.
    ///
    /// With nothing but concurrency limits there is nothing to announce but `Retry-After`.
    Headers,
    /// `RateLimit-Policy` and `RateLimit` of the binding limit on every answer, and `Retry-After` in
    /// seconds on refusals (draft-ietf-httpapi-ratelimit-headers, from 08 on).
    Ietf,
    /// What the vendor of the [`Shape`] says: `Retry-After` in seconds at Notion; nothing at Vanta and
    /// Fieldguide; at GitHub `x-ratelimit-limit`, `-remaining`, `-used`, `-reset` and `-resource`, and
    /// `Retry-After` only where something else than the announced limit refuses. Without a vendor the
    /// same as [`Headers`](Self::Headers).
    Vendor,
}

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
pub(super) const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const USED: HeaderName = HeaderName::from_static("x-ratelimit-used");
const RESOURCE: HeaderName = HeaderName::from_static("x-ratelimit-resource");
const IETF_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const IETF_STATE: HeaderName = HeaderName::from_static("ratelimit");

impl Hint {
    const NAMES: [(&'static str, Self); 6] = [
        ("none", Self::None),
        ("seconds", Self::RetryAfterSeconds),
        ("date", Self::RetryAfterDate),
        ("headers", Self::Headers),
        ("ietf", Self::Ietf),
        ("vendor", Self::Vendor),
    ];

    /// The headers for one answer in that shape; `unix_now` is the time since 1970.
    pub(super) fn headers(
        self,
        shape: Shape,
        verdict: Verdict,
        announced: Option<Announced>,
        unix_now: Duration,
    ) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let hint = match (self, shape) {
            (Self::Vendor, Shape::Echo) => Self::Headers,
            (Self::Vendor, Shape::Notion) => Self::RetryAfterSeconds,
            (Self::Vendor, Shape::Vanta | Shape::Fieldguide) => Self::None,
            (hint, _) => hint,
        };
        if let Some(announced) = announced {
            match hint {
                Self::None | Self::RetryAfterSeconds | Self::RetryAfterDate => {}
                Self::Headers => counts(&mut headers, announced, unix_now),
                Self::Vendor => {
                    counts(&mut headers, announced, unix_now);
                    let used = announced.limit.saturating_sub(announced.remaining);
                    headers.insert(USED, used.into());
                    headers.insert(RESOURCE, HeaderValue::from_static("core"));
                }
                Self::Ietf => structured(&mut headers, announced),
            }
        }
        if let Verdict::Refused { retry_after } = verdict {
            let used_up = announced.is_some_and(|announced| announced.remaining == 0);
            match hint {
                Self::None => {}
                // Its reset says it already.
                Self::Vendor if used_up => {}
                Self::RetryAfterDate => {
                    headers.insert(RETRY_AFTER, date(unix_now.saturating_add(retry_after)));
                }
                Self::RetryAfterSeconds | Self::Headers | Self::Ietf | Self::Vendor => {
                    headers.insert(RETRY_AFTER, whole_seconds(retry_after).into());
                }
            }
        }
        headers
    }
}

impl FromStr for Hint {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        SettingError::named("a hint", text, &Self::NAMES)
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = Self::NAMES.iter().find(|(_, hint)| hint == self);
        f.pad(named.map_or("", |(name, _)| name))
    }
}

fn counts(headers: &mut HeaderMap, announced: Announced, unix_now: Duration) {
    let reset = unix_now.saturating_add(announced.reset_after);
    headers.insert(LIMIT, announced.limit.into());
    headers.insert(REMAINING, announced.remaining.into());
    headers.insert(RESET, whole_seconds(reset).into());
}

fn structured(headers: &mut HeaderMap, announced: Announced) {
    let window = whole_seconds(announced.window);
    let reset = whole_seconds(announced.reset_after);
    let policy = format!(r#""default";q={};w={window}"#, announced.limit);
    let state = format!(r#""default";r={};t={reset}"#, announced.remaining);
    for (name, text) in [(IETF_POLICY, policy), (IETF_STATE, state)] {
        let value = HeaderValue::try_from(text).expect("numbers and ASCII words");
        headers.insert(name, value);
    }
}

fn whole_seconds(duration: Duration) -> u64 {
    duration
        .as_secs()
        .saturating_add(u64::from(duration.subsec_nanos() > 0))
}

fn date(since_1970: Duration) -> HeaderValue {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(whole_seconds(since_1970));
    HeaderValue::try_from(httpdate::fmt_http_date(time)).expect("an HTTP date is plain ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limit, Limits};
    use api_ratelimiter_core::Time;

    const REFUSED: Verdict = Verdict::Refused {
        retry_after: Duration::from_millis(1_001),
    };
    const NOW: Duration = Duration::from_millis(784_111_776_500);

    fn announced() -> Option<Announced> {
        let limit = Limit::parse("fixed-window:100/60s").expect("valid");
        Limits::new(Time::ZERO, [limit]).announced(Time::ZERO)
    }

    #[test]
    fn without_hints_nothing_is_said() {
        assert!(
            Hint::None
                .headers(Shape::Echo, REFUSED, announced(), NOW)
                .is_empty()
        );
        assert!(
            Hint::RetryAfterDate
                .headers(Shape::Echo, Verdict::Accepted, announced(), NOW)
                .is_empty()
        );
        assert!(
            Hint::RetryAfterSeconds
                .headers(Shape::Echo, Verdict::Accepted, announced(), NOW)
                .is_empty()
        );
    }

    #[test]
    fn seconds_are_rounded_up() {
        let headers = Hint::RetryAfterSeconds.headers(Shape::Echo, REFUSED, None, NOW);
        assert_eq!(headers[RETRY_AFTER], "2");
        assert_eq!(whole_seconds(Duration::from_secs(1)), 1);
        assert_eq!(whole_seconds(Duration::from_nanos(1)), 1);
    }

    #[test]
    fn dates_are_rounded_up() {
        let headers = Hint::RetryAfterDate.headers(Shape::Echo, REFUSED, None, NOW);
        assert_eq!(headers[RETRY_AFTER], "Sun, 06 Nov 1994 08:49:38 GMT");
    }

    #[test]
    fn the_binding_limit_is_announced_on_every_answer() {
        let headers = Hint::Headers.headers(Shape::Echo, Verdict::Accepted, announced(), NOW);
        assert_eq!(headers[LIMIT], "100");
        assert_eq!(headers[REMAINING], "100");
        assert_eq!(headers[RESET], "784111837");
        assert!(!headers.contains_key(RETRY_AFTER));
        let headers = Hint::Headers.headers(Shape::Echo, REFUSED, None, NOW);
        assert_eq!(headers[RETRY_AFTER], "2");
        assert_eq!(headers.len(), 1);
    }

    #[test]
    fn the_draft_says_policy_and_state_as_structured_fields() {
        let headers = Hint::Ietf.headers(Shape::Echo, Verdict::Accepted, announced(), NOW);
        assert_eq!(headers[IETF_POLICY], r#""default";q=100;w=60"#);
        assert_eq!(headers[IETF_STATE], r#""default";r=100;t=60"#);
        assert!(!headers.contains_key(RETRY_AFTER));
        let headers = Hint::Ietf.headers(Shape::Echo, REFUSED, None, NOW);
        assert_eq!(
            (headers.len(), &headers[RETRY_AFTER]),
            (1, &HeaderValue::from_static("2"))
        );
    }

    #[test]
    fn each_vendor_says_what_it_says() {
        let said = |shape, verdict| {
            let headers = Hint::Vendor.headers(shape, verdict, announced(), NOW);
            let mut names: Vec<_> = headers
                .keys()
                .map(|name| name.as_str().to_owned())
                .collect();
            names.sort_unstable();
            names
        };
        assert_eq!(said(Shape::Notion, REFUSED), ["retry-after"]);
        for shape in [Shape::Notion, Shape::Vanta, Shape::Fieldguide] {
            assert!(said(shape, Verdict::Accepted).is_empty(), "{shape}");
        }
        assert!(said(Shape::Vanta, REFUSED).is_empty());
        let counts = ["limit", "remaining", "reset", "resource", "used"]
            .map(|word| format!("x-ratelimit-{word}"));
        assert_eq!(said(Shape::GitHub, Verdict::Accepted), counts);
        assert_eq!(said(Shape::Echo, Verdict::Accepted).len(), 3);
        // A secondary limit: the announced one has something left.
        assert_eq!(said(Shape::GitHub, REFUSED)[0], "retry-after");
    }

    #[test]
    fn at_github_a_limit_that_is_used_up_says_when_it_is_back() {
        let limit = Limit::parse("fixed-window:1/60s").expect("valid");
        let mut limits = Limits::new(Time::ZERO, [limit]);
        assert_eq!(limits.arrive(Time::ZERO), Verdict::Accepted);
        let announced = limits.announced(Time::ZERO);
        let headers = Hint::Vendor.headers(Shape::GitHub, REFUSED, announced, NOW);
        assert_eq!(
            (&headers[REMAINING], &headers[USED]),
            (&"0".parse().unwrap(), &"1".parse().unwrap())
        );
        assert!(!headers.contains_key(RETRY_AFTER));
    }
}
