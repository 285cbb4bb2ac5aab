//! Fleets and a real Redis server: its commands, its content, and its faults.

use std::fs;
use std::process::Command;

use api_ratelimiter::{ApiRateConfig, DynamicRateLimiter, Error, Fleet, OnOutage};
use base64::Engine as _;

use crate::redis_server::{RedisServer, free_port, soon};

const KEY: &str = "notion/secret_workspace";

/// Commands and keys that the documentation of `Fleet::redis` lists.
const LISTED: [&str; 7] = [
    "+evalsha",
    "+eval",
    "+time",
    "+hmget",
    "+hset",
    "+pexpire",
    "~api-ratelimiter:*",
];

fn config() -> ApiRateConfig {
    ApiRateConfig {
        name: "fleet".into(),
        initial_rate: 50.0,
        max_rate: 100.0,
        ..Default::default()
    }
}

fn fleet(url: &str) -> Fleet {
    Fleet::redis(url, KEY).expect("an address")
}

fn worker(url: &str) -> DynamicRateLimiter {
    DynamicRateLimiter::in_fleet(&config(), &fleet(url)).expect("a limiter")
}

fn is_joined(worker: &DynamicRateLimiter) -> bool {
    worker.snapshot().fleet.expect("a fleet").joined
}

/// Takes a few permits, as requests do.
fn works(worker: &DynamicRateLimiter) {
    for _ in 0..5 {
        worker.acquire().expect("a permit").success();
    }
}

/// Takes permits until the store knows the worker.
fn joins(worker: &DynamicRateLimiter) {
    soon("it is joined", || {
        works(worker);
        is_joined(worker)
    });
}

/// Creates a user with these rights. Returns its address.
fn user(server: &RedisServer, name: &str, rights: &[&str]) -> String {
    let words = [
        &["ACL", "SETUSER", name, "reset", "on", ">pass", "-@all"],
        rights,
    ]
    .concat();
    let _: String = server.ask(&words);
    format!("redis://{name}:pass@127.0.0.1:{}", server.port)
}

fn only_key(server: &RedisServer) -> String {
    let mut keys: Vec<String> = Vec::new();
    soon("a key is there", || {
        keys = server.ask(&["KEYS", "*"]);
        !keys.is_empty()
    });
    assert_eq!(keys.len(), 1, "{keys:?}");
    keys.swap_remove(0)
}

#[test]
#[ignore = "needs redis-server"]
fn fleet_one_key_is_kept_for_two_days_and_contains_no_clear_text() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    soon("the fleet is empty", || {
        matches!(fleet(&server.url()).status(), Ok(None))
    });
    let keys: Vec<String> = server.ask(&["KEYS", "*"]);
    assert!(
        keys.is_empty(),
        "reading the status writes nothing: {keys:?}"
    );
    let one = worker(&server.url());
    let other = worker(&server.url());
    joins(&one);
    joins(&other);
    let key = only_key(&server);
    // The key is a SHA-1 and a hash tag, so that a cluster keeps it in one place.
    let tag = key
        .strip_prefix("api-ratelimiter:{")
        .and_then(|rest| rest.strip_suffix('}'));
    assert!(
        tag.is_some_and(|tag| tag.len() == 40 && tag.bytes().all(|it| it.is_ascii_hexdigit())),
        "{key}"
    );
    let left: i64 = server.ask(&["PTTL", &key]);
    assert!(
        (47 * 3_600_000..=48 * 3_600_000).contains(&left),
        "{left} ms"
    );
    let fields: Vec<String> = server.ask(&["HGETALL", &key]);
    assert!(
        !fields
            .iter()
            .any(|it| it.contains("notion") || it.contains("secret")),
        "{fields:?}"
    );
    let size: u64 = server.ask(&["MEMORY", "USAGE", &key]);
    assert!(size < 4096, "{size} bytes");
    let mut status = None;
    soon("both are counted", || {
        status = fleet(&server.url()).status().ok().flatten();
        status.as_ref().is_some_and(|status| status.workers == 2)
    });
    let status = status.expect("a fleet");
    assert!(
        status.rate_per_second >= 50.0 && status.cooldown.is_zero(),
        "{status:?}"
    );
}

#[test]
#[ignore = "needs redis-server"]
fn fleet_a_script_is_sent_once_and_again_after_the_server_lost_it() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let worker = worker(&server.url());
    joins(&worker);
    assert_eq!(server.calls_of("eval"), 1, "the first time");
    let _: String = server.ask(&["SCRIPT", "FLUSH"]);
    let since = worker.snapshot().fleet.expect("a fleet").last_contact;
    soon("another visit", || {
        works(&worker);
        is_joined(&worker) && worker.snapshot().fleet.expect("a fleet").last_contact > since
    });
    assert_eq!(server.calls_of("eval"), 2, "exactly once more");
    assert!(server.calls_of("evalsha") > 2);
}

