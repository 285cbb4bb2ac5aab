//! Runs on a terminal: the progress is a bar in one line, which disappears at the end.
#![cfg(unix)]

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::job::{Job, Running, wait_until};
use crate::server::Server;

const PATH: [&str; 2] = ["--path", "/pages/{}"];

/// Returns both ends of a terminal with `columns` columns: ours, and the end that a program writes to.
fn terminal(columns: u16) -> (File, File) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&ours).expect("granted");
    unlockpt(&ours).expect("unlocked");
    let name = ptsname(&ours, Vec::new()).expect("a name");
    let path = OsStr::from_bytes(name.as_bytes());
    let theirs = OpenOptions::new().read(true).write(true).open(path);
    let theirs = theirs.expect("the other end");
    let size = Winsize {
        ws_row: 24,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&theirs, size).expect("sized");
    (File::from(ours), theirs)
}

/// Reads what a program shows.
struct Screen {
    shown: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Screen {
    fn read(mut terminal: File) -> Self {
        let shown = Arc::<Mutex<Vec<u8>>>::default();
        let kept = Arc::clone(&shown);
        let reader = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // If the program closes its end, reading fails.
            while let Ok(count @ 1..) = terminal.read(&mut bytes) {
                let mut kept = kept.lock().expect("no panic");
                kept.extend_from_slice(&bytes[..count]);
            }
        });
        Self { shown, reader }
    }

    fn wait_for(&self, part: &str) {
        wait_until(part, || {
            let shown = self.shown.lock().expect("no panic");
            String::from_utf8_lossy(&shown).contains(part)
        });
    }

    /// Returns everything, after the program has ended.
    fn end(self) -> String {
        self.reader.join().expect("no panic");
        let shown = self.shown.lock().expect("no panic");
        String::from_utf8(shown.clone()).expect("text")
    }
}

/// Starts a run with standard error on a terminal.
fn start(job: &Job, args: &[&str], columns: u16) -> (Running, Screen) {
    let (ours, theirs) = terminal(columns);
    let (input, output) = (job.path("input"), job.path("output"));
    let files = ["--input", &input, "--output", &output];
    let child = job
        .command(&[&PATH[..], &files, args].concat())
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .stdout(Stdio::null())
        .stderr(theirs)
        .spawn()
        .expect("it starts");
    (Running::of(child), Screen::read(ours))
}

/// The bar is drawn again after these bytes.
const REDRAWN: &str = "\r\x1b[2K";

/// Returns what is seen in the end: each line as it was last written.
fn left_on(shown: &str) -> Vec<&str> {
    let lines = shown.split("\r\n");
    let last = lines.map(|line| line.rsplit(REDRAWN).next().unwrap_or(line));
    last.filter(|line| !line.is_empty()).collect()
}

#[test]
fn the_bar_shows_the_progress_and_leaves_only_the_summary() {
    let server = Server::with_a_slow_first_page();
    let job = Job::of_pages(&server.base_url, 100);
    let (running, screen) = start(&job, &["--unordered"], 100);
    screen.wait_for(" 99/100 done, 0 refused, ");
    screen.wait_for("/s, awaiting responses, 1 s left");
    server.open();
    assert_eq!(running.wait().code, Some(0));
    let shown = screen.end();
    let left = left_on(&shown);
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(left[0].starts_with("100 lines in "), "{left:?}");
}

#[test]
fn the_bar_is_never_wider_than_the_terminal() {
    let server = Server::with_a_slow_first_page();
    let job = Job::of_pages(&server.base_url, 100);
    let (running, screen) = start(&job, &["--unordered"], 40);
    screen.wait_for(" 99/100 done, 0 refused, ");
    server.open();
    assert_eq!(running.wait().code, Some(0));
    let shown = screen.end();
    let drawn = shown.split(REDRAWN).filter(|text| text.contains(" done, "));
    assert!(drawn.clone().count() > 0, "{shown:?}");
    for text in drawn {
        assert!(text.trim_end().chars().count() <= 40, "{text:?}");
    }
}

#[test]
fn messages_after_an_interrupt_are_on_lines_of_their_own() {
    let server = Server::with_a_slow_first_page();
    let job = Job::of_pages(&server.base_url, 100);
    let (mut running, screen) = start(&job, &[], 100);
    wait_until("requests", || server.requests() >= 32);
    screen.wait_for(" 31/100 done, ");
    running.interrupt();
    screen.wait_for("Finishing");
    server.open();
    assert_eq!(running.wait().code, Some(130));
    let shown = screen.end();
    let left = left_on(&shown);
    let expected = [
        "Finishing the requests in flight; press Ctrl-C again to stop at once.",
        "32 lines in ",
        "error: interrupted before all lines were done",
        "  hint: run the same command with --resume to continue",
    ];
    assert_eq!(left.len(), expected.len(), "{left:?}");
    for (line, expected) in left.iter().zip(expected) {
        assert!(line.starts_with(expected), "{line:?}");
    }
}

#[test]
fn a_quiet_run_shows_no_progress_on_a_terminal() {
    let server = Server::with_a_slow_first_page();
    server.open();
    let job = Job::of_pages(&server.base_url, 10);
    let (running, screen) = start(&job, &["--quiet"], 80);
    assert_eq!(running.wait().code, Some(0));
    assert_eq!(screen.end(), "");
}
