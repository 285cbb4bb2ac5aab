//! `apirl fetch` gets a thousand pages from real servers that allow 200 in 10 seconds, starting at two per
//! second. Another run is killed twenty times.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use api_ratelimiter_simulator::{Limit, SimulatedApi};
use serde_json::Value;

use crate::nginx::Nginx;

const PAGES: usize = 1_000;

/// Limit of all these servers in the long run, per second.
const ALLOWED: f64 = 20.0;

/// A directory for the files of a run, removed with it.
pub(crate) struct Job(PathBuf);

impl Job {
    pub(crate) fn new(name: &str, pages: usize) -> Self {
        let name = format!("apirl-journey-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("a folder");
        let ids: String = (1..=pages).map(|id| format!("{id}\n")).collect();
        fs::write(folder.join("ids"), ids).expect("written");
        Self(folder)
    }

    pub(crate) fn command(&self, base_url: &str, more: &[&str]) -> Command {
        let file = |name: &str| self.0.join(name);
        let mut command = Command::new(env!("CARGO_BIN_EXE_apirl"));
        command
            .args(["fetch", "--base-url", base_url, "--path", "/pages/{}"])
            .arg("--input")
            .arg(file("ids"))
            .arg("--output")
            .arg(file("pages"))
            .arg("--summary")
            .arg(file("summary"))
            .args(more)
            .env("NO_PROXY", "127.0.0.1")
            .stderr(Stdio::null());
        command
    }

    /// Returns how often each line is in the output with a status of 200.
    fn times(&self) -> BTreeMap<u64, u32> {
        let text = fs::read_to_string(self.0.join("pages")).expect("an output");
        let mut times = BTreeMap::new();
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).expect("JSON");
            assert_eq!(line["status"], 200, "{line}");
            *times.entry(line["n"].as_u64().expect("n")).or_default() += 1;
        }
        times
    }

    pub(crate) fn has_each_once(&self, pages: usize) {
        let expected: BTreeMap<u64, u32> = (1..=pages as u64).map(|n| (n, 1)).collect();
        assert!(self.times() == expected, "a page is lost or doubled");
    }

    pub(crate) fn figure(&self, name: &str) -> f64 {
        let text = fs::read_to_string(self.0.join("summary")).expect("a summary");
        let summary: Value = serde_json::from_str(&text).expect("JSON");
        summary[name].as_f64().expect(name)
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Fetches all pages and prints the time. Fails if a page is lost or doubled, or if the run stalls: it may take
/// three times as long as the limit requires.
fn bring(name: &str, base_url: &str) -> Job {
    let job = Job::new(name, PAGES);
    let rates = ["--initial-rate", "2", "--max-rate", "100"];
    let ended = job.command(base_url, &rates).status().expect("it runs");
    assert!(ended.success(), "{name}: {ended}");
    job.has_each_once(PAGES);
    let (seconds, refused) = (job.figure("seconds"), job.figure("refused"));
    let allowed = PAGES as f64 / ALLOWED;
    // Write to stderr directly, because the harness shows printed lines of failed tests only.
    writeln!(
        io::stderr().lock(),
        "apirl fetch, {name}: {PAGES} pages in {seconds:.1} s, {:.2} times what the limit allows ({allowed:.1} s); \
         {refused} of {} requests refused ({:.2}%)",
        seconds / allowed,
        job.figure("attempts"),
        100.0 * refused / job.figure("attempts"),
    )
    .expect("stderr is open");
    assert!(seconds < 3.0 * allowed, "{name}: a standstill");
    job
}

pub(crate) fn nginx(name: &str, parameters: &str) {
    let Some(nginx) = Nginx::start_with(parameters) else {
        return;
    };
    let job = bring(name, &nginx.base_url);
    let (served, refused) = nginx.counts(job.figure("attempts") as usize);
    assert!(served.len() == PAGES && served.values().all(|times| *times == 1));
    assert_eq!(refused as f64, job.figure("refused"));
}

#[test]
#[ignore = "full size; needs nginx"]
fn fetch_from_nginx_with_a_burst() {
    nginx("nginx, burst 20", "burst=20 nodelay");
}

/// A server on a free port, stopped when dropped.
struct Express {
    child: Child,
    base_url: String,
}

impl Express {
    /// Starts the server. Prints `SKIPPED` and returns `None` if it is not installed.
    fn start(mode: &str) -> Option<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let modules = root.join("../../target/npm/node_modules");
        if !modules.join("express-rate-limit").exists() {
            println!("SKIPPED: express-rate-limit is not installed in target/npm");
            return None;
        }
        let mut child = Command::new("node")
            .arg(root.join("tests/journeys/express.js"))
            .arg(mode)
            .env("NODE_PATH", modules)
            .stdout(Stdio::piped())
            .spawn()
            .expect("node starts");
        let mut port = String::new();
        let out = child.stdout.as_mut().expect("a pipe");
        BufReader::new(out).read_line(&mut port).expect("its port");
        Some(Self {
            child,
            base_url: format!("http://127.0.0.1:{}", port.trim()),
        })
    }

    /// Returns how often each page was served, and the number of refused requests.
    fn counts(&self) -> (BTreeMap<String, u32>, f64) {
        let client = api_ratelimiter::DynamicAPIClient::builder(api_ratelimiter::ApiRateConfig {
            name: "express".into(),
            base_url: self.base_url.clone(),
            ..Default::default()
        })
        .no_proxy()
        .build()
        .expect("a client");
        let counts: Value = client
            .get("/counts")
            .send()
            .and_then(api_ratelimiter::Response::json)
            .expect("counts");
        let served = serde_json::from_value(counts["served"].clone()).expect("a map");
        (served, counts["refused"].as_f64().expect("a number"))
    }
}

