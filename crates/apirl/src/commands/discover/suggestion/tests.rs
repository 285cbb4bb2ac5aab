use std::time::Duration;

use api_ratelimiter::guidance::Guidance;
use api_ratelimiter::{API_RATE_CONFIGS, LearningReason, LimitFound};

use super::*;
use crate::commands::discover::course::{Answer, Bounds, Course, Ending, Next};
use crate::commands::discover::findings::About;

/// Returns the findings of a run in which `accepted` requests were accepted within a second, and then `refused` were
/// refused.
fn findings(accepted: u64, refused: u64, rate: Option<(f64, LearningReason)>) -> Findings {
    let mut course = Course::new(Bounds {
        time: Duration::from_secs(300),
        most_refusals: 10,
        concurrency: 8,
    });
    for n in 0..accepted + refused {
        assert_eq!(course.begin(), Next::Begin);
        course.attempted(n >= accepted);
        let answer = match n >= accepted {
            true => Answer::Refused(Guidance::default()),
            false => Answer::Accepted(Guidance::default()),
        };
        course.answered(Duration::from_millis(500), &answer);
    }
    if let Some((rate, reason)) = rate {
        course.estimated(rate, reason);
    }
    course.end(Ending::Time);
    let about = About {
        api: "a.example".into(),
        url: "https://a.example/x".into(),
    };
    Findings::of(about, &course, None, Duration::from_secs(300))
}

/// Returns the settings of a run of an API without a preset.
fn of(findings: &Findings) -> Value {
    let config = ApiRateConfig {
        name: "a.example".into(),
        base_url: "https://a.example".into(),
        max_rate: 100.0,
        ..ApiRateConfig::default()
    };
    let suggestion =
        Suggestion::of(&ApiRateConfig::default(), &config, findings).expect("valid settings");
    let mut settings = suggestion.expect("something was accepted").config["a.example"].take();
    let fields = settings.as_object_mut().expect("an object");
    assert_eq!(fields.remove("base_url"), Some("https://a.example".into()));
    // It is there if the default is another one.
    if fields.get("max_rate") == Some(&100.0.into()) {
        fields.remove("max_rate");
    }
    settings
}

fn window() -> LimitFound {
    let text = r#"{"kind":"sliding_window","count":100,"most":103,"window_seconds":60.0,"begins":null,"seen":3,"certainty":0.9}"#;
    serde_json::from_str(text).expect("a limit")
}

#[test]
fn a_window_becomes_a_known_limit() {
    let mut findings = findings(5, 1, None);
    findings.limit = Some(window());
    let limits = json!({"limits": [{"requests": 100.0, "per_seconds": 60.0}]});
    assert_eq!(of(&findings), limits);
}

#[test]
fn a_number_of_requests_at_once_becomes_the_most_under_way() {
    let mut findings = findings(5, 1, None);
    let text = r#"{"kind":"at_once","count":5,"most":5,"window_seconds":0.0,"begins":null,"seen":3,"certainty":0.9}"#;
    findings.limit = Some(serde_json::from_str(text).expect("a limit"));
    assert_eq!(of(&findings), json!({"max_under_way": 5}));
}

#[test]
fn only_a_rate_that_a_test_confirmed_becomes_the_maximum() {
    let confirmed = findings(5, 1, Some((8.66, LearningReason::ProbeConfirmed)));
    assert_eq!(of(&confirmed), json!({"max_rate": 8.66}));
    let estimated = findings(5, 1, Some((8.66, LearningReason::FirstRefusal)));
    assert_eq!(of(&estimated), json!({"initial_rate": 8.66}));
    let never_refused = findings(40, 0, None);
    assert_eq!(of(&never_refused), json!({"initial_rate": 40.0}));
    assert_eq!(of(&findings(5, 1, None)), json!({}));
}

#[test]
fn the_limit_of_a_part_of_the_api_is_not_suggested_for_all_of_it() {
    let mut findings = findings(5, 1, None);
    (findings.limit, findings.is_of_part) = (Some(window()), true);
    let config = ApiRateConfig::default();
    let suggestion = Suggestion::of(&config, &config, &findings);
    assert!(suggestion.expect("no failure").is_none());
}

#[test]
fn nothing_is_suggested_if_nothing_was_accepted() {
    let config = ApiRateConfig::default();
    let suggestion = Suggestion::of(&config, &config, &findings(0, 1, None));
    assert!(suggestion.expect("no failure").is_none());
}

#[test]
fn the_settings_of_a_preset_keep_its_other_limits() {
    let preset = API_RATE_CONFIGS.get("hubspot").expect("a preset");
    assert!(!preset.limits.is_empty(), "this test needs a known limit");
    let mut findings = findings(5, 1, None);
    findings.limit = Some(window());
    let suggestion = Suggestion::of(&preset, &preset, &findings).expect("valid settings");
    let fields = &suggestion.expect("something was accepted").config["hubspot"];
    let fields = fields.as_object().expect("an object");
    assert_eq!(fields.keys().collect::<Vec<_>>(), ["limits"]);
    let limits = fields["limits"].as_array().map_or(0, Vec::len);
    assert_eq!(limits, preset.limits.len() + 1);
}
