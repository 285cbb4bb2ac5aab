//! Journeys that must run one at a time, because each keeps a core busy.

mod tasks;
