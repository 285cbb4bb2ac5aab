//! Limits of an API that responses keep apart, and the routes whose requests count in them.

use std::collections::BTreeMap;

use super::announced::{AnnouncedLimits, LimitName};
use crate::route::Route;

/// Number of routes, and of limits, that are kept.
const MOST: usize = 1000;

/// The limits apart from the client's own, by the routes whose requests count in them. `L` is a handle of a limit.
///
/// An API that counts by route has a limit for each route, until a response names it; routes whose responses carry one
/// name share a limit. For other APIs everything counts in the client's own limit, as long as all responses name the
/// same limits. Once a response names others, each group of names becomes a limit apart.
///
/// Only the last response to a route tells which limit its next request will count in.
#[derive(Debug)]
pub struct Routes<L> {
    by_route: bool,
    /// Names of the limits that the client's own limit stands for.
    home: Vec<LimitName>,
    /// Whether other names were seen, so that the limits of `home` are kept apart, too.
    apart: bool,
    routes: Recent<u64>,
    limits: Recent<L>,
}

/// The limit that a response is about.
#[derive(Debug)]
pub enum Place<L> {
    /// The client's own.
    Home,
    /// A limit apart.
    Apart(L),
    /// A limit apart, the first one. What the client's own limit knows from announcements belongs to `before`.
    FirstApart {
        /// The limit of the response.
        limit: L,
        /// The limit of the names that were seen before.
        before: L,
    },
}

/// Stands for the names of `home` among the limits.
const HOME: u64 = 0;

impl<L: Clone> Routes<L> {
    /// Returns a table without limits. `by_route` says whether the API counts the requests of each route by itself.
    #[must_use]
    pub fn new(by_route: bool) -> Self {
        Self {
            by_route,
            home: Vec::new(),
            apart: false,
            routes: Recent::default(),
            limits: Recent::default(),
        }
    }

    /// Returns the limit apart that the next request of a route counts in, as far as is known; `None` for the client's
    /// own. `make` makes a limit.
    pub fn limit_of(&mut self, route: Route, make: impl FnOnce() -> L) -> Option<L> {
        if !self.by_route && !self.apart {
            return None;
        }
        let unknown = if self.by_route { route.number() } else { HOME };
        let number = self.routes.get(route.number()).unwrap_or(unknown);
        Some(self.limits.get_or(number, make))
    }

    /// Takes in what the response to a request of `route` announced. Returns the limit that the response is about.
    pub fn heard(
        &mut self,
        route: Route,
        announced: &AnnouncedLimits,
        mut make: impl FnMut() -> L,
    ) -> Place<L> {
        let apart = |limit: Option<L>| limit.map_or(Place::Home, Place::Apart);
        if self.by_route {
            let Some(name) = announced.bucket() else {
                return apart(self.limit_of(route, make));
            };
            let number = route.number_of(name.value());
            if !self.limits.contains(number) {
                // The limit of the route gets its name.
                let of_route = self.limits.get_or(route.number(), &mut make);
                self.limits.insert(number, of_route);
            }
            self.routes.insert(route.number(), number);
            return apart(self.limit_of(route, make));
        }
        let names = announced.names();
        let Some(first) = names.first() else {
            return apart(self.limit_of(route, make));
        };
        let is_home = self.home.is_empty() || names.iter().any(|name| self.home.contains(name));
        if is_home {
            for name in &names {
                if self.home.len() < MOST && !self.home.contains(name) {
                    self.home.push(*name);
                }
            }
        }
        if is_home && !self.apart {
            return Place::Home;
        }
        let number = if is_home { HOME } else { first.value() };
        self.routes.insert(route.number(), number);
        let limit = self.limits.get_or(number, &mut make);
        if std::mem::replace(&mut self.apart, true) {
            return Place::Apart(limit);
        }
        let before = self.limits.get_or(HOME, make);
        Place::FirstApart { limit, before }
    }

    /// Returns all limits apart.
    pub fn limits(&self) -> impl Iterator<Item = &L> {
        self.limits.values()
    }
}

/// A table that forgets what was used least recently.
#[derive(Debug)]
struct Recent<V> {
    entries: BTreeMap<u64, (u64, V)>,
    uses: u64,
}

impl<V> Default for Recent<V> {
    fn default() -> Self {
        Self {
            entries: BTreeMap::new(),
            uses: 0,
        }
    }
}

impl<V: Clone> Recent<V> {
    fn get(&mut self, key: u64) -> Option<V> {
        self.uses += 1;
        let (used, value) = self.entries.get_mut(&key)?;
        *used = self.uses;
        Some(value.clone())
    }

    fn get_or(&mut self, key: u64, make: impl FnOnce() -> V) -> V {
        self.get(key).unwrap_or_else(|| {
            let value = make();
            self.insert(key, value.clone());
            value
        })
    }

