//! Variables of the environment, proxies and exempt hosts.

use super::*;
use crate::url::Base;

fn read(variables: &[(&str, &str)]) -> Result<Proxies, String> {
    Proxies::read(|name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.into())
    })
}

fn proxy_of(variables: &[(&str, &str)], url: &str) -> Option<String> {
    let base = Base::parse(url).expect("a URL");
    let proxies = read(variables).expect("valid");
    proxies
        .of(base.origin())
        .map(|proxy| proxy.url().to_owned())
}

#[test]
fn a_proxy_has_one_form() {
    for (text, expected) in [
        ("proxy:3128", "http://proxy:3128"),
        ("http://proxy", "http://proxy:80"),
        ("HTTP://Proxy:3128/", "http://proxy:3128"),
        ("https://proxy", "https://proxy:443"),
        ("socks://proxy", "socks5://proxy:1080"),
        ("socks5h://[::1]:9", "socks5h://[::1]:9"),
        ("user@proxy:1", "http://user@proxy:1"),
        (
            "http://us%20er:p%40s$s@proxy:1",
            "http://us%20er:p%40s%24s@proxy:1",
        ),
        ("http://u:a:b@proxy:1", "http://u:a%3Ab@proxy:1"),
    ] {
        let found = proxy_of(&[("ALL_PROXY", text)], "http://api.example");
        assert_eq!(found.as_deref(), Some(expected), "{text}");
    }
}

#[test]
fn a_typo_is_an_error_that_names_the_variable_and_hides_the_password() {
    for name in [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ] {
        for text in [
            "htp://proxy:3128",
            "http://",
            "http:///",
            "http://:3128",
            "http:/proxy:3128",
            "http//proxy:3128",
            "http:proxy:3128",
            "http://user:hunt er2@proxy:3128",
            "http://user:hunter2@proxy:99999",
            "http://user:hunter2@proxy:0",
            "http://user:hunter2@proxy:",
            "http://user:hunter2@proxy:31 28",
            "http://user:hunter2@",
            "http://user:hunter2@pro%78y",
            "http://user:hunter2@pr\u{f6}xy",
            "http://user:hunter2/x@proxy:1",
            "http://user:hunter2#x@proxy:1",
            "http://user:hunter2@x@proxy:1",
            "http://user:%ffhunter2@proxy:1",
            "hunter2://proxy:1",
            "ftp://proxy:21",
            "://proxy:1",
            " ",
            "\t",
            "@",
            ":",
        ] {
            let error = read(&[(name, text)]).expect_err(text);
            assert!(error.contains(name), "{error}");
            assert!(!error.contains("hunt"), "{error}");
        }
    }
}

#[test]
fn each_scheme_has_its_variables_and_the_lower_case_comes_first() {
    let all = [
        ("http_proxy", "a:1"),
        ("HTTP_PROXY", "b:1"),
        ("https_proxy", "c:1"),
        ("HTTPS_PROXY", "d:1"),
        ("all_proxy", "e:1"),
        ("ALL_PROXY", "f:1"),
    ];
    let expected = [
        ("http://api.example", ["a", "b", "e", "f"]),
        ("https://api.example", ["c", "d", "e", "f"]),
    ];
    for (url, order) in expected {
        for (at, host) in order.iter().enumerate() {
            let later = |name: &str| order[at..].iter().any(|host| name.starts_with(host));
            let left: Vec<_> = all.into_iter().filter(|(_, text)| later(text)).collect();
            let found = proxy_of(&left, url);
            assert_eq!(found, Some(format!("http://{host}:1")), "{url}");
        }
    }
    // An empty variable is not set.
    let found = proxy_of(&[("http_proxy", ""), ("ALL_PROXY", "f:1")], expected[0].0);
    assert_eq!(found.as_deref(), Some("http://f:1"));
    assert_eq!(proxy_of(&[], "http://api.example"), None);
}

/// A server that runs a program by CGI passes a client's header `Proxy` as `HTTP_PROXY`.
#[test]
fn the_variable_that_a_client_of_a_cgi_program_can_set_does_not_count() {
    let cgi = [("REQUEST_METHOD", "GET"), ("HTTP_PROXY", "evil.example:1")];
    assert_eq!(proxy_of(&cgi, "http://api.example"), None);
}

#[test]
fn exempt_hosts_and_this_machine_are_reached_directly() {
    for (list, url, is_exempt) in [
        ("*", "http://api.example", true),
        ("api.example", "http://api.example", true),
        ("example", "http://api.example", true),
        (".example", "http://api.example", true),
        ("*.example", "http://api.example", true),
        ("pi.example", "http://api.example", false),
        ("api.example.", "http://API.example.", true),
        ("other, api.example", "http://api.example", true),
        ("other api.example", "http://api.example", true),
        ("api.example:8080", "http://api.example:8080", true),
        ("api.example:8080", "http://api.example", false),
        ("10.0.0.0/8", "http://10.2.3.4", true),
        ("10.0.0.0/8", "http://11.2.3.4", false),
        ("10.2.3.4", "http://10.2.3.4:99", true),
        ("0.0.0.0/0", "http://10.2.3.4", true),
        ("fd00::/8", "http://[fd12::1]", true),
        ("[fd12::1]", "http://[fd12::1]", true),
        ("fd00::/8", "http://10.2.3.4", false),
        ("10.2", "http://10.2.3.4", false),
        // Invalid entries: none sends a request past the proxy.
        ("api.example:x", "http://api.example", false),
        ("api.example:", "http://api.example", false),
        ("api.example:99999", "http://api.example", false),
        ("api.example:80,other", "http://api.example:8080", false),
        ("http://api.example", "http://api.example", false),
        ("10.0.0.0/99", "http://10.2.3.4", false),
        ("10.0.0.0/-1", "http://10.2.3.4", false),
        (",", "http://api.example", false),
        (".", "http://api.example", false),
        ("", "http://127.0.0.1:8080", true),
        ("", "http://localhost", true),
    ] {
        for name in ["no_proxy", "NO_PROXY"] {
            let found = proxy_of(&[("ALL_PROXY", "p:1"), (name, list)], url);
            assert_eq!(found.is_none(), is_exempt, "{list:?} {url}");
        }
    }
}

#[test]
fn debug_shows_no_password() {
    let proxies = read(&[("ALL_PROXY", "http://user:hunter2@p:1")]).expect("valid");
    assert!(!format!("{proxies:?}").contains("hunter2"));
}
