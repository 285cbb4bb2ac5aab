//! Fleets of processes with faults: killed workers, and a store that is unavailable, slow or emptied.
//!
//! Each journey runs several `apirl fetch` on a hidden limit: the surviving workers write each of their lines once,
//! and never stall. Rates and refusals are printed, for a quiet machine; tests in virtual time (`simulator::world`)
//! assert them.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use api_ratelimiter::Fleet;
use api_ratelimiter_simulator::{Limit, SimulatedApi};
use serde_json::Value;

use crate::redis_server::{RedisServer, signal, soon};

/// Limit of the API, per second.
const ALLOWED: f64 = 40.0;

/// Rate of a single worker, so low that the whole fleet starts below the limit.
const RATES: [&str; 4] = ["--initial-rate", "20", "--max-rate", "400"];

const KEY: &str = "api/credential";

/// Time before a fault, in which the limit is learned.
const WARM: Duration = Duration::from_secs(20);

/// Time after a fault until the limit must be kept again.
const AFTERWARDS: Duration = Duration::from_secs(10);

/// Last part of a journey, in which the limit must be kept.
const CALM: Duration = Duration::from_secs(15);

/// Maximum time without a response. An outage takes a moment on a quiet machine, a stall all of the remaining time.
const STANDSTILL: Duration = Duration::from_secs(15);

/// Number of lines of input, more than a worker does in a journey.
const LINES: usize = 6_000;

/// Maximum number of requests of a worker that are in flight or wait.
const CONCURRENCY: usize = 8;

/// A worker: a process with its input and its output.
struct Worker {
    child: Child,
    folder: PathBuf,
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Worker {
    fn start(name: &str, base_url: &str, store: &str, environment: &[(&str, String)]) -> Self {
        Self::start_at(name, base_url, store, environment, &RATES)
    }

    fn start_at(
        name: &str,
        base_url: &str,
        store: &str,
        environment: &[(&str, String)],
        rates: &[&str],
    ) -> Self {
        let folder = format!("apirl-fleet-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        fs::create_dir_all(&folder).expect("a folder");
        let ids: String = (1..=LINES).map(|id| format!("{name}-{id}\n")).collect();
        fs::write(folder.join("ids"), ids).expect("written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_apirl"));
        command
            .args(["fetch", "--base-url", base_url, "--path", "/pages/{}"])
            .args(["--fleet", store, "--fleet-key", KEY])
            .args(rates)
            .arg("--input")
            .arg(folder.join("ids"))
            .arg("--output")
            .arg(folder.join("pages"))
            .envs(environment.iter().map(|(name, value)| (*name, value)))
            .env("NO_PROXY", "127.0.0.1")
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.join("told")).expect("a file"));
        let child = command.spawn().expect("it runs");
        Self { child, folder }
    }

    fn told(&self) -> String {
        fs::read_to_string(self.folder.join("told")).unwrap_or_default()
    }

    /// Interrupts the worker, lets its requests finish, and checks that each line up to there was written once. Returns
    /// the number of lines.
    fn finish(mut self) -> usize {
        signal("-INT", self.child.id());
        let status = self.child.wait().expect("it ends");
        assert_eq!(status.code(), Some(130), "{}", self.told());
        self.lines()
    }

    /// Returns the number of lines of the output so far.
    fn written(&self) -> usize {
        let text = fs::read_to_string(self.folder.join("pages"));
        text.map_or(0, |text| text.lines().count())
    }

    fn lines(&self) -> usize {
        let text = fs::read_to_string(self.folder.join("pages")).expect("an output");
        let lines = text.lines().map(|line| {
            let line: Value = serde_json::from_str(line).expect("JSON");
            assert_eq!(line["status"], 200, "{line}");
            line["n"].as_u64().expect("n") as usize
        });
        let mut lines: Vec<usize> = lines.collect();
        let brought = lines.len();
        lines.sort_unstable();
        lines.dedup();
        assert_eq!(lines.len(), brought, "a line is doubled");
        // Lines that waited for their permit at the interrupt are left for another run.
        let last = lines.last().copied().unwrap_or(0);
        let missing: Vec<usize> = (1..=last)
            .filter(|n| lines.binary_search(n).is_err())
            .collect();
        assert!(
            missing.iter().all(|n| n + 4 * CONCURRENCY > last),
            "lost: {missing:?} of {last}"
        );
        brought
    }
}

