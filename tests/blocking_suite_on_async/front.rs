//! The async client with the interface of the blocking one, so that one suite tests both.
//!
//! Each call runs to its end on one runtime that all tests share.

use std::fmt::{self, Debug, Display};
use std::future::Future;
use std::io::{self, Read};
use std::ops::RangeInclusive;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use api_ratelimiter::http::{Method, StatusCode};
use api_ratelimiter::{
    ApiRateConfig, AsyncClientBuilder, AsyncDynamicAPIClient, AsyncItems, AsyncPages,
    AsyncRequestBuilder, AsyncResponse, Clock, DynamicRateLimiter, FieldPath, Page, Pagination,
    Position, Result, TimeoutPhase, Timeouts, TokenReason, TransportKind,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let builder = builder.worker_threads(2).enable_all();
    builder.build().expect("a runtime")
});

/// Timeout that ends a silent head: the transport reports only whole heads.
pub(crate) const SILENT_HEAD: TimeoutPhase = TimeoutPhase::FirstByte;

/// Error of a length of 2^64 - 1: it is invalid.
pub(crate) const LONGEST_LENGTH: TransportKind = TransportKind::Protocol;

/// Time between two responses of a flood of informational responses. The transport reads all that have
/// arrived at once, which takes a debug build seconds without any pause.
pub(crate) const FLOOD: Duration = Duration::from_millis(1);

/// Number of connections of a caller that reads every response to its end: a task of the transport returns
/// connections, and sometimes another one is made before.
pub(crate) const REUSED: RangeInclusive<usize> = 1..=2;

/// Number of connections after a short response was dropped unread: it had arrived whole.
pub(crate) const AFTER_A_SHORT_ONE: usize = 1;

/// Maximum number of connections of a thread: one is made while another is being returned.
pub(crate) const EACH: u64 = 2;

/// Waits until dropped responses are closed by a task of the transport.
pub(crate) fn settle() {
    std::thread::sleep(Duration::from_millis(50));
}

/// Runs a call to its end, and gives the transport's task time to take the connection back.
fn wait<T: Send>(call: impl Future<Output = T> + Send) -> T {
    run(async {
        let outcome = call.await;
        tokio::time::sleep(Duration::from_millis(2)).await;
        outcome
    })
}

/// Runs a call to its end. A call inside another call, for a token, runs on a thread of its own.
fn run<T: Send>(call: impl Future<Output = T> + Send) -> T {
    if tokio::runtime::Handle::try_current().is_err() {
        return RUNTIME.block_on(call);
    }
    std::thread::scope(|scope| {
        let inner = scope.spawn(|| RUNTIME.block_on(call));
        inner.join().expect("no panic")
    })
}

