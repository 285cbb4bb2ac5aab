//! `apirl simulate`: what settings would do against a limit, in virtual time.

mod figures;
mod picture;
mod plan;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use api_ratelimiter::{ApiRateConfig, Learning};
use api_ratelimiter_simulator::Limit;
use api_ratelimiter_simulator::world::{self, Report, Scenario, Strategy};
use clap::ValueEnum;
use serde_json::json;

use crate::failure::{Failure, print};
use crate::input;
use crate::quantity::{decimal, duration, spoken};
use figures::Figures;
use plan::Change;

/// Try settings against hidden limits in virtual time: hours take seconds, and nobody is bothered.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  apirl simulate --limit token-bucket:10/s,burst=20
  apirl simulate --api notion --limit fixed-window:180/60s --hint seconds --workers 8
  apirl simulate --limit pacing:10/s --change 200s=4/s --duration 10m --svg run.svg
  apirl simulate --limit sliding-window:50/10s --clients 4 --warmup 5m --duration 30m --json

Limits: token-bucket:10/s,burst=20 | fixed-window:100/60s | sliding-window:50/10s | pacing:10/s | \
concurrency:5

What is simulated is a client that always has something to send. Half of the shortest round trip is the \
server's work. The same seed gives the same figures.

--json prints utilisation (accepted / ideal), refused_ratio, accepted, refused, ideal (what the limits allow \
in the long run), seconds_to_90 (until the rate stays at 90% of the limit; null: never), cuts (times that a \
client's rate fell by more than a tenth) and jain (fairness between clients, 1 is fair).")]
pub(crate) struct Args {
    /// A hidden limit; repeatable, all hold at once.
    #[arg(long, value_name = "LIMIT", required = true, value_parser = limit)]
    limit: Vec<Limit>,
    /// What the answers say about the limits.
    #[arg(long, value_enum, default_value_t = Hint::None)]
    hint: Hint,
    /// Changes the limits in mid-run: a rate for the one that has one, or limits instead of all; repeatable.
    #[arg(long, value_name = "TIME=LIMIT", value_parser = Change::parse)]
    change: Vec<Change>,
    /// Requests that each client has under way at most.
    #[arg(long, default_value_t = 16, allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    workers: u32,
    /// Clients with a limiter each, all against the same limits; each starts 10 s after the last.
    #[arg(long, default_value_t = 1, allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    clients: u32,
    /// The time that an accepted request takes, evenly spread.
    #[arg(long, value_name = "MIN..MAX", default_value = "80ms..250ms", value_parser = round_trip)]
    rtt: (Duration, Duration),
    /// How long it lasts.
    #[arg(long, default_value = "10m", value_parser = duration)]
    duration: Duration,
    /// The beginning that is left out of the figures.
    #[arg(long, default_value = "0s", value_parser = duration)]
    warmup: Duration,
    /// Seeds the chance in round trips and pauses.
    #[arg(long, default_value_t = 1, allow_negative_numbers = true)]
    seed: u64,
    /// Who paces: `learned`, as clients do; `aimd`, the same without learning; `fixed:8.5`, that many per
    /// second whatever happens.
    #[arg(long, default_value = "learned", value_parser = Pacing::parse)]
    strategy: Pacing,
    /// The settings: a preset by its name. Default: the library's defaults.
    #[arg(long, value_name = "NAME")]
    api: Option<String>,
    /// The settings: a file of configurations, see `apirl check`.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Draws rate, limit and refusals over time.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Print the figures as one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Hint {
    /// Nothing.
    None,
    /// Retry-After in seconds on refusals.
    Seconds,
    /// What is left and when it resets, on every answer.
    Headers,
}

/// Who decides when to send.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Pacing {
    Learned,
    Aimd,
    Fixed(f64),
}

/// Fixed rates within these bounds can be simulated: from one a day to a million a second.
const FIXED_RATES: std::ops::RangeInclusive<f64> = 1e-5..=1e6;

/// Longest time that is simulated; windows are no longer either.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Requests that a simulation may take: a few seconds and about 200 MB.
const MOST_REQUESTS: f64 = 5e6;

