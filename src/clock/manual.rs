//! A clock that stands still until a test moves it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;
use std::thread::{self, Thread};
use std::time::Duration;

use parking_lot::Mutex;

use super::system::Clock;
use api_ratelimiter_core::Time;

/// A clock for tests that is moved by hand, or jumps by itself once all threads wait.
///
/// [`ManualClock::new`] stands still until [`advance`](Self::advance) is called. A clock made by
/// [`ManualClock::auto`] jumps to the earliest awaited time as soon as every joined thread waits, so that minutes
/// pass in microseconds. Take a [`join`](Self::join) guard for each thread or task that will wait, *before* it is
/// spawned, and move it into the thread or task.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use api_ratelimiter::{ApiRateConfig, Clock, DynamicRateLimiter, ManualClock};
///
/// # fn main() -> api_ratelimiter::Result<()> {
/// let clock = ManualClock::auto();
/// let config = ApiRateConfig { initial_rate: 1.0, max_rate: 1.0, ..Default::default() };
/// let limiter = DynamicRateLimiter::with_clock(&config, Arc::new(clock.clone()))?;
/// let _joined = clock.join();
/// for _ in 0..61 {
///     limiter.acquire()?.success();
/// }
/// assert_eq!(clock.now().as_nanos(), Duration::from_secs(60).as_nanos() as u64);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ManualClock {
    shared: Arc<ManualState>,
}

#[derive(Debug)]
struct ManualState {
    auto: bool,
    state: Mutex<Timeline>,
}

#[derive(Debug)]
struct Timeline {
    now: Time,
    /// The wall clock at [`Time::ZERO`]. A test may step it.
    unix_at_zero: Duration,
    /// Number of threads that take part in auto mode.
    joined: usize,
    parked: Vec<Parked>,
    /// Number of the current round. See [`ManualClock::park_until`].
    round: u64,
    next_id: u64,
}

/// A waiting thread or task.
#[derive(Debug)]
struct Parked {
    id: u64,
    sleeper: Sleeper,
    until: Option<Time>,
    /// The last round in which it looked and was not woken.
    looked_in: Option<u64>,
}

/// A task's waker runs foreign code when it is cloned, dropped or woken, so none of that happens under the lock.
#[derive(Debug, Clone)]
enum Sleeper {
    Thread(Thread),
    Task(Arc<Waker>),
}

impl Sleeper {
    /// Wakes it.
    fn rouse(&self) {
        match self {
            Self::Thread(thread) => thread.unpark(),
            Self::Task(waker) => waker.wake_by_ref(),
        }
    }
}

/// Wakes threads and tasks. Called without the lock.
fn rouse(sleepers: Vec<Sleeper>) {
    for sleeper in sleepers {
        sleeper.rouse();
    }
}

/// Wall clock of a new manual clock: 2026-01-01 00:00:00 UTC.
const UNIX_AT_START: Duration = Duration::from_secs(1_767_225_600);

impl ManualClock {
    /// Returns a clock that stands still at its epoch until it is advanced.
    #[must_use]
    pub fn new() -> Self {
        Self::with_mode(false)
    }

    /// Returns a clock that jumps to the earliest awaited time whenever all joined threads wait.
    #[must_use]
    pub fn auto() -> Self {
        Self::with_mode(true)
    }

    fn with_mode(auto: bool) -> Self {
        let state = Timeline {
            now: Time::ZERO,
            unix_at_zero: UNIX_AT_START,
            joined: 0,
            parked: Vec::new(),
            round: 0,
            next_id: 0,
        };
        Self {
            shared: Arc::new(ManualState {
                auto,
                state: Mutex::new(state),
            }),
        }
    }

    /// Moves the time on, and wakes the threads and tasks that waited for it.
    pub fn advance(&self, by: Duration) {
        let round = {
            let mut state = self.shared.state.lock();
            state.now = state.now + by;
            state.next_round()
        };
        rouse(round);
    }

    /// Sets the wall clock, since 1970. The monotonic time stays.
    pub fn set_unix_now(&self, unix: Duration) {
        let mut state = self.shared.state.lock();
        state.unix_at_zero = unix.saturating_sub(state.now.saturating_since(Time::ZERO));
    }

    /// Counts one more thread in, until the guard is dropped.
    #[must_use = "the thread counts only while the guard lives"]
    pub fn join(&self) -> JoinGuard {
        self.shared.state.lock().joined += 1;
        JoinGuard {
            clock: self.clone(),
        }
    }

