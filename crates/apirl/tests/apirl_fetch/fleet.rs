//! Sharing a limit through a store: the flags, and a store that can't be reached.

use std::io::Write as _;
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use api_ratelimiter_simulator::SimulatedApi;

use crate::job::Job;
use crate::run::{apirl, command};

fn api() -> SimulatedApi {
    SimulatedApi::builder().start().expect("an API")
}

/// Returns an address without a server.
fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    format!("redis://127.0.0.1:{port}")
}

#[test]
fn without_its_store_a_worker_continues_with_its_share_and_says_so() {
    let api = api();
    let job = Job::of_pages(&api.base_url(), 20);
    let (url, summary_file) = (nowhere(), job.path("summary"));
    let run = job.run_files(&[
        "--path",
        "/pages/{}",
        "--fleet",
        &url,
        "--fleet-key",
        "a/b",
        "--summary",
        &summary_file,
        "--initial-rate",
        "2000",
        "--max-rate",
        "2000",
    ]);
    assert_eq!(run.code, Some(0), "{run:?}");
    job.has_each_once(20);
    // 2,000 divided by 16.
    let warned = "can't be reached: continuing at 125.0/s, as one of 16 workers";
    assert_eq!(run.err.matches(warned).count(), 1, "{run:?}");
    assert!(
        run.err.contains("no fleet found, continuing with 125.0/s"),
        "{run:?}"
    );
    let summary: serde_json::Value = serde_json::from_str(&job.text("summary")).expect("JSON");
    assert_eq!(summary["fleet"]["workers"], 16);
    assert_eq!(summary["fleet"]["joined"], false);
    assert_eq!(api.stats().served, 20);
}

#[test]
fn a_dry_run_does_not_ask_the_store() {
    let api = api();
    let job = Job::of_pages(&api.base_url(), 1);
    let url = nowhere();
    let args = ["--path", "/{}", "--dry-run", "--input", &job.path("input")];
    let run = job.run(&[&args[..], &["--fleet", &url, "--fleet-key", "k"]].concat());
    assert_eq!(
        (run.code, run.err.contains("warning")),
        (Some(0), false),
        "{run:?}"
    );
}

#[test]
fn flags_of_a_fleet_need_each_other() {
    let api = api();
    let job = Job::of_pages(&api.base_url(), 1);
    for (args, said) in [
        (&["--fleet", "redis://h"][..], "--fleet-key"),
        (&["--fleet-key", "k"], "--fleet"),
        (&["--fleet-env", "V"], "--fleet-key"),
        (
            &[
                "--fleet",
                "redis://h",
                "--fleet-env",
                "V",
                "--fleet-key",
                "k",
            ],
            "cannot be used with",
        ),
        (
            &["--fleet-env", "NOT_SET_AT_ALL", "--fleet-key", "k"],
            "variable NOT_SET_AT_ALL is not set",
        ),
        (
            &["--fleet", "http://h:s3cret@h", "--fleet-key", "k"],
            "not the address of a Redis server",
        ),
        (
            &["--fleet", "redis://h", "--fleet-key", " "],
            "the key of the fleet is empty",
        ),
    ] {
        let run = job.run_files(args);
        run.refuses(2, said);
        assert!(!run.err.contains("s3cret"), "{run:?}");
    }
    assert_eq!(api.stats().accepted, 0);
}

#[test]
fn a_password_on_the_command_line_causes_a_warning_and_one_in_a_variable_does_not() {
    let api = api();
    let job = Job::of_pages(&api.base_url(), 1);
    let url = nowhere().replace("redis://", "redis://user:s3cret@");
    let warned = "--fleet shows a password to all users";
    let run = job.run_files(&["--fleet", &url, "--fleet-key", "k", "--path", "/{}"]);
    assert!(
        run.err.contains(warned) && !run.err.contains("s3cret"),
        "{run:?}"
    );
    let (input, output) = (job.path("input"), job.path("other"));
    let files = ["--input", &input, "--output", &output, "--path", "/{}"];
    let by_variable = ["--fleet-env", "FLEET_URL", "--fleet-key", "k"];
    let mut command = job.command(&[&files[..], &by_variable].concat());
    let output = command.env("FLEET_URL", &url).output().expect("it runs");
    let run = crate::run::Run::of(&output);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(
        !run.err.contains(warned) && !run.err.contains("s3cret"),
        "{run:?}"
    );
}

#[test]
fn the_status_of_an_unreachable_store_is_a_failure_in_one_sentence() {
    let url = nowhere().replace("redis://", "redis://:s3cret@");
    let output = command(&["fleet", "status", "--fleet-env", "FLEET_URL", "k"])
        .env("FLEET_URL", &url)
        .output();
    let run = crate::run::Run::of(&output.expect("it runs"));
    run.refuses(1, "error: could not ask the store: ");
    assert_eq!(run.err.lines().count(), 1, "{run:?}");
    assert!(!run.err.contains("s3cret"), "{run:?}");
    apirl(&["fleet", "status", "localhost", "k"]).refuses(2, "redis://127.0.0.1:6379");
    apirl(&["fleet", "status", "k"]).refuses(2, "required");
}

/// Returns the address of a store that answers with a byte each 30 ms, for ever.
fn dripping() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            thread::spawn(move || {
                while stream.write_all(b"1").is_ok() {
                    thread::sleep(Duration::from_millis(30));
                }
            });
        }
    });
    format!("redis://127.0.0.1:{port}")
}

#[test]
fn a_store_that_answers_byte_by_byte_holds_up_neither_status_nor_fetch() {
    let url = dripping();
    apirl(&["fleet", "status", &url, "k"]).refuses(1, "could not ask the store: ");
    let api = api();
    let job = Job::of_pages(&api.base_url(), 3);
    let fleet = ["--fleet", &url, "--fleet-key", "k"];
    let rates = ["--initial-rate", "2000", "--max-rate", "2000"];
    let run = job.run_files(&[&["--path", "/pages/{}"][..], &fleet, &rates].concat());
    assert_eq!(run.code, Some(0), "{run:?}");
    job.has_each_once(3);
}
