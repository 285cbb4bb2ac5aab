//! The meaning of lines of input, and the content of lines of output.

use std::process::Stdio;

use api_ratelimiter_simulator::SimulatedApi;
use serde_json::{Value, json};

use crate::job::{Job, lines_of};
use crate::run::Run;

fn api() -> SimulatedApi {
    SimulatedApi::builder().start().expect("an API")
}

fn with_input(job: &Job, args: &[&str], input: &str) -> (Run, Vec<Value>) {
    job.put("input", input);
    let path = job.path("input");
    let run = job.run(&[&["--input", &path], args].concat());
    let lines = lines_of(&run.out);
    (run, lines)
}

#[test]
fn a_line_is_a_path_a_url_or_json_and_blank_lines_are_only_counted() {
    let api = api();
    let job = Job::new(&api.base_url());
    let input = format!(
        "/pages/1?a=b\n\n{}/pages/2\n{}\n",
        api.base_url(),
        r#"{"id": "third", "method": "PUT", "path": "/x", "query": {"q": [1, "z"]}, "headers": {"X-Own": "1"}, "body": {"a": 1}}"#
    );
    let (run, lines) = with_input(&job, &[], &input);
    assert_eq!(run.code, Some(0), "{run:?}");
    let facts: Vec<_> = lines
        .iter()
        .map(|line| (line["n"].clone(), line["id"].clone(), line["path"].clone()))
        .collect();
    let second = format!("{}/pages/2", api.base_url());
    let expected = [
        (json!(1), json!(1), json!("/pages/1?a=b")),
        (json!(3), json!(3), json!(second)),
        (json!(4), json!("third"), json!("/x")),
    ];
    assert_eq!(facts, expected);
    let echo = &lines[2]["body"];
    assert_eq!(echo["method"], "PUT");
    assert_eq!(echo["query"], "q=1&q=z");
    assert_eq!(echo["body_bytes"], 8, "as it was written");
    let headers = echo["headers"].to_string();
    assert!(
        headers.contains("x-own") && headers.contains("content-type"),
        "{headers}"
    );
}

#[test]
fn a_line_of_output_has_exactly_these_fields_in_this_order() {
    let api = api();
    let job = Job::new(&api.base_url());
    let (run, lines) = with_input(&job, &[], "/status/404\n//elsewhere\n");
    assert_eq!(run.code, Some(1), "{run:?}");
    let order = |text: &str| {
        let named = text.split('"').skip(1).step_by(2);
        let known = ["n", "id", "path", "status", "body", "error", "attempts"];
        let times = ["waited_seconds", "elapsed_seconds"];
        let keys: Vec<String> = named
            .filter(|key| known.contains(key) || times.contains(key))
            .map(str::to_owned)
            .collect();
        keys
    };
    let texts: Vec<&str> = run.out.lines().collect();
    assert_eq!(
        order(texts[1]),
        [
            "n",
            "id",
            "path",
            "error",
            "attempts",
            "waited_seconds",
            "elapsed_seconds"
        ]
    );
    assert!(
        texts[0]
            .starts_with("{\"n\":1,\"id\":1,\"path\":\"/status/404\",\"status\":404,\"body\":{")
    );
    assert_eq!(
        (
            &lines[0]["attempts"],
            lines[0].as_object().expect("an object").len()
        ),
        (&json!(1), 8)
    );
}

#[test]
fn plain_lines_fill_the_template() {
    let api = api();
    let job = Job::new(&api.base_url());
    let (run, lines) = with_input(&job, &["--path", "/pages/{}"], "12\na/b?c\n");
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(lines[0]["body"]["id"], "12");
    assert_eq!(lines[1]["path"], "/pages/a%2Fb%3Fc");
    assert_eq!(api.served("/pages/12"), 1);
}