/// Formats the wrapped value.
macro_rules! shown {
    ($($outer:ident),*) => {$(
        impl Debug for $outer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

/// Defines methods that call those of the wrapped value.
macro_rules! same {
    ($($name:ident($($argument:ident: $kind:ty),*);)*) => {$(
        pub(crate) fn $name(self, $($argument: $kind),*) -> Self {
            Self(self.0.$name($($argument),*))
        }
    )*};
}

pub(crate) struct ClientBuilder(AsyncClientBuilder);

#[derive(Clone)]
pub(crate) struct DynamicAPIClient(AsyncDynamicAPIClient);

pub(crate) struct RequestBuilder(AsyncRequestBuilder);

pub(crate) struct Response(AsyncResponse);

pub(crate) struct Pages(AsyncPages);

pub(crate) struct Items<T>(AsyncItems<T>);

shown!(
    ClientBuilder,
    DynamicAPIClient,
    RequestBuilder,
    Response,
    Pages
);

impl ClientBuilder {
    same! {
        bearer_auth(token: impl Into<String>);
        default_header(name: impl Into<String>, value: impl Into<String>);
        user_agent(agent: impl Into<String>);
        base_url(url: impl Into<String>);
        backoff_status_codes(codes: impl IntoIterator<Item = u16>);
        max_retries_on_backoff(retries: u32);
        max_cooldown(longest: Duration);
        retry_transport(retries: u32);
        timeouts(timeouts: Timeouts);
        max_body(bytes: u64);
        no_proxy();
        limiter(limiter: DynamicRateLimiter);
        clock(clock: Arc<dyn Clock>);
    }

    pub(crate) fn bearer_auth_with<E>(
        self,
        source: impl Fn(TokenReason) -> Result<String, E> + Send + Sync + 'static,
    ) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
    {
        Self(
            self.0
                .bearer_auth_with(move |why| std::future::ready(source(why))),
        )
    }

    pub(crate) fn build(self) -> Result<DynamicAPIClient> {
        self.0.build().map(DynamicAPIClient)
    }
}

impl DynamicAPIClient {
    pub(crate) fn builder(config: ApiRateConfig) -> ClientBuilder {
        ClientBuilder(AsyncDynamicAPIClient::builder(config))
    }

    pub(crate) fn limiter(&self) -> &DynamicRateLimiter {
        self.0.limiter()
    }

    pub(crate) fn request<M>(&self, method: M, path: impl AsRef<str>) -> RequestBuilder
    where
        Method: TryFrom<M>,
    {
        RequestBuilder(self.0.request(method, path))
    }

    pub(crate) fn get(&self, path: impl AsRef<str>) -> RequestBuilder {
        RequestBuilder(self.0.get(path))
    }

    pub(crate) fn head(&self, path: impl AsRef<str>) -> RequestBuilder {
        RequestBuilder(self.0.head(path))
    }

    pub(crate) fn post(&self, path: impl AsRef<str>) -> RequestBuilder {
        RequestBuilder(self.0.post(path))
    }

    pub(crate) fn put(&self, path: impl AsRef<str>) -> RequestBuilder {
        RequestBuilder(self.0.put(path))
    }

    pub(crate) fn patch(&self, path: impl AsRef<str>) -> RequestBuilder {
        RequestBuilder(self.0.patch(path))
    }

    pub(crate) fn delete(&self, path: impl AsRef<str>) -> RequestBuilder {
        RequestBuilder(self.0.delete(path))
    }
}

impl RequestBuilder {
    same! {
        query(key: impl AsRef<str>, value: impl Display);
        query_opt(key: impl AsRef<str>, value: Option<impl Display>);
        header(name: impl AsRef<str>, value: impl AsRef<str>);
        bearer_auth(token: impl AsRef<str>);
        json(value: &(impl Serialize + ?Sized));
        body(bytes: impl Into<Vec<u8>>);
        idempotent(idempotent: bool);
        idempotency_key(key: impl AsRef<str>);
        cost(tokens: u32);
        timeout(timeout: Duration);
        deadline(deadline: Duration);
    }

    pub(crate) fn form<K: AsRef<str>, V: Display>(self, fields: &[(K, V)]) -> Self {
        Self(self.0.form(fields))
    }

    pub(crate) fn send(self) -> Result<Response> {
        wait(self.0.send()).map(Response)
    }

    pub(crate) fn pages(self) -> Pages {
        Pages(self.0.pages())
    }

    pub(crate) fn pages_by(self, pagination: Pagination) -> Pages {
        Pages(self.0.pages_by(pagination))
    }
}

impl Response {
    pub(crate) fn status(&self) -> StatusCode {
        self.0.status()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.0.header(name)
    }

    pub(crate) fn attempts(&self) -> u32 {
        self.0.attempts()
    }

    pub(crate) fn waited(&self) -> Duration {
        self.0.waited()
    }

    pub(crate) fn error_for_status(self) -> Result<Self> {
        wait(self.0.error_for_status()).map(Self)
    }

    pub(crate) fn text(self) -> Result<String> {
        wait(self.0.text())
    }

    pub(crate) fn json<T: DeserializeOwned + Send>(self) -> Result<T> {
        wait(self.0.json())
    }

    pub(crate) fn bytes(self) -> Result<Vec<u8>> {
        wait(self.0.bytes())
    }

    /// Reader over [`AsyncResponse::chunk`].
    pub(crate) fn into_reader(self) -> BodyReader {
        BodyReader {
            answer: self.0,
            piece: Vec::new(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct BodyReader {
    answer: AsyncResponse,
    piece: Vec<u8>,
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.piece.is_empty() {
            let piece = wait(self.answer.chunk()).map_err(|error| match error {
                error if error.is_timeout() => io::Error::new(io::ErrorKind::TimedOut, error),
                error => io::Error::other(error),
            })?;
            self.piece = piece.unwrap_or_default();
        }
        let length = self.piece.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.piece[..length]);
        self.piece.drain(..length);
        Ok(length)
    }
}

impl Pages {
    same! {
        items_at(place: impl Into<FieldPath>);
        resume_from(position: Position);
    }

    pub(crate) fn position(&self) -> Position {
        self.0.position()
    }

    pub(crate) fn items<T: DeserializeOwned>(self) -> Items<T> {
        Items(self.0.items())
    }
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        run(self.0.next())
    }
}

impl<T> Items<T> {
    pub(crate) fn position(&self) -> Position {
        self.0.position()
    }
}

impl<T: DeserializeOwned + Send> Iterator for Items<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        run(self.0.next())
    }
}
