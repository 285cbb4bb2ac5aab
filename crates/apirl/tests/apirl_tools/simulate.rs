//! `apirl simulate`.

use serde_json::{Value, json};

use crate::run::apirl;

fn figures(args: &[&str]) -> Value {
    let run = apirl(&[&["simulate", "--json"], args].concat());
    assert_eq!(run.code, Some(0), "{run:?}");
    run.json()
}

fn number(figures: &Value, key: &str) -> f64 {
    figures[key]
        .as_f64()
        .unwrap_or_else(|| panic!("{key} in {figures}"))
}

#[test]
fn the_json_has_exactly_these_figures() {
    let figures = figures(&["--limit", "token-bucket:10/s,burst=20"]);
    let keys: Vec<&str> = figures
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        keys,
        [
            "accepted",
            "cuts",
            "ideal",
            "jain",
            "refused",
            "refused_ratio",
            "seconds_to_90",
            "utilisation"
        ]
    );
}

#[test]
fn a_fixed_rate_has_the_calculated_figures() {
    let figures = figures(&[
        "--limit",
        "pacing:10/s",
        "--strategy",
        "fixed:5",
        "--rtt",
        "100ms",
        "--duration",
        "100s",
    ]);
    assert_eq!(number(&figures, "ideal"), 1000.0);
    assert!(
        (498.0..=501.0).contains(&number(&figures, "accepted")),
        "{figures}"
    );
    let (accepted, utilisation) = (
        number(&figures, "accepted"),
        number(&figures, "utilisation"),
    );
    assert_eq!(accepted / 1000.0, utilisation);
    assert_eq!(
        (&figures["refused"], &figures["seconds_to_90"]),
        (&json!(0), &Value::Null)
    );
}

#[test]
fn ninety_percent_is_of_what_gets_through_and_not_of_the_rate_setting() {
    let run = |limit: &str, rate: &str| {
        let args = ["--limit", limit, "--strategy", rate, "--rtt", "100ms"];
        figures(&args)
    };
    // A window of 100 requests is used up in a fifth of its time: all of it gets through, though most is refused.
    let greedy = run("fixed-window:100/60s", "fixed:8");
    assert_eq!(greedy["seconds_to_90"], json!(0.0), "{greedy}");
    // Strict pacing at 10/s lets every second request of a rate of 11/s through.
    let hasty = run("pacing:10/s", "fixed:11");
    assert_eq!(hasty["seconds_to_90"], Value::Null, "{hasty}");
    assert_eq!(run("pacing:10/s", "fixed:9")["seconds_to_90"], json!(0.0));
    assert_eq!(
        run("pacing:10/s", "fixed:8.9")["seconds_to_90"],
        Value::Null
    );
}

#[test]
fn a_long_run_is_possible_if_the_limits_allow_few_requests() {
    let run = figures(&["--limit", "fixed-window:1000/1d", "--duration", "2d"]);
    assert_eq!(number(&run, "ideal"), 2000.0);
    apirl(&["simulate", "--limit", "pacing:90/s", "--duration", "2d"]).refuses(
        2,
        "the run may need 17280000 requests; the maximum is 5000000",
    );
}

#[test]
fn a_client_learns_the_limit_and_shares_it() {
    let run = figures(&[
        "--limit",
        "token-bucket:8/s,burst=8",
        "--warmup",
        "5m",
        "--duration",
        "20m",
        "--clients",
        "2",
    ]);
    assert!(
        number(&run, "utilisation") > 0.9 && number(&run, "utilisation") < 1.01,
        "{run}"
    );
    assert!(number(&run, "refused_ratio") < 0.02, "{run}");
    assert!(number(&run, "jain") > 0.8, "{run}");
}

#[test]
fn the_ideal_includes_changes_and_several_limits() {
    let run = figures(&[
        "--limit",
        "pacing:10/s",
        "--limit",
        "concurrency:3",
        "--change",
        "200s=4/s",
        "--warmup",
        "100s",
    ]);
    // 100 s at 10/s and 400 s at 4/s. Three at once at 40 ms each would allow 75/s, so they do not matter.
    assert_eq!(number(&run, "ideal"), 2600.0);
}

#[test]
fn the_same_seed_prints_the_same_bytes() {
    let args = |seed| {
        [
            "simulate",
            "--limit",
            "sliding-window:50/10s",
            "--hint",
            "seconds",
            "--json",
            "--seed",
            seed,
        ]
    };
    let [first, again, other] = ["7", "7", "8"].map(|seed| apirl(&args(seed)).out);
    assert_eq!(first, again);
    assert_ne!(first, other);
}

#[test]
fn a_picture_shows_limit_rate_and_refusals() {
    let file = std::env::temp_dir().join(format!("apirl-picture-{}.svg", std::process::id()));
    let path = file.to_str().expect("UTF-8");
    let flags = [
        "simulate",
        "--limit",
        "fixed-window:50/10s",
        "--change",
        "5m=2/s",
        "--svg",
        path,
    ];
    let run = apirl(&flags);
    assert_eq!(run.code, Some(0), "{run:?}");
    let svg = std::fs::read_to_string(&file).expect("it was written");
    std::fs::remove_file(&file).expect("it was there");
    assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"));
    assert_eq!(svg.matches("<polyline").count(), 2);
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    assert!(svg.contains("v8"), "refusals are marked");
}