#[test]
fn methods_headers_and_tokens_come_from_flags_and_the_environment() {
    let api = api();
    let job = Job::new(&api.base_url());
    job.put("input", "/a\n{\"path\": \"/b\", \"method\": \"PUT\"}\n");
    let mut command = job.command(&[
        "--method",
        "delete",
        "--header",
        "X-Plain: 1",
        "--header-env",
        "X-Api-Key=TEST_KEY",
        "--bearer-env",
        "TEST_TOKEN",
        "--header",
        "X-Session-Token: abc",
        "--input",
        &job.path("input"),
    ]);
    command
        // Files with secrets often end with a line break.
        .env("TEST_KEY", "hunter2\n")
        .env("TEST_TOKEN", "hunter3\n");
    let run = Run::of(&command.output().expect("it runs"));
    assert_eq!(run.code, Some(0), "{run:?}");
    let lines = lines_of(&run.out);
    assert_eq!(lines[0]["body"]["method"], "DELETE");
    assert_eq!(lines[1]["body"]["method"], "PUT");
    let headers = lines[0]["body"]["headers"].to_string();
    for name in ["x-plain", "x-api-key", "authorization"] {
        assert!(headers.contains(name), "{name}: {headers}");
    }
    assert!(
        run.err
            .starts_with("warning: --header x-session-token shows a credential"),
        "{run:?}"
    );
    for secret in ["hunter2", "hunter3", "abc"] {
        assert!(!run.err.contains(secret), "{secret}");
    }
}

#[test]
fn a_dry_run_sends_no_request() {
    let api = api();
    let job = Job::new(&api.base_url());
    let input =
        "/a\nhttp://example.com/\n{\"path\": \"/b\", \"method\": \"POST\", \"body\": [1]}\n";
    let output = job.path("output");
    let (run, lines) = with_input(&job, &["--dry-run", "--output", &output], input);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert_eq!(api.stats().accepted, 0);
    assert_eq!(
        (&lines[0]["method"], &lines[0]["path"]),
        (&json!("GET"), &json!("/a"))
    );
    assert!(
        lines[1]["error"]
            .to_string()
            .contains("leads to http://example.com")
    );
    assert_eq!(
        (&lines[2]["method"], &lines[2]["body_bytes"]),
        (&json!("POST"), &json!(3))
    );
    let expected = format!(
        "Dry run: 2 requests would go to {}, 1 line can't be used",
        api.base_url()
    );
    assert!(run.err.starts_with(&expected), "{run:?}");
    let first = "{\"n\":1,\"id\":1,\"method\":\"GET\",\"path\":\"/a\",\"query\":[],\"headers\":[],\"body_bytes\":0}\n";
    assert!(run.out.starts_with(first), "{run:?}");
    assert!(!std::path::Path::new(&output).exists());
}

#[test]
fn the_summary_is_on_standard_error_and_as_json_in_a_file() {
    let api = api();
    let job = Job::new(&api.base_url());
    let path = job.path("summary");
    let (run, _) = with_input(&job, &["--summary", &path], "/a\n/status/500\n/b\n");
    assert_eq!(run.code, Some(1));
    assert!(run.err.starts_with("3 lines in "), "{run:?}");
    let summary: Value = serde_json::from_str(&job.text("summary")).expect("JSON");
    let figure = |name: &str| summary[name].as_f64().expect(name);
    let figures = ["requested", "succeeded", "failed", "refused", "attempts"].map(figure);
    assert_eq!(figures, [3.0, 2.0, 1.0, 0.0, 3.0]);
    assert!(figure("seconds") >= 0.0 && figure("rate_per_second") > 0.0);
    assert!(summary["learned_ceiling"].is_null());
    assert_eq!(summary.as_object().expect("an object").len(), 8);
    let (run, _) = with_input(&job, &["--quiet"], "/a\n");
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
}

#[test]
fn a_run_at_the_default_maximum_rate_mentions_the_flag_that_raises_it() {
    let api = api();
    let job = Job::of_pages(&api.base_url(), 2);
    let mentions = |rates: &[&str]| {
        let (base, input) = (api.base_url(), job.path("input"));
        let fixed = [
            "fetch",
            "--base-url",
            &base,
            "--input",
            &input,
            "--path",
            "/{}",
        ];
        let run = crate::run::apirl(&[&fixed[..], rates].concat());
        run.err.contains("--max-rate raises it")
    };
    assert!(mentions(&["--initial-rate", "100"]));
    assert!(!mentions(&["--initial-rate", "99"]));
    assert!(!mentions(&["--initial-rate", "100", "--max-rate", "100"]));
    assert!(!mentions(&["--initial-rate", "100", "--quiet"]));
}