impl Pacing {
    fn parse(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "learned" => return Ok(Self::Learned),
            None if text == "aimd" => return Ok(Self::Aimd),
            Some(("fixed", rate)) => {
                if let Some(rate) = decimal(rate).filter(|rate| FIXED_RATES.contains(rate)) {
                    return Ok(Self::Fixed(rate));
                }
            }
            _ => {}
        }
        Err(
            "it is learned, aimd, or fixed: and a rate per second within 0.00001 and 1000000"
                .to_owned(),
        )
    }
}

impl std::fmt::Display for Pacing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Learned => f.write_str("learned"),
            Self::Aimd => f.write_str("aimd"),
            Self::Fixed(rate) => write!(f, "fixed at {rate}/s"),
        }
    }
}

fn limit(text: &str) -> Result<Limit, String> {
    Limit::parse(text).map_err(|error| error.to_string())
}

/// `80ms..250ms`, or one duration for both.
fn round_trip(text: &str) -> Result<(Duration, Duration), String> {
    let (least, most) = text.split_once("..").unwrap_or((text, text));
    let (least, most) = (duration(least)?, duration(most)?);
    if least > most {
        return Err("the shorter time comes first".to_owned());
    }
    if most.is_zero() || most > Duration::from_secs(3600) {
        return Err("a round trip takes more than zero and at most an hour".to_owned());
    }
    Ok((least, most))
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let config = input::configured(args.api.as_deref(), args.config.as_deref())?;
    let config = config
        .map(|config| ApiRateConfig::clone(&config))
        .unwrap_or_default();
    let scenario = scenario(&args)?;
    if args
        .svg
        .as_ref()
        .is_some_and(|path| path.as_os_str() == "-")
    {
        return Err(Failure::usage("--svg -: the figures go to standard output")
            .hint("give the picture a file"));
    }
    check_size(&args, &config)?;
    let report = play(&args, &config, &scenario)?;
    let figures = Figures::of(&report, &scenario, args.clients, args.warmup);
    if let Some(path) = &args.svg {
        let title = format!("{}: {}", args.strategy, limits_text(&args.limit));
        let svg = picture::draw(&title, &report, &scenario, args.clients);
        std::fs::write(path, svg).map_err(|error| {
            Failure::usage(format_args!("could not write {}: {error}", path.display()))
                .hint("its folder must be there, and be one where you may write")
        })?;
    }
    if args.json {
        return print(&format!("{}\n", json(&figures)));
    }
    print(&table(&args, &config, &figures))
}

fn limits_text(limits: &[Limit]) -> String {
    let texts: Vec<String> = limits.iter().map(Limit::to_string).collect();
    texts.join(" and ")
}

/// What is to be played, or why the flags don't go together.
fn scenario(args: &Args) -> Result<Scenario, Failure> {
    if args.duration.is_zero() || args.duration > LONGEST {
        return Err(Failure::usage(
            "--duration must be above zero and at most 366 days",
        ));
    }
    if args.warmup >= args.duration {
        return Err(Failure::usage(format_args!(
            "--warmup {} leaves nothing of --duration {}",
            spoken(args.warmup),
            spoken(args.duration)
        )));
    }
    let changes = plan::changes(&args.limit, &args.change, args.duration)?;
    let (least, most) = args.rtt;
    let (leg, spread) = (least / 4, (most - least) / 2);
    let all = changes
        .iter()
        .flat_map(|(_, limits)| limits)
        .chain(&args.limit);
    if least.is_zero() && all.into_iter().any(|limit| limit.per_second().is_none()) {
        return Err(Failure::usage(
            "a limit of concurrency never binds where requests take no time",
        )
        .hint("let --rtt begin above zero"));
    }
    Ok(Scenario {
        changes,
        trip: world::Trip {
            there: leg,
            there_jitter: spread,
            service: least / 2,
            back: leg,
            back_jitter: spread,
            ..world::Trip::default()
        },
        workers: args.workers as usize,
        hint: match args.hint {
            Hint::None => world::LimitHint::None,
            Hint::Seconds => world::LimitHint::RetryAfter,
            Hint::Headers => world::LimitHint::Headers,
        },
        length: args.duration,
        ..Scenario::new(args.limit.iter().copied())
    })
}

