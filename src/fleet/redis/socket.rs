//! A socket to the store with one deadline and one bound of bytes for a whole visit.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use ::redis::ConnectionAddr;

use crate::clock::{Clock, SystemClock};
use api_ratelimiter_core::Time;

/// Maximum number of bytes that one visit reads, with TLS as they are on the wire. A fleet's state takes a few
/// kilobytes.
const MOST_BYTES: usize = 256 << 10;

/// Maximum number of threads of one store that connect at a time. A thread that hangs, in a name server for example, is
/// left behind.
const MOST_CONNECTING: usize = 16;

/// A stream to the store, plain or through TLS.
pub(super) trait StoreStream: Read + Write + Send {
    /// Returns the socket below.
    fn socket(&mut self) -> &mut BoundedSocket;
}

impl StoreStream for BoundedSocket {
    fn socket(&mut self) -> &mut BoundedSocket {
        self
    }
}

/// A socket whose reads and writes fail once a visit has taken too long or has read too much.
pub(super) struct BoundedSocket {
    socket: Socket,
    clock: SystemClock,
    until: Time,
    bytes_left: usize,
}

enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixStream),
}

impl BoundedSocket {
    /// Connects to the store, at most for `within`. The visit that connects has the rest of that time.
    ///
    /// This happens on a thread of its own, because neither a name server nor a Unix socket takes a time limit.
    pub(super) fn connect(address: &Arc<ConnectionAddr>, within: Duration) -> io::Result<Self> {
        let clock = SystemClock::new();
        let until = clock.now() + within;
        if Arc::strong_count(address) > MOST_CONNECTING {
            return Err(io::Error::other("earlier attempts to connect still hang"));
        }
        let (done, socket) = mpsc::sync_channel(1);
        let address = Arc::clone(address);
        let connecting = move || {
            // Fails only if the visit has given up.
            let _ = done.send(Socket::open(&address, within));
        };
        thread::Builder::new()
            .name("api-ratelimiter connect".to_owned())
            .spawn(connecting)?;
        let socket = socket
            .recv_timeout(within)
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
        Ok(Self {
            socket,
            clock,
            until,
            bytes_left: MOST_BYTES,
        })
    }

    /// Begins another visit, which may take this time.
    pub(super) fn begin(&mut self, within: Duration) {
        self.until = self.clock.now() + within;
        self.bytes_left = MOST_BYTES;
    }

    /// Returns the time that is left of the visit.
    fn time_left(&self) -> io::Result<Duration> {
        let left = self.until.saturating_since(self.clock.now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(left)
    }
}

impl Read for BoundedSocket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.bytes_left == 0 {
            let problem = format!("the response is longer than {MOST_BYTES} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
        }
        let left = Some(self.time_left()?);
        let length = buffer.len().min(self.bytes_left);
        let buffer = &mut buffer[..length];
        let read = match &mut self.socket {
            Socket::Tcp(socket) => socket
                .set_read_timeout(left)
                .and_then(|()| socket.read(buffer)),
            #[cfg(unix)]
            Socket::Unix(socket) => socket
                .set_read_timeout(left)
                .and_then(|()| socket.read(buffer)),
        };
        let read = read?;
        self.bytes_left -= read;
        Ok(read)
    }
}

impl Write for BoundedSocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = Some(self.time_left()?);
        match &mut self.socket {
            Socket::Tcp(socket) => socket
                .set_write_timeout(left)
                .and_then(|()| socket.write(bytes)),
            #[cfg(unix)]
            Socket::Unix(socket) => socket
                .set_write_timeout(left)
                .and_then(|()| socket.write(bytes)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        // A socket keeps nothing back.
        Ok(())
    }
}

impl Socket {
    /// Connects to the first address that answers. The addresses share the time.
    fn open(address: &ConnectionAddr, within: Duration) -> io::Result<Self> {
        match address {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                let addresses: Vec<_> = (host.as_str(), *port).to_socket_addrs()?.collect();
                let each = within / u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
                let mut problem =
                    io::Error::new(io::ErrorKind::NotFound, "the host has no address");
                for address in addresses {
                    match TcpStream::connect_timeout(&address, each) {
                        Ok(socket) => {
                            // Without it a command could wait for the acknowledgement of an earlier one.
                            socket.set_nodelay(true)?;
                            return Ok(Self::Tcp(socket));
                        }
                        Err(error) => problem = error,
                    }
                }
                Err(problem)
            }
            #[cfg(unix)]
            ConnectionAddr::Unix(path) => {
                std::os::unix::net::UnixStream::connect(path).map(Self::Unix)
            }
            _ => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "this kind of address is not supported",
            )),
        }
    }
}

impl fmt::Debug for BoundedSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundedSocket")
            .field("until", &self.until)
            .field("bytes_left", &self.bytes_left)
            .finish_non_exhaustive()
    }
}