#[test]
fn a_run_says_at_its_start_how_fast_it_may_become_if_that_is_a_default_and_the_input_is_long() {
    let says = |count, more: &[&str]| {
        // Nothing listens there, so that the first line ends the run.
        let base = "http://127.0.0.1:1";
        let job = Job::of_pages(base, count);
        let input = job.path("input");
        let files = ["fetch", "--base-url", base, "--input", &input];
        let fixed = ["--path", "/{}", "--fail-fast"];
        let run = crate::run::apirl(&[&files[..], &fixed, more].concat());
        let line =
            "Asks for at most 100 requests per second (max_rate); --max-rate sets another maximum.";
        run.err.lines().any(|it| it == line)
    };
    assert!(says(101, &[]));
    assert!(!says(100, &[]));
    assert!(!says(101, &["--max-rate", "100"]));
    assert!(!says(101, &["--quiet"]));
}

#[test]
fn the_learned_limit_is_kept_in_a_directory() {
    let api = api();
    let job = Job::new(&api.base_url());
    let directory = job.path("learned/deep");
    let (run, _) = with_input(&job, &["--learned", &directory], "/a\n");
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(std::fs::read_dir(&directory).is_ok());
}

#[test]
fn refused_requests_are_retried_and_counted() {
    use api_ratelimiter_simulator::{Fault, Limit};
    let api = SimulatedApi::builder()
        .limit(Limit::parse("fixed-window:5/1s").expect("a limit"))
        .refusal_status(503)
        .start()
        .expect("an API");
    let job = Job::of_pages(&api.base_url(), 8);
    let summary = job.path("summary");
    let args = [
        "--path",
        "/pages/{}",
        "--backoff-status",
        "429,503",
        "--summary",
        &summary,
    ];
    let run = job.run_files(&args);
    assert_eq!(run.code, Some(0), "{run:?}");
    job.has_each_once(8);
    let summary: Value = serde_json::from_str(&job.text("summary")).expect("JSON");
    let refused = api.stats().refused;
    assert!(refused > 0);
    assert_eq!(summary["refused"], refused);
    assert_eq!(summary["attempts"], 8 + refused);
    let attempts: u64 = job
        .output()
        .iter()
        .filter_map(|line| line["attempts"].as_u64())
        .sum();
    assert_eq!(attempts, 8 + refused);
    let cutting = SimulatedApi::builder()
        .fault("cut:100%".parse::<Fault>().expect("a fault"))
        .start()
        .expect("an API");
    let job = Job::of_pages(&cutting.base_url(), 1);
    let run = job.run_files(&["--path", "/pages/{}"]);
    assert_eq!(run.code, Some(1));
    let line = &job.output()[0];
    assert!(
        line["error"].to_string().contains("closed or reset"),
        "{line}"
    );
    assert_eq!(line["attempts"], 4, "three more for a broken connection");
}

#[test]
fn a_truncated_response_is_requested_again_if_the_request_may_be_repeated() {
    use api_ratelimiter_simulator::Fault;
    let breaking = |chance: &str| {
        let fault = format!("cut-in-body:{chance}").parse::<Fault>();
        let api = SimulatedApi::builder().fault(fault.expect("a fault"));
        api.start().expect("an API")
    };
    let args = ["--path", "/pages/{}", "--concurrency", "1"];
    let api = breaking("20%");
    let job = Job::of_pages(&api.base_url(), 60);
    let run = job.run_files(&args);
    assert_eq!(run.code, Some(0), "{run:?}");
    job.has_each_once(60);
    let broken = api.stats().faults_injected;
    assert!(broken > 0);
    let attempts = job
        .output()
        .iter()
        .map(|line| line["attempts"].as_u64())
        .sum();
    assert_eq!(Some(60 + broken), attempts);
    let api = breaking("100%");
    for (method, attempts) in [("GET", 4), ("PUT", 4), ("POST", 1)] {
        let job = Job::of_pages(&api.base_url(), 1);
        let run = job.run_files(&[&args[..], &["--method", method]].concat());
        assert_eq!(run.code, Some(1), "{run:?}");
        let line = &job.output()[0];
        let error = line["error"].as_str().expect("an error");
        assert!(error.contains("closed or reset"), "{line}");
        assert_eq!(line["attempts"], attempts, "{line}");
    }
}

