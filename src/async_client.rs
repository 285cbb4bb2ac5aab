//! The async front over reqwest: sends, waits and reads. The core decides.

mod builder;
mod client;
mod drive;
mod gunzip;
mod pages;
mod request;
mod response;
mod timeout;
mod tls;
mod transport;
mod upload;

pub use builder::{AsyncClientBuilder, make_async_client_for};
pub use client::AsyncDynamicAPIClient;
pub use pages::{AsyncItems, AsyncPages};
pub use request::AsyncRequestBuilder;
pub use response::AsyncResponse;