#[test]
fn a_run_uses_the_settings_of_the_preset() {
    let run = apirl(&[
        "simulate",
        "--api",
        "notion",
        "--limit",
        "token-bucket:10/s,burst=5",
        "--color",
        "never",
    ]);
    assert!(run.out.contains("learned with notion"), "{run:?}");
    let remark = "know a limit of 180 per 60 s, which is below what the limits allow";
    assert!(run.out.contains(remark), "{run:?}");
}

#[test]
fn a_remark_says_that_round_trips_vary_too_much_for_strict_pacing() {
    let has_remark = |limit: &str, rtt: &str| {
        let run = apirl(&["simulate", "--limit", limit, "--rtt", rtt]);
        assert_eq!(run.code, Some(0), "{run:?}");
        run.out
            .contains("pacing refuses requests that arrive less than 100 ms apart")
    };
    assert!(has_remark("pacing:10/s", "80ms..250ms"));
    assert!(!has_remark("pacing:10/s", "100ms"));
    assert!(!has_remark("token-bucket:10/s,burst=1", "80ms..250ms"));
}

#[test]
fn impossible_flags_are_refused() {
    let with = |args: &[&str]| apirl(&[&["simulate", "--limit", "pacing:10/s"], args].concat());
    apirl(&["simulate"]).refuses(2, "--limit <LIMIT>");
    apirl(&["simulate", "--limit", "10 per second"])
        .refuses(2, "(expected for example token-bucket:10/s");
    with(&["--warmup", "10m"]).refuses(2, "must be shorter than --duration");
    with(&["--duration", "0s"]).refuses(2, "--duration must be greater than zero");
    with(&["--duration", "5"]).refuses(2, "is not a valid duration");
    with(&["--duration", "300d", "--strategy", "fixed:50"]).refuses(2, "hint: shorten --duration");
    with(&["--rtt", "250ms..80ms"]).refuses(2, "the first time must not be longer than the second");
    with(&["--rtt", "0s"]).refuses(2, "greater than zero");
    with(&["--limit", "concurrency:5", "--rtt", "0s..1s"]).refuses(2, "has no effect");
    with(&["--change", "4/s"]).refuses(2, "like 200s=4/s");
    with(&["--change", "20m=4/s"]).refuses(2, "is not before the end");
    with(&["--limit", "pacing:5/s", "--change", "5m=4/s"])
        .refuses(2, "needs exactly one limit that has a rate");
    with(&["--strategy", "fixed:0"]).refuses(2, "fixed:");
    with(&["--strategy", "magic"]).refuses(2, "it must be learned, aimd, or fixed:");
    with(&["--workers", "0"]).refuses(2, "--workers");
    with(&["--clients", "0"]).refuses(2, "--clients");
    with(&["--hint", "loud"]).refuses(2, "none, seconds, headers");
    with(&["--api", "unknown"]).refuses(2, "no API is registered");
    for flag in ["--workers", "--clients", "--seed"] {
        with(&[flag, "-1"]).refuses(2, &format!("invalid value '-1' for '{flag}"));
    }
    with(&["--svg", "-"]).refuses(2, "standard output is for the figures");
    with(&["--svg", "/nowhere/at/all.svg"]).refuses(2, "could not write to /nowhere/at/all.svg");
}

#[test]
fn a_job_is_compared_with_the_fastest_possible() {
    // Round trips of exactly 100 ms, half of them work: 16 workers spend the 100 of the first minute in 0.7 s.
    // The window begins with the first arrival, after 25 ms, so the next 100 are let in at 60.025 s.
    let args = [
        "--limit",
        "fixed-window:100/60s,from=first",
        "--rtt",
        "100ms",
    ];
    let job = |more: &[&str]| figures(&[&args[..], &["--requests", "150"], more].concat());
    let figures = job(&[]);
    let keys: Vec<&str> = figures
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        keys,
        [
            "accepted",
            "fastest_seconds",
            "refused",
            "refused_ratio",
            "seconds",
            "utilisation"
        ]
    );
    let fastest = number(&figures, "fastest_seconds");
    assert!((60.3..60.5).contains(&fastest), "{figures}");
    let seconds = number(&figures, "seconds");
    assert!(seconds >= fastest, "{figures}");
    assert_eq!(number(&figures, "utilisation"), fastest / seconds);
    assert_eq!(number(&figures, "accepted"), 150.0);

    // A run that is too short has no time.
    assert_eq!(job(&["--duration", "30s"])["seconds"], Value::Null);
    // 2 per second: 120 requests in the first minute, of which 20 are refused and sent again.
    let fixed = job(&["--strategy", "fixed:2"]);
    assert_eq!(number(&fixed, "refused"), 20.0);
    let seconds = number(&fixed, "seconds");
    assert!((84.5..84.8).contains(&seconds), "{fixed}");
}

#[test]
fn only_the_chosen_limit_is_announced() {
    let limits = ["--limit", "fixed-window:5000/1h", "--limit", "pacing:5/s"];
    let job = ["--hint", "headers", "--requests", "50"];
    let run = |more: &[&str]| figures(&[&limits[..], &job, more].concat());
    assert_eq!(number(&run(&["--announce", "1"]), "accepted"), 50.0);
    // 5 a second is announced: nothing is hidden, and nearly nothing refused.
    assert!(number(&run(&["--announce", "2"]), "refused") <= 2.0);

    let refused = apirl(&[&["simulate"], &limits[..], &["--announce", "3"]].concat());
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.err.contains("from 1 to 2"), "{refused:?}");
}
