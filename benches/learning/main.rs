//! Benchmark of learning: how much of hidden limits each strategy uses, and how many requests are refused.
//!
//! ```text
//! cargo bench --bench learning                              the named scenarios, every strategy
//! cargo bench --bench learning -- --set 7 --per-kind 40     figures of a random set, with their bounds
//! cargo bench --bench learning -- --pictures benches/pictures
//! ```
//!
//! `--json FILE` also writes the figures as JSON. `--rivals` adds the rivals to a random set. `--verbose` lists
//! each of its scenarios, the worst of each kind first.

mod figures;
mod named;
mod pictures;
mod players;
mod rivals;
mod sets;
mod summary;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use api_ratelimiter_simulator::world::LimitHint;
use figures::{Outcome, judge, needs_an_oracle, quantile};
use players::Player;
use serde_json::{Value, json};
use sets::{Case, Kind};

/// Runs of each named scenario.
const SEEDS: u64 = 20;

fn main() {
    let args = Args(std::env::args().collect());
    if let Some(directory) = args.value("--pictures") {
        return draw(&directory);
    }
    let report = match args.value("--set") {
        Some(set) => random(set.parse().expect("a number"), &args),
        None => named(),
    };
    if let Some(path) = args.value("--json") {
        std::fs::write(path, format!("{report:#}\n")).expect("a writable file");
    }
}

/// Arguments of the program.
struct Args(Vec<String>);

impl Args {
    fn value(&self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|arg| arg == name)?;
        self.0.get(at + 1).cloned()
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|arg| arg == name)
    }
}

/// Writes the pictures.
fn draw(directory: &str) {
    for (name, text, hint) in [
        (
            "token-bucket",
            "token-bucket:10/s,burst=20",
            LimitHint::None,
        ),
        (
            "fixed-window",
            "fixed-window:100/60s",
            LimitHint::RetryAfter,
        ),
    ] {
        let title = format!("{text}, halved at 600 s, doubled at 1200 s");
        let svg = pictures::draw(&title, &named::pictured(text, hint));
        std::fs::create_dir_all(directory).expect("a writable directory");
        std::fs::write(format!("{directory}/{name}.svg"), svg).expect("a writable file");
    }
}

/// Prints the figures of a random set with their bounds, and returns them as JSON.
fn random(set: u64, args: &Args) -> Value {
    let per_kind = args
        .value("--per-kind")
        .map_or(40, |text| text.parse().expect("a number"));
    let only = args.value("--kind").unwrap_or_default();
    let kinds: Vec<Kind> = Kind::ALL
        .into_iter()
        .filter(|kind| kind.name().starts_with(&only))
        .collect();
    let cases: Vec<Case> = kinds
        .iter()
        .flat_map(|kind| (0..per_kind).map(|index| sets::draw(set, *kind, index)))
        .collect();
    let possible = oracle(&cases);
    let mut players = vec![Player::Ours];
    if args.has("--rivals") {
        players.extend(Player::RIVALS);
    }
    let mut reports = Vec::new();
    for player in players {
        let outcomes =
            on_all_processors(&cases, |index, case| judge(player, case, possible[index]));
        println!(
            "\n{}, random set {set}, {per_kind} of each kind",
            player.name()
        );
        if args.has("--verbose") {
            list(&kinds, &outcomes);
        }
        let figures = summary::summary(&outcomes);
        println!(
            "| {:62} | {:7} | {:6} | {:6} | {:8} |",
            "figure", "value", "must", "goal", "verdict"
        );
        figures
            .iter()
            .for_each(|figure| println!("{}", figure.line()));
        println!("\n| kind | median | p10 | p90 | least | most | refused % median | most |");
        kinds
            .iter()
            .for_each(|kind| println!("{}", kind_line(*kind, &outcomes)));
        let json: Vec<Value> = figures.iter().map(summary::Figure::json).collect();
        reports.push(
            json!({ "strategy": player.name(), "set": set, "per_kind": per_kind, "figures": json }),
        );
    }
    json!(reports)
}

/// Returns the line of one kind in the second table.
fn kind_line(kind: Kind, outcomes: &[Outcome]) -> String {
    let mine = || outcomes.iter().filter(|outcome| outcome.case.kind == kind);
    let figure: Vec<f64> = mine().map(Outcome::figure).collect();
    let refused: Vec<f64> = mine().map(|outcome| 100.0 * outcome.refused).collect();
    let [median, low, high, least, most] = [0.5, 0.1, 0.9, 0.0, 1.0].map(|q| quantile(&figure, q));
    format!(
        "| {:13} | {median:7.3} | {low:7.3} | {high:7.3} | {least:7.3} | {most:7.3} | {:5.2} | {:5.2} |",
        kind.name(),
        quantile(&refused, 0.5),
        quantile(&refused, 1.0)
    )
}

