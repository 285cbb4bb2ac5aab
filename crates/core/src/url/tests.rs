//! Joining, resolving, refusing and showing URLs.

use super::*;

fn base(text: &str) -> Base {
    Base::parse(text).expect("a valid base")
}

fn joined(base_url: &str, path: &str) -> String {
    base(base_url)
        .join(path)
        .and_then(|address| address.to_uri())
        .expect("it joins")
        .to_string()
}

#[test]
fn paths_join_under_the_base_whatever_their_slashes() {
    for (base, path, expected) in [
        (
            "https://h.example/v1",
            "/pages/1",
            "https://h.example/v1/pages/1",
        ),
        (
            "https://h.example/v1/",
            "pages/1",
            "https://h.example/v1/pages/1",
        ),
        (
            "https://h.example/v1/",
            "/pages/1/",
            "https://h.example/v1/pages/1/",
        ),
        ("https://h.example", "pages", "https://h.example/pages"),
        ("https://h.example", "", "https://h.example/"),
        ("https://h.example/v1", "", "https://h.example/v1"),
        ("https://h.example/v1", "/", "https://h.example/v1"),
        (
            "https://h.example/v1",
            "/a?x=1&y=2",
            "https://h.example/v1/a?x=1&y=2",
        ),
        ("https://h.example/v1", "?x=1", "https://h.example/v1?x=1"),
        (
            "http://h.example:8080/v1",
            "a:b/c",
            "http://h.example:8080/v1/a:b/c",
        ),
        ("https://H.example:443/v1", "/a", "https://h.example/v1/a"),
        ("https://[::1]:9/v1", "/a", "https://[::1]:9/v1/a"),
    ] {
        assert_eq!(joined(base, path), expected, "{base} + {path}");
    }
}

#[test]
fn an_absolute_url_must_be_of_the_same_origin() {
    assert_eq!(
        joined("https://h.example/v1", "https://H.EXAMPLE:443/v2/x?y"),
        "https://h.example/v2/x?y"
    );
    for path in [
        "http://h.example/v1",
        "https://h.example:444/",
        "https://evil.example/",
        "https://h.example.evil/",
    ] {
        assert!(base("https://h.example/v1").join(path).is_err(), "{path}");
    }
}

#[test]
fn paths_that_could_leave_the_base_are_refused() {
    for path in [
        "//evil.example/x",
        "/a/../../b",
        "..",
        "/%2e%2e/x",
        "/a/.%2E/x",
        "/%2e%2e%2fx",
        "/a%2f..%2fb",
        "/..;x/y",
        "/users/.",
        "/users/%2e",
        "/users/%2E.",
        "/users/%252e%252E",
        "/./x",
        ".",
        "/.;x",
        "/a%2f.%2fb",
        "/..%5c",
        "/users/%25%32%65",
        "/users/%2%65",
        "/users/%%32e",
        "/users/.%25%32%45",
        "/users/..%09",
        "/users/%2e%00",
        "/users/.%20/keys",
        "/users/..%c2%a0",
        "/users/..%3Fa=b",
        "/users/.%23",
        "/users/%c0%ae%C0%AE/x",
        "/a%c0%af..%c1%9cb",
        "/a\\b",
        "/a\nb",
        "/a\u{7f}",
        "/a#b",
        "https://user:pw@h.example/",
        "https://user@h.example/x",
        "ftp://h.example/x",
    ] {
        assert!(base("https://h.example/v1").join(path).is_err(), "{path:?}");
    }
}

