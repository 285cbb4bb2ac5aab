//! The log lines: their causes, levels and key-values, and that they show no secret.
//!
//! These tests have a program of their own, because a process has one logger.

#[path = "common/server.rs"]
#[allow(dead_code, reason = "the helper has more than is needed here")]
mod server;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use api_ratelimiter::{
    ApiRateConfig, BucketConfig, ClientBuilder, DynamicAPIClient, DynamicRateLimiter, Event,
    Learning, ManualClock, Observer, Phase,
};
use log::kv::{Error as KvError, Key, Value, VisitSource};
use log::{Level, LevelFilter, Log, Metadata, Record};

use server::{Server, answer, ok};

const SECRET: &str = "hunter2";

#[derive(Debug, Clone)]
struct Line {
    level: Level,
    target: String,
    text: String,
    pairs: BTreeMap<String, String>,
}

struct Capture(Mutex<Vec<Line>>);

static CAPTURE: Capture = Capture(Mutex::new(Vec::new()));

impl Log for Capture {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Debug
    }

    fn log(&self, record: &Record<'_>) {
        struct Pairs(BTreeMap<String, String>);
        impl<'kvs> VisitSource<'kvs> for Pairs {
            fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), KvError> {
                self.0.insert(key.to_string(), value.to_string());
                Ok(())
            }
        }
        let mut pairs = Pairs(BTreeMap::new());
        record
            .key_values()
            .visit(&mut pairs)
            .expect("they can be read");
        let line = Line {
            level: record.level(),
            target: record.target().to_owned(),
            text: record.args().to_string(),
            pairs: pairs.0,
        };
        self.0.lock().expect("not poisoned").push(line);
    }

    fn flush(&self) {}
}

/// Returns a client with a unique name, which distinguishes its lines from those of other tests.
fn builder(name: &str, base_url: &str) -> ClientBuilder {
    static SET: Once = Once::new();
    SET.call_once(|| {
        log::set_logger(&CAPTURE).expect("the only logger");
        log::set_max_level(LevelFilter::Debug);
    });
    let config = ApiRateConfig {
        name: name.into(),
        base_url: base_url.into(),
        initial_rate: 100.0,
        min_rate: 1.0,
        max_rate: 200.0,
        increase_step: 10.0,
        decrease_factor: 0.5,
        default_cooldown: Some(Duration::from_millis(4)),
        bucket: BucketConfig::of(1.0, 1.0),
        learning: Learning::Off,
        ..Default::default()
    };
    DynamicAPIClient::builder(config).no_proxy()
}

fn all_lines() -> Vec<Line> {
    CAPTURE.0.lock().expect("not poisoned").clone()
}

/// Returns the lines of this client, except that of its creation.
fn lines_of(name: &str) -> Vec<Line> {
    let mut lines = all_lines();
    lines.retain(|line| line.pairs.get("api").is_some_and(|api| api == name));
    lines
        .iter()
        .for_each(|line| assert_eq!(line.target, "api_ratelimiter"));
    lines
}

fn number(line: &Line, key: &str) -> f64 {
    let value = line
        .pairs
        .get(key)
        .unwrap_or_else(|| panic!("no {key} in {line:?}"));
    value
        .parse()
        .unwrap_or_else(|_| panic!("{key} is no number in {line:?}"))
}

#[test]
fn creation_is_logged_at_debug() {
    let client = builder("created", "http://127.0.0.1:9")
        .build()
        .expect("valid");
    drop(client);
    let lines = lines_of("created");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0].level, Level::Debug);
    assert_eq!(number(&lines[0], "rate"), 100.0);
    assert_eq!(number(&lines[0], "min_rate"), 1.0);
    assert_eq!(number(&lines[0], "max_rate"), 200.0);
}

#[test]
fn a_cut_is_one_warning_with_rates_cooldown_and_status() {
    for status in [429, 503] {
        let name = format!("cut by {status}");
        let server = Server::answers([answer(status, "", SECRET), ok("done")]);
        let client = builder(&name, &server.url())
            .backoff_status_codes([429, 503])
            .build()
            .expect("valid");
        assert_eq!(client.get("/").send().expect("a response").attempts(), 2);
        let lines = lines_of(&name);
        let warnings: Vec<_> = lines
            .iter()
            .filter(|line| line.level <= Level::Warn)
            .collect();
        assert_eq!(warnings.len(), 1, "{lines:?}");
        let cut = warnings[0];
        assert_eq!(cut.level, Level::Warn);
        assert_eq!(
            (number(cut, "old_rate"), number(cut, "new_rate")),
            (100.0, 50.0)
        );
        assert_eq!(number(cut, "status"), f64::from(status));
        let cooldown = number(cut, "cooldown_seconds");
        assert!((0.004..=0.0045).contains(&cooldown), "{cut:?}");
        let shown = format!("{name}: refused with status {status}, rate cut from 100");
        assert!(cut.text.contains(&shown), "{cut:?}");
    }
}