    /// Returns the number of waiting threads and tasks.
    #[must_use]
    pub fn parked(&self) -> usize {
        self.shared.state.lock().parked.len()
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

/// Membership of a thread in a [`ManualClock`] in auto mode. Ends when dropped.
#[derive(Debug)]
pub struct JoinGuard {
    clock: ManualClock,
}

impl Drop for JoinGuard {
    fn drop(&mut self) {
        let round = {
            let mut state = self.clock.shared.state.lock();
            state.joined -= 1;
            state.round_if_all_wait()
        };
        rouse(round);
    }
}

impl Timeline {
    /// Begins a round, in which all waiting threads and tasks look again, whether woken, due or neither. Returns them, to
    /// be roused without the lock.
    fn next_round(&mut self) -> Vec<Sleeper> {
        self.round += 1;
        let parked = self.parked.iter();
        parked.map(|parked| parked.sleeper.clone()).collect()
    }

    /// Returns whether every joined thread waits and has looked in this round.
    fn all_quiet(&self) -> bool {
        self.parked.len() >= self.joined
            && self
                .parked
                .iter()
                .all(|parked| parked.looked_in == Some(self.round))
    }

    /// Moves the time to the earliest awaited time, if no joined thread runs. Returns the round that begins.
    fn jump_if_all_quiet(&mut self) -> Option<Vec<Sleeper>> {
        if !self.all_quiet() {
            return None;
        }
        let earliest = self.parked.iter().filter_map(|parked| parked.until).min();
        self.now = self.now.max(earliest?);
        Some(self.next_round())
    }

    /// Begins a round, if no joined thread runs.
    fn round_if_all_wait(&mut self) -> Vec<Sleeper> {
        if self.parked.len() >= self.joined {
            self.next_round()
        } else {
            Vec::new()
        }
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Time {
        self.shared.state.lock().now
    }

    fn unix_now(&self) -> Duration {
        let state = self.shared.state.lock();
        state
            .unix_at_zero
            .saturating_add(state.now.saturating_since(Time::ZERO))
    }

    /// Waits in rounds. A thread may have been woken by another one that waits by now, without having run. To keep
    /// the time from jumping over it, a jump takes a *round*: all waiting threads look whether they were woken, and
    /// only when each of them has looked and stayed, the last one moves the time.
    fn park_until(&self, until: Option<Time>, woken: &AtomicBool) {
        let (id, round) = {
            let mut state = self.shared.state.lock();
            let id = state.next_id;
            state.next_id += 1;
            state.parked.push(Parked {
                id,
                sleeper: Sleeper::Thread(thread::current()),
                until,
                looked_in: None,
            });
            (id, state.round_if_all_wait())
        };
        rouse(round);
        loop {
            let jump = {
                let mut state = self.shared.state.lock();
                if woken.swap(false, Ordering::Acquire)
                    || until.is_some_and(|until| until <= state.now)
                {
                    state.parked.retain(|parked| parked.id != id);
                    return;
                }
                let round = state.round;
                if let Some(me) = state.parked.iter_mut().find(|parked| parked.id == id) {
                    me.looked_in = Some(round);
                }
                if self.shared.auto {
                    state.jump_if_all_quiet()
                } else {
                    None
                }
            };
            match jump {
                Some(round) => rouse(round),
                None => thread::park(),
            }
        }
    }

    /// Waits in rounds as a thread does. A task looks whenever it is polled.
    fn wake_at(&self, alarm: &mut Option<u64>, until: Option<Time>, waker: &Waker) -> bool {
        let own = Arc::new(waker.clone());
        let mut state = self.shared.state.lock();
        let is_due = until.is_some_and(|until| until <= state.now);
        let round = state.round;
        let known = alarm.and_then(|id| state.parked.iter_mut().find(|parked| parked.id == id));
        let (replaced, roused) = if let Some(me) = known {
            me.looked_in = Some(round);
            me.until = until;
            let replaced = std::mem::replace(&mut me.sleeper, Sleeper::Task(own));
            let jump = self.shared.auto.then(|| state.jump_if_all_quiet());
            (Some(replaced), jump.flatten().unwrap_or_default())
        } else {
            let id = state.next_id;
            state.next_id += 1;
            *alarm = Some(id);
            state.parked.push(Parked {
                id,
                sleeper: Sleeper::Task(own),
                until,
                looked_in: None,
            });
            let round = self.shared.auto.then(|| state.round_if_all_wait());
            (None, round.unwrap_or_default())
        };
        drop(state);
        drop(replaced);
        if is_due {
            waker.wake_by_ref();
        }
        rouse(roused);
        true
    }

    fn forget(&self, alarm: u64) {
        let mut state = self.shared.state.lock();
        let found = state.parked.iter().position(|parked| parked.id == alarm);
        let left = found.map(|at| state.parked.remove(at));
        drop(state);
        drop(left);
    }
}
