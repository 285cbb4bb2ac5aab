//! The order in which responses are written, and how many are held back.

use std::time::Duration;

use crate::job::{Job, wait_until};
use crate::server::Server;

fn numbers(job: &Job) -> Vec<u64> {
    let lines = job.output();
    let numbers = lines.iter().filter_map(|line| line["n"].as_u64());
    numbers.collect()
}

#[test]
fn at_most_four_responses_per_concurrent_request_are_held_back() {
    let server = Server::with_a_slow_first_page();
    let job = Job::of_pages(&server.base_url, 200);
    let running = job.start(&["--path", "/pages/{}", "--concurrency", "3"]);
    wait_until("twelve requests", || server.requests() >= 12);
    // One request too many would arrive within this time.
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(server.requests(), 12);
    assert_eq!(job.text("output"), "");
    server.open();
    let run = running.wait();
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(numbers(&job), (1..=200).collect::<Vec<_>>());
}

#[test]
fn unordered_responses_do_not_wait_for_others() {
    let server = Server::with_a_slow_first_page();
    let job = Job::of_pages(&server.base_url, 100);
    let running = job.start(&["--path", "/pages/{}", "--unordered", "--concurrency", "3"]);
    job.wait_for_lines(99);
    server.open();
    assert_eq!(running.wait().code, Some(0));
    assert_eq!(numbers(&job).last(), Some(&1));
    job.has_each_once(100);
}
