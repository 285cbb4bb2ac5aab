//! The quickstart at full size: 500 pages, eight threads, a hidden limit of 20 requests per second.

#[path = "../examples/run.rs"]
mod run;

use std::io::{self, Write};

use run::{example, run};

/// Maximum number of progress lines, one per second, without a new page. A pause takes a few lines.
const STALL: usize = 20;

#[test]
#[ignore = "full size: half a minute"]
fn the_quickstart_fetches_every_page_once_without_a_stall() {
    let ran = run(&mut example("quickstart"));
    assert_eq!(ran.stderr, "", "no page failed");
    let output = ran.succeeded();
    assert!(output.contains("500 of 500, 0 doubled"), "{output}");

    let pages: Vec<u32> = output.lines().filter_map(pages_so_far).collect();
    assert!(!pages.is_empty(), "progress is shown: {output}");
    assert!(pages.is_sorted(), "{output}");
    let longest = pages
        .chunk_by(|a, b| a == b)
        .map(<[u32]>::len)
        .max()
        .unwrap_or(0);
    assert!(longest < STALL, "{output}");

    // Written to stderr directly, because the harness shows printed lines of failed tests only.
    let table = output
        .lines()
        .skip_while(|line| !line.starts_with("pages fetched"));
    let mut terminal = io::stderr().lock();
    for line in table.take_while(|line| !line.is_empty()) {
        writeln!(terminal, "quickstart: {line}").expect("stderr is open");
    }
}

/// Returns the count in a line like `  12 s    97 of 500 pages,  21.0/s, 0 refused`.
fn pages_so_far(line: &str) -> Option<u32> {
    let (_, rest) = line.split_once(" s ")?;
    rest.split_once(" of 500 pages")?.0.trim().parse().ok()
}
