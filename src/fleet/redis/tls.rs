//! TLS to the store.

use std::sync::Arc;

use ::redis::RedisResult;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::socket::{BoundedSocket, StoreStream};

/// Settings of TLS: the certificates that the system trusts.
#[derive(Debug, Clone)]
pub(super) struct TlsSettings(Arc<ClientConfig>);

impl TlsSettings {
    /// Reads the certificates that the system trusts, or those of `SSL_CERT_FILE`.
    pub(super) fn of_the_system() -> RedisResult<Self> {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(found.certs);
        // Without any, the reason is that of the file which could not be read.
        if let (0, Some(error)) = (added, found.errors.into_iter().next()) {
            return Err(std::io::Error::other(error).into());
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }

    /// Returns a stream through TLS. The first read or write makes the handshake.
    pub(super) fn wrap(
        &self,
        socket: BoundedSocket,
        host: &str,
    ) -> RedisResult<Box<dyn StoreStream>> {
        let name = ServerName::try_from(host)?.to_owned();
        let connection = ClientConnection::new(Arc::clone(&self.0), name)?;
        Ok(Box::new(StreamOwned::new(connection, socket)))
    }
}

impl StoreStream for StreamOwned<ClientConnection, BoundedSocket> {
    fn socket(&mut self) -> &mut BoundedSocket {
        &mut self.sock
    }
}
