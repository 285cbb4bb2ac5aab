//! Limits that responses keep apart: by the names that they carry, and by the routes of the requests.

use std::cell::Cell;
use std::collections::HashMap;

use super::*;
use api_ratelimiter_core::config::{BodyThrottle, DialectConfig, LimitConfig, ScopeConfig};

/// Status, headers and body of a response.
type Response = (u16, Vec<(&'static str, String)>, &'static str);

/// Returns a world with a preset of the library, under the base URL of the tests.
fn preset(name: &str) -> World {
    let config = api_ratelimiter_core::presets::all()
        .into_iter()
        .find(|config| config.name == name)
        .expect("a preset");
    world_with(
        name,
        |_| {},
        |own| {
            let base_url = std::mem::take(&mut own.base_url);
            *own = ApiRateConfig { base_url, ..config };
        },
    )
}

/// Returns a world of ten requests per second with another configuration.
fn ten_a_second(name: &str, change: impl FnOnce(&mut ApiRateConfig)) -> World {
    world_with(
        name,
        |_| {},
        |config| {
            (config.initial_rate, config.max_rate, config.min_rate) = (10.0, 10.0, 0.1);
            config.bucket = BucketConfig::default();
            change(config);
        },
    )
}

impl World {
    /// Gets a path, answered by `server`. Returns the time at which the last request went out, in seconds.
    fn get(&self, path: &str, server: impl Fn(f64) -> Response) -> f64 {
        self.get_labelled(path, None, server)
    }

    fn get_labelled(
        &self,
        path: &str,
        label: Option<&str>,
        server: impl Fn(f64) -> Response,
    ) -> f64 {
        let address = self.settings.call.base.join(path).expect("valid");
        let mut parts = RequestParts::new(Method::GET, address);
        if let Some(label) = label {
            let tags = Arc::make_mut(parts.tags.get_or_insert_default());
            tags.set_route(label).expect("valid");
        }
        let sent = Cell::new(0.0);
        let call = DrivenCall::new(&self.limiter, &self.settings.call, parts);
        let outcome = drive(
            call,
            |_| unreachable!("no source"),
            |_| {
                sent.set(self.clock.now().as_nanos() as f64 / 1e9);
                let (status, headers, body) = server(sent.get());
                let header = |(name, value): (&str, String)| {
                    (name.parse().expect("valid"), value.parse().expect("valid"))
                };
                let headers = headers.into_iter().map(header).collect();
                Ok(Scripted(
                    StatusCode::from_u16(status).expect("valid"),
                    headers,
                    body,
                ))
            },
        );
        outcome.expect("a response");
        sent.get()
    }
}

fn plain(_: f64) -> Response {
    (200, Vec::new(), "")
}

/// Returns a success that says what is left of a limit, under the name that the header gives it.
fn left(header: &'static str, name: &str, remaining: u64, reset: u64) -> Response {
    let headers = vec![
        (header, name.to_owned()),
        ("x-ratelimit-limit", "100".to_owned()),
        ("x-ratelimit-remaining", remaining.to_string()),
        ("x-ratelimit-reset", reset.to_string()),
    ];
    (200, headers, "")
}

/// A server of Discord's: each channel has a bucket of five requests in five seconds.
#[derive(Default)]
struct Buckets(RefCell<HashMap<usize, (f64, u64)>>);

impl Buckets {
    fn answer(&self, channel: usize, now: f64, name: String) -> Response {
        let mut buckets = self.0.borrow_mut();
        let (began, used) = buckets.entry(channel).or_insert((now, 0));
        if now >= *began + 5.0 {
            (*began, *used) = (now, 0);
        }
        *used += 1;
        let left = 5_u64.saturating_sub(*used);
        let after = *began + 5.0 - now;
        let mut headers = vec![
            ("x-ratelimit-limit", "5".to_owned()),
            ("x-ratelimit-remaining", left.to_string()),
            ("x-ratelimit-reset-after", format!("{after:.3}")),
            ("x-ratelimit-bucket", name),
        ];
        if *used > 5 {
            headers.push(("retry-after", format!("{}", after.ceil())));
            headers.push(("x-ratelimit-scope", "user".to_owned()));
            return (
                429,
                headers,
                "{\"message\": \"You are being rate limited.\"}",
            );
        }
        (200, headers, "")
    }
}

#[test]
fn two_hundred_requests_to_fifty_channels_take_what_the_server_allows() {
    // Discord documents 50 requests per second over all routes: four seconds, and the start at 40/s.
    for in_turn in [true, false] {
        let (world, server) = (preset("discord"), Buckets::default());
        let mut last = 0.0;
        for number in 0..200 {
            let channel = if in_turn { number % 50 } else { number / 4 };
            let path = format!("/channels/{}/messages", 900_000_000_000 + channel);
            let name = format!("b{channel}");
            last = world.get(&path, |now| server.answer(channel, now, name.clone()));
        }
        assert!(last < 6.0, "{last} s");
        let refused = world.limiter.snapshot().backed_off;
        assert_eq!(refused, 0);
    }
}

#[test]
fn channels_whose_buckets_carry_one_name_are_counted_apart() {
    // Documented: the bucket's name does not include the top-level resources of the path.
    let (world, server) = (preset("discord"), Buckets::default());
    let mut last = 0.0;
    for number in 0..200 {
        let path = format!(
            "/channels/{}/messages",
            900_000_000_000_u64 + number as u64 % 50
        );
        last = world.get(&path, |now| server.answer(number % 50, now, "one".into()));
    }
    assert!(last < 6.0, "{last} s");
}

#[test]
fn a_bucket_that_is_used_up_holds_its_own_channel_only() {
    let (world, server) = (preset("discord"), Buckets::default());
    let get = |channel: usize, kind: &str| {
        let path = format!("/channels/{channel}/{kind}");
        world.get(&path, |now| server.answer(channel, now, "b".into()))
    };
    for _ in 0..5 {
        assert!(get(1, "messages") < 1.0);
    }
    assert!(get(2, "messages") < 1.0, "another channel");
    let next = get(1, "messages");
    assert!(
        (5.0..7.0).contains(&next),
        "{next} s, and without a refusal"
    );
    // Another route of the channel tells that it counts in the same bucket, and is held the next time.
    assert!(get(1, "pins") < 7.0);
    for _ in 0..3 {
        get(1, "messages");
    }
    let pins = get(1, "pins");
    assert!(pins >= next + 5.0, "{pins} s");
    assert!(server.0.borrow().values().all(|(_, used)| *used <= 5));
}

#[test]
fn where_a_vendor_counts_by_endpoint_an_exhausted_one_holds_no_other() {
    // Okta names no bucket: the route is the limit, whatever ids are in it.
    let world = preset("okta");
    let exhausted = |_: f64| {
        let headers = vec![
            ("x-rate-limit-limit", "600".to_owned()),
            ("x-rate-limit-remaining", "0".to_owned()),
            ("x-rate-limit-reset", "60".to_owned()),
        ];
        (200, headers, "")
    };
    world.get("/users/00u1ero7vZFVEIYLWPBN", exhausted);
    assert!(world.get("/groups", plain) < 5.0);
    assert!(world.get("/users/00u1ero7vZFVEIYLWPBN/factors", plain) < 5.0);
    let same = world.get("/users/00u1f2c7yJLMSWZTGAJF", plain);
    assert!(same >= 60.0, "{same} s");
}

#[test]
fn where_a_vendor_counts_by_endpoint_an_exhausted_account_holds_all_of_them() {
    // Zendesk announces the account's limit beside those of endpoints.
    for status in [200, 429] {
        let world = preset("zendesk");
        let refused = Cell::new(status == 200);
        let at = world.get("/tickets/1.json", |_| {
            if status == 429 && refused.replace(true) {
                return plain(0.0);
            }
            let headers = vec![
                ("x-rate-limit", "200".to_owned()),
                ("x-rate-limit-remaining", "0".to_owned()),
                ("ratelimit-limit", "200".to_owned()),
                ("ratelimit-remaining", "0".to_owned()),
                ("ratelimit-reset", "40".to_owned()),
            ];
            (status, headers, "")
        });
        let users = world.get("/users/1.json", plain);
        assert!(at.max(users) >= 40.0, "{status}: {at} s, {users} s");
        let snapshot = world.limiter.snapshot();
        assert_eq!(snapshot.backed_off, u64::from(status == 429), "{status}");
    }
}

#[test]
fn an_id_with_the_format_behind_it_is_of_one_route() {
    let world = preset("zendesk");
    let endpoint = |_: f64| {
        let text = "total=50; remaining=0; resets=40".to_owned();
        (200, vec![("zendesk-ratelimit-tickets", text)], "")
    };
    world.get("/tickets/35436.json", endpoint);
    assert!(world.get("/users/35436.json", plain) < 5.0);
    let same = world.get("/tickets/35437.json", plain);
    assert!(same >= 40.0, "{same} s");
}

#[test]
fn the_callers_label_takes_the_place_of_the_path() {
    let world = preset("x");
    let exhausted = |_: f64| left("x-none", "", 0, 50);
    world.get_labelled("/users/by/username/one", Some("user"), exhausted);
    let other = world.get_labelled("/users/by/username/two", Some("tweets"), plain);
    assert!(other < 30.0, "{other} s");
    let same = world.get_labelled("/users/by/username/two", Some("user"), plain);
    assert!(same >= 50.0, "{same} s");
}

#[test]
fn limits_of_different_names_are_kept_apart_without_a_preset() {
    for header in [
        "x-ratelimit-resource",
        "x-ratelimit-name",
        "x-ratelimit-bucket",
    ] {
        let world = ten_a_second("", |_| {});
        world.get("/users", |_| left(header, "core", 90, 60));
        world.get("/search", |_| left(header, "search", 0, 60));
        for number in 0..20 {
            let now = world.get(&format!("/users/{number}"), |_| {
                left(header, "core", 80, 60)
            });
            assert!(now < 20.0, "{now} s");
        }
        let search = world.get("/search", plain);
        assert!(search >= 60.0, "{search} s");
    }
}

#[test]
fn policies_of_different_names_are_kept_apart_and_common_ones_are_not() {
    let policy = |text: &'static str| {
        move |_: f64| -> Response { (200, vec![("ratelimit", text.to_owned())], "") }
    };
    let world = ten_a_second("", |_| {});
    world.get(
        "/users",
        policy("\"burst\";r=50;t=10, \"day\";r=5000;t=9000"),
    );
    world.get("/pages", policy("\"day\";r=4999;t=9000"));
    let announced = world.limiter.snapshot().announced;
    assert_eq!(
        announced.map(|it| it.remaining),
        Some(4999),
        "all are the client's"
    );
    world.get("/exports", policy("\"export\";r=0;t=60"));
    let users = world.get(
        "/users",
        policy("\"burst\";r=49;t=10, \"day\";r=4998;t=9000"),
    );
    assert!(users < 5.0, "{users} s");
    let exports = world.get("/exports", plain);
    assert!(exports >= 60.0, "{exports} s");
}

