//! The difference between a body and the expected type, told without the body's contents.

/// Kinds of values, as serde's messages begin to describe them (`serde::de::Unexpected`, and serde_json's `null`).
const KINDS: [&str; 18] = [
    "boolean",
    "integer",
    "floating point",
    "character",
    "string",
    "byte array",
    "unit value",
    "null",
    "Option value",
    "newtype struct",
    "sequence",
    "map",
    "enum",
    "unit variant",
    "newtype variant",
    "tuple variant",
    "struct variant",
    "number",
];

/// Beginnings of messages that go on with contents of the body, or may do so.
const BEGINNINGS: [&str; 5] = [
    "unknown field",
    "unknown variant",
    "duplicate field",
    "invalid length",
    "data did not match any variant",
];

/// Returns the kind of a mismatch and its position. A value that was parsed before has no position.
pub(super) fn of(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let position = match error.line() {
        0 => String::new(),
        line => format!(" at line {line} column {}", error.column()),
    };
    // The position is removed by its own text: a value of the body may look like one.
    let message = message.strip_suffix(&position).unwrap_or(&message);
    let kind = if error.is_data() {
        of_data(message)
    } else if error.is_eof() {
        "JSON that breaks off".to_owned()
    } else {
        "no valid JSON".to_owned()
    };
    kind + &position
}

/// Returns a message without what may come from the body. Only the name of a missing field and the expectation are
/// words of the caller's type.
fn of_data(message: &str) -> String {
    let missing = message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.strip_suffix('`'));
    if let Some(name) = missing.filter(|name| !name.contains(['`', '"'])) {
        return format!("missing field `{name}`");
    }
    let is_unfit = ["invalid type: ", "invalid value: "]
        .iter()
        .find_map(|start| message.strip_prefix(start));
    if let Some(rest) = is_unfit {
        let kind = KINDS.iter().find(|kind| rest.starts_with(**kind));
        // The value stands before the last of these words, however it looks.
        let expected = rest.rsplit_once(", expected ");
        return match (kind, expected) {
            (Some(kind), Some((_, expected))) => format!("found {kind}, expected {expected}"),
            _ => "another type".to_owned(),
        };
    }
    let beginning = BEGINNINGS.iter().find(|start| message.starts_with(**start));
    beginning.map_or("another shape", |start| *start).to_owned()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde::de::Error as _;

    use super::of;

    /// Stands for contents of a body.
    const CONTENT: &str = "hunter2";

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "parsing it fails")]
    struct Item {
        count: u32,
        kind: Option<Kind>,
        date: Option<Date>,
    }

    #[derive(Debug, Deserialize)]
    enum Kind {
        Plain,
    }

    #[derive(Debug, Deserialize)]
    enum Never {}

    /// A type whose own error quotes the value.
    #[derive(Debug)]
    struct Date;

    impl<'de> Deserialize<'de> for Date {
        fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            let text = String::deserialize(from)?;
            Err(D::Error::custom(format!(
                "{text} is no date, expected {text}"
            )))
        }
    }

    #[test]
    fn values_that_look_like_parts_of_a_message_are_not_shown() {
        for value in [
            "hunter2",
            "x, expected hunter2",
            "x, expected hunter2 at line 3",
            "x, expected hunter2 at line 3 column 4",
            "`, expected `hunter2",
        ] {
            let text = serde_json::json!({ "count": value });
            let parsed = serde_json::from_str::<Item>(&text.to_string()).expect_err("a string");
            let taken = serde_json::from_value::<Item>(text).expect_err("a string");
            assert!(of(&parsed).starts_with("found string, expected u32 at line 1 column "));
            assert_eq!(of(&taken), "found string, expected u32");
        }
        for (text, expected) in [
            (r#"{"count": 1, "hunter2": 1}"#, "unknown field"),
            (r#"{"count": 1, "x, expected hunter2": 1}"#, "unknown field"),
            (r#"{"count": 1, "kind": "hunter2"}"#, "unknown variant"),
            (r#"{"count": 1, "date": "hunter2"}"#, "another shape"),
            (
                r#"{"count": 1, "date": "invalid type: hunter2"}"#,
                "another type",
            ),
            (r#"{"count": 1, "count": 2}"#, "duplicate field"),
            (r#"{"count": -7}"#, "found integer, expected u32"),
            (r#"{"count": null}"#, "found null, expected u32"),
            (r#"{"kind": null}"#, "missing field `count`"),
        ] {
            let error = serde_json::from_str::<Item>(text).expect_err("another shape");
            let shown = of(&error);
            assert!(
                shown.starts_with(&format!("{expected} at line 1")),
                "{shown}"
            );
            assert!(!shown.contains(CONTENT), "{shown}");
        }
        let error = serde_json::from_str::<Never>(r#""x, expected hunter2""#).expect_err("never");
        assert_eq!(of(&error), "unknown variant at line 1 column 21");
    }
}
