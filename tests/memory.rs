//! The file with the learned limit.

use std::fs;
#[cfg(unix)]
use std::path::Path;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime};

use api_ratelimiter::{
    ApiRateConfig, BucketConfig, ClientBuilder, DynamicAPIClient, Event, Learned, LimitConfig,
    ManualClock, Observer, ScopeConfig,
};
use api_ratelimiter_simulator::{Hint, Limit, SimulatedApi};

const STORED: &str = r#"{"law_version": 1, "ceiling_per_second": 40.0, "rate_per_second": 39.0,
    "last_pause_seconds": 1.5, "learned_at_unix_seconds": 1767225000.0}"#;

/// A directory of the test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!(
            "api-ratelimiter-memory-{}-{name}",
            std::process::id()
        ));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }

    fn files(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(&self.0) else {
            return Vec::new();
        };
        entries
            .map(|entry| entry.expect("an entry").path())
            .collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn builder(folder: &Folder) -> ClientBuilder {
    let config = ApiRateConfig {
        name: "remembered".into(),
        base_url: "http://127.0.0.1:9/v1".into(),
        max_rate: 100.0,
        ..Default::default()
    };
    DynamicAPIClient::builder(config)
        .clock(Arc::new(ManualClock::new()))
        .remember_in(&folder.0)
}

fn ceiling(client: &DynamicAPIClient) -> Option<f64> {
    client.limiter().snapshot().learned_ceiling
}

#[test]
fn the_next_client_starts_with_the_limit_that_the_last_clone_saved() {
    let folder = Folder::new("next");
    let first = builder(&folder)
        .bearer_auth("s3cret")
        .label("tenant-a")
        .build()
        .expect("valid");
    assert_eq!(ceiling(&first), None);
    let clone = first.clone();
    first
        .limiter()
        .restore(&serde_json::from_str::<Learned>(STORED).expect("valid"));
    drop(first);
    assert!(folder.files().is_empty(), "a clone still exists");
    drop(clone);
    let files = folder.files();
    assert_eq!(files.len(), 1, "{files:?}");
    let text = fs::read_to_string(&files[0]).expect("a file");
    assert!(
        !text.contains("s3cret") && text.contains("tenant-a"),
        "{text}"
    );
    let again = builder(&folder).label("tenant-a").build().expect("valid");
    assert_eq!(ceiling(&again), Some(40.0));
}

#[cfg(unix)]
#[test]
fn only_its_owner_can_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new("mode");
    let client = builder(&folder).build().expect("valid");
    client
        .limiter()
        .restore(&serde_json::from_str::<Learned>(STORED).expect("valid"));
    drop(client);
    let mode = fs::metadata(&folder.files()[0])
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn each_tenant_name_and_address_has_its_own_file() {
    let folder = Folder::new("keys");
    let remember = |builder: ClientBuilder| {
        let client = builder.build().expect("valid");
        assert_eq!(ceiling(&client), None, "the limit of another client");
        client
            .limiter()
            .restore(&serde_json::from_str::<Learned>(STORED).expect("valid"));
    };
    remember(builder(&folder));
    remember(builder(&folder).label("a"));
    remember(builder(&folder).label("../a"));
    remember(builder(&folder).label(".._a"));
    remember(builder(&folder).base_url("http://127.0.0.1:9/v2"));
    assert_eq!(folder.files().len(), 5);
}

#[test]
fn a_damaged_or_foreign_file_is_ignored_and_replaced() {
    let folder = Folder::new("damaged");
    let client = builder(&folder).build().expect("valid");
    client
        .limiter()
        .restore(&serde_json::from_str::<Learned>(STORED).expect("valid"));
    drop(client);
    let file = folder.files().remove(0);
    let good = fs::read_to_string(&file).expect("a file");
    let foreign = good.replace("remembered", "another");
    for bad in [
        "",
        "{",
        "null",
        &good[..good.len() / 2],
        &foreign,
        &good.replace("40.0", "1e999"),
        &good.replacen('{', "{\"more\": 1,", 1),
    ] {
        fs::write(&file, bad).expect("written");
        let client = builder(&folder).build().expect("it starts anyway");
        assert_eq!(ceiling(&client), None, "{bad:?}");
        client
            .limiter()
            .restore(&serde_json::from_str::<Learned>(STORED).expect("valid"));
        drop(client);
        assert_eq!(
            ceiling(&builder(&folder).build().expect("valid")),
            Some(40.0)
        );
    }
}

/// Builds a client with this thing in place of its file, saves, and builds another one. `place` gets the path.
#[cfg(unix)]
fn with_a_strange_file(name: &str, place: impl FnOnce(&Path)) {
    let folder = Folder::new(name);
    let learn = |client: &DynamicAPIClient| {
        let learned = serde_json::from_str::<Learned>(STORED).expect("valid");
        client.limiter().restore(&learned);
    };
    let client = builder(&folder).build().expect("valid");
    learn(&client);
    drop(client);
    let file = folder.files().remove(0);
    fs::remove_file(&file).expect("it is there");
    place(&file);
    let warnings = Arc::new(Warnings::default());
    let observed = builder(&folder).observer(warnings.clone());
    let (done, built) = std::sync::mpsc::channel();
    thread::spawn(move || done.send(observed.build()).expect("waited for"));
    let built = built.recv_timeout(Duration::from_secs(60));
    let client = built.expect("no hang").expect("it starts anyway");
    assert_eq!(ceiling(&client), None);
    let told = warnings.0.lock().expect("no panic").join("; ");
    assert!(told.contains(&file.display().to_string()), "{told}");
    learn(&client);
    drop(client);
    let again = builder(&folder).build().expect("valid");
    assert_eq!(ceiling(&again), Some(40.0), "it was replaced");
}

/// Paths and problems of files that could not be used.
#[derive(Debug, Default)]
struct Warnings(Mutex<Vec<String>>);

impl Observer for Warnings {
    fn on_event(&self, event: &Event) {
        if let Event::MemoryFailed { path, problem, .. } = event {
            let mut told = self.0.lock().expect("no panic");
            told.push(format!("{path}: {problem}"));
        }
    }
}

#[cfg(unix)]
#[test]
fn a_fifo_in_place_of_the_file_is_not_opened() {
    with_a_strange_file("fifo", |path| {
        let made = Command::new("mkfifo").arg(path).status();
        assert!(made.expect("mkfifo").success());
    });
}

#[cfg(unix)]
#[test]
fn a_link_to_an_endless_device_in_place_of_the_file_is_not_read() {
    with_a_strange_file("device", |path| {
        std::os::unix::fs::symlink("/dev/zero", path).expect("a link");
    });
}

/// The system counts it as a regular file, and reading it waits for messages.
#[cfg(target_os = "linux")]
#[test]
fn a_link_to_a_file_of_the_system_that_never_ends_is_not_read() {
    with_a_strange_file("system", |path| {
        std::os::unix::fs::symlink("/proc/kmsg", path).expect("a link");
    });
}

#[cfg(unix)]
#[test]
fn a_file_of_gigabytes_is_not_read() {
    with_a_strange_file("huge", |path| {
        // It has no content on the disk.
        let file = fs::File::create(path).expect("a file");
        file.set_len(8 << 30).expect("a length");
    });
}

#[test]
fn temporary_files_of_killed_runs_are_removed_and_others_stay() {
    let folder = Folder::new("leftovers");
    fs::create_dir_all(&folder.0).expect("a folder");
    let old = SystemTime::now() - Duration::from_secs(3600);
    let make = |name: &str, written: SystemTime| {
        let file = fs::File::create(folder.0.join(name)).expect("a file");
        file.set_modified(written).expect("a time");
    };
    make("another-0011223344556677.8899aabbccddeeff.tmp", old);
    make("remembered-0011223344556677.0000000000000001.tmp", old);
    // Another process may be writing this one.
    make(
        "remembered-0011223344556677.0000000000000002.tmp",
        SystemTime::now(),
    );
    make("notes.tmp", old);
    make("another-0011223344556677.json", old);
    drop(builder(&folder).build().expect("valid"));
    let mut left: Vec<String> = folder
        .files()
        .iter()
        .map(|path| path.file_name().expect("a name").to_string_lossy().into())
        .collect();
    left.sort();
    assert_eq!(
        left,
        [
            "another-0011223344556677.json",
            "notes.tmp",
            "remembered-0011223344556677.0000000000000002.tmp"
        ]
    );
}

#[test]
fn any_content_of_the_file_starts_a_client_at_a_sensible_rate() {
    const RUNS: usize = 100;
    let folder = Folder::new("random");
    let client = builder(&folder).build().expect("valid");
    let learned = serde_json::from_str::<Learned>(STORED).expect("valid");
    client.limiter().restore(&learned);
    drop(client);
    let file = folder.files().remove(0);
    let good = fs::read(&file).expect("a file");
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    for run in 0..RUNS {
        fs::write(&file, changed(&good, &mut random)).expect("written");
        let client = builder(&folder).build().expect("it starts anyway");
        let snapshot = client.limiter().snapshot();
        let rate = snapshot.current_rate;
        assert!((0.1..=100.0).contains(&rate), "run {run} of {seed}: {rate}");
        assert!(snapshot.tokens.is_finite() && snapshot.cooldown_until.is_none());
        let first = client.limiter().acquire_within(Duration::ZERO);
        first
            .unwrap_or_else(|error| panic!("run {run} of {seed}: {error}"))
            .success();
        // It saves nothing of its own: the next run has its own content.
        fs::write(&file, "").expect("written");
    }
}

/// Returns the text with some of its numbers or bytes replaced.
fn changed(good: &[u8], random: &mut fastrand::Rng) -> Vec<u8> {
    const NUMBERS: [&str; 12] = [
        "0",
        "-1",
        "1e-300",
        "1e300",
        "1e999",
        "0.1",
        "4000000000",
        "18446744073709551615",
        "-0",
        "null",
        "\"1\"",
        "[]",
    ];
    let mut text = good.to_vec();
    for _ in 0..random.usize(1..4) {
        let at = random.usize(..text.len());
        if random.bool() {
            // The number at this place or the next one after it.
            let is_digit = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
            if let Some(from) = text[at..].iter().position(is_digit) {
                let from = at + from;
                let length = text[from..]
                    .iter()
                    .take_while(|byte| is_digit(byte))
                    .count();
                let number = NUMBERS[random.usize(..NUMBERS.len())];
                text.splice(from..from + length, number.bytes());
            }
        } else {
            text[at] = random.u8(..);
        }
    }
    text
}

#[test]
fn an_unwritable_directory_stops_no_client() {
    let folder = Folder::new("unwritable");
    fs::write(&folder.0, "a file where the folder should be").expect("written");
    let client = builder(&folder).build().expect("valid");
    client
        .limiter()
        .restore(&serde_json::from_str::<Learned>(STORED).expect("valid"));
    drop(client);
    fs::remove_file(&folder.0).expect("it is still the file");
}

#[test]
fn a_file_written_by_two_clients_at_once_is_always_whole() {
    let folder = Folder::new("race");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for ceiling in 1..40 {
                    let client = builder(&folder).build().expect("valid");
                    let text = STORED.replace("40.0", &format!("{ceiling}.0"));
                    client
                        .limiter()
                        .restore(&serde_json::from_str::<Learned>(&text).expect("valid"));
                }
            });
        }
    });
    let files = folder.files();
    assert_eq!(files.len(), 1, "no temporary file is left: {files:?}");
    assert!(
        ceiling(&builder(&folder).build().expect("valid")).is_some(),
        "the file can be read"
    );
}

