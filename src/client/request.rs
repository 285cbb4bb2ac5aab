//! The builder of requests of both clients.

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

/// A request that is put together and then sent.
///
/// It owns a clone of the client: it can be stored, and sent from another thread. `send` returns the
/// first error in what the request was given.
#[must_use = "nothing happens before send()"]
pub struct RequestBuilder<F: Front = Blocking> {
    client: F::Client,
    settings: Arc<ClientSettings>,
    /// Everything, or the first thing that was wrong.
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

    /// A label of the kind of request, for observers: `"/pages/{id}"`. They are then told this instead
    /// of the address. At most 128 bytes; keep the number of different labels small, for metrics are
    /// kept for each. Defaults to none.
    pub fn route(self, label: impl AsRef<str>) -> Self {
        self.with(|parts, _| {
            Arc::make_mut(parts.tags.get_or_insert_default()).set_route(label.as_ref())
        })
    }

    /// Adds something that observers are told with every event that this request causes: a job's id,
    /// say. At most 16 entries, keys of up to 128 bytes and values of up to 1024. Not sent.
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

    /// Adds a header; replaces the client's default of that name.
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

    /// A body of JSON, with its content type unless that is given.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Self {
        self.with(|parts, headers| {
            // The error's text could quote the value.
            let body = serde_json::to_vec(value)
                .map_err(|_| Error::request("body", "can't be written as JSON"))?;
            set_body(parts, headers, body, Some("application/json"));
            Ok(())
        })
    }

    /// A body of form fields (`application/x-www-form-urlencoded`), with its content type.
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

    /// A body of bytes; give its content type by [`header`](Self::header).
    pub fn body(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.with(|parts, headers| {
            set_body(parts, headers, bytes.into(), None);
            Ok(())
        })
    }

    /// Whether sending the request twice does no harm. Defaults to the method's nature: yes for GET,
    /// HEAD, PUT, DELETE and OPTIONS, no for POST and PATCH.
    pub fn idempotent(self, idempotent: bool) -> Self {
        self.with(|parts, _| {
            parts.idempotent = Some(idempotent);
            Ok(())
        })
    }

    /// Sends a key by which the server knows the request again: a POST or PATCH that carries one is sent
    /// again where a GET would be. The same for all attempts of the call, and for your own repetitions
    /// of it if you give the same. The configuration names the header, `Idempotency-Key` by default;
    /// only give one to an API that heeds it.
    ///
    /// Where the configuration makes keys by itself (Stripe's does), this replaces the one that it would
    /// have made. Those are 128 random bits as a UUID; they are no secret.
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

    /// Calls `tell` each time the request is about to go out, again for each attempt: its permit is
    /// granted and no lock is held. For a journal of what may have been done when a program is killed,
    /// as requests that only wait for their permit have not been. Defaults to nothing.
    ///
    /// An error ends the call, gives the permit back, and nothing is sent. Called on the thread that
    /// sends; in the async client it should not block for long.
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

    /// Tokens that each attempt takes. Defaults to 1.
    pub fn cost(self, tokens: u32) -> Self {
        self.with(|parts, _| {
            parts.cost = tokens;
            Ok(())
        })
    }

    /// How long one attempt may take, the reading of its body included; waiting for a permit is not
    /// part of it. Defaults to the client's [`Timeouts`](crate::Timeouts) alone.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.with(|parts, _| {
            if timeout.is_zero() {
                return Err(Error::request("timeout", "must be greater than zero"));
            }
            parts.timeout = Some(timeout);
            Ok(())
        })
    }

    /// How long the whole call may take, from `send` on, its waits and attempts and the reading of the
    /// body included. A permit that would come later is an error at once. Defaults to none.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    pub(crate) fn settings(&self) -> &ClientSettings {
        &self.settings
    }

    /// The request with its own headers in the place of the client's.
    pub(crate) fn assembled(self) -> (F::Client, Result<RequestParts>, Option<Duration>) {
        let Self {
            client,
            mut parts,
            headers,
            deadline,
            ..
        } = self;
        if let Ok(parts) = &mut parts {
            headers::replace(&mut parts.headers, headers);
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
