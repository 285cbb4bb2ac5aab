//! Who listens to one limiter.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::RwLock;

use super::attempt_record::{self, AttemptRecord};
use super::decision::Decision;
use super::event::{About, Event, Observer, unix_seconds};
use super::log_lines::{self, LogLines, TARGET};
use api_ratelimiter_core::attempt::Attempt;
use api_ratelimiter_core::error::Error;
use api_ratelimiter_core::request::Tags;

/// Numbers that one decision may need; those it does not use are left out.
const PER_DECISION: u64 = 8;

/// Who speaks, and when by the wall clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EventSource<'a> {
    pub(crate) api: &'a str,
    pub(crate) unix_now: Duration,
}

/// The log lines, and whoever else listens.
#[derive(Default)]
pub(crate) struct Dispatcher {
    /// Whether anybody but the log listens: looked at before anything is put together.
    listened: AtomicBool,
    sequence: AtomicU64,
    seats: RwLock<Subscribers>,
}

#[derive(Default, Clone)]
struct Subscribers {
    tenant: Option<Arc<str>>,
    listeners: Vec<Arc<Listener>>,
}

struct Listener {
    observer: Arc<dyn Observer>,
    /// Whether a panic of it was logged already.
    told_on: AtomicBool,
}

impl Dispatcher {
    pub(crate) fn add(&self, observer: Arc<dyn Observer>) {
        let told_on = AtomicBool::new(false);
        let listener = Arc::new(Listener { observer, told_on });
        self.seats.write().listeners.push(listener);
        self.listened.store(true, Ordering::Release);
    }

    pub(crate) fn set_tenant(&self, tenant: &str) {
        self.seats.write().tenant = Some(tenant.into());
    }

    pub(crate) fn tenant(&self) -> Option<String> {
        self.seats.read().tenant.as_deref().map(str::to_owned)
    }

    /// Whether anybody wants an event that is logged at `level`: if not, none is put together.
    pub(crate) fn wants(&self, level: log::Level) -> bool {
        self.listened.load(Ordering::Acquire) || log::log_enabled!(target: TARGET, level)
    }

    /// The first of the numbers of a decision's events. Asked for in the order of decisions.
    pub(crate) fn next_number(&self) -> u64 {
        self.sequence.fetch_add(PER_DECISION, Ordering::Relaxed)
    }

    fn about(&self, speaker: EventSource<'_>, sequence: u64, tags: Option<&Tags>) -> About {
        let EventSource { api, unix_now } = speaker;
        About {
            api: api.to_owned(),
            tenant: self.tenant(),
            sequence,
            at: unix_seconds::of(unix_now),
            context: tags.map(|tags| tags.context.clone()).unwrap_or_default(),
        }
    }

    /// Tells everybody, on this thread. No lock is held meanwhile: an observer may add another.
    fn tell(&self, event: &Event) {
        LogLines.on_event(event);
        if !self.listened.load(Ordering::Acquire) {
            return;
        }
        let listeners = self.seats.read().listeners.clone();
        for listener in listeners {
            let told = catch_unwind(AssertUnwindSafe(|| listener.observer.on_event(event)));
            if told.is_err() && !listener.told_on.swap(true, Ordering::Relaxed) {
                log_lines::observer_panicked(&event.about().api);
            }
        }
    }
}

/// What a limiter tells, put together only if somebody wants it.
impl Dispatcher {
    pub(crate) fn decided(&self, speaker: EventSource<'_>, tags: Option<&Tags>, news: &Decision) {
        let mut sequence = news.number;
        let about = || {
            let about = self.about(speaker, sequence, tags);
            sequence += 1;
            about
        };
        news.each(about, |event| self.tell(&event));
    }

    pub(crate) fn cooldown_ended(&self, speaker: EventSource<'_>, sequence: u64, lasted: Duration) {
        let about = self.about(speaker, sequence, None);
        self.tell(&Event::CooldownEnded { about, lasted });
    }

    /// Tells one event that is not a decision of the limiter, if anyone wants what is logged at `level`.
    pub(crate) fn tell_if_wanted(
        &self,
        speaker: EventSource<'_>,
        level: log::Level,
        event: impl FnOnce(About) -> Event,
    ) {
        if self.wants(level) {
            self.tell(&event(self.about(speaker, self.next_number(), None)));
        }
    }

    pub(crate) fn attempted(&self, speaker: EventSource<'_>, heard: AttemptRecord) {
        let about = self.about(speaker, self.next_number(), heard.tags.as_deref());
        self.tell(&heard.event(about));
    }

    pub(crate) fn gave_up(&self, speaker: EventSource<'_>, attempt: &Attempt, error: &Error) {
        let tags = attempt.parts().tags.as_deref();
        let about = self.about(speaker, self.next_number(), tags);
        self.tell(&attempt_record::gave_up(about, attempt, error));
    }
}

impl fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dispatcher")
            .field("listened", &self.listened)
            .finish_non_exhaustive()
    }
}
