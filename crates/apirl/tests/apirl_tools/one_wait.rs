//! One wait: `apirl explain`, a client on real HTTP, its event and its error say one number for every vector.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use api_ratelimiter::{
    API_RATE_CONFIGS, ApiRateConfig, DialectConfig, DynamicAPIClient, Error, Event, ManualClock,
    Observer,
};
use serde_json::Value;

use crate::run::apirl_with;
use crate::vectors::vectors;

/// Serves the vector whose number is the path of the request, once for each connection.
fn serve(vectors: Arc<Vec<Value>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = respond(&stream, &vectors);
        }
    });
    format!("http://{address}")
}

fn respond(mut stream: &TcpStream, vectors: &[Value]) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next().expect("a request")?;
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let path = request.split(' ').nth(1).expect("a path");
    let vector = &vectors[path[1..].parse::<usize>().expect("a number")];
    let body = vector["body"].as_str().unwrap_or_default();
    write!(stream, "HTTP/1.1 {} Vector\r\n", vector["status"])?;
    for (name, value) in vector["headers"].as_object().expect("an object") {
        let one = std::slice::from_ref(value);
        for line in value.as_array().map_or(one, Vec::as_slice) {
            write!(stream, "{name}: {}\r\n", line.as_str().expect("text"))?;
        }
    }
    if body.starts_with(['{', '[']) {
        stream.write_all(b"Content-Type: application/json\r\n")?;
    }
    write!(
        stream,
        "Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Remembers the pause that was announced last: by a cut of the rate, or without one.
#[derive(Default)]
struct Pauses(Mutex<Option<Duration>>);

impl Observer for Pauses {
    fn on_event(&self, event: &Event) {
        if let Event::Cut { cooldown, .. } | Event::CooldownBegan { cooldown, .. } = event {
            *self.0.lock().expect("no panic") = Some(*cooldown);
        }
    }
}

/// What a client does with a vector.
struct Reaction {
    is_refusal: bool,
    /// The pause of the limiter, from now.
    pause: Option<Duration>,
    /// The pause that the event says.
    told: Option<Duration>,
    error: Option<Error>,
}

fn react(url: &str, number: usize, vector: &Value) -> Reaction {
    let profile = vector["profile"].as_str().expect("a name");
    let preset = API_RATE_CONFIGS.get(profile);
    let preset = preset.map(|preset| ApiRateConfig::clone(&preset));
    let config = ApiRateConfig {
        base_url: url.to_owned(),
        limits: Vec::new(),
        scopes: Vec::new(),
        ..preset.unwrap_or_else(|| ApiRateConfig {
            dialect: DialectConfig::default().profile(profile),
            ..ApiRateConfig::default()
        })
    };
    let clock = ManualClock::new();
    let unix_now = Duration::from_secs_f64(vector["now_unix"].as_f64().expect("a time"));
    clock.set_unix_now(unix_now);
    let client = DynamicAPIClient::builder(config)
        .no_proxy()
        .clock(Arc::new(clock))
        .max_retries_on_backoff(0)
        .build()
        .expect("valid");
    let pauses = Arc::new(Pauses::default());
    client.limiter().add_observer(pauses.clone());
    let result = client.get(format!("/{number}")).send();
    let error = result.and_then(|response| response.error_for_status().map(drop));
    let snapshot = client.limiter().snapshot();
    let until = snapshot.cooldown_until;
    let until = until.map(|until| until.duration_since(UNIX_EPOCH).expect("after 1970"));
    Reaction {
        is_refusal: snapshot.backed_off > 0,
        pause: until.map(|until| until.saturating_sub(unix_now)),
        told: *pauses.0.lock().expect("no panic"),
        error: error.err(),
    }
}

/// Returns the seconds that a duration has, rounded to a microsecond.
fn seconds(duration: Option<Duration>) -> f64 {
    duration.map_or(0.0, |duration| (duration.as_secs_f64() * 1e6).round() / 1e6)
}

/// Whether a pause is the wait with a jitter of at most a tenth on top, or a resolution of the wall clock less.
fn is_wait(pause: Option<Duration>, wait: f64) -> bool {
    let pause = seconds(pause);
    (wait - 1e-3..=wait * 1.1 + 1e-3).contains(&pause)
}

#[test]
fn explanation_client_event_and_error_have_one_wait() {
    // A redirect leads to another response.
    let is_last =
        |vector: &Value| !(300..400).contains(&vector["status"].as_u64().expect("a status"));
    let vectors: Vec<Value> = vectors().into_iter().filter(is_last).collect();
    let vectors = Arc::new(vectors);
    let url = serve(vectors.clone());
    let input: String = vectors.iter().map(|vector| format!("{vector}\n")).collect();
    let run = apirl_with(&["explain", "--json-lines"], input.as_bytes());
    let explained: Vec<Value> = run
        .out
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect();
    assert_eq!(explained.len(), vectors.len());
    let (mut refusals, mut failing) = (0, Vec::new());
    for (number, (vector, explained)) in vectors.iter().zip(&explained).enumerate() {
        let reaction = react(&url, number, vector);
        // Zero is no hint: the vendor's documented minimum counts then.
        let wait = explained["wait_s"].as_f64().filter(|wait| *wait > 0.0);
        let asked = wait.or_else(|| explained["least_wait_s"].as_f64());
        let said = seconds(reaction.error.as_ref().and_then(Error::retry_after));
        let agrees = match asked {
            Some(asked) if reaction.is_refusal => {
                refusals += 1;
                is_wait(reaction.pause, asked)
                    && is_wait(reaction.told, asked)
                    && (said - asked).abs() < 1e-6
            }
            None if reaction.is_refusal => said == 0.0,
            // A success pauses only for a limit of which nothing is left.
            asked => {
                let pause = reaction.pause.filter(|pause| !pause.is_zero());
                let wait = wait.unwrap_or(0.0);
                let has_said = reaction.error.is_none() || (said - wait).abs() < 1e-6;
                has_said && pause.is_none_or(|pause| is_wait(Some(pause), asked.unwrap_or(0.0)))
            }
        };
        if !agrees {
            let Reaction { pause, told, .. } = reaction;
            let id = &vector["id"];
            failing.push(format!(
                "{id}: explained {asked:?}, paused {pause:?}, told {told:?}, said {said}"
            ));
        }
    }
    assert!(failing.is_empty(), "{}", failing.join("\n"));
    assert!(refusals > 70, "only {refusals} refusals");
}
