//! `apirl serve`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use crate::run::{apirl, command};

/// A running server. It is killed at the end of the test, at the latest.
struct Serving {
    child: Child,
    address: String,
}

impl Serving {
    fn start(args: &[&str]) -> Self {
        let mut child = command(&[&["serve"], args].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        let out = child.stdout.as_mut().expect("a pipe");
        BufReader::new(out)
            .read_line(&mut line)
            .expect("its address");
        let address = line
            .trim()
            .strip_prefix("http://")
            .expect("a URL")
            .to_owned();
        Self { child, address }
    }

    /// Returns the whole response to a GET.
    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"
        )
        .expect("sent");
        let mut response = String::new();
        stream.read_to_string(&mut response).expect("a response");
        response
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn every_path_has_a_response_until_the_limit_refuses() {
    let api = Serving::start(&["--limit", "fixed-window:2/1h", "--hint", "seconds"]);
    assert!(api.get("/anything?a=1").starts_with("HTTP/1.1 200"));
    assert!(api.get("/pages/7").contains("\"id\":\"7\""));
    let refusal = api.get("/anything");
    assert!(refusal.starts_with("HTTP/1.1 429"), "{refusal}");
    assert!(
        refusal.to_lowercase().contains("retry-after: "),
        "{refusal}"
    );
}

#[test]
fn responses_have_the_form_of_a_vendor_and_faults_hit_as_configured() {
    let api = Serving::start(&[
        "--shape",
        "github",
        "--hint",
        "vendor",
        "--limit",
        "fixed-window:1/1h",
    ]);
    assert!(api.get("/items").starts_with("HTTP/1.1 200"));
    let refusal = api.get("/items");
    assert!(refusal.starts_with("HTTP/1.1 403"), "{refusal}");
    assert!(refusal.contains("x-ratelimit-remaining: 0"), "{refusal}");
    let api = Serving::start(&["--fault", "status:503:100%"]);
    assert!(api.get("/items").starts_with("HTTP/1.1 503"));
}

#[test]
fn a_response_of_serve_can_be_explained() {
    let api = Serving::start(&["--limit", "fixed-window:2/1h", "--hint", "headers"]);
    let response = api.get("/anything");
    let run = crate::run::apirl_with(&["explain", "--json"], response.as_bytes());
    let facts = run.json();
    assert_eq!(
        (facts["limit"].as_u64(), facts["remaining"].as_u64()),
        (Some(2), Some(1))
    );
}

#[test]
fn one_of_several_limits_is_announced() {
    let limits = [
        "--limit",
        "fixed-window:5000/1h,from=first",
        "--limit",
        "fixed-window:1/1d",
    ];
    let api = Serving::start(&[&limits[..], &["--hint", "headers", "--announce", "1"]].concat());
    for status in [200, 429] {
        let response = api.get("/anything");
        assert!(
            response.starts_with(&format!("HTTP/1.1 {status}")),
            "{response}"
        );
        assert!(
            response.contains("x-ratelimit-remaining: 4999"),
            "{response}"
        );
    }
}

#[test]
fn a_port_in_use_is_refused_with_a_hint() {
    let api = Serving::start(&[]);
    let port = api.address.rsplit(':').next().expect("a port");
    let run = apirl(&["serve", "--port", port]);
    run.refuses(2, &format!("port {port} is in use"));
    assert!(run.err.contains("hint: give another --port"), "{run:?}");
}

#[cfg(unix)]
#[test]
fn an_interrupt_stops_the_server_and_prints_its_counts() {
    let mut api = Serving::start(&["--limit", "fixed-window:1/1h"]);
    api.get("/a");
    api.get("/b");
    let interrupted = std::process::Command::new("kill")
        .args(["-INT", &api.child.id().to_string()])
        .status()
        .expect("kill runs");
    assert!(interrupted.success());
    let mut err = String::new();
    let pipe = api.child.stderr.as_mut().expect("a pipe");
    pipe.read_to_string(&mut err).expect("text");
    assert_eq!(api.child.wait().expect("it ends").code(), Some(0));
    assert!(
        err.contains("with fixed-window:1/3600s listens on 127.0.0.1:"),
        "{err}"
    );
    assert!(
        err.contains("Served 1, refused 1, injected 0 faults; 2 connections."),
        "{err}"
    );
}

#[test]
fn impossible_flags_are_refused() {
    apirl(&["serve", "--limit", "fast"]).refuses(2, "(expected for example token-bucket:10/s");
    apirl(&["serve", "--port", "70000"]).refuses(2, "--port");
    apirl(&["serve", "--hint", "loud"]).refuses(2, "expected one of none, seconds, date");
    apirl(&["serve", "--shape", "gitlab"]).refuses(2, "expected one of echo, notion");
    apirl(&["serve", "--fault", "cut:lots"]).refuses(2, "is not a valid fault");
    apirl(&["serve", "--refusal-status", "99"]).refuses(2, "--refusal-status");
    apirl(&["serve", "--announce", "1"]).refuses(2, "announce must be the number of a limit");
    for flag in [
        "--port",
        "--items",
        "--seed",
        "--refusal-status",
        "--announce",
    ] {
        apirl(&["serve", flag, "-1"]).refuses(2, &format!("invalid value '-1' for '{flag}"));
    }
}
