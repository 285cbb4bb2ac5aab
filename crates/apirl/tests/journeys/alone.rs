//! Journeys that are run one at a time: they keep a core busy, or meet a limit so strict that another program shows.

mod memory;
mod strict;
