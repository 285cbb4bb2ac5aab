//! What a configuration teaches, on responses that no grammar can read.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::*;
use crate::guidance::{Guidance, Profile, Rules, read_with_rules};

/// 2026-01-01T00:00:00Z in seconds: the client's clock.
const NOW: u64 = 1_767_225_600;

fn told(
    fields: &[DialectField],
    status: u16,
    headers: &[(&'static str, &str)],
    body: &str,
) -> Guidance {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let value = HeaderValue::from_str(value).expect("a header's value");
        map.append(HeaderName::from_static(name), value);
    }
    let status = StatusCode::from_u16(status).expect("a status");
    let rules = Rules {
        fields,
        ..Rules::default()
    };
    let now = Duration::from_secs(NOW);
    read_with_rules(
        status,
        &map,
        body.as_bytes(),
        now,
        Profile::default(),
        &rules,
    )
}

fn wait_of(field: DialectField, text: &str) -> Option<f64> {
    let told = told(&[field], 429, &[("x-cooldown", text)], "");
    told.wait.map(|wait| wait.as_secs_f64())
}

fn cooldown() -> DialectField {
    DialectField::header(FieldMeaning::Wait, "X-Cooldown")
}

#[test]
fn a_header_of_its_own_is_a_wait_in_its_unit_and_form() {
    assert_eq!(wait_of(cooldown(), "30"), Some(30.0));
    assert_eq!(wait_of(cooldown(), "PT30S"), Some(30.0));
    assert_eq!(wait_of(cooldown(), "1767225630"), Some(30.0));
    let exact = || cooldown().unit(TimeUnit::Milliseconds);
    assert_eq!(wait_of(exact(), "1500"), Some(1.5));
    assert_eq!(wait_of(exact(), "2s"), Some(2.0));
    assert_eq!(
        wait_of(cooldown().unit(TimeUnit::Minutes), "2"),
        Some(120.0)
    );
    // Instants are recognized in every unit.
    assert_eq!(wait_of(exact(), "1767225630500"), Some(30.5));
    assert_eq!(wait_of(exact(), "1767225630"), Some(1_767_225.63));
    for text in ["1767225630", "Thu, 01 Jan 2026 00:00:30 GMT"] {
        let wait = wait_of(cooldown().unit(TimeUnit::Minutes), text);
        assert_eq!(wait, Some(30.0), "{text}");
    }
    assert_eq!(
        wait_of(exact().form(TimeForm::Epoch), "1767225630000"),
        Some(30.0)
    );
    assert_eq!(
        wait_of(cooldown().form(TimeForm::Epoch), "1767225630"),
        Some(30.0)
    );
    // An instant that has passed is now; a difference stays one, however large.
    assert_eq!(wait_of(cooldown().form(TimeForm::Epoch), "5"), Some(0.0));
    assert_eq!(
        wait_of(cooldown().form(TimeForm::Delta), "1767225630"),
        Some(1_767_225_630.0)
    );
    for form in [None, Some(TimeForm::Delta), Some(TimeForm::Epoch)] {
        for bad in ["-5", "+5", "inf", "NaN", "1e3", "0x1E", "soon", ""] {
            let field = DialectField { form, ..cooldown() };
            assert_eq!(wait_of(field, bad), None, "{bad:?} as {form:?}");
        }
    }
}

#[test]
fn the_taught_wait_comes_first_and_zero_hides_no_other() {
    let wait = |cooldown_text: &str| {
        let headers = [("x-cooldown", cooldown_text), ("retry-after", "7")];
        told(&[cooldown()], 429, &headers, "").wait
    };
    assert_eq!(wait("3"), Some(Duration::from_secs(3)));
    assert_eq!(wait("0"), Some(Duration::from_secs(7)));
    assert_eq!(wait("soon"), Some(Duration::from_secs(7)));
}

#[test]
fn a_known_header_can_be_taught_another_meaning() {
    let fields =
        [DialectField::header(FieldMeaning::Wait, "Retry-After").unit(TimeUnit::Milliseconds)];
    let told = told(&fields, 429, &[("retry-after", "2500")], "");
    assert_eq!(told.wait, Some(Duration::from_millis(2500)));
}

#[test]
fn taught_amounts_and_resets_are_one_limit() {
    let fields = [
        DialectField::header(FieldMeaning::Limit, "X-Allowance"),
        DialectField::header(FieldMeaning::Remaining, "X-Allowance-Left"),
        DialectField::header(FieldMeaning::Reset, "X-Next-Window").form(TimeForm::Epoch),
        DialectField::body(FieldMeaning::Remaining, "usage.*.left"),
    ];
    let headers = [
        ("x-allowance", "100/minute"),
        ("x-next-window", "1767225640"),
    ];
    let body = r#"{"usage": [{"left": 0}]}"#;
    for status in [200, 429] {
        let told = told(&fields, status, &headers, body);
        assert_eq!(
            (told.limit, told.remaining),
            (Some(100), Some(0)),
            "{status}"
        );
        assert_eq!(told.window, Some(Duration::from_secs(60)));
        assert_eq!(told.wait, Some(Duration::from_secs(40)));
        assert_eq!(told.nothing_left, Some(Duration::from_secs(40)));
    }
    let left = told(&fields, 200, &[("x-allowance-left", "5")], "");
    assert_eq!(
        (left.remaining, left.wait, left.policies.len()),
        (Some(5), None, 1)
    );
    assert_eq!(told(&fields, 200, &[], "{}").policies, []);
}

#[test]
fn a_wait_in_a_body_counts_on_refusals_only() {
    let fields =
        [DialectField::body(FieldMeaning::Wait, "error.pause").unit(TimeUnit::Milliseconds)];
    let body = r#"{"error": {"pause": 4000}}"#;
    assert_eq!(
        told(&fields, 429, &[], body).wait,
        Some(Duration::from_secs(4))
    );
    assert_eq!(told(&fields, 200, &[], body).wait, None);
    // A list of errors counts like the errors in it.
    let list = format!("[{body}]");
    assert_eq!(
        told(&fields, 429, &[], &list).wait,
        Some(Duration::from_secs(4))
    );
}

#[test]
fn a_status_that_the_configuration_counts_as_a_refusal_has_a_wait_in_its_body() {
    let refusals = [StatusCode::FORBIDDEN];
    let rules = Rules {
        refusals: &refusals,
        ..Rules::default()
    };
    let (body, now) = (br#"{"retry_after": 9}"#, Duration::from_secs(NOW));
    let read = |rules| {
        read_with_rules(
            refusals[0],
            &HeaderMap::new(),
            body,
            now,
            Profile::default(),
            rules,
        )
        .wait
    };
    assert_eq!(read(&rules), Some(Duration::from_secs(9)));
    assert_eq!(read(&Rules::default()), None);
}

#[test]
fn a_number_in_a_path_is_any_position_in_a_list() {
    let field = DialectField::body(FieldMeaning::Wait, "errors.0.wait");
    let wait = |body| told(std::slice::from_ref(&field), 429, &[], body).wait;
    let seven = Some(Duration::from_secs(7));
    assert_eq!(wait(r#"{"errors": [{"wait": 7}]}"#), seven);
    assert_eq!(wait(r#"{"errors": {"0": {"wait": 7}}}"#), seven);
    for body in [
        r#"{"errors": {"1": {"wait": 7}}}"#,
        r#"{"errors": [[{"wait": 7}]]}"#,
        r#"{"errors": [{"wait": {"s": 7}}]}"#,
    ] {
        assert_eq!(wait(body), None, "{body}");
    }
}

#[test]
fn a_path_that_no_value_can_have_is_invalid() {
    let long = "k".repeat(65);
    for path in [
        "",
        "a..b",
        ".a",
        "$.a",
        "errors[0].wait",
        "errors[*].wait",
        "errors*.wait",
        &long,
    ] {
        let checked = DialectField::body(FieldMeaning::Wait, path).check();
        let problem = checked.expect_err(path);
        assert!(problem.contains("is not a valid path"), "{problem}");
    }
    for path in [
        "a",
        "*.wait",
        "errors.*.wait",
        "errors.0.wait",
        "$schema.a",
        &long[1..],
    ] {
        let checked = DialectField::body(FieldMeaning::Wait, path).check();
        assert_eq!(checked, Ok(()), "{path}");
    }
}
