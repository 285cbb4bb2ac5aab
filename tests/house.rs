//! The plan of the house holds: core only decides, modules import each other without circles, and one name
//! means one type in a package.
//!
//! The manifest of each package says what it may depend on. These tests hold what no manifest can say: they read the
//! source of all four packages, without its tests.

#[path = "house/source.rs"]
mod source;

use std::collections::{BTreeMap, BTreeSet};

use source::{PACKAGES, Package};

/// Circles that stay, by package, each with its reason: a type and its own builder, nothing else.
const CIRCLES: &[(&str, &[&str], &str)] = &[(
    "simulator",
    &[
        "http::api",
        "http::builder",
        "crates/simulator/src/http/api.rs",
        "crates/simulator/src/http/builder.rs",
    ],
    "`SimulatedApi::builder` returns the builder, and the builder starts the API",
)];

/// Names that two types of one package share, each with its reason.
const SHARED_NAMES: &[(&str, &str, &str)] = &[];

/// Words that core's code may not contain: it is told the time and the chance, and does nothing.
const FORBIDDEN_IN_CORE: &[&str] = &[
    "Instant",
    ":: now (",
    "sleep",
    "std :: net",
    "std :: io",
    "std :: fs",
    "std :: thread",
    "std :: env",
    "Mutex",
    "RwLock",
    "println",
    "feature =",
    "fastrand",
    " log ::",
];

fn package(name: &str) -> &'static Package {
    let mut all = PACKAGES.iter();
    all.find(|package| package.name == name)
        .expect("the package is part of the workspace")
}

#[test]
fn core_decides_and_does_nothing() {
    let mut found = Vec::new();
    for module in &package("core").modules {
        for word in FORBIDDEN_IN_CORE {
            if module.code.contains(word) {
                found.push(format!("{}: {word}", module.file));
            }
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn the_check_of_words_sees_code_behind_the_first_tests() {
    let library = package("library");
    let clock = library.module("src/clock/system.rs");
    assert!(clock.code.contains(":: now ("), "the clock reads the time");
    let text = "#[cfg(test)] mod tests {} fn late() { std::thread::sleep(x) }";
    assert!(source::code_of(text).contains("sleep"));
    let text = "#[cfg(test)] mod tests { fn early() { std::thread::sleep(x) } } // sleep";
    assert!(!source::code_of(text).contains("sleep"));
}

#[test]
fn no_modules_import_each_other_in_a_circle() {
    let mut found = BTreeSet::new();
    for package in PACKAGES.iter() {
        let allowed = |circle: &BTreeSet<String>| {
            CIRCLES.iter().any(|(name, members, _)| {
                *name == package.name && circle.iter().all(|module| members.contains(&&**module))
            })
        };
        // Between files; and between neighbouring modules, each taken with the modules in it.
        let mut graphs = vec![package.imports()];
        graphs.extend(package.imports_between_neighbours());
        for circle in graphs.iter().flat_map(circles) {
            if !allowed(&circle) {
                let members: Vec<_> = circle.into_iter().collect();
                found.insert(format!("{}: {}", package.name, members.join(" <-> ")));
            }
        }
    }
    let found: Vec<_> = found.into_iter().collect();
    assert!(found.is_empty(), "circles:\n{}", found.join("\n"));
}

#[test]
fn one_name_means_one_type_in_a_package() {
    let mut found = Vec::new();
    for package in PACKAGES.iter() {
        for (name, files) in package.types() {
            let allowed = SHARED_NAMES
                .iter()
                .any(|(of, shared, _)| *of == package.name && *shared == name);
            if files.len() > 1 && !allowed {
                found.push(format!("{}: {name} in {}", package.name, files.join(", ")));
            }
        }
    }
    assert!(found.is_empty(), "shared names:\n{}", found.join("\n"));
}

#[test]
fn the_tests_read_the_whole_house() {
    for package in PACKAGES.iter() {
        assert!(package.modules.len() >= 15, "{}", package.name);
        let imports: usize = package.imports().values().map(BTreeSet::len).sum();
        assert!(imports >= 20, "{}: {imports} imports", package.name);
    }
    let two = |from: &str, to: &str| (from.to_owned(), BTreeSet::from([to.to_owned()]));
    let graph = BTreeMap::from([two("a", "b"), two("b", "c"), two("c", "a"), two("d", "a")]);
    let circle = ["a", "b", "c"].map(str::to_owned).into();
    assert_eq!(circles(&graph), [circle]);
}

/// Groups of nodes each of which can be reached from every other of its group.
fn circles(graph: &BTreeMap<String, BTreeSet<String>>) -> Vec<BTreeSet<String>> {
    let reached = |from: &str| {
        let mut seen = BTreeSet::new();
        let mut open = vec![from.to_owned()];
        while let Some(node) = open.pop() {
            for next in graph.get(&node).into_iter().flatten() {
                if seen.insert(next.clone()) {
                    open.push(next.clone());
                }
            }
        }
        seen
    };
    let reach: BTreeMap<&str, BTreeSet<String>> = graph
        .keys()
        .map(|node| (node.as_str(), reached(node)))
        .collect();
    let mut found: Vec<BTreeSet<String>> = Vec::new();
    for (node, seen) in &reach {
        if !seen.contains(*node) || found.iter().any(|circle| circle.contains(*node)) {
            continue;
        }
        let back = |other: &&String| {
            reach
                .get(other.as_str())
                .is_some_and(|seen| seen.contains(*node))
        };
        found.push(seen.iter().filter(back).cloned().collect());
    }
    found
}
