//! Each warning in the log is also an event.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use api_ratelimiter::{
    ApiRateConfig, BodyThrottle, DialectConfig, DynamicAPIClient, Event, Fleet, FleetKey,
    FleetStore, Learning, LocalStore, ManualClock, Replaced, StoreError, Stored,
};

use crate::server::{Server, answer};
use crate::{Recorder, quick, recorder};

/// Returns the events that are warnings, without those of attempts and calls.
fn warnings(heard: &Recorder) -> Vec<Event> {
    let mut events = heard.events();
    events.retain(|event| {
        matches!(
            event,
            Event::LimitsDisagree { .. }
                | Event::FleetLost { .. }
                | Event::FleetBack { .. }
                | Event::MemoryFailed { .. }
                | Event::CredentialExposed { .. }
                | Event::BodyUnread { .. }
        )
    });
    events
}

#[test]
fn a_credential_over_http_is_one_event_for_all_clones() {
    let heard = recorder();
    // 0.0.0.0 is this machine, but not a loopback address. Nothing leaves the machine.
    let client = DynamicAPIClient::builder(quick("exposed", "http://0.0.0.0:9"))
        .bearer_auth("hunter2")
        .observer(heard.clone())
        .label("acme")
        .build()
        .expect("valid");
    for client in [&client, &client.clone()] {
        client.get("/").send().expect_err("no server listens");
    }
    let warnings = warnings(&heard);
    let [Event::CredentialExposed { about, origin, .. }] = &warnings[..] else {
        panic!("{warnings:?}");
    };
    assert_eq!(
        (about.api.as_str(), about.tenant.as_deref()),
        ("exposed", Some("acme"))
    );
    assert_eq!(origin, "http://0.0.0.0:9");
    assert!(!format!("{:?}", heard.events()).contains("hunter2"));
}

#[test]
fn a_damaged_memory_is_one_event() {
    let folder = std::env::temp_dir().join(format!("observer-memory-{}", std::process::id()));
    let learned = r#"{"law_version": 1, "ceiling_per_second": 4.0, "rate_per_second": 3.9,
        "last_pause_seconds": 1.5, "learned_at_unix_seconds": 1767225000.0}"#;
    let learned = serde_json::from_str(learned).expect("a memory");
    let build = |directory: &std::path::Path, heard: &Arc<Recorder>| {
        let config = ApiRateConfig {
            learning: Learning::default(),
            ..quick("damaged", "http://127.0.0.1:9")
        };
        DynamicAPIClient::builder(config)
            .remember_in(directory)
            .observer(heard.clone())
            .build()
            .expect("it starts")
    };
    // An earlier run leaves a file, which is damaged before the next run.
    build(&folder, &recorder()).limiter().restore(&learned);
    let entry = std::fs::read_dir(&folder).expect("a directory").next();
    let file = entry.expect("a file").expect("an entry").path();
    std::fs::write(&file, "{ half a fi").expect("written");
    let heard = recorder();
    drop(build(&folder, &heard));
    let warnings_of_read = warnings(&heard);
    let [
        Event::MemoryFailed {
            operation,
            path,
            problem,
            ..
        },
    ] = &warnings_of_read[..]
    else {
        panic!("{warnings_of_read:?}");
    };
    assert_eq!(
        (operation.as_str(), path),
        ("read", &file.display().to_string())
    );
    assert!(!problem.is_empty());

    // A path below a file is not a directory: every write fails, and there is one event.
    let heard = recorder();
    let client = build(&file.join("below a file"), &heard);
    client.limiter().restore(&learned);
    client.close();
    drop(client);
    let warnings_of_write = warnings(&heard);
    assert!(
        matches!(&warnings_of_write[..], [Event::MemoryFailed { .. }]),
        "{warnings_of_write:?}"
    );
    std::fs::remove_dir_all(&folder).expect("it was there");
}

#[test]
fn limits_that_disagree_for_a_minute_are_one_event() {
    let told = "x-ratelimit-limit: 600\r\nx-ratelimit-remaining: 500\r\nx-ratelimit-window: 60\r\nx-ratelimit-reset: 50\r\n";
    let server = Server::answers((0..4).map(|_| answer(200, told, "")));
    let clock = ManualClock::new();
    let heard = recorder();
    let config = ApiRateConfig {
        name: "disagreement".into(),
        base_url: server.url(),
        ..Default::default()
    };
    let client = DynamicAPIClient::builder(config)
        .observer(heard.clone())
        .clock(Arc::new(clock.clone()))
        .build()
        .expect("valid");
    let learned = r#"{"law_version": 1, "ceiling_per_second": 4.0, "rate_per_second": 3.9,
        "last_pause_seconds": 1.0, "learned_at_unix_seconds": 4000000000.0}"#;
    client
        .limiter()
        .restore(&serde_json::from_str(learned).expect("a memory"));
    for _ in 0..4 {
        client.get("/").send().expect("a response");
        clock.advance(Duration::from_secs(40));
    }
    let warnings = warnings(&heard);
    let [
        Event::LimitsDisagree {
            announced_rate,
            learned_ceiling,
            ..
        },
    ] = &warnings[..]
    else {
        panic!("{warnings:?}");
    };
    assert_eq!((*announced_rate, *learned_ceiling), (10.0, 4.0));
}

