//! A store in Redis or Valkey.

use std::fmt;
use std::time::Duration;

use ::redis::{
    Cmd, ConnectionAddr, ErrorKind, IntoConnectionInfo, RedisError, RedisResult, Script,
};
use parking_lot::Mutex;

use super::Fleet;
use super::store::{FleetKey, FleetStore, Replaced, StoreError, Stored};
use api_ratelimiter_core::error::{Error, Result};

mod connection;
#[cfg(not(feature = "rustls"))]
mod no_tls;
mod socket;
#[cfg(feature = "rustls")]
mod tls;

use connection::{StoreAddress, StoreConnection};

/// Longest time of a visit over a connection that is there. Workers come for slots a tenth of a second ahead.
const PATIENCE: Duration = Duration::from_millis(50);

/// Longest time of a visit that connects: name, connection, TLS, login and response. Only the first worker waits for
/// it.
const CONNECTING: Duration = Duration::from_millis(500);

/// Maximum number of characters of an error that are shown: the store may be anything.
const LONGEST_PROBLEM: usize = 200;

/// Reads the text, or replaces it if its version has not changed, and returns the server's time. The version is the
/// time of the write, so that no version comes back after the store was emptied. An invalid text has the version of
/// no text, so that it can be replaced. The script computes nothing else.
const SCRIPT: &str = r"
local time = redis.call('TIME')
local found = redis.call('HMGET', KEYS[1], 'version', 'text')
local version = found[1] or '0'
if not string.find(version, '^%d+$') or #version > 18 then
  version = '0'
end
if ARGV[1] ~= version then
  return {time[1], time[2], version, found[2] or ''}
end
local next = string.format('%.0f', time[1] * 1000000 + time[2])
if next == version then
  next = string.format('%.0f', next + 1)
end
redis.call('HSET', KEYS[1], 'version', next, 'text', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {time[1], time[2], '', ''}
";

/// A version that no text has: with it, the script only reads.
const NONE: &str = "-";

impl Fleet {
    /// Returns the workers that use `key` in the Redis (6 or later) or Valkey server at `url`. Needs the feature
    /// `redis`.
    ///
    /// Possible addresses are `redis://host:6379`; `rediss://` for TLS (by the feature `rustls`, with the
    /// certificates that the system trusts, or those in the file that the environment variable `SSL_CERT_FILE`
    /// names); `redis://user:password@host` for a user; and `/2` at the end for another database. The user needs the
    /// commands `EVALSHA`, `EVAL`, `TIME`, `HMGET`, `HSET` and `PEXPIRE` on keys that begin with `api-ratelimiter:`.
    /// The first connection is made when the limiter is built. A visit that takes longer than 50 ms, or 500 ms with a new
    /// connection, or that reads more than 256 KiB, fails.
    ///
    /// ```no_run
    /// use api_ratelimiter::{DynamicAPIClient, Fleet};
    ///
    /// let client = DynamicAPIClient::builder_for("notion")?
    ///     .fleet(Fleet::redis("redis://127.0.0.1:6379", "notion/workspace-42")?)
    ///     .build()?;
    /// # Ok::<(), api_ratelimiter::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] for an invalid address. The error does not show the address: it may hold a password.
    pub fn redis(url: &str, key: &str) -> Result<Self> {
        let bad = |problem: &dyn fmt::Display| Error::config("fleet", "url", problem);
        let info = url.into_connection_info().map_err(|error| {
            bad(&format_args!(
                "not the address of a Redis server: {}",
                told(&error)
            ))
        })?;
        if let ConnectionAddr::TcpTls { insecure: true, .. } = info.addr() {
            return Err(bad(
                &"#insecure is not supported: the certificate is always verified",
            ));
        }
        let store = RedisStore {
            shown: format!("redis at {}", info.addr()),
            address: StoreAddress::new(&info),
            idle: Mutex::new(Vec::new()),
            script: Script::new(SCRIPT),
        };
        Ok(Self::new(store, key))
    }
}

struct RedisStore {
    address: StoreAddress,
    /// Idle connections. Each worker of this process that shares the store uses one at a time.
    idle: Mutex<Vec<StoreConnection>>,
    script: Script,
    shown: String,
}

impl RedisStore {
    /// Runs the script. A connection on which something went wrong is not used again, because a response may still
    /// come.
    fn run(&self, arguments: &[&str], again: Again) -> RedisResult<(u64, u64, String, String)> {
        // The lock is not held while connecting or waiting: one visit delays no other.
        let idle = self.idle.lock().pop();
        if let Some(mut connection) = idle {
            connection.begin(PATIENCE);
            match self.evaluate(&mut connection, arguments) {
                // The server, or a proxy, closed the connection while it was idle.
                Err(error) if again == Again::IfClosed && is_closed(&error) => {}
                answer => return self.kept(connection, answer),
            }
        }
        let mut connection = self.address.connect(CONNECTING)?;
        let answer = self.evaluate(&mut connection, arguments);
        self.kept(connection, answer)
    }

    fn kept<T>(&self, connection: StoreConnection, answer: RedisResult<T>) -> RedisResult<T> {
        if answer.is_ok() {
            self.idle.lock().push(connection);
        }
        answer
    }

    fn evaluate(
        &self,
        connection: &mut StoreConnection,
        arguments: &[&str],
    ) -> RedisResult<(u64, u64, String, String)> {
        let by_hash = call("EVALSHA", self.script.get_hash(), arguments).query(connection);
        match by_hash {
            // The server does not know the script yet, or a proxy allows no scripts by hash. An error of the
            // running script names it by its hash.
            Err(error)
                if matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension)
                    && !told(&error).contains(self.script.get_hash()) =>
            {
                call("EVAL", SCRIPT, arguments).query(connection)
            }
            answer => answer,
        }
    }

    fn stored((seconds, micros, version, text): (u64, u64, String, String)) -> Stored {
        Stored {
            text,
            version: version.parse().unwrap_or_default(),
            now: Duration::from_secs(seconds).saturating_add(Duration::from_micros(micros)),
        }
    }
}

