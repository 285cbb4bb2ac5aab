//! A scripted HTTP server on raw sockets that can refuse, and cut its connections.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// Nobody waits longer than this for the other side.
const PATIENCE: Duration = Duration::from_secs(20);

/// A request as it arrived.
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
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        let found: Vec<_> = self.query.iter().filter(|(key, _)| key == name).collect();
        assert!(found.len() <= 1, "{name} is said once at most");
        found.first().map(|(_, value)| value.as_str())
    }

    pub(crate) fn number(&self, name: &str) -> Option<usize> {
        self.param(name)
            .map(|value| value.parse().expect("a number"))
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }
}

/// What is sent back: further header lines, and a body.
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

/// What becomes of an answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fate {
    Sent,
    Refused,
    CutBefore,
    CutInBody,
}

/// Two of a hundred answers are cut, each in another way; one of twenty requests is refused.
pub(crate) fn rough(number: usize) -> Fate {
    match number % 100 {
        13 => Fate::CutBefore,
        57 => Fate::CutInBody,
        _ if number % 20 == 9 => Fate::Refused,
        _ => Fate::Sent,
    }
}

#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<(Request, Fate)>>,
    stopped: AtomicBool,
}

pub(crate) struct Server {
    address: SocketAddr,
    seen: Arc<Seen>,
}

impl Server {
    pub(crate) fn smooth<A: Into<Answer>>(
        answer: impl Fn(&Request) -> A + Send + Sync + 'static,
    ) -> Self {
        Self::of(|_| Fate::Sent, answer)
    }

    /// `fate` gets the number of each request, from 0.
    pub(crate) fn of<A: Into<Answer>>(
        fate: fn(usize) -> Fate,
        answer: impl Fn(&Request) -> A + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let address = listener.local_addr().expect("it has an address");
        let seen = Arc::<Seen>::default();
        let noted = Arc::clone(&seen);
        let answer = Arc::new(answer);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if noted.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(mut stream) = stream else { continue };
                let (noted, answer) = (Arc::clone(&noted), Arc::clone(&answer));
                thread::spawn(move || {
                    let origin = format!("http://{address}");
                    let mut next = || serve(&mut stream, &origin, &noted, fate, &*answer);
                    while let Ok(true) = next() {}
                });
            }
        });
        Self { address, seen }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests that came, with what became of their answers.
    pub(crate) fn requests(&self) -> Vec<(Request, Fate)> {
        self.seen.requests.lock().expect("not poisoned").clone()
    }

    pub(crate) fn count(&self, fate: Fate) -> usize {
        let requests = self.requests();
        requests.iter().filter(|(_, found)| *found == fate).count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.seen.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
    }
}

/// One request of a connection; whether the connection stays open.
fn serve<A: Into<Answer>>(
    stream: &mut TcpStream,
    origin: &str,
    seen: &Seen,
    fate: fn(usize) -> Fate,
    answer: &impl Fn(&Request) -> A,
) -> io::Result<bool> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let Some(request) = read(stream, origin)? else {
        return Ok(false);
    };
    let fate = {
        let mut requests = seen.requests.lock().expect("not poisoned");
        let fate = fate(requests.len());
        requests.push((request.clone(), fate));
        fate
    };
    if fate == Fate::CutBefore {
        return Ok(false);
    }
    if fate == Fate::Refused {
        stream.write_all(b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n")?;
        return Ok(true);
    }
    let Answer { headers, body } = answer(&request).into();
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n{headers}\r\n"
    )?;
    if fate == Fate::CutInBody {
        stream.write_all(&body.as_bytes()[..length / 2])?;
        return Ok(false);
    }
    stream.write_all(body.as_bytes())?;
    Ok(true)
}

fn read(stream: &mut TcpStream, origin: &str) -> io::Result<Option<Request>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte)? == 0 {
            return Ok(None);
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut words = head.split_whitespace();
    let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.trim().parse().expect("a length"));
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let query = query.split('&').filter(|pair| !pair.is_empty());
    let query = query.map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(key), decoded(value))
    });
    Ok(Some(Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.collect(),
        body,
        origin: origin.to_owned(),
    }))
}

fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut out = parts.next().unwrap_or("").as_bytes().to_vec();
    for part in parts {
        out.push(u8::from_str_radix(&part[..2], 16).expect("two hexadecimal digits"));
        out.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(out).expect("UTF-8")
}
