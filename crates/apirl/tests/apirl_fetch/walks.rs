//! Collections that end early: all that arrived is in the output once, then the error.

use serde_json::{Value, json};

use crate::job::{Job, wait_until};
use crate::server::Server;

/// Returns a response, with lines of headers that each end with a line break.
fn response(status: &str, headers: &str, body: &str) -> &'static str {
    let length = body.len();
    let text = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n{body}");
    String::leak(text)
}

/// Returns a page of Notion: these ids, and the cursor of the next page.
fn page(ids: &[u32], next: Option<&str>) -> &'static str {
    let results: Vec<Value> = ids.iter().map(|id| json!({"id": id})).collect();
    let body = json!({"results": results, "has_more": next.is_some(), "next_cursor": next});
    response("200 OK", "", &body.to_string())
}

/// Starts a server whose first page has the ids 1 to 3; `second` is the response to the request for the second page.
fn server(second: &'static str) -> Server {
    Server::start(move |first, _| {
        let is_first = !first.contains("start_cursor");
        Some(if is_first {
            page(&[1, 2, 3], Some("c1"))
        } else {
            second
        })
    })
}

/// Returns the ids in the output, of items or of whole pages.
fn ids(lines: &[Value]) -> Vec<u64> {
    let of = |item: &Value| item["id"].as_u64().expect("an id");
    let items = lines.iter().filter_map(|line| line.get("item")).map(of);
    let pages = lines
        .iter()
        .filter_map(|line| line["body"]["results"].as_array());
    items.chain(pages.flatten().map(of)).collect()
}

