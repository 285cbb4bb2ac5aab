//! The house's rule: pure rooms stay pure, and imports go down only.

use std::fs;
use std::path::{Path, PathBuf};

/// Rooms that decide and do nothing, by level: files and folders under `src`.
const L0: &[&str] = &["limiter", "guidance", "reply.rs", "error.rs"];
const L1: &[&str] = &[
    "url.rs",
    "url",
    "request.rs",
    "request",
    "attempt.rs",
    "paginate.rs",
    "paginate",
    "config.rs",
    "config",
    "registry.rs",
    "registry",
    "settings.rs",
    "verdict.rs",
];
const L2: &[&str] = &[
    "builder.rs",
    "clock.rs",
    "clock",
    "fleet.rs",
    "fleet",
    "rate_limiter.rs",
    "rate_limiter",
    "observe.rs",
    "observe",
    "memory.rs",
    "tls.rs",
    "transport.rs",
];
const L3: &[&str] = &["blocking", "async_client"];
const LEAVES: &[&str] = &["simulator", "dashboard", "bin"];

/// What neither level may contain.
const FORBIDDEN: &[&str] = &[
    "::now(",
    "sleep",
    "cfg(feature",
    "std::net",
    "std::io",
    "std::thread",
    "std::fs",
    "log::",
    "ureq",
    "fastrand",
];

/// What only L0 may not contain.
const FORBIDDEN_IN_L0: &[&str] = &["Instant", "SystemTime", "Mutex", "RwLock"];

fn sources(rooms: &[&str]) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    for room in rooms {
        collect(&root.join(room), &mut found);
    }
    found
}

fn collect(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a readable folder") {
            collect(&entry.expect("an entry").path(), found);
        }
    } else if path.extension().is_some_and(|extension| extension == "rs") && path.exists() {
        found.push(path.to_owned());
    }
}

/// The code of a file: without comments, without its tests.
fn code(path: &Path) -> String {
    if path
        .file_stem()
        .is_some_and(|stem| stem.to_string_lossy().ends_with("tests") || stem == "properties")
    {
        return String::new();
    }
    let text = fs::read_to_string(path).expect("a readable file");
    let text = text
        .split("#[cfg(test)]")
        .next()
        .unwrap_or_default()
        .to_owned();
    text.lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

fn violations(rooms: &[&str], words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for path in sources(rooms) {
        let code = code(&path);
        for word in words {
            if let Some(line) = code.lines().position(|line| line.contains(word)) {
                found.push(format!("{}:{}: {word}", path.display(), line + 1));
            }
        }
    }
    found
}

fn imports_of(rooms: &[&str]) -> Vec<String> {
    rooms
        .iter()
        .map(|room| format!("crate::{}", room.trim_end_matches(".rs")))
        .collect()
}

#[test]
fn pure_rooms_do_nothing() {
    assert_eq!(violations(L0, FORBIDDEN), Vec::<String>::new());
    assert_eq!(violations(L1, FORBIDDEN), Vec::<String>::new());
    // httpdate's dates are `SystemTime`s: `guidance` may name the type; reading the clock is `::now(`.
    let found = violations(L0, FORBIDDEN_IN_L0);
    let found: Vec<_> = found
        .into_iter()
        .filter(|line| !(line.contains("guidance") && line.ends_with("SystemTime")))
        .collect();
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn imports_go_down_only() {
    for (rooms, above) in [
        (L0, [L1, L2, L3, LEAVES].concat()),
        (L1, [L2, L3, LEAVES].concat()),
        (L2, [L3, LEAVES].concat()),
    ] {
        let above = imports_of(&above);
        let words: Vec<&str> = above.iter().map(String::as_str).collect();
        assert_eq!(violations(rooms, &words), Vec::<String>::new());
    }
    for (front, other) in [
        ("blocking", "crate::async_client"),
        ("async_client", "crate::blocking"),
    ] {
        let found = violations(&[front], &[other, "crate::simulator"]);
        assert_eq!(found, Vec::<String>::new());
    }
}

#[test]
fn the_test_reads_something() {
    assert!(sources(L0).len() >= 8 && sources(L1).len() >= 6);
    assert!(
        !violations(&["clock.rs"], FORBIDDEN).is_empty(),
        "the clock does read the time"
    );
}