/// Counts of the API, every tenth of a second.
struct Watch {
    api: Arc<SimulatedApi>,
    began: Instant,
    is_over: Arc<AtomicBool>,
    thread: thread::JoinHandle<Vec<(Duration, u64, u64)>>,
}

/// Time, accepted requests, and refused requests of each sample.
struct Counts(Vec<(Duration, u64, u64)>);

impl Watch {
    fn start(api: &Arc<SimulatedApi>) -> Self {
        let (api, is_over, began) = (
            Arc::clone(api),
            Arc::new(AtomicBool::new(false)),
            Instant::now(),
        );
        let (watched, over) = (Arc::clone(&api), Arc::clone(&is_over));
        let thread = thread::spawn(move || {
            let mut counts = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let stats = watched.stats();
                counts.push((began.elapsed(), stats.accepted, stats.refused));
                thread::sleep(Duration::from_millis(100));
            }
            counts
        });
        Self {
            api,
            began,
            is_over,
            thread,
        }
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn end(self) -> Counts {
        self.is_over.store(true, Ordering::Relaxed);
        assert_eq!(
            self.api.stats().served_twice,
            0,
            "a request was served twice"
        );
        Counts(self.thread.join().expect("no panic"))
    }
}

impl Counts {
    fn at(&self, time: Duration) -> (u64, u64) {
        let before = self.0.iter().take_while(|(at, ..)| *at <= time).last();
        before.map_or((0, 0), |(_, accepted, refused)| (*accepted, *refused))
    }

    /// Returns the accepted requests per second, and the percentage of refused ones.
    fn between(&self, from: Duration, to: Duration) -> (f64, f64) {
        let (first, last) = (self.at(from), self.at(to));
        let (accepted, refused) = (last.0 - first.0, last.1 - first.1);
        let percent = 100.0 * refused as f64 / (accepted + refused).max(1) as f64;
        (accepted as f64 / (to - from).as_secs_f64(), percent)
    }

    /// Returns the longest time without a response.
    fn longest_standstill(&self, from: Duration, to: Duration) -> Duration {
        let (mut longest, mut since, mut last) = (Duration::ZERO, from, self.at(from).0);
        for (at, accepted, _) in self.0.iter().filter(|(at, ..)| (from..=to).contains(at)) {
            if *accepted > last {
                (since, last) = (*at, *accepted);
            }
            longest = longest.max(*at - since);
        }
        longest
    }
}

/// A fault: how it begins, lasts and ends.
struct Journey<'a> {
    name: &'a str,
    workers: usize,
    lasts: Duration,
    /// Whether the workers lose the store, reach it again, and report both.
    is_lost: bool,
}

