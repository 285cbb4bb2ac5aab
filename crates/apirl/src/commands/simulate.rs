//! `apirl simulate`: how settings behave under a limit, in virtual time.

mod figures;
mod job;
mod picture;
mod plan;

use std::fmt::Write as _;
use std::time::Duration;

use api_ratelimiter::{ApiRateConfig, Learning};
use api_ratelimiter_simulator::Limit;
use api_ratelimiter_simulator::world::chart::{limit_steps, long_run_rate};
use api_ratelimiter_simulator::world::{self, Report, Scenario, Strategy};
use serde_json::json;

use crate::failure::Failure;
use crate::files::unwritable;
use crate::flags::values::Pacing;
use crate::flags::{SimulateFlags, SimulatedHint};
use crate::quantity::spoken;
use crate::settings;
use crate::terminal::print;
use figures::Figures;

/// Length of a run without a job, if `--duration` names none.
const USUAL_LENGTH: Duration = Duration::from_secs(10 * 60);

/// Longest run. The windows of limits have the same maximum.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Maximum number of simulated requests. They take a few seconds and about 200 MB.
const MAX_REQUESTS: f64 = 5e6;

/// Number of requests that a client which adapts may send for each that the limits allow: far more than it is refused.
const MOST_PER_ALLOWED: f64 = 2.0;

pub(crate) fn run(flags: SimulateFlags) -> Result<(), Failure> {
    // The settings and limits of the run.
    let config = settings::configured(flags.api.as_deref(), flags.config.as_deref())?;
    let mut config = config
        .map(|config| ApiRateConfig::clone(&config))
        .unwrap_or_default();
    if let Some(reserve) = flags.reserve {
        config.reserve = reserve;
    }
    let mut scenario = scenario(&flags)?;
    if flags
        .svg
        .as_ref()
        .is_some_and(|path| path.as_os_str() == "-")
    {
        return Err(
            Failure::usage("--svg - is not possible: standard output is for the figures")
                .hint("give --svg a file"),
        );
    }
    check_size(&flags, &config, &scenario)?;

    // Run it, then draw and print it.
    let report = simulate(&flags, &config, &scenario)?;
    let job = flags
        .requests
        .map(|_| job::JobFigures::of(&report, &scenario, flags.clients, flags.seed));
    scenario.length = report.length();
    if let Some(path) = &flags.svg {
        let title = format!("{}: {}", flags.strategy, limits_text(&flags.limit));
        let svg = picture::draw(&title, &report, &scenario, flags.clients);
        std::fs::write(path, svg).map_err(unwritable(path))?;
    }
    if let Some(figures) = job {
        if flags.json {
            return print(&format!("{}\n", figures.json()));
        }
        return print(&figures.table(&heading(&flags, &config)));
    }
    let figures = Figures::of(&report, &scenario, flags.clients, flags.warmup);
    if flags.json {
        return print(&format!("{}\n", json(&figures)));
    }
    print(&table(&flags, &config, &figures))
}

/// Returns the length of the run, or the longest time that its job may take.
fn length_of(flags: &SimulateFlags) -> Duration {
    let usual = match (flags.requests, flags.strategy) {
        (None, _) => USUAL_LENGTH,
        // A fixed rate may be refused for ever: end it at the maximum number of requests.
        (Some(_), Pacing::Fixed(rate)) => {
            let seconds = MAX_REQUESTS / rate / f64::from(flags.clients);
            Duration::try_from_secs_f64(seconds).map_or(LONGEST, |length| length.min(LONGEST))
        }
        (Some(_), Pacing::Learned | Pacing::Aimd) => LONGEST,
    };
    flags.duration.unwrap_or(usual)
}

/// Returns what was run, as the first line of the figures.
fn heading(flags: &SimulateFlags, config: &ApiRateConfig) -> String {
    let settings = match (flags.strategy, config.name.as_str()) {
        (Pacing::Fixed(_), _) => String::new(),
        (_, "") => " with the default settings".to_owned(),
        (_, name) => format!(" with {name}"),
    };
    let extent = match flags.requests {
        Some(requests) => format!("{requests} requests"),
        None => format!("for {}", spoken(length_of(flags))),
    };
    format!(
        "\x1b[1m{}{} {extent}, {}{settings}\x1b[0m\n",
        limits_text(&flags.limit),
        if flags.requests.is_some() { "," } else { "" },
        flags.strategy,
    )
}

