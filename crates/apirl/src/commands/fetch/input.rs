//! What is read: the lines of input, the requests that they describe, and the journal of what was read.

pub(crate) mod input_lines;
pub(crate) mod journal;
pub(crate) mod line_set;
pub(crate) mod request_line;
