//! Benchmark of jobs: how long a job takes beside the fastest possible, and how many requests are refused.
//!
//! ```text
//! cargo bench --bench jobs                     the groups, and the worst rows
//! cargo bench --bench jobs -- --verbose        every row
//! cargo bench --bench jobs -- --only notion    the rows whose name contains this text
//! cargo bench --bench jobs -- --players        some jobs, beside other ways to wait
//! ```
//!
//! All of an announced limit is spent, except where a neighbour uses it, too: there the reserve is the default's.
//! `--reserve 0.1` shows the default everywhere.
//!
//! `--json FILE` also writes the figures as JSON. Everything happens in virtual time: the figures are equal on
//! every machine.

mod players;
mod rows;
mod table;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rows::{Group, Row};
use serde_json::Value;
use table::{Played, ROWS, Summary};

/// Number of worst rows that are listed.
const WORST: usize = 12;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let value = |name: &str| {
        let at = args.iter().position(|arg| arg == name)?;
        args.get(at + 1).cloned()
    };
    if args.iter().any(|arg| arg == "--players") {
        players::print();
        return;
    }
    let only = value("--only").unwrap_or_default();
    let mut rows = rows::all();
    rows.retain(|row| row.name.contains(&only));
    let reserve = value("--reserve").map_or(0.0, |part| part.parse().expect("a number"));
    for row in rows.iter_mut().filter(|row| row.group != Group::Neighbour) {
        row.config.reserve = reserve;
    }

    let mut played = play_on_all_processors(&rows);
    println!(
        "{} jobs, medians of 5 seeds\n\n{}",
        rows.len(),
        Summary::HEADING
    );
    let figures = Summary::all(&played);
    figures
        .iter()
        .for_each(|summary| println!("{}", summary.line()));

    // The rows, the slowest beside the fastest possible first.
    played.sort_by(|a, b| b.ratio().total_cmp(&a.ratio()));
    if !args.iter().any(|arg| arg == "--verbose") {
        played.truncate(WORST);
    }
    println!("\n{ROWS}");
    played
        .iter()
        .for_each(|played| println!("{}", played.line()));

    if let Some(path) = value("--json") {
        let figures: Vec<Value> = figures.iter().map(Summary::json).collect();
        let text = format!("{:#}\n", Value::from(figures));
        std::fs::write(path, text).expect("a writable file");
    }
}

/// Plays the rows, as many at a time as there are processors, and returns them in order.
fn play_on_all_processors(rows: &[Row]) -> Vec<Played> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(rows.len()));
    let processors = std::thread::available_parallelism().map_or(1, |count| count.get());
    std::thread::scope(|scope| {
        for _ in 0..processors {
            scope.spawn(|| {
                while let Some((index, row)) = {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    rows.get(index).map(|row| (index, row))
                } {
                    let played = Played::of(row);
                    done.lock()
                        .expect("no thread panicked")
                        .push((index, played));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no thread panicked");
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, played)| played).collect()
}
