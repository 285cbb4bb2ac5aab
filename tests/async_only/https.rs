//! https by rustls with ring, against a server of the test.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use api_ratelimiter::{
    AsyncClientBuilder, AsyncDynamicAPIClient, Error, Roots, Tls, TransportKind, reqwest,
};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::{ample, block_on, config};

const CERTIFICATE: &[u8] = include_bytes!("../data/tls/cert.der");
const KEY: &[u8] = include_bytes!("../data/tls/key.der");

/// Starts a server that sends one response per connection and begins the handshake after `pause`. Returns
/// its port.
fn server(pause: Duration) -> u16 {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from(CERTIFICATE)],
            PrivatePkcs8KeyDer::from(KEY).into(),
        )
        .expect("a key that fits");
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::sleep(pause);
            let connection = ServerConnection::new(Arc::clone(&config)).expect("valid");
            let mut stream = StreamOwned::new(connection, stream);
            let mut request = [0; 4096];
            // A client that does not trust the certificate ends the handshake here.
            if stream.read(&mut request).is_ok_and(|length| length > 0) {
                let answer =
                    b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nsecret";
                stream.write_all(answer).expect("a client that listens");
                stream.conn.send_close_notify();
                stream.flush().ok();
            }
        }
    });
    port
}

fn base_url() -> String {
    format!("https://localhost:{}", server(Duration::ZERO))
}

/// Returns a client that trusts the server.
fn trusting(base_url: &str) -> AsyncClientBuilder {
    let root = reqwest::Certificate::from_der(CERTIFICATE).expect("a certificate");
    let http = reqwest::Client::builder().tls_certs_only([root]).no_proxy();
    AsyncDynamicAPIClient::builder(config(base_url)).http(http)
}

#[test]
fn a_certificate_of_the_user_is_trusted() {
    let client = trusting(&base_url()).timeouts(ample()).build();
    let client = client.expect("valid");
    let text = block_on(async { client.get("/").send().await?.text().await });
    assert_eq!(text.expect("a response"), "secret");
}

#[test]
fn the_tls_settings_of_the_users_transport_apply() {
    let client = trusting(&base_url()).tls(Tls::Native).timeouts(ample());
    let client = client.roots(Roots::Platform).build().expect("not asked");
    let text = block_on(async { client.get("/").send().await?.text().await });
    assert_eq!(text.expect("a response"), "secret");
}

#[test]
fn the_time_to_connect_does_not_count_for_the_response() {
    let pause = Duration::from_millis(1500);
    let base_url = format!("https://localhost:{}", server(pause));
    let timeouts = ample().first_byte(Duration::from_secs(1));
    let client = trusting(&base_url).timeouts(timeouts.send(Duration::from_secs(1)));
    let client = client.build().expect("valid");
    for request in [client.get("/"), client.post("/").body("x")] {
        let text = block_on(async { request.send().await?.text().await });
        assert_eq!(text.expect("a response"), "secret");
    }
}

#[test]
fn an_unknown_certificate_is_refused_as_an_error_of_tls() {
    let client = AsyncDynamicAPIClient::builder(config(&base_url())).timeouts(ample());
    let client = client.build().expect("valid");
    let error = block_on(client.get("/").send()).expect_err("it is self-signed");
    let is_tls = matches!(
        &error,
        Error::Transport {
            kind: TransportKind::Tls,
            ..
        }
    );
    assert!(is_tls, "{error:?}");
}