/// A store that can be made unreachable.
#[derive(Debug, Clone)]
struct Fragile {
    store: LocalStore,
    is_down: Arc<AtomicBool>,
}

impl Fragile {
    fn up(&self) -> Result<&LocalStore, StoreError> {
        if self.is_down.load(Ordering::SeqCst) {
            return Err(StoreError::new("connection refused"));
        }
        Ok(&self.store)
    }
}

impl FleetStore for Fragile {
    fn read(&self, key: &FleetKey) -> Result<Stored, StoreError> {
        self.up()?.read(key)
    }

    fn replace(
        &self,
        key: &FleetKey,
        version: u64,
        text: &str,
        keep: Duration,
    ) -> Result<Replaced, StoreError> {
        self.up()?.replace(key, version, text, keep)
    }

    fn shown(&self) -> String {
        "a fragile store".to_owned()
    }
}

#[test]
fn losing_and_regaining_the_fleets_store_are_one_event_each() {
    let is_down = Arc::new(AtomicBool::new(true));
    let store = Fragile {
        store: LocalStore::new(),
        is_down: Arc::clone(&is_down),
    };
    let heard = recorder();
    // The observer also gets the event of the first visit, which `build` makes.
    let client = DynamicAPIClient::builder(quick("fleet", "http://127.0.0.1:9"))
        .fleet(Fleet::new(store, "key"))
        .observer(heard.clone())
        .build()
        .expect("valid");
    let lost = warnings(&heard);
    let [Event::FleetLost { store, problem, .. }] = &lost[..] else {
        panic!("{lost:?}");
    };
    assert_eq!(store, "a fragile store");
    assert!(problem.contains("connection refused"), "{problem}");
    // The worker keeps trying, and joins the fleet when the store is reachable.
    is_down.store(false, Ordering::SeqCst);
    let joined = (0..1000).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        warnings(&heard).len() > 1
    });
    assert!(joined, "{:?}", warnings(&heard));
    let found = warnings(&heard);
    assert!(
        matches!(&found[1..], [Event::FleetBack { store, .. }] if store == "a fragile store"),
        "{found:?}"
    );
    assert!(
        client
            .limiter()
            .snapshot()
            .fleet
            .is_some_and(|fleet| fleet.joined)
    );
}

#[test]
fn a_body_that_a_rule_can_not_read_is_one_event_for_each_rule() {
    let long = format!(r#"{{"data": "{}"}}"#, "x".repeat(70_000));
    let (html, utf_16) = ("<html>hunter2</html>", "{\0\"\0a\0");
    let broken = r#"{"data": "hunter2"#;
    for (body, problem) in [
        (html, "is not JSON"),
        (utf_16, "is not UTF-8"),
        (long.as_str(), "is longer than 64 KiB"),
        (broken, "breaks off, or is not valid JSON"),
    ] {
        let kind = "Content-Type: text/html\r\n";
        let seen = r#"{"error": {"code": 1}, "cut": "#;
        let bodies = [
            (200, body),
            (200, body),
            (202, body),
            (200, "{}"),
            (200, ""),
            (200, seen),
        ];
        let server = Server::answers(bodies.map(|(status, body)| answer(status, kind, body)));
        let heard = recorder();
        let dialect = DialectConfig::default()
            .throttle(BodyThrottle::new([200], "error.code", ["slow"]))
            .throttle(BodyThrottle::new([202], "code", ["slow"]));
        let client = DynamicAPIClient::builder(ApiRateConfig {
            dialect,
            ..quick("ruled", &server.url())
        })
        .observer(heard.clone())
        .build()
        .expect("valid");
        for _ in bodies {
            client.get("/").send().expect("a response");
        }
        let told: Vec<_> = warnings(&heard)
            .into_iter()
            .map(|event| match event {
                Event::BodyUnread {
                    status,
                    path,
                    problem,
                    ..
                } => (status, path, problem),
                other => panic!("{other:?}"),
            })
            .collect();
        let told: Vec<_> = told
            .iter()
            .map(|(status, path, problem)| (*status, path.as_str(), problem.as_str()))
            .collect();
        assert_eq!(told, [(200, "error.code", problem), (202, "code", problem)]);
        assert!(!format!("{:?}", heard.events()).contains("hunter2"));
    }
}