fn limits_text(limits: &[Limit]) -> String {
    let texts: Vec<String> = limits.iter().map(Limit::to_string).collect();
    texts.join(" and ")
}

/// Returns the run that the flags describe, or why they contradict each other.
fn scenario(flags: &SimulateFlags) -> Result<Scenario, Failure> {
    let length = length_of(flags);
    if length.is_zero() || length > LONGEST {
        return Err(Failure::usage(
            "--duration must be greater than zero and at most 366 days",
        ));
    }
    if flags.warmup >= length {
        return Err(Failure::usage(format_args!(
            "--warmup {} must be shorter than --duration {}",
            spoken(flags.warmup),
            spoken(length)
        )));
    }
    let changes = plan::changes(&flags.limit, &flags.change, length)?;
    let announced = flags.announce.map(|number| number as usize - 1);
    if announced.is_some_and(|index| index >= flags.limit.len()) {
        return Err(Failure::usage(format_args!(
            "--announce must be the number of a --limit, from 1 to {}",
            flags.limit.len()
        )));
    }
    let all = changes
        .iter()
        .flat_map(|(_, limits)| limits)
        .chain(&flags.limit);
    let trip = trip(flags);
    if trip.service.is_zero() && all.into_iter().any(|limit| limit.per_second().is_none()) {
        return Err(
            Failure::usage("a concurrency limit has no effect if requests take no time")
                .hint("give --rtt or --work a minimum greater than zero"),
        );
    }
    Ok(Scenario {
        changes,
        trip,
        workers: flags.workers as usize,
        hint: match flags.hint {
            SimulatedHint::None => world::LimitHint::None,
            SimulatedHint::Seconds => world::LimitHint::RetryAfter,
            SimulatedHint::Headers => world::LimitHint::Headers,
            SimulatedHint::HeadersDown => world::LimitHint::HeadersRoundedDown,
            SimulatedHint::HeadersWait => world::LimitHint::HeadersAndWait,
            SimulatedHint::HeadersWaitDown => world::LimitHint::HeadersAndWaitRoundedDown,
        },
        announced,
        demand: match flags.requests {
            Some(requests) => world::Demand::Job { requests },
            None => world::Demand::Saturated,
        },
        length,
        ..Scenario::new(flags.limit.iter().copied())
    })
}

/// Returns how long a request takes on its way and on the server.
fn trip(flags: &SimulateFlags) -> world::Trip {
    let (least, most) = flags.rtt;
    // Without a time of its own, half of the shortest round trip is the server's work.
    let of_rtt = (least / 2, least / 2);
    let (work, most_work) = flags.work.unwrap_or(of_rtt);
    let leg = match flags.work {
        Some(_) => least / 2,
        None => least / 4,
    };
    let spread = (most - least) / 2;
    world::Trip {
        there: leg,
        there_jitter: spread,
        service: work,
        service_jitter: most_work - work,
        back: leg,
        back_jitter: spread,
        ..world::Trip::default()
    }
}

/// Refuses a run that would take too much memory or time.
fn check_size(
    flags: &SimulateFlags,
    config: &ApiRateConfig,
    scenario: &Scenario,
) -> Result<(), Failure> {
    // A refusal takes half of a round trip.
    let trip = flags.rtt.0.as_secs_f64() / 2.0;
    let by_workers = f64::from(flags.workers) / trip.max(1e-6);
    let by_time = |rate: f64| rate.min(by_workers) * scenario.length.as_secs_f64();
    // A fixed rate is refused as often as the limits say; other strategies are refused rarely.
    let each = match flags.strategy {
        Pacing::Fixed(rate) => by_time(rate),
        Pacing::Learned | Pacing::Aimd => {
            let wanted = flags.requests.map_or(f64::INFINITY, |it| it as f64);
            let allowed = MOST_PER_ALLOWED * most_allowed(scenario);
            by_time(config.max_rate).min(wanted).min(allowed)
        }
    };
    let requests = each * f64::from(flags.clients);
    if requests > MAX_REQUESTS {
        return Err(Failure::usage(format_args!(
            "the run may need {requests:.0} requests; the maximum is {MAX_REQUESTS:.0}"
        ))
        .hint("shorten --duration, or use fewer --clients or a lower rate"));
    }
    Ok(())
}