#[test]
fn every_five_seconds_a_request_saves_what_is_new() {
    let folder = Folder::new("tended");
    let api = SimulatedApi::builder().start().expect("a server");
    let clock = ManualClock::new();
    let client = builder(&folder)
        .base_url(api.base_url())
        .clock(Arc::new(clock.clone()))
        .build()
        .expect("valid");
    client
        .limiter()
        .restore(&serde_json::from_str::<Learned>(STORED).expect("valid"));
    let send = || client.get("/pages/1").send().expect("a response").bytes();
    send().expect("a body");
    clock.advance(Duration::from_secs(4));
    send().expect("a body");
    assert!(folder.files().is_empty(), "five seconds have not passed");
    clock.advance(Duration::from_secs(1));
    send().expect("a body");
    assert_eq!(folder.files().len(), 1);
}

#[test]
fn a_failed_write_is_repeated_later() {
    let folder = Folder::new("room");
    fs::write(&folder.0, "a file where the folder should be").expect("written");
    let client = builder(&folder).build().expect("valid");
    client
        .limiter()
        .restore(&serde_json::from_str::<Learned>(STORED).expect("valid"));
    client.close();
    fs::remove_file(&folder.0).expect("it is still the file");
    drop(client);
    assert_eq!(folder.files().len(), 1);
}

