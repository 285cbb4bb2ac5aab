//! Runs every example as a program, with smaller sizes.

#[path = "examples/run.rs"]
mod run;
#[path = "examples/vendor.rs"]
mod vendor;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use api_ratelimiter_simulator::{Fault, Hint, Limit, SimulatedApi, SimulatedApiBuilder};
use serde_json::{Value, json};

use run::{example, run};
use vendor::Vendor;

/// Examples that need an account, with the variable of its token.
const VENDORS: [(&str, &str); 3] = [
    ("notion", "NOTION_TOKEN"),
    ("vanta", "VANTA_TOKEN"),
    ("fieldguide", "FIELDGUIDE_TOKEN"),
];

/// Examples that need no account.
const SELF_CONTAINED: [&str; 10] = [
    "quickstart",
    "etl_loop",
    "pagination",
    "batch",
    "worker_pool",
    "async_etl",
    "sync_database",
    "custom_api",
    "backoff_codes",
    "logging_snapshot",
];

fn limit(text: &str) -> Limit {
    Limit::parse(text).expect("a limit")
}

fn start(api: SimulatedApiBuilder) -> SimulatedApi {
    api.start().expect("a free port")
}

/// Asserts that each of the pages 1 to `pages` was served once.
#[track_caller]
fn assert_each_page_once(api: &SimulatedApi, pages: u64) {
    for page in 1..=pages {
        assert_eq!(api.served(&format!("GET /pages/{page}")), 1, "page {page}");
    }
}

/// A temporary directory of one test, removed when dropped.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("api_ratelimiter-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn these_tests_run_every_example() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let files = fs::read_dir(directory).expect("the examples");
    let found: BTreeSet<_> = files
        .map(|file| file.expect("an example").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    let run = SELF_CONTAINED
        .into_iter()
        .chain(VENDORS.into_iter().map(|(name, _)| name));
    assert_eq!(found, run.map(str::to_owned).collect());
}

#[test]
fn examples_start_the_simulated_api_by_default() {
    let directory = Directory::new("alone");
    for name in SELF_CONTAINED {
        let mut command = example(name);
        command.env("PAGES", "3").env("ITEMS", "3");
        if name == "sync_database" {
            command.arg(directory.file("items.jsonl"));
        }
        run(&mut command).succeeded();
    }
}

#[test]
fn an_invalid_number_is_named() {
    let ran = run(example("etl_loop").env("PAGES", "many"));
    assert_eq!(ran.status.code(), Some(1));
    assert!(ran.stderr.contains("PAGES=many"), "{ran:?}");
}

#[test]
fn help_and_unknown_options_print_the_help_and_do_nothing() {
    let directory = Directory::new("options");
    for name in SELF_CONTAINED {
        let ran = |option: &str| run(example(name).arg(option).current_dir(&directory.0));
        let help = ran("--help").succeeded();
        assert!(help.contains(&format!("--example {name}")), "{help}");
        let refused = ran("--bogus");
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        assert!(refused.stderr.starts_with("unknown option --bogus"));
        assert_eq!(refused.stdout, "");
    }
    let left = fs::read_dir(&directory.0).expect("a directory").count();
    assert_eq!(left, 0, "an option is not a file name");
}

#[test]
fn vendor_examples_without_a_token_name_the_variable_and_exit_with_2() {
    for (name, variable) in VENDORS {
        for value in [None, Some("")] {
            let mut command = example(name);
            command
                .arg("some-database")
                .envs(value.map(|value| (variable, value)));
            let ran = run(&mut command);
            assert_eq!(ran.status.code(), Some(2), "{ran:?}");
            assert!(ran.stderr.contains(&format!("Set {variable}")), "{ran:?}");
            assert!(ran.stdout.is_empty(), "{ran:?}");
        }
    }
}

#[test]
fn vendor_examples_show_the_response_to_an_invalid_token() {
    for (name, token) in VENDORS {
        let vendor = Vendor::responding(401, json!({"message": "The token has expired."}));
        let base_url = token.replace("TOKEN", "BASE_URL");
        let mut command = example(name);
        command
            .arg("some-database")
            .env(token, "a-fake-token")
            .env(base_url, vendor.base_url());
        let ran = run(&mut command);
        assert_eq!(ran.status.code(), Some(1), "{ran:?}");
        assert!(ran.stderr.contains("401"), "{ran:?}");
        assert!(ran.stderr.contains("The token has expired."), "{ran:?}");
        assert!(!ran.stderr.contains("a-fake-token"), "{ran:?}");
        assert_eq!(vendor.requests().len(), 1);
    }
}

