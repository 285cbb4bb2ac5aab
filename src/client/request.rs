//! Builder of requests of both clients.

use std::fmt::{self, Display};
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method, header};
use serde::Serialize;

use api_ratelimiter_core::error::{Error, Result};
use api_ratelimiter_core::headers::{self, HeaderNames, bearer};
use api_ratelimiter_core::request::RequestParts;

use super::builder::{Blocking, Front};
use super::settings::ClientSettings;
use api_ratelimiter_core::url::form_encode;

/// Builder of a request.
///
/// It owns a clone of the client, so it can be stored, and sent from another thread. `send` returns the
/// error of the first invalid value.
#[must_use = "nothing happens before send()"]
pub struct RequestBuilder<F: Front = Blocking> {
    client: F::Client,
    settings: Arc<ClientSettings>,
    /// The request, or the error of the first invalid value.
    parts: Result<RequestParts>,
    /// The request's own headers, which replace the client's of the same name.
    headers: HeaderMap,
    deadline: Option<Duration>,
}

impl<F: Front> RequestBuilder<F> {
    pub(crate) fn new(
        client: F::Client,
        settings: &Arc<ClientSettings>,
        method: Result<Method>,
        path: &str,
    ) -> Self {
        let parts = method.and_then(|method| settings.call.request(method, path));
        Self {
            client,
            settings: Arc::clone(settings),
            parts,
            headers: HeaderMap::new(),
            deadline: None,
        }
    }

    fn with(
        mut self,
        change: impl FnOnce(&mut RequestParts, &mut HeaderMap) -> Result<()>,
    ) -> Self {
        if let Ok(parts) = &mut self.parts {
            if let Err(error) = change(parts, &mut self.headers) {
                self.parts = Err(error);
            }
        }
        self
    }

    /// Sets a label for the kind of request, such as `"/pages/{id}"`. Observers get it instead of the address, and
    /// limits that are kept apart by route ([`ByRouteConfig`](crate::ByRouteConfig)) instead of method and path.
    /// At most 128 bytes. Keep the number of different labels small: each has its own metrics. Defaults to
    /// none.
    pub fn route(self, label: impl AsRef<str>) -> Self {
        self.with(|parts, _| {
            Arc::make_mut(parts.tags.get_or_insert_default()).set_route(label.as_ref())
        })
    }

    /// Adds an entry, such as a job's id, to every event that this request causes. At most 16 entries, with keys
    /// of up to 128 bytes and values of up to 1024 bytes. It is not sent.
    pub fn context(self, key: impl AsRef<str>, value: impl Display) -> Self {
        self.with(|parts, _| {
            let tags = Arc::make_mut(parts.tags.get_or_insert_default());
            tags.add(key.as_ref(), value.to_string())
        })
    }

    /// Adds `key=value` to the query string, percent-encoded.
    pub fn query(self, key: impl AsRef<str>, value: impl Display) -> Self {
        self.with(|parts, _| {
            parts.address.push_query(key.as_ref(), &value.to_string());
            Ok(())
        })
    }