/// Variable with the directory in which the child of the next test saves.
const CHILD: &str = "TEST_MEMORY_FOLDER";

#[test]
fn child_process_that_saves_in_a_loop() {
    let Ok(folder) = std::env::var(CHILD) else {
        return; // Not a child.
    };
    let folder = Folder(folder.into());
    for ceiling in 1.. {
        let client = builder(&folder).build().expect("valid");
        let text = STORED.replace("40.0", &format!("{}.5", 1 + ceiling % 90));
        client
            .limiter()
            .restore(&serde_json::from_str::<Learned>(&text).expect("valid"));
    }
}

#[test]
fn a_process_killed_while_it_saves_leaves_a_whole_file() {
    let folder = Folder::new("killed");
    for round in 0..20 {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "child_process_that_saves_in_a_loop"])
            .env(CHILD, &folder.0)
            .stdout(Stdio::null())
            .spawn()
            .expect("it runs");
        let saved = || {
            let mut files = folder.files();
            files.retain(|file| file.extension().is_some_and(|kind| kind == "json"));
            files
        };
        while saved().is_empty() {
            assert!(child.try_wait().expect("a child").is_none(), "it ended");
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_millis(round));
        child.kill().expect("it is running");
        child.wait().expect("it was killed");
        let files = saved();
        assert_eq!(files.len(), 1, "{files:?}");
        let text = fs::read_to_string(&files[0]).expect("a file");
        let whole: serde_json::Value = serde_json::from_str(&text).expect("whole JSON");
        assert_eq!(whole["key"]["api"], "remembered");
        assert!(
            ceiling(&builder(&folder).build().expect("valid")).is_some(),
            "the next run starts with it"
        );
        fs::remove_file(&files[0]).expect("for the next round");
    }
}