/// Prints every scenario, the worst of each kind first.
fn list(kinds: &[Kind], outcomes: &[Outcome]) {
    for kind in kinds {
        let mut mine: Vec<&Outcome> = outcomes
            .iter()
            .filter(|outcome| outcome.case.kind == *kind)
            .collect();
        mine.sort_by(|a, b| a.figure().total_cmp(&b.figure()));
        for outcome in mine {
            println!(
                "{:13} {:8.3}  of {:5.1}%  refused {:5.2}%  {}",
                kind.name(),
                outcome.figure(),
                100.0 * outcome.possible,
                100.0 * outcome.refused,
                outcome.case.text()
            );
        }
    }
}

/// Prints every named scenario with every strategy, and returns the figures as JSON.
fn named() -> Value {
    let runs: Vec<Vec<Case>> = (1..=SEEDS).map(named::all).collect();
    // The oracle is a slow search: its result for the first seed is used for all.
    let possible = oracle(&runs[0]);
    let flat: Vec<(usize, &Case)> = runs.iter().flat_map(|run| run.iter().enumerate()).collect();
    let players = [&[Player::Ours][..], &Player::RIVALS[..]].concat();
    println!(
        "median (worst) of {SEEDS} seeds; figure: share of the oracle's, seconds, Jain's index, cuts"
    );
    let mut rows: Vec<Vec<String>> = runs[0]
        .iter()
        .map(|case| vec![format!("{}: {}", case.kind.name(), case.text())])
        .collect();
    let mut report = Vec::new();
    for player in &players {
        let outcomes = on_all_processors(&flat, |_, (index, case)| {
            (*index, judge(*player, case, possible[*index]))
        });
        for (index, row) in rows.iter_mut().enumerate() {
            let mine = || {
                outcomes
                    .iter()
                    .filter(|(at, _)| *at == index)
                    .map(|(_, outcome)| outcome)
            };
            let figure: Vec<f64> = mine().map(Outcome::figure).collect();
            let refused: Vec<f64> = mine().map(|outcome| 100.0 * outcome.refused).collect();
            let higher_is_better = !matches!(
                runs[0][index].kind,
                Kind::Start | Kind::Double | Kind::Halve | Kind::Restart | Kind::Blackout
            );
            let worst = quantile(&figure, if higher_is_better { 0.0 } else { 1.0 });
            let (median, refusals, most) = (
                quantile(&figure, 0.5),
                quantile(&refused, 0.5),
                quantile(&refused, 1.0),
            );
            row.push(format!(
                "{median:.3} ({worst:.3}), {refusals:.2}% ({most:.2}%)"
            ));
            report.push(json!({
                "scenario": row[0], "strategy": player.name(), "median": median, "worst": worst,
                "refused_percent": refusals, "refused_percent_worst": most,
                "oracle_utilisation": possible[index],
            }));
        }
    }
    println!(
        "| scenario | oracle | {} |",
        players
            .iter()
            .map(|player| player.name())
            .collect::<Vec<_>>()
            .join(" | ")
    );
    println!("|---|---|{}", "---|".repeat(players.len()));
    for (row, possible) in rows.iter().zip(&possible) {
        println!(
            "| {} | {:.3} | {} |",
            row[0],
            possible,
            row[1..].join(" | ")
        );
    }
    json!(report)
}

/// Returns the oracle's utilisation in each case that needs it, else 1.
fn oracle(cases: &[Case]) -> Vec<f64> {
    on_all_processors(cases, |_, case| {
        if needs_an_oracle(case.kind) {
            players::oracle(&case.scenario, case.per_second, case.seed) / case.per_second
        } else {
            1.0
        }
    })
}

/// Runs `work` for each item on all processors. Returns the results in order of the items.
fn on_all_processors<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(usize, &T) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(items.len()));
    let processors = std::thread::available_parallelism().map_or(1, |count| count.get());
    std::thread::scope(|scope| {
        for _ in 0..processors {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { break };
                    let result = work(index, item);
                    done.lock()
                        .expect("no thread panicked")
                        .push((index, result));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no thread panicked");
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}
