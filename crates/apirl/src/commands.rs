//! The commands, one module each. A command gets its flags and returns how it ended.

pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod discover;
pub(crate) mod explain;
pub(crate) mod fetch;
pub(crate) mod fleet;
pub(crate) mod presets;
pub(crate) mod serve;
pub(crate) mod simulate;
