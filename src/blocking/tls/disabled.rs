//! A build without TLS: there is nothing to hand on.

use ureq::config::ConfigBuilder;
use ureq::typestate::AgentScope;

use crate::client::settings::ClientSettings;

/// Leaves the transport as it is.
pub(in crate::blocking) fn configure(
    builder: ConfigBuilder<AgentScope>,
    _: &ClientSettings,
) -> ConfigBuilder<AgentScope> {
    builder
}
