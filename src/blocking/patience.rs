//! Timeouts of waits, where ureq's own timeouts do not fit.
//!
//! ureq waits for each piece of a proxy's response to CONNECT as long as connecting may take as a whole, so a proxy
//! that sends a byte now and then would never be given up. Here every wait ends when the time to connect is
//! over, whichever step of connecting it belongs to.
//!
//! ureq's timeout for each read also applies while the client waits for the head of a response. There only
//! `first_byte` should apply, so the timeout for each read is off from the last write until the first
//! byte arrives. A body that is read whole has a timeout for all of it ([`until`]). A server can't extend it
//! by bytes that are not part of the body: sizes of chunks, trailers, compressed data that decodes to
//! nothing.
//!
//! This module also distinguishes a connection that could not be made from one that was cut.
//!
//! No other module uses ureq's `unversioned` interface, which is the reason for `~3.5` in Cargo.toml.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use ureq::Timeout;
use ureq::unversioned::transport::time::{Duration as UreqDuration, Instant as UreqInstant};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, DefaultConnector, NextTimeout, Transport,
};

use crate::client::transport::io_kind;
use crate::clock::Clock;
use api_ratelimiter_core::Time;
use api_ratelimiter_core::error::TransportKind;

thread_local! {
    /// Time at which reads on this thread end. A body is read on the thread that asks for it.
    static BOUND: RefCell<Option<(Arc<dyn Clock>, Time)>> = const { RefCell::new(None) };
}

/// Runs `read`, in which every wait for the server ends at `end`.
pub(super) fn until<T>(clock: &Arc<dyn Clock>, end: Time, read: impl FnOnce() -> T) -> T {
    struct Lift;
    impl Drop for Lift {
        fn drop(&mut self) {
            BOUND.set(None);
        }
    }
    BOUND.set(Some((Arc::clone(clock), end)));
    let _lift = Lift;
    read()
}

/// ureq's clock.
type UreqClock = Arc<dyn Fn() -> UreqInstant + Send + Sync>;

/// Number of bytes of a request that are written at once. A write to a server that reads slowly ends only between
/// two pieces.
const PIECE: usize = 16 * 1024;

/// End of connecting.
#[derive(Clone)]
struct ConnectEnd {
    at: Instant,
    /// The timeout that ends it.
    reason: Timeout,
    clock: UreqClock,
}

thread_local! {
    /// End of connecting, while this thread connects.
    static CONNECT_END: RefCell<Option<ConnectEnd>> = const { RefCell::new(None) };
}

impl ConnectEnd {
    fn of(details: &ConnectionDetails<'_>) -> Option<Self> {
        let (UreqInstant::Exact(start), UreqDuration::Exact(length)) =
            (details.now, details.timeout.after)
        else {
            return None;
        };
        Some(Self {
            at: start.checked_add(length)?,
            reason: details.timeout.reason,
            clock: Arc::clone(&details.current_time) as _,
        })
    }

    /// Returns the time that is left.
    fn left(&self) -> Result<UreqDuration, ureq::Error> {
        let UreqInstant::Exact(now) = (self.clock)() else {
            return Ok(UreqDuration::NotHappening);
        };
        let left = self.at.saturating_duration_since(now);
        if left.is_zero() {
            return Err(ureq::Error::Timeout(self.reason));
        }
        Ok(left.into())
    }
}

/// Shortens a timeout to the time that is left for connecting, while this thread connects.
fn within_connecting(mut timeout: NextTimeout) -> Result<NextTimeout, ureq::Error> {
    if let Some(end) = CONNECT_END.with_borrow(Clone::clone) {
        let left = end.left()?;
        if timeout.after > left {
            timeout.after = left;
            timeout.reason = end.reason;
        }
    }
    Ok(timeout)
}

/// ureq's connectors, which all end in time. A proxy's connector calls this one for the connection to the proxy.
#[derive(Debug, Default)]
pub(super) struct PatientConnector {
    inner: DefaultConnector,
}

/// Transport that knows whether the first byte of the response has arrived.
pub(super) struct Patient<T> {
    inner: T,
    awaits_first_byte: bool,
    clock: UreqClock,
}

impl<T> Patient<T> {
    /// Returns what is left of a timeout that began at `start`.
    fn left(&self, mut timeout: NextTimeout, start: UreqInstant) -> NextTimeout {
        if let (UreqDuration::Exact(length), UreqInstant::Exact(start), UreqInstant::Exact(now)) =
            (timeout.after, start, (self.clock)())
        {
            timeout.after = length
                .saturating_sub(now.saturating_duration_since(start))
                .into();
        }
        timeout
    }
}

impl<T: fmt::Debug> fmt::Debug for Patient<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Patient").field(&self.inner).finish()
    }
}

