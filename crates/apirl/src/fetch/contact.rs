//! Whether the fleet's store is reached, for whoever watches.

use api_ratelimiter::FleetSnapshot;

/// Whether the fleet's store was reached when last looked.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Contact {
    Unknown,
    Joined,
    Lost,
}

impl Contact {
    /// What to say of a change. A fleet that is joined at once is none.
    pub(crate) fn news(&mut self, fleet: &FleetSnapshot) -> Option<String> {
        let now = if fleet.joined {
            Self::Joined
        } else {
            Self::Lost
        };
        let before = std::mem::replace(self, now);
        let store = &fleet.store;
        match (before, now) {
            (Self::Unknown | Self::Joined, Self::Lost) => Some(format!(
                "warning: the fleet's store, {store}, can't be reached: going on with {:.1}/s, as one of {} workers; \
                 `apirl fleet status` tells why",
                fleet.share, fleet.workers
            )),
            (Self::Lost, Self::Joined) => Some(format!("The fleet's store, {store}, is reached.")),
            _ => None,
        }
    }
}
