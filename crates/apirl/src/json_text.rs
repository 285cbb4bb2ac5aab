//! JSON in messages.

use serde_json::Value;

/// Returns the kind of a value with its article, as in "is a number, not an object".
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Returns the text of a parse error in JSON that is one line. Its line is always 1, so only the column stays.
pub(crate) fn error_in_line(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.replace(" at line 1 column ", " at column ")
}
