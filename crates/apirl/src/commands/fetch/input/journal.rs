//! The journal: the file `OUTPUT.apirl`, from which another run can continue.
//!
//! It has lines of JSON and only grows. An entry is written before the request that it announces is sent, so a request
//! without an entry was never sent. The file is not synced to the disk: it survives a killed process, but not a crash
//! of the machine.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead};
use std::sync::Arc;

use api_ratelimiter::{Event, Observer, TimeoutPhase, TransportKind};
use api_ratelimiter_core::hash::Fnv64;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::line_set::LineSet;
use crate::commands::fetch::line_file::LineFile;

/// Version of the file's format.
pub(crate) const VERSION: u32 = 1;

/// A line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum JournalEntry {
    /// The first entry. `settings` is a hash of the flags that shape the requests.
    Run { version: u32, settings: String },
    /// The first `lines` lines of the input were read. `hash` is their hash.
    Read { lines: u64, hash: String },
    /// The request of this line may be sent from now on. It may not be sent twice.
    Start(u64),
    /// The request of this line was not sent, or the server refused it.
    Unsent(u64),
}

/// A journal that is open for more entries.
#[derive(Debug)]
pub(crate) struct Journal(Mutex<LineFile>);

impl Journal {
    /// Continues a file after its first `bytes` bytes. The rest is cut off.
    pub(crate) fn after(file: File, bytes: u64) -> io::Result<Self> {
        Ok(Self(Mutex::new(LineFile::after(file, bytes)?)))
    }

    /// Adds an entry. After an error it is not there, and others can be added.
    pub(crate) fn note(&self, entry: &JournalEntry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        self.0.lock().add(|out| out.write_all(&line))
    }
}

/// The beginning of every journal.
pub(crate) const BEGINNING: &[u8] = b"{\"run\":{\"version\":";

/// Key in the context of a request that may not be sent twice. The value is the number of its line.
pub(crate) const ONCE: &str = "once";

/// 429 means for every API that the request was not processed (RFC 6585, section 4).
const TOO_MANY_REQUESTS: u16 = 429;

/// Failures before a request is sent: there was no connection.
const NOT_SENT: [TransportKind; 3] = [
    TransportKind::Resolve,
    TransportKind::Connect,
    TransportKind::Timeout(TimeoutPhase::Connect),
];

/// Notes in the journal requests that were refused, or that found no connection. A refused request may wait long before its retry, and if the run is killed
/// meanwhile, the next run may send it.
#[derive(Debug)]
pub(crate) struct RefusalNotes {
    journal: Arc<Journal>,
    /// Statuses that mean that the request was not processed.
    not_processed: Vec<u16>,
    /// Lines with a response that is not a refusal, or without a response: the server may have processed these.
    maybe_processed: Mutex<LineSet>,
}

impl RefusalNotes {
    /// `also` has the statuses of the API that mean "not processed", in addition to 429.
    pub(crate) fn in_journal(journal: &Arc<Journal>, also: &[u16]) -> Self {
        Self {
            journal: Arc::clone(journal),
            not_processed: [also, &[TOO_MANY_REQUESTS]].concat(),
            maybe_processed: Mutex::default(),
        }
    }

    /// Whether any attempt of this line's request may have reached the server and was not refused.
    pub(crate) fn may_be_processed(&self, n: u64) -> bool {
        self.maybe_processed.lock().contains(n)
    }
}

impl Observer for RefusalNotes {
    fn on_event(&self, event: &Event) {
        let Event::Attempt {
            about,
            refused,
            status,
            error,
            ..
        } = event
        else {
            return;
        };
        let line = about.context.get(ONCE).and_then(|n| n.parse().ok());
        let Some(n) = line else {
            return;
        };
        let is_unsent = match (status, error) {
            (Some(status), _) => *refused && self.not_processed.contains(status),
            (None, Some(error)) => NOT_SENT.iter().any(|kind| kind.to_string() == *error),
            (None, None) => false,
        };
        if !is_unsent && !refused {
            self.maybe_processed.lock().insert(n);
        }
        // A refusal after a redirect says nothing about the first request, which was processed.
        if is_unsent && !self.may_be_processed(n) {
            // If this fails, the outcome counts as unknown, which is safe.
            let _ = self.journal.note(&JournalEntry::Unsent(n));
        }
    }
}

/// A number of input lines, and the hash of all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    pub(crate) lines: u64,
    pub(crate) hash: Fnv64,
}

/// The content of a journal.
#[derive(Debug, Default)]
pub(crate) struct JournalContent {
    pub(crate) settings: Option<String>,
    /// The last checkpoint, and before it one for every [`CHECKPOINT_EVERY`] lines.
    pub(crate) checkpoints: VecDeque<Checkpoint>,
    /// Lines whose request may have been sent.
    pub(crate) started: LineSet,
    /// Number of bytes up to the end of the last whole line.
    pub(crate) whole: u64,
}

/// Minimum number of lines between two checkpoints in memory. The file may have one for each line.
const CHECKPOINT_EVERY: u64 = 1024;

