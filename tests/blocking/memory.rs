//! The memory that a request under way takes: at most four times `max_body`, whatever the server sends.
//!
//! Each case runs in a process of its own, which measures its peak (`VmHWM` of /proc/self/status).

use std::io::Write;
use std::process::Command;

use api_ratelimiter::Error;

use crate::server::{After, Server, flood};
use crate::{builder, ms};

/// Maximum number of bytes of a body.
const MAX_BODY: usize = 4 << 20;

/// What a process takes beside bodies: threads, buffers of the connection, code that runs for the first time.
const FIXED: usize = 4 << 20;

/// Variables of a child: the server's URL and the case.
const URL: &str = "TEST_MEMORY_URL";
const CASE: &str = "TEST_MEMORY_CASE";

/// What a case's server sends, and what becomes of it.
#[derive(Debug, Clone, Copy)]
enum Case {
    /// As many bytes as are allowed, read as bytes.
    Bytes,
    /// As many bytes as are allowed, read as text; each is invalid UTF-8 and becomes three.
    InvalidText,
    /// Bytes without end.
    Endless,
    /// Bytes without end, in an error.
    EndlessError,
    /// Bytes without end, in a refusal.
    EndlessRefusal,
}

const CASES: [Case; 5] = [
    Case::Bytes,
    Case::InvalidText,
    Case::Endless,
    Case::EndlessError,
    Case::EndlessRefusal,
];

/// Returns a number of kilobytes that the system counts for this process.
fn kilobytes(of: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with(of));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.expect("a number").parse().expect("a number")
}

#[test]
fn child_process_that_measures_itself() {
    let (Ok(url), Ok(case)) = (std::env::var(URL), std::env::var(CASE)) else {
        return; // Not a child.
    };
    let client = builder(&url)
        .max_body(MAX_BODY as u64)
        .max_retries_on_backoff(1)
        .build()
        .expect("a valid client");
    let before = kilobytes("VmRSS:");
    match (case.as_str(), client.get("/").send()) {
        ("Bytes", Ok(response)) => {
            assert_eq!(response.bytes().expect("a body").len(), MAX_BODY);
        }
        ("InvalidText", Ok(response)) => {
            assert_eq!(response.text().expect("a body").len(), 3 * MAX_BODY);
        }
        ("Endless", Ok(response)) => {
            let error = response.bytes().expect_err("too long");
            assert!(matches!(error, Error::BodyTooLarge { .. }), "{error}");
        }
        (_, response) => {
            let error = response.and_then(|response| response.error_for_status());
            let error = error.expect_err("a failure");
            let reply = error.reply().expect("the error contains a response");
            assert_eq!(reply.body().len(), 64 * 1024);
        }
    }
    let taken = (kilobytes("VmHWM:") - before) * 1024;
    assert!(taken <= 4 * MAX_BODY + FIXED, "{case} took {taken} bytes");
    println!("took {:.1} times max_body", taken as f64 / MAX_BODY as f64);
}

#[test]
fn a_request_takes_at_most_four_times_max_body() {
    for case in CASES {
        let server = Server::of(move |_, _, stream| {
            let (status, endless) = match case {
                Case::Bytes | Case::InvalidText => (200, false),
                Case::Endless => (200, true),
                Case::EndlessError => (500, true),
                Case::EndlessRefusal => (429, true),
            };
            let length = match endless {
                true => String::new(),
                false => format!("Content-Length: {MAX_BODY}\r\n"),
            };
            write!(stream, "HTTP/1.1 {status} Some\r\n{length}\r\n")?;
            let piece = [0xff; 1 << 16];
            if endless {
                flood(stream, &piece, ms(0));
            } else {
                for _ in 0..MAX_BODY / piece.len() {
                    stream.write_all(&piece)?;
                }
            }
            Ok(After::Close)
        });
        let mut child = Command::new(std::env::current_exe().expect("this program"));
        child.args(["--exact", "memory::child_process_that_measures_itself"]);
        child.arg("--nocapture");
        child.env(URL, server.url()).env(CASE, format!("{case:?}"));
        let output = child.output().expect("it runs");
        let shown = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{shown}{errors}");
        println!("{case:?}: {shown}");
    }
}
