//! The address that is measured.

use api_ratelimiter::http::Uri;

use crate::failure::Failure;

/// An address in two parts, as a client takes it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Scheme, host and port; `None` for those of the settings.
    pub(super) base_url: Option<String>,
    /// Path and query.
    pub(super) path: String,
}

impl Target {
    /// Splits a URL.
    ///
    /// # Errors
    ///
    /// If it is no absolute URL of http or https, or has a user name or a password. The failure shows neither.
    pub(super) fn of_url(url: &str) -> Result<Self, Failure> {
        let uri: Uri = url.parse().map_err(|_| invalid())?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(invalid());
        };
        if !["http", "https"].contains(&scheme) {
            return Err(invalid());
        }
        if authority.as_str().contains('@') {
            return Err(
                Failure::usage("--url must not contain a user name or a password")
                    .hint("give credentials with --bearer-env or --header-env"),
            );
        }
        let path = uri.path_and_query().map_or("", |path| path.as_str());
        Ok(Self {
            base_url: Some(format!("{scheme}://{authority}")),
            path: format!("/{}", path.trim_start_matches('/')),
        })
    }

    /// Returns the address for people: without its query, which may hold a credential.
    pub(super) fn shown(&self, base_url: &str) -> String {
        let path = self.path.split(['?', '#']).next().unwrap_or_default();
        format!(
            "{}/{}",
            base_url.trim_end_matches('/'),
            path.trim_start_matches('/')
        )
    }
}

/// The URL is not shown: it may have a credential.
fn invalid() -> Failure {
    Failure::usage("--url is not a valid address (expected http:// or https:// with a host)")
        .hint("for example --url https://api.example.com/v1/pages/1")
}

/// Returns the scheme, host and port of a URL, in lower case and without a port that the scheme implies.
pub(super) fn origin(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let (scheme, host) = (uri.scheme_str()?, uri.host()?);
    let port = match (scheme, uri.port_u16()) {
        ("http", Some(80)) | ("https", Some(443)) | (_, None) => String::new(),
        (_, Some(port)) => format!(":{port}"),
    };
    Some(format!("{scheme}://{host}{port}").to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_split_into_origin_and_path() {
        for (url, base, path) in [
            (
                "https://a.example/v1/x?q=1",
                "https://a.example",
                "/v1/x?q=1",
            ),
            ("http://127.0.0.1:80", "http://127.0.0.1:80", "/"),
            ("https://a.example?q=1", "https://a.example", "/?q=1"),
        ] {
            let target = Target::of_url(url).expect("a URL");
            assert_eq!(
                (target.base_url.as_deref(), target.path.as_str()),
                (Some(base), path)
            );
        }
        for url in [
            "",
            "/x",
            "a.example/x",
            "ftp://a/x",
            "https://",
            "https:///x",
            "https://a b/",
        ] {
            assert!(Target::of_url(url).is_err(), "{url:?}");
        }
    }

    #[test]
    fn no_credential_is_shown() {
        for url in [
            "https://me:hunter2@a.example/",
            "https://hunter2@a example/",
        ] {
            let failure = Target::of_url(url).expect_err("a credential").to_string();
            assert!(!failure.contains("hunter2"), "{failure}");
        }
        let target = Target::of_url("https://a.example/x?key=hunter2").expect("a URL");
        assert_eq!(target.shown("https://a.example/"), "https://a.example/x");
    }

    #[test]
    fn origins_are_equal_whatever_names_their_port() {
        for (one, other) in [
            ("http://a.example", "http://A.example:80/x?q"),
            ("https://a.example:443/", "https://a.example/x"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/x"),
        ] {
            assert!(origin(one).is_some());
            assert_eq!(origin(one), origin(other));
        }
        assert_ne!(origin("http://a.example:443"), origin("https://a.example"));
    }
}