    /// Adds `key=value` to the query string if there is a value.
    pub fn query_opt(self, key: impl AsRef<str>, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.query(key, value),
            None => self,
        }
    }

    /// Adds a header; replaces the client's default header with the same name.
    ///
    /// A request that carries a credential must not name another `Host` than its URL does, unless the client's own
    /// headers name that host.
    pub fn header(self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        self.with(|_, headers| {
            let (name, value) = headers::pair(name.as_ref(), value.as_ref())?;
            headers.append(name, value);
            Ok(())
        })
    }

    /// Sends `Authorization: Bearer <token>`; replaces the client's.
    pub fn bearer_auth(self, token: impl AsRef<str>) -> Self {
        self.with(|_, headers| {
            headers.insert(header::AUTHORIZATION, bearer(token.as_ref())?);
            Ok(())
        })
    }

    /// Sets a body of JSON, and its content type unless that is set.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Self {
        self.with(|parts, headers| {
            // Serde's error is dropped, because it could quote the value.
            let body = serde_json::to_vec(value)
                .map_err(|_| Error::request("body", "can't be serialized as JSON"))?;
            set_body(parts, headers, body, Some("application/json"));
            Ok(())
        })
    }

    /// Sets a body of form fields (`application/x-www-form-urlencoded`), and its content type.
    pub fn form<K: AsRef<str>, V: Display>(self, fields: &[(K, V)]) -> Self {
        self.with(|parts, headers| {
            let mut body = String::new();
            for (key, value) in fields {
                if !body.is_empty() {
                    body.push('&');
                }
                form_encode(&mut body, key.as_ref());
                body.push('=');
                form_encode(&mut body, &value.to_string());
            }
            set_body(
                parts,
                headers,
                body.into_bytes(),
                Some("application/x-www-form-urlencoded"),
            );
            Ok(())
        })
    }

    /// Sets a body of bytes. Set its content type by [`header`](Self::header).
    pub fn body(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.with(|parts, headers| {
            set_body(parts, headers, bytes.into(), None);
            Ok(())
        })
    }

    /// Sets whether the server may safely process the request twice. Defaults to the method's property: yes for
    /// GET, HEAD, PUT, DELETE and OPTIONS, no for POST and PATCH.
    pub fn idempotent(self, idempotent: bool) -> Self {
        self.with(|parts, _| {
            parts.idempotent = Some(idempotent);
            Ok(())
        })
    }

    /// Sends an idempotency key, by which the server recognizes a repeated request. A POST or PATCH with a key
    /// is retried as a GET is. All attempts of the call carry this key; use it again if you repeat the call
    /// yourself. The configuration names the header, `Idempotency-Key` by default. Use it only with an API that
    /// supports such keys.
    ///
    /// Some configurations (Stripe's) generate a key for each call: 128 random bits as a UUID, which are not
    /// secret. This key replaces the generated one.
    pub fn idempotency_key(self, key: impl AsRef<str>) -> Self {
        let name = self.settings.call.idempotency.header.clone();
        self.with(|_, headers| {
            if key.as_ref().is_empty() {
                return Err(Error::request("idempotency key", "is empty"));
            }
            let (name, value) = headers::pair(name.as_str(), key.as_ref())?;
            headers.insert(name, value);
            Ok(())
        })
    }

    /// Calls `tell` right before each attempt is sent: its permit is granted, and no lock is held. Other requests may
    /// wait for this one, so `tell` must not send requests through the same limiter. Defaults to nothing.
    ///
    /// Use it for a journal. After a crash, the journal shows which requests the server may have processed;
    /// requests that only waited for their permit are not among them.
    ///
    /// An error of `tell` ends the call and returns the permit, and nothing is sent. The sending thread calls
    /// `tell`; in the async client it should not block for long.
    ///
    /// ```no_run
    /// use std::io::Write;
    /// use std::sync::Mutex;
    /// use api_ratelimiter::make_client_for;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let journal = Mutex::new(std::fs::File::create("orders.journal")?);
    /// let client = make_client_for("fieldguide")?;
    /// client
    ///     .post("/orders")
    ///     .before_send(move || writeln!(journal.lock().expect("no panic"), "order 7 may be out"))
    ///     .send()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn before_send<E>(self, tell: impl Fn() -> Result<(), E> + Send + Sync + 'static) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.with(|parts, _| {
            parts.before_send = Some(Arc::new(move || tell().map_err(Into::into)));
            Ok(())
        })
    }

    /// Sets the number of tokens that each attempt takes. Defaults to 1.
    pub fn cost(self, tokens: u32) -> Self {
        self.with(|parts, _| {
            parts.cost = tokens;
            Ok(())
        })
    }

    /// Sets the timeout of one attempt, with the reading of its body but without the wait for a permit. Defaults
    /// to none beside the client's [`Timeouts`](crate::Timeouts).
    pub fn timeout(self, timeout: Duration) -> Self {
        self.with(|parts, _| {
            if timeout.is_zero() {
                return Err(Error::request("timeout", "must be greater than zero"));
            }
            parts.timeout = Some(timeout);
            Ok(())
        })
    }

    /// Sets the longest time of the whole call, from `send` on: its waits, its attempts and the reading of the
    /// body. If the permit would come later, the call fails at once. Defaults to none.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    pub(crate) fn settings(&self) -> &ClientSettings {
        &self.settings
    }

    /// Returns client, request and deadline. The request's own headers have replaced the client's.
    pub(crate) fn assembled(self) -> (F::Client, Result<RequestParts>, Option<Duration>) {
        let Self {
            client,
            settings,
            mut parts,
            headers,
            deadline,
        } = self;
        if let Ok(sent) = &mut parts {
            headers::replace(&mut sent.headers, headers);
            if let Err(error) = settings.call.check_host(sent) {
                parts = Err(error);
            }
        }
        (client, parts, deadline)
    }
}

fn set_body(
    parts: &mut RequestParts,
    headers: &mut HeaderMap,
    body: Vec<u8>,
    content_type: Option<&'static str>,
) {
    parts.body = Some(Arc::from(body));
    if let Some(content_type) = content_type {
        headers
            .entry(header::CONTENT_TYPE)
            .or_insert(header::HeaderValue::from_static(content_type));
    }
}

impl<F: Front> fmt::Debug for RequestBuilder<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBuilder")
            .field("request", &self.parts)
            .field("own_headers", &HeaderNames(&self.headers))
            .finish_non_exhaustive()
    }
}