#[test]
fn a_burst_of_refusals_is_one_warning() {
    let server = Server::answers([answer(429, "", "")]);
    let client = builder("burst", &server.url())
        .max_retries_on_backoff(0)
        .build()
        .expect("valid");
    // Permits that were issued before the first refusal.
    let permits: Vec<_> = (0..3)
        .map(|_| client.limiter().acquire().expect("a permit"))
        .collect();
    permits
        .into_iter()
        .for_each(|permit| permit.backoff(Some(Duration::from_millis(5))));
    let lines = lines_of("burst");
    let warnings = lines
        .iter()
        .filter(|line| line.level <= Level::Warn)
        .count();
    assert_eq!(warnings, 1, "{lines:?}");
}

#[test]
fn disagreeing_limits_are_logged_once_after_a_minute() {
    let told = "x-ratelimit-limit: 600\r\nx-ratelimit-remaining: 500\r\nx-ratelimit-window: 60\r\nx-ratelimit-reset: 50\r\n";
    let server = Server::answers((0..4).map(|_| answer(200, told, "")));
    let clock = ManualClock::new();
    let _ = builder("logger", "http://127.0.0.1:9");
    let config = ApiRateConfig {
        name: "disagreement".into(),
        base_url: server.url(),
        ..Default::default()
    };
    let client = DynamicAPIClient::builder(config).no_proxy();
    let client = client
        .clock(Arc::new(clock.clone()))
        .build()
        .expect("valid");
    let stored = r#"{"law_version": 1, "ceiling_per_second": 4.0, "rate_per_second": 3.9,
                     "last_pause_seconds": 1.0, "learned_at_unix_seconds": 4000000000.0}"#;
    let learned = serde_json::from_str(stored).expect("a memory");
    client.limiter().restore(&learned);
    for _ in 0..4 {
        client.get("/").send().expect("a response");
        clock.advance(Duration::from_secs(40));
    }
    let lines = lines_of("disagreement");
    let told: Vec<_> = lines
        .iter()
        .filter(|line| line.level == Level::Info)
        .collect();
    assert_eq!(told.len(), 1, "{lines:?}");
    assert_eq!(
        (number(told[0], "announced"), number(told[0], "ceiling")),
        (10.0, 4.0)
    );
}

#[test]
fn each_stay_at_max_rate_is_one_line_at_info() {
    let _ = builder("logger", "http://127.0.0.1:9");
    let limiter = DynamicRateLimiter::new(&ApiRateConfig {
        name: "fast".into(),
        initial_rate: 99.9,
        ..Default::default()
    })
    .expect("valid");
    let told = || {
        let lines = lines_of("fast");
        let told = lines.into_iter().filter(|line| line.level == Level::Info);
        told.collect::<Vec<_>>()
    };
    (0..5).for_each(|_| limiter.on_success());
    assert_eq!(told().len(), 1);
    assert_eq!(
        told()[0].text,
        "fast: at max_rate (100/s): the API may allow more; last lesson: none yet, nothing was refused"
    );
    assert_eq!(number(&told()[0], "rate"), 100.0);
    assert_eq!(limiter.snapshot().phase, Some(Phase::AtMaxRate));
    // 150 steps of 0.2 lead back from 70.
    limiter.on_backoff(None);
    (0..149).for_each(|_| limiter.on_success());
    assert_eq!(told().len(), 1);
    (0..5).for_each(|_| limiter.on_success());
    assert_eq!(told().len(), 2);
}

#[test]
fn each_rise_is_logged_at_debug() {
    let server = Server::answers([ok("done")]);
    // Time moves only while a caller waits, so a slow machine adds no token.
    let clock = ManualClock::auto();
    let _joined = clock.join();
    let client = builder("rises", &server.url()).clock(Arc::new(clock.clone()));
    let client = client.build().expect("valid");
    for _ in 0..4 {
        drop(client.get("/").send().expect("a response").text());
    }
    let lines = lines_of("rises");
    assert!(
        lines.iter().all(|line| line.level == Level::Debug),
        "{lines:?}"
    );
    let rises: Vec<_> = lines
        .iter()
        .filter(|line| line.pairs.contains_key("old_rate"))
        .collect();
    // The first request took the bucket's first token; each of the others had to wait.
    assert_eq!(rises.len(), 3, "{lines:?}");
    for (place, rise) in rises.iter().enumerate() {
        let before = 100.0 + 10.0 * place as f64;
        assert_eq!(
            (number(rise, "old_rate"), number(rise, "new_rate")),
            (before, before + 10.0)
        );
        assert!(rise.text.contains("rate raised from"), "{rise:?}");
    }
}