impl JournalContent {
    /// Reads a journal.
    ///
    /// # Errors
    ///
    /// Says what is wrong with it, as the end of a sentence that begins with the file's name.
    pub(crate) fn read(mut from: impl BufRead) -> Result<Self, String> {
        let mut content = Self::default();
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            from.read_until(b'\n', &mut line)
                .map_err(|error| format!("could not be read: {error}"))?;
            // A kill during a write leaves a truncated line. The request that it announces was not sent.
            if line.last() != Some(&b'\n') {
                break;
            }
            content.whole += line.len() as u64;
            let invalid = || format!("is not a journal of apirl: line {number} is invalid");
            let entry = serde_json::from_slice(&line).map_err(|_| invalid())?;
            content.add(entry, invalid)?;
        }
        Ok(content)
    }

    /// Adds an entry. `invalid` is the error of one that can't be there.
    fn add(&mut self, entry: JournalEntry, invalid: impl FnOnce() -> String) -> Result<(), String> {
        match entry {
            JournalEntry::Run { version, .. } if version != VERSION => {
                return Err(format!(
                    "has version {version}, but this program needs version {VERSION}"
                ));
            }
            JournalEntry::Run { settings, .. } => self.settings = Some(settings),
            JournalEntry::Read { lines, hash } => {
                let hash = hash.parse().map_err(|_| invalid())?;
                self.add_checkpoint(Checkpoint { lines, hash });
            }
            JournalEntry::Start(n) if n <= self.lines() => {
                self.started.insert(n);
            }
            JournalEntry::Start(_) => return Err(invalid()),
            JournalEntry::Unsent(n) => self.started.remove(n),
        }
        Ok(())
    }

    /// Adds a checkpoint. The last one is dropped if it is near to the one before it.
    fn add_checkpoint(&mut self, checkpoint: Checkpoint) {
        let before_last = self.checkpoints.iter().rev().nth(1);
        let before_last = before_last.map_or(0, |checkpoint| checkpoint.lines);
        let is_near = self
            .checkpoints
            .back()
            .is_some_and(|last| last.lines - before_last.min(last.lines) < CHECKPOINT_EVERY);
        if is_near {
            self.checkpoints.pop_back();
        }
        self.checkpoints.push_back(checkpoint);
    }

    /// Returns the number of input lines that earlier runs have read.
    pub(crate) fn lines(&self) -> u64 {
        self.checkpoints
            .back()
            .map_or(0, |checkpoint| checkpoint.lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<JournalContent, String> {
        JournalContent::read(text.as_bytes())
    }

    fn started(content: &JournalContent) -> Vec<u64> {
        (0..100).filter(|n| content.started.contains(*n)).collect()
    }

    const RUN: &str = "{\"run\":{\"version\":1,\"settings\":\"s\"}}\n";
    const READ: &str = "{\"read\":{\"lines\":9,\"hash\":\"00\"}}\n";

    #[test]
    fn a_truncated_last_line_is_ignored() {
        let content = read(&format!("{RUN}{READ}{{\"start\":3}}\n{{\"start\":4")).expect("content");
        assert_eq!(content.settings.as_deref(), Some("s"));
        assert_eq!(started(&content), [3]);
        assert_eq!(content.whole as usize, RUN.len() + READ.len() + 12);
    }

    #[test]
    fn a_request_counts_as_started_until_it_is_noted_as_unsent() {
        let starts =
            "{\"start\":3}\n{\"start\":4}\n{\"unsent\":3}\n{\"unsent\":7}\n{\"start\":6}\n";
        let content = read(&format!("{RUN}{READ}{starts}")).expect("content");
        assert_eq!(started(&content), [4, 6]);
    }

    #[test]
    fn checkpoints_are_thinned_and_the_last_is_kept() {
        let mut content = JournalContent::default();
        for lines in 1..=5000 {
            let hash = Fnv64::of(&[1]);
            content.add_checkpoint(Checkpoint { lines, hash });
        }
        let lines: Vec<u64> = content.checkpoints.iter().map(|it| it.lines).collect();
        assert_eq!(lines, [1024, 2048, 3072, 4096, 5000]);
        assert_eq!(content.lines(), 5000);
    }

    #[test]
    fn entries_are_read_as_they_were_written() {
        for entry in [
            JournalEntry::Run {
                version: 1,
                settings: "x".into(),
            },
            JournalEntry::Read {
                lines: 9,
                hash: Fnv64::new().to_string(),
            },
            JournalEntry::Start(1),
            JournalEntry::Unsent(1),
        ] {
            let text = serde_json::to_string(&entry).expect("JSON");
            assert_eq!(
                serde_json::from_str::<JournalEntry>(&text).expect("an entry"),
                entry
            );
        }
    }

    #[test]
    fn another_file_is_refused() {
        assert!(read("hello\n").is_err());
        let problem = read(&format!("{RUN}{READ}\0\0\n")).expect_err("a hole");
        assert!(problem.contains("line 3 is invalid"), "{problem}");
        assert!(read("{\"start\":9000000000000}\n").is_err(), "never read");
        assert!(read("{\"read\":{\"lines\":1,\"hash\":\"xyz\"}}\n").is_err());
        let newer = RUN.replace("\"version\":1", "\"version\":2");
        assert!(read(&newer).expect_err("newer").contains("version 2"));
    }
}
