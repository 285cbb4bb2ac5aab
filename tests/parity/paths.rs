//! Random paths and random targets of redirects: both fronts send the same request line, or both refuse.

use std::io::Write;
use std::time::Duration;

use api_ratelimiter::{Error, TransportKind};
use fastrand::Rng;

use crate::pair::{Outcome, asynchronous, blocking};
use crate::server::{After, Server, answer, ok};
use crate::{announced, seeds};

/// Number of random texts.
const TEXTS: u64 = 400;

/// Time for each wait, which no test uses up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Parts of paths, most of which some program rewrites or refuses.
const PARTS: &[&str] = &[
    "a", "users", "/", "/", "//", ".", "..", "%2e", "%2E", "%252e", "%2f", "%5c", "\\", " ", "\t",
    "\n", "?", "&", "=", "'", "\"", "<", ">", "^", "`", "{", "}", "|", "[", "]", "#", "%23", "ü",
    "\u{85}", "\u{a0}", "\u{202e}", "\u{feff}", "%", "%zz", "%c3", "%00", "\0", "\u{7f}", "+", ";",
    "..;", ":", "@", "!", "*", "~", "$", ",", "(", ")", "-", "_", "😀", "x:y",
];

fn random(rng: &mut Rng) -> String {
    let parts = rng.usize(1..9);
    (0..parts)
        .map(|_| PARTS[rng.usize(..PARTS.len())])
        .collect()
}

/// Returns the lines of the requests that a call has sent, and how it ended.
fn played(
    call: fn(&str, &str, &str, Duration) -> Outcome,
    path: &str,
    location: Option<&str>,
) -> (Vec<String>, String) {
    let redirect = location.map(|location| answer(302, &format!("Location: {location}\r\n"), ""));
    let server = Server::of(move |number, _, stream| {
        let text = redirect.clone().filter(|_| number == 0);
        stream.write_all(text.unwrap_or_else(|| ok("")).as_bytes())?;
        Ok(After::Keep)
    });
    let outcome = match call(&server.url(), "GET", path, PATIENCE) {
        Ok((status, _)) => status.to_string(),
        Err(Error::InvalidRequest { .. }) => "refused".to_owned(),
        Err(Error::Transport {
            kind: kind @ (TransportKind::RedirectRefused | TransportKind::TooManyRedirects),
            ..
        }) => format!("{kind:?}"),
        Err(error) => panic!("{path:?} {location:?}: {error}"),
    };
    (server.lines(), outcome)
}

/// Checks one text as a path, or as the target of a redirect. Returns how the call ended.
fn compared(path: &str, location: Option<&str>) -> String {
    let (lines, outcome) = played(blocking, path, location);
    let other = played(asynchronous, path, location);
    assert_eq!(
        other,
        (lines.clone(), outcome.clone()),
        "{path:?} {location:?}"
    );
    // What is refused is not sent, and what is sent has no segment that a program removes.
    assert_eq!(lines.is_empty(), outcome == "refused", "{path:?}");
    for line in lines {
        let target = line.strip_prefix("GET /").expect("a path").to_owned();
        let sent = target.split('?').next().unwrap_or_default().to_lowercase();
        let has_dots = sent
            .split('/')
            .any(|segment| [".", ".."].contains(&&*segment.replace("%2e", ".")));
        assert!(!has_dots && line.is_ascii(), "{line:?}");
    }
    outcome
}

#[test]
fn both_fronts_send_the_same_path_or_refuse_it() {
    let mut sent = 0;
    for seed in seeds(TEXTS) {
        announced(seed, || {
            let path = random(&mut Rng::with_seed(seed));
            sent += u64::from(compared(&path, None) != "refused");
        });
    }
    println!("{sent} paths were sent");
}

#[test]
fn both_fronts_follow_the_same_redirects() {
    for seed in seeds(TEXTS) {
        announced(seed, || {
            let location = random(&mut Rng::with_seed(seed)).replace(['\n', '\0', '\u{7f}'], "");
            // Another host would be looked up.
            if !location.trim().starts_with("//") {
                compared("/start/here?now", Some(&location));
            }
        });
    }
}
