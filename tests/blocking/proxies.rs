//! Proxies of the environment. They need a child process, because this one's environment is shared.

use std::process::Command;

use api_ratelimiter::{Error, Timeouts};

use crate::front::DynamicAPIClient;
use crate::server::{Server, answer, ok};
use crate::{SECRET, chain, config, hides, no_secret, secs};

/// Variables with the child's target, and whether it ignores its environment.
const TARGET: &str = "TEST_PROXY_TARGET";
const IGNORES: &str = "TEST_PROXY_IGNORED";
/// Variable that says whether the client may fail for a missing feature.
const MAY_BE_REFUSED: &str = "TEST_PROXY_REFUSED";
/// Variable with the name of one that is invalid, so that the client must fail.
const INVALID: &str = "TEST_PROXY_INVALID";

#[test]
fn child_process_that_sends_one_request() {
    let Ok(target) = std::env::var(TARGET) else {
        return; // Not a child.
    };
    let timeouts = Timeouts::default().connect(secs(8)).first_byte(secs(8));
    let mut builder = DynamicAPIClient::builder(config(&target)).timeouts(timeouts);
    if std::env::var(IGNORES).is_ok() {
        builder = builder.no_proxy();
    }
    let client = match builder.bearer_auth(SECRET).build() {
        Ok(client) => client,
        Err(error) => {
            no_secret(&error);
            chain(&error);
            assert!(matches!(error, Error::InvalidConfig { .. }), "{error:?}");
            match std::env::var(INVALID) {
                Ok(name) => assert!(error.to_string().contains(&name), "{error}"),
                Err(_) => assert!(std::env::var(MAY_BE_REFUSED).is_ok(), "{error}"),
            }
            return;
        }
    };
    assert!(std::env::var(INVALID).is_err(), "the client was built");
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
    child.env_remove("REQUEST_METHOD");
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

/// As with curl, which answers "Unsupported proxy scheme" or "URL using bad/illegal format".
#[test]
fn a_proxy_variable_with_a_typo_is_an_error_when_the_client_is_built() {
    let server = Server::answers([ok("direct")]);
    let not_loopback = format!("http://0.0.0.0:{}", server.port());
    let port = format!("http://user:{SECRET}@127.0.0.1:99999");
    let blank = format!("http://user:{SECRET} {SECRET}@127.0.0.1:9");
    let texts = ["htp://127.0.0.1:9", "http://", &port, &blank];
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "all_proxy"] {
        for text in texts {
            let mut child = child(&not_loopback);
            run(child.env(name, text).env(INVALID, name));
        }
    }
    assert_eq!(server.connections(), 0);
    // Unless the program says that it needs no proxy.
    let mut child = child(&not_loopback);
    run(child.env("HTTP_PROXY", texts[0]).env(IGNORES, "1"));
    assert_eq!(server.lines().len(), 1);
}

#[test]
fn each_variable_is_honoured() {
    let secure = cfg!(feature = "rustls").then_some("https://0.0.0.0:9");
    for (target, names) in [
        (
            Some(NOT_LOOPBACK),
            ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"],
        ),
        (
            secure,
            ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"],
        ),
    ] {
        let Some(target) = target else { continue };
        for name in names {
            let proxy = Server::answers_and_closes([answer(407, "", SECRET)]);
            let address = format!("user:{SECRET}@127.0.0.1:{}", proxy.port());
            run(child(target).env(name, address));
            let requests = proxy.requests();
            assert_eq!(requests.len(), 1, "{name} {target}: {requests:?}");
            let credentials = requests[0].header("proxy-authorization");
            // The base64 of user:hunter2 (RFC 7617, section 2).
            let expected = "Basic dXNlcjpodW50ZXIy";
            assert_eq!(credentials.as_deref(), Some(expected), "{name} {target}");
        }
    }
    // The variable of the other scheme does not count.
    let server = Server::answers([ok("direct")]);
    let target = format!("http://0.0.0.0:{}", server.port());
    run(child(&target).env("HTTPS_PROXY", "http://127.0.0.1:9"));
    assert_eq!(server.lines().len(), 1);
}

#[test]
fn exempt_hosts_are_reached_directly() {
    for (name, list) in [
        ("NO_PROXY", "0.0.0.0"),
        ("no_proxy", "example.com, 0.0.0.0/8"),
        ("NO_PROXY", "*"),
    ] {
        let server = Server::answers([ok("direct")]);
        let target = format!("http://0.0.0.0:{}", server.port());
        let mut child = child(&target);
        run(child.env("HTTP_PROXY", "127.0.0.1:9").env(name, list));
        assert_eq!(server.lines().len(), 1, "{list}");
    }
}

#[test]
fn a_redirect_to_another_host_goes_through_its_proxy() {
    let proxy = Server::answers_and_closes([answer(407, "", "")]);
    let location = format!("Location: {NOT_LOOPBACK}/there\r\n");
    let server = Server::answers([answer(302, &location, "")]);
    let address = format!("http://127.0.0.1:{}", proxy.port());
    run(child(&server.url()).env("HTTP_PROXY", address));
    assert_eq!(server.lines().len(), 1);
    let lines = proxy.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("0.0.0.0:9"), "{lines:?}");
}
