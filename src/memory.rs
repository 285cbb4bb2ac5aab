//! What was learned, on disk, so that the next run starts where this one ended.
//!
//! One small file for each API and tenant. The last writer wins and a reader never sees half a file:
//! it is written beside its place, synced, and renamed. Nothing in it is a secret; it is readable by its
//! owner only all the same, as it says which APIs somebody calls.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};

use crate::observe::Event;
use crate::rate_limiter::DynamicRateLimiter;
use api_ratelimiter_core::Time;
use api_ratelimiter_core::limiter::Learned;

/// At most so often is the file written while requests go on.
const SAVE_EVERY: Duration = Duration::from_secs(5);

/// The memory of one client.
#[derive(Debug)]
pub(crate) struct Memory {
    path: PathBuf,
    key: Key,
    /// Nanoseconds of the limiter's clock before which nobody looks whether there is news.
    next_look: AtomicU64,
    /// What the file holds; whoever writes it has the lock.
    saved: Mutex<Option<Learned>>,
    /// A disk that can't be written to stays so; it is told once.
    warned: AtomicBool,
}

/// Whose knowledge it is. Stands in the file, too: a file of somebody else is not read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    api: String,
    base_url: String,
    label: Option<String>,
}

/// What a file holds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    key: Key,
    learned: Learned,
}

impl Memory {
    pub(crate) fn new(folder: &Path, api: &str, base_url: String, label: Option<String>) -> Self {
        let key = Key {
            api: api.to_owned(),
            base_url,
            label,
        };
        Self {
            path: folder.join(file_name(&key)),
            key,
            next_look: AtomicU64::new(0),
            saved: Mutex::new(None),
            warned: AtomicBool::new(false),
        }
    }

    /// Hands what an earlier run has learned to the limiter. A file that can't be read, or that is
    /// somebody else's, is one warning and a fresh start.
    pub(crate) fn load(&self, limiter: &DynamicRateLimiter) {
        match self.read() {
            Ok(Some(learned)) => {
                *self.saved.lock() = Some(learned);
                // A limiter that is shared may know better by now.
                if limiter.learned().is_none() {
                    limiter.restore(&learned);
                }
            }
            Ok(None) => {}
            Err(error) => self.warn(limiter, "read", &error),
        }
    }

    /// Saves what is new, if it is time to. Called after each request: whoever notices, writes.
    pub(crate) fn tend(&self, limiter: &DynamicRateLimiter) {
        let now = limiter.clock().now();
        let due = self.next_look.load(Ordering::Relaxed);
        let next = (now + SAVE_EVERY).as_nanos();
        if now.as_nanos() < due {
            return;
        }
        let is_mine = self
            .next_look
            .compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok();
        // The first look only starts the clock: nothing is learned within the first request.
        if is_mine && due != Time::ZERO.as_nanos() {
            // Where a slow disk still keeps another request busy, this one does not join it.
            if let Some(saved) = self.saved.try_lock() {
                self.write(limiter, saved);
            }
        }
    }

    /// Saves what is new, however long it takes.
    pub(crate) fn save(&self, limiter: &DynamicRateLimiter) {
        self.write(limiter, self.saved.lock());
    }

    fn write(&self, limiter: &DynamicRateLimiter, mut saved: MutexGuard<'_, Option<Learned>>) {
        let Some(learned) = limiter.learned() else {
            return;
        };
        if saved.is_some_and(|saved| saved.is_as(&learned)) {
            return;
        }
        let record = Record {
            key: self.key.clone(),
            learned,
        };
        match replace(&self.path, &record) {
            Ok(()) => *saved = Some(learned),
            // A disk that is full may have room again when it is time for the next look.
            Err(error) => self.warn(limiter, "write", &error),
        }
    }

    /// Tells observers of the first failure.
    fn warn(&self, limiter: &DynamicRateLimiter, operation: &str, error: &io::Error) {
        if !self.warned.swap(true, Ordering::Relaxed) {
            limiter.tell(log::Level::Warn, |about| Event::MemoryFailed {
                about,
                operation: operation.to_owned(),
                path: self.path.display().to_string(),
                problem: error.to_string(),
            });
        }
    }

    fn read(&self) -> io::Result<Option<Learned>> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let record: Record = serde_json::from_str(&text)?;
        if record.key != self.key {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "it belongs to another API or tenant",
            ));
        }
        Ok(Some(record.learned))
    }
}

/// A name that people can read, with a hash that keeps apart what looks alike.
fn file_name(key: &Key) -> String {
    let readable: String = key
        .api
        .chars()
        .chain(
            key.label
                .iter()
                .flat_map(|label| std::iter::once('-').chain(label.chars())),
        )
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') {
                c
            } else {
                '_'
            }
        })
        .take(LONGEST_NAME)
        .collect();
    let whole = format!("{}\0{}\0{:?}", key.api, key.base_url, key.label);
    format!("{readable}-{:016x}.json", fnv1a(whole.as_bytes()))
}

/// Letters of a file name that are kept for people.
const LONGEST_NAME: usize = 80;

/// FNV-1a, 64 bits: the same on every machine and in every version, which the standard library's
/// hashes are not.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn replace(path: &Path, record: &Record) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // By chance and not by the process's number: in containers with a common folder all are number 1.
    let beside = path.with_extension(format!("{:016x}.tmp", fastrand::u64(..)));
    let written = write(&beside, record).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // Nothing is left lying about; that it can't be removed either is no news.
        let _ = fs::remove_file(&beside);
    }
    written
}

fn write(path: &Path, record: &Record) -> io::Result<()> {
    let mut text = serde_json::to_string_pretty(record)?;
    text.push('\n');
    let mut file = create(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// A new file for its owner's eyes only.
#[cfg(unix)]
fn create(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// A new file; in its owner's profile, where others don't read.
#[cfg(not(unix))]
fn create(path: &Path) -> io::Result<File> {
    File::options().write(true).create_new(true).open(path)
}