#[test]
fn a_summary_can_follow_the_responses_on_standard_output() {
    let api = api();
    let job = Job::of_pages(&api.base_url(), 2);
    let input = job.path("input");
    let mut places = vec!["-"];
    if cfg!(target_os = "linux") {
        places.push("/dev/stdout");
    }
    for place in places {
        let out = std::fs::File::create(job.path("out")).expect("a file");
        let args = ["--path", "/pages/{}", "--input", &input, "--summary", place];
        let status = job
            .command(&args)
            .stdout(out)
            .stderr(Stdio::null())
            .status();
        assert_eq!(status.expect("it runs").code(), Some(0));
        let lines = lines_of(&job.text("out"));
        let ids: Vec<_> = lines.iter().map(|line| line["n"].as_u64()).collect();
        assert_eq!(ids, [Some(1), Some(2), None], "{place}");
        assert_eq!(lines[2]["requested"], 2, "{place}");
    }
    if cfg!(target_os = "linux") {
        let log = std::fs::File::create(job.path("log")).expect("a file");
        let args = [
            "--path",
            "/pages/{}",
            "--input",
            &input,
            "--summary",
            "/dev/stderr",
        ];
        let status = job
            .command(&args)
            .stdout(Stdio::null())
            .stderr(log)
            .status();
        assert_eq!(status.expect("it runs").code(), Some(0));
        let log = job.text("log");
        assert!(
            log.starts_with("2 lines in ") && log.contains("\n{\"requested\":2,"),
            "{log}"
        );
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_summary_that_does_not_fit_on_the_disk_fails_the_run() {
    let api = api();
    let job = Job::of_pages(&api.base_url(), 2);
    let run = job.run_files(&["--path", "/pages/{}", "--quiet", "--summary", "/dev/full"]);
    run.refuses(1, "could not write to /dev/full: ");
    assert_eq!(job.output().len(), 2);
}

#[test]
fn a_file_with_the_name_of_the_sign_for_standard_input_is_not_read() {
    let api = api();
    let job = Job::of_pages(&api.base_url(), 3);
    job.put("-", "/other\n");
    let input = std::fs::File::open(job.path("input")).expect("the input");
    let mut command = job.command(&["--path", "/pages/{}"]);
    let directory = job.path("");
    let run = command.stdin(input).current_dir(directory).output();
    let run = Run::of(&run.expect("it runs"));
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(lines_of(&run.out).len(), 3, "{run:?}");
}

#[test]
fn warnings_of_the_library_are_shown() {
    let api = api();
    let job = Job::new(&api.base_url());
    let directory = job.path("learned");
    // What was used of a known limit is kept.
    let limits = [json!({"requests": 1000, "per_seconds": 3600})];
    let settings = json!({"mine": {"base_url": api.base_url(), "limits": limits}});
    job.put("config", &settings.to_string());
    let config = job.path("config");
    let kept = ["--config", &config, "--learned", &directory];
    let args = [&kept[..], &["--bearer-env", "TEST_TOKEN"]].concat();
    let start = |input: &str| {
        job.put("input", input);
        let path = job.path("input");
        let mut command = job.command(&[&args[..], &["--input", &path]].concat());
        let run = command.env("TEST_TOKEN", "hunter2").output();
        Run::of(&run.expect("it runs"))
    };
    let run = start("/a\n");
    assert!(
        !run.err.contains("warning"),
        "a request to this machine needs no encryption: {run:?}"
    );
    let mut files = std::fs::read_dir(&directory).expect("the directory");
    let file = files.next().expect("a file").expect("readable").path();
    std::fs::write(&file, "nonsense").expect("written");
    let run = start("/b\n");
    assert_eq!(run.code, Some(0), "{run:?}");
    let warning = "warning: what was learned could not be read, so this run starts without it: ";
    assert_eq!(run.err.matches(warning).count(), 1, "{run:?}");
    assert!(!run.err.contains("hunter2"), "{run:?}");
}

#[test]
fn a_closed_pipe_ends_the_run_quietly() {
    let api = api();
    let job = Job::of_pages(&api.base_url(), 500);
    let input = job.path("input");
    let mut child = job
        .command(&["--path", "/pages/{}", "--input", &input])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    drop(child.stdout.take());
    let run = Run::of(&child.wait_with_output().expect("it ends"));
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(
        !run.err.contains("panicked") && !run.err.contains("error"),
        "{run:?}"
    );
    assert!(api.stats().accepted < 500);
}
