//! The state of one call: its request, and what came of the attempts so far.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::config::{ScopeRule, narrowest};
use crate::error::{Effort, Error, Result, TimeoutPhase, TransportKind};
use crate::guidance::{Scope, Unit};
use crate::limiter::{Announced, AnnouncedLimits, LimitName};
use crate::outcome::{Concerns, Failure, Feedback, LongerPause, Wanted};
use crate::reading::Reading;
use crate::redirect::Redirects;
use crate::reply::Reply;
use crate::request::RequestParts;
use crate::route::Route;
use crate::settings::CallSettings;
use crate::time::Time;
use crate::token::{CallToken, TokenReason};
use crate::verdict::{Resend, Verdict};

/// One call in progress: what it sends next, and what it has done so far.
#[derive(Debug)]
pub struct Attempt {
    settings: Arc<CallSettings>,
    parts: RequestParts,
    redirects: Redirects,
    refusals: u32,
    transport_failures: u32,
    sent: u32,
    waited: Duration,
    token: CallToken,
    /// Whether the call has waited for a quota to renew.
    awaited_quota: bool,
    /// Whether the next request is the trial of an open circuit breaker.
    on_trial: bool,
    /// The last refusal.
    refusal: Option<Box<Reply>>,
}

impl Attempt {
    pub(crate) fn new(settings: Arc<CallSettings>, parts: RequestParts) -> Self {
        Self {
            settings,
            parts,
            redirects: Redirects::default(),
            refusals: 0,
            transport_failures: 0,
            sent: 0,
            waited: Duration::ZERO,
            token: CallToken::default(),
            awaited_quota: false,
            on_trial: false,
            refusal: None,
        }
    }

    /// Returns the request that is sent next.
    #[must_use]
    pub fn parts(&self) -> &RequestParts {
        &self.parts
    }

    /// Returns the number of requests sent so far.
    #[must_use]
    pub fn sent(&self) -> u32 {
        self.sent
    }

    /// Returns the time spent waiting for permits so far.
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// Returns the number of requests sent so far with the time spent waiting for permits.
    #[must_use]
    pub fn effort(&self) -> Effort {
        Effort::new(self.sent, self.waited)
    }

    /// Returns why the client's source of tokens must be asked at `now`, before the next request is sent; `None` if
    /// the request needs no token of it.
    #[must_use]
    pub fn wanted_token(&self, now: Time) -> Option<TokenReason> {
        self.wants_token().then(|| self.token.reason(now)).flatten()
    }

    /// Returns the token of the next request, as the value of its `Authorization` header; `None` if the request needs
    /// none of the client's source.
    #[must_use]
    pub fn token(&self) -> Option<&HeaderValue> {
        self.token.value().filter(|_| self.wants_token())
    }

    /// Keeps a token that the source returned at `now`.
    pub(crate) fn set_token(&mut self, value: HeaderValue, now: Time) {
        self.token.renew(value, now);
    }

    /// Returns whether the next request needs a token from the client's source.
    fn wants_token(&self) -> bool {
        self.settings.has_token_source
            && self.is_at_home()
            && !self.redirects.left_home()
            && !self.parts.headers.contains_key(header::AUTHORIZATION)
    }

    pub(crate) fn settings(&self) -> &Arc<CallSettings> {
        &self.settings
    }

    /// Whether the request goes to the API's own origin, and not to where a redirect led.
    pub(crate) fn is_at_home(&self) -> bool {
        self.parts.address.origin() == self.settings.base.origin()
    }

    /// Returns the permit that the next request needs. `None` if it goes to another origin, which this
    /// client's limiter knows nothing about.
    pub(crate) fn wanted(&self) -> Option<Wanted> {
        self.is_at_home().then(|| Wanted {
            cost: self.parts.cost,
            deadline: self.parts.deadline,
            scope: self.scope().map(|scope| scope.name.clone()),
            route: self.route(),
        })
    }

    /// A permit came after `waited`. `on_trial` says whether the request is the trial of an open circuit
    /// breaker: a failed trial does not count as one of the call's retries.
    pub(crate) fn granted(&mut self, waited: Duration, on_trial: bool) {
        self.add_wait(waited);
        self.on_trial = on_trial;
    }

