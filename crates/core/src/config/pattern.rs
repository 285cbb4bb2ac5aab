//! Patterns of methods and paths, and which of several is the most specific for a request.

use std::cmp::Ordering;

use http::Method;

use crate::url::{Address, Base};

/// A pattern that requests are matched with by method and path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    methods: Vec<Method>,
    from_host: bool,
    segments: Vec<Segment>,
}

/// One segment of a pattern's path, ordered from general to specific.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Rest,
    Any,
    Literal(String),
}

impl Segment {
    /// Returns the specificity: a larger number is more specific.
    const fn rank(&self) -> u8 {
        match self {
            Self::Rest => 0,
            Self::Any => 1,
            Self::Literal(_) => 2,
        }
    }

    /// Parses one segment.
    fn of(text: &str) -> Result<Self, String> {
        match text {
            "**" => Ok(Self::Rest),
            "*" => Ok(Self::Any),
            name if name.starts_with('{') && name.ends_with('}') => Ok(Self::Any),
            text if text.contains(['*', '{', '}', '?', '#', '\\']) || text == ".." => Err(format!(
                "contains the invalid segment {text:?} (expected a text, `*`, `{{name}}`, or `**` at the end)"
            )),
            text => Ok(Self::Literal(crate::url::encoded(text))),
        }
    }
}

impl Pattern {
    /// Parses the path of a pattern that covers every method.
    ///
    /// # Errors
    ///
    /// Says what is wrong, as the end of a sentence that begins with the path.
    pub(crate) fn path(path: &str) -> Result<Self, String> {
        let from_host = path.starts_with('^');
        let path = path.strip_prefix('^').unwrap_or(path);
        if path.is_empty() || (from_host && !path.starts_with('/')) {
            return Err("is not a valid path (expected one such as /search/{kind})".into());
        }
        let segments = path
            .split('/')
            .filter(|text| !text.is_empty())
            .map(Segment::of)
            .collect::<Result<Vec<_>, _>>()?;
        let rest = segments
            .iter()
            .position(|segment| *segment == Segment::Rest);
        if rest.is_some_and(|at| at + 1 < segments.len()) {
            return Err("contains `**` before its end".into());
        }
        Ok(Self {
            methods: Vec::new(),
            from_host,
            segments,
        })
    }

    /// Restricts the pattern to these methods; an empty list leaves it as it is.
    ///
    /// # Errors
    ///
    /// Names the invalid method.
    pub(crate) fn with_methods(mut self, methods: &[String]) -> Result<Self, String> {
        for method in methods {
            let method =
                Method::from_bytes(method.to_ascii_uppercase().as_bytes()).map_err(|_| {
                    format!("{method:?} is not a valid method (expected one such as GET)")
                })?;
            self.methods.push(method);
        }
        Ok(self)
    }

    /// Returns whether the pattern covers a request.
    pub(crate) fn covers(&self, method: &Method, address: &Address, base: &Base) -> bool {
        let path = if self.from_host {
            Some(address.path())
        } else {
            address.path_under(base)
        };
        (self.methods.is_empty() || self.methods.contains(method))
            && path.is_some_and(|path| self.fits(path))
    }

    /// Returns whether a path has the pattern's segments.
    fn fits(&self, path: &str) -> bool {
        let mut segments = path.split('/').filter(|text| !text.is_empty());
        for wanted in &self.segments {
            match (wanted, segments.next()) {
                (Segment::Rest, _) => return true,
                (Segment::Any, Some(_)) => {}
                (Segment::Literal(text), Some(found)) if text == found => {}
                _ => return false,
            }
        }
        segments.next().is_none()
    }

    /// Compares two patterns that cover the same request; `Greater` if this one is the more specific.
    fn specificity(&self, other: &Self) -> Ordering {
        let ranks = |pattern: &Self| {
            let ranks: Vec<u8> = pattern.segments.iter().map(Segment::rank).collect();
            ranks
        };
        ranks(self)
            .cmp(&ranks(other))
            .then((!self.methods.is_empty()).cmp(&!other.methods.is_empty()))
    }
}

/// A scope in the form that requests are matched with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeRule {
    /// Name of the scope.
    pub(crate) name: Box<str>,
    /// Whether a refusal pauses the whole client.
    pub(crate) pause_all: bool,
    /// The requests that the scope covers.
    pub(crate) pattern: Pattern,
}

/// Returns the most specific scope that covers a request, or the first of several equals.
pub(crate) fn narrowest<'a>(
    rules: &'a [ScopeRule],
    method: &Method,
    address: &Address,
    base: &Base,
) -> Option<&'a ScopeRule> {
    // `max_by` takes the last of equals, so the order is reversed.
    rules
        .iter()
        .rev()
        .filter(|rule| rule.pattern.covers(method, address, base))
        .max_by(|a, b| a.pattern.specificity(&b.pattern))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(patterns: &[(&str, &[&str], &str)]) -> Vec<ScopeRule> {
        let rule = |(name, methods, path): &(&str, &[&str], &str)| ScopeRule {
            name: (*name).into(),
            pause_all: false,
            pattern: Pattern::path(path)
                .expect("a pattern")
                .with_methods(&methods.iter().map(ToString::to_string).collect::<Vec<_>>())
                .expect("methods"),
        };
        patterns.iter().map(rule).collect()
    }

    fn found(rules: &[ScopeRule], method: Method, path: &str) -> Option<String> {
        let base = Base::parse("https://api.example/v1").expect("a base");
        let address = base.join(path).expect("a path");
        narrowest(rules, &method, &address, &base).map(|rule| rule.name.to_string())
    }

    #[test]
    fn the_most_specific_scope_that_covers_a_request_counts() {
        let rules = rules(&[
            ("writes", &["POST", "patch"], "**"),
            ("item", &[], "/items/{id}"),
            ("first", &[], "/items/1"),
            ("update", &["PATCH"], "/items/*"),
            ("search", &[], "search/**"),
            ("also first", &[], "/items/1/"),
            ("token", &["POST"], "^/oauth/token"),
        ]);
        for (method, path, expected) in [
            (Method::GET, "/pages", None),
            (Method::POST, "/pages", Some("writes")),
            (Method::PATCH, "/pages/7", Some("writes")),
            (Method::GET, "/items/2", Some("item")),
            (Method::PATCH, "/items/2", Some("update")),
            (Method::PATCH, "/items/1", Some("first")),
            (Method::GET, "/items/2/parts", None),
            (Method::GET, "/items", None),
            (Method::GET, "/items/2?x=/items/1", Some("item")),
            (Method::GET, "/search", Some("search")),
            (Method::GET, "/search/code/now", Some("search")),
            (
                Method::POST,
                "https://api.example/oauth/token",
                Some("token"),
            ),
            (Method::GET, "https://api.example/oauth/token", None),
            (Method::POST, "/oauth/token", Some("writes")),
            (Method::GET, "https://api.example/v10/items/1", None),
        ] {
            assert_eq!(found(&rules, method, path).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn a_pattern_that_means_nothing_is_refused() {
        for path in ["", "^", "^x", "/a/**/b", "/a*", "/{a", "/a?b", "/../x"] {
            assert!(Pattern::path(path).is_err(), "{path:?}");
        }
    }
}
