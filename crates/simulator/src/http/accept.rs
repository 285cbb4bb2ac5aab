//! The server's connections: a bounded number, and none that waits for a request for ever.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::ConnectInfo;
use axum::handler::Handler;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::connection::{ScriptHandle, ScriptedConnection};
use super::handler::handle;
use super::server::Server;

/// Pause after an error of `accept`, which comes of missing descriptors or memory: the tests need them, too.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts and serves connections until the future is dropped. Connections above the maximum are closed at once.
pub(super) async fn serve(listener: TcpListener, server: Arc<Server>) {
    let places = Arc::new(Semaphore::new(server.settings.max_connections));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) if is_of_the_client(&error) => continue,
            Err(_) => {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            continue;
        };
        // Small responses must not wait for one another. An error only makes them slower.
        let _ = stream.set_nodelay(true);
        server.count_connection();
        let server = Arc::clone(&server);
        tokio::spawn(async move {
            // An error ends only this connection.
            let _ = serve_one(stream, server).await;
            drop(place);
        });
    }
}

/// Returns whether an error of `accept` concerns only the connection that was about to be accepted.
fn is_of_the_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

/// Serves one connection, whose head of a request must come in time.
async fn serve_one(stream: TcpStream, server: Arc<Server>) -> hyper::Result<()> {
    let patience = server.settings.patience;
    let script = ScriptHandle::default();
    let connection = ScriptedConnection::new(stream, script.clone());
    let service = handle
        .layer(Extension(ConnectInfo(script)))
        .with_state(server);
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .serve_connection(TokioIo::new(connection), TowerToHyperService::new(service))
        .await
}
