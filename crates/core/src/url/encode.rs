//! Percent-encoding (RFC 3986, section 2.1): which characters are encoded, and where.

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

/// ASCII characters that no URI may contain. `%` is not one of them, so that encoded text stays as it is.
const FORBIDDEN: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// ASCII characters that no query of an http(s) URL may contain. `'` may be in one, but not all programs leave it
/// there (WHATWG URL, "special-query percent-encode set").
const FORBIDDEN_IN_QUERY: &AsciiSet = &FORBIDDEN.add(b'\'');

/// ASCII characters that are encoded in forms: all but the unreserved ones (RFC 3986, section 2.3).
const FORM: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Percent-encodes the characters that no URI may contain, such as spaces, quotes and letters beyond ASCII.
///
/// Text that is percent-encoded already stays as it is.
///
/// ```
/// use api_ratelimiter_core::url::encoded;
///
/// assert_eq!(encoded("/a b/ü%20"), "/a%20b/%C3%BC%20");
/// ```
#[must_use]
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, FORBIDDEN).to_string()
}

/// Percent-encodes the characters that a query may not contain, or that programs write differently there.
pub(super) fn encoded_query(text: &str) -> String {
    utf8_percent_encode(text, FORBIDDEN_IN_QUERY).to_string()
}

/// Appends `text` to `out` as `application/x-www-form-urlencoded` has it, with `%20` for a space.
///
/// Servers read `%20` everywhere, `+` only in queries and bodies.
///
/// ```
/// use api_ratelimiter_core::url::form_encode;
///
/// let mut body = String::from("name=");
/// form_encode(&mut body, "a&b c");
/// assert_eq!(body, "name=a%26b%20c");
/// ```
pub fn form_encode(out: &mut String, text: &str) {
    out.extend(utf8_percent_encode(text, FORM));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every character of one byte, and some of more.
    fn texts() -> impl Iterator<Item = String> {
        (0..=127_u8)
            .map(char::from)
            .chain(['ü', '€', '😀'])
            .map(String::from)
    }

    fn escaped(text: &str) -> String {
        text.bytes().map(|byte| format!("%{byte:02X}")).collect()
    }

    #[test]
    fn uris_keep_every_graphic_character_that_they_may_contain() {
        for text in texts() {
            let stays = text.bytes().all(|byte| byte.is_ascii_graphic())
                && !"\"<>^`{|}".contains(text.as_str());
            let expected = if stays { text.clone() } else { escaped(&text) };
            assert_eq!(encoded(&text), expected, "{text:?}");
        }
    }

    #[test]
    fn forms_keep_unreserved_characters_only() {
        for text in texts() {
            let stays = text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
            let expected = if stays { text.clone() } else { escaped(&text) };
            let mut out = String::new();
            form_encode(&mut out, &text);
            assert_eq!(out, expected, "{text:?}");
        }
    }
}