/// Runs a journey: the workers learn the limit, then `fault` happens.
fn run(
    journey: &Journey<'_>,
    store: &str,
    environment: impl Fn(usize) -> Vec<(&'static str, String)>,
    fault: impl FnOnce(&mut Vec<Worker>, &str),
) {
    let limit = Limit::parse(&format!("token-bucket:{ALLOWED}/s,burst=40")).expect("a limit");
    let api = SimulatedApi::builder()
        .limit(limit)
        .round_trip(Duration::from_millis(20));
    let api = Arc::new(api.start().expect("an API"));
    let url = api.base_url();
    let watch = Watch::start(&api);
    let name = |number: usize| format!("{}-{number}", journey.name.replace(' ', "-"));
    let mut workers: Vec<Worker> = (0..journey.workers)
        .map(|number| Worker::start(&name(number), &url, store, &environment(number)))
        .collect();
    thread::sleep(WARM.saturating_sub(watch.now()));
    let begins = watch.now();
    let ends = begins + journey.lasts;
    fault(&mut workers, &url);
    thread::sleep(ends.saturating_sub(watch.now()));
    thread::sleep((ends + AFTERWARDS + CALM).saturating_sub(watch.now()));
    let over = watch.now();
    if journey.is_lost {
        for worker in &workers {
            let told = worker.told();
            let times = |words| told.matches(words).count();
            let (lost, found) = (
                times("can't be reached: continuing"),
                times(" is reachable again."),
            );
            // On a busy machine another response of the store may be too late.
            assert!(found > 0 && found <= lost && lost <= found + 1, "{told}");
        }
    }
    let brought: Vec<usize> = workers.into_iter().map(Worker::finish).collect();
    let counts = watch.end();
    let before = counts.between(begins / 2, begins);
    let during = counts.between(begins, ends + AFTERWARDS);
    let after = counts.between(ends + AFTERWARDS, over);
    let longest = counts.longest_standstill(begins, over);
    // Write to stderr directly, because the harness shows printed lines of failed tests only.
    writeln!(
        io::stderr().lock(),
        "fleet, {}: {:.1}/s of {ALLOWED}/s before ({:.2}% refused), {:.1}/s while it lasted and 10 s longer ({:.2}%), \
         {:.1}/s afterwards ({:.2}%); longest standstill {longest:.1?}; lines {brought:?}",
        journey.name, before.0, before.1, during.0, during.1, after.0, after.1
    )
    .expect("stderr is open");
    assert!(
        longest < STANDSTILL,
        "{}: a stall of {longest:?}",
        journey.name
    );
}

fn none(_: usize) -> Vec<(&'static str, String)> {
    Vec::new()
}

/// Waits until the store has that number of workers.
fn counts(url: &str, workers: u32) {
    let fleet = Fleet::redis(url, KEY).expect("an address");
    soon("the store knows of all workers", || {
        let status = fleet.status().ok().flatten();
        status.map_or(0, |status| status.workers) == workers
    });
}

#[test]
#[ignore = "full size; needs redis-server"]
fn fleet_half_of_the_workers_are_killed() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let journey = Journey {
        name: "half of 6 workers killed",
        workers: 6,
        lasts: Duration::ZERO,
        is_lost: false,
    };
    run(&journey, &server.url(), none, |workers, _| {
        counts(&server.url(), 6);
        for worker in workers.drain(..3) {
            // Dropping a worker kills it by SIGKILL. Its output is complete except for the last line.
            drop(worker);
        }
    });
}

#[test]
#[ignore = "full size; needs redis-server"]
fn fleet_the_store_hangs_for_ten_seconds() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let lasts = Duration::from_secs(10);
    let journey = Journey {
        name: "store stopped for 10 s",
        workers: 4,
        lasts,
        is_lost: true,
    };
    run(&journey, &server.url(), none, |_, _| {
        server.stop();
        thread::sleep(lasts);
        server.go_on();
    });
}

#[test]
#[ignore = "full size; needs redis-server"]
fn fleet_the_store_is_restarted_empty() {
    let Some(mut server) = RedisServer::start() else {
        return;
    };
    let url = server.url();
    let journey = Journey {
        name: "store restarted empty",
        workers: 4,
        lasts: Duration::ZERO,
        is_lost: false,
    };
    run(&journey, &url, none, |_, _| server.restart());
    counts(&url, 4);
}

#[test]
#[ignore = "full size; needs redis-server"]
fn fleet_the_connection_to_the_store_has_a_delay_of_200_ms() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let way = Way::to(server.port);
    let lasts = Duration::from_secs(15);
    let journey = Journey {
        name: "200 ms before the store for 15 s",
        workers: 4,
        lasts,
        is_lost: true,
    };
    run(&journey, &way.url(), none, |_, _| {
        way.delay.store(200, Ordering::Relaxed);
        thread::sleep(lasts);
        way.delay.store(0, Ordering::Relaxed);
    });
}