/// Returns the largest number of requests that the limits of a run may allow. A window may be used up as the run begins.
fn most_allowed(scenario: &Scenario) -> f64 {
    let rates = limit_steps(scenario).into_iter().map(|(_, rate)| rate);
    let changed = scenario.changes.iter().flat_map(|(_, limits)| limits);
    let all: Vec<Limit> = changed.chain(&scenario.limits).copied().collect();
    let time = scenario.length + plan::longest_window(&all);
    rates.fold(0.0, f64::max) * time.as_secs_f64()
}

/// Runs the clients under the limits.
fn simulate(
    flags: &SimulateFlags,
    config: &ApiRateConfig,
    scenario: &Scenario,
) -> Result<Report, Failure> {
    let learned = |learning| {
        world::learned(&ApiRateConfig {
            learning,
            ..config.clone()
        })
    };
    Ok(match flags.strategy {
        Pacing::Learned => run_clients(flags, scenario, &learned(config.learning)?),
        Pacing::Aimd => run_clients(flags, scenario, &learned(Learning::Off)?),
        Pacing::Fixed(rate) => run_clients(flags, scenario, &world::fixed(rate)),
    })
}

/// Runs clients with a strategy each.
fn run_clients<S: Strategy + Clone>(
    flags: &SimulateFlags,
    scenario: &Scenario,
    strategy: &S,
) -> Report {
    let clients = vec![strategy.clone(); flags.clients as usize];
    world::run(scenario, clients, flags.seed).0
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

/// Returns the figures as a table, and remarks on settings that cannot reach the limit.
fn table(flags: &SimulateFlags, config: &ApiRateConfig, figures: &Figures) -> String {
    let mut text = heading(flags, config);
    let settled = match figures.seconds_to_90 {
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
        ("90% of the limit after", settled),
        ("cuts", figures.cuts.to_string()),
        ("fairness (Jain)", format!("{:.3}", figures.jain)),
    ];
    for (name, value) in rows {
        let _ = writeln!(text, "  {name:<23} {value:>12}");
    }
    let adapts = flags.strategy == Pacing::Learned || flags.strategy == Pacing::Aimd;

    // Remarks on what keeps clients below the limit.
    let share = long_run_rate(&flags.limit, trip(flags).mean_service()) / f64::from(flags.clients);
    if adapts && config.max_rate < share {
        let _ = writeln!(
            text,
            "max_rate, {}/s, is below what the limits allow, {share:.3}/s: choose other settings with --api or --config.",
            config.max_rate
        );
    }
    let slowest = config
        .limits
        .iter()
        .min_by(|one, other| one.rate().total_cmp(&other.rate()));
    if let Some(known) = slowest.filter(|known| adapts && known.rate() < 0.99 * share) {
        let _ = writeln!(
            text,
            "The settings know a limit of {known}, which is below what the limits allow, {share:.3}/s: choose other settings \
             with --api or --config."
        );
    }
    if let Some(gap) = flags
        .limit
        .iter()
        .find_map(|limit| uneven_gap(limit, flags.rtt))
    {
        let _ = writeln!(
            text,
            "pacing refuses requests that arrive less than {} apart: no client can use all of it if round trips vary, \
             here by {}; see --rtt.",
            spoken(gap),
            spoken(flags.rtt.1 - flags.rtt.0)
        );
    }
    text
}

/// Returns the minimum gap of a pacing limit, if round trips vary by more than a tenth of it.
fn uneven_gap(limit: &Limit, (least, most): (Duration, Duration)) -> Option<Duration> {
    let Limit::Pacing {
        rate_per_second, ..
    } = limit
    else {
        return None;
    };
    let gap = Duration::try_from_secs_f64(1.0 / rate_per_second).ok()?;
    (most - least > gap / 10).then_some(gap)
}
