//! The blocking front: sends, waits and reads. The core decides.

mod body;
mod builder;
mod client;
mod drive;
mod gunzip;
mod pages;
mod patience;
mod request;
mod resolver;
mod response;
mod tls;
mod transport;

pub use builder::make_client_for;
pub use client::DynamicAPIClient;
pub use pages::{Items, Pages};
pub use response::{BodyReader, Response};
