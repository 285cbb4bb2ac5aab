//! Ctrl-C, and the signals that ask a process to end.

use std::io;

use tokio::runtime;

use crate::failure::{Failure, INTERRUPTED};

#[cfg(not(unix))]
use CtrlC as Signals;
#[cfg(unix)]
use UnixSignals as Signals;

/// Calls `on_signal` at each signal, on a thread of its own.
///
/// After this function returns, none of these signals kills the process. If the process was started with hang-ups
/// ignored, as `nohup` does, they stay ignored.
pub(crate) fn listen(on_signal: impl FnMut() + Send + 'static) -> Result<(), Failure> {
    start(on_signal)
        .map_err(|error| Failure::failed(format_args!("could not listen for Ctrl-C: {error}")))
}

/// Calls `stop` at the first signal, so that the requests in flight can finish. The second ends the process.
pub(crate) fn stop_at_first(stop: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    let mut stop = Some(stop);
    listen(move || match stop.take() {
        Some(stop) => stop(),
        None => std::process::exit(i32::from(INTERRUPTED)),
    })
}

fn start(mut on_signal: impl FnMut() + Send + 'static) -> io::Result<()> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut signals = {
        let _within = runtime.enter();
        Signals::new()?
    };
    std::thread::Builder::new().spawn(move || {
        runtime.block_on(async {
            loop {
                signals.next().await;
                on_signal();
            }
        });
    })?;
    Ok(())
}

/// SIGINT, SIGTERM and SIGHUP.
#[cfg(unix)]
struct UnixSignals(Vec<tokio::signal::unix::Signal>);

#[cfg(unix)]
impl UnixSignals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut kinds = vec![SignalKind::interrupt(), SignalKind::terminate()];
        let hangup = SignalKind::hangup();
        if !is_ignored(hangup.as_raw_value()) {
            kinds.push(hangup);
        }
        kinds
            .into_iter()
            .map(signal)
            .collect::<io::Result<_>>()
            .map(Self)
    }

    async fn next(&mut self) {
        std::future::poll_fn(|context| {
            // Polls all of them, without stopping at the first: each must know this task to wake it.
            let polls = self.0.iter_mut().map(|signal| signal.poll_recv(context));
            match polls.filter(std::task::Poll::is_ready).count() {
                0 => std::task::Poll::Pending,
                _ => std::task::Poll::Ready(()),
            }
        })
        .await;
    }
}

/// Whether this process was started with the signal ignored. Only Linux shows it without `unsafe`.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// Ctrl-C, where there are no Unix signals.
#[cfg(not(unix))]
struct CtrlC;

#[cfg(not(unix))]
impl CtrlC {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