    /// Counts time spent waiting for a permit.
    pub(crate) fn add_wait(&mut self, waited: Duration) {
        self.waited = self.waited.saturating_add(waited);
    }

    /// Counts a request that was sent, or may have been.
    pub(crate) fn count_sent(&mut self) {
        self.sent += 1;
        self.token.spend();
    }

    /// Returns `error` with what this call had done before it.
    pub(crate) fn fail(&mut self, error: Error) -> Error {
        error.after(self.refusal.take()).with_effort(self.effort())
    }

    /// Returns what the limiter is told about a response.
    pub(crate) fn feedback(&self, reading: &Reading) -> Feedback {
        let announced = announced_requests(reading);
        let concerns = self.concerned(reading);
        match reading.verdict() {
            Verdict::Refused { pause, .. } => Feedback::Refused {
                status: reading.status(),
                retry_after: pause,
                announced,
                concerns,
            },
            Verdict::Exhausted { .. } => Feedback::Exhausted,
            Verdict::Failed => Feedback::Failed,
            Verdict::Success { pause } => Feedback::Success {
                exhausted: pause,
                announced: announced.pausing_by_reset(reading.guidance().asked().is_none()),
                concerns,
            },
        }
    }

    /// Returns whether a response leads to another request. A redirect or a fresh token changes what the
    /// next request is.
    ///
    /// # Errors
    ///
    /// [`Error::Transport`] for a redirect that must not be followed, and for an informational status.
    pub(crate) fn leads_on(&mut self, reading: &Reading, headers: &HeaderMap) -> Result<bool> {
        let status = reading.status();
        match reading.verdict() {
            Verdict::Refused { .. } => Ok(self.is_sent_again(reading.verdict())),
            Verdict::Exhausted { .. } => Ok(self.awaits_quota(reading)),
            Verdict::Failed => Ok(false),
            Verdict::Success { .. } if status.is_informational() => {
                Err(self.transport_error(TransportKind::Protocol))
            }
            Verdict::Success { .. } if status.is_redirection() => {
                let Self {
                    settings,
                    parts,
                    redirects,
                    ..
                } = self;
                redirects
                    .follow(
                        parts,
                        &settings.base,
                        settings.follows_abroad,
                        status,
                        headers,
                    )
                    .map_err(|kind| self.transport_error(kind))
            }
            // The token may have expired: another request goes with a fresh one.
            Verdict::Success { .. } => {
                Ok(status == StatusCode::UNAUTHORIZED && self.wants_token() && self.token.reject())
            }
        }
    }

    /// Returns whether the request is sent again because its response is a refusal.
    pub(crate) fn is_sent_again(&self, verdict: Verdict) -> bool {
        match verdict {
            Verdict::Refused { resend, .. } => match resend {
                Resend::Always => true,
                Resend::IfIdempotent => self.parts.is_idempotent(),
                Resend::Never => false,
            },
            Verdict::Exhausted { .. } | Verdict::Failed | Verdict::Success { .. } => false,
        }
    }

    /// Returns whether the call waits for a quota that is used up. One pause is enough: a quota that is used up after
    /// it did not renew as the server said.
    pub(crate) fn awaits_quota(&mut self, reading: &Reading) -> bool {
        let waits = reading.is_renewed_soon() && !self.awaited_quota;
        self.awaited_quota |= waits;
        waits
    }

    /// Counts a refusal that is to be sent again.
    ///
    /// # Errors
    ///
    /// [`Error::BackoffExhausted`] if the call was refused too often.
    pub(crate) fn refused(&mut self, reply: Reply) -> Result<()> {
        self.refusals += 1;
        let reply = Box::new(reply);
        if self.refusals > self.settings.max_retries_on_backoff {
            return Err(Error::BackoffExhausted {
                request: self.parts.label(),
                attempts: self.sent,
                waited: self.waited,
                reply,
            });
        }
        self.refusal = Some(reply);
        Ok(())
    }

    /// Returns the pause until a quota renews that a response reports as used up.
    pub(crate) fn renewal(&self, reading: &Reading) -> Option<LongerPause> {
        let wait = reading.wait().filter(|_| reading.is_exhausted())?;
        Some(self.pause(reading, wait))
    }

