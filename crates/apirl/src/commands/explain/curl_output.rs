//! The text of a response as `curl -i` prints it: one head or several in a row, then the body.

use api_ratelimiter::http::{HeaderMap, StatusCode};

use super::raw_response::{self, Parts};

/// Returns the last head and the body after it.
///
/// There are several heads if a proxy, a `100 Continue`, a redirect or a login came first. curl omits their bodies.
pub(super) fn parse(bytes: &[u8]) -> Result<Parts, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut rest = bytes.trim_ascii_start();
    if rest.is_empty() {
        return Err("the response is empty".to_owned());
    }
    let mut number = 1 + newlines(bytes) - newlines(rest);
    loop {
        let (line, after) = next_line(rest);
        let Some(status) = status_line(line) else {
            return Err(format!(
                "line {number} is not a valid status line (expected one like `HTTP/1.1 429 Too Many Requests`)"
            ));
        };
        number += 1;
        let (headers, after) = head(after, &mut number)?;
        if status_line(next_line(after).0).is_none() {
            return Ok((status, headers, after.into()));
        }
        rest = after;
    }
}

/// Returns the number of line ends.
fn newlines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// Returns the first line without its end, and the rest.
fn next_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (line, after) = match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &[][..]),
    };
    (line.strip_suffix(b"\r").unwrap_or(line), after)
}

/// Reads a status line like `HTTP/1.1 429 Too Many Requests`. HTTP/2 and 3 have no minor version and no reason.
fn status_line(line: &[u8]) -> Option<StatusCode> {
    // The reason may be in any encoding. It is not needed.
    let text = String::from_utf8_lossy(line.strip_prefix(b"HTTP/")?);
    let (version, rest) = text.split_once(' ')?;
    let is_version = !version.is_empty()
        && version
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let code = rest.trim_start().split(' ').next()?;
    (is_version && code.len() == 3)
        .then(|| raw_response::status(code.parse().ok()?))
        .flatten()
}

/// Reads header lines up to the empty line. Returns them and the rest.
fn head<'a>(mut rest: &'a [u8], number: &mut usize) -> Result<(HeaderMap, &'a [u8]), String> {
    let mut lines: Vec<(usize, Vec<u8>)> = Vec::new();
    // Collect the lines with their numbers.
    while !rest.is_empty() {
        let (line, after) = next_line(rest);
        rest = after;
        *number += 1;
        if line.is_empty() {
            break;
        }
        match lines.last_mut() {
            // A line that begins with a space continues the line before (RFC 9112, section 5.2).
            Some((_, before)) if line[0] == b' ' || line[0] == b'\t' => {
                before.push(b' ');
                before.extend(line.trim_ascii());
            }
            _ => lines.push((*number - 1, line.into())),
        }
    }
    // Each joined line is one header.
    let mut headers = HeaderMap::new();
    for (number, line) in lines {
        let colon = line.iter().position(|byte| *byte == b':');
        let colon = colon.ok_or_else(|| {
            format!("line {number} is not a valid header (expected a colon, or an empty line before the body)")
        })?;
        raw_response::append(&mut headers, &line[..colon], line[colon + 1..].trim_ascii())
            .map_err(|problem| format!("line {number}: {problem}"))?;
    }
    Ok((headers, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (u16, Option<String>, String) {
        let (status, headers, body) = parse(text.as_bytes()).expect(text);
        let retry = headers
            .get("retry-after")
            .map(|value| value.to_str().expect("ASCII").to_owned());
        (
            status.as_u16(),
            retry,
            String::from_utf8(body).expect("text"),
        )
    }

    #[test]
    fn heads_of_all_versions_are_read() {
        let text = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 30\r\n\r\n{\"a\":1}\r\n";
        assert_eq!(
            parsed(text),
            (429, Some("30".into()), "{\"a\":1}\r\n".into())
        );
        assert_eq!(
            parsed("HTTP/2 429 \nretry-after:  5 \n"),
            (429, Some("5".into()), String::new())
        );
        assert_eq!(
            parsed("\nHTTP/3 200\n\nHTTP is fine"),
            (200, None, "HTTP is fine".into())
        );
    }

    #[test]
    fn of_several_heads_in_a_row_the_last_counts() {
        let text = "HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n\
                    HTTP/2 302\r\nlocation: /b\r\nretry-after: 1\r\n\r\nHTTP/2 429\r\nretry-after: 7\r\n\r\nslow down";
        assert_eq!(parsed(text), (429, Some("7".into()), "slow down".into()));
    }

    #[test]
    fn folded_lines_are_joined() {
        let (_, headers, _) = parse(b"HTTP/1.1 200 OK\nX-A: 1,\n  2\n\n").expect("a head");
        assert_eq!(headers["x-a"], "1, 2");
    }

    #[test]
    fn text_that_is_no_response_is_refused_with_its_line() {
        for (text, line) in [
            ("", "empty"),
            ("<html>", "line 1"),
            ("HTTP/1.1 99 No\n", "line 1"),
            ("HTTP/x 200 OK\n", "line 1"),
            ("HTTP/1.1 200 OK\nA: 1\nbroken\n", "line 3"),
            ("\n\nHTTP/1.1 200 OK\nA b: 1\n\n", "line 4"),
            ("HTTP/1.1 200 OK\nA: \u{1}\n\n", "line 2"),
        ] {
            let problem = parse(text.as_bytes()).expect_err(text);
            assert!(problem.contains(line), "{text:?}: {problem}");
        }
    }
}