/// Refuses what would take all the memory or all day.
fn check_size(args: &Args, config: &ApiRateConfig) -> Result<(), Failure> {
    let rate = match args.strategy {
        Pacing::Fixed(rate) => rate,
        Pacing::Learned | Pacing::Aimd => config.max_rate,
    };
    // Refusals come back after half of the way.
    let trip = args.rtt.0.as_secs_f64() / 2.0;
    let by_workers = f64::from(args.workers) / trip.max(1e-6);
    let requests = rate.min(by_workers) * f64::from(args.clients) * args.duration.as_secs_f64();
    if requests > MOST_REQUESTS {
        return Err(Failure::usage(format_args!(
            "that may be {requests:.0} requests, more than the {MOST_REQUESTS:.0} that are simulated"
        ))
        .hint("shorten --duration, or take fewer --clients or a lower rate"));
    }
    Ok(())
}

fn play(args: &Args, config: &ApiRateConfig, scenario: &Scenario) -> Result<Report, Failure> {
    let learned = |learning| {
        world::learned(&ApiRateConfig {
            learning,
            ..config.clone()
        })
    };
    Ok(match args.strategy {
        Pacing::Learned => together(args, scenario, &learned(config.learning)?),
        Pacing::Aimd => together(args, scenario, &learned(Learning::Off)?),
        Pacing::Fixed(rate) => together(args, scenario, &world::fixed(rate)),
    })
}

fn together<S: Strategy + Clone>(args: &Args, scenario: &Scenario, strategy: &S) -> Report {
    let clients = vec![strategy.clone(); args.clients as usize];
    world::run(scenario, clients, args.seed).0
}

fn json(figures: &Figures) -> serde_json::Value {
    json!({
        "utilisation": figures.utilisation,
        "refused_ratio": figures.refused_ratio,
        "accepted": figures.accepted,
        "refused": figures.refused,
        "ideal": figures.ideal,
        "seconds_to_90": figures.seconds_to_90,
        "cuts": figures.cuts,
        "jain": figures.jain,
    })
}

fn table(args: &Args, config: &ApiRateConfig, figures: &Figures) -> String {
    let settings = match (args.strategy, config.name.as_str()) {
        (Pacing::Fixed(_), _) => String::new(),
        (_, "") => " with the default settings".to_owned(),
        (_, name) => format!(" with {name}"),
    };
    let mut text = format!(
        "\x1b[1m{} for {}, {}{settings}\x1b[0m\n",
        limits_text(&args.limit),
        spoken(args.duration),
        args.strategy,
    );
    let found = match figures.seconds_to_90 {
        Some(seconds) => format!("{seconds:.1} s"),
        None => "never".to_owned(),
    };
    let rows = [
        ("accepted", figures.accepted.to_string()),
        ("the limits allow", format!("{:.0}", figures.ideal)),
        (
            "utilisation",
            format!("{:.1}%", 100.0 * figures.utilisation),
        ),
        ("refused", figures.refused.to_string()),
        (
            "refused share",
            format!("{:.2}%", 100.0 * figures.refused_ratio),
        ),
        ("90% of the limit after", found),
        ("cuts", figures.cuts.to_string()),
        ("fairness (Jain)", format!("{:.3}", figures.jain)),
    ];
    for (name, value) in rows {
        let _ = writeln!(text, "  {name:<23} {value:>12}");
    }
    let paced = args.strategy == Pacing::Learned || args.strategy == Pacing::Aimd;
    let share = plan::allowed(&args.limit, args.rtt.0 / 2) / f64::from(args.clients);
    if paced && config.max_rate < share {
        let _ = writeln!(
            text,
            "max_rate, {}/s, is below what the limits allow, {share:.3}/s: give other settings by --api or --config.",
            config.max_rate
        );
    }
    if let Some(gap) = args.limit.iter().find_map(|limit| blurred(limit, args.rtt)) {
        let _ = writeln!(
            text,
            "pacing refuses requests that arrive less than {} apart: no client reaches all of it where round trips \
             vary, here by {}; see --rtt.",
            spoken(gap),
            spoken(args.rtt.1 - args.rtt.0)
        );
    }
    text
}

/// The gap that strict pacing asks for, if round trips vary by more than a tenth of it.
fn blurred(limit: &Limit, (least, most): (Duration, Duration)) -> Option<Duration> {
    let Limit::Pacing {
        rate_per_second, ..
    } = limit
    else {
        return None;
    };
    let gap = Duration::try_from_secs_f64(1.0 / rate_per_second).ok()?;
    (most - least > gap / 10).then_some(gap)
}
