//! Files of configurations: one configuration, a list of them, or overrides by name.

use api_ratelimiter::ApiRateConfig;
use serde_json::{Map, Value};

/// Whether `value` is one configuration. An object of objects has several, by name.
pub(crate) fn is_one(value: &Value) -> bool {
    let known: Value =
        serde_json::from_str(&ApiRateConfig::default().to_json()).unwrap_or_default();
    let objects_only = |fields: &Map<String, Value>| fields.values().all(Value::is_object);
    value.as_object().is_some_and(|fields| {
        !objects_only(fields) && fields.keys().any(|field| known.get(field).is_some())
    })
}

/// Returns the names of all entries of a list or a map.
pub(crate) fn names(value: &Value) -> Vec<String> {
    match value {
        Value::Object(entries) => entries.keys().cloned().collect(),
        Value::Array(entries) => entries.iter().filter_map(name).collect(),
        _ => Vec::new(),
    }
}

/// Returns the field `name` of an entry.
pub(crate) fn name(entry: &Value) -> Option<String> {
    entry.get("name")?.as_str().map(str::to_owned)
}

/// Turns a list into the map by name that the registry merges. Returns any other value unchanged.
pub(crate) fn as_map(value: Value) -> Value {
    match value {
        Value::Array(entries) => entries
            .into_iter()
            .map(|entry| (name(&entry).unwrap_or_default(), entry))
            .collect::<Map<_, _>>()
            .into(),
        other => other,
    }
}
