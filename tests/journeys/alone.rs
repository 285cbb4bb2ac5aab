//! Journeys that are run one at a time: they keep a core busy.

mod tasks;
