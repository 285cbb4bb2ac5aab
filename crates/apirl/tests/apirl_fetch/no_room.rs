//! A disk without room: an answer is written as long as the output can be, and one that is not written is not counted.
#![cfg(target_os = "linux")]

use std::collections::HashSet;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use api_ratelimiter_simulator::SimulatedApi;
use serde_json::Value;

use crate::job::{Job, Running};
use crate::run::Run;

const POST: [&str; 4] = ["--method", "POST", "--path", "/pages/{}"];

fn api() -> SimulatedApi {
    let api = SimulatedApi::builder().round_trip(Duration::from_millis(30));
    api.start().expect("an API")
}

/// Starts a run whose files can't grow beyond a number of KiB. Writing more is an error, as on a full disk.
fn start_with_room(job: &Job, kib: u32, args: &[&str]) -> Running {
    let (input, output, summary) = (job.path("input"), job.path("output"), job.path("summary"));
    let files = [
        "--input",
        &input,
        "--output",
        &output,
        "--summary",
        &summary,
    ];
    let command = job.command(&[&files, args].concat());
    let mut shell = Command::new("bash");
    shell
        .args([
            "-c",
            "trap '' XFSZ; ulimit -f \"$0\"; exec \"$@\"",
            &kib.to_string(),
        ])
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Running::of(shell.spawn().expect("it starts"))
}

/// Returns how many lines of output have a status of 200.
fn answers(job: &Job) -> u64 {
    let text = job.text("output");
    assert!(text.is_empty() || text.ends_with('\n'), "no half line");
    let lines = job.output();
    lines.iter().filter(|line| line["status"] == 200).count() as u64
}

fn succeeded(job: &Job) -> Option<u64> {
    let summary: Value = serde_json::from_str(&job.text("summary")).expect("a summary");
    summary["succeeded"].as_u64()
}

/// Makes the journal nearly `kib` KiB long, with entries that say nothing new.
fn lengthen_journal(job: &Job, kib: usize) {
    let entry = "{\"unsent\":1}\n";
    let mut text = job.text("output.apirl");
    while text.len() + entry.len() < kib * 1024 - 40 {
        text.push_str(entry);
    }
    job.put("output.apirl", &text);
}

#[test]
fn answers_are_written_and_counted_when_only_the_journal_has_no_room() {
    for more in [&[][..], &["--unordered"]] {
        let api = api();
        let job = Job::of_pages(&api.base_url(), 1);
        let args = [&POST[..], &["--concurrency", "16"], more].concat();
        assert_eq!(job.run_files(&args).code, Some(0));
        lengthen_journal(&job, 32);
        let ids: String = (1..=100).map(|id| format!("{id}\n")).collect();
        job.put("input", &ids);

        let resume = [&args[..], &["--resume"]].concat();
        let run: Run = start_with_room(&job, 32, &resume).wait();
        assert_eq!(run.code, Some(1), "{run:?}");
        let said = format!("could not write to {}: ", job.path("output.apirl"));
        assert!(run.err.contains(&said), "{run:?}");
        let sent = api.stats().accepted;
        assert_eq!(answers(&job), sent, "each answer is written: {run:?}");
        assert_eq!(succeeded(&job), Some(sent - 1));
        assert!(sent < 100);

        // The journal is readable, and no request is sent twice.
        let run = job.run_files(&resume);
        assert_eq!(run.code, Some(0), "{run:?}");
        job.has_each_once(100);
        assert_eq!(api.stats().accepted, 100);
    }
}

#[test]
fn an_output_without_room_has_whole_lines_and_all_of_them_are_counted() {
    for more in [&[][..], &["--unordered"]] {
        let api = api();
        let job = Job::of_pages(&api.base_url(), 200);
        let args = [&["--path", "/pages/{}", "--concurrency", "16"][..], more].concat();
        let run = start_with_room(&job, 8, &args).wait();
        assert_eq!(run.code, Some(1), "{run:?}");
        let said = format!("could not write to {}: ", job.path("output"));
        assert!(run.err.contains(&said), "{run:?}");
        assert_eq!(succeeded(&job), Some(answers(&job)), "{run:?}");
        let run = job.run_files(&[&args[..], &["--resume"]].concat());
        assert_eq!(run.code, Some(0), "{run:?}");
        job.has_each_once(200);
    }
}

#[test]
fn an_answer_that_does_not_fit_does_not_keep_smaller_ones_out() {
    let long = "x".repeat(100_000);
    let response = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{long}",
        long.len()
    );
    let long: &'static str = String::leak(response);
    // The long response goes out when all requests are there, and the others after it.
    let arrived = Mutex::new(HashSet::new());
    let server = crate::server::Server::start(move |first, is_open| {
        let mut arrived = arrived.lock().expect("no thread panicked");
        arrived.insert(first.to_owned());
        let is_first = first.contains("/pages/1 ");
        match (is_first, is_open) {
            (true, _) if arrived.len() == 8 => Some(long),
            (false, true) => Some(crate::server::OK),
            _ => None,
        }
    });
    let job = Job::of_pages(&server.base_url, 8);
    let running = start_with_room(&job, 8, &["--path", "/pages/{}", "--concurrency", "8"]);
    crate::job::wait_until("all requests", || server.requests() == 8);
    std::thread::sleep(Duration::from_millis(100));
    server.open();
    let run = running.wait();
    assert_eq!(run.code, Some(1), "{run:?}");
    assert_eq!((answers(&job), succeeded(&job)), (7, Some(7)), "{run:?}");
}