    /// Returns the pause that a body asks for beyond that of the head: a longer one, or one of the whole client where the
    /// head's was of a part.
    pub(crate) fn longer_pause(&self, by_head: &Reading, whole: &Reading) -> Option<LongerPause> {
        let is_wider = self.concerned(whole) == Concerns::Client
            && self.concerned(by_head) != Concerns::Client;
        let longest = whole.wait().max(by_head.wait())?;
        (is_wider || Some(longest) > by_head.wait()).then(|| self.pause(whole, longest))
    }

    fn pause(&self, reading: &Reading, wait: Duration) -> LongerPause {
        LongerPause {
            wait,
            concerns: self.concerned(reading),
            scope: self.scope().map(|scope| scope.name.clone()),
            route: self.route(),
        }
    }

    /// Counts an attempt without a response. `Ok` means that the request is sent again.
    ///
    /// # Errors
    ///
    /// [`Error::Transport`].
    pub(crate) fn failed(&mut self, failure: Failure, now: Time) -> Result<()> {
        self.transport_failures += u32::from(!self.on_trial);
        // A server may close a kept connection at the moment at which it is used again. That is worth one
        // retry even if the caller asked for none.
        let retries = match failure.kind {
            TransportKind::Closed => self.settings.retry_transport.max(1),
            _ => self.settings.retry_transport,
        };
        // A request that never reached the server may always be sent again; others only if that does no
        // harm.
        let is_harmless = match failure.kind {
            TransportKind::Resolve
            | TransportKind::Connect
            | TransportKind::Timeout(TimeoutPhase::Connect) => true,
            TransportKind::Closed | TransportKind::Timeout(_) | TransportKind::Other => {
                self.parts.is_idempotent()
            }
            _ => false,
        };
        let in_time = self.parts.deadline.is_none_or(|deadline| now < deadline);
        let has_retries = retries > 0 && self.transport_failures <= retries;
        if is_harmless && in_time && has_retries {
            return Ok(());
        }
        Err(failure.into_error(self.parts.label()))
    }

    /// The part of the API that the request falls under.
    fn scope(&self) -> Option<&ScopeRule> {
        let RequestParts {
            method, address, ..
        } = &self.parts;
        narrowest(&self.settings.scopes, method, address, &self.settings.base)
    }

    /// The route of the request.
    fn route(&self) -> Route {
        let RequestParts {
            method,
            address,
            tags,
            ..
        } = &self.parts;
        let label = tags.as_ref().and_then(|tags| tags.route.as_deref());
        let path = address.path_under(&self.settings.base);
        let path = path.unwrap_or(address.path());
        Route::of(method, path, label, &self.settings.owners)
    }

    /// The limit that a response is about: the server decides, else the configuration.
    fn concerned(&self, reading: &Reading) -> Concerns {
        let scope = self.scope();
        match reading.guidance().scope {
            Some(Scope::Everything) => Concerns::Client,
            Some(Scope::Endpoint) if scope.is_some() => Concerns::Scope,
            Some(Scope::Endpoint) => Concerns::Route,
            None if self.settings.pause_all => Concerns::Client,
            None if scope.is_some_and(|scope| !scope.pause_all) => Concerns::Scope,
            None => Concerns::Route,
        }
    }

    fn transport_error(&self, kind: TransportKind) -> Error {
        Error::transport(self.parts.label(), kind, None)
    }
}

/// Returns the announced limits that count requests. Limits in other units do not say how many requests
/// may be sent.
fn announced_requests(reading: &Reading) -> AnnouncedLimits {
    let guidance = reading.guidance();
    let policies = guidance.policies.iter();
    let in_requests = policies.filter(|policy| policy.unit == Unit::Requests);
    let announced: AnnouncedLimits = in_requests
        .filter_map(|policy| {
            Some(Announced {
                name: policy.name.as_deref().map(LimitName::of),
                limit: policy.limit,
                window: policy.window,
                remaining: policy.remaining?,
                reset_after: guidance.reset_of(policy)?,
            })
        })
        .collect();
    let bucket = reading.guidance().bucket.as_deref();
    announced
        .in_bucket(bucket.map(LimitName::of))
        .pausing_by_reset(guidance.waits_for_reset())
}
