//! Lines of headers as text, and the parts of a line that is a list. All of it is bounded, whatever a server
//! sends.

use std::borrow::Cow;

use http::{HeaderMap, HeaderValue};

/// English names of weekdays. Headers contain the whole name or its first three letters.
const WEEKDAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// Longest header line that is read, in bytes. A longer line is ignored as a whole, because half of a number
/// is another number. Common servers refuse longer lines themselves.
const LONGEST_LINE: usize = 8 * 1024;

/// Maximum number of lines that are read of one field, and of parts that are read of one line.
pub(crate) const MOST_PARTS: usize = 64;

/// Returns the lines of a field, trimmed.
///
/// It returns all of them: `HeaderMap::get` knows the first only, and proxies add lines of their own.
pub(crate) fn lines<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = Cow<'a, str>> {
    headers
        .get_all(name)
        .iter()
        .take(MOST_PARTS)
        .filter_map(text)
}

/// Returns a header's value as trimmed text; `None` if it is too long.
///
/// `HeaderValue::to_str` refuses text that is not ASCII, such as the micro sign of `500µs`. Here, bytes that
/// are not UTF-8 are read as Latin-1, the historical encoding of header fields (RFC 9110, section 5.5).
pub(crate) fn text(value: &HeaderValue) -> Option<Cow<'_, str>> {
    let bytes = value.as_bytes();
    if bytes.len() > LONGEST_LINE {
        return None;
    }
    Some(match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text.trim_matches(BLANKS)),
        Err(_) => Cow::Owned(
            bytes
                .iter()
                .map(|&byte| char::from(byte))
                .collect::<String>()
                .trim_matches(BLANKS)
                .to_owned(),
        ),
    })
}

/// Blanks around values (RFC 9110, section 5.6.3, OWS).
pub(crate) const BLANKS: [char; 2] = [' ', '\t'];

/// Splits a comma-separated list into its parts, trimmed and without empty ones.
///
/// Commas in quoted strings do not separate, nor does the comma behind the weekday of a date: a library may
/// have joined two lines that contain dates.
pub(crate) fn parts(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let line = rest?;
        let mut end = unquoted(line, &[',']).unwrap_or(line.len());
        if is_weekday(line[..end].trim_matches(BLANKS)) {
            let after = line.get(end + 1..).unwrap_or_default();
            end = unquoted(after, &[',']).map_or(line.len(), |more| end + 1 + more);
        }
        rest = line.get(end + 1..);
        Some(line[..end].trim_matches(BLANKS))
    })
    .filter(|part| !part.is_empty())
    .take(MOST_PARTS)
}

/// Returns whether a text is the name of a weekday, as it stands before the comma inside a date.
pub(crate) fn is_weekday(text: &str) -> bool {
    WEEKDAYS
        .iter()
        .any(|day| text.eq_ignore_ascii_case(day) || text.eq_ignore_ascii_case(&day[..3]))
}

/// Finds the first of the `wanted` characters outside of quoted strings.
pub(crate) fn unquoted(text: &str, wanted: &[char]) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    text.char_indices().find_map(|(at, c)| {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if wanted.contains(&c) && !quoted => return Some(at),
            _ => {}
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_strings_and_dates_do_not_separate() {
        fn of(line: &str) -> Vec<&str> {
            parts(line).collect()
        }
        assert_eq!(of("5, 20"), ["5", "20"]);
        assert_eq!(of(" ,5,,\t20 ,"), ["5", "20"]);
        assert_eq!(of(r#"1;c="a, b;\", c", 2"#), [r#"1;c="a, b;\", c""#, "2"]);
        let (one, two) = (
            "Thu, 01 Jan 2026 00:00:10 GMT",
            "Thursday, 01-Jan-26 00:01:00 GMT",
        );
        let joined = format!("{one}, {two},7");
        assert_eq!(of(&joined), [one, two, "7"]);
        assert_eq!(of("Thu"), ["Thu"]);
        assert_eq!(of("Thu,"), ["Thu,"]);
        assert_eq!(of("\"open, string"), ["\"open, string"]);
        assert_eq!(parts(&"1,".repeat(1000)).count(), MOST_PARTS);
    }

    #[test]
    fn bytes_that_are_no_text_are_read_as_latin_1_and_long_lines_not_at_all() {
        let latin = HeaderValue::from_bytes(b" 500\xb5s\t").ok();
        assert_eq!(latin.as_ref().and_then(text).as_deref(), Some("500\u{b5}s"));
        let long = HeaderValue::from_bytes(&[b'1'; LONGEST_LINE + 1]).ok();
        assert_eq!(long.as_ref().and_then(text), None);
    }
}
