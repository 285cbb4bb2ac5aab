//! `Link` headers (RFC 8288, section 3).

use http::{HeaderMap, header};

/// Returns each link whose relation is `next`, over all header lines.
///
/// # Errors
///
/// If there is none but a line is not valid: that line may have been the link to the next page, so it does
/// not count as the end.
pub(super) fn next_links(headers: &HeaderMap) -> Result<Vec<Link>, String> {
    let mut found = Vec::new();
    let mut is_readable = true;
    for line in headers.get_all(header::LINK) {
        let text = std::str::from_utf8(line.as_bytes());
        is_readable &= text.is_ok();
        let mut rest = Scanner(text.unwrap_or_default());
        rest.skip_empty();
        while !rest.0.is_empty() {
            let Some((link, rel)) = rest.link() else {
                is_readable = false;
                break;
            };
            // Single quotes have no meaning in a header, but must not cost a page.
            let is_next = |relation: &str| {
                let relation = relation.trim_matches('\'');
                relation.eq_ignore_ascii_case("next")
            };
            if rel.is_some_and(|rel| rel.split_ascii_whitespace().any(is_next)) {
                found.push(link);
            }
        }
    }
    if found.is_empty() && !is_readable {
        return Err("the Link header is not valid (expected RFC 8288)".into());
    }
    Ok(found)
}

/// A link: its target and, if the header names it, its source.
#[derive(Debug, PartialEq)]
pub(super) struct Link {
    pub(super) target: String,
    pub(super) anchor: Option<String>,
}

/// The rest of a header's value.
struct Scanner<'a>(&'a str);

impl Scanner<'_> {
    /// Skips white space and the commas of empty list elements (RFC 9110, section 5.6.1).
    fn skip_empty(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t', ',']);
    }

    /// Skips white space.
    fn skip_space(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }

    /// Takes a character if it comes next; returns whether it did.
    fn eat(&mut self, expected: char) -> bool {
        match self.0.strip_prefix(expected) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    /// Parses one link with its relation, up to the comma behind it.
    fn link(&mut self) -> Option<(Link, Option<String>)> {
        if !self.eat('<') {
            return None;
        }
        let (target, rest) = self.0.split_once('>')?;
        let target = target.trim().to_owned();
        self.0 = rest;
        let (mut rel, mut anchor, mut leads_on) = (None, None, true);
        loop {
            self.skip_space();
            if self.0.is_empty() {
                break;
            }
            if self.0.starts_with(',') {
                self.skip_empty();
                break;
            }
            if !self.eat(';') {
                return None;
            }
            self.skip_space();
            let name = self.token();
            self.skip_space();
            let value = if self.eat('=') {
                self.skip_space();
                self.value()?
            } else {
                String::new()
            };
            // The first `rel` counts (RFC 8288, section 3.3); later ones are ignored.
            match name.to_ascii_lowercase().as_str() {
                "rel" if rel.is_none() => rel = Some(value),
                "results" => leads_on &= !value.eq_ignore_ascii_case("false"),
                "anchor" if anchor.is_none() => anchor = Some(value),
                _ => {}
            }
        }
        // Sentry always links to a next page, and says in `results` whether the page has items.
        Some((Link { target, anchor }, rel.filter(|_| leads_on)))
    }

    /// Takes a token, up to the next separator.
    fn token(&mut self) -> String {
        let end = self
            .0
            .find([';', ',', '=', ' ', '\t', '"'])
            .unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at(end);
        self.0 = rest;
        token.to_owned()
    }

    /// Parses a quoted string without its quotes and backslashes, or a token.
    fn value(&mut self) -> Option<String> {
        if !self.eat('"') {
            let end = self.0.find([';', ',', ' ', '\t']).unwrap_or(self.0.len());
            let (value, rest) = self.0.split_at(end);
            self.0 = rest;
            return Some(value.to_owned());
        }
        let mut value = String::new();
        let mut characters = self.0.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.0 = &self.0[at + 1..];
                    return Some(value);
                }
                '\\' => value.push(characters.next()?.1),
                other => value.push(other),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(lines: &[&str]) -> Result<Vec<String>, String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            let value = http::HeaderValue::from_bytes(line.as_bytes()).expect("a header value");
            headers.append(header::LINK, value);
        }
        next_links(&headers).map(|links| links.into_iter().map(|link| link.target).collect())
    }

    #[test]
    fn the_link_to_the_next_page_is_found_however_it_is_written() {
        for (lines, expected) in [
            (&[][..], &[][..]),
            (&[""], &[]),
            (&[r#"</a?page=2>; rel="next""#], &["/a?page=2"]),
            (&["</a>;rel=next"], &["/a"]),
            (&["<  /a  > ; rel = next"], &["/a"]),
            (&[r#"</a>; REL="Next""#], &["/a"]),
            (&[r#"</a>; rel="prev next""#], &["/a"]),
            (&["</a>; rel='next'"], &["/a"]),
            (&[r#"</a>; rel="nextish prev-next""#], &[]),
            (&[r#"</a>; title="x"; rel="next"; type=text/html"#], &["/a"]),
            (
                &[r#"</p>; rel="prev", </n>; rel="next", </l>; rel="last""#],
                &["/n"],
            ),
            (&[r#"</p>; rel="prev""#, r#"</n>; rel="next""#], &["/n"]),
            (&[r#", ,</n>; rel="next",, "#], &["/n"]),
            // Commas, semicolons and quotes inside of quotes.
            (&[r#"</a,b;c>; rel="next""#], &["/a,b;c"]),
            (
                &[r#"</p>; title="a, <b>; rel=\"next\", c", </n>; rel="next""#],
                &["/n"],
            ),
            (&[r#"</a>; rel="prev"; rel="next""#], &[]),
            (&[r#"</a>; hreflang; rel="next""#], &["/a"]),
            (&[r#"</a>; ; rel="next""#], &["/a"]),
            (&[r#"</a>; title*=UTF-8''n%c3%a4chste; rel=next"#], &["/a"]),
            (&["<>; rel=next"], &[""]),
            // Sentry links to the next page even if it would be empty.
            (
                &[r#"</a>; rel="next"; results="true"; cursor="0:100:0""#],
                &["/a"],
            ),
            (
                &[r#"</a>; rel="next"; results="false"; cursor="0:200:0""#],
                &[],
            ),
            // Invalid text beside a valid link does no harm.
            (&[r#"</n>; rel="next", nonsense"#], &["/n"]),
            (&["nonsense", "</n>; rel=next"], &["/n"]),
        ] {
            assert_eq!(
                links(lines).as_deref(),
                Ok(&expected.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>()[..]),
                "{lines:?}"
            );
        }
    }

    #[test]
    fn a_header_that_cannot_be_read_is_no_end() {
        for line in [
            "nonsense",
            r#"</a; rel="next""#,
            r#"</a>; rel="next"#,
            r#"</a> rel="next""#,
            r#"/a; rel="next""#,
            r#"</a>; rel="next\"#,
        ] {
            assert!(links(&[line]).is_err(), "{line:?}");
        }
    }

    #[test]
    fn anchors_are_returned() {
        let mut headers = HeaderMap::new();
        let value = r##"</n>; rel=next; anchor="#foo""##
            .parse()
            .expect("a header value");
        headers.insert(header::LINK, value);
        let link = Link {
            target: "/n".into(),
            anchor: Some("#foo".into()),
        };
        assert_eq!(next_links(&headers), Ok(vec![link]));
    }
}
