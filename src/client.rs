//! What the blocking and the async client share: their settings, builders and TLS checks.

pub(crate) mod builder;
pub(crate) mod credential;
pub(crate) mod request;
pub(crate) mod settings;
pub(crate) mod tls;
pub(crate) mod transport;
