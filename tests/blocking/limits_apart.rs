//! Limits that a server counts apart, by names and routes, and waits that concern a whole client; in virtual time.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use api_ratelimiter::{
    API_RATE_CONFIGS, ApiRateConfig, BucketConfig, Clock, JoinGuard, ManualClock,
};

use crate::front::{ClientBuilder, DynamicAPIClient};
use crate::server::{After, Server, answer, ok};
use crate::{ample, config, in_virtual_time, secs};

/// Returns a client in virtual time with this configuration.
fn of(config: ApiRateConfig) -> (DynamicAPIClient, ManualClock, JoinGuard) {
    let url = config.base_url.clone();
    in_virtual_time(&url, |_: ClientBuilder| {
        DynamicAPIClient::builder(config)
            .no_proxy()
            .timeouts(ample())
    })
}

fn preset(name: &str, server: &Server) -> ApiRateConfig {
    let preset = API_RATE_CONFIGS.get(name).expect("a preset");
    ApiRateConfig {
        base_url: server.url(),
        ..(*preset).clone()
    }
}

fn since(clock: &ManualClock, start: Duration) -> Duration {
    clock.unix_now() - start
}

#[test]
fn two_hundred_requests_to_fifty_channels_take_no_longer_than_discord_asks() {
    let server = Server::of(|number, request, stream| {
        let channel = request.line.split('/').nth(2).expect("a channel");
        let headers = format!(
            "X-RateLimit-Limit: 5\r\nX-RateLimit-Remaining: {}\r\nX-RateLimit-Reset-After: 5.0\r\n\
             X-RateLimit-Bucket: b{channel}\r\n",
            4 - number / 50
        );
        stream.write_all(answer(200, &headers, "[]").as_bytes())?;
        Ok(After::Keep)
    });
    let (client, clock, _joined) = of(preset("discord", &server));
    let start = clock.unix_now();
    for number in 0..200 {
        let path = format!("/channels/{}/messages", number % 50);
        client.get(&path).send().expect("a response");
    }
    // 50 a second over all channels, from a start at 40 a second.
    let took = since(&clock, start);
    assert!(took < secs(6), "{took:?}");
    assert_eq!(server.requests().len(), 200);
}

#[test]
fn an_endpoint_without_anything_left_holds_only_its_own_requests() {
    let server = Server::of(|_, request, stream| {
        let left = if request.line.contains("users") {
            0
        } else {
            500
        };
        let headers = format!(
            "X-Rate-Limit-Limit: 600\r\nX-Rate-Limit-Remaining: {left}\r\nX-Rate-Limit-Reset: 40\r\n"
        );
        stream.write_all(answer(200, &headers, "[]").as_bytes())?;
        Ok(After::Keep)
    });
    let (client, clock, _joined) = of(preset("okta", &server));
    let start = clock.unix_now();
    client
        .get("/users/00u1ero7vZFVEIYLWPBN")
        .send()
        .expect("a response");
    for _ in 0..20 {
        client.get("/groups").send().expect("a response");
    }
    assert!(since(&clock, start) < secs(5));
    client
        .get("/users/00u1f2c7yJLMSWZTGAJF")
        .send()
        .expect("a response");
    assert!(since(&clock, start) >= secs(40));
}

#[test]
fn a_short_wait_beside_a_far_reset_is_the_wait_and_the_pace_is_normal_after_it() {
    let forms = [
        "X-RateLimit-Limit: 200\r\nX-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 3600\r\n",
        "X-RateLimit-Limit: 200\r\nX-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 40\r\n",
        "RateLimit: \"default\";r=0;t=40\r\n",
        "RateLimit: \"default\";r=0;t=40\r\nRateLimit-Policy: \"default\";q=200;w=3600\r\n",
    ];
    for form in forms {
        let refusal = answer(429, &format!("Retry-After: 4\r\n{form}"), "");
        let server = Server::answers([refusal, ok("done")]);
        let (client, clock, _joined) = of(ApiRateConfig {
            initial_rate: 10.0,
            min_rate: 0.1,
            max_rate: 10.0,
            bucket: BucketConfig::default(),
            ..config(&server.url())
        });
        let start = clock.unix_now();
        client.get("/").send().expect("a response");
        let first = since(&clock, start);
        assert!((secs(4)..secs(6)).contains(&first), "{form}: {first:?}");
        for _ in 0..20 {
            client.get("/").send().expect("a response");
        }
        let last = since(&clock, start);
        assert!(last < first + secs(10), "{form}: {last:?}");
    }
}

#[test]
fn the_secondary_limit_of_github_pauses_everything_that_its_token_sends() {
    const SECONDARY: &str = r#"{"message": "You have exceeded a secondary rate limit."}"#;
    for status in [403, 429] {
        let searches = AtomicUsize::new(0);
        let server = Server::of(move |_, request, stream| {
            let is_first =
                request.line.contains("search") && searches.fetch_add(1, Ordering::SeqCst) == 0;
            let response = match is_first {
                true => answer(
                    status,
                    "Retry-After: 4\r\nContent-Type: application/json\r\n",
                    SECONDARY,
                ),
                false => ok("{}"),
            };
            stream.write_all(response.as_bytes())?;
            Ok(After::Keep)
        });
        let (client, clock, _joined) = of(preset("github", &server));
        let start = clock.unix_now();
        // The search itself does not wait for four seconds.
        let refused = client.get("/search/code").deadline(secs(2)).send();
        assert!(refused.is_err(), "{status}");
        assert!(since(&clock, start) < secs(1));
        client.get("/users/octocat").send().expect("a response");
        let users = since(&clock, start);
        assert!((secs(4)..secs(8)).contains(&users), "{status}: {users:?}");
    }
}
