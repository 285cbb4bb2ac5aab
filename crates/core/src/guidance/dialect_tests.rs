//! Responses beyond the golden vectors: every family of headers, and every rule in combinations.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::{Guidance, Policy, Profile, Refusal, Scope, WaitSource, read};

/// 2026-01-01T00:00:00Z in seconds: the client's clock.
const NOW: u64 = 1_767_225_600;

fn answer(profile: &str, status: u16, headers: &[(&'static str, &str)], body: &str) -> Guidance {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header's value");
        map.append(HeaderName::from_static(name), value);
    }
    let status = StatusCode::from_u16(status).expect("a status");
    let profile = Profile::named(profile).expect("a profile");
    read(
        status,
        &map,
        body.as_bytes(),
        Duration::from_secs(NOW),
        profile,
    )
}

fn generic(status: u16, headers: &[(&'static str, &str)]) -> Guidance {
    answer("generic", status, headers, "")
}

fn wait(guidance: &Guidance) -> Option<f64> {
    guidance.wait.map(|wait| wait.as_secs_f64())
}

/// Limit, remaining, and in seconds the window and the time until the reset.
type Numbers = (Option<u64>, Option<u64>, Option<u64>, Option<u64>);

/// Limit, remaining, window and time until the reset of one limit.
fn numbers(policy: &Policy) -> Numbers {
    let reset = policy.reset_after.map(|reset| reset.as_secs());
    (
        policy.limit,
        policy.remaining,
        policy.window.map(|window| window.as_secs()),
        reset,
    )
}

fn all(guidance: &Guidance) -> Vec<(&str, Numbers)> {
    guidance
        .policies
        .iter()
        .map(|policy| (policy.name.as_deref().unwrap_or(""), numbers(policy)))
        .collect()
}

#[test]
fn a_limit_of_the_whole_account_that_is_exhausted_covers_all_requests() {
    // Zendesk announces the account's limit without a name, and those of endpoints under theirs (developer.zendesk.com,
    // rate limits). EVE's errors are counted by address (developers.eveonline.com, error limit).
    let account = [
        ("x-rate-limit", "700"),
        ("x-rate-limit-remaining", "0"),
        ("ratelimit-limit", "700"),
        ("ratelimit-remaining", "0"),
        ("ratelimit-reset", "30"),
    ];
    let errors = [
        ("x-esi-error-limit-remain", "0"),
        ("x-esi-error-limit-reset", "30"),
    ];
    for status in [200, 404, 429] {
        let told = answer("zendesk", status, &account, "");
        assert_eq!(told.scope, Some(Scope::Everything), "{status}");
        let told = answer("eve", status, &errors, "");
        assert_eq!(told.scope, Some(Scope::Everything), "{status}");
    }
    let endpoint = [
        ("x-rate-limit", "700"),
        ("x-rate-limit-remaining", "600"),
        ("ratelimit-reset", "30"),
        (
            "zendesk-ratelimit-tickets-index",
            "total=50; remaining=0; resets=20",
        ),
    ];
    for status in [200, 429] {
        assert_eq!(answer("zendesk", status, &endpoint, "").scope, None);
    }
    assert_eq!(
        answer("okta", 429, &account, "").scope,
        None,
        "it counts endpoints"
    );
}

mod retry_after {
    use super::*;

    #[test]
    fn an_instant_in_milliseconds_is_no_wait_of_decades() {
        for name in [
            "retry-after-ms",
            "x-retry-after-ms",
            "x-ratelimit-retry-after-ms",
        ] {
            let told = generic(429, &[(name, "1767225630250")]);
            assert_eq!(wait(&told), Some(30.25), "{name}");
        }
        assert_eq!(
            wait(&generic(429, &[("retry-after-ms", "30250")])),
            Some(30.25)
        );
        let body = r#"{"retry_after_ms": 1767225630250}"#;
        assert_eq!(wait(&answer("generic", 429, &[], body)), Some(30.25));
    }

    fn of(value: &str) -> Option<f64> {
        wait(&generic(429, &[("retry-after", value)]))
    }

    #[test]
    fn every_form_of_the_date_is_the_same_wait() {
        for date in [
            "Thu, 01 Jan 2026 00:00:30 GMT",
            "Thursday, 01-Jan-26 00:00:30 GMT",
            "Thu Jan  1 00:00:30 2026",
            "Thu, 01 Jan 2026 00:00:30 UTC",
            "Thu, 01 Jan 2026 01:00:30 +0100",
            "2026-01-01T00:00:30Z",
        ] {
            assert_eq!(of(date), Some(30.0), "{date}");
        }
    }

    #[test]
    fn an_invalid_retry_after_counts_as_absent() {
        for value in [
            "-5",
            "+5",
            "NaN",
            "inf",
            "1e3",
            "0x1E",
            "5.",
            ".5",
            "1e3s",
            "-30s",
            "30 apples",
            "PT",
            "P30S",
            ",",
            "null",
            "٣",
            "\u{fffd}",
        ] {
            assert_eq!(of(value), None, "{value}");
        }
    }

    #[test]
    fn every_form_of_a_duration_is_read_in_headers_and_bodies() {
        for (text, seconds) in [
            ("30", 30.0),
            ("30.5", 30.5),
            ("\"30\"", 30.0),
            ("30s", 30.0),
            ("1m0s", 60.0),
            ("1h2m3.5s", 3723.5),
            ("20ms", 0.02),
            ("30 seconds", 30.0),
            ("2 minutes", 120.0),
            ("1 min 30 sec", 90.0),
            ("\"1 min 30 sec\"", 90.0),
            ("PT30S", 30.0),
            ("PT1M30.5S", 90.5),
            ("P1D", 86_400.0),
        ] {
            assert_eq!(of(text), Some(seconds), "{text}");
            for header in [
                "x-retry-after",
                "x-ratelimit-retry-after",
                "retry-after-short",
            ] {
                assert_eq!(
                    wait(&generic(429, &[(header, text)])),
                    Some(seconds),
                    "{header}: {text}"
                );
            }
            let body = format!("{{\"retry_after\": {}}}", serde_json::json!(text));
            assert_eq!(
                wait(&answer("generic", 429, &[], &body)),
                Some(seconds),
                "{body}"
            );
            let spent = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", text)];
            assert_eq!(wait(&generic(429, &spent)), Some(seconds), "reset: {text}");
        }
        // A text that names its unit is read by that, also where the name of the header has another.
        assert_eq!(
            wait(&generic(429, &[("retry-after-ms", "30s")])),
            Some(30.0)
        );
        assert_eq!(of("1m0s, 20s"), Some(60.0));
        assert_eq!(of(&format!("{}h", "9".repeat(40))), Some(2_147_483_648.0));
    }

    #[test]
    fn a_name_behind_the_field_is_the_name_of_a_limit() {
        let of = |headers: &[(&'static str, &str)]| wait(&generic(429, headers));
        assert_eq!(of(&[("retry-after-medium", "10")]), Some(10.0));
        assert_eq!(
            of(&[("retry-after-medium", "10"), ("retry-after-short", "1")]),
            Some(10.0)
        );
        assert_eq!(of(&[("retry-after-minutes", "2")]), Some(120.0));
        assert_eq!(
            of(&[("retry-after-medium", "10"), ("retry-after", "3")]),
            Some(3.0)
        );
        for other in [
            "retry-after-policy",
            "retry-after-reason",
            "retry-after-count",
            "x-ratelimit-retry-after-reason",
        ] {
            assert_eq!(of(&[(other, "10")]), None, "{other}");
        }
    }

    #[test]
    fn zero_hides_no_wait_that_comes_after_it() {
        for zero in [
            "0",
            "0.0",
            "0s",
            "Thu, 01 Jan 2026 00:00:00 GMT",
            "Wed, 31 Dec 2025 00:00:00 GMT",
        ] {
            let with = |others: &[(&'static str, &str)], body| {
                let headers = [&[("retry-after", zero)], others].concat();
                let told = answer("generic", 429, &headers, body);
                (wait(&told), told.source)
            };
            let body = r#"{"retry_after":30}"#;
            assert_eq!(
                with(&[], body),
                (Some(30.0), Some(WaitSource::Body)),
                "{zero}"
            );
            let spent = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "40")];
            assert_eq!(
                with(&spent, ""),
                (Some(40.0), Some(WaitSource::Reset)),
                "{zero}"
            );
            assert_eq!(
                with(&[("x-retry-after", "7")], ""),
                (Some(7.0), Some(WaitSource::Header))
            );
            assert_eq!(
                with(&[], r#"{"retry_after":0}"#),
                (Some(0.0), Some(WaitSource::Header))
            );
        }
        let exact = [
            ("retry-after-ms", "0"),
            ("x-ms-retry-after-ms", "0"),
            ("retry-after", "5"),
        ];
        assert_eq!(wait(&generic(429, &exact)), Some(5.0));
        let airtable = answer("airtable", 429, &[("retry-after", "0")], "");
        assert_eq!(airtable.least_wait, Some(Duration::from_secs(30)));
        assert_eq!(airtable.pause(), Some(Duration::from_secs(30)));
    }

    #[test]
    fn the_longest_of_lines_and_parts_is_obeyed_whatever_their_form() {
        let lines = [
            ("retry-after", "5, Thu, 01 Jan 2026 00:00:40 GMT"),
            ("retry-after", "x"),
            ("retry-after", "20"),
        ];
        assert_eq!(wait(&generic(503, &lines)), Some(40.0));
    }

    #[test]
    fn an_epoch_is_no_delay_and_a_huge_number_saturates() {
        assert_eq!(of("1767225660"), Some(60.0));
        assert_eq!(of("1767225660000"), Some(60.0));
        assert_eq!(of("1767225500"), Some(0.0));
        assert_eq!(of("1500000000"), Some(1_500_000_000.0));
        for huge in ["4294967296", "9223372036854775808", &"9".repeat(400)] {
            assert_eq!(of(huge), Some(2_147_483_648.0), "{huge}");
        }
    }

    #[test]
    fn milliseconds_come_before_seconds_and_seconds_before_cousins() {
        let headers = [
            ("x-ratelimit-retry-after", "9"),
            ("x-retry-after", "7"),
            ("retry-after", "6"),
            ("retry-after-ms", "5421"),
        ];
        assert_eq!(wait(&generic(429, &headers)), Some(5.421));
        assert_eq!(wait(&generic(429, &headers[..3])), Some(6.0));
        assert_eq!(wait(&generic(429, &headers[..2])), Some(9.0));
        assert_eq!(
            wait(&generic(
                429,
                &[
                    ("retry-after-ms", "nan"),
                    ("x-ms-retry-after-ms", "50"),
                    ("retry-after", "1")
                ]
            )),
            Some(0.05)
        );
        assert_eq!(
            wait(&generic(429, &[("retry-after-ms", &"9".repeat(30))])),
            Some(2_147_483_648.0)
        );
        assert_eq!(
            wait(&generic(429, &[("x-ratelimit-retry-after-ms", "250")])),
            Some(0.25)
        );
    }

    #[test]
    fn the_servers_clock_is_the_base_of_its_dates() {
        let late = [
            ("date", "Thu, 01 Jan 2026 00:10:00 GMT"),
            ("retry-after", "Thu, 01 Jan 2026 00:10:30 GMT"),
        ];
        let guidance = generic(503, &late);
        assert_eq!(
            (wait(&guidance), guidance.reset_after),
            (Some(30.0), Some(Duration::from_secs(30)))
        );
        let broken = [
            ("date", "yesterday"),
            ("retry-after", "Thu, 01 Jan 2026 00:00:30 GMT"),
        ];
        assert_eq!(wait(&generic(503, &broken)), Some(30.0));
        let cached = [
            ("age", "20"),
            ("date", "Thu, 01 Jan 2026 00:10:00 GMT"),
            ("retry-after", "Thu, 01 Jan 2026 00:10:30 GMT"),
        ];
        assert_eq!(wait(&generic(503, &cached)), Some(10.0));
    }

    #[test]
    fn a_wait_is_read_on_any_status_with_its_source() {
        for status in [200, 202, 301, 404, 413, 500, 503] {
            let guidance = generic(status, &[("retry-after", "3")]);
            assert_eq!(
                (wait(&guidance), guidance.source, guidance.refusal),
                (Some(3.0), Some(WaitSource::Header), None),
                "{status}"
            );
        }
    }
}

mod drafts {
    use super::*;

    #[test]
    fn each_generation_of_drafts_means_the_same() {
        let expected = [(Some(100), Some(0), Some(60), Some(50))];
        let of = |headers: &[(&'static str, &str)]| {
            generic(429, headers)
                .policies
                .iter()
                .map(numbers)
                .collect::<Vec<_>>()
        };
        let trio = |limit| {
            [
                ("ratelimit-limit", limit),
                ("ratelimit-remaining", "0"),
                ("ratelimit-reset", "50"),
            ]
        };
        assert_eq!(of(&trio("100, 100;w=60")), expected);
        assert_eq!(of(&trio("100;w=60")), expected);
        assert_eq!(of(&trio("100;window=60")), expected);
        let policy = [("ratelimit-policy", "100;w=60;comment=\"a, b\"")];
        assert_eq!(of(&[&trio("100")[..], &policy[..]].concat()), expected);
        assert_eq!(of(&[&trio("100")[1..], &policy[..]].concat()), expected);
        assert_eq!(
            of(&[("ratelimit", "limit=100, remaining=0, reset=50"), policy[0]]),
            expected
        );
        assert_eq!(
            of(&[("ratelimit", "limit=100;w=60, remaining=0, reset=50")]),
            expected
        );
        let named = [
            ("ratelimit-policy", "\"a\";q=100;w=60"),
            ("ratelimit", "\"a\";r=0;t=50"),
        ];
        assert_eq!(of(&named), expected);
        assert_eq!(
            of(&[
                ("ratelimit-policy", "a;q=100;w=60"),
                ("ratelimit", "a; r=0; t=50")
            ]),
            expected
        );
    }

    #[test]
    fn generations_sent_together_are_one_limit() {
        let guidance = generic(
            200,
            &[
                ("ratelimit-limit", "10"),
                ("ratelimit-remaining", "9"),
                ("ratelimit-reset", "1"),
                ("ratelimit-policy", "\"default\";q=10;w=1"),
                ("ratelimit", "\"default\";r=9;t=1"),
                ("x-ratelimit-limit", "10"),
                ("x-ratelimit-remaining", "9"),
                ("x-ratelimit-reset", "1767225601"),
            ],
        );
        assert_eq!(
            all(&guidance),
            [("default", (Some(10), Some(9), Some(1), Some(1)))]
        );
    }

    #[test]
    fn limits_without_a_remaining_amount_are_listed_too() {
        let headers = [
            ("ratelimit-policy", "10;w=1, 50;w=60, 50;w=60"),
            ("ratelimit-limit", "10"),
            ("ratelimit-remaining", "3"),
        ];
        let expected = [
            ("", (Some(10), Some(3), Some(1), None)),
            ("", (Some(50), None, Some(60), None)),
            ("", (Some(50), None, Some(60), None)),
        ];
        assert_eq!(all(&generic(200, &headers)), expected);
        let guidance = generic(
            200,
            &[
                ("ratelimit-policy", "\"a\";q=5;w=1, \"b\";q=9;w=60"),
                ("ratelimit", "\"b\";r=4;t=2"),
            ],
        );
        assert_eq!(
            all(&guidance),
            [
                ("b", (Some(9), Some(4), Some(60), Some(2))),
                ("a", (Some(5), None, Some(1), None))
            ]
        );
        assert_eq!(generic(200, &headers[..1]).limit, Some(10));
    }

    #[test]
    fn a_dictionary_on_two_lines_is_one_limit_and_a_repeated_key_two() {
        let two = generic(
            429,
            &[
                ("ratelimit", "limit=100, remaining=5, reset=60"),
                ("ratelimit", "limit=10, remaining=0, reset=3"),
            ],
        );
        assert_eq!(
            (wait(&two), two.limit, two.policies.len()),
            (Some(3.0), Some(10), 2)
        );
    }

    #[test]
    fn malformed_fields_are_ignored_and_spoil_nothing_else() {
        for bad in [
            "\"a\";r=abc;t=9",
            "\"a;r=0;t=9",
            "\"a\";r=-1",
            "limit=x, remaining=0, reset=9",
            "remaining=-1, reset=9",
            "a;;",
            "=",
            "(\"a\");r=0",
        ] {
            let alone = generic(429, &[("ratelimit", bad)]);
            assert_eq!((wait(&alone), alone.policies.len()), (None, 0), "{bad}");
            let beside = generic(
                429,
                &[
                    ("ratelimit", bad),
                    ("ratelimit", "\"b\";r=0;t=4"),
                    ("x-ratelimit-remaining", "7"),
                ],
            );
            assert_eq!(
                (wait(&beside), beside.policies.len()),
                (Some(4.0), 2),
                "{bad}"
            );
        }
    }

    #[test]
    fn the_same_name_with_another_key_is_another_policy() {
        let headers = [
            (
                "ratelimit-policy",
                "\"u\";q=5;w=1;pk=:QQ==:, \"u\";q=9;w=60;pk=:Qg==:",
            ),
            (
                "ratelimit",
                "\"u\";r=0;t=9;pk=:Qg==:, \"u\";r=3;t=1;pk=:QQ==:",
            ),
        ];
        let expected = [
            ("u", (Some(9), Some(0), Some(60), Some(9))),
            ("u", (Some(5), Some(3), Some(1), Some(1))),
        ];
        assert_eq!(all(&generic(429, &headers)), expected);
        let keyless = [("ratelimit-policy", "\"u\";q=5;w=1"), headers[1]];
        assert_eq!(generic(429, &keyless).limit, Some(5));
    }

    #[test]
    fn limits_from_a_cache_are_ignored_except_for_retry_after() {
        let cached = |age| {
            generic(
                429,
                &[
                    ("age", age),
                    ("x-ratelimit-remaining", "0"),
                    ("x-ratelimit-reset", "30"),
                    ("ratelimit", "\"a\";r=0;t=9"),
                ],
            )
        };
        assert_eq!((wait(&cached("1")), cached("1").policies.len()), (None, 0));
        assert_eq!(wait(&cached("0")), Some(30.0));
        assert_eq!(wait(&cached("x")), Some(30.0));
        assert_eq!(
            wait(&generic(429, &[("age", "1"), ("retry-after", "5")])),
            Some(5.0)
        );
    }

    #[test]
    fn a_violated_policy_of_a_problem_report_is_the_one_to_wait_for() {
        let headers = [("ratelimit", "\"a\";r=5;t=20, \"b\";r=3;t=900")];
        let body = r#"{"type":"https://iana.org/assignments/http-problem-types#quota-exceeded","violated-policies":["a"]}"#;
        assert_eq!(wait(&answer("generic", 429, &headers, body)), Some(20.0));
        assert_eq!(wait(&answer("generic", 429, &headers, "{}")), None);
    }
}

mod similar_headers {
    use super::*;

    fn trio(prefix: [&'static str; 3], values: [&str; 3]) -> Guidance {
        generic(
            429,
            &[
                (prefix[0], values[0]),
                (prefix[1], values[1]),
                (prefix[2], values[2]),
            ],
        )
    }

    #[test]
    fn every_spelling_of_the_names_is_read() {
        for names in [
            ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"],
            [
                "x-ratelimit-limit",
                "x-ratelimit-remaining",
                "x-ratelimit-reset",
            ],
            [
                "x-rate-limit-limit",
                "x-rate-limit-remaining",
                "x-rate-limit-reset",
            ],
            [
                "rate-limit-limit",
                "rate-limit-remaining",
                "rate-limit-reset",
            ],
            [
                "x-rate-limit",
                "x-rate-limit-remaining",
                "x-rate-limit-reset",
            ],
            ["x-ratelimit", "x-ratelimit-remaining", "x-ratelimit-reset"],
            ["x-ratelimit-max", "x-ratelimit-left", "x-ratelimit-resets"],
            [
                "x-ratelimit-quota",
                "x-ratelimit-quota-remaining",
                "x-ratelimit-quota-reset",
            ],
            [
                "x-acme-ratelimit-limit",
                "x-acme-ratelimit-remaining",
                "x-acme-ratelimit-reset-after",
            ],
            [
                "fastly-ratelimit-limit",
                "fastly-ratelimit-remaining",
                "fastly-ratelimit-reset",
            ],
            [
                "x-ratelimitlimit",
                "x-ratelimitremaining",
                "x-ratelimitreset",
            ],
            [
                "x-ratelimit-limit",
                "x-ratelimit-remaining",
                "x-ratelimit-reset-seconds",
            ],
            [
                "x-ratelimit-limit",
                "x-ratelimit-remaining",
                "x-ratelimit-reset-in",
            ],
            [
                "x-ratelimit-limit",
                "x-ratelimit-remaining",
                "x-ratelimit-next",
            ],
        ] {
            let guidance = trio(names, ["60", "0", "12"]);
            assert_eq!(
                all(&guidance),
                [("", (Some(60), Some(0), None, Some(12)))],
                "{names:?}"
            );
            assert_eq!(
                (wait(&guidance), guidance.source),
                (Some(12.0), Some(WaitSource::Reset)),
                "{names:?}"
            );
        }
    }

    #[test]
    fn every_form_of_the_reset_is_the_same_instant() {
        for reset in [
            "60",
            "60.0",
            "\"60\"",
            "1767225660",
            "1767225660.0",
            "1767225660000",
            "1767225660000000",
            "1767225660000000000",
            "60s",
            "1m",
            "1m0s",
            "60000ms",
            "60 seconds",
            "0h1m0s",
            "2026-01-01T00:01:00Z",
            "2026-01-01T01:01:00+01:00",
            "2026-01-01 00:01:00 UTC",
            "Thu, 01 Jan 2026 00:01:00 GMT",
            "Thu Jan 01 2026 01:01:00 GMT+0100 (CET)",
            "60;w=60",
        ] {
            let guidance = trio(
                [
                    "x-ratelimit-limit",
                    "x-ratelimit-remaining",
                    "x-ratelimit-reset",
                ],
                ["10", "0", reset],
            );
            assert_eq!(
                (wait(&guidance), guidance.limit),
                (Some(60.0), Some(10)),
                "{reset}"
            );
        }
    }

    #[test]
    fn a_reset_that_is_nonsense_spoils_nothing_else() {
        for reset in [
            "monthly",
            "",
            "4102444800",
            "2100-01-01T00:00:00Z",
            "NaN",
            "1e3",
            "\u{fffd}\u{fffd}",
            ",,",
        ] {
            let guidance = trio(
                [
                    "x-ratelimit-limit",
                    "x-ratelimit-remaining",
                    "x-ratelimit-reset",
                ],
                ["10", "0", reset],
            );
            assert_eq!(
                (
                    wait(&guidance),
                    guidance.limit,
                    guidance.remaining,
                    guidance.reset_after
                ),
                (None, Some(10), Some(0), None),
                "{reset}"
            );
        }
    }

    #[test]
    fn a_name_with_a_unit_names_the_unit() {
        let of = |name, value| {
            wait(&generic(
                429,
                &[("x-ratelimit-remaining", "0"), (name, value)],
            ))
        };
        assert_eq!(of("x-ratelimit-reset-ms", "1500"), Some(1.5));
        assert_eq!(of("x-ratelimit-reset-after-ms", "1500"), Some(1.5));
        assert_eq!(
            of("x-ratelimit-reset-milliseconds", "1767225660000"),
            Some(60.0)
        );
        assert_eq!(of("x-ratelimit-reset-at", "1767225660"), Some(60.0));
        assert_eq!(
            of("x-ratelimit-reset-date", "2026-01-01T00:01:00Z"),
            Some(60.0)
        );
    }

    #[test]
    fn a_difference_is_taken_before_an_instant() {
        let headers = [
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1767225700"),
            ("x-ratelimit-reset-after", "1.5"),
        ];
        assert_eq!(wait(&generic(429, &headers)), Some(1.5));
        let headers = [
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset-after", "soon"),
            ("x-ratelimit-reset", "1767225700"),
        ];
        assert_eq!(wait(&generic(429, &headers)), Some(100.0));
    }

    #[test]
    fn windows_come_from_names_headers_and_amounts() {
        let window = |headers: &[(&'static str, &str)]| {
            generic(200, headers).window.map(|window| window.as_secs())
        };
        for (header, value, seconds) in [
            ("x-ratelimit-window", "60", 60),
            ("x-ratelimit-window-size", "600s", 600),
            ("x-ratelimit-period", "3600", 3600),
            ("x-ratelimit-interval", "10", 10),
            ("x-ratelimit-interval-milliseconds", "10000", 10),
            ("x-ratelimit-window-ms", "60000", 60),
            ("x-ratelimit-window", "minute", 60),
            ("x-rate-limit-duration", "1", 1),
        ] {
            let limit = if header.starts_with("x-rate-") {
                "x-rate-limit-limit"
            } else {
                "x-ratelimit-limit"
            };
            assert_eq!(
                window(&[(limit, "5"), (header, value)]),
                Some(seconds),
                "{header}"
            );
        }
        for (header, seconds) in [
            ("x-ratelimit-limit-second", 1),
            ("x-ratelimit-limit-minute", 60),
            ("x-ratelimit-hour-limit", 3600),
            ("x-ratelimit-limit-day", 86_400),
            ("x-ratelimit-daily-limit", 86_400),
            ("x-ratelimit-limit-month", 2_592_000),
            ("x-ratelimit-limit-10s", 10),
            ("x-ratelimit-daily", 86_400),
        ] {
            assert_eq!(window(&[(header, "5")]), Some(seconds), "{header}");
        }
        for (limit, seconds) in [
            ("5;w=10", 10),
            ("5/minute", 60),
            ("5 per 10 seconds", 10),
            ("5:120", 120),
            ("5, 5;w=7", 7),
        ] {
            assert_eq!(
                window(&[("x-ratelimit-limit", limit)]),
                Some(seconds),
                "{limit}"
            );
        }
    }

    #[test]
    fn counts_stand_in_for_each_other() {
        let of = |headers: &[(&'static str, &str)]| {
            let guidance = generic(200, headers);
            (guidance.limit, guidance.remaining)
        };
        assert_eq!(
            of(&[("x-ratelimit-limit", "60"), ("x-ratelimit-used", "13")]),
            (Some(60), Some(47))
        );
        assert_eq!(
            of(&[
                ("x-ratelimit-limit", "60"),
                ("ratelimit-limit", "60"),
                ("ratelimit-observed", "67")
            ]),
            (Some(60), Some(0))
        );
        assert_eq!(
            of(&[("x-ratelimit-remaining", "96.0"), ("x-ratelimit-used", "4")]),
            (Some(100), Some(96))
        );
        assert_eq!(
            of(&[
                ("x-ratelimit-limit", "-1"),
                ("x-ratelimit-remaining", "unlimited")
            ]),
            (None, None)
        );
        assert_eq!(of(&[("x-ratelimit-used", "5")]), (None, None));
        assert_eq!(
            of(&[
                ("x-ratelimit-limit", &"9".repeat(50)),
                ("x-ratelimit-remaining", "0")
            ]),
            (Some(u64::MAX), Some(0))
        );
        // Docker Hub sends the window with the remaining amount, too.
        assert_eq!(
            of(&[
                ("ratelimit-limit", "100;w=21600"),
                ("ratelimit-remaining", "76;w=21600")
            ]),
            (Some(100), Some(76))
        );
        assert_eq!(
            of(&[("x-shop-api-call-limit", "32/40")]),
            (Some(40), Some(8))
        );
    }

    #[test]
    fn lines_of_two_proxies_are_two_limits_joined_or_not() {
        let expected = [
            ("", (Some(100), Some(10), None, Some(30))),
            ("", (Some(50), Some(0), None, Some(12))),
        ];
        let dates = "Thu, 01 Jan 2026 00:00:30 GMT, Thu, 01 Jan 2026 00:00:12 GMT";
        for reset in ["30, 12", dates, "30s,12s", "30, 1767225612"] {
            let joined = [
                ("x-ratelimit-limit", "100, 50"),
                ("x-ratelimit-remaining", "10, 0"),
                ("x-ratelimit-reset", reset),
            ];
            assert_eq!(all(&generic(429, &joined)), expected, "{reset}");
        }
        let holes = [
            ("x-ratelimit-limit", "100"),
            ("x-ratelimit-limit", "?"),
            ("x-ratelimit-remaining", "7, 0"),
            ("x-ratelimit-reset", "30"),
        ];
        assert_eq!(
            all(&generic(429, &holes)),
            [
                ("", (Some(100), Some(7), None, Some(30))),
                ("", (None, Some(0), None, Some(30)))
            ]
        );
    }

    #[test]
    fn dimensions_stand_before_or_behind_the_field() {
        let expected = [
            ("requests", (Some(60), Some(59), None, Some(1))),
            ("input-tokens", (Some(100), Some(0), None, Some(360))),
        ];
        let behind = [
            ("x-ratelimit-limit-input-tokens", "100"),
            ("x-ratelimit-remaining-input-tokens", "0"),
            ("x-ratelimit-reset-input-tokens", "6m0s"),
            ("x-ratelimit-limit-requests", "60"),
            ("x-ratelimit-remaining-requests", "59"),
            ("x-ratelimit-reset-requests", "1s"),
        ];
        assert_eq!(all(&generic(200, &behind)), expected);
        let before = [
            ("acme-ratelimit-requests-limit", "60"),
            ("acme-ratelimit-requests-remaining", "59"),
            ("acme-ratelimit-requests-reset", "1s"),
            ("acme-ratelimit-input-tokens-limit", "100"),
            ("acme-ratelimit-input-tokens-remaining", "0"),
            ("acme-ratelimit-input-tokens-reset", "2026-01-01T00:06:00Z"),
        ];
        assert_eq!(all(&generic(200, &before)), expected);
        let mut units = generic(200, &before)
            .policies
            .into_iter()
            .map(|policy| policy.unit.as_str().to_owned());
        assert_eq!(
            (units.next(), units.next()),
            (Some("requests".to_owned()), Some("tokens".to_owned()))
        );
    }

    #[test]
    fn an_interval_that_refills_is_no_window() {
        let headers = [
            ("x-ratelimit-limit", "1000"),
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-fillrate", "50"),
            ("x-ratelimit-interval-seconds", "5"),
        ];
        assert_eq!(
            all(&generic(429, &headers)),
            [("", (Some(1000), Some(0), None, Some(5)))]
        );
    }

    #[test]
    fn headers_about_something_else_are_no_limits() {
        let guidance = generic(
            429,
            &[
                ("beta-ratelimit", "\"a\";r=0;t=50"),
                ("beta-retry-after", "50"),
                ("x-ratelimit-bucket", "1234"),
                ("x-ratelimit-cost", "5"),
                ("x-ratelimit-nearlimit", "true"),
                ("x-ratelimit-resource", "core"),
                ("x-ratelimit-over-limit", "no"),
                ("x-limit", "3"),
                (
                    "x-sentry-rate-limits",
                    "60:default;error:organization, 2700:transaction:project",
                ),
                ("x-ratelimit", "unlimited"),
            ],
        );
        assert_eq!(
            (wait(&guidance), guidance.policies.len()),
            (None, 0),
            "{guidance:?}"
        );
    }

    #[test]
    fn a_throttle_without_a_count_waits_for_the_latest_reset_and_one_with_some_left_for_none() {
        let headers = [("x-ratelimit-reset", "30"), ("ratelimit-reset", "90")];
        assert_eq!(wait(&generic(429, &headers)), Some(90.0));
        assert_eq!(wait(&generic(200, &headers)), None);
        assert_eq!(wait(&generic(404, &headers)), None);
        let left = [
            ("x-ratelimit-remaining", "5"),
            ("x-ratelimit-reset", "30"),
            ("ratelimit-reset", "90"),
        ];
        assert_eq!(wait(&generic(429, &left)), None);
    }
}

mod vendors {
    use super::*;

    #[test]
    fn windows_that_are_documented_are_known_and_sent_ones_go_before_them() {
        let trio = [
            ("x-rate-limit-limit", "900"),
            ("x-rate-limit-remaining", "5"),
            ("x-rate-limit-reset", "1767225660"),
        ];
        let window = |profile, more: &[(&'static str, &str)]| {
            let headers = [&trio[..], more].concat();
            answer(profile, 200, &headers, "")
                .window
                .map(|window| window.as_secs())
        };
        let expected = [
            ("okta", 60),
            ("x", 900),
            ("intercom", 10),
            ("pagerduty", 60),
            ("github", 3600),
            ("servicenow", 3600),
        ];
        for (profile, seconds) in expected {
            assert_eq!(window(profile, &[]), Some(seconds), "{profile}");
            assert_eq!(
                window(profile, &[("x-rate-limit-period", "77")]),
                Some(77),
                "{profile}"
            );
        }
        assert_eq!(
            window("github", &[("x-ratelimit-resource", "search")]),
            Some(60)
        );
        assert_eq!(
            window("github", &[("x-ratelimit-resource", "core")]),
            Some(3600)
        );
        let day = [
            ("x-app-limit-24hour-limit", "10"),
            ("x-app-limit-24hour-remaining", "0"),
            ("x-app-limit-24hour-reset", "1767229200"),
        ];
        let guidance = answer("x", 429, &[&trio[..], &day[..]].concat(), "");
        assert_eq!(
            (
                wait(&guidance),
                guidance.window.map(|window| window.as_secs())
            ),
            (Some(3600.0), Some(86_400))
        );
    }

    #[test]
    fn github_hides_throttles_in_403_and_200() {
        let left = [
            ("x-ratelimit-limit", "5000"),
            ("x-ratelimit-remaining", "4000"),
            ("x-ratelimit-reset", "1767228600"),
        ];
        let secondary = r#"{"message":"You have exceeded a SECONDARY rate limit."}"#;
        let of = |status, headers: &[(&'static str, &str)], body| {
            answer("github", status, headers, body)
        };
        let minute = Some(Duration::from_secs(60));
        for guidance in [of(403, &left, secondary), of(429, &left, "")] {
            assert_eq!(
                (
                    guidance.is_throttle(),
                    guidance.wait,
                    guidance.least_wait,
                    guidance.retryable
                ),
                (true, None, minute, None)
            );
        }
        let spent = [
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1767225700"),
        ];
        assert!(
            of(403, &spent, "").is_throttle() && of(403, &[("retry-after", "5")], "").is_throttle()
        );
        // Without a body the response does not tell; with one it is an ordinary error.
        assert_eq!(
            (of(403, &left, "").refusal, of(403, &left, "").retryable),
            (None, None)
        );
        let forbidden = of(403, &left, r#"{"message":"Resource not accessible"}"#);
        assert_eq!(
            (forbidden.refusal, forbidden.retryable, forbidden.least_wait),
            (None, Some(false), None)
        );
        let graphql = of(
            200,
            &spent,
            r#"{"data":null,"errors":[{"type":"RATE_LIMITED"}]}"#,
        );
        assert_eq!((graphql.is_throttle(), wait(&graphql)), (true, Some(100.0)));
        // Text that users wrote, such as a commit's, is not the server's word.
        assert!(
            !of(
                200,
                &left,
                r#"{"message":"fix secondary rate limit","errors":[]}"#
            )
            .is_throttle()
        );
        assert!(
            !of(
                200,
                &left,
                r#"{"data":{"errors":[{"type":"RATE_LIMITED"}]}}"#
            )
            .is_throttle()
        );
    }

    #[test]
    fn shopify_announces_the_cost_and_the_bucket() {
        let body = |errors: &str, available: &str| {
            format!(
                r#"{{{errors}"extensions":{{"cost":{{"requestedQueryCost":752,"actualQueryCost":null,"throttleStatus":{{
                "maximumAvailable":1000.0,"currentlyAvailable":{available},"restoreRate":50.0}}}}}}}}"#
            )
        };
        let throttled = answer(
            "shopify",
            200,
            &[],
            &body(
                r#""errors":[{"message":"Throttled","extensions":{"code":"THROTTLED"}}],"#,
                "2",
            ),
        );
        assert_eq!(
            (wait(&throttled), throttled.source, throttled.is_throttle()),
            (Some(15.0), Some(WaitSource::Body), true)
        );
        assert_eq!(
            (throttled.limit, throttled.remaining, throttled.reset_after),
            (Some(1000), Some(2), Some(Duration::from_secs(15)))
        );
        let fine = answer("shopify", 200, &[], &body("", "248"));
        assert_eq!(
            (fine.wait, fine.refusal, fine.limit, fine.remaining),
            (None, None, Some(1000), Some(248))
        );
    }

    #[test]
    fn throttles_under_other_statuses_are_found_and_other_errors_are_not() {
        let refused = |profile, status, body: &str| answer(profile, status, &[], body).refusal;
        let limit = Some(Refusal::Limit);
        assert_eq!(
            refused(
                "linear",
                400,
                r#"{"errors":[{"extensions":{"code":"RATELIMITED"}}]}"#
            ),
            limit
        );
        assert_eq!(
            refused(
                "linear",
                400,
                r#"{"errors":[{"extensions":{"code":"INVALID_INPUT"}}]}"#
            ),
            None
        );
        assert_eq!(
            refused(
                "monday",
                200,
                r#"{"errors":[{"extensions":{"code":"COMPLEXITY_BUDGET_EXHAUSTED"}}]}"#
            ),
            limit
        );
        assert_eq!(refused("monday", 200, r#"{"data":{"boards":[]}}"#), None);
        assert_eq!(
            refused(
                "salesforce",
                403,
                r#"[{"errorCode":"REQUEST_LIMIT_EXCEEDED","message":"x"}]"#
            ),
            limit
        );
        assert_eq!(
            refused(
                "salesforce",
                403,
                r#"[{"errorCode":"INSUFFICIENT_ACCESS"}]"#
            ),
            None
        );
        assert_eq!(
            refused(
                "google",
                403,
                r#"{"error":{"errors":[{"reason":"rateLimitExceeded"}]}}"#
            ),
            limit
        );
        assert_eq!(
            refused(
                "google",
                403,
                r#"{"error":{"errors":[{"reason":"insufficientPermissions"}]}}"#
            ),
            None
        );
        assert_eq!(
            refused(
                "google",
                403,
                r#"[{"error":{"details":[{"reason":"RATE_LIMIT_EXCEEDED"}]}}]"#
            ),
            limit
        );
        assert_eq!(
            refused("slack", 200, r#"{"ok":false,"error":"ratelimited"}"#),
            limit
        );
        assert_eq!(
            refused("slack", 200, r#"{"ok":false,"error":"channel_not_found"}"#),
            None
        );
        assert_eq!(refused("notion", 529, ""), limit);
        assert_eq!(refused("anthropic", 529, ""), Some(Refusal::Overload));
        assert_eq!(refused("generic", 529, ""), None);
        assert_eq!(
            refused("generic", 200, r#"{"errors":[{"type":"RATE_LIMITED"}]}"#),
            None
        );
        assert_eq!(
            answer("zendesk", 503, &[("retry-after", "9")], "").refusal,
            limit
        );
        assert_eq!(answer("zendesk", 503, &[], "").refusal, None);
    }

    #[test]
    fn waits_in_bodies_are_read_on_throttles_only() {
        let of = |profile, status, body: &str| wait(&answer(profile, status, &[], body));
        for (body, seconds) in [
            (r#"{"retry_after":64.57}"#, 64.57),
            (r#"{"additional_data":{"retry_after":"7"}}"#, 7.0),
            (r#"{"parameters":{"retry_after":35}}"#, 35.0),
            (r#"{"retryAfter":3,"error":{"retry_after_ms":4500}}"#, 4.5),
            (
                r#"{"errors":[{"extensions":{"retry_in_seconds":15}}]}"#,
                15.0,
            ),
            (
                r#"{"error":{"details":[{"@type":"x"},{"retryDelay":"13.5s"}]}}"#,
                13.5,
            ),
            (r#"{"retry_after":"2026-01-01T00:00:30Z"}"#, 30.0),
            (r#"{"retry_after":5,"broken":"#, 5.0),
            (r#"{"retry_after":1e300}"#, 2_147_483_648.0),
        ] {
            assert_eq!(of("generic", 429, body), Some(seconds), "{body}");
            assert_eq!(of("generic", 200, body), None, "{body}");
            assert_eq!(of("generic", 422, body), None, "{body}");
        }
        for body in [
            r#"{"retry_after":-1}"#,
            r#"{"retry_after":"soon"}"#,
            r#"{"retry_after":null}"#,
            r#"{"retry":5}"#,
            "retry_after: 5",
            r#"{"retry_after":12"#,
            "",
            "{",
        ] {
            assert_eq!(of("generic", 429, body), None, "{body}");
        }
        assert_eq!(
            of(
                "monday",
                200,
                r#"{"errors":[{"extensions":{"code":"COMPLEXITY_BUDGET_EXHAUSTED","retry_in_seconds":15}}]}"#
            ),
            Some(15.0)
        );
        assert_eq!(
            wait(&answer(
                "discord",
                429,
                &[("retry-after", "65")],
                r#"{"retry_after":64.57}"#
            )),
            Some(65.0)
        );
        let spent = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "900")];
        assert_eq!(
            wait(&answer("generic", 429, &spent, r#"{"retry_after":3}"#)),
            Some(3.0)
        );
    }

    #[test]
    fn the_servers_word_on_retries_is_read() {
        let of = |profile, status, headers: &[(&'static str, &str)], body: &str| {
            answer(profile, status, headers, body).retryable
        };
        assert_eq!(
            of("generic", 500, &[("x-should-retry", "false")], ""),
            Some(false)
        );
        assert_eq!(
            of("generic", 409, &[("stripe-should-retry", "True")], ""),
            Some(true)
        );
        assert_eq!(
            of(
                "generic",
                409,
                &[("x-should-retry", "true"), ("x-should-retry", "false")],
                ""
            ),
            Some(false)
        );
        assert_eq!(
            of("generic", 409, &[("x-should-retry", "perhaps")], ""),
            None
        );
        assert_eq!(
            of(
                "generic",
                429,
                &[],
                r#"{"error":{"code":"insufficient_quota"}}"#
            ),
            Some(false)
        );
        assert_eq!(
            of(
                "generic",
                429,
                &[("x-should-retry", "true")],
                r#"{"error":{"type":"insufficient_quota"}}"#
            ),
            Some(false)
        );
        for spent in [
            r#"{"code":"insufficient_quota"}"#,
            r#"{"error":"insufficient_quota"}"#,
        ] {
            assert_eq!(of("generic", 429, &[], spent), Some(false), "{spent}");
        }
        let blocked = r#"{"code":"rate_limited","additional_data":{"rate_limit_reason":"public_api_request_blocked"}}"#;
        assert_eq!(
            of("notion", 429, &[("retry-after", "5")], blocked),
            Some(false)
        );
        assert_eq!(
            of(
                "notion",
                503,
                &[],
                r#"{"additional_data":{"retry_guidance":"Do not repeat the write"}}"#
            ),
            Some(false)
        );
        assert_eq!(
            of("notion", 503, &[], r#"{"code":"service_unavailable"}"#),
            None
        );
        assert_eq!(
            of(
                "github",
                403,
                &[("x-should-retry", "true")],
                r#"{"message":"no"}"#
            ),
            Some(true)
        );
    }

    #[test]
    fn scope_and_reason_are_the_servers_words() {
        let of = |profile, headers: &[(&'static str, &str)], body: &str| {
            let guidance = answer(profile, 429, headers, body);
            (
                guidance.scope,
                guidance.reason.unwrap_or_default().into_string(),
            )
        };
        let (all, one) = (Some(Scope::Everything), Some(Scope::Endpoint));
        assert_eq!(
            of("discord", &[("x-ratelimit-scope", "shared")], ""),
            (one, "shared".to_owned())
        );
        assert_eq!(
            of("discord", &[("x-ratelimit-global", "true")], ""),
            (all, String::new())
        );
        assert_eq!(
            of("discord", &[], r#"{"global":true}"#),
            (all, String::new())
        );
        assert_eq!(
            of("discord", &[], r#"{"global":false}"#),
            (None, String::new())
        );
        assert_eq!(
            of("jira", &[("ratelimit-reason", "jira-burst-based")], ""),
            (one, "jira-burst-based".to_owned())
        );
        assert_eq!(
            of("riot", &[("x-rate-limit-type", "method")], ""),
            (one, "method".to_owned())
        );
        assert_eq!(
            of(
                "stripe",
                &[("stripe-rate-limited-reason", "global-rate")],
                ""
            ),
            (all, "global-rate".to_owned())
        );
        let endpoint =
            r#"{"additional_data":{"rate_limit_reason":"public_api_endpoint_rate_limit"}}"#;
        assert_eq!(
            of("notion", &[], endpoint),
            (one, "public_api_endpoint_rate_limit".to_owned())
        );
        assert_eq!(
            of("generic", &[("ratelimit-name", &"n".repeat(1000))], "")
                .1
                .len(),
            128
        );
        assert_eq!(
            answer("riot", 200, &[("x-rate-limit-type", "method")], "").reason,
            None
        );
    }

    #[test]
    fn hubspots_interval_bounds_the_wait_and_its_day_does_not() {
        let headers = [
            ("x-hubspot-ratelimit-interval-milliseconds", "10000"),
            ("x-hubspot-ratelimit-max", "100"),
            ("x-hubspot-ratelimit-remaining", "0"),
        ];
        let guidance = answer("hubspot", 429, &headers, "");
        assert_eq!(
            (wait(&guidance), guidance.source, guidance.reset_after),
            (Some(10.0), Some(WaitSource::Window), None)
        );
        let day = answer(
            "hubspot",
            429,
            &[
                ("x-hubspot-ratelimit-daily", "9"),
                ("x-hubspot-ratelimit-daily-remaining", "0"),
            ],
            "",
        );
        assert_eq!(
            (wait(&day), day.window),
            (None, Some(Duration::from_secs(86_400)))
        );
    }

    #[test]
    fn kongs_two_dialects_are_one_list() {
        let guidance = answer(
            "kong",
            429,
            &[
                ("ratelimit-limit", "10"),
                ("ratelimit-remaining", "0"),
                ("ratelimit-reset", "41"),
                ("x-ratelimit-limit-hour", "100"),
                ("x-ratelimit-remaining-hour", "50"),
                ("x-ratelimit-limit-minute", "10"),
                ("x-ratelimit-remaining-minute", "0"),
            ],
            "",
        );
        let expected = [
            ("minute", (Some(10), Some(0), Some(60), Some(41))),
            ("hour", (Some(100), Some(50), Some(3600), None)),
        ];
        assert_eq!(all(&guidance), expected);
        assert_eq!(wait(&guidance), Some(41.0));
    }

    #[test]
    fn strava_counts_reading_apart() {
        let guidance = answer(
            "strava",
            200,
            &[
                ("x-ratelimit-limit", "200,2000"),
                ("x-ratelimit-usage", "1,2"),
                ("x-readratelimit-limit", "100,1000"),
                ("x-readratelimit-usage", "1,2"),
            ],
            "",
        );
        let names: Vec<_> = guidance
            .policies
            .iter()
            .filter_map(|policy| policy.name.as_deref())
            .collect();
        assert_eq!(names, ["15min", "daily", "read-15min", "read-daily"]);
        assert_eq!((guidance.limit, guidance.remaining), (Some(100), Some(99)));
    }

    #[test]
    fn oracles_buckets_count_milliseconds() {
        let guidance = answer(
            "oracle",
            429,
            &[
                ("requestlimit-write-remaining", "0"),
                ("requestlimit-write-retryafter", "1500"),
                ("requestlimit-default-remaining", "9"),
            ],
            "",
        );
        assert_eq!((wait(&guidance), guidance.remaining), (Some(1.5), Some(0)));
        assert_eq!(
            answer(
                "generic",
                429,
                &[("requestlimit-write-retryafter", "1500")],
                ""
            )
            .wait,
            None
        );
    }
}