#[test]
fn a_base_has_scheme_host_and_path_only() {
    for text in [
        "",
        "h.example",
        "ftp://h",
        "https://",
        "https://h/?a",
        "https://h/#a",
        "https://u:p@h/",
        "https://h:x/",
        "https://h:99999/",
    ] {
        assert!(Base::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn forbidden_characters_are_encoded_and_encoded_text_stays() {
    assert_eq!(
        joined("https://h.example", "/a b/ü/%C3%BC/{x}|y"),
        "https://h.example/a%20b/%C3%BC/%C3%BC/%7Bx%7D%7Cy"
    );
    let mut address = base("https://h.example").join("/a?q=1").expect("it joins");
    address.push_query("naïve key", "a&b=c d+e");
    assert_eq!(
        address.to_uri().expect("valid").to_string(),
        "https://h.example/a?q=1&na%C3%AFve%20key=a%26b%3Dc%20d%2Be"
    );
}

#[test]
fn references_resolve_as_in_rfc_3986_section_5_4() {
    let from = Address::parse("http://a.example/b/c/d;p?q").expect("valid");
    for (reference, expected) in [
        ("http://g.example", "http://g.example/"),
        ("g", "http://a.example/b/c/g"),
        ("./g", "http://a.example/b/c/g"),
        ("g/", "http://a.example/b/c/g/"),
        ("/g", "http://a.example/g"),
        ("//g.example", "http://g.example/"),
        ("?y", "http://a.example/b/c/d;p?y"),
        ("g?y", "http://a.example/b/c/g?y"),
        ("#s", "http://a.example/b/c/d;p?q"),
        ("g?y#s", "http://a.example/b/c/g?y"),
        (";x", "http://a.example/b/c/;x"),
        ("", "http://a.example/b/c/d;p?q"),
        (".", "http://a.example/b/c/"),
        ("..", "http://a.example/b/"),
        ("../g", "http://a.example/b/g"),
        ("../../g", "http://a.example/g"),
        ("../../../g", "http://a.example/g"),
        ("/./g", "http://a.example/g"),
        ("g/./h", "http://a.example/b/c/g/h"),
        ("http://a.example/x/../y?z", "http://a.example/y?z"),
    ] {
        let resolved = from
            .resolve(reference)
            .and_then(|address| address.to_uri())
            .expect("it resolves");
        assert_eq!(resolved.to_string(), expected, "{reference:?}");
    }
    for reference in ["ftp://x/", "/%2e%2e/x", "https://u:p@h/", "/a\\b"] {
        assert!(from.resolve(reference).is_err(), "{reference:?}");
    }
}

#[test]
fn addresses_are_shown_without_their_query() {
    let address = base("https://h.example")
        .join("/a?token=hunter2")
        .expect("it joins");
    assert_eq!(format!("{address}"), "https://h.example/a");
    assert!(!format!("{address:?}").contains("hunter2"));
}

#[test]
fn loopback_is_this_machine_only() {
    for (url, expected) in [
        ("http://127.0.0.1:80", true),
        ("http://localhost", true),
        ("http://[::1]", true),
        ("http://127.9.9.9", true),
        ("http://127.0.0.1.example", false),
        ("http://localhost.example", false),
        ("http://10.0.0.1", false),
    ] {
        assert_eq!(base(url).origin().is_loopback(), expected, "{url}");
    }
}

#[test]
fn an_id_is_one_segment_that_stays_in_the_path() {
    for id in [
        "42", "a b", "a/b", "...", ".x", "x.", "%2ex", "ü", "-", "%", "%2", "%zz", ". .", ".%20x",
        "%c0", "%c3%bc", "?", ";x",
    ] {
        assert_eq!(check_segment(id), Ok(()), "{id:?}");
    }
    for id in [
        "",
        " ",
        "%20",
        "%2520",
        "%00",
        "\u{a0}",
        ".",
        "..",
        "%2e",
        "%25%32%65",
        ".%09",
        "%c0%ae",
        "%2E.",
        ".%2e",
        "%252e",
        "%25252E%2e",
        "../x",
        "x/.",
        "x%2f..",
        "..;a",
        ".%3Ba",
        "..\\x",
    ] {
        assert!(check_segment(id).is_err(), "{id:?}");
    }
}

#[test]
fn a_long_text_that_is_encoded_very_often_takes_one_pass() {
    let often = format!("%{}2e", "25".repeat(1_000_000));
    assert!(check_segment(&often).is_err());
    assert!(base("https://h.example").join(&often).is_err());
}
