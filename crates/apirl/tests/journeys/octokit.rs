//! `apirl fetch` and Octokit, GitHub's own client for JavaScript with its throttling plugin, fetch the same pages
//! from a server that limits and announces as GitHub does.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use api_ratelimiter_simulator::{Hint, Limit, Shape, SimulatedApi};
use serde_json::Value;

use crate::fetch::Job;

/// GitHub's limit of an hour, which it announces.
const HOUR: &str = "fixed-window:5000/1h,from=first";

/// GitHub's limit of points a minute, which it does not announce: a request to read is a point.
const POINTS: &str = "sliding-window:900/60s";

/// Maximum number of requests that Octokit has in flight.
const CONCURRENCY: &str = "10";

fn github(limits: &[&str]) -> SimulatedApi {
    let builder = SimulatedApi::builder()
        .shape(Shape::GitHub)
        .hint(Hint::Vendor)
        .announce(1)
        .round_trip(Duration::from_millis(100));
    let limits = limits
        .iter()
        .map(|text| text.parse::<Limit>().expect("a limit"));
    limits
        .fold(builder, |builder, limit| builder.limit(limit))
        .start()
        .expect("a server")
}

/// Fetches the pages with Octokit and returns its figures. `None` if it is not installed.
fn by_octokit(limits: &[&str], pages: usize) -> Option<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let npm = root.join("../../target/npm");
    if !npm.join("node_modules/@octokit/plugin-throttling").exists() {
        println!("SKIPPED: Octokit is not installed in target/npm");
        return None;
    }
    let api = github(limits);
    // A module from standard input finds its imports below the current directory.
    let script = File::open(root.join("tests/journeys/octokit.mjs")).expect("the script");
    let output = Command::new("node")
        .args([
            "--input-type=module",
            "-",
            &api.base_url(),
            &pages.to_string(),
        ])
        .current_dir(npm)
        .stdin(script)
        .stderr(Stdio::inherit())
        .output()
        .expect("node runs");
    assert!(output.status.success(), "Octokit failed");
    assert_eq!(api.stats().served, pages as u64);
    Some(serde_json::from_slice(&output.stdout).expect("JSON"))
}

/// Fetches the pages with both programs and prints their figures. Fails if a page is lost or doubled.
fn compare(limits: &[&str], pages: usize) {
    let api = github(limits);
    let job = Job::new(&format!("octokit-{pages}"), pages);
    let more = ["github", "--concurrency", CONCURRENCY];
    let ended = job
        .command(&api.base_url(), &more)
        .status()
        .expect("it runs");
    assert!(ended.success(), "{ended}");
    job.has_each_once(pages);
    assert_eq!(api.stats().served, pages as u64);
    let ours = format!(
        "apirl fetch {:.1} s, {} refused",
        job.figure("seconds"),
        job.figure("refused")
    );
    let theirs = by_octokit(limits, pages).map_or_else(String::new, |figures| {
        format!(
            "; Octokit {:.1} s, {} refused",
            figures["seconds"].as_f64().expect("seconds"),
            figures["refused"]
        )
    });
    // Write to stderr directly, because the harness shows printed lines of failed tests only.
    writeln!(
        io::stderr().lock(),
        "{pages} pages of {}: {ours}{theirs}",
        limits.join(" and ")
    )
    .expect("stderr is open");
}

#[test]
#[ignore = "full size; compares with Octokit if it is installed"]
fn octokit_fetches_300_pages_of_an_hour() {
    compare(&[HOUR], 300);
}

#[test]
#[ignore = "full size; compares with Octokit if it is installed"]
fn octokit_fetches_800_pages_of_an_hour() {
    compare(&[HOUR], 800);
}

#[test]
#[ignore = "full size; compares with Octokit if it is installed"]
fn octokit_fetches_2000_pages_under_an_unannounced_limit_of_a_minute() {
    compare(&[HOUR, POINTS], 2_000);
}