    fn insert(&mut self, key: u64, value: V) {
        self.uses += 1;
        if self.entries.len() >= MOST && !self.entries.contains_key(&key) {
            let oldest = self.entries.iter().min_by_key(|(_, (used, _))| *used);
            if let Some(oldest) = oldest.map(|(key, _)| *key) {
                self.entries.remove(&oldest);
            }
        }
        self.entries.insert(key, (self.uses, value));
    }

    fn contains(&self, key: u64) -> bool {
        self.entries.contains_key(&key)
    }

    fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.values().map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::Method;

    use super::*;
    use crate::limiter::Announced;

    /// Makes limits that are numbered from 1.
    fn numbers() -> impl FnMut() -> u32 {
        let mut last = 0;
        move || {
            last += 1;
            last
        }
    }

    fn route(path: &str) -> Route {
        Route::of(&Method::GET, path, None, &["channels".to_owned()])
    }

    fn named(names: &[&str]) -> AnnouncedLimits {
        let limit = |name: &&str| Announced {
            name: Some(LimitName::of(name)),
            limit: Some(5),
            window: None,
            remaining: 4,
            reset_after: Duration::from_secs(5),
        };
        names.iter().map(limit).collect()
    }

    fn bucket(name: &str) -> AnnouncedLimits {
        AnnouncedLimits::default().in_bucket(Some(LimitName::of(name)))
    }

    fn limit<L>(place: Place<L>) -> Option<L> {
        match place {
            Place::Home => None,
            Place::Apart(limit) | Place::FirstApart { limit, .. } => Some(limit),
        }
    }

    #[test]
    fn by_route_each_route_has_a_limit_and_routes_with_one_name_share_it() {
        let (mut routes, mut make) = (Routes::new(true), numbers());
        let (messages, pins) = (route("/channels/1/messages"), route("/channels/1/pins"));
        assert_eq!(routes.limit_of(messages, &mut make), Some(1));
        assert_eq!(routes.limit_of(pins, &mut make), Some(2));
        assert_eq!(
            limit(routes.heard(messages, &bucket("a"), &mut make)),
            Some(1)
        );
        assert_eq!(limit(routes.heard(pins, &bucket("a"), &mut make)), Some(1));
        assert_eq!(routes.limit_of(pins, &mut make), Some(1));
        // The name means another limit for another owner.
        let elsewhere = route("/channels/2/messages");
        assert_eq!(
            limit(routes.heard(elsewhere, &bucket("a"), &mut make)),
            Some(3)
        );
        // A route may move to another limit.
        assert_eq!(limit(routes.heard(pins, &bucket("b"), &mut make)), Some(2));
        assert_eq!(routes.limit_of(pins, &mut make), Some(2));
        assert_eq!(routes.limit_of(messages, &mut make), Some(1));
        // A response without a name is about the limit that is known.
        assert_eq!(limit(routes.heard(pins, &named(&[]), &mut make)), Some(2));
    }

    #[test]
    fn elsewhere_all_is_one_limit_until_a_response_names_another() {
        let (mut routes, mut make) = (Routes::new(false), numbers());
        let (users, search, other) = (route("/users"), route("/search"), route("/other"));
        assert_eq!(routes.limit_of(users, &mut make), None);
        assert!(matches!(
            routes.heard(users, &named(&["burst", "day"]), &mut make),
            Place::Home
        ));
        assert!(matches!(
            routes.heard(users, &named(&["day", "hour"]), &mut make),
            Place::Home
        ));
        assert!(matches!(
            routes.heard(users, &named(&[]), &mut make),
            Place::Home
        ));
        assert_eq!(routes.limit_of(search, &mut make), None);
        let place = routes.heard(search, &named(&["search"]), &mut make);
        assert!(
            matches!(
                place,
                Place::FirstApart {
                    limit: 1,
                    before: 2
                }
            ),
            "{place:?}"
        );
        assert_eq!(routes.limit_of(search, &mut make), Some(1));
        // Routes that nothing is known of count as before.
        assert_eq!(routes.limit_of(users, &mut make), Some(2));
        assert_eq!(routes.limit_of(other, &mut make), Some(2));
        assert_eq!(
            limit(routes.heard(other, &named(&["search"]), &mut make)),
            Some(1)
        );
        assert_eq!(
            limit(routes.heard(users, &named(&["hour"]), &mut make)),
            Some(2)
        );
        assert_eq!(routes.limits().count(), 2);
    }

    #[test]
    fn the_limit_that_was_used_least_recently_is_forgotten() {
        let (mut routes, mut make) = (Routes::new(true), numbers());
        let one = route("/channels/1");
        assert_eq!(routes.limit_of(one, &mut make), Some(1));
        for id in 2..=5000 {
            let _ = routes.limit_of(route(&format!("/channels/{id}")), &mut make);
            assert_eq!(routes.limit_of(one, &mut make), Some(1), "it is in use");
        }
        assert_eq!(routes.limits().count(), MOST);
    }
}
