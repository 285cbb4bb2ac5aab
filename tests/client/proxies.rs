//! Proxies of the environment, which only a child process can be given without touching this one.

use std::process::Command;

use api_ratelimiter::Timeouts;

use crate::front::DynamicAPIClient;
use crate::server::{Server, answer, ok};
use crate::{SECRET, chain, config, hides, no_secret, secs};

/// Where the child sends to, and whether it ignores its environment.
const TARGET: &str = "TEST_PROXY_TARGET";
const IGNORES: &str = "TEST_PROXY_IGNORED";

#[test]
fn a_child_of_another_test_sends_one_request() {
    let Ok(target) = std::env::var(TARGET) else {
        return; // Not a child.
    };
    let timeouts = Timeouts::default().connect(secs(2)).first_byte(secs(2));
    let mut builder = DynamicAPIClient::builder(config(&target)).timeouts(timeouts);
    if std::env::var(IGNORES).is_ok() {
        builder = builder.no_proxy();
    }
    let client = builder.bearer_auth(SECRET).build().expect("valid");
    hides(&format!("{client:?}"));
    match client.get("/path").query("key", SECRET).send() {
        Ok(response) => hides(&format!("{response:?}")),
        Err(error) => {
            no_secret(&error);
            chain(&error);
        }
    }
}

/// Has a child send to `target` and returns what arrived at its proxy.
fn through_a_proxy(target: &str, ignores: bool) -> Vec<String> {
    let proxy = Server::answers_and_closes([answer(407, "", SECRET)]);
    let address = format!("http://user:{SECRET}@127.0.0.1:{}", proxy.port());
    let mut child = Command::new(std::env::current_exe().expect("this program"));
    child.args([
        "--exact",
        "proxies::a_child_of_another_test_sends_one_request",
    ]);
    for name in ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"] {
        child.env_remove(name).env_remove(name.to_lowercase());
    }
    child.env("HTTP_PROXY", address).env(TARGET, target);
    if ignores {
        child.env(IGNORES, "1");
    }
    let output = child.output().expect("it runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    proxy.lines()
}

/// This machine, but not by a name or address of the loopback: nothing leaves it either way.
const NOT_LOOPBACK: &str = "http://0.0.0.0:9";

#[test]
fn the_proxy_of_the_environment_is_used_and_its_password_is_not_shown() {
    let lines = through_a_proxy(NOT_LOOPBACK, false);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("0.0.0.0:9"), "{lines:?}");
}

#[test]
fn no_proxy_ignores_the_environment() {
    let lines = through_a_proxy(NOT_LOOPBACK, true);
    assert!(lines.is_empty(), "{lines:?}");
}

#[test]
fn what_runs_on_this_machine_is_not_asked_of_a_proxy() {
    let server = Server::answers([ok("direct")]);
    let lines = through_a_proxy(&server.url(), false);
    assert!(lines.is_empty(), "{lines:?}");
    assert_eq!(server.lines().len(), 1);
}
