//! Headers that tell a client about the limits.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use http::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};

use super::setting_error::SettingError;
use super::shape::Shape;
use crate::rules::{Admission, LimitState};

/// Hints about its limits that a server sends in the headers of its responses.
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
    /// Nothing: a client learns only from refusals. The default.
    #[default]
    None,
    /// `Retry-After` in whole seconds, rounded up, on refusals.
    RetryAfterSeconds,
    /// `Retry-After` as an HTTP date, rounded up to a whole second, on refusals.
    RetryAfterDate,
    /// `X-RateLimit-Limit`, `-Remaining` and `-Reset` (seconds since 1970, rounded up) of the binding
    /// limit on every response, and `Retry-After` in seconds on refusals.
    ///
    /// With concurrency limits only, `Retry-After` is the only header.
    Headers,
    /// `RateLimit-Policy` and `RateLimit` of the binding limit on every response, and `Retry-After` in
    /// seconds on refusals (draft-ietf-httpapi-ratelimit-headers, from 08 on).
    Ietf,
    /// The headers of the vendor of the [`Shape`].
    ///
    /// Notion: `Retry-After` in seconds. Vanta and Fieldguide: none. GitHub: `x-ratelimit-limit`,
    /// `-remaining`, `-used`, `-reset` and `-resource`, and `Retry-After` only if another limit than the
    /// announced one refuses. Without a vendor: as [`Headers`](Self::Headers).
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

    /// Returns the headers for one response in that shape. `unix_now` is the time since 1970.
    pub(super) fn headers(
        self,
        shape: Shape,
        admission: Admission,
        state: Option<LimitState>,
        unix_now: Duration,
    ) -> HeaderMap {
        let mut headers = HeaderMap::new();
        // Resolve the vendor's hint to a general one where there is one.
        let hint = match (self, shape) {
            (Self::Vendor, Shape::Echo) => Self::Headers,
            (Self::Vendor, Shape::Notion) => Self::RetryAfterSeconds,
            (Self::Vendor, Shape::Vanta | Shape::Fieldguide) => Self::None,
            (hint, _) => hint,
        };
        // The state of the limit, on every response.
        if let Some(state) = state {
            match hint {
                Self::None | Self::RetryAfterSeconds | Self::RetryAfterDate => {}
                Self::Headers => counts(&mut headers, state, unix_now),
                Self::Vendor => {
                    counts(&mut headers, state, unix_now);
                    let used = state.limit.saturating_sub(state.remaining);
                    headers.insert(USED, used.into());
                    headers.insert(RESOURCE, HeaderValue::from_static("core"));
                }
                Self::Ietf => structured(&mut headers, state),
            }
        }
        // The wait, on refusals.
        if let Admission::Refused { retry_after } = admission {
            let used_up = state.is_some_and(|state| state.remaining == 0);
            match hint {
                Self::None => {}
                // The reset header names the wait already.
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
        SettingError::named("hint", text, &Self::NAMES)
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = Self::NAMES.iter().find(|(_, hint)| hint == self);
        f.pad(named.map_or("", |(name, _)| name))
    }
}

/// Adds the `X-RateLimit` headers.
fn counts(headers: &mut HeaderMap, state: LimitState, unix_now: Duration) {
    let reset = unix_now.saturating_add(state.reset_after);
    headers.insert(LIMIT, state.limit.into());
    headers.insert(REMAINING, state.remaining.into());
    headers.insert(RESET, whole_seconds(reset).into());
}

/// Adds the headers of the IETF draft.
fn structured(headers: &mut HeaderMap, state: LimitState) {
    let window = whole_seconds(state.window);
    let reset = whole_seconds(state.reset_after);
    let policy = format!(r#""default";q={};w={window}"#, state.limit);
    let quota = format!(r#""default";r={};t={reset}"#, state.remaining);
    for (name, text) in [(IETF_POLICY, policy), (IETF_STATE, quota)] {
        let value = HeaderValue::try_from(text).expect("numbers and ASCII words");
        headers.insert(name, value);
    }
}

/// Rounds up to whole seconds.
fn whole_seconds(duration: Duration) -> u64 {
    duration
        .as_secs()
        .saturating_add(u64::from(duration.subsec_nanos() > 0))
}

/// Returns an HTTP date, rounded up to whole seconds.
fn date(since_1970: Duration) -> HeaderValue {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(whole_seconds(since_1970));
    HeaderValue::try_from(httpdate::fmt_http_date(time)).expect("an HTTP date is plain ASCII")
}

#[cfg(test)]
mod tests {
    use api_ratelimiter_core::Time;

    use super::*;
    use crate::rules::{Limit, Limits};

    const REFUSED: Admission = Admission::Refused {
        retry_after: Duration::from_millis(1_001),
    };
    const NOW: Duration = Duration::from_millis(784_111_776_500);

    fn state() -> Option<LimitState> {
        let limit = Limit::parse("fixed-window:100/60s").expect("valid");
        Limits::new(Time::ZERO, [limit]).binding_state(Time::ZERO)
    }

    #[test]
    fn no_headers_are_sent_without_hints() {
        assert!(
            Hint::None
                .headers(Shape::Echo, REFUSED, state(), NOW)
                .is_empty()
        );
        assert!(
            Hint::RetryAfterDate
                .headers(Shape::Echo, Admission::Accepted, state(), NOW)
                .is_empty()
        );
        assert!(
            Hint::RetryAfterSeconds
                .headers(Shape::Echo, Admission::Accepted, state(), NOW)
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
    fn every_response_announces_the_binding_limit() {
        let headers = Hint::Headers.headers(Shape::Echo, Admission::Accepted, state(), NOW);
        assert_eq!(headers[LIMIT], "100");
        assert_eq!(headers[REMAINING], "100");
        assert_eq!(headers[RESET], "784111837");
        assert!(!headers.contains_key(RETRY_AFTER));
        let headers = Hint::Headers.headers(Shape::Echo, REFUSED, None, NOW);
        assert_eq!(headers[RETRY_AFTER], "2");
        assert_eq!(headers.len(), 1);
    }

    #[test]
    fn the_ietf_draft_sends_policy_and_state_as_structured_fields() {
        let headers = Hint::Ietf.headers(Shape::Echo, Admission::Accepted, state(), NOW);
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
    fn each_vendor_sends_its_headers() {
        let names = |shape, admission| {
            let headers = Hint::Vendor.headers(shape, admission, state(), NOW);
            let mut sent: Vec<_> = headers
                .keys()
                .map(|name| name.as_str().to_owned())
                .collect();
            sent.sort_unstable();
            sent
        };
        assert_eq!(names(Shape::Notion, REFUSED), ["retry-after"]);
        for shape in [Shape::Notion, Shape::Vanta, Shape::Fieldguide] {
            assert!(names(shape, Admission::Accepted).is_empty(), "{shape}");
        }
        assert!(names(Shape::Vanta, REFUSED).is_empty());
        let counts = ["limit", "remaining", "reset", "resource", "used"]
            .map(|word| format!("x-ratelimit-{word}"));
        assert_eq!(names(Shape::GitHub, Admission::Accepted), counts);
        assert_eq!(names(Shape::Echo, Admission::Accepted).len(), 3);
        // A secondary limit refuses: the announced one has requests remaining.
        assert_eq!(names(Shape::GitHub, REFUSED)[0], "retry-after");
    }

    #[test]
    fn an_exhausted_github_limit_sends_no_retry_after() {
        let limit = Limit::parse("fixed-window:1/60s").expect("valid");
        let mut limits = Limits::new(Time::ZERO, [limit]);
        assert_eq!(limits.arrive(Time::ZERO), Admission::Accepted);
        let state = limits.binding_state(Time::ZERO);
        let headers = Hint::Vendor.headers(Shape::GitHub, REFUSED, state, NOW);
        assert_eq!(
            (&headers[REMAINING], &headers[USED]),
            (&"0".parse().unwrap(), &"1".parse().unwrap())
        );
        assert!(!headers.contains_key(RETRY_AFTER));
    }
}
