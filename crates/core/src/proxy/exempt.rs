//! Hosts that are reached without a proxy (`NO_PROXY`).

use core::net::IpAddr;

use crate::url::Origin;

/// Entry of `NO_PROXY`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Exempt {
    /// `*`: every host.
    All,
    /// `example.com` or `.example.com`, with or without a port: the host and its subdomains.
    Domain(String, Option<u16>),
    /// `192.0.2.0/24` or a single address: the addresses with these leading bits.
    Network(IpAddr, u32),
}

impl Exempt {
    /// Parses a list with commas or blanks between its entries. An entry that is not a valid host, or has an
    /// invalid port, covers nothing: the proxy is used.
    pub(super) fn list(text: &str) -> Vec<Self> {
        text.split(|c: char| c == ',' || c.is_whitespace())
            .filter(|entry| !entry.is_empty())
            .map(Self::parse)
            .collect()
    }

    fn parse(entry: &str) -> Self {
        if entry == "*" {
            return Self::All;
        }
        let bare = |text: &str| {
            let text = text.trim_start_matches('[').trim_end_matches(']');
            text.parse::<IpAddr>().ok()
        };
        if let Some(address) = bare(entry) {
            return Self::Network(address, u32::MAX);
        }
        let network = entry
            .split_once('/')
            .and_then(|(address, bits)| Some((bare(address)?, bits.parse().ok()?)));
        if let Some((address, bits)) = network {
            return Self::Network(address, bits);
        }
        let (name, port) = match entry.rsplit_once(':') {
            Some((name, port)) => match port.parse() {
                Ok(port) => (name, Some(port)),
                Err(_) => ("", None),
            },
            None => (entry, None),
        };
        let name = name.strip_prefix('*').unwrap_or(name);
        let name = name.trim_start_matches('.').trim_end_matches('.');
        Self::Domain(name.to_ascii_lowercase(), port)
    }

    /// Returns whether requests to an origin are sent directly.
    pub(super) fn covers(&self, origin: &Origin) -> bool {
        let host = origin.host();
        match self {
            Self::All => true,
            Self::Domain(name, port) => {
                let host = host.trim_end_matches('.');
                let is_under = host
                    .strip_suffix(name.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
                !name.is_empty() && is_under && port.is_none_or(|port| port == origin.port())
            }
            Self::Network(network, bits) => {
                let host = host.trim_start_matches('[').trim_end_matches(']');
                host.parse()
                    .is_ok_and(|address| is_within(address, *network, *bits))
            }
        }
    }
}

/// Returns whether two addresses of one family have the same leading bits.
fn is_within(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            let differ = a.to_bits() ^ b.to_bits();
            differ.leading_zeros() >= bits.min(32)
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            let differ = a.to_bits() ^ b.to_bits();
            differ.leading_zeros() >= bits.min(128)
        }
        _ => false,
    }
}
