//! Numbered pages, with links to the neighbouring ones.

use super::query::parameter;

/// The number of a page, from 1, and the number of the last page.
pub(super) struct Numbered {
    pub(super) number: usize,
    pub(super) last: usize,
}

impl Numbered {
    /// Reads the page number from a query; `None` if it is invalid.
    pub(super) fn read(query: &str, size: usize, items: usize) -> Option<Self> {
        let number = match parameter(query, "page") {
            Some(text) => text.parse().ok().filter(|number| *number > 0)?,
            None => 1,
        };
        let last = items.div_ceil(size).max(1);
        Some(Self { number, last })
    }

    /// Returns the index of the first item.
    pub(super) fn start(&self, size: usize) -> usize {
        (self.number - 1).saturating_mul(size)
    }

    /// Returns the number of the next page.
    pub(super) fn next(&self) -> Option<usize> {
        (self.number < self.last).then(|| self.number + 1)
    }

    /// Returns the number of the previous page.
    pub(super) fn previous(&self) -> Option<usize> {
        (self.number > 1).then(|| self.last.min(self.number - 1))
    }

    /// Returns path and query with another page number.
    pub(super) fn target(path: &str, query: &str, number: usize) -> String {
        let mut target = format!("{path}?");
        let is_page = |pair: &&str| pair.split('=').next() == Some("page");
        for pair in query
            .split('&')
            .filter(|pair| !pair.is_empty() && !is_page(pair))
        {
            target += pair;
            target.push('&');
        }
        target + &format!("page={number}")
    }
}
