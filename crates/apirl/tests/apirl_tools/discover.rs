//! `apirl discover`.

use std::process::Stdio;
use std::time::Duration;

use api_ratelimiter_simulator::{Hint, SimulatedApi, SimulatedApiBuilder};
use serde_json::Value;

use crate::run::{Run, apirl, command};
use crate::server::Server;

/// Starts an API with these limits.
fn api(limits: &[&str], hint: Hint) -> SimulatedApi {
    let builder = SimulatedApi::builder().hint(hint);
    let builder = limits
        .iter()
        .fold(builder, |builder: SimulatedApiBuilder, limit| {
            builder.limit(limit.parse().expect("a limit"))
        });
    builder.start().expect("an API")
}

/// Measures a URL fast, as JSON.
fn found(url: &str, flags: &[&str]) -> Run {
    let fast = [
        "--max-rate",
        "500",
        "--initial-rate",
        "100",
        "--json",
        "--quiet",
    ];
    apirl(&[&["discover", "--url", url], &fast[..], flags].concat())
}

fn sentences<'a>(found: &'a Value, field: &str) -> Vec<&'a str> {
    let lines = found[field].as_array().expect("a list").iter();
    lines.map(|line| line.as_str().expect("text")).collect()
}

#[test]
fn the_settings_are_a_file_for_the_other_commands() {
    let api = api(&[], Hint::None);
    let run = found(&format!("{}/x", api.base_url()), &["--for", "1s"]);
    let config = run.json()["config"].to_string();
    assert!(config.contains(&api.base_url()), "{config}");
    let checked = crate::run::apirl_with(&["check", "-"], config.as_bytes());
    assert_eq!(checked.out, "ok   127.0.0.1\n", "{checked:?}");
}

