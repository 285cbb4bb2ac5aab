//! Ctrl-C: requests in flight finish, and the run says how to continue.
#![cfg(unix)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

use api_ratelimiter_simulator::SimulatedApi;

use crate::job::{Job, Running};

const PATH: [&str; 2] = ["--path", "/pages/{}"];

#[test]
fn requests_in_flight_finish_and_no_line_is_fetched_twice() {
    let api = SimulatedApi::builder()
        .round_trip(Duration::from_millis(30))
        .start()
        .expect("an API");
    let job = Job::of_pages(&api.base_url(), 200);
    let mut running = job.start(&PATH);
    job.wait_for_lines(5);
    running.interrupt();
    let run = running.wait();
    assert_eq!(run.code, Some(130), "{run:?}");
    assert!(
        run.err
            .contains("run the same command with --resume to continue"),
        "{run:?}"
    );
    let done = job.output().len();
    assert!(done < 200, "{done}");
    assert_eq!(api.stats().accepted, done as u64);
    let run = job.run_files(&[&PATH[..], &["--resume"]].concat());
    assert_eq!(run.code, Some(0), "{run:?}");
    job.has_each_once(200);
    assert_eq!(api.stats().accepted, 200);
}

#[test]
fn posts_that_wait_for_a_permit_count_as_unsent() {
    let api = SimulatedApi::builder().start().expect("an API");
    let job = Job::of_pages(&api.base_url(), 30);
    // The bucket allows one request at once. Each of the others waits for about a minute.
    let slow = [
        "--method",
        "POST",
        "--unordered",
        "--path",
        "/pages/{}",
        "--initial-rate",
        "0.02",
        "--max-rate",
        "0.02",
    ];
    let (input, output) = (job.path("input"), job.path("output"));
    let files = [
        "--base-url",
        &api.base_url(),
        "--input",
        &input,
        "--output",
        &output,
    ];
    let child = crate::run::command(&[&["fetch"], &slow[..], &files].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut running = Running::of(child);
    job.wait_for_lines(1);
    running.interrupt();
    assert_eq!(running.wait().code, Some(130));
    let run = job.run_files(&["--method", "POST", "--path", "/pages/{}", "--resume"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    job.has_each_once(30);
    assert_eq!(api.stats().accepted, 30);
}

#[test]
fn a_wait_for_input_does_not_delay_the_end() {
    let api = SimulatedApi::builder().start().expect("an API");
    let job = Job::new(&api.base_url());
    let output = job.path("output");
    let mut child = job
        .command(&[&PATH[..], &["--output", &output]].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(b"1\n2\n").expect("fed");
    let mut running = Running::of(child);
    job.wait_for_lines(2);
    running.interrupt();
    let run = running.wait();
    assert_eq!(run.code, Some(130), "{run:?}");
    drop(stdin);
}

#[test]
fn a_second_interrupt_stops_at_once() {
    // This server accepts connections and never responds.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let base_url = format!("http://{}", listener.local_addr().expect("an address"));
    let job = Job::of_pages(&base_url, 3);
    let mut running = job.start(&PATH);
    let _connection = listener.accept().expect("a request");
    let mut errors = BufReader::new(running.child().stderr.take().expect("a pipe"));
    running.interrupt();
    let mut line = String::new();
    errors.read_line(&mut line).expect("a line");
    assert!(
        line.contains("press Ctrl-C again to stop at once"),
        "{line}"
    );
    running.interrupt();
    assert_eq!(running.wait().code, Some(130));
}

/// A terminal that closes sends a hang-up.
#[test]
#[cfg(target_os = "linux")]
fn a_hang_up_ends_the_run_in_order_unless_it_was_started_to_ignore_it() {
    let api = SimulatedApi::builder()
        .round_trip(Duration::from_millis(20))
        .start()
        .expect("an API");
    // The tests may run with hang-ups ignored, and a shell can't undo that.
    let takes = |option: &str| {
        std::process::Command::new("env")
            .args([option, "true"])
            .status()
    };
    for (option, code) in [("--default-signal=HUP", 130), ("--ignore-signal=HUP", 0)] {
        if !takes(option).is_ok_and(|status| status.success()) {
            println!("SKIPPED: `env` does not accept {option}");
            return;
        }
        let job = Job::of_pages(&api.base_url(), 200);
        let (input, output) = (job.path("input"), job.path("output"));
        let files = ["--input", &input, "--output", &output];
        let command = job.command(&[&PATH[..], &files].concat());
        let mut env = std::process::Command::new("env");
        env.arg(option);
        env.arg(command.get_program()).args(command.get_args());
        env.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = Running::of(env.spawn().expect("it starts"));
        job.wait_for_lines(5);
        let id = running.child().id().to_string();
        let sent = std::process::Command::new("kill")
            .args(["-HUP", &id])
            .status();
        assert!(sent.expect("kill runs").success());
        let run = running.wait();
        assert_eq!(run.code, Some(code), "{option}: {run:?}");
    }
}