#[test]
#[ignore = "needs redis-server"]
fn fleet_a_user_needs_exactly_the_listed_commands() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let worker = worker(&user(&server, "listed", &LISTED));
    joins(&worker);
    // Each of the commands is needed.
    for right in LISTED
        .iter()
        .filter(|it| **it != "+evalsha" && **it != "+eval")
    {
        let rights: Vec<&str> = LISTED.into_iter().filter(|it| it != right).collect();
        let url = user(&server, "less", &rights);
        let _: i64 = server.ask(&["DEL", &only_key(&server)]);
        works(&worker);
        let fleet = fleet(&url).on_outage(OnOutage::Stop);
        let lacking = DynamicRateLimiter::in_fleet(&config(), &fleet).expect("a limiter");
        soon(right, || {
            matches!(lacking.acquire(), Err(Error::Fleet { .. }))
        });
    }
}

#[test]
#[ignore = "needs redis-server"]
fn fleet_scripts_are_sent_whole_if_calls_by_hash_are_forbidden() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let worker = worker(&user(&server, "whole", &LISTED[1..]));
    joins(&worker);
    assert!(server.calls_of("eval") > 1);
}

#[test]
#[ignore = "needs redis-server"]
fn fleet_a_wrong_password_is_reported_without_it() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let url = user(&server, "listed", &LISTED).replace(":pass@", ":hunter2@");
    let worker = worker(&url);
    works(&worker);
    assert!(!is_joined(&worker));
    let told = fleet(&url).status().expect_err("no way in").to_string();
    assert!(
        told.contains("WRONGPASS") || told.to_lowercase().contains("auth"),
        "{told}"
    );
    assert!(
        !told.contains("hunter2") && !format!("{worker:?}").contains("hunter2"),
        "{told}"
    );
}

#[test]
#[ignore = "needs redis-server"]
fn fleet_a_foreign_value_under_the_key_is_reported_and_kept() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let worker = worker(&server.url());
    works(&worker);
    let key = only_key(&server);
    let _: i64 = server.ask(&["DEL", &key]);
    let _: String = server.ask(&["SET", &key, "mine"]);
    soon("it goes on alone", || {
        works(&worker);
        !is_joined(&worker)
    });
    let told = fleet(&server.url())
        .status()
        .expect_err("no fleet")
        .to_string();
    assert!(told.contains("WRONGTYPE"), "{told}");
    let there: String = server.ask(&["GET", &key]);
    assert_eq!(there, "mine");
    let _: i64 = server.ask(&["DEL", &key]);
    soon("it is back", || is_joined(&worker));
}

#[test]
#[ignore = "needs redis-server"]
fn fleet_a_damaged_state_is_replaced() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let worker = worker(&server.url());
    works(&worker);
    let key = only_key(&server);
    // Use another database, where no worker repairs the entry.
    let elsewhere = fleet(&format!("{}/1", server.url()));
    let damages = "redis.call('SELECT', 1) return redis.call('HSET', KEYS[1], 'text', ARGV[1], 'version', '17')";
    for damage in ["", "{", "{\"format\":1}", "\u{fffd}\u{0}"] {
        let _: i64 = server.ask(&["EVAL", damages, "1", &key, damage]);
        soon("it is no state", || matches!(elsewhere.status(), Ok(None)));
        let _: i64 = server.ask(&["HSET", &key, "text", damage, "version", "17"]);
        soon("a state again", || {
            works(&worker);
            is_joined(&worker) && matches!(fleet(&server.url()).status(), Ok(Some(_)))
        });
    }
    // The version is not a number.
    let _: i64 = server.ask(&["HSET", &key, "version", "nonsense"]);
    let since = worker.snapshot().fleet.expect("a fleet").last_contact;
    soon("a visit", || {
        works(&worker);
        is_joined(&worker) && worker.snapshot().fleet.expect("a fleet").last_contact > since
    });
}

#[test]
#[ignore = "needs redis-server"]
fn fleet_a_read_only_replica_is_an_outage() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let port = server.port.to_string();
    let Some(replica) = RedisServer::start_with(&["--replicaof", "127.0.0.1", &port]) else {
        return;
    };
    soon("the replica follows", || {
        let info: String = replica.ask(&["INFO", "replication"]);
        info.contains("master_link_status:up")
    });
    let first = worker(&server.url());
    joins(&first);
    soon("the replica shows it", || {
        matches!(fleet(&replica.url()).status(), Ok(Some(_)))
    });
    let second = worker(&replica.url());
    works(&second);
    assert!(!is_joined(&second));
    // Promote it, as a failover does: the worker uses it at once, with its content.
    let _: String = replica.ask(&["REPLICAOF", "NO", "ONE"]);
    soon("it is joined", || is_joined(&second));
}

