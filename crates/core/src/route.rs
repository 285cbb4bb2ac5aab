//! Routes: kinds of requests that a server may count together.

use http::Method;

use crate::hash::Fnv64;

/// The route of a request: its method, and its path with the ids replaced; or the label that the caller gave it.
///
/// Kept as a hash. Two routes with one hash would share a limit, which costs time and nothing else.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Route {
    kind: u64,
    /// The objects in the path that have limits of their own.
    owners: u64,
}

/// Shortest segment that counts as a token, if it contains a digit.
const SHORTEST_TOKEN: usize = 16;

/// Least number of digits beside a capital letter, as in `PROJ-123`, that makes a segment an id.
const FEWEST_DIGITS: usize = 2;

/// Longest ending that names the format of a response, as in `35436.json`.
const LONGEST_FORMAT: usize = 4;

/// Shortest segment of hexadecimal digits that counts as an id, if one of them is decimal.
const SHORTEST_HEX: usize = 8;

impl Route {
    /// Returns the route of a request for `path`. A `label` takes the place of method and path. The segment behind one
    /// of `owners` keeps its value.
    pub(crate) fn of(method: &Method, path: &str, label: Option<&str>, owners: &[String]) -> Self {
        let (mut kind, mut kept) = (Fnv64::new(), Fnv64::new());
        match label {
            Some(label) => kind.add(label.as_bytes()),
            None => kind.add(method.as_str().as_bytes()),
        }
        let mut owner = false;
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            if label.is_none() {
                kind.add(b"/");
                kind.add(shown(segment).as_bytes());
            }
            if owner {
                kept.add(b"/");
                kept.add(segment.as_bytes());
            }
            owner = owners.iter().any(|name| name == segment);
        }
        Self {
            kind: kind.value(),
            owners: kept.value(),
        }
    }

    /// Returns a number that stands for this route and its owners.
    pub(crate) fn number(self) -> u64 {
        combined(self.kind, self.owners)
    }

    /// Returns a number that stands for the limits of this name and this route's owners.
    pub(crate) fn number_of(self, name: u64) -> u64 {
        combined(name, self.owners)
    }
}

fn combined(one: u64, other: u64) -> u64 {
    let mut both = Fnv64::of(&one.to_le_bytes());
    both.add(&other.to_le_bytes());
    both.value()
}

/// Returns the part of a segment that counts for the route. An id stands for any other, whatever the format of the
/// response (`/tickets/35436.json`, as Zendesk writes it), and also in brackets behind a name (`/Users(5)`, OData).
fn shown(segment: &str) -> &str {
    if let Some(at) = segment.find('(').filter(|at| *at > 0) {
        return &segment[..=at];
    }
    let bare = segment.rsplit_once('.').filter(|(_, format)| {
        (1..=LONGEST_FORMAT).contains(&format.len())
            && format.bytes().all(|byte| byte.is_ascii_alphabetic())
    });
    if is_id(bare.map_or(segment, |(name, _)| name)) {
        "{}"
    } else {
        segment
    }
}

/// Returns whether a segment of a path is an id: a number or a date (digits without letters), a UUID or at least 8
/// hexadecimal digits, an address of mail, a text with percent-encoded bytes, a token of at least 16 characters with
/// a digit, or one with a capital letter and two digits. Other names, such as those of users, look like parts of the
/// API.
fn is_id(segment: &str) -> bool {
    let bytes = segment.as_bytes();
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    let has_digit = digits > 0;
    let is_code = digits >= FEWEST_DIGITS && bytes.iter().any(u8::is_ascii_uppercase);
    let is_number = !bytes.iter().any(u8::is_ascii_alphabetic);
    let is_hex = bytes.len() >= SHORTEST_HEX
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_hexdigit() || *byte == b'-');
    let is_mail = segment.find('@').is_some_and(|at| at > 0);
    segment.contains('%')
        || is_mail
        || (has_digit && (is_number || is_hex || is_code || bytes.len() >= SHORTEST_TOKEN))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(path: &str) -> Route {
        Route::of(&Method::GET, path, None, &[])
    }

    #[test]
    fn requests_for_objects_of_one_kind_are_of_one_route() {
        for id in [
            "1",
            "175928847299117063",
            "8a6e0804-2bd0-4672-b79d-d97027f9071a",
            "deadbeef01",
            "00u1ero7vZFVEIYLWPBN",
            "isaac@example.com",
            "%F0%9F%94%A5",
            "2026-12-01",
            "35436.json",
            "00u1ero7vZFVEIYLWPBN.xml",
            "C024BE91L",
            "PROJ-123",
            "dQw4w9WgXcQ",
        ] {
            let path = format!("/v1/users/{id}/groups");
            assert_eq!(route(&path), route("/v1/users/7/groups"), "{id}");
        }
    }

    #[test]
    fn parts_of_the_api_are_routes_of_their_own() {
        let users = route("/v1/users/7");
        for other in [
            "/v2/users/7",
            "/v1/users/@me",
            "/v1/users/search",
            "/v1/users/chat.postMessage",
            "/v1/users/facade",
            "/v1/users/subscriptions-of-teams",
            "/v1/users/recent.json",
            "/v1/users/OAuth2",
            "/v1/users(7)",
            "/v1/users",
            "/v1/users/7/groups",
        ] {
            assert_ne!(route(other), users, "{other}");
        }
        assert_ne!(Route::of(&Method::POST, "/v1/users/7", None, &[]), users);
    }

    #[test]
    fn an_id_in_brackets_belongs_to_the_name_before_it() {
        let users = route("/v1/users(5)");
        assert_eq!(route("/v1/users('jo@example.com')"), users);
        assert_eq!(
            route("/v1/users(id=7,kind='a')/groups"),
            route("/v1/users(5)/groups")
        );
        assert_ne!(route("/v1/groups(5)"), users);
        assert_ne!(route("/v1/users(5)/groups"), users);
    }

    #[test]
    fn owners_keep_their_ids() {
        let owners = ["channels".to_owned()];
        let of = |path| Route::of(&Method::GET, path, None, &owners);
        assert_ne!(of("/channels/1/messages"), of("/channels/2/messages"));
        assert_eq!(of("/channels/1/messages/5"), of("/channels/1/messages/6"));
        assert_eq!(of("/users/1"), of("/users/2"));
        // Two routes of one channel whose responses carry one name share a limit; those of two channels don't.
        let number = |path| of(path).number_of(7);
        assert_eq!(number("/channels/1/messages"), number("/channels/1/pins"));
        assert_ne!(
            number("/channels/1/messages"),
            number("/channels/2/messages")
        );
    }

    #[test]
    fn a_label_takes_the_place_of_method_and_path_but_not_of_owners() {
        let owners = ["channels".to_owned()];
        let of = |method, path| Route::of(&method, path, Some("mine"), &owners);
        assert_eq!(of(Method::GET, "/a"), of(Method::POST, "/b"));
        assert_ne!(
            of(Method::GET, "/channels/1"),
            of(Method::GET, "/channels/2")
        );
        assert_ne!(
            of(Method::GET, "/a"),
            Route::of(&Method::GET, "/a", None, &owners)
        );
    }
}
