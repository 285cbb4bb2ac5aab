//! The verdict on a response: success, refusal or failure, and whether the request is sent again.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};

use crate::guidance::{self, BodyRule, DialectField, Guidance, Profile, Refusal, Rules};

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
    /// Longest time that a call waits for a quota to renew.
    max_cooldown: Duration,
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
    /// A quota is used up that no pause of minutes renews: the client does not slow down. The caller gets
    /// [`Error::QuotaExhausted`](crate::Error::QuotaExhausted), unless the quota renews soon.
    Exhausted {
        /// Time until the quota renews, if the server says so. Other requests wait for it, too.
        pause: Option<Duration>,
        /// Whether the request is sent again after the pause: if that is at most `max_cooldown`.
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
        max_cooldown: Duration,
    ) -> Self {
        Self {
            profile,
            body_rules,
            fields,
            backoff_statuses,
            not_processed,
            max_cooldown,
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
        if told.refusal == Some(Refusal::Quota) {
            let pause = told.wait.filter(|wait| !wait.is_zero());
            let is_soon = pause.is_some_and(|pause| pause <= self.max_cooldown);
            let resend = if is_soon && told.retryable != Some(false) {
                Resend::Always
            } else {
                Resend::Never
            };
            return Verdict::Exhausted { pause, resend };
        }
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
    /// itself, is one.
    pub(crate) fn hides_in_body(&self, status: StatusCode, headers: &HeaderMap) -> bool {
        let is_asked = self.profile.hides_throttles(status)
            || self.has_rule_for(status)
            || self.reads_limits_in_bodies();
        is_asked && ends(headers)
    }

    /// Returns whether the body of a refusal may name a wait that its head, which says `told`, does not.
    ///
    /// A head that asks for a wait has the last word. The reset of a limit is not the wait if the body names another
    /// one. A head that says nothing is worth waiting for the body only if that is labelled as JSON: the limiter
    /// should know of a refusal at once.
    pub(crate) fn may_wait_in_body(told: &Guidance, headers: &HeaderMap) -> bool {
        let has_reset = told.wait.is_some_and(|wait| !wait.is_zero());
        told.asked().is_none() && (is_json(headers) || has_reset && ends(headers))
    }

    /// Returns whether the configuration names values of bodies that say what is left of a limit.
    fn reads_limits_in_bodies(&self) -> bool {
        let mut fields = self.fields.iter();
        fields.any(|field| field.path.is_some() && field.counts_on_success())
    }

    /// Returns whether the body is read before the limiter is told of a refusal, because only the body can tell if
    /// the refusal is about a quota, for which the client must not slow down. Where neither the vendor nor the
    /// configuration has words of its own for that, only JSON is worth the time.
    pub(crate) fn may_be_quota(&self, status: StatusCode, headers: &HeaderMap) -> bool {
        let mut rules = self.body_rules.iter();
        let by_rule = rules.any(|rule| rule.quota && rule.is_for(status.as_u16()));
        let is_likely = by_rule || self.profile.has_own_quotas(status) || is_json(headers);
        is_likely && (by_rule || self.profile.tells_of_quotas(status)) && ends(headers)
    }

    /// Returns the path of the rule with this number, in the order of the configuration.
    #[must_use]
    pub fn rule_path(&self, rule: usize) -> Option<&str> {
        self.body_rules.get(rule).map(|rule| rule.path.as_str())
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
        rules.any(|rule| rule.is_for(status.as_u16()))
    }
}

/// Returns whether the type of a body says that it is JSON.
fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| {
        let kind = String::from_utf8_lossy(kind.as_bytes()).to_ascii_lowercase();
        kind.contains("json")
    })
}

/// Returns whether a body may be JSON, whatever its type says. A stream of events goes on without end (WHATWG HTML,
/// section 9.2), and the client must not wait for it.
fn ends(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_none_or(|kind| {
        let kind = kind.as_bytes().trim_ascii_start().to_ascii_lowercase();
        !kind.starts_with(b"text/event-stream")
    })
}