#[test]
#[ignore = "needs redis-server"]
fn fleet_a_full_store_is_an_outage_until_it_has_room() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let worker = worker(&server.url());
    works(&worker);
    let _: String = server.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    soon("it goes on alone", || {
        works(&worker);
        !is_joined(&worker)
    });
    let _: String = server.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    soon("it is back", || is_joined(&worker));
}

#[test]
#[ignore = "needs redis-server"]
fn fleet_a_closed_idle_connection_is_replaced_without_an_outage() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let fleet = fleet(&server.url()).on_outage(OnOutage::Stop);
    let worker = DynamicRateLimiter::in_fleet(&config(), &fleet).expect("a limiter");
    let mut uninterrupted = 0;
    for _ in 0..5 {
        soon("it is joined", || {
            worker.acquire().is_ok_and(|permit| {
                permit.success();
                true
            })
        });
        let _: i64 = server.ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
        let is_granted = |_| {
            worker.acquire().is_ok_and(|permit| {
                permit.success();
                true
            })
        };
        uninterrupted += u32::from((0..5).all(is_granted));
    }
    // On a busy machine a response of the store may also be too late.
    assert!(uninterrupted >= 3, "{uninterrupted} of 5");
}

#[test]
#[ignore = "needs redis-server"]
fn fleet_a_server_in_cluster_mode_is_supported() {
    let Some(server) = RedisServer::start_with(&["--cluster-enabled", "yes"]) else {
        return;
    };
    let slots: Vec<String> = (0..16_384).map(|slot| slot.to_string()).collect();
    let all = ["CLUSTER", "ADDSLOTS"].into_iter();
    let all: Vec<&str> = all.chain(slots.iter().map(String::as_str)).collect();
    let _: String = server.ask(&all);
    soon("the cluster is up", || {
        let info: String = server.ask(&["CLUSTER", "INFO"]);
        info.contains("cluster_state:ok")
    });
    let worker = worker(&server.url());
    joins(&worker);
}

#[test]
#[ignore = "needs redis-server"]
fn fleet_another_database_is_another_fleet() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let second = format!("{}/2", server.url());
    let worker = worker(&second);
    joins(&worker);
    soon("nothing is in the first one", || {
        matches!(fleet(&server.url()).status(), Ok(None))
    });
    soon("a state is in the second one", || {
        matches!(fleet(&second).status(), Ok(Some(_)))
    });
}

/// `BEGIN … END` around a certificate or a key.
fn pem(kind: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).expect("base64"))
        .collect();
    format!(
        "-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n",
        lines.join("\n")
    )
}

/// A private certificate is trusted only if it is in the system's store, or in the file that `SSL_CERT_FILE` names.
#[test]
#[ignore = "needs redis-server"]
fn fleet_tls_is_used_with_the_certificates_of_the_system() {
    let port = free_port().to_string();
    let folder = std::env::temp_dir().join(format!("apirl-redis-tls-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let file = |name: &str| folder.join(name).to_str().expect("text").to_owned();
    let (certificate, key) = (file("cert.pem"), file("key.pem"));
    fs::write(
        &certificate,
        pem(
            "CERTIFICATE",
            include_bytes!("../../../../tests/data/tls/cert.der"),
        ),
    )
    .expect("written");
    fs::write(
        &key,
        pem(
            "PRIVATE KEY",
            include_bytes!("../../../../tests/data/tls/key.der"),
        ),
    )
    .expect("written");
    let tls = [
        "--tls-port",
        &port,
        "--tls-cert-file",
        &certificate,
        "--tls-key-file",
        &key,
        "--tls-auth-clients",
        "no",
    ];
    let Some(server) = RedisServer::start_with(&tls) else {
        return;
    };
    let worker = worker(&server.url());
    joins(&worker);
    let status = |trusted: Option<&str>| {
        let url = format!("rediss://localhost:{port}");
        let mut command = Command::new(env!("CARGO_BIN_EXE_apirl"));
        command
            .args(["fleet", "status", &url, KEY])
            .env_remove("SSL_CERT_DIR");
        match trusted {
            Some(file) => command.env("SSL_CERT_FILE", file),
            None => command.env_remove("SSL_CERT_FILE"),
        };
        let output = command.output().expect("it runs");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    soon("its certificate is trusted", || {
        let (code, out, _) = status(Some(&certificate));
        code == Some(0) && out.contains("workers")
    });
    let (code, out, err) = status(None);
    assert!(
        code == Some(1) && err.contains("certificate"),
        "{out} {err}"
    );
    let _ = fs::remove_dir_all(&folder);
}
