//! Runs the built examples. `cargo test` and `cargo build --examples` build them next to the tests.

use std::env;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Variables that the examples or their HTTP client read. Tests remove them from the environment.
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

/// Timeout after which an example that hangs is killed, so that its test fails.
const TIMEOUT: Duration = Duration::from_secs(300);

/// Output and exit status of a program.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Returns the standard output. Panics if the program failed.
    #[track_caller]
    pub(crate) fn succeeded(self) -> String {
        assert!(self.status.success(), "{self:#?}");
        self.stdout
    }
}

/// Returns the command that runs an example, without the variables of the tests' environment.
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

/// Runs a program to its end.
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
        stdout: stdout.join().expect("the output"),
        stderr: stderr.join().expect("the output"),
    }
}

/// Returns `target/<profile>/examples/<name>`. The test itself is `target/<profile>/deps/<test>`.
fn program(name: &str) -> PathBuf {
    let test = env::current_exe().expect("a test has a path");
    let profile = test
        .ancestors()
        .nth(2)
        .expect("a test in target/<profile>/deps");
    profile
        .join("examples")
        .join(format!("{name}{}", env::consts::EXE_SUFFIX))
}

/// Reads a pipe on its own thread.
fn reader(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    let mut pipe = pipe.expect("a pipe");
    thread::spawn(move || {
        let mut text = Vec::new();
        pipe.read_to_end(&mut text).expect("a readable pipe");
        String::from_utf8_lossy(&text).into_owned()
    })
}

/// Waits for the end of a program, and kills it after the timeout.
fn wait(child: &mut Child) -> ExitStatus {
    let until = Instant::now() + TIMEOUT;
    loop {
        if let Some(status) = child.try_wait().expect("a child process") {
            return status;
        }
        if Instant::now() > until {
            child.kill().expect("a child process");
        }
        thread::sleep(Duration::from_millis(5));
    }
}
