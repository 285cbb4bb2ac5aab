//! Ctrl-C and polite kills, which end things in order.

use std::io;

use tokio::runtime;

use crate::failure::Failure;

/// Calls `told` at each of them, on a thread of its own.
///
/// From the return on none of them kills the process. A hang-up that is ignored when it starts stays
/// ignored: that is what `nohup` is for.
pub(crate) fn listen(told: impl FnMut() + Send + 'static) -> Result<(), Failure> {
    start(told)
        .map_err(|error| Failure::failed(format_args!("could not listen for Ctrl-C: {error}")))
}

fn start(mut told: impl FnMut() + Send + 'static) -> io::Result<()> {
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
                told();
            }
        });
    })?;
    Ok(())
}

#[cfg(unix)]
struct Signals(Vec<tokio::signal::unix::Signal>);

#[cfg(unix)]
impl Signals {
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
            // All are asked, so that each wakes this.
            let came = self.0.iter_mut().map(|signal| signal.poll_recv(context));
            match came.filter(std::task::Poll::is_ready).count() {
                0 => std::task::Poll::Pending,
                _ => std::task::Poll::Ready(()),
            }
        })
        .await;
    }
}

/// Whether this process was started so that the signal does nothing. Only Linux tells without `unsafe`.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let about = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = about
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
