//! Connections of the server: a bounded number, and none that waits for a request for ever.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use api_ratelimiter_simulator::SimulatedApi;

const WHOLE: &[u8] = b"GET /pages/1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

fn connected(api: &SimulatedApi, sent: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(api.addr()).expect("a connection");
    let bound = Some(Duration::from_secs(30));
    stream.set_read_timeout(bound).expect("a timeout");
    // A connection above the maximum may be closed already.
    let _ = stream.write_all(sent);
    stream
}

/// Returns whether a client gets a response in the end.
fn is_served(api: &SimulatedApi) -> bool {
    (0..100).any(|_| {
        let mut answer = Vec::new();
        let _ = connected(api, WHOLE).read_to_end(&mut answer);
        thread::sleep(Duration::from_millis(50));
        answer.starts_with(b"HTTP/1.1 200 ")
    })
}

#[test]
fn half_requests_and_idle_connections_end_and_a_client_is_served() {
    let api = SimulatedApi::builder()
        .max_connections(8)
        .patience(Duration::from_millis(300))
        .start()
        .expect("it starts");
    let halves: [&[u8]; 4] = [
        b"GET /pages/1 HTTP/1.1\r\nHost: loc",
        b"",
        b"POST /pages/1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{",
        // A whole request, after which the connection stays idle.
        b"GET /pages/1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ];
    let held: Vec<TcpStream> = (0..200)
        .map(|number| connected(&api, halves[number % halves.len()]))
        .collect();
    assert!(is_served(&api));
    for mut stream in held {
        // Ends with an end or a reset, and not by the time limit of this test.
        if let Err(error) = stream.read_to_end(&mut Vec::new()) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        }
    }
    assert!(api.stats().connections < 200, "{:?}", api.stats());
}
