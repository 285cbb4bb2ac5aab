//! Plays a script with either front on a clock that jumps, and records the results.

use std::future::{Future, poll_fn};
use std::io::Write;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use api_ratelimiter::{
    AsyncDynamicAPIClient, Clock, DynamicAPIClient, DynamicRateLimiter, Error, Event, ManualClock,
    Observer,
};
use serde_json::Value;

use crate::script::{Call, Does, Script};
use crate::server::{self, After, Request, Server};

/// Record of a run, which must be equal for both fronts.
#[derive(Debug, PartialEq)]
pub(crate) struct Played {
    pub(crate) sent: Vec<Sent>,
    /// Requests to another origin.
    abroad: Vec<(String, Option<String>)>,
    pub(crate) results: Vec<String>,
    pub(crate) events: Vec<Value>,
    /// The deadlines of the calls.
    deadlines: Vec<u64>,
    ended: u64,
    snapshot: String,
}

/// One request.
#[derive(Debug, PartialEq)]
pub(crate) struct Sent {
    pub(crate) at: u64,
    line: String,
    pub(crate) token: Option<String>,
    /// Number of the idempotency key in the script; the keys themselves are random.
    pub(crate) key: Option<usize>,
}

/// Shortest rest of a deadline for a request. The transport watches the deadline in real time, so that a
/// shorter rest has a random result.
const LEFT_FOR_TRANSPORT: u64 = 500_000_000;

impl Played {
    /// Returns whether a request was sent just before its deadline.
    pub(crate) fn is_close(&self) -> bool {
        let times = || self.sent.iter().map(|sent| sent.at);
        let is_close = |end: u64| times().any(|at| (at..=at + LEFT_FOR_TRANSPORT).contains(&end));
        self.deadlines.iter().any(|end| is_close(*end))
    }
}

#[derive(Default)]
struct Recorder(Mutex<Vec<Value>>);

impl Observer for Recorder {
    fn on_event(&self, event: &Event) {
        let event = serde_json::to_value(event).expect("plain data");
        self.0.lock().expect("not poisoned").push(event);
    }
}

/// Server that plays the script and records requests with their times by `clock`.
fn server(script: &Script, clock: &ManualClock, abroad: u16) -> (Server, Arc<Mutex<Vec<u64>>>) {
    let times = Arc::new(Mutex::new(Vec::new()));
    let (noted, does, clock) = (Arc::clone(&times), script.does.clone(), clock.clone());
    let server = Server::of(move |number, _, stream| {
        noted
            .lock()
            .expect("not poisoned")
            .push(clock.now().as_nanos());
        // With idle connections, a cut between requests would depend on the transport.
        let answer = |status, headers: &str, body: &str| {
            server::answer(status, &format!("Connection: close\r\n{headers}"), body)
        };
        let text = match does.get(number) {
            None => answer(200, "", "body"),
            Some(Does::Answers {
                status,
                headers,
                body,
            }) => answer(*status, headers, body),
            Some(Does::SendsAbroad(status)) => {
                let location = format!("Location: http://localhost:{abroad}/there\r\n");
                answer(*status, &location, "")
            }
            Some(Does::Cuts) => String::new(),
            Some(Does::CutsInBody) => "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf".into(),
            Some(Does::Babbles) => "what?\r\n\r\n".into(),
        };
        stream.write_all(text.as_bytes())?;
        Ok(After::Close)
    });
    (server, times)
}

/// Applies the script's settings to a builder of either client. The builders have different types.
macro_rules! set {
    ($builder:expr, $script:expr, $limiter:expr, $answer:path) => {{
        let asked = AtomicU32::new(0);
        $builder
            .no_proxy()
            .limiter($limiter)
            .max_retries_on_backoff(4)
            .retry_transport($script.retry_transport)
            .bearer_auth_with(move |_| {
                let number = asked.fetch_add(1, Ordering::SeqCst);
                $answer(Ok::<_, Error>(format!("token-{number}")))
            })
    }};
}

/// Applies the settings of a call to a request of either client.
macro_rules! put {
    ($request:expr, $call:expr) => {{
        let mut request = $request.cost($call.cost).body("request");
        if let Some(deadline) = $call.deadline {
            request = request.deadline(deadline);
        }
        if let Some(key) = $call.idempotency_key {
            request = request.idempotency_key(key);
        }
        if $call.own_token {
            request = request.bearer_auth("own");
        }
        request
    }};
}

/// A client of either front.
trait Front {
    fn build(script: &Script, base_url: &str, limiter: DynamicRateLimiter) -> Self;
    /// Returns the call's outcome: status, number of requests, time waited.
    fn call(&self, call: &Call) -> Result<(u16, u32, Duration), Error>;
}

impl Front for DynamicAPIClient {
    fn build(script: &Script, base_url: &str, limiter: DynamicRateLimiter) -> Self {
        let builder = Self::builder(script.config(base_url));
        set!(builder, script, limiter, std::convert::identity)
            .build()
            .expect("valid")
    }