#[test]
#[ignore = "full size; needs redis-server and faketime"]
fn fleet_the_wall_clock_of_a_worker_is_an_hour_off() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let Some(library) = faketime() else {
        println!("SKIPPED: libfaketime is not installed");
        return;
    };
    let journey = Journey {
        name: "a wall clock an hour ahead, one behind",
        workers: 4,
        lasts: Duration::ZERO,
        is_lost: false,
    };
    let environment = |number: usize| match number {
        0 | 1 => vec![
            ("LD_PRELOAD", library.clone()),
            (
                "FAKETIME",
                if number == 0 { "+1h" } else { "-1h" }.to_owned(),
            ),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ],
        _ => Vec::new(),
    };
    run(&journey, &server.url(), environment, |_, _| {});
}

#[test]
#[ignore = "full size; needs redis-server"]
fn fleet_workers_join_late() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let journey = Journey {
        name: "3 workers join 3",
        workers: 3,
        lasts: Duration::ZERO,
        is_lost: false,
    };
    run(&journey, &server.url(), none, |workers, base_url| {
        for number in 0..3 {
            workers.push(Worker::start(
                &format!("late-{number}"),
                base_url,
                &server.url(),
                &[],
            ));
        }
    });
    counts(&server.url(), 6);
}

#[test]
#[ignore = "full size; needs redis-server"]
fn fleet_two_limits_under_one_key_are_refused() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let api = SimulatedApi::builder().start().expect("an API");
    let first = Worker::start("first", &api.base_url(), &server.url(), &[]);
    counts(&server.url(), 1);
    let rates = ["--initial-rate", "20", "--max-rate", "500"];
    let mut second = Worker::start_at("second", &api.base_url(), &server.url(), &[], &rates);
    let status = second.child.wait().expect("it ends");
    assert_eq!(status.code(), Some(2), "{}", second.told());
    let told = second.told();
    assert!(
        told.contains("workers with other settings share this key"),
        "{told}"
    );
    // A worker that starts while the store is unavailable meets the others later.
    server.stop();
    let mut third = Worker::start_at("third", &api.base_url(), &server.url(), &[], &rates);
    soon("the third goes on alone", || {
        third.told().contains("can't be reached")
    });
    server.go_on();
    let status = third.child.wait().expect("it ends");
    let told = third.told();
    assert_eq!(status.code(), Some(1), "{told}");
    assert!(
        told.contains("the fleet grants no requests: workers with other settings"),
        "{told}"
    );
    assert!(told.contains("--resume"), "{told}");
    third.lines();
    let before = first.written();
    soon("the first goes on", || first.written() > before);
    first.finish();
}

/// Path of the library of Debian's `faketime`.
fn faketime() -> Option<String> {
    let folders = fs::read_dir("/usr/lib").ok()?;
    let mut libraries = folders
        .flatten()
        .map(|folder| folder.path().join("faketime/libfaketime.so.1"));
    let found = libraries.find(|library: &PathBuf| Path::exists(library))?;
    found.to_str().map(str::to_owned)
}

/// A proxy to the store that delays everything.
struct Way {
    port: u16,
    delay: Arc<AtomicU64>,
}

impl Way {
    fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let own = listener.local_addr().expect("an address").port();
        let delay = Arc::new(AtomicU64::new(0));
        let delays = Arc::clone(&delay);
        // The thread ends with the process, and its connections end with their peers.
        thread::spawn(move || {
            for there in listener.incoming().flatten() {
                let Ok(here) = TcpStream::connect(("127.0.0.1", port)) else {
                    continue;
                };
                for (mut from, mut to) in [(twin(&there), twin(&here)), (twin(&here), twin(&there))]
                {
                    let delay = Arc::clone(&delays);
                    thread::spawn(move || carry(&mut from, &mut to, &delay));
                }
            }
        });
        Self { port: own, delay }
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

fn twin(stream: &TcpStream) -> TcpStream {
    stream.set_nodelay(true).expect("a socket");
    stream.try_clone().expect("a socket")
}

/// Copies bytes in one direction with half of the delay.
fn carry(from: &mut TcpStream, to: &mut TcpStream, delay: &AtomicU64) {
    let mut bytes = [0; 65_536];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        thread::sleep(Duration::from_millis(delay.load(Ordering::Relaxed) / 2));
        if to.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Both);
}
