//! `apirl discover` finds a window of a server, and `apirl check` accepts the settings. Virtual time shows the same for
//! more limits, in the unit tests of the command.

use std::io::Write as _;
use std::process::{Command, Stdio};

use api_ratelimiter_simulator::{Hint, SimulatedApi};
use serde_json::Value;

#[test]
#[ignore = "full size; waits for some windows"]
fn discover_finds_a_window_from_the_first_request_on() {
    let api = SimulatedApi::builder()
        .limit("fixed-window:40/10s,from=first".parse().expect("a limit"))
        .hint(Hint::RetryAfterSeconds)
        .start()
        .expect("an API");
    let run = Command::new(env!("CARGO_BIN_EXE_apirl"))
        .args([
            "discover",
            "--json",
            "--quiet",
            "--max-rate",
            "100",
            "--url",
        ])
        .arg(format!("{}/x", api.base_url()))
        .output()
        .expect("it runs");
    assert_eq!(run.status.code(), Some(0), "{run:?}");
    let found: Value = serde_json::from_slice(&run.stdout).expect("JSON");
    println!("{found:#}");
    assert_eq!(
        found["found"][0],
        "40 requests per 10 s, from the first request on (seen 3 times)."
    );
    assert_eq!(found["ended"], "known");
    assert_eq!(found["unknown"], Value::Array(Vec::new()));
    let refused = api.stats().refused;
    assert!(refused <= 10 && found["refused"] == refused, "{refused}");

    // The settings are a file for other commands.
    let mut check = Command::new(env!("CARGO_BIN_EXE_apirl"))
        .args(["check", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut stdin = check.stdin.take().expect("a pipe");
    write!(stdin, "{}", found["config"]).expect("fed");
    drop(stdin);
    assert_eq!(check.wait().expect("it ends").code(), Some(0));
    assert_eq!(
        found["config"]["127.0.0.1"]["limits"][0].to_string(),
        r#"{"per_seconds":10.0,"requests":40.0}"#
    );
}
