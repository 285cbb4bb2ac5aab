//! The async front over reqwest: sends, waits and reads, and decides nothing.

mod builder;
mod client;
mod drive;
mod outgoing;
mod pages;
mod request;
mod response;
mod tls;
mod transport;

pub use builder::AsyncClientBuilder;
pub use client::{AsyncDynamicAPIClient, make_async_client_for};
pub use pages::{AsyncItems, AsyncPages};
pub use request::AsyncRequestBuilder;
pub use response::AsyncResponse;
