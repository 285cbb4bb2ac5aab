//! Benchmark with processes, a Redis server and the simulated API over HTTP.

use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use api_ratelimiter::{ApiRateConfig, DynamicAPIClient, Fleet};
use api_ratelimiter_simulator::{Limit, SimulatedApi};

const LIMITS: [u32; 2] = [20, 400];
const PROCESSES: [usize; 3] = [1, 4, 16];

/// Round trip of the API.
const TRIP: Duration = Duration::from_millis(100);

/// Time before the measurement, in which the limit is learned.
const WARM_UP: Duration = Duration::from_secs(20);

/// Callers per request per second of the limit, in all processes together.
const CALLERS: f64 = 0.3;

/// A Redis server of the benchmark, stopped when dropped.
struct Store {
    child: Child,
    url: String,
    folder: PathBuf,
}

impl Store {
    /// Starts a server. Returns `None` if none is installed.
    fn start() -> Option<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let folder = std::env::temp_dir().join(format!("fleet-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let program = |name: &str| {
            Command::new(name)
                .args([
                    "--save",
                    "",
                    "--appendonly",
                    "no",
                    "--bind",
                    "127.0.0.1",
                    "--port",
                ])
                .arg(port.to_string())
                .arg("--dir")
                .arg(&folder)
                .stdout(Stdio::null())
                .spawn()
                .ok()
        };
        let child = program("redis-server").or_else(|| program("valkey-server"))?;
        let url = format!("redis://127.0.0.1:{port}");
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            thread::sleep(Duration::from_millis(20));
        }
        Some(Self { child, url, folder })
    }

    /// Returns the number of visits so far. Each visit is one call of the script.
    fn visits(&self) -> u64 {
        let client = redis::Client::open(self.url.as_str()).expect("an address");
        let mut connection = client.get_connection().expect("a running server");
        let mut command = redis::cmd("INFO");
        let stats: String = command
            .arg("commandstats")
            .query(&mut connection)
            .expect("figures");
        let calls = |line: &str| {
            let rest = line.strip_prefix("cmdstat_evalsha:calls=")?;
            rest.split(',').next()?.parse().ok()
        };
        stats.lines().find_map(calls).unwrap_or(0)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Prints the table. Each row is measured for `judged`.
pub(crate) fn table(judged: Duration) {
    let Some(store) = Store::start() else {
        println!("SKIPPED: neither redis-server nor valkey-server is installed");
        return;
    };
    println!(
        "token bucket, burst as much as comes in 2 s; round trips of {TRIP:?}; judged for {judged:?} after {WARM_UP:?}"
    );
    println!(
        "| processes | limit/s | of the limit | refused % | Jain | store op/s | op per grant |"
    );
    println!("|---|---|---|---|---|---|---|");
    for limit in LIMITS {
        for processes in PROCESSES {
            println!("{}", row(&store, processes, limit, judged));
        }
    }
}

/// Runs one row and returns its line.
fn row(store: &Store, processes: usize, per_second: u32, judged: Duration) -> String {
    let limit: Limit = format!("token-bucket:{per_second}/s,burst={}", 2 * per_second)
        .parse()
        .expect("a limit");
    let api = SimulatedApi::builder().limit(limit).round_trip(TRIP);
    let api = api.start().expect("a port");
    let from = unix_now() + WARM_UP;
    let until = from + judged;
    let callers = (CALLERS * f64::from(per_second) / processes as f64)
        .ceil()
        .max(2.0);
    let key = format!("{processes}/{per_second}");
    // Start the worker processes.
    let workers: Vec<Child> = (0..processes)
        .map(|_| {
            Command::new(std::env::current_exe().expect("this program"))
                .args(["--worker", &api.base_url(), &store.url, &key])
                .args([
                    callers.to_string(),
                    from.as_millis().to_string(),
                    until.as_millis().to_string(),
                ])
                .stdout(Stdio::piped())
                .spawn()
                .expect("a process")
        })
        .collect();
    // Measure from `from` to `until`.
    thread::sleep(from.saturating_sub(unix_now()));
    let (first, visits) = (api.stats(), store.visits());
    thread::sleep(until.saturating_sub(unix_now()));
    let (last, visits) = (api.stats(), store.visits() - visits);
    let got: Vec<f64> = workers.into_iter().map(result_of).collect();
    let (accepted, refused) = (last.accepted - first.accepted, last.refused - first.refused);
    let (sum, squares) = (
        got.iter().sum::<f64>(),
        got.iter().map(|it| it * it).sum::<f64>(),
    );
    format!(
        "| {processes} | {per_second} | {:.1}% | {:.2} | {:.3} | {:.0} | {:.2} |",
        100.0 * accepted as f64 / (f64::from(per_second) * judged.as_secs_f64()),
        100.0 * refused as f64 / (accepted + refused).max(1) as f64,
        sum * sum / (processes as f64 * squares),
        visits as f64 / judged.as_secs_f64(),
        visits as f64 / accepted.max(1) as f64
    )
}

/// Returns the number of successful requests that a worker printed.
fn result_of(mut worker: Child) -> f64 {
    let mut text = String::new();
    let out = worker.stdout.as_mut().expect("a pipe");
    out.read_to_string(&mut text).expect("its figure");
    worker.wait().expect("it ends");
    text.trim().parse().expect("a number")
}

/// Returns the time since 1970.
fn unix_now() -> Duration {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("after 1970")
}

/// Runs one worker process, whose callers always have more requests. Prints the number of requests that
/// succeeded in the measured time.
pub(crate) fn worker(args: &[String]) {
    let [base_url, store, key, callers, from, until] = args else {
        panic!("only the benchmark starts workers");
    };
    let number = |text: &String| text.parse().expect("a number");
    let [from, until] = [from, until].map(|text| Duration::from_millis(number(text)));
    let config = ApiRateConfig {
        name: "fleet".into(),
        base_url: base_url.clone(),
        initial_rate: 10.0,
        max_rate: 10_000.0,
        ..Default::default()
    };
    let client = DynamicAPIClient::builder(config)
        .fleet(Fleet::redis(store, key).expect("an address"))
        .no_proxy()
        .build()
        .expect("valid");
    let got = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..number(callers) {
            let (client, got) = (client.clone(), &got);
            scope.spawn(move || {
                while unix_now() < until {
                    let response = client.get("/pages/1").send();
                    let now = unix_now();
                    let is_good = response.is_ok_and(|response| response.bytes().is_ok());
                    if is_good && (from..until).contains(&now) {
                        got.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    println!("{}", got.into_inner());
}
