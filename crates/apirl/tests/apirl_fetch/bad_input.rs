//! Invalid lines become lines of output; invalid flags and files end the run before a request is sent.

use api_ratelimiter_simulator::SimulatedApi;

use crate::job::Job;

fn api() -> SimulatedApi {
    SimulatedApi::builder().start().expect("an API")
}

#[test]
fn an_invalid_line_becomes_an_error_in_its_place_and_the_others_are_sent() {
    let api = api();
    let job = Job::new(&api.base_url());
    let bytes =
        b"/a\n{\"path\": \nhttps://example.com/x\n../up\n{\"path\":\"/\",\"what\":1}\n/\xff\n\
        {\"id\":true,\"path\":\"/\"}\n{\"path\":\"/\",\"headers\":{\"a b\":\"c\"}}\n/b\n";
    std::fs::write(job.path("input"), bytes).expect("written");
    let run = job.run_files(&[]);
    assert_eq!(run.code, Some(1), "{run:?}");
    job.has_each_once(9);
    let lines = job.output();
    for (n, said) in [
        (2, "JSON"),
        (3, "leads to https://example.com"),
        (4, "the segment `.` or `..`"),
        (5, "unknown field `what`"),
        (6, "UTF-8"),
        (7, "neither a string nor a number"),
        (8, "not a valid header name"),
    ] {
        let line = &lines[n - 1];
        let error = line["error"].as_str().expect("an error");
        assert!(error.contains(said), "{said:?} is not in {line}");
        assert_eq!(line["attempts"], 0);
    }
    assert_eq!(
        (&lines[0]["status"], &lines[8]["status"]),
        (&200.into(), &200.into())
    );
    assert_eq!(api.stats().accepted, 2);
}

#[test]
fn an_invalid_line_keeps_its_id() {
    let api = api();
    let job = Job::new(&api.base_url());
    let lines = [
        r#"{"id": "a", "path": 5}"#,
        r#"{"id": "b", "path": "/", "pth": 1}"#,
        r#"{"path": "/", "headers": {"X-A": 1}, "id": 7}"#,
        r#"{"id": "d", "path": "/", "query": "x=1"}"#,
        r#"{"id": "e", "path": "/", "method": ["GET"]}"#,
        r#"{"id": "f", "path": "/", "method": null, "query": null, "headers": null, "body": null}"#,
    ];
    job.put("input", &lines.join("\n"));
    assert_eq!(job.run_files(&[]).code, Some(1));
    let output = job.output();
    let ids: Vec<String> = output.iter().map(|line| line["id"].to_string()).collect();
    assert_eq!(ids, ["\"a\"", "\"b\"", "7", "\"d\"", "\"e\"", "\"f\""]);
    for (line, said) in output.iter().zip([
        "path is a number, not a string",
        "unknown field `pth`",
        "headers, \"X-A\": is a number, not a string",
        "query is a string, not an object",
        "method is a list, not a string",
    ]) {
        let error = line["error"].as_str().expect("an error");
        assert!(error.contains(said), "{said:?} is not in {line}");
    }
    assert_eq!(
        output[5]["status"], 200,
        "null counts as absent: {}",
        output[5]
    );
}

