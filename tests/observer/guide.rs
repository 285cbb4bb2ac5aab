//! METRICS.md lists all fields and events, and nothing else.

use std::collections::BTreeSet;

use api_ratelimiter::{DynamicAPIClient, Event};
use serde_json::{Map, Value, json};

use crate::quick;

const GUIDE: &str = include_str!("../../METRICS.md");

/// Returns the cells of the guide's table whose head begins with `head`.
fn rows(head: &str) -> Vec<Vec<&'static str>> {
    let (_, table) = GUIDE.split_once(head).expect("a table");
    let rows = table.lines().skip(2).take_while(|row| row.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect()
}

/// Returns the text in backquotes.
fn named(cell: &'static str) -> impl Iterator<Item = &'static str> {
    cell.split('`').skip(1).step_by(2)
}

#[test]
fn the_table_of_the_snapshot_has_its_fields() {
    let client = DynamicAPIClient::builder(quick("mine", "http://127.0.0.1:1"))
        .label("acme")
        .build()
        .expect("valid");
    let snapshot = serde_json::to_value(client.limiter().snapshot()).expect("plain data");
    let fields: BTreeSet<&str> = snapshot
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        // Fields that are left out without a value.
        .chain(["fleet", "limit"])
        .collect();
    let told: BTreeSet<&str> = rows("| field | in JSON |")
        .into_iter()
        .flat_map(|row| named(row[1]))
        .collect();
    assert_eq!(told, fields);
}

#[test]
fn the_table_of_events_has_their_kinds_and_fields() {
    let values = json!({
        "api": "mine", "tenant": null, "sequence": 1, "at_unix_seconds": 1.5, "context": {"job": "7"},
        "method": "GET", "route": null, "url": null, "status": 429, "error": "Closed", "refused": true, "attempt": 1,
        "elapsed_seconds": 0.5, "waited_seconds": 0.5, "bytes": 5, "attempts": 2, "old_rate": 2.0, "new_rate": 1.0,
        "cooldown_seconds": 0.5, "by_cut": true, "prolonged": false, "lasted_seconds": 0.5, "old_ceiling": 3.0,
        "next_trial_seconds": 0.5, "open_for_seconds": 0.5, "current_rate": 1.0, "learned_ceiling": 2.0, "phase": null,
        "reason": null, "breaker": null, "state": "in words", "announced_rate": 3.0, "store": "local", "problem": "it is down", "operation": "read",
        "path": "/tmp/mine.json", "origin": "http://example.com",
    });
    let found = json!({
        "kind": "fixed_window", "count": 100, "most": 100, "window_seconds": 60.0, "begins": [1.5, 2.5], "seen": 4,
        "certainty": 0.9, "words": "100 requests per 60 s",
    });
    let common = ["api", "tenant", "sequence", "at_unix_seconds", "context"];
    let standing = [
        "current_rate",
        "learned_ceiling",
        "phase",
        "reason",
        "breaker",
        "state",
    ];
    let rows = rows("| `event` | fields");
    assert_eq!(rows.len(), 19);
    for row in rows {
        let standing = standing.iter().filter(|_| row[1].contains("the standing"));
        let fields = named(row[1]).chain(common).chain(standing.copied());
        let with_value = |field: &str| {
            let value = values.get(field).unwrap_or(&found[field]);
            (field.to_owned(), value.clone())
        };
        let mut told: Map<String, Value> = fields.map(with_value).collect();
        let kind = named(row[0]).next().expect("a kind");
        told.insert("event".to_owned(), kind.into());
        let told = Value::Object(told);
        let event: Event = serde_json::from_value(told.clone()).expect(kind);
        let fields = serde_json::to_value(&event).expect("plain data");
        assert_eq!(told, fields, "{kind}");
    }
}
