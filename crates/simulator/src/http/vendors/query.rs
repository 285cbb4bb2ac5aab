//! Parameters of a query.

use percent_encoding::percent_decode_str;

/// Returns the decoded value of the first parameter with that name.
pub(super) fn parameter(query: &str, name: &str) -> Option<String> {
    let decoded = |text: &str| {
        let text = text.replace('+', " ");
        percent_decode_str(&text).decode_utf8_lossy().into_owned()
    };
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(key) == name).then(|| decoded(value))
    })
}
