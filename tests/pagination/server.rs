//! A scripted server of collections that can refuse requests and cut its connections.

#[allow(dead_code, reason = "these tests use only a part")]
#[path = "../common/server.rs"]
mod scripted;

use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use scripted::After;

/// A received request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// The server's own address, for links.
    pub(crate) origin: String,
}

impl Request {
    /// Returns a parameter of the query.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        let found: Vec<_> = self.query.iter().filter(|(key, _)| key == name).collect();
        assert!(found.len() <= 1, "{name} is given twice");
        found.first().map(|(_, value)| value.as_str())
    }

    /// Returns a parameter of the query as a number.
    pub(crate) fn number(&self, name: &str) -> Option<usize> {
        self.param(name)
            .map(|value| value.parse().expect("a number"))
    }

    /// Returns the JSON body.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }
}

/// A response: additional header lines and a body.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) headers: String,
    pub(crate) body: String,
}

impl From<Value> for Answer {
    fn from(body: Value) -> Self {
        Self {
            headers: String::new(),
            body: body.to_string(),
        }
    }
}

/// Outcome of a response.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fate {
    Sent,
    Refused,
    CutBefore,
    CutInBody,
}

/// Cuts two of a hundred responses, each in another way, and refuses one of twenty requests.
pub(crate) fn rough(number: usize) -> Fate {
    match number % 100 {
        13 => Fate::CutBefore,
        57 => Fate::CutInBody,
        _ if number % 20 == 9 => Fate::Refused,
        _ => Fate::Sent,
    }
}

/// Received requests with the outcome of each.
type Log = Arc<Mutex<Vec<(Request, Fate)>>>;

pub(crate) struct Server {
    server: scripted::Server,
    log: Log,
}

impl Server {
    /// Starts a server that sends every response.
    pub(crate) fn smooth<A: Into<Answer>>(
        answer: impl Fn(&Request) -> A + Send + Sync + 'static,
    ) -> Self {
        Self::of(|_| Fate::Sent, answer)
    }

    /// Starts a server. `fate` gets the number of each request, from 0, and decides its outcome.
    pub(crate) fn of<A: Into<Answer>>(
        fate: fn(usize) -> Fate,
        answer: impl Fn(&Request) -> A + Send + Sync + 'static,
    ) -> Self {
        let log = Log::default();
        let requests = Arc::clone(&log);
        let server = scripted::Server::of(move |_, request, stream| {
            let request = Request::read(request, stream)?;
            let fate = {
                let mut requests = requests.lock().expect("not poisoned");
                let fate = fate(requests.len());
                requests.push((request.clone(), fate));
                fate
            };
            send(stream, fate, || answer(&request).into())
        });
        Self { server, log }
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// Returns the received requests with the outcome of each.
    pub(crate) fn requests(&self) -> Vec<(Request, Fate)> {
        self.log.lock().expect("not poisoned").clone()
    }

    /// Counts requests with that outcome.
    pub(crate) fn count(&self, fate: Fate) -> usize {
        let requests = self.requests();
        requests.iter().filter(|(_, found)| *found == fate).count()
    }
}

impl Request {
    /// Splits the target of a request into path and parameters.
    fn read(request: &scripted::Request, stream: &TcpStream) -> io::Result<Self> {
        let (method, target) = request.line.split_once(' ').unwrap_or((&request.line, ""));
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query = query.split('&').filter(|pair| !pair.is_empty());
        let query = query.map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(key), decoded(value))
        });
        Ok(Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.collect(),
            body: request.body.clone(),
            origin: format!("http://{}", stream.local_addr()?),
        })
    }
}

/// Sends a response, or the refusal or cut that its outcome demands.
fn send(stream: &mut TcpStream, fate: Fate, answer: impl FnOnce() -> Answer) -> io::Result<After> {
    match fate {
        Fate::CutBefore => return Ok(After::Close),
        Fate::Refused => {
            stream.write_all(scripted::answer(429, "", "").as_bytes())?;
            return Ok(After::Keep);
        }
        Fate::Sent | Fate::CutInBody => {}
    }
    let Answer { headers, body } = answer();
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n{headers}\r\n"
    )?;
    if fate == Fate::CutInBody {
        stream.write_all(&body.as_bytes()[..length / 2])?;
        return Ok(After::Close);
    }
    stream.write_all(body.as_bytes())?;
    Ok(After::Keep)
}

/// Decodes percent-encoded text.
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut out = parts.next().unwrap_or("").as_bytes().to_vec();
    for part in parts {
        out.push(u8::from_str_radix(&part[..2], 16).expect("two hexadecimal digits"));
        out.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(out).expect("UTF-8")
}
