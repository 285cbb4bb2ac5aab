//! One call's life as a state machine: it decides, a front does.
//!
//! ```text
//!            ┌──────────────────────────── again ◄──────────────────────────┐
//!            ▼                                                              │
//! new ─► acquire() ── permit, or none for a foreign host ──► send ──► answered() ──► Deliver
//!            │                                                │              └─ redirect, refusal, 401
//!            └─ no permit: gave_up() ─► error                 └─► failed() ─► again, or error
//! ```
//!
//! A front loops: it takes a permit where [`Attempt::acquire`] asks for one, sends what
//! [`Attempt::parts`] holds, tells the outcome, gives the permit the feedback that comes back, and goes
//! on until an answer is to be delivered or an error ends the call.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method, StatusCode, header};

use crate::config::{ScopeRule, narrowest};
use crate::error::{Error, Result, TimeoutPhase, TransportKind};
use crate::guidance::{self, Guidance, Unit};
use crate::limiter::{Announced, AnnouncedLimits};
use crate::reply::Reply;
use crate::request::RequestParts;
use crate::settings::CallSettings;
use crate::time::Time;
use crate::verdict::{Reader, Resend, Verdict};

/// Redirects that are followed one after the other; what browsers' and libraries' limits have in
/// common is that nobody needs more.
const MOST_REDIRECTS: u32 = 10;

/// A call in progress.
#[derive(Debug)]
pub struct Attempt {
    settings: Arc<CallSettings>,
    parts: RequestParts,
    /// A redirect led to another origin: what belongs to this API has been taken off for good.
    stripped: bool,
    redirects: u32,
    refusals: u32,
    transport_failures: u32,
    sent: u32,
    waited: Duration,
    token_renewed: bool,
    /// Whether the request goes as the trial of an open circuit breaker.
    on_trial: bool,
    /// Whether the last answer was a refusal.
    was_refused: bool,
    /// The last refusal.
    refusal: Option<Box<Reply>>,
}

/// The permits that a request needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    pub cost: u32,
    pub deadline: Option<Time>,
    /// The part of the API with a limit of its own that it falls under.
    pub scope: Option<Box<str>>,
}

/// What the limiter is told of an attempt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Feedback {
    /// `exhausted`: nothing is left until so long from now, as the server says. `announced`: what it
    /// says is left of its limits.
    Success {
        exhausted: Option<Duration>,
        announced: AnnouncedLimits,
        all: bool,
    },
    /// `all`: it concerns the whole client, and not the scope of its request alone.
    Refused {
        status: StatusCode,
        retry_after: Option<Duration>,
        announced: AnnouncedLimits,
        all: bool,
    },
    /// No answer, or a 5xx that is no refusal: no word about the limit.
    Failed,
}

impl Feedback {
    /// Whether it is about the whole client's limit, and not about that of a scope alone.
    pub fn concerns_all(&self) -> bool {
        match self {
            Self::Success { all, .. } | Self::Refused { all, .. } => *all,
            Self::Failed => false,
        }
    }
}

/// What becomes of an answer.
#[derive(Debug, PartialEq)]
pub enum Next {
    /// It is the caller's.
    Deliver,
    /// Its body is read to the end, if that is near, and [`Attempt::again`] asked.
    Again,
}

/// What becomes of a call after an answer whose body was read away.
#[derive(Debug, PartialEq)]
pub enum Onward {
    /// The caller gets the answer after all.
    Deliver,
    /// The request is sent again, after a pause that the limiter is told of.
    Resend(Option<Longer>),
}

/// A pause that a body asks for.
#[derive(Debug, PartialEq)]
pub struct Longer {
    pub wait: Duration,
    /// Where; `None`: the whole client.
    pub scope: Option<Box<str>>,
}

/// An attempt that brought no answer.
#[derive(Debug)]
pub struct Failure {
    pub kind: TransportKind,
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Why there is no answer.
pub enum NoAnswer {
    /// Nothing was sent; the call ends.
    Unsent(Error),
    /// Something may have been sent.
    Failed(Failure),
}

impl Attempt {
    pub fn new(settings: Arc<CallSettings>, parts: RequestParts) -> Self {
        Self {
            settings,
            parts,
            stripped: false,
            redirects: 0,
            refusals: 0,
            transport_failures: 0,
            sent: 0,
            waited: Duration::ZERO,
            token_renewed: false,
            on_trial: false,
            was_refused: false,
            refusal: None,
        }
    }

    /// What to send.
    pub fn parts(&self) -> &RequestParts {
        &self.parts
    }

    /// Requests sent so far.
    pub fn sent(&self) -> u32 {
        self.sent
    }

    /// Time spent waiting for permits.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// The permits that the next request needs; `None` if it leads to another origin, which this limiter
    /// knows nothing of.
    pub fn acquire(&self) -> Option<Wanted> {
        self.is_at_home().then(|| Wanted {
            cost: self.parts.cost,
            deadline: self.parts.deadline,
            scope: self.scope().map(|scope| scope.name.clone()),
        })
    }

