//! Collections, which are followed from page to page.

use api_ratelimiter_simulator::{Shape, SimulatedApi};

use crate::job::{Job, Running};

/// Starts an API with 25 items.
fn api() -> SimulatedApi {
    SimulatedApi::builder()
        .shape("github".parse::<Shape>().expect("a shape"))
        .items(25)
        .round_trip(std::time::Duration::from_millis(5))
        .start()
        .expect("an API")
}

fn job(api: &SimulatedApi, collections: usize) -> Job {
    let job = Job::new(&api.base_url());
    job.put("input", &"/orgs/x/repos?per_page=10\n".repeat(collections));
    job
}

#[test]
fn each_page_is_a_line_and_the_last_one_is_marked() {
    let api = api();
    let job = job(&api, 2);
    let run = job.run_files(&["github", "--paginate"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let lines = job.output();
    let facts: Vec<_> = lines
        .iter()
        .map(|line| {
            let items = line["body"].as_array().map(Vec::len);
            (
                line["n"].as_u64(),
                line["page"].as_u64(),
                items,
                line["last"].as_bool(),
            )
        })
        .collect();
    let expected = [1, 2].map(|n| {
        [(1, 10, false), (2, 10, false), (3, 5, true)]
            .map(|(page, items, last)| (Some(n), Some(page), Some(items), Some(last)))
    });
    assert_eq!(facts, expected.concat());
    assert!(run.err.starts_with("2 lines in "), "{run:?}");
}

#[test]
fn the_attempts_of_a_page_include_those_with_a_truncated_body() {
    use api_ratelimiter_simulator::Fault;
    let api = SimulatedApi::builder()
        .shape("github".parse::<Shape>().expect("a shape"))
        .items(200)
        .fault("cut-in-body:20%".parse::<Fault>().expect("a fault"))
        .start()
        .expect("an API");
    let job = job(&api, 2);
    let run = job.run_files(&["github", "--paginate", "--concurrency", "1"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let attempts = job
        .output()
        .iter()
        .map(|line| line["attempts"].as_u64())
        .sum();
    let broken = api.stats().faults_injected;
    assert!(broken > 0);
    assert_eq!(Some(40 + broken), attempts);
}

#[test]
fn each_item_is_a_line() {
    let api = api();
    let job = job(&api, 2);
    let run = job.run_files(&["github", "--items"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let lines = job.output();
    assert_eq!(lines.len(), 50);
    assert!(lines.iter().all(|line| line["item"].is_object()));
    let ends: Vec<usize> = (0..50).filter(|i| lines[*i]["last"] == true).collect();
    assert_eq!(ends, [24, 49]);
}

#[test]
fn an_empty_collection_and_a_failed_one_have_a_line_each() {
    let empty = SimulatedApi::builder()
        .shape("github".parse::<Shape>().expect("a shape"))
        .items(0)
        .start()
        .expect("an API");
    let job = job(&empty, 1);
    job.put("input", "/orgs/x/repos\n/status/404\n");
    assert_eq!(job.run_files(&["github", "--items"]).code, Some(1));
    let lines = job.output();
    assert_eq!(
        (&lines[0]["items"], &lines[0]["last"]),
        (&0.into(), &true.into())
    );
    assert!(
        lines[1]["error"].is_string() && lines[1]["status"] == 404,
        "{}",
        lines[1]
    );
}

#[test]
fn a_collection_starts_again_after_a_kill_and_no_item_is_written_twice() {
    let api = api();
    for flag in ["--items", "--paginate"] {
        for more in [&[][..], &["--unordered"]] {
            let job = job(&api, 12);
            let args = [&["github", flag, "--resume", "--concurrency", "4"], more].concat();
            for lines in [2, 9] {
                let running: Running = job.start(&args);
                job.wait_for_lines(lines);
                running.kill();
            }
            let run = job.run_files(&args);
            assert_eq!(run.code, Some(0), "{run:?}");
            let each = if flag == "--items" { 25 } else { 3 };
            let expected = (1..=12).map(|n| (n, each)).collect();
            assert_eq!(job.times(), expected, "{args:?}");
        }
    }
}
