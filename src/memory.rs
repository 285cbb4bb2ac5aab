//! The file that keeps what was learned about a limit, so that the next run starts where this one ended.
//!
//! There is one small file for each API and tenant. The last writer wins, and a reader never sees a
//! truncated file: the file is written under another name, synced, and renamed. It holds no secret, but only
//! its owner can read it, because it shows which APIs are called.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};

use crate::observe::Event;
use crate::random;
use crate::rate_limiter::DynamicRateLimiter;
use api_ratelimiter_core::Time;
use api_ratelimiter_core::hash::Fnv64;
mod kept;
mod leftovers;

use kept::Kept;

/// Maximum length of a file that is read, in bytes. One that was written here is far shorter.
const MOST_BYTES: u64 = 1 << 20;

/// Shortest time between two writes of the file while requests go on.
const SAVE_EVERY: Duration = Duration::from_secs(5);

/// The memory of one client.
#[derive(Debug)]
pub(crate) struct Memory {
    path: PathBuf,
    key: Key,
    /// Time of the next check for something to save, in nanoseconds of the limiter's clock.
    next_look: AtomicU64,
    /// The content of the file. The thread that writes the file holds the lock.
    saved: Mutex<Option<Kept>>,
    /// Cost that the file reserves of known limits with long windows, if there are any, and the sum of the costs of all
    /// permits up to which its content holds.
    reserve: OnceLock<Option<u64>>,
    holds_until: AtomicU64,
    /// Whether a failure was reported: only the first one is.
    warned: AtomicBool,
}

/// Identity of the limit. It is part of the file: a file with another key is not read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    api: String,
    base_url: String,
    label: Option<String>,
}

/// The content of a file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    key: Key,
    #[serde(flatten)]
    kept: Kept,
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
            reserve: OnceLock::new(),
            holds_until: AtomicU64::new(0),
            warned: AtomicBool::new(false),
        }
    }

    /// Gives the limiter what an earlier run learned. If the file can't be read, or belongs to another API or
    /// tenant, this logs one warning, and the limiter starts without it.
    ///
    /// Removes what runs that were killed have left in the directory.
    pub(crate) fn load(&self, limiter: &DynamicRateLimiter) {
        leftovers::remove_from(folder_of(&self.path));
        self.reserve.get_or_init(|| {
            let scopes = limiter.scopes().iter().map(|(_, scope)| scope);
            let limiters = std::iter::once(limiter).chain(scopes);
            limiters.filter_map(|it| it.reserve_of_known_limits()).min()
        });
        match self.read() {
            Ok(Some(kept)) => {
                kept.restore(limiter);
                *self.saved.lock() = Some(kept);
            }
            Ok(None) => {}
            Err(error) => self.warn(limiter, "read", &error),
        }
    }

    /// Saves what is new, if the last check is long enough ago. Called after each call, on the caller's thread.
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
        // The first check only starts the clock: nothing is learned within the first request.
        if is_mine && due != Time::ZERO.as_nanos() {
            // If another thread is still writing to a slow disk, this one does not wait for it.
            if let Some(saved) = self.saved.try_lock() {
                self.write(limiter, saved, self.reserve());
            }
        }
    }

    /// Saves what was used of known limits with long windows, before a request is sent that goes beyond what the file
    /// reserves.
    pub(crate) fn before_sending(&self, limiter: &DynamicRateLimiter) {
        let holds = || limiter.sent() <= self.holds_until.load(Ordering::Acquire);
        if self.reserve() == 0 || holds() {
            return;
        }
        let saved = self.saved.lock();
        // Another thread may have saved it meanwhile.
        if !holds() {
            self.write(limiter, saved, self.reserve());
        }
    }

    fn reserve(&self) -> u64 {
        self.reserve.get().copied().flatten().unwrap_or(0)
    }

    /// Saves what is new, and waits for another thread that writes.
    pub(crate) fn save(&self, limiter: &DynamicRateLimiter) {
        self.write(limiter, self.saved.lock(), 0);
    }

    /// Writes what is new, with a reserve for the requests to come.
    fn write(
        &self,
        limiter: &DynamicRateLimiter,
        mut saved: MutexGuard<'_, Option<Kept>>,
        reserve: u64,
    ) {
        // Read first: what is sent meanwhile does not count as saved.
        let sent = limiter.sent();
        // The permit of the request that is about to be sent is counted already.
        let more = reserve.saturating_sub(1);
        let Some(kept) = Kept::of(limiter, more) else {
            return;
        };
        if saved.as_ref().is_some_and(|saved| saved.is_as(&kept)) {
            return;
        }
        let record = Record {
            key: self.key.clone(),
            kept,
        };
        // After a failure, too: not every request tries again.
        let holds_until = sent.saturating_add(more);
        self.holds_until.store(holds_until, Ordering::Release);
        match replace(&self.path, &record) {
            Ok(()) => *saved = Some(record.kept),
            // A full disk may have room again at the next check.
            Err(error) => self.warn(limiter, "write", &error),
        }
    }

    /// Reports the first failure to the observers.
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

    fn read(&self) -> io::Result<Option<Kept>> {
        let text = match read_file(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let record: Record = serde_json::from_str(&text)?;
        if record.key != self.key {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the file belongs to another API or tenant",
            ));
        }
        Ok(Some(record.kept))
    }
}

/// Returns a readable file name, with a hash that distinguishes similar keys.
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
    format!("{readable}-{}.json", Fnv64::of(whole.as_bytes()))
}

/// Maximum number of characters of the readable part of a file name.
const LONGEST_NAME: usize = 80;

/// Reads a regular file of at most [`MOST_BYTES`].
fn read_file(path: &Path) -> io::Result<String> {
    let invalid = |problem: &str| io::Error::new(io::ErrorKind::InvalidData, problem.to_owned());
    // Checked before it is opened: opening a FIFO waits for a writer, and a device may never end.
    let about = fs::metadata(path)?;
    if !about.is_file() {
        return Err(invalid("not a regular file"));
    }
    // So are files of the system that have no end or wait for events, such as `/proc/kmsg`.
    if about.len() == 0 {
        return Err(invalid("empty"));
    }
    let mut text = String::new();
    let read = File::open(path)?
        .take(MOST_BYTES + 1)
        .read_to_string(&mut text)?;
    if read as u64 > MOST_BYTES {
        return Err(invalid("longer than 1 MiB"));
    }
    Ok(text)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

fn replace(path: &Path, record: &Record) -> io::Result<()> {
    fs::create_dir_all(folder_of(path))?;
    // The name is random and not the process's number: containers that share a directory may have equal
    // numbers.
    let beside = path.with_extension(format!("{:016x}.tmp", random::u64()?));
    let written = write(&beside, record).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // Remove the temporary file. If that fails, too, only the first error is reported.
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

/// Creates a file that only its owner can read.
#[cfg(unix)]
fn create(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Creates a file. In the user's profile, other users can't read it.
#[cfg(not(unix))]
fn create(path: &Path) -> io::Result<File> {
    File::options().write(true).create_new(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_file_is_the_one_that_earlier_versions_gave_it() {
        let key = Key {
            api: "notion".to_owned(),
            base_url: "https://api.notion.com/v1".to_owned(),
            label: Some("a b".to_owned()),
        };
        assert_eq!(file_name(&key), "notion-a_b-935032679b39b7bb.json");
    }
}
