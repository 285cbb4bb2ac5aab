//! Runs that are killed at any moment and resumed: each line is in the output once.

use std::time::Duration;

use api_ratelimiter_simulator::SimulatedApi;

use crate::job::{Job, wait_until};
use crate::server::{OK, Server};

const PATH: [&str; 2] = ["--path", "/pages/{}"];

fn slow(millis: u64) -> SimulatedApi {
    SimulatedApi::builder()
        .round_trip(Duration::from_millis(millis))
        .start()
        .expect("an API")
}

fn args<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&PATH, more].concat()
}

#[test]
fn a_run_killed_several_times_still_writes_each_line_once() {
    let api = slow(10);
    for more in [&["--resume"][..], &["--resume", "--unordered"]] {
        let job = Job::of_pages(&api.base_url(), 600);
        for _ in 0..5 {
            let running = job.start(&args(more));
            std::thread::sleep(Duration::from_millis(fastrand::u64(10..150)));
            running.kill();
        }
        let run = job.run_files(&args(more));
        assert_eq!(run.code, Some(0), "{run:?}");
        job.has_each_once(600);
        if more.len() == 1 {
            assert!(job.output().is_sorted_by_key(|line| line["n"].as_u64()));
        }
        let again = job.run_files(&args(more));
        assert_eq!(again.code, Some(0));
        assert!(again.err.contains("600 lines already there."), "{again:?}");
        job.has_each_once(600);
    }
}

#[cfg(unix)]
#[test]
fn a_copy_that_is_a_link_leaves_its_target_as_it_is() {
    let api = slow(0);
    let job = Job::of_pages(&api.base_url(), 5);
    assert_eq!(job.run_files(&PATH).code, Some(0));
    // Out of order, so that the output is copied.
    let text = job.text("output");
    let reversed: String = text.split_inclusive('\n').rev().collect();
    job.put("output", &reversed);
    job.put("other", &text);
    std::os::unix::fs::symlink("other", job.path("output.apirl-copy")).expect("a link");
    job.put("input", &format!("{}6\n", job.text("input")));
    let run = job.run_files(&args(&["--resume"]));
    assert_eq!(run.code, Some(0), "{run:?}");
    job.has_each_once(6);
    assert!(job.output().is_sorted_by_key(|line| line["n"].as_u64()));
    assert_eq!(job.text("other"), text);
    let kind = std::fs::symlink_metadata(job.path("output"));
    assert!(kind.expect("an output").is_file());
}

/// Numbers in a damaged journal are any.
#[test]
fn a_journal_with_a_huge_number_is_an_error() {
    let api = slow(0);
    let job = Job::of_pages(&api.base_url(), 5);
    assert_eq!(job.run_files(&PATH).code, Some(0));
    let huge = u64::MAX;
    let entries =
        format!("{{\"read\":{{\"lines\":{huge},\"hash\":\"0\"}}}}\n{{\"start\":{huge}}}\n");
    job.put("output.apirl", &(job.text("output.apirl") + &entries));
    let run = job.run_files(&args(&["--resume"]));
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.err.contains("fewer lines than before"), "{run:?}");
}

#[test]
fn a_truncated_line_is_removed() {
    let api = slow(0);
    let job = Job::of_pages(&api.base_url(), 5);
    assert_eq!(job.run_files(&PATH).code, Some(0));
    let text = job.text("output");
    job.put("output", &text[..text.len() - 7]);
    // A copy can't be written here, and removing a truncated line needs none.
    std::fs::create_dir(job.path("output.apirl-copy")).expect("a directory");
    let run = job.run_files(&args(&["--resume"]));
    assert_eq!(run.code, Some(0), "{run:?}");
    job.has_each_once(5);
    assert_eq!(api.stats().accepted, 6);
}

#[test]
fn lines_may_be_added_but_not_changed() {
    let api = slow(0);
    let job = Job::of_pages(&api.base_url(), 5);
    assert_eq!(job.run_files(&PATH).code, Some(0));
    job.put("input", "1\n2\n3\n4\n5\n6\n");
    assert_eq!(job.run_files(&args(&["--resume"])).code, Some(0));
    job.has_each_once(6);
    let before = job.text("output");
    for input in ["1\n2\nx\n4\n5\n6\n", "1\n2\n3\n"] {
        job.put("input", input);
        let run = job.run_files(&args(&["--resume"]));
        assert!(
            run.code == Some(2) && run.err.contains("hint: give the same lines"),
            "{run:?}"
        );
    }
    job.put("input", "1\n2\n3\n4\n5\n6\n");
    let run = job.run_files(&["--path", "/other/{}", "--resume"]);
    run.refuses(2, "written with different request options");
    assert_eq!(job.text("output"), before);
    assert_eq!(api.stats().accepted, 6);
}

#[test]
fn files_that_fetch_did_not_write_are_not_resumed() {
    let api = slow(0);
    let job = Job::of_pages(&api.base_url(), 3);
    assert_eq!(job.run_files(&PATH).code, Some(0));
    let journal = job.text("output.apirl");
    job.put("output.apirl", "nonsense\n");
    job.run_files(&args(&["--resume"]))
        .refuses(2, "is not a journal");
    job.put("output.apirl", "");
    job.run_files(&args(&["--resume"]))
        .refuses(2, "missing or empty");
    job.put("output.apirl", &journal);
    job.put("output", "{\"n\":1}\n{\"n\":1}\n");
    job.run_files(&args(&["--resume"]))
        .refuses(2, "n = 1 twice");
    job.put("output", "{\"n\":99}\n");
    job.run_files(&args(&["--resume"])).refuses(2, "n = 99");
}

