//! The verdict on a response: success, refusal or failure, and whether the request is sent again.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};

use crate::guidance::{self, BodyRule, DialectField, Guidance, Profile, Rules};

/// Reads and judges responses as a client with one configuration does; made by
/// `ApiRateConfig::reader`.
///
/// Use it if you send requests with another client, or want to know in advance what a client would do.
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
    /// Throttles in bodies, in addition to those of the profile.
    body_rules: Vec<BodyRule>,
    /// Headers and body values about limits, in addition to what is read by grammar.
    fields: Vec<DialectField>,
    backoff_statuses: Vec<StatusCode>,
    not_processed: Vec<StatusCode>,
}

/// Judgement of a response, by which a client acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The server refused the request because of a limit: the client slows down and pauses.
    Refused {
        /// The pause that the server or its documentation asks for, if any.
        pause: Option<Duration>,
        /// Whether the request is sent again after the pause.
        resend: Resend,
    },
    /// A server error, which says nothing about the limit. The caller gets the response.
    Failed,
    /// The limit let the request through. The caller gets the response.
    Success {
        /// How long nothing is left of the limit: the client pauses without slowing down.
        pause: Option<Duration>,
    },
}

/// Whether a refused request is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resend {
    /// Yes, with any method: the server did not process it.
    Always,
    /// If it is idempotent: the server may have processed it.
    IfIdempotent,
    /// No: the server says so.
    Never,
}

impl Reader {
    pub(crate) fn new(
        profile: Profile,
        body_rules: Vec<BodyRule>,
        fields: Vec<DialectField>,
        backoff_statuses: Vec<StatusCode>,
        not_processed: Vec<StatusCode>,
    ) -> Self {
        Self {
            profile,
            body_rules,
            fields,
            backoff_statuses,
            not_processed,
        }
    }

    /// Returns the profile of the dialect.
    #[must_use]
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Returns what a response says about limits, as [`guidance::read`] does, and with the throttles in
    /// bodies that the configuration names. `unix_now` is the wall time since 1970.
    #[must_use]
    pub fn read(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        body_prefix: &[u8],
        unix_now: Duration,
    ) -> Guidance {
        let rules = Rules {
            bodies: &self.body_rules,
            fields: &self.fields,
            refusals: &self.backoff_statuses,
        };
        guidance::read_with_rules(status, headers, body_prefix, unix_now, self.profile, &rules)
    }

    /// Returns what a client does with a response that says this.
    ///
    /// The configuration names the statuses that are refusals. Some vendors also refuse by other statuses,
    /// and say so in headers or bodies. A request that a limit stopped was not processed; one with another
    /// refusal may have been. If the server says that the request must not be sent again, it is not.
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
            let pause = told.pause();
            Verdict::Refused { pause, resend }
        } else {
            Self::without_limit(status, told)
        }
    }

    /// Returns the verdict on a response that is not a refusal by this API, such as that of another host.
    pub(crate) fn without_limit(status: StatusCode, told: &Guidance) -> Verdict {
        // HTTP does not define statuses above 599: they do not say that the request got through.
        if status.as_u16() >= 500 {
            return Verdict::Failed;
        }
        // Retry-After does not pause the client here: a popular server library sends it on every response.
        Verdict::Success {
            pause: told.nothing_left,
        }
    }

    /// Returns whether only the body can tell if a response of this status, whose head is not a refusal by
    /// itself, is one. Throttles in bodies are JSON: no other body is waited for.
    pub(crate) fn hides_in_body(&self, status: StatusCode, headers: &HeaderMap) -> bool {
        let is_asked = self.profile.hides_throttles(status)
            || self.has_rule_for(status)
            || self.reads_limits_in_bodies();
        is_asked && is_json(headers)
    }

    /// Returns whether the body of a refusal may name a wait that its head, which says `told`, does not.
    ///
    /// A head that asks for a wait has the last word. The reset of a limit is not the wait if the body names another
    /// one. A head that says nothing is worth waiting for the body only if that is labelled as JSON: the limiter
    /// should know of a refusal at once.
    pub(crate) fn may_wait_in_body(told: &Guidance, headers: &HeaderMap) -> bool {
        let is_labelled = headers.contains_key(header::CONTENT_TYPE);
        let has_reset = told.wait.is_some_and(|wait| !wait.is_zero());
        told.asked().is_none() && (has_reset || is_labelled) && is_json(headers)
    }

    /// Returns whether the configuration names values of bodies that say what is left of a limit.
    fn reads_limits_in_bodies(&self) -> bool {
        let mut fields = self.fields.iter();
        fields.any(|field| field.path.is_some() && field.counts_on_success())
    }

    /// Returns whether a response with this status may be a throttle: GraphQL's 200, Linear's 400, GitHub's
    /// and Google's 403, and the statuses that the configuration names.
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

/// Returns whether a body may be JSON: its type says so, or it has no type.
fn is_json(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_none_or(|kind| {
        let kind = String::from_utf8_lossy(kind.as_bytes()).to_ascii_lowercase();
        kind.contains("json")
    })
}
