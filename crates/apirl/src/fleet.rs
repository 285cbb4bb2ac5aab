//! `apirl fleet`: the workers that share a limit through a store, and the store that `apirl fetch` is given.

use std::fmt::Write as _;

use api_ratelimiter::{Error, Fleet, FleetStatus};

use crate::failure::{Failure, print};
use crate::input;
use crate::quantity::spoken;

/// Look at a fleet: workers that share one limit through Redis or Valkey.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Status(StatusArgs),
}

/// Show what the store holds of a fleet: its workers, rate, ceiling and pause.
///
/// It only reads. Exit code 0: it is shown, or there is nothing. 1: the store can't be reached. 2: wrong usage.
#[derive(Debug, clap::Args)]
#[command(allow_missing_positional = true)]
#[command(
    override_usage = "apirl fleet status [OPTIONS] <URL> <KEY>\n       apirl fleet status [OPTIONS] --fleet-env <VAR> <KEY>"
)]
#[command(after_help = "Examples:
  apirl fleet status redis://127.0.0.1:6379 notion/workspace-42
  apirl fleet status --fleet-env FLEET_URL notion/workspace-42 --json")]
struct StatusArgs {
    /// The store, as in --fleet of `apirl fetch`.
    #[arg(required_unless_present = "fleet_env", conflicts_with = "fleet_env")]
    url: Option<String>,
    /// The key, as in --fleet-key of `apirl fetch`.
    key: String,
    /// The environment variable that holds the URL, for one with a password.
    #[arg(long, value_name = "VAR")]
    fleet_env: Option<String>,
    /// Print it as JSON; null if there is nothing.
    #[arg(long)]
    json: bool,
}

/// The store that workers of `apirl fetch` share.
#[derive(Debug, clap::Args)]
pub(crate) struct Sharing {
    /// Share the limit with all workers that name the same store and key: Redis or Valkey,
    /// redis://HOST:PORT, or rediss:// for TLS.
    #[arg(
        long,
        help_heading = "Fleet",
        value_name = "URL",
        requires = "fleet_key",
        conflicts_with = "fleet_env"
    )]
    fleet: Option<String>,
    /// The environment variable that holds such a URL, for one with a password.
    #[arg(
        long,
        help_heading = "Fleet",
        value_name = "VAR",
        requires = "fleet_key"
    )]
    fleet_env: Option<String>,
    /// What the workers share: a name for the API and the credential, such as notion/workspace-42. Only a
    /// hash of it reaches the store.
    #[arg(long, help_heading = "Fleet", value_name = "KEY", requires = "store")]
    fleet_key: Option<String>,
}

impl Sharing {
    pub(crate) fn fleet(&self) -> Result<Option<Fleet>, Failure> {
        let Some(key) = &self.fleet_key else {
            return Ok(None);
        };
        reach(self.fleet.as_deref(), self.fleet_env.as_deref(), key).map(Some)
    }

    /// Whether a password stands on the command line.
    pub(crate) fn is_exposed(&self) -> bool {
        self.fleet.as_deref().is_some_and(has_password)
    }
}

/// The fleet of that key in the store of that address, or of the address in that variable.
fn reach(url: Option<&str>, variable: Option<&str>, key: &str) -> Result<Fleet, Failure> {
    if key.trim().is_empty() {
        return Err(
            Failure::usage("the key of the fleet is empty").hint(
                "name the API and the credential, as in notion/workspace-42: those who use the same share a limit",
            ),
        );
    }
    let url = match (url, variable) {
        (Some(url), _) => url.to_owned(),
        (None, Some(name)) => input::variable(name)?,
        (None, None) => return Err(Failure::usage("the address of the store is missing")),
    };
    Fleet::redis(url.trim(), key).map_err(|error| {
        Failure::usage(error).hint("write it as redis://127.0.0.1:6379, or rediss:// for TLS")
    })
}

/// Between `//` and the host, a name and a password may stand: `user:password@` or `:password@`.
fn has_password(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let user = authority.rsplit_once('@').map(|(user, _)| user);
    let password = user.and_then(|user| user.split_once(':'));
    password.is_some_and(|(_, password)| !password.is_empty())
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let Command::Status(args) = args.command;
    if args.url.as_deref().is_some_and(has_password) {
        warn_of_password("the URL");
    }
    let fleet = reach(args.url.as_deref(), args.fleet_env.as_deref(), &args.key)?;
    let status = fleet.status().map_err(|error| {
        let problem = match &error {
            Error::Fleet { problem, .. } => problem.to_string(),
            other => other.to_string(),
        };
        Failure::failed(format_args!("the store can't be asked: {problem}"))
    })?;
    if args.json {
        let text = serde_json::to_string(&status).map_err(Failure::failed)?;
        return print(&format!("{text}\n"));
    }
    print(&match status {
        Some(status) => shown(&args.key, &status),
        None => format!(
            "Nothing there: no worker has used the key {:?} in this store within two days.\n",
            args.key
        ),
    })
}

/// A password on the command line.
pub(crate) fn warn_of_password(place: &str) {
    input::say(&format!(
        "warning: {place} shows a password to everybody who can list processes; use --fleet-env"
    ));
}

fn shown(key: &str, status: &FleetStatus) -> String {
    let mut text = format!("\x1b[1m{}\x1b[0m\n", key.escape_debug());
    let rows = [
        ("workers", status.workers.to_string()),
        ("rate", format!("{:.3}/s", status.rate_per_second)),
        (
            "learned ceiling",
            match status.learned_ceiling {
                Some(ceiling) => format!("{ceiling:.3}/s"),
                None => "none yet".to_owned(),
            },
        ),
        (
            "pause left",
            match status.cooldown {
                pause if pause.is_zero() => "none".to_owned(),
                pause => spoken(pause),
            },
        ),
        ("last change", format!("{} ago", spoken(status.changed_ago))),
    ];
    for (name, value) in rows {
        let _ = writeln!(text, "  {name:<16} {value}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_an_address_is_seen() {
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
