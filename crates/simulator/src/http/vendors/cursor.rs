//! Cursors: the index of the first item of the next page, between two fixed texts.

/// The texts before and after the index in a cursor.
pub(super) struct CursorForm(pub(super) &'static str, pub(super) &'static str);

impl CursorForm {
    /// Returns the cursor of the page that begins at `index`.
    pub(super) fn cursor(&self, index: usize) -> String {
        format!("{}{index}{}", self.0, self.1)
    }

    /// Returns the index at which the page of a cursor begins; the first page if there is no cursor.
    pub(super) fn start(
        &self,
        parameter: &str,
        cursor: Option<&str>,
        items: usize,
    ) -> Result<usize, String> {
        let Some(cursor) = cursor else { return Ok(0) };
        let index = cursor
            .strip_prefix(self.0)
            .and_then(|rest| rest.strip_suffix(self.1));
        index
            .and_then(|index| index.parse().ok())
            .filter(|index| *index < items)
            .ok_or_else(|| format!("{parameter} is not a cursor of this collection."))
    }
}
