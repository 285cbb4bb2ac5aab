//! `--resume --retry-failed`: failed lines are fetched again, and each line is in the output once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::job::{Job, Running, wait_until};
use crate::server::{OK, Server};

const PATH: [&str; 2] = ["--path", "/pages/{}"];

const FORBIDDEN: &str = "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n{}";

/// Starts a server that accepts 20 requests, and then answers with 403 until the gate is open: as a limit does that
/// django-ratelimit sets.
fn limited() -> Server {
    let accepted = Arc::new(AtomicUsize::new(0));
    Server::start(move |_, is_open| {
        let is_accepted = is_open || accepted.fetch_add(1, Ordering::SeqCst) < 20;
        Some(if is_accepted { OK } else { FORBIDDEN })
    })
}

fn retry<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&PATH, &["--resume", "--retry-failed"], more].concat()
}

#[test]
fn a_limit_that_answers_403_is_named_and_its_lines_are_fetched_again() {
    let server = limited();
    let job = Job::of_pages(&server.base_url, 60);
    let summary = job.path("summary");
    let run = job.run_files(&[&PATH[..], &["--summary", &summary]].concat());
    assert_eq!(run.code, Some(1), "{run:?}");
    let said = "perhaps a limit: --backoff-status 403,429";
    assert_eq!(
        run.err.matches(said).count(),
        2,
        "one line and the summary: {run:?}"
    );
    let figures: Value = serde_json::from_str(&job.text("summary")).expect("JSON");
    assert_eq!(figures["perhaps_a_limit"], "--backoff-status 403,429");
    assert_eq!(figures["failed"], 40);

    // Without the flag they stay.
    assert_eq!(
        job.run_files(&[&PATH[..], &["--resume"]].concat()).code,
        Some(1)
    );
    assert_eq!(server.requests(), 60);
    server.open();
    let run = job.run_files(&retry(&["--backoff-status", "403,429"]));
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.err.contains("20 lines already there."), "{run:?}");
    assert_eq!(server.requests(), 100);
    job.has_each_once(60);
    let lines = job.output();
    assert!(
        lines.is_sorted_by_key(|line| line["n"].as_u64()),
        "in the order of the input"
    );
    assert!(lines.iter().all(|line| line["status"] == 200));
}

#[test]
fn lines_that_fail_here_and_there_suggest_no_limit() {
    let served = Arc::new(AtomicUsize::new(0));
    let server = Server::start(move |_, _| {
        let n = served.fetch_add(1, Ordering::SeqCst);
        Some(if n.is_multiple_of(5) { FORBIDDEN } else { OK })
    });
    let job = Job::of_pages(&server.base_url, 60);
    let run = job.run_files(&PATH);
    assert_eq!(run.code, Some(1));
    assert!(!run.err.contains("perhaps"), "{run:?}");
}

#[test]
fn a_retry_that_is_killed_at_any_moment_loses_and_doubles_nothing() {
    for more in [&[][..], &["--unordered"]] {
        let server = limited();
        let job = Job::of_pages(&server.base_url, 300);
        assert_eq!(job.run_files(&[&PATH[..], more].concat()).code, Some(1));
        server.open();
        for round in 0..6 {
            // The flag is needed once: a failed line that was removed counts as missing.
            let args = match round {
                0 => retry(more),
                _ => [&PATH[..], &["--resume"], more].concat(),
            };
            let running: Running = job.start(&args);
            std::thread::sleep(std::time::Duration::from_millis(fastrand::u64(5..60)));
            running.kill();
        }
        let run = job.run_files(&retry(more));
        assert_eq!(run.code, Some(0), "{run:?}");
        job.has_each_once(300);
        let lines = job.output();
        assert!(lines.iter().all(|line| line["status"] == 200));
        if more.is_empty() {
            assert!(lines.is_sorted_by_key(|line| line["n"].as_u64()));
        }
    }
}

#[test]
fn a_post_is_sent_again_if_it_got_a_response_and_not_if_its_outcome_is_unknown() {
    // The first request is answered with 403. The second waits for the gate, and the run is killed meanwhile.
    let server = Server::start(|first, is_open| match first {
        _ if is_open => Some(OK),
        first if first.contains("/pages/1 ") => Some(FORBIDDEN),
        _ => None,
    });
    let job = Job::of_pages(&server.base_url, 2);
    let post = ["--method", "POST", "--concurrency", "1"];
    let running = job.start(&[&PATH[..], &post].concat());
    wait_until("two requests", || server.requests() == 2);
    running.kill();
    server.open();

    let run = job.run_files(&[&PATH[..], &post, &["--resume"]].concat());
    assert_eq!(run.code, Some(1), "{run:?}");
    assert_eq!(server.requests(), 2, "neither is sent again");
    let run = job.run_files(&retry(&post));
    assert_eq!(run.code, Some(1), "{run:?}");
    assert_eq!(server.requests(), 3, "the one that got a response");
    job.has_each_once(2);
    let lines = job.output();
    assert_eq!(lines[0]["status"], 200);
    assert!(
        lines[1]["error"].to_string().contains("outcome is unknown"),
        "{}",
        lines[1]
    );
    let run = job.run_files(&retry(&[&post[..], &["--idempotent"]].concat()));
    assert_eq!((run.code, server.requests()), (Some(0), 4), "{run:?}");
    job.has_each_once(2);
}

#[test]
fn a_post_that_found_no_connection_was_not_sent_and_is_tried_again() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
    let base_url = format!("http://{}", port.expect("a port"));
    let job = Job::of_pages(&base_url, 1);
    let post = ["--method", "POST"];
    for args in [[&PATH[..], &post].concat(), retry(&post)] {
        assert_eq!(job.run_files(&args).code, Some(1));
        let line = &job.output()[0];
        assert!(line["attempts"].as_u64() > Some(0), "{line}");
        let journal = job.text("output.apirl");
        let times = |entry| journal.matches(entry).count();
        assert_eq!(times("start"), times("unsent"), "{journal}");
        job.has_each_once(1);
    }
}

#[test]
fn a_failed_collection_is_followed_again_from_its_start() {
    let server = Server::start(|first, is_open| {
        let next = "Link: </orgs/x/repos?page=2>; rel=\"next\"\r\n";
        let page = |link: &str, body: &str| -> &'static str {
            let length = body.len();
            String::leak(format!(
                "HTTP/1.1 200 OK\r\n{link}Content-Length: {length}\r\n\r\n{body}"
            ))
        };
        Some(match (first.contains("page=2"), is_open) {
            (false, _) => page(next, "[1,2]"),
            (true, false) => "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
            (true, true) => page("", "[3]"),
        })
    });
    let job = Job::new(&server.base_url);
    job.put("input", "/orgs/x/repos\n/orgs/x/repos\n");
    let args = ["github", "--items"];
    assert_eq!(job.run_files(&args).code, Some(1));
    assert_eq!(job.output().len(), 6, "two items and an error of each");
    server.open();
    let run = job.run_files(&[&args[..], &["--resume", "--retry-failed"]].concat());
    assert_eq!(run.code, Some(0), "{run:?}");
    let items: Vec<_> = job
        .output()
        .iter()
        .map(|line| line["item"].as_u64())
        .collect();
    assert_eq!(items, [1, 2, 3, 1, 2, 3].map(Some));
}

#[test]
fn the_flag_needs_resume() {
    let job = Job::of_pages("http://127.0.0.1:1", 1);
    let run = job.run_files(&[&PATH[..], &["--retry-failed"]].concat());
    run.refuses(2, "--resume");
}
