//! The driver of a worker in a fleet: a thread that visits the store, so that no caller has to.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::thread::{self, Thread};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::{Core, DynamicRateLimiter, Origin, Shared};
use crate::clock::Clock;
use crate::fleet::{Fleet, Replaced, StoreError};
use crate::observe::{Cause, Event};
use api_ratelimiter_core::Time;
use api_ratelimiter_core::config::ApiRateConfig;
use api_ratelimiter_core::error::{Error, Result};
use api_ratelimiter_core::limiter::{
    Apart, Ask, Change, Errand, MOST_TRIES, MOST_WANTED, Member, Record, Reply, Settings, Settled,
    Source, settle,
};

/// Said of a store in which others are quicker for ever.
const CROWDED: &str = "what was written is never what was read before";

/// How long a store keeps the state of a fleet that nobody uses: a job that runs every day finds it.
const KEEP: Duration = Duration::from_secs(48 * 60 * 60);

/// How long the last clone waits, when it goes, until that was said: visits take less, and nobody waits for one that does
/// not.
const FAREWELL: Duration = Duration::from_millis(100);

/// The thread's place in the limiter.
#[derive(Debug)]
pub(super) struct Agent {
    fleet: Fleet,
    settings: Settings,
    fingerprint: u64,
    thread: OnceLock<Thread>,
    woken: AtomicBool,
    /// The limiter is gone, and has left this to say.
    farewell: Mutex<Option<Box<Ask>>>,
    is_over: AtomicBool,
    is_said: Mutex<bool>,
    said: Condvar,
}

/// A visit that succeeded.
struct Visited {
    sent: Time,
    received: Time,
    reply: Reply,
}

/// One that did not.
enum Trouble {
    Store(StoreError),
    /// Others were quicker every time.
    Crowded,
    OtherSettings,
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl DynamicRateLimiter {
    /// A limiter that shares everything with the other workers of `fleet`. A thread of its own visits the store, and
    /// ends with the last clone.
    ///
    /// The parts of the API that have limits of their own are shared likewise, each under a key of its own.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] for a value that breaks a rule, or if workers with another configuration share
    /// the key. A store that can't be reached is none: that is a warning, and
    /// [`OnOutage`](crate::OnOutage) says what follows.
    pub fn in_fleet(config: &ApiRateConfig, fleet: &Fleet) -> Result<Self> {
        Self::in_fleet_after(config, fleet, |limiter| limiter)
    }

    /// Joins a fleet after `prepare`, so that observers hear of a store that can't be reached at once.
    pub(crate) fn in_fleet_after(
        config: &ApiRateConfig,
        fleet: &Fleet,
        prepare: impl FnOnce(Self) -> Self,
    ) -> Result<Self> {
        let clock = Arc::new(crate::clock::SystemClock::new());
        let limiter = prepare(Self::assembled(config, clock, Some(fleet))?);
        limiter.join_fleet(true)?;
        // Where the store does not answer the first one, the others don't wait for it, too.
        let is_there = limiter.snapshot().fleet.is_some_and(|fleet| fleet.joined);
        for (_, scope) in &limiter.shared.scopes {
            scope.join_fleet(is_there)?;
        }
        Ok(limiter)
    }

    /// The source of a fleet's grants, and whoever drives it.
    pub(super) fn fleet_source(
        config: &ApiRateConfig,
        fleet: &Fleet,
        now: Time,
    ) -> Result<(Source, Option<Arc<Agent>>)> {
        let member = Member::new(config.settings()?, fleet.manner, now);
        let agent = Agent {
            fleet: fleet.clone(),
            settings: member.settings().clone(),
            fingerprint: member.fingerprint(),
            thread: OnceLock::new(),
            woken: AtomicBool::new(false),
            farewell: Mutex::new(None),
            is_over: AtomicBool::new(false),
            is_said: Mutex::new(false),
            said: Condvar::new(),
        };
        Ok((Source::Fleet(Box::new(member)), Some(Arc::new(agent))))
    }

    /// Meets the fleet in a thread; for the first time at once, if the store `is_there`.
    fn join_fleet(&self, is_there: bool) -> Result<()> {
        let Some(agent) = &self.shared.agent else {
            return Ok(());
        };
        if is_there {
            if let Errand::Visit(ask) = self.next_errand() {
                self.visit(agent, *ask);
            }
        }
        if self.is_apart(Apart::OtherSettings) {
            let problem = Error::apart(Apart::OtherSettings).to_string();
            return Err(Error::config(self.name(), "fleet", problem));
        }
        let (weak, own) = (Arc::downgrade(&self.shared), Arc::clone(agent));
        let clock = Arc::clone(&self.shared.clock);
        let spawned = thread::Builder::new()
            .name("api-ratelimiter fleet".to_owned())
            .spawn(move || own.run(&weak, &*clock));
        let handle = spawned.map_err(|error| {
            Error::config(self.name(), "fleet", format_args!("no thread: {error}"))
        })?;
        let _ = agent.thread.set(handle.thread().clone());
        // It may have gone to rest before anybody knew it.
        agent.call();
        Ok(())
    }

    fn is_apart(&self, apart: Apart) -> bool {
        let mut core = self.shared.core.lock();
        let member = core.source.member();
        member.is_some_and(|member| member.apart() == Some(apart))
    }

    /// Has the agent look again.
    pub(super) fn call_agent(&self, is_calling: bool) {
        if let Some(agent) = self.shared.agent.as_ref().filter(|_| is_calling) {
            agent.call();
        }
    }

    fn next_errand(&self) -> Errand {
        let now = self.shared.clock.now();
        let mut core = self.shared.core.lock();
        let Core { source, queue, .. } = &mut *core;
        match source.member() {
            // Not from the seeded jitter: it names a state, and no two workers may name theirs alike.
            Some(member) => member.errand(now, &queue.costs(MOST_WANTED), fastrand::u64(..)),
            None => Errand::Rest(Time::MAX),
        }
    }

    fn visit(&self, agent: &Agent, mut ask: Ask) {
        let clock = &*self.shared.clock;
        // A store of somebody else's may panic; the callers who wait for this thread are not to wait for ever.
        let exchange = AssertUnwindSafe(|| agent.exchange(&mut ask, clock));
        let result = catch_unwind(exchange).unwrap_or_else(|_| {
            let error = StoreError::new("a panic while it was visited");
            Err(Trouble::Store(error))
        });
        let disagreement = result.as_ref().ok().and_then(|it| it.reply.disagreement);
        let mut told = None;
        // As any outcome: what it changed is news, and whoever waits first looks again.
        self.feed(Origin::Hand, Cause::default(), |core, now| {
            let chance = core.jitter.f64();
            let Some(member) = core.source.member() else {
                return Change::Nothing;
            };
            let was_joined = member.membership().joined;
            let change = match result {
                Ok(Visited {
                    sent,
                    received,
                    reply,
                }) => member.settled(sent, received, now, reply),
                Err(Trouble::Crowded) => {
                    let is_new = member.crowded_out(now, ask, chance);
                    told = is_new.then(|| CROWDED.to_owned());
                    Change::Nothing
                }
                Err(Trouble::OtherSettings) => {
                    let is_new = member.met_other_settings(now, ask);
                    told = is_new.then(|| Error::apart(Apart::OtherSettings).to_string());
                    Change::Nothing
                }
                Err(Trouble::Store(error)) => {
                    let is_new = member.failed_to_reach(now, ask, chance);
                    told = is_new.then(|| error.to_string());
                    Change::Nothing
                }
            };
            let is_back = !was_joined && member.membership().joined && member.has_been_away();
            told = told.take().or(is_back.then(String::new));
            change
        });
        let store = || agent.fleet.store.shown();
        match told {
            Some(problem) if problem.is_empty() => {
                self.tell(log::Level::Info, |about| Event::FleetBack {
                    about,
                    store: store(),
                });
            }
            Some(problem) => self.tell(log::Level::Warn, |about| Event::FleetLost {
                about,
                store: store(),
                problem,
            }),
            None => {}
        }
        if let Some((announced, learned)) = disagreement {
            self.tell_disagreement(announced, learned);
        }
    }
}

impl Agent {
    pub(super) fn shown(&self) -> String {
        self.fleet.store.shown()
    }