/// Whether a visit goes over another connection if its own turns out to be closed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    IfClosed,
    /// The request may have been processed.
    Never,
}

fn is_closed(error: &RedisError) -> bool {
    !error.is_timeout() && error.is_connection_dropped()
}

/// Returns the key of a fleet's state: `api-ratelimiter:{…}`, with a cryptographic hash of the user's key, which may
/// contain a secret. The braces are a hash tag, so that a cluster keeps everything in one place.
fn name(key: &FleetKey) -> String {
    let hash = sha1_smol::Sha1::from(key.as_str()).digest();
    format!("api-ratelimiter:{{{hash}}}")
}

fn call(command: &str, script: &str, arguments: &[&str]) -> Cmd {
    let mut call = Cmd::new();
    call.arg(command).arg(script).arg(1).arg(arguments);
    call
}

/// Returns the error for people, without what was sent.
fn said(error: &RedisError) -> StoreError {
    StoreError::new(told(error))
}

/// Returns the error as one short line. A response that makes no sense is not shown.
fn told(error: &RedisError) -> String {
    if error.is_timeout() {
        return "no response in time".to_owned();
    }
    let problem = match error.detail() {
        Some(detail) if error.code().is_some() => {
            format!("{} {detail}", error.code().unwrap_or_default())
        }
        _ if matches!(
            error.kind(),
            ErrorKind::Parse | ErrorKind::UnexpectedReturnType
        ) =>
        {
            "the response is not that of a Redis server".to_owned()
        }
        _ => error.to_string(),
    };
    problem
        .chars()
        .take(LONGEST_PROBLEM)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

impl FleetStore for RedisStore {
    fn read(&self, key: &FleetKey) -> std::result::Result<Stored, StoreError> {
        let answer = self.run(&[&name(key), NONE, "", "0"], Again::IfClosed);
        answer.map(Self::stored).map_err(|error| said(&error))
    }

    fn replace(
        &self,
        key: &FleetKey,
        version: u64,
        text: &str,
        keep: Duration,
    ) -> std::result::Result<Replaced, StoreError> {
        let (version, keep) = (version.to_string(), keep.as_millis().to_string());
        let name = name(key);
        let arguments = [&*name, &version, text, &keep];
        let answer = self.run(&arguments, Again::Never);
        let answer = answer.map_err(|error| said(&error))?;
        if answer.2.is_empty() {
            Ok(Replaced::Done)
        } else {
            Ok(Replaced::Other(Self::stored(answer)))
        }
    }

    fn shown(&self) -> String {
        self.shown.clone()
    }
}

/// Hides the address, which knows the password.
impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("shown", &self.shown)
            .finish_non_exhaustive()
    }
}
