//! Sharing a limit through a store: the flags, and a store that is not there.

use std::net::TcpListener;

use api_ratelimiter_simulator::SimulatedApi;

use crate::job::Job;
use crate::run::{apirl, command};

fn api() -> SimulatedApi {
    SimulatedApi::builder().start().expect("an API")
}

/// An address at which nobody listens.
fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    format!("redis://127.0.0.1:{port}")
}

#[test]
fn without_its_store_a_worker_goes_on_with_its_part_and_says_so() {
    let api = api();
    let job = Job::of_pages(&api.base_url(), 20);
    let (url, sheet) = (nowhere(), job.path("summary"));
    let run = job.run_files(&[
        "--path",
        "/pages/{}",
        "--fleet",
        &url,
        "--fleet-key",
        "a/b",
        "--summary",
        &sheet,
        "--initial-rate",
        "2000",
        "--max-rate",
        "2000",
    ]);
    assert_eq!(run.code, Some(0), "{run:?}");
    job.has_each_once(20);
    // The 16th part of 2,000.
    let warned = "can't be reached: going on with 125.0/s, as one of 16 workers";
    assert_eq!(run.err.matches(warned).count(), 1, "{run:?}");
    assert!(
        run.err.contains("no fleet found, going on with 125.0/s"),
        "{run:?}"
    );
    let summary: serde_json::Value = serde_json::from_str(&job.text("summary")).expect("JSON");
    assert_eq!(summary["fleet"]["workers"], 16);
    assert_eq!(summary["fleet"]["joined"], false);
    assert_eq!(api.stats().served, 20);
}

#[test]
fn a_dry_run_asks_no_store() {
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
fn the_flags_belong_together() {
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
fn a_password_belongs_into_a_variable() {
    let api = api();
    let job = Job::of_pages(&api.base_url(), 1);
    let url = nowhere().replace("redis://", "redis://user:s3cret@");
    let warned = "--fleet shows a password to everybody";
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
fn the_status_of_a_store_that_is_not_there_is_a_failure_in_one_sentence() {
    let url = nowhere().replace("redis://", "redis://:s3cret@");
    let output = command(&["fleet", "status", "--fleet-env", "FLEET_URL", "k"])
        .env("FLEET_URL", &url)
        .output();
    let run = crate::run::Run::of(&output.expect("it runs"));
    run.refuses(1, "error: the store can't be asked: ");
    assert_eq!(run.err.lines().count(), 1, "{run:?}");
    assert!(!run.err.contains("s3cret"), "{run:?}");
    apirl(&["fleet", "status", "localhost", "k"]).refuses(2, "redis://127.0.0.1:6379");
    apirl(&["fleet", "status", "k"]).refuses(2, "required");
}
