//! The two fronts of the client, as types that select what the builders build and use.

/// A front of the client.
pub trait Front {
    /// The client of this front.
    type Client;
}

/// The blocking front, [`DynamicAPIClient`](crate::DynamicAPIClient).
#[derive(Debug, Clone, Copy)]
pub struct Blocking;

/// The async front, `AsyncDynamicAPIClient`.
#[cfg(feature = "async")]
#[derive(Debug, Default)]
pub struct Async {
    /// The transport that the user brought.
    pub(crate) http: Option<reqwest::ClientBuilder>,
}