#[test]
fn quickstart_fetches_every_page_once_under_an_unknown_limit() {
    let mut command = example("quickstart");
    command.envs([
        ("PAGES", "60"),
        ("THREADS", "4"),
        ("RATE", "40"),
        ("BURST", "20"),
    ]);
    let output = run(command.env("START_RATE", "20")).succeeded();
    assert!(output.contains("60 of 60, 0 doubled"), "{output}");
    assert!(output.contains("\"succeeded\": 60"), "{output}");
}

#[test]
fn quickstart_fails_when_pages_are_missing() {
    let ran = run(example("quickstart").env("PAGES", "5").env("THREADS", "0"));
    assert_eq!(ran.status.code(), Some(1), "{ran:?}");
    assert!(ran.stdout.contains("0 of 5"), "{ran:?}");
}

#[test]
fn notion_prints_the_title_of_every_page_of_a_database() {
    let api = start(SimulatedApi::builder().items(230));
    let mut command = example("notion");
    command.arg("tasks").env("NOTION_TOKEN", "ntn_fake");
    command.env("NOTION_BASE_URL", format!("{}/v1", api.base_url()));
    let output = run(&mut command).succeeded();
    let expected: Vec<_> = (0..230).map(|item| format!("Page item-{item}")).collect();
    assert_eq!(output.lines().collect::<Vec<_>>(), expected);
    assert_eq!(api.served("POST /v1/databases/tasks/query"), 3);
}

#[test]
fn vanta_follows_the_cursor_to_the_last_failing_test() {
    let vendor = Vendor::vanta(15);
    let mut command = example("vanta");
    command
        .env("VANTA_TOKEN", "vat_fake")
        .env("PAGE_SIZE", "10");
    command.env("VANTA_BASE_URL", format!("{}/v1", vendor.base_url()));
    let output = run(&mut command).succeeded();
    let expected: Vec<_> = (0..15)
        .map(|test| format!("test-{test}\tTest {test}"))
        .collect();
    assert_eq!(output.lines().collect::<Vec<_>>(), expected);

    let requests = vendor.requests();
    let lines: Vec<_> = requests
        .iter()
        .map(|request| request.line.as_str())
        .collect();
    assert_eq!(
        lines,
        [
            "GET /v1/tests?statusFilter=NEEDS_ATTENTION&pageSize=10",
            "GET /v1/tests?statusFilter=NEEDS_ATTENTION&pageSize=10&pageCursor=10",
        ]
    );
    assert!(
        requests
            .iter()
            .all(|request| request.authorization == "Bearer vat_fake")
    );
}

#[test]
fn fieldguide_reads_every_page_and_repeats_the_refused_one() {
    let vendor = Vendor::fieldguide(5);
    let mut command = example("fieldguide");
    command
        .env("FIELDGUIDE_TOKEN", "fg_fake")
        .env("PER_PAGE", "3");
    command.env("FIELDGUIDE_BASE_URL", vendor.base_url());
    let output = run(&mut command).succeeded();
    let expected: Vec<_> = (0..5)
        .map(|n| format!("uuid-{n}\tPending\tAudit {n}"))
        .collect();
    assert_eq!(output.lines().collect::<Vec<_>>(), expected);

    let requests = vendor.requests();
    let pages: Vec<_> = requests
        .iter()
        .map(|request| request.query["page"].as_str())
        .collect();
    assert_eq!(pages, ["1", "1", "2"]);
    assert!(
        requests
            .iter()
            .all(|request| request.authorization == "Bearer fg_fake")
    );
}

#[test]
fn etl_loop_reads_and_writes_every_row_once() {
    let api = start(SimulatedApi::builder().limit(limit("token-bucket:20/s,burst=6")));
    let mut command = example("etl_loop");
    let output = run(command
        .env("API_BASE_URL", api.base_url())
        .env("PAGES", "8"))
    .succeeded();
    let stats = api.stats();
    let refused = format!(
        "8 rows loaded, 0 skipped, {} requests refused",
        stats.refused
    );
    assert!(output.contains(&refused), "{output} {stats:?}");
    assert_each_page_once(&api, 8);
    for row in 1..=8 {
        assert_eq!(api.served(&format!("PUT /rows/{row}")), 1, "row {row}");
    }
    assert_eq!((stats.served, stats.served_twice), (16, 0));
}

