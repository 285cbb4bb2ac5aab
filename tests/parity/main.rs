//! Both fronts behave alike: a script of responses leads to equal requests at equal times, and to equal
//! results.

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