#[test]
fn a_job_learns_the_limit_and_the_next_job_knows_it() {
    let folder = Folder::new("job");
    let api = SimulatedApi::builder()
        .limit(Limit::token_bucket(50.0, 5.0).expect("valid"))
        .hint(Hint::None)
        .start()
        .expect("a server");
    let config = ApiRateConfig {
        name: "job".into(),
        base_url: api.base_url(),
        initial_rate: 150.0,
        max_rate: 1000.0,
        increase_step: 10.0,
        ..Default::default()
    };
    let client = || {
        DynamicAPIClient::builder(config.clone())
            .remember_in(&folder.0)
            .build()
            .expect("valid")
    };
    let first = client();
    let mut page = 0;
    while ceiling(&first).is_none() {
        page += 1;
        assert!(page < 20_000, "no ceiling was learned");
        first
            .get(format!("/pages/{page}"))
            .send()
            .expect("a response")
            .bytes()
            .expect("a body");
    }
    let learned = ceiling(&first);
    drop(first);
    let known = ceiling(&client()).expect("the next run has a ceiling");
    // Only the proven limit is stored, without a pending raise.
    assert!(
        known <= learned.unwrap_or_default() && known > 20.0,
        "{known} of {learned:?}"
    );
}

/// A client of an API with this known limit, at this time of the wall clock. It may send 100 at once otherwise.
fn limited(folder: &Folder, limit: &LimitConfig, base_url: &str, unix: u64) -> DynamicAPIClient {
    let clock = ManualClock::new();
    clock.set_unix_now(Duration::from_secs(unix));
    let config = ApiRateConfig {
        name: "limited".into(),
        base_url: base_url.into(),
        initial_rate: 100.0,
        max_rate: 100.0,
        bucket: BucketConfig::of(100.0, 100.0),
        limits: vec![limit.clone()],
        ..Default::default()
    };
    let builder = DynamicAPIClient::builder(config).clock(Arc::new(clock));
    builder.remember_in(&folder.0).build().expect("valid")
}

