//! A real Redis server of one test, on a free port of the loopback interface.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A running server. It is stopped when dropped, and its directory is removed.
pub(crate) struct RedisServer {
    child: Child,
    pub(crate) port: u16,
    pub(crate) folder: PathBuf,
    arguments: Vec<String>,
}

/// Maximum time of every wait.
const SOON: Duration = Duration::from_secs(30);

/// Waits until a condition holds. On a busy machine a response of the store may be late.
pub(crate) fn soon(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < SOON, "not within {SOON:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

static NEXT: AtomicU32 = AtomicU32::new(0);

impl RedisServer {
    /// Starts a server. Prints `SKIPPED` and returns `None` if Redis is not installed.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// Starts a server with further arguments, in which `{dir}` stands for its directory.
    pub(crate) fn start_with(more: &[&str]) -> Option<Self> {
        let named = std::env::var("FLEET_STORE").ok();
        let programs = ["redis-server", "valkey-server"];
        let program = named.as_deref().into_iter().chain(programs).find(|it| {
            let mut command = Command::new(it);
            let asked = command.arg("--version").stdout(Stdio::null());
            asked.status().is_ok()
        });
        let Some(program) = program else {
            println!("SKIPPED: neither redis-server nor valkey-server is installed");
            return None;
        };
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("apirl-redis-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("a folder");
        let port = free_port();
        let port_text = port.to_string();
        let dir = folder.to_str().expect("text");
        let arguments: Vec<String> = [
            program,
            "--save",
            "",
            "--appendonly",
            "no",
            "--bind",
            "127.0.0.1",
            "--port",
            &port_text,
            "--dir",
            dir,
        ]
        .iter()
        .chain(more)
        .map(|argument| argument.replace("{dir}", dir))
        .collect();
        let child = spawned(&arguments);
        let mut server = Self {
            child,
            port,
            folder,
            arguments,
        };
        if server.is_up() {
            return Some(server);
        }
        assert!(more.contains(&"--tls-port"), "it ends with {more:?}");
        println!("SKIPPED: this server is built without TLS");
        None
    }

    /// Waits until the server listens. Returns `false` if it has ended instead.
    fn is_up(&mut self) -> bool {
        let mut ended = None;
        soon("the server has started", || {
            ended = self.child.try_wait().expect("it can be asked");
            ended.is_some() || TcpStream::connect(("127.0.0.1", self.port)).is_ok()
        });
        ended.is_none()
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Stops the process: connections stay open, and no command gets a response.
    pub(crate) fn stop(&self) {
        signal("-STOP", self.child.id());
    }

    pub(crate) fn go_on(&self) {
        signal("-CONT", self.child.id());
    }

    /// Stops the server and starts it again without its content.
    pub(crate) fn restart(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.child = spawned(&self.arguments);
        assert!(self.is_up(), "it starts again");
    }

    /// Runs a command as the user without a password.
    pub(crate) fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let client = redis::Client::open(self.url()).expect("an address");
        let mut connection = client.get_connection().expect("it is there");
        let (name, rest) = words.split_first().expect("a command");
        let mut command = redis::cmd(name);
        command
            .arg(rest)
            .query(&mut connection)
            .expect("it answers")
    }

    /// Returns how often a command was called so far.
    pub(crate) fn calls_of(&self, command: &str) -> u64 {
        let stats: String = self.ask(&["INFO", "commandstats"]);
        let start = format!("cmdstat_{command}:calls=");
        let line = stats.lines().find_map(|line| line.strip_prefix(&start));
        let calls = line.and_then(|rest| rest.split(',').next());
        calls.map_or(0, |calls| calls.parse().expect("a number"))
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn spawned(arguments: &[String]) -> Child {
    Command::new(&arguments[0])
        .args(&arguments[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts")
}

pub(crate) fn free_port() -> u16 {
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        // Servers of a cluster talk to each other at a port 10,000 above.
        if TcpListener::bind(("127.0.0.1", port.saturating_add(10_000))).is_ok() {
            return port;
        }
    }
}

/// Sends a signal to a process of the test.
pub(crate) fn signal(name: &str, process: u32) {
    let sent = Command::new("kill")
        .args([name, &process.to_string()])
        .status();
    assert!(sent.expect("kill runs").success());
}
