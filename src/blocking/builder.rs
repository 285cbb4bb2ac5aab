//! The last step of putting a client together.

use super::client::DynamicAPIClient;
use crate::client::builder::{Builder, Checked};
use api_ratelimiter_core::error::Result;

/// What only the blocking front asks for: nothing.
#[derive(Debug, Clone, Copy)]
pub struct Blocking;

/// Puts a [`DynamicAPIClient`] together.
pub type ClientBuilder = Builder<Blocking>;

impl Builder<Blocking> {
    /// The client.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`](crate::Error) naming the setting, its value and the rule it breaks, or
    /// the feature that is off.
    pub fn build(self) -> Result<DynamicAPIClient> {
        let Checked {
            front: Blocking,
            settings,
            limiter,
            memory,
        } = self.checked(true)?;
        DynamicAPIClient::assemble(settings, limiter, memory)
    }
}
