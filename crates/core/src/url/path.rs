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

/// Returns whether a segment is `..`, also if it is percent-encoded or has path parameters (`..;x`), which
/// some servers cut off.
pub(super) fn is_parent(segment: &str) -> bool {
    let plain = segment
        .to_ascii_lowercase()
        .replace("%2e", ".")
        .replace("%2f", "/")
        .replace("%5c", "/");
    plain
        .split('/')
        .any(|part| part.split(';').next() == Some(".."))
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