    fn scope(&self) -> Option<&ScopeRule> {
        let RequestParts {
            method, address, ..
        } = &self.parts;
        narrowest(&self.settings.scopes, method, address, &self.settings.base)
    }

    /// Whether what an answer says about the limit concerns the whole client: by the server's word, else
    /// by the configuration's.
    fn concerns_all(&self, told: &Guidance) -> bool {
        match told.scope {
            Some(guidance::Scope::Everything) => true,
            Some(guidance::Scope::Endpoint) => false,
            None => self.settings.pause_all || self.scope().is_none_or(|scope| scope.pause_all),
        }
    }

    /// A permit came after so long.
    pub fn granted(&mut self, waited: Duration) {
        self.waited = self.waited.saturating_add(waited);
    }

    /// The next request is the trial of an open circuit breaker, or is not.
    ///
    /// The limiter chose this call to ask whether the server is back: that it is not says nothing
    /// against the call, so a failed trial is none of its tries. It may be sent again only where others
    /// may, too.
    pub fn goes_on_trial(&mut self, on_trial: bool) {
        self.on_trial = on_trial;
    }

    /// No permit came.
    pub fn gave_up(&mut self, error: Error) -> Error {
        error.after(self.refusal.take())
    }

    /// Whether a fresh token goes with the next request.
    pub fn wants_token(&self) -> bool {
        self.settings.has_token_source && self.may_carry_token()
    }

    fn may_carry_token(&self) -> bool {
        self.is_at_home()
            && !self.stripped
            && !self.parts.headers.contains_key(header::AUTHORIZATION)
    }

    fn is_at_home(&self) -> bool {
        self.parts.address.origin() == self.settings.base.origin()
    }

    /// Whether only the body can tell if the answer is a refusal.
    pub fn wants_body(&self, status: StatusCode, headers: &HeaderMap, unix_now: Duration) -> bool {
        let reader = &self.settings.reader;
        self.is_at_home() && reader.wants_body(status, headers, unix_now)
    }

    /// An answer's head came. What the limiter is told does not wait for the body. The second part is
    /// an error for a redirect that must not or can't be followed.
    ///
    /// `body` is its beginning where [`Attempt::wants_body`] asked for it, else empty.
    pub fn answered(
        &mut self,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
        unix_now: Duration,
    ) -> (Feedback, Result<Next>) {
        self.sent += 1;
        let told = self.settings.reader.read(status, headers, body, unix_now);
        let (feedback, resends) = self.judge(status, &told);
        self.was_refused = matches!(feedback, Feedback::Refused { .. });
        let next = match feedback {
            Feedback::Refused { .. } if resends => Ok(Next::Again),
            Feedback::Refused { .. } | Feedback::Failed => Ok(Next::Deliver),
            Feedback::Success { .. } if status.is_informational() => {
                Err(self.refused(TransportKind::Protocol))
            }
            Feedback::Success { .. } if status.is_redirection() => self.redirected(status, headers),
            Feedback::Success { .. }
                if status == StatusCode::UNAUTHORIZED
                    && self.wants_token()
                    && !self.token_renewed =>
            {
                self.token_renewed = true;
                Ok(Next::Again)
            }
            Feedback::Success { .. } => Ok(Next::Deliver),
        };
        (feedback, next)
    }

    /// The answer that led to [`Next::Again`], with as much of its body as was read: that may forbid to
    /// send the request again, or ask for a longer pause than the head did.
    ///
    /// # Errors
    ///
    /// [`Error::BackoffExhausted`] if it was one refusal too many.
    pub fn again(&mut self, reply: Reply, unix_now: Duration) -> Result<Onward> {
        if !self.was_refused {
            return Ok(Onward::Resend(None));
        }
        let (status, headers) = (reply.status(), reply.headers());
        let reader = &self.settings.reader;
        let by_head = reader.read(status, headers, &[], unix_now).wait;
        let told = reader.read(status, headers, reply.body(), unix_now);
        if told.retryable == Some(false) {
            return Ok(Onward::Deliver);
        }
        let longer = told.wait.filter(|wait| Some(*wait) > by_head).map(|wait| {
            let scope = self.scope().filter(|_| !self.concerns_all(&told));
            Longer {
                wait,
                scope: scope.map(|scope| scope.name.clone()),
            }
        });
        self.refusals += 1;
        let reply = Box::new(reply);
        if self.refusals > self.settings.max_retries_on_backoff {
            let (attempts, waited) = (self.sent, self.waited);
            return Err(Error::BackoffExhausted {
                request: self.parts.label(),
                attempts,
                waited,
                reply,
            });
        }
        self.refusal = Some(reply);
        Ok(Onward::Resend(longer))
    }

