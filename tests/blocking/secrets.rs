//! Debug output and errors show no token, query, password or body.

use std::fmt::Debug;

use api_ratelimiter::{ApiRateConfig, Error};

use crate::front::{ClientBuilder, DynamicAPIClient};
use crate::server::{Server, answer};
use crate::{SECRET, ample, builder, chain, client, hides, ms, no_secret};

#[track_caller]
fn debug_hides(value: &impl Debug) {
    hides(&format!("{value:?} {value:#?}"));
}

fn secretive(base_url: &str) -> ClientBuilder {
    builder(base_url)
        .bearer_auth(SECRET)
        .default_header("X-Api-Key", SECRET)
        .default_header("X-Tenant", SECRET)
        .user_agent(SECRET)
}

#[test]
fn builders_clients_limiters_and_requests_show_no_secret() {
    let builder = secretive("http://127.0.0.1:9/v1");
    debug_hides(&builder);
    let client = builder.build().expect("valid");
    debug_hides(&client);
    debug_hides(&client.clone());
    debug_hides(client.limiter());
    debug_hides(&client.limiter().snapshot());
    let request = client
        .post(format!("/path?key={SECRET}"))
        .query("token", SECRET)
        .bearer_auth(SECRET)
        .header("X-Own", SECRET)
        .header("Cookie", SECRET)
        .json(SECRET);
    debug_hides(&request);
    let shown = format!("{request:?}");
    assert!(shown.contains("/path") && shown.contains("POST"), "{shown}");
    assert!(
        shown.contains("body_bytes: 9"),
        "the length of the body is shown: {shown}"
    );
    debug_hides(&client.post("/").form(&[("password", SECRET)]));
    debug_hides(&client.post("/").body(SECRET));
}

#[test]
fn a_source_of_tokens_is_not_shown() {
    let client = builder("http://127.0.0.1:9")
        .bearer_auth_with(|_| Ok::<_, Error>(SECRET.to_owned()))
        .build()
        .expect("valid");
    debug_hides(&client);
}

#[test]
fn a_builder_does_not_show_the_password_of_an_address() {
    // Both are invalid, but the builder may be shown before it checks them.
    let base_url = format!("http://user:{SECRET}@127.0.0.1/?key={SECRET}");
    debug_hides(&builder("http://127.0.0.1").base_url(base_url.as_str()));
    let config = ApiRateConfig {
        base_url,
        ..Default::default()
    };
    debug_hides(&DynamicAPIClient::builder(config));
}

#[test]
fn responses_replies_and_their_errors_show_no_secret() {
    let headers =
        format!("Set-Cookie: session={SECRET}\r\nX-Trace: {SECRET}\r\nLocation: /?{SECRET}\r\n");
    let server = Server::answers([answer(500, &headers, SECRET)]);
    let client = secretive(&server.url()).build().expect("valid");
    let response = client
        .get("/p")
        .query("key", SECRET)
        .send()
        .expect("a response");
    debug_hides(&response);
    let shown = format!("{response:?}");
    assert!(
        shown.contains("set-cookie") && shown.contains("/p"),
        "{shown}"
    );
    assert_eq!(
        response.header("x-trace"),
        Some(SECRET),
        "but the caller can read it"
    );
    let error = response.error_for_status().expect_err("500");
    no_secret(&error);
    chain(&error);
    debug_hides(&error.reply());
    assert_eq!(error.reply().expect("it has one").text(), SECRET);
}

#[test]
fn a_body_being_read_shows_no_secret() {
    let server = Server::answers([answer(200, "", SECRET)]);
    let response = client(&server.url()).get("/").query("key", SECRET).send();
    debug_hides(&response.expect("a response").into_reader());
}

#[test]
fn errors_of_the_transport_and_their_sources_show_no_secret() {
    let silent = Server::of(|_, _, stream| crate::server::silence(stream));
    let closing = Server::of(|_, _, _| Ok(crate::server::After::Close));
    let garbage = Server::answers([format!("HTTP/1.1 200 OK\r\n{SECRET}\r\n\r\n")]);
    let name = format!("http://{}.invalid/v1", "x".repeat(300));
    for base_url in [
        silent.url(),
        closing.url(),
        garbage.url(),
        name,
        "http://127.0.0.1:1".into(),
    ] {
        let client = secretive(&base_url)
            .timeouts(ample().first_byte(ms(100)))
            .build()
            .expect("valid");
        let request = client
            .post(format!("/path?key={SECRET}"))
            .query("token", SECRET)
            .json(SECRET);
        let error = request.send().expect_err("it fails");
        assert!(matches!(error, Error::Transport { .. }), "{error:?}");
        assert!(error.to_string().contains("/path"), "{error}");
        no_secret(&error);
        chain(&error);
    }
}

#[test]
fn text_of_a_server_is_escaped_where_it_is_shown() {
    let server = Server::answers([answer(302, "Location: /%0d%0a\u{1b}[31m\r\n", "")]);
    if let Err(error) = client(&server.url()).get("/").send() {
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(char::is_control), "{shown:?}");
    }
    // A control character in the path of the caller is escaped as well.
    let error = client(&server.url())
        .get("/a\u{1b}[31m")
        .send()
        .expect_err("refused");
    assert!(!error.to_string().contains('\u{1b}'), "{error:?}");
}
