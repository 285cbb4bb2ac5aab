//! Whether the store of the fleet is reachable.

use api_ratelimiter::FleetSnapshot;

/// The state of the store at the last look.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum StoreStatus {
    Unknown,
    Reachable,
    Lost,
}

impl StoreStatus {
    /// Updates the state and returns a message if it has changed. A store that is reachable from the start is no
    /// news.
    pub(crate) fn change(&mut self, fleet: &FleetSnapshot) -> Option<String> {
        let now = if fleet.joined {
            Self::Reachable
        } else {
            Self::Lost
        };
        let before = std::mem::replace(self, now);
        let store = &fleet.store;
        match (before, now) {
            (Self::Unknown | Self::Reachable, Self::Lost) => Some(format!(
                "warning: the fleet's store, {store}, can't be reached: continuing at {:.1}/s, as one of {} workers; \
                 `apirl fleet status` shows the problem",
                fleet.share, fleet.workers
            )),
            (Self::Lost, Self::Reachable) => {
                Some(format!("The fleet's store, {store}, is reachable again."))
            }
            _ => None,
        }
    }
}
