//! The memory of `apirl fetch` does not grow with the number of lines.
#![cfg(target_os = "linux")]

use std::fs;
use std::io::{self, Write as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use api_ratelimiter_simulator::SimulatedApi;

/// Number of lines after which the program has all the memory that it needs, and number of lines at the end.
const FIRST: u64 = 100_000;
const ALL: u64 = 400_000;

/// Growth that lines do not cause: buffers of late threads and connections.
const SLACK_KIB: u64 = 4 * 1024;

/// Returns the peak memory of a process in KiB.
fn most_memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let figure = line.and_then(|line| line.split_whitespace().nth(1));
    figure.expect("a figure").parse().expect("a number")
}

#[test]
#[ignore = "full size"]
fn fetch_takes_no_more_memory_for_more_lines() {
    let api = SimulatedApi::builder().start().expect("an API");
    let mut child = Command::new(env!("CARGO_BIN_EXE_apirl"))
        .args(["fetch", "--quiet", "--path", "/{}", "--concurrency", "8"])
        .args(["--base-url", &api.base_url()])
        .args(["--initial-rate", "1000000", "--max-rate", "1000000"])
        .env("NO_PROXY", "127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("it runs");
    let mut lines = io::BufWriter::new(child.stdin.take().expect("a pipe"));
    let mut fetch = |from: u64, to: u64| {
        for line in from..to {
            writeln!(lines, "{line}").expect("it reads");
        }
        lines.flush().expect("it reads");
        while api.stats().accepted < to {
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    fetch(0, FIRST);
    let before = most_memory(child.id());
    fetch(FIRST, ALL);
    let after = most_memory(child.id());
    drop(lines);
    assert!(child.wait().expect("it ends").success());
    writeln!(
        io::stderr().lock(),
        "apirl fetch, memory: {:.1} MiB at most after {FIRST} lines, {:.1} MiB after {ALL}",
        before as f64 / 1024.0,
        after as f64 / 1024.0
    )
    .expect("stderr is open");
    assert!(after < before + SLACK_KIB, "{before} KiB, then {after} KiB");
}
