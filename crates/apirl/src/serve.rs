//! `apirl serve`: the simulated API in the foreground.

use std::io;
use std::sync::mpsc;
use std::time::Duration;

use api_ratelimiter_simulator::{Fault, Hint, Limit, Shape, SimulatedApi, Stats};

use crate::failure::{Failure, print};
use crate::input::say;
use crate::quantity::duration;

/// Run a simulated API with hidden limits on this machine, to try things against; Ctrl-C ends it.
///
/// It listens on 127.0.0.1 only. Every path answers: `/pages/ID` with a page, `/status/CODE` with that
/// status, anything else with a description of the request, or, in a vendor's shape, with a collection in
/// pages.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  apirl serve --limit token-bucket:5/s,burst=10 --hint seconds --port 8080
  curl -i http://127.0.0.1:8080/anything
  apirl serve --limit fixed-window:100/60s --limit concurrency:5 --rtt 100ms
  apirl serve --shape github --hint vendor --limit fixed-window:60/1h --fault status:502:1%

Limits: token-bucket:10/s,burst=20 | fixed-window:100/60s | sliding-window:50/10s | pacing:10/s | \
concurrency:5

Faults: cut:2% | cut-in-body:2% | reset:2% | reset-in-body:2% | slow:200ms:10% | slow-in-body:5s:1% | \
status:503:1% | garbage:1% | outage:60s+30s; each but the last also with a time, cut:100%@60s+30s")]
pub(crate) struct Args {
    /// A limit; repeatable, all hold at once.
    #[arg(long, value_name = "LIMIT", value_parser = limit)]
    limit: Vec<Limit>,
    /// The port on 127.0.0.1; 0 for one that is free.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    port: u16,
    /// What the answers say about the limits: none, seconds, date, headers, ietf, or vendor (as --shape does).
    #[arg(long, default_value_t = Hint::None)]
    hint: Hint,
    /// In whose form it answers: echo, notion, vanta, fieldguide or github.
    #[arg(long, default_value_t = Shape::Echo)]
    shape: Shape,
    /// Harm to some accepted requests; repeatable, see below.
    #[arg(long, value_name = "FAULT")]
    fault: Vec<Fault>,
    /// The time that an answer takes.
    #[arg(long, default_value = "0s", value_parser = duration)]
    rtt: Duration,
    /// The status of refusals. Default: the shape's, 403 for github, else 429.
    #[arg(long, value_name = "CODE", allow_negative_numbers = true, value_parser = clap::value_parser!(u16).range(200..=599))]
    refusal_status: Option<u16>,
    /// How many items the collection has.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1000,
        allow_negative_numbers = true
    )]
    items: usize,
    /// Seeds the chance by which faults strike.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    seed: u64,
}

fn limit(text: &str) -> Result<Limit, String> {
    Limit::parse(text).map_err(|error| error.to_string())
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    // Before the start, so that no Ctrl-C finds the default, which kills.
    let (stop, stopped) = mpsc::channel();
    crate::stop::listen(move || {
        // Fails only if we are ending already.
        let _ = stop.send(());
    })?;
    let api = start(&args)?;
    // The address alone on standard output, for scripts; words for people on standard error.
    print(&format!("{}\n", api.base_url()))?;
    say(&greeting(&args, &api));
    // An error would mean that nobody can say stop any more.
    let _ = stopped.recv();
    api.stop();
    say(&farewell(api.stats()));
    Ok(())
}

fn start(args: &Args) -> Result<SimulatedApi, Failure> {
    let limits = args.limit.iter();
    let builder = limits.fold(SimulatedApi::builder(), |builder, limit| {
        builder.limit(*limit)
    });
    let faults = args.fault.iter();
    let builder = faults
        .fold(builder, |builder, fault| builder.fault(*fault))
        .hint(args.hint)
        .shape(args.shape)
        .round_trip(args.rtt)
        .items(args.items)
        .seed(args.seed)
        .port(args.port);
    let builder = match args.refusal_status {
        Some(status) => builder.refusal_status(status),
        None => builder,
    };
    builder.start().map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            Failure::usage(format_args!("port {} is in use on 127.0.0.1", args.port))
                .hint("give another --port, or none for one that is free")
        }
        io::ErrorKind::PermissionDenied => Failure::usage(format_args!(
            "port {} is not for everybody: {error}",
            args.port
        ))
        .hint("ports from 1024 on are"),
        _ => Failure::failed(format_args!("could not start: {error}")),
    })
}

fn greeting(args: &Args, api: &SimulatedApi) -> String {
    let limits: Vec<String> = args.limit.iter().map(Limit::to_string).collect();
    let limits = match limits.as_slice() {
        [] => "without any limit".to_owned(),
        limits => format!("with {}", limits.join(" and ")),
    };
    format!(
        "A simulated API {limits} listens on {}; try `curl -i {}/anything`. Ctrl-C ends it.",
        api.addr(),
        api.base_url()
    )
}

fn farewell(stats: Stats) -> String {
    format!(
        "Served {}, refused {}, struck {} by faults, over {} connections.",
        stats.served, stats.refused, stats.faults_injected, stats.connections
    )
}