    fn call(&self, call: &Call) -> Result<(u16, u32, Duration), Error> {
        let request = put!(self.request(call.method.clone(), call.path), call);
        let answer = request.send()?;
        let told = (answer.status().as_u16(), answer.attempts(), answer.waited());
        answer.bytes().map(|_| told)
    }
}

impl Front for AsyncDynamicAPIClient {
    fn build(script: &Script, base_url: &str, limiter: DynamicRateLimiter) -> Self {
        let builder = Self::builder(script.config(base_url));
        set!(builder, script, limiter, std::future::ready)
            .build()
            .expect("valid")
    }

    fn call(&self, call: &Call) -> Result<(u16, u32, Duration), Error> {
        let request = put!(self.request(call.method.clone(), call.path), call);
        block_on(restless(self.limiter(), async {
            let answer = request.send().await?;
            let told = (answer.status().as_u16(), answer.attempts(), answer.waited());
            answer.bytes().await.map(|_| told)
        }))
    }
}

/// Runs the call as in a busy program: it is polled more often than it is woken, and while it waits, other
/// callers queue behind it and leave. This must not change anything.
async fn restless<T>(limiter: &DynamicRateLimiter, call: impl Future<Output = T>) -> T {
    let mut call = pin!(call);
    poll_fn(|context| {
        for _ in 0..2 {
            if let Poll::Ready(done) = call.as_mut().poll(context) {
                return Poll::Ready(done);
            }
            if limiter.snapshot().waiting == 1 {
                let cancelled = pin!(limiter.acquire_async()).poll(context);
                assert!(cancelled.is_pending(), "the call is before it");
            }
        }
        Poll::Pending
    })
    .await
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(future)
}

fn told(outcome: Result<(u16, u32, Duration), Error>) -> String {
    match outcome {
        Ok((status, attempts, waited)) => format!("{status} after {attempts}, waited {waited:?}"),
        // The texts of the transports differ, but the shown part contains the kind.
        Err(error) => format!("{error} / {:?}", error.retry_after()),
    }
}

fn key_of(request: &Request, seen: &mut Vec<String>) -> Option<usize> {
    let key = request.header("idempotency-key")?;
    let known = seen.iter().position(|known| *known == key);
    Some(known.unwrap_or_else(|| {
        seen.push(key);
        seen.len() - 1
    }))
}

/// Plays the script on a clock that jumps whenever this thread waits.
fn play<F: Front>(script: &Script) -> Played {
    let clock = ManualClock::auto();
    let abroad = Server::answers_and_closes([server::answer(200, "Connection: close\r\n", "")]);
    let (server, times) = server(script, &clock, abroad.port());
    let heard = Arc::new(Recorder::default());
    let base_url = format!("{}/v1", server.url());
    let limiter =
        DynamicRateLimiter::with_clock(&script.config(&base_url), Arc::new(clock.clone()))
            .expect("valid")
            .with_jitter_seed(script.seed);
    limiter.add_observer(heard.clone());
    let client = F::build(script, &base_url, limiter.clone());
    let joined = clock.join();
    let (mut deadlines, mut results) = (Vec::new(), Vec::new());
    for (number, call) in script.calls.iter().enumerate() {
        clock.advance(call.idle);
        if let Some(deadline) = call.deadline {
            deadlines.push((clock.now() + deadline).as_nanos());
        }
        if script.closes_before == Some(number) {
            limiter.close();
        }
        results.push(told(client.call(call)));
    }
    drop(joined);
    // Replace ports together with their hosts: times in events may have equal digits.
    let ports = [(server.port(), "home"), (abroad.port(), "abroad")];
    let anonymous = |text: &str| {
        ports.iter().fold(text.to_owned(), |text, (port, name)| {
            text.replace(&format!("127.0.0.1:{port}"), name)
                .replace(&format!("localhost:{port}"), name)
        })
    };
    let events = heard.0.lock().expect("not poisoned");
    let events = events.iter().map(|event| {
        let event = anonymous(&event.to_string());
        serde_json::from_str(&event).expect("still JSON")
    });
    let mut keys = Vec::new();
    let times = times.lock().expect("not poisoned").clone();
    let sent = server.requests().into_iter().zip(times);
    Played {
        sent: sent
            .map(|(request, at)| Sent {
                at,
                key: key_of(&request, &mut keys),
                token: request.header("authorization"),
                line: request.line,
            })
            .collect(),
        abroad: abroad
            .requests()
            .into_iter()
            .map(|request| (request.line.clone(), request.header("authorization")))
            .collect(),
        results: results.iter().map(|result| anonymous(result)).collect(),
        events: events.collect(),
        deadlines,
        ended: clock.now().as_nanos(),
        snapshot: format!("{:?}", limiter.snapshot()),
    }
}

pub(crate) fn blocking(script: &Script) -> Played {
    play::<DynamicAPIClient>(script)
}

pub(crate) fn asynchronous(script: &Script) -> Played {
    play::<AsyncDynamicAPIClient>(script)
}
