//! Proxies of the environment. They need a child process, because this one's environment is shared.

use std::process::Command;

use api_ratelimiter::Timeouts;

use crate::front::DynamicAPIClient;
use crate::server::{Server, answer, ok};
use crate::{SECRET, chain, config, hides, no_secret, secs};

/// Variables with the child's target, and whether it ignores its environment.
const TARGET: &str = "TEST_PROXY_TARGET";
const IGNORES: &str = "TEST_PROXY_IGNORED";
/// Variable that says whether the client may fail for a missing feature.
const MAY_BE_REFUSED: &str = "TEST_PROXY_REFUSED";

#[test]
fn child_process_that_sends_one_request() {
    let Ok(target) = std::env::var(TARGET) else {
        return; // Not a child.
    };
    let timeouts = Timeouts::default().connect(secs(2)).first_byte(secs(2));
    let mut builder = DynamicAPIClient::builder(config(&target)).timeouts(timeouts);
    if std::env::var(IGNORES).is_ok() {
        builder = builder.no_proxy();
    }
    let client = match builder.bearer_auth(SECRET).build() {
        Ok(client) => client,
        Err(error) => {
            assert!(std::env::var(MAY_BE_REFUSED).is_ok(), "{error}");
            return no_secret(&error);
        }
    };
    hides(&format!("{client:?}"));
    match client.get("/path").query("key", SECRET).send() {
        Ok(response) => hides(&format!("{response:?}")),
        Err(error) => {
            no_secret(&error);
            chain(&error);
        }
    }
}

/// Returns a child that sends to `target` and has no proxy in its environment.
fn child(target: &str) -> Command {
    let mut child = Command::new(std::env::current_exe().expect("this program"));
    child.args(["--exact", "proxies::child_process_that_sends_one_request"]);
    for name in ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"] {
        child.env_remove(name).env_remove(name.to_lowercase());
    }
    child.env(TARGET, target);
    child
}

fn run(child: &mut Command) {
    let output = child.output().expect("it runs");
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown}");
}

/// Runs a child that sends to `target`, and returns the requests that arrived at its proxy.
fn through_a_proxy(target: &str, ignores: bool) -> Vec<String> {
    let proxy = Server::answers_and_closes([answer(407, "", SECRET)]);
    let address = format!("http://user:{SECRET}@127.0.0.1:{}", proxy.port());
    let mut child = child(target);
    child.env("HTTP_PROXY", address);
    if ignores {
        child.env(IGNORES, "1");
    }
    run(&mut child);
    proxy.lines()
}

/// Address of this machine that is not a loopback address. Nothing leaves the machine.
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
fn servers_on_this_machine_are_reached_without_a_proxy() {
    let server = Server::answers([ok("direct")]);
    let lines = through_a_proxy(&server.url(), false);
    assert!(lines.is_empty(), "{lines:?}");
    assert_eq!(server.lines().len(), 1);
}

#[test]
fn an_unsupported_proxy_is_never_bypassed() {
    let proxy = Server::raw(|_, _| {});
    for scheme in ["socks4", "socks4a", "socks5", "socks5h", "https"] {
        let server = Server::answers([ok("direct")]);
        let not_loopback = format!("http://0.0.0.0:{}", server.port());
        let address = format!("{scheme}://user:{SECRET}@127.0.0.1:{}", proxy.port());
        let mut child = child(&not_loopback);
        run(child.env("ALL_PROXY", &address).env(MAY_BE_REFUSED, "1"));
        assert_eq!(server.connections(), 0, "{scheme}");

        let mut exempt = self::child(&not_loopback);
        run(exempt.env("ALL_PROXY", address).env("NO_PROXY", "0.0.0.0"));
        assert_eq!(server.lines().len(), 1, "{scheme}");
    }
}
