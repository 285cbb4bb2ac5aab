//! Common parts of the blocking and the async client: settings, builders, and the steps of a call.

pub(crate) mod builder;
pub(crate) mod call;
pub(crate) mod core;
pub(crate) mod gzip;
pub(crate) mod methods;
pub(crate) mod proxy;
pub(crate) mod request;
pub(crate) mod settings;
pub(crate) mod tls;
pub(crate) mod transport;