#[test]
fn a_damaged_memory_is_one_warning() {
    let folder = std::env::temp_dir().join(format!("api-ratelimiter-logs-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let mut config = ApiRateConfig {
        name: "damaged".into(),
        base_url: "http://127.0.0.1:9".into(),
        ..Default::default()
    };
    let build = |config: &ApiRateConfig| {
        let _ = builder("logger", "http://127.0.0.1:9");
        let client = DynamicAPIClient::builder(config.clone()).remember_in(&folder);
        client.build().expect("it starts anyway")
    };
    // Find the file that the other run has written.
    let learned = r#"{"law_version": 1, "ceiling_per_second": 4.0, "rate_per_second": 3.9,
        "last_pause_seconds": 1.5, "learned_at_unix_seconds": 1767225000.0}"#;
    let client = build(&config);
    client
        .limiter()
        .restore(&serde_json::from_str(learned).expect("valid"));
    drop(client);
    let file = std::fs::read_dir(&folder).expect("the folder").next();
    let file = file.expect("a file").expect("an entry").path();
    std::fs::write(&file, "{ half a fi").expect("written");
    let client = build(&config);
    drop(client.clone());
    let mut lines = lines_of("damaged");
    lines.retain(|line| line.level == Level::Warn);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].text.contains("can't read what was learned: "),
        "{lines:?}"
    );
    assert_eq!(lines[0].pairs["path"], file.display().to_string());

    // A path that is not a directory can't be written to; every try fails.
    config.name = "unwritable".into();
    let client = DynamicAPIClient::builder(config)
        .remember_in(file.join("below a file"))
        .build()
        .expect("it starts anyway");
    client
        .limiter()
        .restore(&serde_json::from_str(learned).expect("valid"));
    client.close();
    drop(client);
    let mut lines = lines_of("unwritable");
    lines.retain(|line| line.level == Level::Warn);
    assert_eq!(lines.len(), 1, "{lines:?}");
    std::fs::remove_dir_all(&folder).expect("it was there");
}

#[test]
fn a_manual_report_is_logged_without_a_status() {
    let client = builder("by hand", "http://127.0.0.1:9")
        .build()
        .expect("valid");
    client.limiter().on_backoff(Some(Duration::from_secs(2)));
    client.limiter().on_success();
    let lines = lines_of("by hand");
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(lines[1].level, Level::Warn);
    assert!(number(&lines[1], "cooldown_seconds") >= 2.0);
    assert!(!lines[1].text.contains("status"), "{:?}", lines[1]);
    assert_eq!(lines[2].level, Level::Debug);
    assert_eq!(
        (number(&lines[2], "old_rate"), number(&lines[2], "new_rate")),
        (50.0, 60.0)
    );
}

#[test]
fn a_panic_of_an_observer_is_logged_once_and_harms_no_call() {
    struct Panics(AtomicUsize);
    impl Observer for Panics {
        fn on_event(&self, _: &Event) {
            self.0.fetch_add(1, Ordering::SeqCst);
            panic!("on purpose");
        }
    }
    let (first, second) = (
        Arc::new(Panics(AtomicUsize::new(0))),
        Arc::new(Panics(AtomicUsize::new(0))),
    );
    let server = Server::answers([answer(429, "", ""), answer(429, "", ""), ok("done")]);
    let client = builder("panicked", &server.url())
        .observer(first.clone())
        .observer(second.clone())
        .build()
        .expect("valid");
    let response = client.get("/").send().expect("the call continues");
    assert_eq!(response.attempts(), 3);
    let lines = lines_of("panicked");
    let errors = lines.iter().filter(|line| line.level == Level::Error);
    let texts: Vec<_> = errors.map(|line| line.text.as_str()).collect();
    let expected = "panicked: an observer panicked; the request continues";
    assert_eq!(texts, [expected; 2], "once for each");
    // Two cuts with their pauses, the ends of the pauses, and three attempts.
    for observer in [first, second] {
        assert!(
            observer.0.load(Ordering::SeqCst) >= 8,
            "the observer still gets events"
        );
    }
}