impl Drop for Express {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn express(mode: &str) {
    let Some(express) = Express::start(mode) else {
        return;
    };
    let job = bring(&format!("express-rate-limit, {mode}"), &express.base_url);
    let (served, refused) = express.counts();
    assert!(served.len() == PAGES && served.values().all(|times| *times == 1));
    assert_eq!(refused, job.figure("refused"));
}

#[test]
#[ignore = "full size; needs npm's express-rate-limit"]
fn fetch_from_express_with_legacy_headers() {
    express("legacy");
}

#[test]
#[ignore = "full size; needs npm's express-rate-limit"]
fn fetch_from_express_with_headers_of_draft_6() {
    express("draft-6");
}

#[test]
#[ignore = "full size; needs npm's express-rate-limit"]
fn fetch_from_express_with_headers_of_draft_7() {
    express("draft-7");
}

#[test]
#[ignore = "full size; needs npm's express-rate-limit"]
fn fetch_from_express_with_headers_of_draft_8() {
    express("draft-8");
}

#[test]
#[ignore = "full size"]
fn fetch_killed_twenty_times_writes_each_page_once() {
    let api = SimulatedApi::builder()
        .limit(Limit::parse("token-bucket:200/s,burst=50").expect("a limit"))
        .round_trip(Duration::from_millis(15))
        .start()
        .expect("an API");
    for more in [&["--resume"][..], &["--resume", "--unordered"]] {
        let job = Job::new(&format!("killed-{}", more.len()), 3 * PAGES);
        let rates = ["--initial-rate", "150", "--max-rate", "1000"];
        let args = [more, &rates].concat();
        for _ in 0..20 {
            let mut child = job
                .command(&api.base_url(), &args)
                .spawn()
                .expect("it runs");
            std::thread::sleep(Duration::from_millis(fastrand::u64(20..500)));
            child.kill().expect("killed");
            child.wait().expect("it ends");
        }
        let before = job.times().len();
        let ended = job.command(&api.base_url(), &args).status();
        assert!(ended.expect("it runs").success());
        job.has_each_once(3 * PAGES);
        assert!(before < 3 * PAGES, "it was never killed at work");
        writeln!(
            io::stderr().lock(),
            "apirl fetch, killed twenty times: {before} of {} pages by then, each once in the end; {} served",
            3 * PAGES,
            api.stats().accepted
        )
        .expect("stderr is open");
    }
}
