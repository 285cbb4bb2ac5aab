//! What a client makes of an answer: one decision for every front, and for those who ask beforehand.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};

use crate::guidance::{self, BodyRule, Guidance, Profile};

/// Reads and judges answers as a client with one configuration does.
///
/// For those who send by other means, or want to know beforehand; made by
/// [`ApiRateConfig::reader`].
///
/// ```
/// use std::time::Duration;
/// use api_ratelimiter_core::{ApiRateConfig, Resend, Verdict};
/// use api_ratelimiter_core::http::{HeaderMap, StatusCode};
///
/// let reader = ApiRateConfig::default().reader()?;
/// let mut headers = HeaderMap::new();
/// headers.insert("retry-after", "7".parse().unwrap());
/// let told = reader.read(StatusCode::TOO_MANY_REQUESTS, &headers, b"", Duration::from_secs(1_795_478_400));
/// let verdict = reader.verdict(StatusCode::TOO_MANY_REQUESTS, &told);
/// assert_eq!(verdict, Verdict::Refused { pause: Some(Duration::from_secs(7)), resend: Resend::Always });
/// # Ok::<(), api_ratelimiter_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Reader {
    profile: Profile,
    /// Throttles in bodies, beside those of the profile.
    body_rules: Vec<BodyRule>,
    backoff_statuses: Vec<StatusCode>,
    not_processed: Vec<StatusCode>,
}

/// What becomes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The limit refused the request: the client slows down and pauses.
    Refused {
        /// The pause that the server or its documentation asks for; `None`: it does not say.
        pause: Option<Duration>,
        /// Whether the request is sent again after it.
        resend: Resend,
    },
    /// A server error: no word about the limit. The caller gets the answer.
    Failed,
    /// The limit let the request through. The caller gets the answer.
    Success {
        /// For so long nothing is left of the limit: a pause without slowing down.
        pause: Option<Duration>,
    },
}

/// Whether a request that was refused is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resend {
    /// Whatever its method: it was not processed.
    Always,
    /// If that does no harm, as it may have been processed.
    IfIdempotent,
    /// Not: the server says so.
    Never,
}

impl Reader {
    pub(crate) fn new(
        profile: Profile,
        body_rules: Vec<BodyRule>,
        backoff_statuses: Vec<StatusCode>,
        not_processed: Vec<StatusCode>,
    ) -> Self {
        Self {
            profile,
            body_rules,
            backoff_statuses,
            not_processed,
        }
    }

    /// The profile by which it reads.
    #[must_use]
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// What an answer says about limits; as [`guidance::read`], with the throttles in bodies that the
    /// configuration knows of. `unix_now` is the wall time since 1970.
    #[must_use]
    pub fn read(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        body_prefix: &[u8],
        unix_now: Duration,
    ) -> Guidance {
        let Self {
            profile,
            body_rules,
            ..
        } = self;
        guidance::read_with_rules(status, headers, body_prefix, unix_now, *profile, body_rules)
    }

    /// What a client does with an answer that says this.
    ///
    /// Which statuses mean "slower" is the configuration's word; but some vendors refuse by statuses
    /// that mean something else, too, and say so in headers or bodies. What a limit stopped was not
    /// processed; what any other refusal says may have been. A server that says no has the last word.
    #[must_use]
    pub fn verdict(&self, status: StatusCode, told: &Guidance) -> Verdict {
        let by_status = self.backoff_statuses.contains(&status);
        let by_sign = told.is_throttle() && self.may_hide_throttles(status);
        if by_status || by_sign {
            let was_stopped = status == StatusCode::TOO_MANY_REQUESTS
                || told.is_throttle()
                || self.not_processed.contains(&status);
            let resend = match (told.retryable, was_stopped) {
                (Some(false), _) => Resend::Never,
                (_, true) => Resend::Always,
                (_, false) => Resend::IfIdempotent,
            };
            let pause = told.wait.or(told.least_wait);
            Verdict::Refused { pause, resend }
        } else {
            Self::without_limit(status, told)
        }
    }

    /// The same of an answer whose status and signs are no refusal here, as those of another host.
    pub(crate) fn without_limit(status: StatusCode, told: &Guidance) -> Verdict {
        // Above 599 is what HTTP does not know: no word that anything got through.
        if status.as_u16() >= 500 {
            return Verdict::Failed;
        }
        // A Retry-After is no cooldown here: one popular server library sends it on every answer.
        Verdict::Success {
            pause: told.nothing_left,
        }
    }

    /// Whether only the body can tell if the answer is a refusal.
    ///
    /// Throttles in bodies are JSON: nothing else is waited for.
    pub(crate) fn wants_body(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        unix_now: Duration,
    ) -> bool {
        (self.profile.hides_throttles(status) || self.has_rule_for(status))
            && is_json(headers)
            && !matches!(
                self.verdict(status, &self.read(status, headers, &[], unix_now)),
                Verdict::Refused { .. }
            )
    }

    /// Statuses under which vendors hide throttles: GraphQL's 200, Linear's 400, GitHub's and Google's
    /// 403, and what the configuration names.
    fn may_hide_throttles(&self, status: StatusCode) -> bool {
        status.is_success()
            || [StatusCode::BAD_REQUEST, StatusCode::FORBIDDEN].contains(&status)
            || self.has_rule_for(status)
    }

    fn has_rule_for(&self, status: StatusCode) -> bool {
        let mut rules = self.body_rules.iter();
        rules.any(|rule| rule.statuses.contains(&status.as_u16()))
    }
}

/// Whether a body may be JSON: by its type, or it has none.
fn is_json(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_none_or(|kind| {
        let kind = String::from_utf8_lossy(kind.as_bytes()).to_ascii_lowercase();
        kind.contains("json")
    })
}
