//! Temporary files of runs that were killed while they saved.

use std::fs::{self, DirEntry};
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::clock::{Clock, SystemClock};

/// Age from which a temporary file counts as left behind. A write takes milliseconds, or seconds on a slow disk.
const LEFT_BEHIND: Duration = Duration::from_secs(10 * 60);

/// Maximum number of entries of the directory that are looked at: it may be any directory.
const MOST_ENTRIES: usize = 10_000;

/// Removes the temporary files that killed runs have left in this directory. Errors are ignored: another process may
/// remove the same file, and the next run tries again.
pub(super) fn remove_from(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let now = SystemClock::new().unix_now();
    for entry in entries.take(MOST_ENTRIES).flatten() {
        if is_left_behind(&entry, now) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn is_left_behind(entry: &DirEntry, now: Duration) -> bool {
    let is_temporary = entry.file_name().to_str().is_some_and(is_temporary);
    // Asked of the entry itself: a link is not one of ours.
    let is_old = |written: SystemTime| {
        let written = written.duration_since(SystemTime::UNIX_EPOCH);
        written.is_ok_and(|written| now.saturating_sub(written) > LEFT_BEHIND)
    };
    is_temporary
        && entry
            .metadata()
            .is_ok_and(|found| found.is_file() && found.modified().is_ok_and(is_old))
}

/// Returns whether this is the name of one of our temporary files: `NAME-HASH.RANDOM.tmp`, both numbers in 16
/// hexadecimal digits.
fn is_temporary(name: &str) -> bool {
    let is_number = |text: &str| text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let parts = name
        .strip_suffix(".tmp")
        .and_then(|name| name.rsplit_once('.'))
        .and_then(|(file, random)| Some((file.rsplit_once('-')?.1, random)));
    parts.is_some_and(|(hash, random)| is_number(hash) && is_number(random))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_our_own_temporary_files_are_recognized() {
        assert!(is_temporary(
            "notion-a_b-935032679b39b7bb.00112233445566ff.tmp"
        ));
        for other in [
            "notion-a_b-935032679b39b7bb.json",
            "notion-a_b-935032679b39b7bb.tmp",
            "notion.00112233445566ff.tmp",
            "notion-935032679b39b7bb.00112233445566f.tmp",
            "notion-935032679b39b7bb.00112233445566fg.tmp",
            "notes.tmp",
            ".tmp",
            "",
        ] {
            assert!(!is_temporary(other), "{other}");
        }
    }
}
