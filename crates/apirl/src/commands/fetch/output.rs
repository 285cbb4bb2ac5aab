//! Everything that is written: the lines of output, in order, and the summary.

pub(crate) mod existing_output;
pub(crate) mod line_sink;
pub(crate) mod ordered_writer;
pub(crate) mod output_target;
pub(crate) mod record;
mod rewriting;
pub(crate) mod summary;