    /// No answer came. `Ok`: the request is sent again.
    ///
    /// # Errors
    ///
    /// [`Error::Transport`].
    pub fn failed(&mut self, failure: Failure, now: Time) -> Result<()> {
        self.sent += 1;
        self.transport_failures += u32::from(!self.on_trial);
        let Failure { kind, source } = failure;
        // A kept connection may be closed by the server at the very moment it is used again: that is
        // nobody's fault and worth one more try even if none was asked for.
        let tries = match kind {
            TransportKind::Closed => self.settings.retry_transport.max(1),
            _ => self.settings.retry_transport,
        };
        let harmless = match kind {
            TransportKind::Resolve
            | TransportKind::Connect
            | TransportKind::Timeout(TimeoutPhase::Connect) => true,
            TransportKind::Closed | TransportKind::Timeout(_) | TransportKind::Other => {
                self.parts.is_idempotent()
            }
            _ => false,
        };
        let in_time = self.parts.deadline.is_none_or(|deadline| now < deadline);
        let tries_left = tries > 0 && self.transport_failures <= tries;
        if harmless && in_time && tries_left {
            return Ok(());
        }
        Err(Error::Transport {
            request: self.parts.label(),
            kind,
            source,
        })
    }

    /// What the limiter is told of an answer, and whether the request is sent again if it was refused.
    fn judge(&self, status: StatusCode, told: &Guidance) -> (Feedback, bool) {
        let (announced, all) = (in_requests(told), self.concerns_all(told));
        let verdict = if self.is_at_home() {
            self.settings.reader.verdict(status, told)
        } else {
            Reader::without_limit(status, told)
        };
        match verdict {
            Verdict::Refused { pause, resend } => {
                let feedback = Feedback::Refused {
                    status,
                    retry_after: pause,
                    announced,
                    all,
                };
                let again = match resend {
                    Resend::Always => true,
                    Resend::IfIdempotent => self.parts.is_idempotent(),
                    Resend::Never => false,
                };
                (feedback, again)
            }
            Verdict::Failed => (Feedback::Failed, false),
            Verdict::Success { pause } => {
                let feedback = Feedback::Success {
                    exhausted: pause,
                    announced,
                    all,
                };
                (feedback, false)
            }
        }
    }

    fn redirected(&mut self, status: StatusCode, headers: &HeaderMap) -> Result<Next> {
        let keeps_method = match status.as_u16() {
            301 | 302 => self.parts.method != Method::POST,
            303 => matches!(self.parts.method, Method::GET | Method::HEAD),
            307 | 308 => true,
            _ => return Ok(Next::Deliver),
        };
        let Some(location) = headers.get(header::LOCATION) else {
            return Ok(Next::Deliver);
        };
        let target = std::str::from_utf8(location.as_bytes())
            .ok()
            .and_then(|location| self.parts.address.resolve(location).ok())
            .filter(|target| target.origin().is_https() || !self.parts.address.origin().is_https())
            .ok_or_else(|| self.refused(TransportKind::RedirectRefused))?;
        let leaves = target.origin() != self.settings.base.origin();
        // The body is this API's; another host gets it only by the caller's word, and where the server asks
        // for it.
        let may_leave = matches!(status.as_u16(), 307 | 308) && self.parts.idempotent == Some(true);
        let keeps_body = keeps_method && self.parts.body.is_some();
        if leaves && (keeps_body && !may_leave || !self.settings.follows_abroad) {
            return Ok(Next::Deliver);
        }
        self.redirects += 1;
        if self.redirects > MOST_REDIRECTS {
            return Err(self.refused(TransportKind::TooManyRedirects));
        }
        if !keeps_method {
            self.parts.method = Method::GET;
            self.parts.body = None;
            for name in [
                header::CONTENT_TYPE,
                header::CONTENT_LENGTH,
                header::CONTENT_ENCODING,
            ] {
                self.parts.headers.remove(name);
            }
        }
        if leaves {
            self.strip();
        }
        self.parts.address = target;
        Ok(Next::Again)
    }

    fn refused(&self, kind: TransportKind) -> Error {
        Error::Transport {
            request: self.parts.label(),
            kind,
            source: None,
        }
    }

    /// Takes off what another host must not see, for the rest of the call.
    fn strip(&mut self) {
        let keeps_body = self.parts.body.is_some();
        let mut kept = HeaderMap::new();
        for (name, value) in &self.parts.headers {
            let describes_body = keeps_body && name == header::CONTENT_TYPE;
            if describes_body
                || [
                    header::ACCEPT,
                    header::ACCEPT_ENCODING,
                    header::USER_AGENT,
                    header::RANGE,
                ]
                .contains(name)
            {
                kept.append(name.clone(), value.clone());
            }
        }
        self.parts.headers = kept;
        self.parts.repeatable = false;
        self.stripped = true;
    }
}

/// The announced limits that count requests. Those in other units say nothing about how many may go.
fn in_requests(told: &Guidance) -> AnnouncedLimits {
    let policies = told.policies.iter();
    let in_requests = policies.filter(|policy| policy.unit == Unit::Requests);
    in_requests
        .filter_map(|policy| {
            Some(Announced {
                limit: policy.limit,
                window: policy.window,
                remaining: policy.remaining?,
                reset_after: policy.reset_after?,
            })
        })
        .collect()
}