#[test]
fn what_was_known_of_the_first_name_is_kept_when_a_second_one_appears() {
    let world = ten_a_second("", |_| {});
    let header = "x-ratelimit-resource";
    world.get("/search", |_| left(header, "search", 2, 60));
    // It goes after ten seconds, by the lowest rate, and counts as one of the two.
    world.get("/users", |_| left(header, "core", 90, 60));
    world.get("/search", plain);
    let users = world.get("/users", plain);
    assert!(users < 30.0, "{users} s");
    let search = world.get("/search", plain);
    assert!(search >= 60.0, "{search} s");
}

#[test]
fn a_refusal_that_is_counted_by_credential_pauses_every_scope() {
    // GitHub's secondary limit (docs.github.com, rate limits for the REST API).
    const SECONDARY: &str =
        "{\"message\": \"You have exceeded a secondary rate limit. Please wait a few minutes.\"}";
    for status in [403, 429] {
        let world = preset("github");
        let refused = Cell::new(false);
        let at = world.get("/search/code", |_| {
            if refused.replace(true) {
                return plain(0.0);
            }
            (status, vec![("retry-after", "4".to_owned())], SECONDARY)
        });
        assert!(at >= 4.0, "{at} s");
        let world = preset("github");
        let answer = || (status, vec![("retry-after", "4".to_owned())], SECONDARY);
        let address = world
            .settings
            .call
            .base
            .join("/search/code")
            .expect("valid");
        let parts = RequestParts {
            deadline: Some(world.clock.now() + SECOND),
            ..RequestParts::new(Method::GET, address)
        };
        let call = DrivenCall::new(&world.limiter, &world.settings.call, parts);
        let outcome = drive(
            call,
            |_| unreachable!("no source"),
            |_| {
                let (status, headers, body) = answer();
                let headers = headers.into_iter().map(|(name, value): (&str, String)| {
                    (name.parse().expect("valid"), value.parse().expect("valid"))
                });
                let status = StatusCode::from_u16(status).expect("valid");
                Ok(Scripted(status, headers.collect(), body))
            },
        );
        assert!(outcome.is_err(), "it does not wait for four seconds");
        let users = world.get("/users/octocat", plain);
        assert!((4.0..7.0).contains(&users), "{users} s");
    }
}

