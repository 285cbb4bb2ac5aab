//! Both fronts behave alike: a script of responses leads to equal requests at equal times, and to equal
//! results.

mod hostile;
mod pair;
mod paths;
mod play;
mod script;
#[allow(
    dead_code,
    reason = "another test's server, of which this one needs a part"
)]
#[path = "../common/server.rs"]
mod server;

use std::collections::BTreeMap;

use play::{asynchronous, blocking};
use script::Script;

/// Number of random scripts.
const SCRIPTS: u64 = 100;

#[test]
fn both_fronts_play_a_hundred_random_scripts_alike() {
    let mut seen = BTreeMap::<String, usize>::new();
    let mut see = |what: &str, times: usize| *seen.entry(what.to_owned()).or_default() += times;
    let mut played = 0;
    for script in (0..).map(Script::random) {
        if played == SCRIPTS {
            break;
        }
        let expected = blocking(&script);
        if expected.is_close() {
            continue;
        }
        played += 1;
        assert_eq!(asynchronous(&script), expected, "{script:#?}");

        see("request", expected.sent.len());
        for event in &expected.events {
            see(event["event"].as_str().expect("a kind"), 1);
            if event["event"] == "attempt" && event["status"] == 200 && event["refused"] == true {
                see("throttle in a body", 1);
            }
        }
        let searches = expected.events.iter();
        see(
            "scope",
            searches
                .filter(|event| event["api"] == "tested/search")
                .count(),
        );
        let mut attempts = expected.events.windows(2);
        let renewed = attempts.any(|pair| pair[0]["status"] == 401 && pair[1]["attempt"] == 2);
        see("token renewed", usize::from(renewed));
        let keys: Vec<_> = expected.sent.iter().filter_map(|sent| sent.key).collect();
        see(
            "key sent again",
            keys.windows(2).filter(|pair| pair[0] == pair[1]).count(),
        );
        for result in &expected.results {
            for part in [
                "circuit", "closed", "redirect", "deadline", "cooldown", "HTTP",
            ] {
                see(part, usize::from(result.contains(part)));
            }
        }
    }
    // The scripts cover all cases.
    assert!(seen["request"] > 600, "{seen:?}");
    let rare = seen.iter().filter(|(_, times)| **times < 3);
    assert_eq!(rare.collect::<Vec<_>>(), [], "{seen:?}");
}

/// Returns the seeds of a random run: `count` new ones, or as many as the variable `SEEDS` says; or that of the
/// variable `SEED`, to repeat a failure.
fn seeds(count: u64) -> std::ops::Range<u64> {
    let more = std::env::var("SEEDS").map(|count| count.parse().expect("SEEDS is a number"));
    let count = more.unwrap_or(count);
    match std::env::var("SEED") {
        Ok(seed) => {
            let seed: u64 = seed.parse().expect("SEED is a number");
            seed..seed + 1
        }
        Err(_) => {
            let first = fastrand::u64(..u64::MAX / 2);
            println!("seeds from {first}");
            first..first + count
        }
    }
}

/// Runs a test of one seed, and prints the seed if it fails.
fn announced<T>(seed: u64, test: impl FnOnce() -> T) -> T {
    struct Print(u64);
    impl Drop for Print {
        fn drop(&mut self) {
            if std::thread::panicking() {
                println!("repeat this by SEED={}", self.0);
            }
        }
    }
    let _print = Print(seed);
    test()
}

/// Returns a member of gzip: a stored block with its checksum (CRC-32, RFC 1952, section 8) and length.
fn stored(content: &[u8]) -> Vec<u8> {
    let crc = !content.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    });
    let length = u16::try_from(content.len()).expect("a short content");
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1];
    gzip.extend(length.to_le_bytes());
    gzip.extend((!length).to_le_bytes());
    gzip.extend(content);
    gzip.extend(crc.to_le_bytes());
    gzip.extend(u32::from(length).to_le_bytes());
    gzip
}