#[test]
fn errors_in_the_output_are_kept_like_responses() {
    let api = slow(0);
    let job = Job::new(&api.base_url());
    job.put("input", "/a\n{bad\n/status/500\n");
    assert_eq!(job.run_files(&[]).code, Some(1));
    // Failures of the earlier run count, too.
    let run = job.run_files(&["--resume"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    let expected = "3 lines already there, 2 of them failed.\n";
    assert!(run.err.starts_with(expected), "{run:?}");
    job.has_each_once(3);
    assert_eq!(api.stats().accepted, 2);
}

/// Starts slow POSTs and kills the run while some are in flight.
fn killed_while_posting(api: &SimulatedApi, more: &[&str]) -> Job {
    let job = Job::new(&api.base_url());
    let lines = (1..=20).map(|id| format!("{{\"path\": \"/new\", \"query\": {{\"id\": {id}}}}}\n"));
    job.put("input", &lines.collect::<String>());
    let running = job.start(&[&["--method", "POST", "--concurrency", "4"], more].concat());
    wait_until("requests in flight", || api.stats().accepted >= 6);
    running.kill();
    job
}

#[test]
fn a_post_of_unknown_outcome_is_an_error_and_not_sent_again() {
    let api = slow(100);
    let job = killed_while_posting(&api, &[]);
    let run = job.run_files(&["--method", "POST", "--concurrency", "4", "--resume"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    job.has_each_once(20);
    let lines = job.output();
    let unknown = lines.iter().filter(|line| line["error"].is_string());
    let unknown: Vec<_> = unknown.collect();
    assert!(!unknown.is_empty());
    for line in unknown {
        assert!(line["error"].to_string().contains("--idempotent"), "{line}");
    }
    for id in 1..=20 {
        let times = api.served(&format!("POST /new?id={id}"));
        let is_present = lines
            .iter()
            .any(|line| line["n"] == id && line["status"] == 200);
        assert!(times <= 1 && (times == 1 || !is_present), "{id}: {times}");
    }
}

#[test]
fn posts_that_waited_for_a_permit_when_the_run_was_killed_are_sent() {
    let api = slow(0);
    let job = Job::of_pages(&api.base_url(), 30);
    // The bucket allows one request at once, whichever comes first. Each of the others waits for about a minute.
    let rates = [
        "--initial-rate",
        "0.02",
        "--max-rate",
        "0.02",
        "--unordered",
    ];
    let post = ["--method", "POST", "--path", "/pages/{}"];
    let running = job.start(&[&post[..], &rates].concat());
    job.wait_for_lines(1);
    running.kill();
    let run = job.run_files(&[&post[..], &["--resume"]].concat());
    assert_eq!(run.code, Some(0), "{run:?}");
    job.has_each_once(30);
    assert_eq!(api.stats().accepted, 30);
}

#[test]
fn posts_that_were_refused_before_the_run_was_killed_are_sent_again() {
    let refused = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n";
    refused_and_killed(refused, &[]);
    // The settings say that this status means "not processed".
    let overloaded = "HTTP/1.1 529 Overloaded\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n";
    refused_and_killed(overloaded, &["notion"]);
}

fn refused_and_killed(refused: &'static str, api: &[&str]) {
    let server = Server::start(move |_, is_open| Some(if is_open { OK } else { refused }));
    let job = Job::of_pages(&server.base_url, 5);
    let post = [&["--method", "POST", "--path", "/pages/{}"], api].concat();
    let running = job.start(&post);
    wait_until("refusals in the journal", || {
        let journal = job.text("output.apirl");
        let times = |entry| journal.matches(entry).count();
        server.requests() > 0
            && times("unsent") == server.requests()
            && times("start") == server.requests()
    });
    running.kill();
    server.open();
    let run = job.run_files(&[&post[..], &["--resume"]].concat());
    assert_eq!(run.code, Some(0), "{run:?}");
    job.has_each_once(5);
}

#[test]
fn idempotent_posts_are_sent_again() {
    let api = slow(100);
    let job = killed_while_posting(&api, &["--idempotent"]);
    let args = ["--method", "POST", "--idempotent", "--resume"];
    let run = job.run_files(&args);
    assert_eq!(run.code, Some(0), "{run:?}");
    job.has_each_once(20);
}

#[test]
fn standard_input_is_resumed_if_the_same_lines_come_again() {
    let api = slow(5);
    let job = Job::of_pages(&api.base_url(), 300);
    let output = job.path("output");
    let feed = |input: &str, resume: &[&str]| {
        job.put("fed", input);
        let mut command = job.command(&args(&[&["--output", output.as_str()], resume].concat()));
        let file = std::fs::File::open(job.path("fed")).expect("the input");
        command.stdin(file);
        command.stderr(std::process::Stdio::piped());
        command.spawn().expect("it starts")
    };
    let input = job.text("input");
    let running = crate::job::Running::of(feed(&input, &[]));
    job.wait_for_lines(20);
    running.kill();
    let changed = input.replacen("\n3\n", "\nthree\n", 1);
    let run = crate::job::Running::of(feed(&changed, &["--resume"])).wait();
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.err.contains("standard input has changed"), "{run:?}");
    let run = crate::job::Running::of(feed(&input, &["--resume"])).wait();
    assert_eq!(run.code, Some(0), "{run:?}");
    job.has_each_once(300);
}
