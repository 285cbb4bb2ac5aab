//! Runs the built example programs.
//!
//! `cargo test` and `cargo build --examples` build them beside the test's own program.

use std::env;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Variables that the examples or their HTTP client read; a test starts without them.
const VARIABLES: [&str; 25] = [
    "API_BASE_URL",
    "LIMIT",
    "PAGES",
    "THREADS",
    "RATE",
    "BURST",
    "START_RATE",
    "ITEMS",
    "PAGE_SIZE",
    "PER_PAGE",
    "BATCH",
    "RUST_LOG",
    "NOTION_TOKEN",
    "NOTION_BASE_URL",
    "VANTA_TOKEN",
    "VANTA_BASE_URL",
    "FIELDGUIDE_TOKEN",
    "FIELDGUIDE_BASE_URL",
    "ALL_PROXY",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "all_proxy",
    "http_proxy",
    "https_proxy",
];

/// An example that hangs is ended after this, so that its test fails and says so.
const PATIENCE: Duration = Duration::from_secs(300);

/// What a program said and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// The standard output of a program that must have succeeded.
    #[track_caller]
    pub(crate) fn succeeded(self) -> String {
        assert!(self.status.success(), "{self:#?}");
        self.stdout
    }
}

/// The command that runs an example, without whatever the environment of the tests would tell it.
pub(crate) fn example(name: &str) -> Command {
    let program = program(name);
    assert!(
        program.is_file(),
        "{} is not built: run `cargo build --examples` in the same profile first",
        program.display()
    );
    let mut command = Command::new(program);
    for variable in VARIABLES {
        command.env_remove(variable);
    }
    command
}

/// Runs it to its end.
pub(crate) fn run(command: &mut Command) -> Ran {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the example starts");
    let stdout = reader(child.stdout.take());
    let stderr = reader(child.stderr.take());
    let status = wait(&mut child);
    Ran {
        status,
        stdout: stdout.join().expect("its output is read"),
        stderr: stderr.join().expect("its output is read"),
    }
}

/// `target/<profile>/examples/<name>`, seen from the test's own `target/<profile>/deps/<test>`.
fn program(name: &str) -> PathBuf {
    let test = env::current_exe().expect("a test has a path");
    let profile = test
        .ancestors()
        .nth(2)
        .expect("a test lies in target/<profile>/deps");
    profile
        .join("examples")
        .join(format!("{name}{}", env::consts::EXE_SUFFIX))
}

fn reader(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    let mut pipe = pipe.expect("it is piped");
    thread::spawn(move || {
        let mut text = Vec::new();
        pipe.read_to_end(&mut text).expect("a pipe can be read");
        String::from_utf8_lossy(&text).into_owned()
    })
}

fn wait(child: &mut Child) -> ExitStatus {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().expect("a child can be asked") {
            return status;
        }
        if Instant::now() > until {
            child.kill().expect("a child can be ended");
        }
        thread::sleep(Duration::from_millis(5));
    }
}