#[test]
fn a_refusal_of_the_search_limit_pauses_searches_only() {
    let world = preset("github");
    let refused = Cell::new(false);
    let at = world.get("/search/code", |_| {
        if refused.replace(true) {
            return plain(0.0);
        }
        let mut response = left("x-ratelimit-resource", "code_search", 0, 30);
        response.0 = 403;
        response
    });
    assert!(at >= 30.0, "{at} s");
    assert_eq!(world.limiter.snapshot().backed_off, 0);
}

#[test]
fn a_rule_of_the_configuration_says_that_a_refusal_pauses_all() {
    let world = ten_a_second("", |config| {
        let rule = BodyThrottle::new([200], "error", ["slow down"]).pause_all();
        config.dialect = DialectConfig::default().throttle(rule);
        config.scopes = vec![ScopeConfig::new("a", "/a", LimitConfig::per_second(5.0))];
    });
    let refused = Cell::new(false);
    world.get("/a", |_| {
        if refused.replace(true) {
            return plain(0.0);
        }
        (
            200,
            vec![("retry-after", "4".to_owned())],
            "{\"error\": \"slow down\"}",
        )
    });
    let snapshot = world.limiter.snapshot();
    assert_eq!((snapshot.backed_off, snapshot.scopes[0].backed_off), (1, 0));
}