#[test]
fn a_line_that_takes_its_segment_away_or_names_another_host_is_not_sent() {
    let api = api();
    let job = Job::new(&api.base_url());
    let lines = [
        r#"{"id": "", "method": "DELETE"}"#,
        r#"{"id": ".", "method": "DELETE"}"#,
        r#"{"id": "%2e%2E", "method": "DELETE"}"#,
        "..",
        r#"{"id": "5", "headers": {"Host": "evil.example"}}"#,
        r#"{"id": "5", "headers": {"transfer-encoding": "chunked"}}"#,
    ];
    job.put("input", &lines.join("\n"));
    let run = job.run_files(&["--path", "/users/{}"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    job.has_each_once(6);
    for line in job.output() {
        assert!(line["error"].is_string(), "{line}");
    }
    assert_eq!(api.stats().accepted, 0);
}

#[test]
fn a_file_with_the_name_of_the_journal_is_not_overwritten() {
    let api = api();
    for text in ["precious\n", "precious", "{\"run\":{\"fast\":true}}\n"] {
        let job = Job::of_pages(&api.base_url(), 1);
        job.put("output.apirl", text);
        let args = ["--path", "/pages/{}"];
        job.run_files(&args)
            .refuses(2, "output.apirl is not a journal of apirl");
        job.run_files(&[&args[..], &["--resume"]].concat())
            .refuses(2, "output.apirl is not a journal of apirl");
        assert_eq!(job.text("output.apirl"), text);
    }
    assert_eq!(api.stats().accepted, 0);

    // A pipe would keep the run waiting.
    #[cfg(unix)]
    {
        let job = Job::of_pages(&api.base_url(), 1);
        let mut mkfifo = std::process::Command::new("mkfifo");
        if mkfifo
            .arg(job.path("output.apirl"))
            .status()
            .is_ok_and(|status| status.success())
        {
            for more in [&[][..], &["--resume"]] {
                let run = job.run_files(&[&["--path", "/pages/{}"], more].concat());
                run.refuses(2, "output.apirl is not a journal of apirl");
            }
        }
    }

    // The journal of an output that was removed is replaced.
    let job = Job::of_pages(&api.base_url(), 1);
    assert_eq!(job.run_files(&["--path", "/pages/{}"]).code, Some(0));
    std::fs::remove_file(job.path("output")).expect("removed");
    assert_eq!(job.run_files(&["--path", "/pages/{}"]).code, Some(0));
    job.has_each_once(1);
}

#[test]
#[cfg(unix)]
fn an_output_that_is_a_link_to_a_missing_file_is_written_there_and_resumed() {
    use std::os::unix::fs::symlink;
    let api = api();
    let job = Job::of_pages(&api.base_url(), 3);
    std::fs::create_dir(job.path("deep")).expect("a directory");
    symlink("deep", job.path("directory")).expect("a link");
    symlink("directory/target", job.path("second")).expect("a link");
    symlink("second", job.path("output")).expect("a link");
    assert_eq!(job.run_files(&["--path", "/pages/{}"]).code, Some(0));
    job.put("input", "1\n2\n3\n4\n");
    let run = job.run_files(&["--path", "/pages/{}", "--resume"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    job.has_each_once(4);
    assert_eq!(job.text("deep/target"), job.text("output"));
    assert!(!job.text("deep/target.apirl").is_empty());
    assert_eq!(api.stats().accepted, 4);
}

#[test]
fn errors_name_flags_and_not_items_of_the_library() {
    let api = api();
    let job = Job::new(&api.base_url());
    job.put("paths", "/a\n");
    let base = api.base_url();
    for (args, said, hint) in [
        (
            &["notoin"][..],
            "no API is registered as \"notoin\", did you mean \"notion\"?",
            "hint: `apirl presets` lists all names",
        ),
        (
            &["https://me:hunter2@127.0.0.1"],
            "the API is a URL, but must be the name of a preset",
            "hint: give a URL with --base-url",
        ),
        (
            &["zendesk"],
            "\"zendesk\" has a different host for each customer",
            "hint: give yours with --base-url URL",
        ),
        (
            &["--base-url", "http://me:hunter2@127.0.0.1"],
            "contains a user name or password",
            "hint: give credentials with --bearer-env or --header-env",
        ),
        (
            &["--base-url", &base, "--dashboard=0.0.0.0:0"],
            "--dashboard=0.0.0.0:0: other machines could reach the page",
            "hint: use 127.0.0.1; from elsewhere the page can be seen through a tunnel",
        ),
        (
            &["--base-url", &base, "--dashboard=here"],
            "--dashboard=here: not a valid address",
            "hint: write it as --dashboard=127.0.0.1:9465; port 0 takes a free one",
        ),
        (
            &["--base-url", &base, "--learned", "/dev/null"],
            "/dev/null is not a directory",
            "hint: give a directory, which may be a new one",
        ),
        (
            &["--base-url", &base, "--config", &job.path("paths")],
            "paths is not valid JSON: ",
            "hint: `apirl check FILE`",
        ),
    ] {
        let run = crate::run::apirl(&[&["fetch"], args].concat());
        run.refuses(2, said);
        assert!(run.err.contains(hint), "{run:?}");
        for library in [
            "API_RATE_CONFIGS",
            ".base_url(",
            "bearer_auth",
            "allow_remote",
            "hunter2",
        ] {
            assert!(!run.err.contains(library), "{run:?}");
        }
    }
    for args in [
        ["--max-rate", "-1"],
        ["--max-rate", "0"],
        ["--initial-rate", "inf"],
    ] {
        let run = crate::run::apirl(&[&["fetch", "--base-url", &base][..], &args].concat());
        assert!(
            run.code == Some(2) && !run.err.contains("hint: raise"),
            "{run:?}"
        );
    }
}

#[test]
fn a_tls_error_names_its_cause_and_a_too_long_body_the_maximum() {
    let server = crate::server::Server::start(|_, _| {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 67108865\r\n\r\n";
        let body = "x".repeat(64 * 1024 * 1024 + 1);
        Some(String::leak(format!("{head}{body}")))
    });
    let error_with = |base_url: &str, more: &[&str]| {
        let job = Job::of_pages(base_url, 1);
        assert_eq!(
            job.run_files(&[&["--path", "/{}"], more].concat()).code,
            Some(1)
        );
        job.output()[0]["error"]
            .as_str()
            .expect("an error")
            .to_owned()
    };
    let error_of = |base_url: &str| error_with(base_url, &[]);
    let error = error_with(&server.base_url, &["--max-body", "100KiB"]);
    assert!(
        error.ends_with("/1: the body is longer than 100 KiB"),
        "{error}"
    );
    let error = error_of(&server.base_url);
    assert!(
        error.ends_with("/1: the body is longer than 64 MiB"),
        "{error}"
    );
    let error = error_of(&api().base_url().replace("http:", "https:"));
    assert!(error.contains("/1: TLS could not be set up: "), "{error}");
    assert!(
        !error.contains("source") && !error.contains("builder"),
        "{error}"
    );
}

#[test]
fn invalid_flags_are_refused_with_a_sentence() {
    let api = api();
    let job = Job::of_pages(&api.base_url(), 1);
    for (args, said) in [
        (&["--path", "/pages"][..], "has no {}"),
        (&["--header", "X-A 1"], "is not a valid header"),
        (&["--header", "X A: 1"], "is not a valid header"),
        (&["--header", "X-A: a\nb"], "control character"),
        (
            &["--header-env", "X-A"],
            "is not a header name and a variable",
        ),
        (
            &["--header-env", "X-A=NOT_SET_AT_ALL"],
            "variable NOT_SET_AT_ALL is not set",
        ),
        (
            &["--bearer-env", "NOT_SET_AT_ALL"],
            "variable NOT_SET_AT_ALL is not set",
        ),
        (&["--method", "G T"], "is not a valid HTTP method"),
        (&["--concurrency", "0"], "--concurrency"),
        (
            &["--concurrency", "-1"],
            "invalid value '-1' for '--concurrency",
        ),
        (
            &["--backoff-status", "-1"],
            "invalid value '-1' for '--backoff-status",
        ),
        (&["--max-rate", "0"], "max_rate"),
        (&["--initial-rate", "6000"], "initial_rate"),
        (&["--max-rate", "NaN"], "max_rate"),
        (&["--max-rate", "-1"], "max_rate: -1 is not"),
        (&["--initial-rate", "101"], "hint: raise --max-rate"),
        (&["--backoff-status", "20"], "20"),
        (&["--paginate"], "no pagination is known"),
        (&["--max-body", "64"], "is not a valid size"),
        (&["--max-body", "0B"], "is not a valid size"),
        (&["--paginate", "--items"], "cannot be used with"),
        (&["--resume"], "only a file can be resumed"),
        (
            &["--config", "/no/such/file"],
            "could not read /no/such/file",
        ),
        (
            &["--input", "/no/such/file"],
            "could not read /no/such/file",
        ),
        (&["--input", "/"], "hint: name a file in it"),
        (
            &["--output", "/no/such/folder/x"],
            "could not write to /no/such/folder/x",
        ),
        (
            &["--summary", "/no/such/folder/x"],
            "could not write to /no/such/folder/x",
        ),
        (
            &["--learned", "/dev/null/x"],
            "could not create the directory /dev/null/x",
        ),
    ] {
        let base = api.base_url();
        let mut all = vec!["fetch", "--base-url", &base];
        all.extend(args);
        crate::run::apirl(&all).refuses(2, said);
    }
    crate::run::apirl(&["fetch"]).refuses(2, "--help");
    crate::run::apirl(&["fetch", "notoin"]).refuses(2, "did you mean \"notion\"?");
    crate::run::apirl(&["fetch", "zendesk"]).refuses(2, "--base-url");
    crate::run::apirl(&["fetch", "--base-url", "nonsense"]).refuses(2, "not an absolute URL");
    assert_eq!(api.stats().accepted, 0);
    drop(job);
}

#[test]
fn a_summary_never_replaces_another_file_of_the_run() {
    let api = api();
    let job = Job::of_pages(&api.base_url(), 1);
    let (input, output) = (job.path("input"), job.path("output"));
    job.put("output", "");
    let (journal, config) = (job.path("output.apirl"), job.path("config"));
    let settings = format!("{{\"mine\": {{\"base_url\": \"{}\"}}}}", api.base_url());
    job.put("config", &settings);
    for file in [&input, &output, &journal, &config] {
        let args = ["--path", "/pages/{}", "--summary", file];
        job.run_files(&[&args[..], &["--config", &config]].concat())
            .refuses(2, "the summary would replace");
    }
    #[cfg(unix)]
    {
        let link = job.path("link");
        std::os::unix::fs::symlink(&output, &link).expect("a link");
        let files = ["--input", &input, "--output", &link, "--summary", &journal];
        job.run(&[&["--path", "/pages/{}"], &files[..]].concat())
            .refuses(2, "the summary would replace");
    }
    assert_eq!(
        (job.text("input").as_str(), job.text("config")),
        ("1\n", settings)
    );
    assert_eq!(api.stats().accepted, 0);
}

#[test]
fn an_output_that_is_the_input_is_refused_and_no_hint_says_to_remove_it() {
    let api = api();
    let job = Job::of_pages(&api.base_url(), 1);
    let input = job.path("input");
    let other_name = job.path("./input");
    for (text, output) in [("1\n", &input), ("", &input), ("1\n", &other_name)] {
        job.put("input", text);
        for more in [&[][..], &["--resume"]] {
            let files = ["--path", "/pages/{}", "--input", &input, "--output", output];
            let run = job.run(&[&files[..], more].concat());
            run.refuses(2, "is the input");
            assert!(!run.err.contains("remove"), "{run:?}");
        }
        assert_eq!(job.text("input"), text);
    }
    assert_eq!(api.stats().accepted, 0);
}

#[test]
fn a_file_with_several_apis_needs_a_name() {
    let api = api();
    let job = Job::of_pages(&api.base_url(), 1);
    let base = api.base_url();
    let one = format!("{{\"base_url\": \"{base}\"}}");
    job.put("config", &format!("{{\"a\": {one}, \"b\": {one}}}"));
    let (config, input) = (job.path("config"), job.path("input"));
    let args = [
        "fetch",
        "--config",
        &config,
        "--input",
        &input,
        "--path",
        "/pages/{}",
    ];
    crate::run::apirl(&args).refuses(2, "hint: name the API that you mean: a, b");
    let run = crate::run::apirl(&[&args[..], &["b"]].concat());
    assert_eq!(run.code, Some(0), "{run:?}");
    let other = ["fetch", "--config", "/", "--input", &input];
    crate::run::apirl(&other).refuses(2, "could not read /");
}

#[test]
fn an_output_with_content_is_not_overwritten() {
    let api = api();
    let job = Job::of_pages(&api.base_url(), 1);
    job.put("output", "precious\n");
    job.run_files(&["--path", "/pages/{}"])
        .refuses(2, "is not empty");
    job.run_files(&["--path", "/pages/{}", "--resume"])
        .refuses(2, "can't be resumed");
    assert_eq!(job.text("output"), "precious\n");
}

#[test]
fn the_first_failure_ends_the_run_with_fail_fast() {
    let api = api();
    let job = Job::of_pages(&api.base_url(), 400);
    job.put("input", &format!("/a\n/status/500\n{}", "/b\n".repeat(400)));
    let run = job.run_files(&["--fail-fast", "--concurrency", "1"]);
    assert_eq!(run.code, Some(1));
    assert!(
        run.err.contains("--fail-fast") && run.err.contains("--resume"),
        "{run:?}"
    );
    assert_eq!(job.output().len(), 2);
    assert_eq!(api.stats().accepted, 2);
}