#[test]
fn whatever_ends_a_walk_all_that_arrived_is_written_once_and_then_the_error() {
    let all = response(
        "200 OK",
        "",
        r#"{"results":[{"id":4}],"has_more":true,"next_cursor":null}"#,
    );
    for (name, second, expected, said) in [
        (
            "a failure",
            response("500 Oops", "", "{}"),
            &[1, 2, 3][..],
            "500",
        ),
        (
            "no page",
            response("200 OK", "", r#"{"object":"error"}"#),
            &[1, 2, 3],
            "no array of items",
        ),
        (
            "no JSON",
            response("200 OK", "", "<html>"),
            &[1, 2, 3],
            "not valid JSON",
        ),
        (
            "the same page again",
            page(&[1, 2, 3], Some("c1")),
            &[1, 2, 3],
            "leads back",
        ),
        ("more without a cursor", all, &[1, 2, 3, 4], "no cursor"),
        (
            "a loop",
            page(&[4, 5], Some("c1")),
            &[1, 2, 3, 4, 5],
            "leads back",
        ),
    ] {
        for flag in ["--items", "--paginate"] {
            let server = server(second);
            let job = Job::new(&server.base_url);
            job.put("input", "/users\n");
            let run = job.run_files(&["notion", flag]);
            assert_eq!(run.code, Some(1), "{name}: {run:?}");
            let lines = job.output();
            assert_eq!(ids(&lines), expected, "{name}, {flag}");
            let (error, pages) = lines.split_last().expect("an error");
            assert!(error["error"].to_string().contains(said), "{name}: {error}");
            assert!(pages.iter().all(|line| line["last"] == false), "{name}");
            assert!(run.err.starts_with("1 line in "), "{run:?}");

            // The line has ended, so another run keeps it.
            let again = job.run_files(&["notion", flag, "--resume"]);
            assert_eq!(again.code, Some(1), "{again:?}");
            assert_eq!(job.output(), lines);
        }
    }
}

#[test]
fn a_link_to_another_host_is_not_followed_and_its_page_is_written() {
    let server = Server::start(|_, _| {
        let link = "Link: <https://evil.example/>; rel=\"next\"\r\n";
        Some(response("200 OK", link, r#"[{"id":1},{"id":2}]"#))
    });
    let job = Job::new(&server.base_url);
    job.put("input", "/orgs/x/repos\n");
    let run = job.run_files(&["github", "--items"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    let lines = job.output();
    assert_eq!((ids(&lines), lines.len()), (vec![1, 2], 3));
    assert!(
        lines[2]["error"].to_string().contains("evil.example"),
        "{}",
        lines[2]
    );
    assert_eq!(lines[2]["attempts"], 0, "the error took no request");
}

#[test]
fn items_stay_as_the_server_wrote_them() {
    let body = r#"{"results":[{"z":1.50,"a":12345678901234567890123},
        "x"],"has_more":false,"next_cursor":null}"#;
    let server = Server::start(move |_, _| Some(response("200 OK", "", body)));
    let job = Job::new(&server.base_url);
    job.put("input", "/users\n");
    assert_eq!(job.run_files(&["notion", "--items"]).code, Some(0));
    let written = r#""item":{"z":1.50,"a":12345678901234567890123},"#;
    assert!(
        job.text("output").contains(written),
        "{}",
        job.text("output")
    );
}

/// Starts a run whose second page waits for the gate, and stops it there.
#[cfg(unix)]
fn stopped_at_the_second_page(kill: bool) {
    let server = Server::start(|first, is_open| match first.contains("start_cursor") {
        false => Some(page(&[1, 2, 3], Some("c1"))),
        true => is_open.then(|| page(&[4], Some("c2"))),
    });
    let job = Job::new(&server.base_url);
    job.put("input", "/users\n");
    let mut running = job.start(&["notion", "--items"]);
    wait_until("the second request", || server.requests() == 2);
    if kill {
        running.kill();
        server.open();
    } else {
        running.interrupt();
        let mut errors = std::io::BufReader::new(running.child().stderr.take().expect("a pipe"));
        let mut line = String::new();
        std::io::BufRead::read_line(&mut errors, &mut line).expect("a line");
        server.open();
        assert_eq!(running.wait().code, Some(130));
        assert_eq!(ids(&job.output()), [1, 2, 3, 4]);
    }
}

#[test]
#[cfg(unix)]
fn an_interrupted_walk_leaves_all_that_arrived_in_the_output() {
    stopped_at_the_second_page(false);
}

#[test]
#[cfg(unix)]
fn a_walk_goes_from_its_start_again_after_a_kill_and_is_written_once() {
    stopped_at_the_second_page(true);
    let server = Server::start(|first, is_open| match first.contains("start_cursor") {
        false => Some(page(&[1, 2, 3], Some("c1"))),
        true => is_open.then(|| page(&[4], None)),
    });
    let job = Job::new(&server.base_url);
    job.put("input", "/users\n");
    let running = job.start(&["notion", "--items"]);
    wait_until("the second request", || server.requests() == 2);
    running.kill();
    server.open();
    let run = job.run_files(&["notion", "--items", "--resume"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(ids(&job.output()), [1, 2, 3, 4]);
}

#[test]
fn a_post_that_follows_a_collection_is_sent_once_if_its_connection_is_cut() {
    use api_ratelimiter_simulator::{Fault, SimulatedApi};
    for fault in ["cut:100%", "cut-in-body:100%"] {
        let api = SimulatedApi::builder()
            .shape("github".parse().expect("a shape"))
            .items(25)
            .fault(fault.parse::<Fault>().expect("a fault"))
            .start()
            .expect("an API");
        for (more, attempts) in [(&[][..], 1), (&["--idempotent"], 4)] {
            let before = api.stats().faults_injected;
            let job = Job::new(&api.base_url());
            job.put("input", "/orgs/x/repos\n");
            let run =
                job.run_files(&[&["github", "--paginate", "--method", "POST"], more].concat());
            assert_eq!(run.code, Some(1), "{run:?}");
            let line = &job.output()[0];
            assert_eq!(line["attempts"], attempts, "{fault}: {line}");
            assert_eq!(api.stats().faults_injected - before, attempts, "{fault}");
        }
    }
}

#[test]
fn a_post_that_follows_a_collection_is_not_sent_again_after_a_kill() {
    for (path, more, is_repeated) in [
        ("/pages", &[][..], false),
        ("/pages", &["--idempotent"], true),
        // The settings say that this one only reads.
        ("/search", &[], true),
    ] {
        let server = Server::start(|_, is_open| is_open.then(|| page(&[1], None)));
        let job = Job::new(&server.base_url);
        let line = format!("{{\"path\":\"{path}\",\"method\":\"POST\"}}\n");
        job.put("input", &line);
        let args = [&["notion", "--paginate"][..], more].concat();
        let running = job.start(&args);
        wait_until("a request", || server.requests() == 1);
        running.kill();
        server.open();
        let run = job.run_files(&[&args[..], &["--resume"]].concat());
        let expected = if is_repeated {
            (Some(0), 2)
        } else {
            (Some(1), 1)
        };
        let found = (run.code, server.requests());
        assert_eq!(found, expected, "{path} {more:?}: {run:?}");
        if !is_repeated {
            let line = &job.output()[0];
            let error = line["error"].to_string();
            assert!(error.contains("followed this collection"), "{line}");
        }
    }
}