#[test]
fn etl_loop_skips_a_missing_page() {
    let vendor = Vendor::responding(404, json!({"message": "No such page."}));
    let mut command = example("etl_loop");
    let output = run(command
        .env("API_BASE_URL", vendor.base_url())
        .env("PAGES", "3"))
    .succeeded();
    assert!(output.contains("0 rows loaded, 3 skipped"), "{output}");
}

#[test]
fn pagination_follows_the_cursor_to_the_last_row() {
    let api = start(SimulatedApi::builder().items(45));
    let mut command = example("pagination");
    let output = run(command
        .env("API_BASE_URL", api.base_url())
        .env("PAGE_SIZE", "10"))
    .succeeded();
    assert!(output.contains("page 5: item-40 to item-44"), "{output}");
    assert!(output.ends_with("45 rows in 5 pages\n"), "{output}");
    assert_eq!((api.stats().served, api.stats().served_twice), (5, 0));
}

#[test]
fn batch_fetches_postponed_pages_in_a_later_round() {
    let builder = SimulatedApi::builder()
        .limit(limit("fixed-window:20/2s"))
        .hint(Hint::RetryAfterSeconds)
        .fault(Fault::status(503, 0.1).expect("a fault"));
    let api = start(builder);
    let mut command = example("batch");
    command.envs([("PAGES", "30"), ("BATCH", "10")]);
    let output = run(command.env("API_BASE_URL", api.base_url())).succeeded();
    assert!(output.starts_with("round 1: "), "{output}");
    assert!(
        output.ends_with("30 pages fetched, 0 failed, 0 left\n"),
        "{output}"
    );
    assert_each_page_once(&api, 30);
    assert_eq!(api.stats().served, 30);
}

#[test]
fn batch_reports_permanent_failures() {
    let vendor = Vendor::responding(400, json!({"message": "No."}));
    let mut command = example("batch");
    let ran = run(command
        .env("API_BASE_URL", vendor.base_url())
        .env("PAGES", "3"));
    assert_eq!(ran.status.code(), Some(1), "{ran:?}");
    assert!(
        ran.stdout.ends_with("0 pages fetched, 3 failed, 0 left\n"),
        "{ran:?}"
    );
    assert_eq!(vendor.requests().len(), 3);
}

#[test]
fn worker_pool_fetches_every_page_once() {
    let api = start(SimulatedApi::builder().limit(limit("token-bucket:30/s,burst=15")));
    let mut command = example("worker_pool");
    command.envs([("PAGES", "30"), ("THREADS", "5")]);
    let output = run(command.env("API_BASE_URL", api.base_url())).succeeded();
    assert!(output.contains("worker 5: "), "{output}");
    assert!(output.ends_with("30 pages fetched\n"), "{output}");
    assert_each_page_once(&api, 30);
    assert_eq!(api.stats().served, 30);
}

#[test]
fn async_etl_fetches_every_page_once() {
    let api = start(SimulatedApi::builder().limit(limit("token-bucket:30/s,burst=15")));
    let mut command = example("async_etl");
    let output = run(command
        .env("PAGES", "30")
        .env("API_BASE_URL", api.base_url()))
    .succeeded();
    assert!(output.starts_with("30 of 30 pages fetched\n"), "{output}");
    assert_each_page_once(&api, 30);
}

