//! `apirl fleet`: what the store holds about workers that share a limit.

use std::fmt::Write as _;

use api_ratelimiter::{Error, FleetStatus};

use crate::failure::Failure;
use crate::flags::{FleetCommand, FleetFlags};
use crate::fleet_store::{self, has_password, warn_of_password};
use crate::quantity::spoken;
use crate::terminal::print;

pub(crate) fn run(flags: FleetFlags) -> Result<(), Failure> {
    let FleetCommand::Status(flags) = flags.command;
    if flags.url.as_deref().is_some_and(has_password) {
        warn_of_password("the URL");
    }

    // Ask the store.
    let fleet = fleet_store::fleet(flags.url.as_deref(), flags.fleet_env.as_deref(), &flags.key)?;
    let status = fleet.status().map_err(|error| {
        let problem = match &error {
            Error::Fleet { problem, .. } => problem.to_string(),
            other => other.to_string(),
        };
        Failure::failed(format_args!("could not ask the store: {problem}"))
    })?;

    // Print what it holds.
    if flags.json {
        let text = serde_json::to_string(&status).map_err(Failure::failed)?;
        return print(&format!("{text}\n"));
    }
    print(&match status {
        Some(status) => shown(&flags.key, &status),
        None => format!(
            "No fleet found: no worker has used the key {:?} in this store within two days.\n",
            flags.key
        ),
    })
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
