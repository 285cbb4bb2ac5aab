//! The content coding of bodies: whether gzip is asked for, and whether a body is decoded.

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

/// Asks for gzip, unless the request says itself which codings it accepts or asks for a part of a body: parts
/// of a coded body can't be decoded.
///
/// ```
/// use api_ratelimiter_core::coding::ask_for_gzip;
/// use api_ratelimiter_core::http::HeaderMap;
///
/// let mut headers = HeaderMap::new();
/// ask_for_gzip(&mut headers);
/// assert_eq!(headers["accept-encoding"], "gzip");
/// ```
pub fn ask_for_gzip(headers: &mut HeaderMap) {
    if !headers.contains_key(header::RANGE) {
        headers
            .entry(header::ACCEPT_ENCODING)
            .or_insert(HeaderValue::from_static("gzip"));
    }
}

/// Returns whether a response has a body (RFC 9112, section 6.3). The head of a response without a body may
/// still name a content coding and a length.
#[must_use]
pub fn has_body(method: &Method, status: StatusCode) -> bool {
    let is_empty = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status);
    *method != Method::HEAD && !is_empty
}

/// Returns whether a body is compressed with gzip alone, so that it is decoded; `x-gzip` is its other name
/// (RFC 9110, section 8.4.1.3).
///
/// Another coding, which only the caller can have asked for, stays as it is and keeps its `Content-Encoding`.
/// The body of a 206 is a part of the coded bytes, and stays as it is, too.
#[must_use]
pub fn is_gzip(status: StatusCode, headers: &HeaderMap) -> bool {
    let mut codings = headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity"));
    let is_gzip = |coding: &[u8]| {
        coding.eq_ignore_ascii_case(b"gzip") || coding.eq_ignore_ascii_case(b"x-gzip")
    };
    status != StatusCode::PARTIAL_CONTENT
        && codings.next().is_some_and(is_gzip)
        && codings.next().is_none()
}

/// Removes what the head says about the coded body, which does not hold for the decoded one (RFC 9110, section
/// 8.7).
pub fn forget_coding(headers: &mut HeaderMap) {
    headers.remove(header::CONTENT_ENCODING);
    headers.remove(header::CONTENT_LENGTH);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coded(lines: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::CONTENT_ENCODING, HeaderValue::from_static(line));
        }
        headers
    }

    #[test]
    fn gzip_alone_is_decoded() {
        for lines in [
            &["gzip"][..],
            &["x-gzip"],
            &["GZip"],
            &["identity, gzip"],
            &["", " gzip ,"],
        ] {
            assert!(is_gzip(StatusCode::OK, &coded(lines)), "{lines:?}");
            let part = StatusCode::PARTIAL_CONTENT;
            assert!(!is_gzip(part, &coded(lines)), "{lines:?}");
        }
        for lines in [
            &[][..],
            &["br"],
            &["gzip, gzip"],
            &["gzip", "br"],
            &["identity"],
            &["gzipped"],
        ] {
            assert!(!is_gzip(StatusCode::OK, &coded(lines)), "{lines:?}");
        }
    }

    #[test]
    fn the_callers_own_codings_and_ranges_are_respected() {
        for (name, expected) in [(header::ACCEPT_ENCODING, Some("br")), (header::RANGE, None)] {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static("br"));
            ask_for_gzip(&mut headers);
            let asked = headers.get(header::ACCEPT_ENCODING);
            assert_eq!(asked.map(|value| value.to_str().expect("text")), expected);
        }
    }
}
