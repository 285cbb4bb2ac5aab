//! Checks of paths, and how dots in them resolve.

/// Refuses characters that programs read differently.
pub(super) fn check_characters(text: &str) -> Result<(), String> {
    if text.chars().any(char::is_control) {
        return Err("contains a control character, such as a line break".into());
    }
    if text.contains('\\') {
        return Err("contains a backslash: use slashes, or %5C for a literal backslash".into());
    }
    Ok(())
}

/// Splits a path from its query.
pub(super) fn split_query(path: &str) -> Result<(&str, Option<&str>), String> {
    if path.contains('#') {
        return Err("contains #, which is never sent: use %23 for a literal #".into());
    }
    Ok(path
        .split_once('?')
        .map_or((path, None), |(path, query)| (path, Some(query))))
}

/// Checks an id before it is put into a path as one segment, percent-encoded or not.
///
/// An empty id would address the collection and not one of its members; `.` and `..` are segments that
/// programs remove (RFC 3986, section 5.2.4), also if they are percent-encoded once or more.
///
/// # Errors
///
/// Says what is wrong, as the end of a sentence that begins with the id.
///
/// ```
/// use api_ratelimiter_core::url::check_segment;
///
/// assert!(check_segment("42").is_ok());
/// assert!(check_segment("").is_err());
/// assert!(check_segment("%20").is_err());
/// assert!(check_segment("%2E%2e").is_err());
/// ```
pub fn check_segment(id: &str) -> Result<(), String> {
    check_not_empty(id)?;
    check_dots(id)
}

/// Refuses an id of which nothing is left once blanks and control characters at its ends are cut off, also if they are
/// percent-encoded.
///
/// # Errors
///
/// As for [`check_segment`].
pub fn check_not_empty(id: &str) -> Result<(), String> {
    match trimmed(&decoded(id)).is_empty() {
        true => Err("is empty, which would address the whole collection".into()),
        false => Ok(()),
    }
}

/// Refuses a segment that is `.` or `..` for some program.
///
/// Programs decode a path once or more, cut off path parameters (`..;x`), queries, and blanks and control characters at
/// the ends, and split at an encoded slash or backslash.
///
/// # Errors
///
/// As for [`check_segment`].
pub fn check_dots(segment: &str) -> Result<(), String> {
    let is_dots = |part: &[u8]| {
        let name = part.split(|byte| b";?#".contains(byte)).next();
        matches!(name.map(trimmed), Some(b"." | b".."))
    };
    if decoded(segment)
        .split(|byte| b"/\\".contains(byte))
        .any(is_dots)
    {
        return Err(
            "contains the segment `.` or `..`, which programs remove: write the path out".into(),
        );
    }
    Ok(())
}

/// Returns a text after as many rounds of percent-decoding as change it, with overlong characters of ASCII (`%C0%AE`) as
/// old decoders read them. It takes one pass: a server may send a long text.
fn decoded(text: &str) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    for byte in text.bytes() {
        plain.push(byte);
        // A decoded byte may be the end of another escape.
        while let Some((length, byte)) = escape_at_end(&plain) {
            plain.truncate(plain.len() - length);
            plain.push(byte);
        }
    }
    plain
}

/// Returns the length of the escape at the end, and the byte that it means: `%2E`, or an ASCII character in two bytes,
/// which UTF-8 forbids (RFC 3629, section 10).
fn escape_at_end(bytes: &[u8]) -> Option<(usize, u8)> {
    match *bytes {
        [.., first @ (0xc0 | 0xc1), second @ 0x80..=0xbf] => {
            Some((2, (first & 1) << 6 | (second & 0x3f)))
        }
        [.., b'%', high, low] => {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            u8::try_from(digit(high)? << 4 | digit(low)?)
                .ok()
                .map(|byte| (3, byte))
        }
        _ => None,
    }
}

/// Cuts off blanks and control characters at both ends. All blanks of Unicode count where the text is UTF-8.
fn trimmed(bytes: &[u8]) -> &[u8] {
    let is_blank = |c: char| c.is_whitespace() || c.is_control();
    match core::str::from_utf8(bytes) {
        Ok(text) => text.trim_matches(is_blank).as_bytes(),
        Err(_) => bytes.trim_ascii(),
    }
}

/// Removes dot segments (RFC 3986, section 5.2.4) from a path that begins with a slash.
pub(super) fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

/// Removes dot segments from the path of an absolute URL.
pub(super) fn without_dots_in_path(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find('?').unwrap_or(rest.len());
    let (before, query) = rest.split_at(end);
    match before.split_once('/') {
        Some((authority, path)) => format!(
            "{scheme}://{authority}{}{query}",
            without_dots(&format!("/{path}"))
        ),
        None => url.to_owned(),
    }
}
