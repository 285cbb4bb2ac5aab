//! Valid page sizes of a vendor.

use super::query::parameter;

/// The parameter for the page size, with its default and its maximum.
pub(super) struct PageSize {
    pub(super) parameter: &'static str,
    pub(super) default: usize,
    pub(super) max: usize,
}

impl PageSize {
    /// Returns the wanted size or the default; an error if it is out of range.
    pub(super) fn read(&self, wanted: Option<usize>) -> Result<usize, String> {
        let size = wanted.unwrap_or(self.default);
        if (1..=self.max).contains(&size) {
            return Ok(size);
        }
        let Self { parameter, max, .. } = self;
        Err(format!("{parameter} must be within 1 and {max}."))
    }

    /// Reads the size from a query.
    pub(super) fn read_query(&self, query: &str) -> Result<usize, String> {
        let number = parameter(query, self.parameter).map(|text| text.parse());
        let invalid = |_| format!("{} must be a number.", self.parameter);
        self.read(number.transpose().map_err(invalid)?)
    }
}
