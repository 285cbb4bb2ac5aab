//! The live page of `--dashboard`.

use std::fmt;
use std::net::SocketAddr;

use api_ratelimiter::dashboard::{self, Dashboard};
use api_ratelimiter::{DynamicAPIClient, Error};

use crate::failure::Failure;
use crate::terminal::say;

/// Serves the page until the returned value is dropped, and prints its address.
pub(crate) fn serve(address: &str, client: &DynamicAPIClient) -> Result<Dashboard, Failure> {
    let invalid = |problem: &dyn fmt::Display| {
        Failure::usage(format_args!("--dashboard={address}: {problem}"))
    };

    // Only an address of this machine: the page needs no login.
    let Ok(wanted) = address.parse::<SocketAddr>() else {
        return Err(
            invalid(&"not a valid address (expected an IP address and a port)")
                .hint("write it as --dashboard=127.0.0.1:9465; port 0 takes a free one"),
        );
    };
    if !wanted.ip().is_loopback() {
        return Err(invalid(&"other machines could reach the page").hint(
            "use 127.0.0.1; from elsewhere the page can be seen through a tunnel, as `ssh -L 9465:127.0.0.1:9465 HOST` makes one",
        ));
    }

    let page = dashboard::serve(address, client).map_err(|error| match error {
        Error::InvalidConfig { problem, .. } => invalid(&problem),
        other => invalid(&other),
    });
    let page =
        page.map_err(|failure| failure.hint("use --dashboard=127.0.0.1:0 to take a free port"))?;
    say(&format!("Live page: {}", page.url()));
    Ok(page)
}
