//! The store of a fleet: its address and key, from the command line or the environment.

use api_ratelimiter::{Fleet, FleetSnapshot};

use crate::environment;
use crate::failure::Failure;
use crate::terminal::say;

/// Returns the fleet with that key. The address of its store is `url`, or the value of the environment variable
/// `variable`.
pub(crate) fn fleet(
    url: Option<&str>,
    variable: Option<&str>,
    key: &str,
) -> Result<Fleet, Failure> {
    if key.trim().is_empty() {
        return Err(
            Failure::usage("the key of the fleet is empty").hint(
                "name the API and the credential, as in notion/workspace-42: workers with the same key share a limit",
            ),
        );
    }
    let url = match (url, variable) {
        (Some(url), _) => url.to_owned(),
        (None, Some(name)) => environment::variable(name)?,
        (None, None) => return Err(Failure::usage("the address of the store is missing")),
    };
    Fleet::redis(url.trim(), key).map_err(|error| {
        Failure::usage(error).hint("write it as redis://127.0.0.1:6379, or rediss:// for TLS")
    })
}

/// Whether the address has a password: `user:password@` or `:password@` between `//` and the host.
pub(crate) fn has_password(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let user = authority.rsplit_once('@').map(|(user, _)| user);
    let password = user.and_then(|user| user.split_once(':'));
    password.is_some_and(|(_, password)| !password.is_empty())
}

/// Warns of a password on the command line; `flag` names where it is.
pub(crate) fn warn_of_password(flag: &str) {
    say(&format!(
        "warning: {flag} shows a password to all users who can list processes; use --fleet-env"
    ));
}

/// Returns the size of the fleet, and this worker's share of the rate.
pub(crate) fn fleet_share(fleet: &FleetSnapshot) -> String {
    let share = fleet.share;
    match (fleet.joined, fleet.last_contact) {
        (true, _) => format!("fleet of {}, own share {share:.1}/s", fleet.workers),
        (false, Some(_)) => format!("fleet lost, continuing with its share of {share:.1}/s"),
        (false, None) => format!("no fleet found, continuing with {share:.1}/s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_an_address_is_found() {
        for url in [
            "redis://user:secret@host:6379",
            "redis://:secret@host",
            "rediss://u:a@b@host/2",
            "user:secret@host",
        ] {
            assert!(has_password(url), "{url}");
        }
        for url in [
            "redis://127.0.0.1:6379",
            "redis://user@host",
            "redis://user:@host",
            "redis://[::1]:6379/1?a=b:c@d",
            "",
        ] {
            assert!(!has_password(url), "{url}");
        }
    }
}
