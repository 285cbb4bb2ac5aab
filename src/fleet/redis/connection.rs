//! A connection to the store on which each visit ends in time.

use std::fmt;
use std::io::Write;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ::redis::{
    Cmd, ConnectionAddr, ConnectionInfo, ConnectionLike, Parser, RedisConnectionInfo, RedisResult,
    Value, cmd,
};

#[cfg(not(feature = "rustls"))]
use super::no_tls::NoTls as Tls;
use super::socket::{BoundedSocket, StoreStream};
#[cfg(feature = "rustls")]
use super::tls::TlsSettings as Tls;

/// Address and login of a store.
pub(super) struct StoreAddress {
    address: Arc<ConnectionAddr>,
    login: RedisConnectionInfo,
    tls: OnceLock<Tls>,
}

impl StoreAddress {
    pub(super) fn new(info: &ConnectionInfo) -> Self {
        Self {
            address: Arc::new(info.addr().clone()),
            login: info.redis_settings().clone(),
            tls: OnceLock::new(),
        }
    }

    /// Connects and logs in. The visit that connects has the rest of the time.
    pub(super) fn connect(&self, within: Duration) -> RedisResult<StoreConnection> {
        let stream: Box<dyn StoreStream> = match &*self.address {
            ConnectionAddr::TcpTls { host, .. } => {
                let tls = self.tls()?;
                tls.wrap(BoundedSocket::connect(&self.address, within)?, host)?
            }
            _ => Box::new(BoundedSocket::connect(&self.address, within)?),
        };
        let mut connection = StoreConnection {
            stream,
            parser: Parser::new(),
            db: self.login.db(),
        };
        for command in self.greeting() {
            command.exec(&mut connection)?;
        }
        Ok(connection)
    }

    /// Returns the settings of TLS. The system's certificates are read once.
    fn tls(&self) -> RedisResult<&Tls> {
        if let Some(settings) = self.tls.get() {
            return Ok(settings);
        }
        let settings = Tls::of_the_system()?;
        Ok(self.tls.get_or_init(|| settings))
    }

    /// Returns the commands that log in and choose the database.
    fn greeting(&self) -> Vec<Cmd> {
        let mut commands = Vec::new();
        if let Some(password) = self.login.password() {
            let mut auth = cmd("AUTH");
            auth.arg(self.login.username()).arg(password);
            commands.push(auth);
        }
        if self.login.db() != 0 {
            let mut select = cmd("SELECT");
            select.arg(self.login.db());
            commands.push(select);
        }
        commands
    }
}

/// A connection to the store, over a stream with bounds.
pub(super) struct StoreConnection {
    stream: Box<dyn StoreStream>,
    parser: Parser,
    /// Number of the database.
    db: i64,
}

impl StoreConnection {
    /// Begins another visit, which may take this time.
    pub(super) fn begin(&mut self, within: Duration) {
        self.stream.socket().begin(within);
    }

    fn response(&mut self) -> RedisResult<Value> {
        loop {
            let value = self.parser.parse_value(&mut self.stream)?;
            // Messages that were not asked for. The bounds of the visit end a server that sends nothing else.
            if !matches!(value, Value::Push { .. }) {
                return Ok(value);
            }
        }
    }
}

impl ConnectionLike for StoreConnection {
    fn req_packed_command(&mut self, command: &[u8]) -> RedisResult<Value> {
        self.stream.write_all(command)?;
        self.stream.flush()?;
        self.response()
    }

    fn req_packed_commands(
        &mut self,
        commands: &[u8],
        offset: usize,
        count: usize,
    ) -> RedisResult<Vec<Value>> {
        self.stream.write_all(commands)?;
        self.stream.flush()?;
        for _ in 0..offset {
            self.response()?;
        }
        (0..count).map(|_| self.response()).collect()
    }

    fn get_db(&self) -> i64 {
        self.db
    }

    fn check_connection(&mut self) -> bool {
        cmd("PING").exec(self).is_ok()
    }

    fn is_open(&self) -> bool {
        // The store drops a connection on which something went wrong.
        true
    }
}

/// Hides the login.
impl fmt::Debug for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreAddress")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for StoreConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreConnection").finish_non_exhaustive()
    }
}