    fn call(&self) {
        self.woken.store(true, Ordering::Release);
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    fn run(&self, limiter: &Weak<Shared>, clock: &dyn Clock) {
        while let Some(shared) = limiter.upgrade() {
            let limiter = DynamicRateLimiter { shared };
            match limiter.next_errand() {
                Errand::Visit(ask) => limiter.visit(self, *ask),
                Errand::Rest(until) => {
                    drop(limiter);
                    clock.park_until(Some(until).filter(|it| *it < Time::MAX), &self.woken);
                }
            }
        }
        while !self.is_over.load(Ordering::Acquire) {
            clock.park_until(None, &self.woken);
        }
        if let Some(mut ask) = self.farewell.lock().take() {
            // Whoever goes can't help it if nobody hears.
            let _ = catch_unwind(AssertUnwindSafe(|| self.exchange(&mut ask, clock)));
        }
        *self.is_said.lock() = true;
        self.said.notify_all();
    }

    fn exchange(&self, ask: &mut Ask, clock: &dyn Clock) -> Result<Visited, Trouble> {
        let Fleet { store, key, .. } = &self.fleet;
        let mut sent = clock.now();
        let mut found = store.read(key)?;
        for _ in 0..MOST_TRIES {
            let received = clock.now();
            let now = found.time();
            let record = Record::read(&found.text, now);
            let (record, reply) = match settle(record, now, ask, &self.settings, self.fingerprint) {
                Settled::Write(record, reply) => (record, reply),
                Settled::Keep(reply) => {
                    return Ok(Visited {
                        sent,
                        received,
                        reply,
                    });
                }
                Settled::OtherSettings => return Err(Trouble::OtherSettings),
            };
            let began = clock.now();
            let replaced = store.replace(key, found.version, &record.to_text(), KEEP);
            match replaced.inspect_err(|_| ask.may_be_settled(&reply))? {
                Replaced::Done => {
                    return Ok(Visited {
                        sent,
                        received,
                        reply,
                    });
                }
                Replaced::Other(newer) => (sent, found) = (began, newer),
            }
        }
        Err(Trouble::Crowded)
    }
}

/// What is left to report is reported, and slots go back.
impl Drop for Shared {
    fn drop(&mut self) {
        let Some(agent) = &self.agent else { return };
        let now = self.clock.now();
        let member = self.core.get_mut().source.member();
        let farewell = member.and_then(|member| member.farewell(now, fastrand::u64(..)));
        let has_to_say = farewell.is_some();
        *agent.farewell.lock() = farewell;
        agent.is_over.store(true, Ordering::Release);
        agent.call();
        let is_own = agent.thread.get().map(Thread::id) == Some(thread::current().id());
        if has_to_say && !is_own {
            // A program that ends right now would take the word with it.
            let mut is_said = agent.is_said.lock();
            if !*is_said {
                let _ = agent.said.wait_for(&mut is_said, FAREWELL);
            }
        }
    }
}
