//! Journeys that run one at a time: they keep a core busy, or have a limit so strict that other programs disturb them.

mod memory;
mod strict;
