//! Speed and size compared with other crates: `cargo bench --manifest-path benches/peers/Cargo.toml`.
//!
//! Ratios come from interleaved rounds and are also valid on a busy machine; nanoseconds are not.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use api_ratelimiter::{
    ApiRateConfig, BucketConfig, DynamicAPIClient, DynamicRateLimiter, TryAcquire,
};
use peers::{
    Contender, Counting, bytes_in_use, interleaved, median, processor_time, ratio, thread_time,
    voluntary_switches,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Number of permits that is never used up.
const PLENTY: f64 = 1e12;

fn main() {
    // `cargo test --benches` passes `--test`.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    acquiring();
    waiting();
    sending();
    size();
}

/// Returns a configuration that never refuses.
fn plenty() -> ApiRateConfig {
    ApiRateConfig {
        initial_rate: 1e9,
        max_rate: 1e9,
        bucket: BucketConfig::of(PLENTY, PLENTY),
        ..Default::default()
    }
}

/// Reference for comparison: one bucket of floats behind a lock, which reads the clock.
struct Bucket {
    state: parking_lot::Mutex<(f64, Instant)>,
}

impl Bucket {
    fn take(&self) -> bool {
        let now = Instant::now();
        let mut state = self.state.lock();
        let (tokens, as_of) = &mut *state;
        *tokens = (*tokens + now.saturating_duration_since(*as_of).as_secs_f64() * 1e9).min(PLENTY);
        *as_of = now;
        let granted = *tokens >= 1.0;
        if granted {
            *tokens -= 1.0;
        }
        granted
    }
}

/// Measures the time to get a permit that is available.
fn acquiring() {
    let bucket = Bucket {
        state: parking_lot::Mutex::new((PLENTY, Instant::now())),
    };
    let ours = DynamicRateLimiter::new(&plenty()).expect("valid");
    let quota = governor::Quota::per_second(NonZeroU32::MAX).allow_burst(NonZeroU32::MAX);
    let governor_default = governor::RateLimiter::direct(quota);
    let governor_instant =
        governor::RateLimiter::direct_with_clock(quota, governor::clock::MonotonicClock);
    let leaky = leaky_bucket::RateLimiter::builder()
        .initial(usize::MAX / 4)
        .max(usize::MAX / 4)
        .build();
    let ratelimit = ratelimit::Ratelimiter::builder(u64::MAX / 1024)
        .max_tokens(u64::MAX / 1024)
        .initial_available(u64::MAX / 1024)
        .build()
        .expect("valid");
    let contenders = [
        Contender {
            name: "one locked bucket that reads the clock",
            operation: Box::new(|| assert!(bucket.take())),
        },
        Contender {
            name: "two of them",
            operation: Box::new(|| assert!(bucket.take() && bucket.take())),
        },
        Contender {
            name: "ours: try_acquire",
            operation: Box::new(|| match ours.try_acquire() {
                TryAcquire::Ready(permit) => permit.neutral(),
                TryAcquire::Wait(_) | TryAcquire::Closed => panic!("permits are never used up"),
            }),
        },
        Contender {
            name: "ours: try_acquire + success",
            operation: Box::new(|| match ours.try_acquire() {
                TryAcquire::Ready(permit) => permit.success(),
                TryAcquire::Wait(_) | TryAcquire::Closed => panic!("permits are never used up"),
            }),
        },
        Contender {
            name: "governor, default clock",
            operation: Box::new(|| {
                let _ = governor_default.check();
            }),
        },
        Contender {
            name: "governor, Instant",
            operation: Box::new(|| {
                let _ = governor_instant.check();
            }),
        },
        Contender {
            name: "leaky-bucket",
            operation: Box::new(|| {
                leaky.try_acquire(1);
            }),
        },
        Contender {
            name: "ratelimit",
            operation: Box::new(|| {
                let _ = ratelimit.try_wait();
            }),
        },
    ];
    for threads in [1, 2] {
        println!(
            "\nNever refused, {threads} thread(s): ns per operation (median), share of one locked bucket"
        );
        let results = interleaved(&contenders, threads, 15, 400_000);
        for (contender, times) in contenders.iter().zip(&results) {
            println!(
                "  {:40} {:7.1} ns {:6.2}",
                contender.name,
                median(times),
                ratio(times, &results[0])
            );
        }
        let (one, two) = (
            ratio(&results[2], &results[0]),
            ratio(&results[3], &results[1]),
        );
        println!("  try_acquire / one bucket operation            {one:.2} (at most 1.3)");
        println!("  try_acquire + success / two bucket operations {two:.2} (at most 1.3)");
    }
}

/// Measures a thousand threads in one queue.
fn waiting() {
    const THREADS: usize = 1000;
    const PER_SECOND: f64 = 200.0;
    let config = ApiRateConfig {
        initial_rate: PER_SECOND,
        min_rate: PER_SECOND,
        max_rate: PER_SECOND,
        bucket: BucketConfig::of(0.0, 1.0),
        ..Default::default()
    };
    let limiter = DynamicRateLimiter::new(&config).expect("valid");
    let order = Arc::new(Mutex::new(Vec::new()));
    let over = Arc::new(AtomicBool::new(false));
    let mut threads = Vec::new();
    for number in 0..THREADS {
        let (limiter_of, order, over) = (limiter.clone(), Arc::clone(&order), Arc::clone(&over));
        let came = |limiter: &DynamicRateLimiter| {
            let snapshot = limiter.snapshot();
            snapshot.waiting as u64 + snapshot.granted
        };
        let before = came(&limiter);
        let thread = std::thread::Builder::new()
            .stack_size(64 * 1024)
            .spawn(move || {
                let permit = limiter_of.acquire().expect("a permit");
                order.lock().expect("no panic").push(number);
                drop(permit);
                // Ending a thread costs more than waking one, so threads end after the measurement.
                while !over.load(Ordering::Acquire) {
                    std::thread::park();
                }
            });
        threads.push(thread.expect("a thread"));
        while came(&limiter) == before {
            std::thread::yield_now();
        }
    }
    // Grants during the start of the threads do not count.
    let (granted, switches, busy, began) = (
        limiter.snapshot().granted,
        voluntary_switches(),
        processor_time(),
        Instant::now(),
    );
    let mut sleeps = 0;
    while limiter.snapshot().waiting > 0 {
        std::thread::sleep(Duration::from_millis(100));
        sleeps += 1;
    }
    let took = began.elapsed().as_secs_f64();
    let grants = limiter.snapshot().granted - granted;
    // Do not count the last sleep of each granted thread and the sleeps of this loop.
    let switches = voluntary_switches() - switches - grants - sleeps;
    let busy = (processor_time() - busy).as_secs_f64();
    over.store(true, Ordering::Release);
    for thread in threads {
        thread.thread().unpark();
        thread.join().expect("no panic");
    }
    let in_order = order
        .lock()
        .expect("no panic")
        .windows(2)
        .all(|pair| pair[0] < pair[1]);
    println!("\n{THREADS} threads blocked on one limiter at {PER_SECOND}/s");
    println!("  granted in order of arrival       {in_order}");
    println!(
        "  grants per second                 {:.1}",
        grants as f64 / took
    );
    println!(
        "  context switches per grant        {:.2} (at most one)",
        switches as f64 / grants as f64
    );
    println!(
        "  processor time, share of one core {:.2}% (at most 1%)",
        100.0 * busy / took
    );
    assert!(in_order, "first come, first served");
}

/// Compares the client with its own transport, without an effective limit.
///
/// The core on which the server's thread runs matters more than the client. Therefore there are many rounds,
/// each with new connections, and the result is the median of the rounds.
fn sending() {
    const ROUNDS: usize = 40;
    const REQUESTS: usize = 200;
    let address = fixed_server();
    let url = format!("http://{address}/x");
    let names = [
        "bare ureq, no timeouts",
        "bare ureq, our timeouts",
        "ours",
    ];
    let mut rounds = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        let bare = ureq::Agent::config_builder()
            .proxy(None)
            .http_status_as_error(false);
        let bare: ureq::Agent = bare.build().into();
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let timed = ureq::Agent::config_builder()
            .proxy(None)
            .http_status_as_error(false);
        let timed = timed
            .timeout_connect(seconds(10))
            .timeout_send_request(seconds(60))
            .timeout_recv_response(seconds(60));
        let timed: ureq::Agent = timed
            .timeout_per_read(seconds(30))
            .timeout_per_write(seconds(60))
            .build()
            .into();
        let config = ApiRateConfig {
            base_url: format!("http://{address}"),
            ..plenty()
        };
        let client = DynamicAPIClient::builder(config)
            .no_proxy()
            .build()
            .expect("valid");
        let contenders: [&dyn Fn(); 3] = [
            &|| {
                drop(
                    bare.get(&url)
                        .call()
                        .expect("a response")
                        .body_mut()
                        .read_to_vec()
                        .expect("a body"),
                )
            },
            &|| {
                drop(
                    timed
                        .get(&url)
                        .call()
                        .expect("a response")
                        .body_mut()
                        .read_to_vec()
                        .expect("a body"),
                )
            },
            &|| {
                drop(
                    client
                        .get("/x")
                        .send()
                        .expect("a response")
                        .bytes()
                        .expect("a body"),
                )
            },
        ];
        let mut round = [const { Vec::new() }; 3];
        for _ in 0..REQUESTS {
            for (contender, times) in contenders.iter().zip(&mut round) {
                let began = thread_time();
                contender();
                times.push((thread_time() - began).as_nanos() as f64 / 1000.0);
            }
        }
        for (times, medians) in round.iter().zip(&mut rounds) {
            medians.push(median(times));
        }
    }
    println!(
        "\n{ROUNDS} rounds of {REQUESTS} requests on loopback: processor time of the caller per request, medians"
    );
    for (name, medians) in names.iter().zip(&rounds) {
        println!("  {name:27} {:6.1} us", median(medians));
    }
    let more = |than: usize| median(&rounds[2]) - median(&rounds[than]);
    println!(
        "  more than the first by {:.1} us, than the second by {:.1} us (at most 10)",
        more(0),
        more(1)
    );
}

/// Starts a server that sends one fixed response.
fn fixed_server() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                stream.set_nodelay(true).expect("a socket");
                let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
                let mut stream = stream;
                let mut line = String::new();
                while reader
                    .by_ref()
                    .read_line(&mut line)
                    .is_ok_and(|read| read > 0)
                {
                    if line == "\r\n" {
                        let response = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                        if stream.write_all(response).is_err() {
                            return;
                        }
                    }
                    line.clear();
                }
            });
        }
    });
    address
}

/// Measures the memory of a limiter.
fn size() {
    const LIMITERS: usize = 10_000;
    let config = plenty();
    let before = bytes_in_use();
    let limiters: Vec<_> = (0..LIMITERS)
        .map(|_| DynamicRateLimiter::new(&config).expect("valid"))
        .collect();
    println!(
        "\nbytes per limiter  {}",
        (bytes_in_use() - before) / LIMITERS
    );
    drop(limiters);
    std::thread::sleep(Duration::from_millis(1));
}
