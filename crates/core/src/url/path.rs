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
/// assert!(check_segment("%2E%2e").is_err());
/// ```
pub fn check_segment(id: &str) -> Result<(), String> {
    if id.is_empty() {
        return Err("is empty, which would address the whole collection".into());
    }
    check_dots(id)
}

/// Refuses a segment that is `.` or `..`, also if it is percent-encoded (once or more), has path parameters
/// (`..;x`), which some servers cut off, or is hidden behind an encoded slash.
pub(super) fn check_dots(segment: &str) -> Result<(), String> {
    let mut plain = segment.to_ascii_lowercase();
    // Each round makes the text shorter, so this ends.
    while plain.contains('%') {
        let decoded = plain
            .replace("%25", "%")
            .replace("%2e", ".")
            .replace("%2f", "/")
            .replace("%3b", ";")
            .replace("%5c", "/");
        if decoded == plain {
            break;
        }
        plain = decoded;
    }
    let is_dots = |part: &str| matches!(part.split(';').next(), Some("." | ".."));
    if plain.split(['/', '\\']).any(is_dots) {
        return Err(
            "contains the segment `.` or `..`, which programs remove: write the path out".into(),
        );
    }
    Ok(())
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