impl Connector<()> for PatientConnector {
    type Out = Patient<Box<dyn Transport>>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        /// Puts the end of the outer connector back.
        struct Restore(Option<ConnectEnd>);
        impl Drop for Restore {
            fn drop(&mut self) {
                CONNECT_END.set(self.0.take());
            }
        }
        let end = ConnectEnd::of(details);
        let mut timeout = details.timeout;
        if let Some(end) = &end {
            timeout.after = end.left()?;
        }
        let _restore = Restore(CONNECT_END.replace(end));
        // The connection to a proxy has what resolving the proxy's name has left.
        let left = ConnectionDetails {
            uri: details.uri,
            addrs: details.addrs.clone(),
            config: details.config,
            request_level: details.request_level,
            resolver: details.resolver,
            now: (details.current_time)(),
            timeout,
            current_time: Arc::clone(&details.current_time),
            run_connector: Arc::clone(&details.run_connector),
            register_shutdown: Arc::clone(&details.register_shutdown),
        };
        let connection = self.inner.connect(&left, chained).map_err(not_made)?;
        Ok(connection.map(|inner| Patient {
            inner,
            awaits_first_byte: false,
            clock: Arc::clone(&details.current_time) as _,
        }))
    }
}

impl<T: Transport> Transport for Patient<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.awaits_first_byte = true;
        let start = (self.clock)();
        let mut sent = 0;
        while sent < amount {
            let piece = (amount - sent).min(PIECE);
            if sent > 0 {
                // The inner transport writes from the start of the buffer.
                let output = self.inner.buffers().output();
                output.copy_within(sent..sent + piece, 0);
            }
            let timeout = within_connecting(self.left(timeout, start))?;
            self.inner
                .transmit_output(piece, timeout)
                .map_err(cut_off)?;
            sent += piece;
        }
        Ok(())
    }

    fn await_input(&mut self, mut timeout: NextTimeout) -> Result<bool, ureq::Error> {
        // No timeout for each read before the first byte.
        if self.awaits_first_byte {
            timeout.per_read = None;
        }
        // The bound of this thread's reads, if that is nearer.
        if let Some((clock, end)) = BOUND.with_borrow(Clone::clone) {
            let left = end.saturating_since(clock.now());
            if left.is_zero() {
                return Err(ureq::Error::Timeout(Timeout::RecvBody));
            }
            if timeout.after > left.into() {
                timeout.after = left.into();
                timeout.reason = Timeout::RecvBody;
            }
        }
        let timeout = within_connecting(timeout)?;
        let came = self.inner.await_input(timeout).map_err(cut_off)?;
        self.awaits_first_byte = false;
        Ok(came)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

/// Turns the error of a connection that was cut while it was being made, by a proxy or in the TLS handshake, into that
/// of one that could not be made: no request was sent.
fn not_made(error: ureq::Error) -> ureq::Error {
    match error {
        ureq::Error::Io(error)
            if matches!(
                io_kind(&error),
                TransportKind::Closed | TransportKind::Other
            ) =>
        {
            ureq::Error::Io(io::Error::new(io::ErrorKind::ConnectionRefused, error))
        }
        other => other,
    }
}

/// Turns the error of a host that became unreachable into that of a cut connection: there was a connection,
/// so the server may have processed the request.
fn cut_off(error: ureq::Error) -> ureq::Error {
    match error {
        ureq::Error::Io(error) if io_kind(&error) == TransportKind::Connect => {
            ureq::Error::Io(io::Error::new(io::ErrorKind::ConnectionAborted, error))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use ureq::unversioned::transport::LazyBuffers;
    use ureq::unversioned::transport::time::Duration;

    use super::*;
    use crate::blocking::transport::failure;

    /// A connection that has lost its network.
    #[derive(Debug)]
    struct Cut(LazyBuffers);

    fn gone() -> ureq::Error {
        ureq::Error::Io(io::ErrorKind::HostUnreachable.into())
    }

    impl Transport for Cut {
        fn buffers(&mut self) -> &mut dyn Buffers {
            &mut self.0
        }

        fn transmit_output(&mut self, _: usize, _: NextTimeout) -> Result<(), ureq::Error> {
            Err(gone())
        }

        fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
            Err(gone())
        }

        fn is_open(&mut self) -> bool {
            false
        }
    }

    #[test]
    fn a_connection_that_was_cut_while_it_was_made_sent_no_request() {
        for kind in [
            io::ErrorKind::UnexpectedEof,
            io::ErrorKind::ConnectionReset,
            io::ErrorKind::Other,
        ] {
            let error = not_made(ureq::Error::Io(io::Error::new(kind, "cut")));
            assert_eq!(failure(error).kind, TransportKind::Connect, "{kind:?}");
        }
        let other = not_made(ureq::Error::Timeout(Timeout::Connect));
        assert!(matches!(other, ureq::Error::Timeout(Timeout::Connect)));
    }

    #[test]
    fn a_host_that_became_unreachable_may_have_processed_the_request() {
        let mut transport = Patient {
            inner: Cut(LazyBuffers::new(1, 1)),
            awaits_first_byte: false,
            clock: Arc::new(|| UreqInstant::AlreadyHappened),
        };
        let timeout = || NextTimeout {
            after: Duration::from_secs(1),
            reason: Timeout::RecvResponse,
            ..Default::default()
        };
        assert_eq!(failure(gone()).kind, TransportKind::Connect);
        let sent = transport.transmit_output(1, timeout());
        let received = transport.await_input(timeout());
        for error in [sent.expect_err("cut"), received.expect_err("cut")] {
            assert_eq!(failure(error).kind, TransportKind::Closed);
        }
    }
}
