//! `apirl check`.

use crate::run::{Run, apirl, apirl_with};

fn check(text: &str) -> Run {
    apirl_with(&["check", "-"], text.as_bytes())
}

#[test]
fn one_configuration_a_list_and_a_map_are_accepted() {
    let one = r#"{"name": "mine", "base_url": "https://example.com", "max_rate": 12}"#;
    let list = r#"[{"name": "a", "max_rate": 12}, {"name": "b"}]"#;
    let map = r#"{"notion": {"max_rate": 25}, "mine": {"base_url": "https://example.com"}}"#;
    for (text, entries) in [(one, 1), (list, 2), (map, 2)] {
        let run = check(text);
        assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{text}");
        assert_eq!(
            run.out
                .lines()
                .filter(|line| line.starts_with("ok"))
                .count(),
            entries,
            "{text}"
        );
    }
    let preset = apirl(&["presets", "github", "--json"]).out;
    assert_eq!(check(&preset).code, Some(0));
    let all = apirl(&["presets", "--json"]).out;
    assert_eq!(check(&all).code, Some(0));
}

#[test]
fn every_invalid_entry_is_named_with_field_value_and_rule() {
    let run = check(
        r#"{"notion": {"max_rate": -1}, "vanta": {"max_rate": 8}, "x": {"speed": 1}, "y": 5}"#,
    );
    run.refuses(1, "3 of 4 entries");
    for fact in [
        "ok   vanta",
        "bad  notion: configuration \"notion\", max_rate: -1 is not a valid rate (expected a finite number above 0)",
        "bad  x: configuration \"x\", speed: unknown field",
        "bad  y: configuration \"y\", JSON: is not a valid configuration (expected an object of fields)",
    ] {
        assert!(run.out.contains(fact), "{fact:?} is not in {}", run.out);
    }
    check(r#"{"name": "mine", "min_rate": 99, "max_rate": 10}"#).refuses(1, "1 of 1");
    let twice = check(r#"[{"name": "a"}, {"name": "a"}, {"max_rate": 4}]"#);
    twice.refuses(1, "2 of 3");
    assert!(
        twice.out.contains("occurs twice") && twice.out.contains("entry 3"),
        "{twice:?}"
    );
}

#[test]
fn other_files_are_refused() {
    check("").refuses(1, "is not valid JSON");
    check("{\"a\": ").refuses(1, "line 1");
    check("5").refuses(1, "is a number");
    check("{}").refuses(1, "has no entry");
    check("[]").refuses(1, "has no entry");
    apirl_with(&["check", "-"], b"\xff").refuses(2, "UTF-8");
    apirl(&["check", "/nowhere/at/all"]).refuses(2, "could not read /nowhere/at/all");
    apirl(&["check"]).refuses(2, "<FILE>");
}
