//! `apirl serve`: the simulated API in the foreground.

use std::io;
use std::sync::mpsc;

use api_ratelimiter_simulator::{Limit, SimulatedApi, Stats};

use crate::failure::Failure;
use crate::flags::ServeFlags;
use crate::interrupt;
use crate::terminal::{print, say};

pub(crate) fn run(flags: ServeFlags) -> Result<(), Failure> {
    // Listen for Ctrl-C before the server starts: until then Ctrl-C kills the process.
    let (stop, stopped) = mpsc::channel();
    interrupt::listen(move || {
        // Fails only if the command is ending already.
        let _ = stop.send(());
    })?;

    // The address alone goes to standard output, for scripts; words for people go to standard error.
    let api = start(&flags)?;
    print(&format!("{}\n", api.base_url()))?;
    say(&greeting(&flags, &api));

    // Serve until Ctrl-C. An error means that the listener is gone, so nothing could stop the server later.
    let _ = stopped.recv();
    api.stop();
    say(&farewell(api.stats()));
    Ok(())
}

fn start(flags: &ServeFlags) -> Result<SimulatedApi, Failure> {
    let limits = flags.limit.iter();
    let builder = limits.fold(SimulatedApi::builder(), |builder, limit| {
        builder.limit(*limit)
    });
    let faults = flags.fault.iter();
    let builder = faults
        .fold(builder, |builder, fault| builder.fault(*fault))
        .hint(flags.hint)
        .shape(flags.shape)
        .round_trip(flags.rtt)
        .items(flags.items)
        .seed(flags.seed)
        .port(flags.port);
    let builder = match flags.refusal_status {
        Some(status) => builder.refusal_status(status),
        None => builder,
    };
    let builder = match flags.announce {
        Some(number) => builder.announce(number as usize),
        None => builder,
    };
    builder.start().map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            Failure::usage(format_args!("port {} is in use on 127.0.0.1", flags.port))
                .hint("give another --port, or none to take a free one")
        }
        io::ErrorKind::InvalidInput => Failure::usage(error),
        io::ErrorKind::PermissionDenied => {
            Failure::usage(format_args!("permission denied for port {}", flags.port))
                .hint("use a port from 1024 on")
        }
        _ => Failure::failed(format_args!("could not start: {error}")),
    })
}

fn greeting(flags: &ServeFlags, api: &SimulatedApi) -> String {
    let limits: Vec<String> = flags.limit.iter().map(Limit::to_string).collect();
    let limits = match limits.as_slice() {
        [] => "without any limit".to_owned(),
        limits => format!("with {}", limits.join(" and ")),
    };
    format!(
        "A simulated API {limits} listens on {}; try `curl -i {}/anything`. Ctrl-C stops it.",
        api.addr(),
        api.base_url()
    )
}

fn farewell(stats: Stats) -> String {
    let plural = |count: u64| if count == 1 { "" } else { "s" };
    format!(
        "Served {}, refused {}, injected {} fault{}; {} connection{}.",
        stats.served,
        stats.refused,
        stats.faults_injected,
        plural(stats.faults_injected),
        stats.connections,
        plural(stats.connections)
    )
}