#[test]
fn an_unencrypted_credential_to_another_machine_is_one_warning() {
    // 0.0.0.0 is this machine, but not a loopback address. Nothing leaves the machine.
    for credential in ["bearer", "source", "header", "request"] {
        let name = format!("clear {credential}");
        let mut builder = builder(&name, "http://0.0.0.0:9/v1");
        match credential {
            "bearer" => builder = builder.bearer_auth(SECRET),
            "source" => {
                builder =
                    builder.bearer_auth_with(|_| Ok::<_, api_ratelimiter::Error>(SECRET.into()));
            }
            "header" => builder = builder.default_header("X-Api-Key", SECRET),
            _ => {}
        }
        let client = builder.build().expect("valid");
        let clone = client.clone();
        for client in [&client, &clone, &client] {
            let mut request = client.get("/path").query("key", SECRET);
            if credential == "request" {
                request = request.header("Cookie", SECRET);
            }
            request.send().expect_err("no server listens");
        }
        let warnings: Vec<_> = lines_of(&name)
            .into_iter()
            .filter(|line| line.level <= Level::Warn)
            .collect();
        assert_eq!(warnings.len(), 1, "{credential}: {warnings:?}");
        assert_eq!(warnings[0].level, Level::Warn);
        assert!(
            warnings[0].text.contains("http://0.0.0.0:9"),
            "{warnings:?}"
        );
        assert!(
            warnings[0].text.contains("without encryption"),
            "{warnings:?}"
        );
    }
}

#[test]
fn without_a_credential_or_a_network_there_is_no_warning() {
    let server = Server::answers([ok("done")]);
    let table = [
        ("no credential", "http://0.0.0.0:9".to_owned(), false),
        ("loopback", server.url(), true),
        (
            "localhost",
            server.url().replace("127.0.0.1", "localhost"),
            true,
        ),
    ];
    for (name, base_url, credential) in table {
        let mut builder = builder(name, &base_url);
        if credential {
            builder = builder.bearer_auth(SECRET);
        }
        let client = builder.build().expect("valid");
        drop(client.get("/").send());
        let lines = lines_of(name);
        assert!(
            lines.iter().all(|line| line.level > Level::Warn),
            "{name}: {lines:?}"
        );
    }
}

#[test]
fn a_name_is_escaped_so_that_it_can_not_forge_a_line() {
    let name = "forged\n[ERROR] \u{1b}[31mall is lost";
    let client = builder(name, "http://127.0.0.1:9").build().expect("valid");
    client.limiter().on_backoff(None);
    let lines = lines_of(name);
    assert_eq!(lines.len(), 2);
    assert!(
        lines
            .iter()
            .all(|line| !line.text.contains(char::is_control)),
        "{lines:?}"
    );
}

#[test]
fn no_log_line_contains_a_secret() {
    let foreign = Server::answers([answer(403, &format!("X-Trace: {SECRET}\r\n"), SECRET)]);
    let moved = format!("Location: {}/f?sig={SECRET}\r\n", foreign.url());
    let server = Server::answers([
        answer(429, &format!("Set-Cookie: {SECRET}\r\n"), SECRET),
        answer(401, "", SECRET),
        answer(307, &moved, SECRET),
    ]);
    let client = builder("secrets", &server.url())
        .bearer_auth_with(|_| Ok::<_, api_ratelimiter::Error>(SECRET.into()))
        .default_header("X-Api-Key", SECRET)
        .default_header("X-Tenant", SECRET)
        .build()
        .expect("valid");
    let response = client
        .put(format!("/path?key={SECRET}"))
        .query("token", SECRET)
        .header("Cookie", SECRET)
        .idempotent(true)
        .json(SECRET)
        .send()
        .expect("a response");
    assert_eq!((response.status().as_u16(), response.attempts()), (403, 4));
    drop(response.error_for_status());

    let garbage = Server::answers([format!("HTTP/1.1 200 OK\r\n{SECRET}\r\n\r\n")]);
    let client = builder("garbage", &garbage.url())
        .bearer_auth(SECRET)
        .build()
        .expect("valid");
    client
        .get("/")
        .query("key", SECRET)
        .send()
        .expect_err("garbage");

    let lines = all_lines();
    assert!(lines.len() > 4, "there are lines to check");
    for line in lines {
        assert!(!format!("{line:?}").contains(SECRET), "{line:?}");
    }
}