#[test]
fn sync_database_resumes_after_it_was_killed() {
    const ITEMS: usize = 25;
    let directory = Directory::new("sync");
    let (file, part) = (directory.file("items.jsonl"), directory.file("items.part"));
    let api = start(
        SimulatedApi::builder()
            .items(ITEMS)
            .round_trip(Duration::from_millis(20)),
    );
    let sync = || {
        let mut command = example("sync_database");
        command
            .arg(&file)
            .env("API_BASE_URL", api.base_url())
            .env("PAGE_SIZE", "10");
        command
    };

    let mut interrupted = sync().stdout(Stdio::null()).spawn().expect("it starts");
    while fs::read_to_string(&part)
        .unwrap_or_default()
        .lines()
        .count()
        < 3
    {
        assert!(
            interrupted.try_wait().expect("a child").is_none(),
            "the example ended too early"
        );
        thread::sleep(Duration::from_millis(1));
    }
    interrupted.kill().expect("it is running");
    interrupted.wait().expect("it was killed");
    assert!(
        !file.exists(),
        "an incomplete file keeps its temporary name"
    );
    let mut broken = fs::OpenOptions::new()
        .append(true)
        .open(&part)
        .expect("the part");
    broken.write_all(b"{\"id\":\"item-").expect("half a line");

    run(&mut sync()).succeeded();
    assert!(!part.exists());
    let text = fs::read_to_string(&file).expect("the file");
    let ids: Vec<_> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["id"].clone())
        .collect();
    assert_eq!(
        ids,
        (0..ITEMS)
            .map(|item| format!("item-{item}"))
            .collect::<Vec<_>>()
    );

    // Only the request in flight at the kill may have been repeated.
    let served = (0..ITEMS).map(|item| api.served(&format!("GET /pages/item-{item}")));
    assert!(served.sum::<u64>() <= ITEMS as u64 + 1);
}

#[test]
fn custom_api_reads_rates_from_a_file_and_names_an_invalid_field() {
    let directory = Directory::new("custom");
    let api = start(SimulatedApi::builder());
    let custom_api = |overrides: &str| {
        let path = directory.file("rates.json");
        fs::write(&path, overrides).expect("a file");
        let mut command = example("custom_api");
        command
            .arg(path)
            .env("API_BASE_URL", api.base_url())
            .env("PAGES", "5");
        run(&mut command)
    };

    let rates = r#"{"my_internal_api": {"initial_rate": 7.5}, "zapier": {"max_rate": 0.9}}"#;
    let output = custom_api(rates).succeeded();
    let line = |name: &str| {
        output
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_default()
    };
    assert!(
        line("my_internal_api").contains("7.50/s, from 1.00 to 10.00"),
        "{output}"
    );
    assert!(line("zapier").ends_with("to 0.90"), "{output}");
    assert!(output.ends_with("5 orders fetched\n"), "{output}");
    assert_eq!((api.stats().served, api.stats().served_twice), (5, 0));

    let ran = custom_api(r#"{"zapier": {"max_rat": 1}}"#);
    assert_eq!(ran.status.code(), Some(1), "{ran:?}");
    assert!(
        ran.stderr.contains("zapier") && ran.stderr.contains("max_rat"),
        "{ran:?}"
    );
    assert_eq!(api.stats().served, 5, "nothing was sent");
}

#[test]
fn backoff_codes_waits_after_503_and_retries_502() {
    let builder = SimulatedApi::builder()
        .limit(limit("token-bucket:20/s,burst=8"))
        .hint(Hint::RetryAfterSeconds)
        .refusal_status(503)
        .fault(Fault::status(502, 0.2).expect("a fault"));
    let api = start(builder);
    let mut command = example("backoff_codes");
    let output = run(command
        .env("API_BASE_URL", api.base_url())
        .env("PAGES", "12"))
    .succeeded();
    let stats = api.stats();
    let requests = stats.accepted + stats.refused;
    assert!(
        output.contains(&format!("12 pages fetched by {requests} requests")),
        "{output}"
    );
    assert!(
        output.contains(&format!("{} refused and sent again", stats.refused)),
        "{output}"
    );
    assert!(stats.faults_injected > 0, "{stats:?}");
    assert_each_page_once(&api, 12);
}

#[test]
fn logging_snapshot_prints_json_to_stdout_and_log_lines_to_stderr() {
    let api = start(SimulatedApi::builder());
    let mut command = example("logging_snapshot");
    let ran = run(command
        .env("API_BASE_URL", api.base_url())
        .env("PAGES", "15"));
    assert!(ran.stderr.contains("limiter created at 10/s"), "{ran:?}");
    assert!(ran.stderr.contains("rate raised from"), "{ran:?}");
    let snapshots: Vec<Value> = ran
        .succeeded()
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let succeeded: Vec<_> = snapshots
        .iter()
        .map(|snapshot| snapshot["succeeded"].as_u64())
        .collect();
    assert_eq!(succeeded, [Some(10), Some(15)]);

    let quiet = run(command.env("RUST_LOG", "off"));
    assert_eq!(quiet.stderr, "");
}