/// Returns how many permits there are at once.
fn at_once(client: &DynamicAPIClient) -> usize {
    let granted = || client.limiter().acquire_within(Duration::ZERO).ok();
    std::iter::from_fn(granted)
        .map(|permit| permit.success())
        .count()
}

#[test]
fn a_job_that_starts_twice_in_a_window_of_a_known_limit_does_not_get_it_twice() {
    let folder = Folder::new("twice");
    let limit = LimitConfig::per_minute(20.0);
    let nowhere = "http://127.0.0.1:9/v1";
    let first = limited(&folder, &limit, nowhere, 1_900_000_000);
    assert_eq!(at_once(&first), 20);
    drop(first);
    for second in [1_900_000_010, 1_900_000_060] {
        let again = limited(&folder, &limit, nowhere, second);
        assert_eq!(at_once(&again), 0, "at {second}");
    }
    // The wall clock was put back: nobody knows when the first one ran.
    let earlier = limited(&folder, &limit, nowhere, 1_800_000_000);
    assert_eq!(at_once(&earlier), 0);
    drop(earlier);
    let later = limited(&folder, &limit, nowhere, 1_900_000_061);
    assert_eq!(at_once(&later), 20);
}

#[test]
fn what_a_killed_process_sent_under_a_long_known_limit_is_remembered() {
    let folder = Folder::new("killed-job");
    let api = SimulatedApi::builder().start().expect("a server");
    let limit = LimitConfig::per_hour(50.0);
    let killed = limited(&folder, &limit, &api.base_url(), 1_900_000_000);
    for page in 0..30 {
        let response = killed.get(format!("/pages/{page}")).send();
        response.expect("a response").bytes().expect("a body");
    }
    std::mem::forget(killed);
    let next = limited(&folder, &limit, &api.base_url(), 1_900_000_600);
    assert_eq!(at_once(&next), 20);
}

#[test]
fn a_long_known_limit_costs_a_write_for_each_64th_of_it() {
    let folder = Folder::new("writes");
    let api = SimulatedApi::builder().start().expect("a server");
    let limit = LimitConfig::per_hour(640.0);
    let client = limited(&folder, &limit, &api.base_url(), 1_900_000_000);
    let mut files = Vec::new();
    for page in 0..30 {
        let response = client.get(format!("/pages/{page}")).send();
        response.expect("a response").bytes().expect("a body");
        files.push(fs::read_to_string(&folder.files()[0]).expect("a file"));
    }
    files.dedup();
    assert_eq!(files.len(), 3, "{files:#?}");
}

#[test]
fn a_scope_s_limit_outlives_the_process_too() {
    let folder = Folder::new("scope");
    let client = || {
        let clock = ManualClock::new();
        clock.set_unix_now(Duration::from_secs(1_900_000_000));
        let config = ApiRateConfig {
            name: "scoped".into(),
            base_url: "http://127.0.0.1:9/v1".into(),
            scopes: vec![ScopeConfig::new(
                "search",
                "/search",
                LimitConfig::per_minute(2.0),
            )],
            ..Default::default()
        };
        let builder = DynamicAPIClient::builder(config).clock(Arc::new(clock));
        builder.remember_in(&folder.0).build().expect("valid")
    };
    let at_once = |client: &DynamicAPIClient| {
        let scope = client.limiter().scope("search").expect("a scope");
        let granted = || scope.acquire_within(Duration::ZERO).ok();
        std::iter::from_fn(granted)
            .map(|permit| permit.success())
            .count()
    };
    assert_eq!(at_once(&client()), 2);
    assert_eq!(at_once(&client()), 0);
}