#[test]
fn an_announced_limit_is_said_and_nothing_is_refused() {
    let api = api(&["fixed-window:30/1s"], Hint::Ietf);
    let run = found(&format!("{}/x", api.base_url()), &["--for", "2s"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let found = run.json();
    assert_eq!(found["ended"], "time");
    assert_eq!(found["announced"][0]["limit"], 30);
    assert_eq!(found["announced"][0]["window_seconds"], 1.0);
    assert_eq!(
        sentences(&found, "unknown"),
        ["Whether there is a limit beside the announced ones: the run kept to these."]
    );
}

#[test]
fn an_announced_limit_of_an_hour_is_not_used_up() {
    let api = api(&["fixed-window:300/1h,from=first"], Hint::Headers);
    let run = found(&format!("{}/x", api.base_url()), &["--for", "1m"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let found = run.json();
    assert_eq!(found["ended"], "announced");
    assert!((30..=40).contains(&api.stats().accepted), "{found}");
}

#[test]
fn without_a_limit_nothing_is_refused_and_the_sentence_says_up_to_where() {
    let api = api(&[], Hint::None);
    let url = format!("{}/pages/1?key=hunter2", api.base_url());
    let run = apirl(&["discover", "--url", &url, "--for", "2s", "--max-rate", "50"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    for text in [
        "/pages/1\n",
        " 0 refused, 0 failed.\n  It ended because the time is over.\n",
        "Announced\n  Nothing about limits.\n",
        "Found\n  Nothing was refused, up to ",
        "Not known\n  The limit, if there is one, is above ",
        "API_RATE_CONFIGS.merge_json(r#\"{\"127.0.0.1\":{\"base_url\":\"http://127.0.0.1:",
        "let client = make_client_for(\"127.0.0.1\")?;\n",
    ] {
        assert!(run.out.contains(text), "{text:?} is not in {run:?}");
    }
    assert!(!run.out.contains("hunter2"), "{run:?}");
    assert_eq!(api.served("GET /pages/1?key=hunter2"), api.stats().served);
}

#[test]
fn no_more_are_refused_than_the_run_may_have() {
    for most in [1, 3, 6] {
        // All is refused after a burst, without a word about when it ends.
        let api = api(&["fixed-window:300/1d,from=first"], Hint::None);
        let url = format!("{}/x", api.base_url());
        let number = most.to_string();
        let flags = ["--for", "1m", "--most-refusals", &number];
        let config = config_with_a_short_pause();
        let run = found(&url, &[&flags[..], &["--config", &config.0]].concat());
        assert_eq!(run.code, Some(0), "{run:?}");
        assert_eq!(run.json()["ended"], "refusals");
        assert_eq!(api.stats().refused, most, "{run:?}");
    }
}

/// A file that is removed at the end of the test.
struct File(String);

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Writes settings with which the client waits little, so that the test is quick.
fn config_with_a_short_pause() -> File {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("apirl-discover-{}-{number}.json", std::process::id());
    let path = std::env::temp_dir().join(name);
    let text = r#"{"name": "mine", "default_cooldown_seconds": 0.02}"#;
    std::fs::write(&path, text).expect("written");
    File(path.to_str().expect("text").to_owned())
}

#[test]
fn an_error_that_is_no_refusal_is_named_and_ends_the_run_at_once() {
    let api = api(&[], Hint::None);
    for (status, hint) in [
        ("404", ""),
        ("401", "hint: give credentials with --bearer-env"),
        (
            "403",
            "hint: if this status is how the API refuses: --backoff-status 403,429",
        ),
    ] {
        let run = found(&format!("{}/status/{status}", api.base_url()), &[]);
        run.refuses(1, &format!("GET /status/{status} returned {status} "));
        assert!(run.err.contains(hint), "{run:?}");
        let found = run.json();
        assert_eq!(
            (&found["requests"], &found["ended"]),
            (&1.into(), &"failure".into())
        );
        assert!(found["config"].is_null(), "{found}");
    }
    assert_eq!(api.stats().served, 3);
    found("http://127.0.0.1:1/", &[]).refuses(1, "no connection could be opened");
}

#[test]
fn a_pause_that_goes_on_after_the_end_is_not_waited_for() {
    let server = Server::start(|_, _| {
        Some("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3480\r\nContent-Length: 0\r\n\r\n")
    });
    let run = found(&format!("{}/x", server.base_url), &[]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let found = run.json();
    assert_eq!(found["ended"], "pause");
    assert_eq!(
        found["why"],
        "the server asks for a pause of 58 min, longer than the time left; come back then"
    );
    assert_eq!(server.requests(), 1);
}

#[test]
fn absurd_headers_do_no_harm() {
    let server = Server::start(|_, _| {
        Some(
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\
             RateLimit-Policy: \"a\";q=18446744073709551615;w=1, \"b\\\"\";q=0;w=0\r\n\
             X-RateLimit-Limit: 99999999999999999999999, -1;w=x, 1e400\r\n\
             X-RateLimit-Remaining: -7\r\nX-RateLimit-Reset: 18446744073709551615\r\nRetry-After: 1e300\r\n\r\n{}",
        )
    });
    let run = found(&format!("{}/x", server.base_url), &["--for", "1s"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let found = run.json();
    assert!(found["accepted"].as_u64() > Some(0), "{found}");
    assert_eq!(found["refused"], 0);
}

#[test]
fn a_redirect_to_another_server_is_not_measured() {
    let server = Server::start(|_, _| {
        Some("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/x\r\nContent-Length: 0\r\n\r\n")
    });
    let run = found(&format!("{}/x", server.base_url), &[]);
    run.refuses(
        1,
        "the address redirects to http://127.0.0.1:1, which has limits of its own",
    );
}

#[cfg(unix)]
#[test]
fn an_interrupt_prints_what_is_known_so_far() {
    let server = Server::start(|_, _| Some(crate::server::OK));
    let url = format!("{}/x", server.base_url);
    let child = command(&["discover", "--url", &url, "--max-rate", "50"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    while server.requests() < 5 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let interrupted = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(interrupted.expect("kill runs").success());
    let run = Run::of(&child.wait_with_output().expect("it ends"));
    assert_eq!(run.code, Some(130), "{run:?}");
    assert!(
        run.out.contains("It ended because it was interrupted."),
        "{run:?}"
    );
    assert!(run.out.contains("Nothing was refused, up to "), "{run:?}");
    assert!(
        run.err.contains("error: interrupted before the end"),
        "{run:?}"
    );
}

#[test]
fn a_preset_is_measured_at_a_path_with_its_own_settings() {
    let api = api(&["fixed-window:2/1d"], Hint::None);
    let base = api.base_url();
    let flags = [
        "--base-url",
        &base,
        "--path",
        "/items",
        "--for",
        "5s",
        "--json",
        "--quiet",
    ];
    let run = apirl(
        &[
            &["discover", "airtable", "--most-refusals", "1"],
            &flags[..],
        ]
        .concat(),
    );
    assert_eq!(run.code, Some(0), "{run:?}");
    let found = run.json();
    assert_eq!(found["api"], "airtable");
    assert_eq!(found["before_refusal"]["requests"], 2);
    assert_eq!(found["config"]["airtable"]["base_url"], base);
    assert_eq!(api.served("GET /items"), 2);
}

#[test]
fn impossible_flags_are_refused() {
    let url = "http://127.0.0.1:1/";
    let refuses = |flags: &[&str], saying: &str| {
        apirl(&[&["discover"], flags].concat()).refuses(2, saying);
    };
    for time in ["0", "x", "-1", "300"] {
        refuses(&["--url", url, "--for", time], "is not a valid duration");
    }
    for time in ["0s", "999ms", "25h"] {
        refuses(&["--url", url, "--for", time], "it must be from 1s to 1d");
    }
    for number in ["0", "101", "-1", "many"] {
        refuses(
            &["--url", url, "--most-refusals", number],
            "--most-refusals",
        );
    }
    refuses(&[], "--path <PATH>");
    refuses(&["github"], "--path <PATH>");
    refuses(&["--path", "/x"], "<API>");
    refuses(
        &["--url", url, "--path", "/x"],
        "cannot be used with '--path <PATH>'",
    );
    refuses(&["--url", "/x"], "--url is not a valid address");
    refuses(
        &["giphub", "--path", "/x"],
        "no API is registered as \"giphub\", did you mean \"github\"?",
    );
    refuses(
        &["--url", url, "--max-rate", "0"],
        "max_rate: 0 is not a valid rate",
    );

    // A credential in the URL is refused, and not shown.
    let run = apirl(&["discover", "--url", "http://me:hunter2@127.0.0.1/"]);
    run.refuses(2, "--url must not contain a user name or a password");
    assert!(!run.err.contains("hunter2"), "{run:?}");
}
