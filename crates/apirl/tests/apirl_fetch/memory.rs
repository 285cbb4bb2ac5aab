//! The memory of a run is bounded by `--max-body`, whatever a server sends.
#![cfg(target_os = "linux")]

use std::fs;
use std::thread;
use std::time::Duration;

use crate::job::Job;
use crate::server::Server;

/// Size of a body, and of `--max-body`.
const BODY: usize = 512 << 10;

/// Memory of a run apart from bodies: threads, buffers, and the program itself.
const REST: usize = 40 << 20;

const CONCURRENCY: usize = 8;

/// Returns the peak memory of a process in bytes, as long as it runs.
fn peak(process: u32) -> Option<usize> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: usize = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib << 10)
}

/// Fetches `lines` times the same body. Returns the peak memory and the length of the output.
fn fetched(body: &str, lines: u32, args: &[&str]) -> (usize, u64) {
    let length = body.len();
    let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
    let response: &'static str = String::leak(response);
    // The first line is the slowest, so the others are held back.
    let server = Server::start(move |first, is_open| {
        let is_held = first.contains("/pages/1 ") && !is_open;
        (!is_held).then_some(response)
    });
    let job = Job::of_pages(&server.base_url, lines);
    let (size, concurrency) = (BODY.to_string() + "B", CONCURRENCY.to_string());
    let fixed = [
        "--path",
        "/pages/{}",
        "--max-body",
        &size,
        "--concurrency",
        &concurrency,
    ];
    let mut running = job.start(&[&fixed[..], args].concat());
    let id = running.child().id();
    let mut most = 0;
    let mut quiet = 0;
    while let Some(now) = peak(id) {
        // When no more is taken in, the first line may come.
        quiet = if now > most { 0 } else { quiet + 1 };
        most = most.max(now);
        if quiet > 30 {
            server.open();
        }
        thread::sleep(Duration::from_millis(10));
    }
    let run = running.wait();
    assert_eq!(run.code, Some(0), "{run:?}");
    let written = fs::metadata(job.path("output")).expect("an output").len();
    (most, written)
}

fn assert_bounded(what: &str, (peak, _): (usize, u64)) {
    let bound = 4 * BODY * CONCURRENCY + REST;
    println!("{what}: {} MiB of at most {} MiB", peak >> 20, bound >> 20);
    assert!(peak < bound, "{what}: {} MiB", peak >> 20);
}

#[test]
fn texts_that_grow_as_json_take_no_more_memory_than_bodies() {
    // A NUL is six bytes long as JSON.
    let found = fetched(&"\0".repeat(BODY), 24, &[]);
    assert!(found.1 > 24 * 6 * BODY as u64, "all are written whole");
    assert_bounded("texts of NULs", found);
}

#[test]
fn pages_of_many_items_take_no_more_memory_than_bodies() {
    // As a tree each of these takes eighty times its length.
    let item = "{\"a\":0}";
    let items = vec![item; (BODY - 100) / (item.len() + 1)].join(",");
    let body = format!("{{\"results\":[{items}],\"has_more\":false,\"next_cursor\":null}}");
    // A line for each item takes a hundred bytes, and time in a build for tests.
    for (flag, lines) in [("--items", 2), ("--paginate", 12)] {
        assert_bounded(flag, fetched(&body, lines, &["notion", flag]));
    }
}
