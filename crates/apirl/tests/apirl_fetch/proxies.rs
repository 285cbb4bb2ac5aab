//! Proxies that the environment names.

use api_ratelimiter_simulator::SimulatedApi;

use crate::job::Job;
use crate::run::Run;

/// As curl does, so that no token goes out past the proxy.
#[test]
fn a_proxy_variable_with_a_typo_is_named_before_anything_is_sent() {
    let api = SimulatedApi::builder().start().expect("an API");
    let job = Job::of_pages(&api.base_url(), 1);
    let input = job.path("input");
    for text in [
        "htp://127.0.0.1:9",
        "http://",
        "http://user:hunter2 @127.0.0.1:9",
    ] {
        let mut command = job.command(&["--path", "/pages/{}", "--input", &input]);
        let output = command.env("HTTP_PROXY", text).output();
        let run = Run::of(&output.expect("it runs"));
        run.refuses(2, "HTTP_PROXY");
        assert!(!run.err.contains("hunter2"), "{run:?}");
    }
    assert_eq!(api.stats().accepted, 0);
}
