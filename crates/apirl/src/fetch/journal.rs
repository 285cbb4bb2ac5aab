//! What is kept beside the output so that another run can go on: `OUTPUT.apirl`.
//!
//! Lines of JSON, only ever added to. Each is written before what it tells of is sent, so what it does
//! not tell of was never sent. It is not synced to the disk: it outlives the process, not the machine.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, Seek as _, SeekFrom, Write as _};
use std::sync::Arc;

use api_ratelimiter::{Event, Observer};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::fingerprint::Fingerprint;
use super::held::Lines;

/// Of this file's form.
pub(crate) const VERSION: u32 = 1;

/// As the end of a sentence.
const NO_JOURNAL: &str = "is no journal of apirl's";

/// A line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Entry {
    /// The first: what shapes the requests, as a fingerprint.
    Run { version: u32, settings: String },
    /// That many lines of the input were read, and this is their fingerprint.
    Read { lines: u64, hash: String },
    /// The request of that line may have been sent from now on, and may not be sent twice.
    Start(u64),
    /// It was not, or it was refused.
    Unsent(u64),
}

/// Open for more.
#[derive(Debug)]
pub(crate) struct Journal(Mutex<File>);

impl Journal {
    /// What stands behind that many bytes of `file` is cut off, and more is written there.
    pub(crate) fn after(mut file: File, bytes: u64) -> io::Result<Self> {
        file.set_len(bytes)?;
        file.seek(SeekFrom::Start(bytes))?;
        Ok(Self(Mutex::new(file)))
    }

    pub(crate) fn note(&self, entry: &Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        self.0.lock().write_all(&line)
    }
}

/// The entry of a request's context that names its line, where it may not be sent twice.
pub(crate) const ONCE: &str = "once";

/// 429: the request was not processed, whoever says so (RFC 6585, section 4).
const TOO_MANY_REQUESTS: u16 = 429;

/// Notes at once that a request was refused: it may wait long before it goes out again.
#[derive(Debug)]
pub(crate) struct Refusals {
    journal: Arc<Journal>,
    /// Statuses of which it is known that the request was not processed.
    not_processed: Vec<u16>,
}

impl Refusals {
    /// `also` are those of the API, besides 429.
    pub(crate) fn noted_in(journal: &Arc<Journal>, also: &[u16]) -> Self {
        Self {
            journal: Arc::clone(journal),
            not_processed: [also, &[TOO_MANY_REQUESTS]].concat(),
        }
    }
}

impl Observer for Refusals {
    fn on_event(&self, event: &Event) {
        let Event::Attempt {
            about,
            refused: true,
            status: Some(status),
            ..
        } = event
        else {
            return;
        };
        let line = about.context.get(ONCE).and_then(|n| n.parse().ok());
        if let Some(n) = line.filter(|_| self.not_processed.contains(status)) {
            // If it can't be noted, the outcome counts as unknown.
            let _ = self.journal.note(&Entry::Unsent(n));
        }
    }
}

/// A place in the input and the fingerprint of all lines up to there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) lines: u64,
    pub(crate) fingerprint: Fingerprint,
}

/// What earlier runs noted.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) settings: Option<String>,
    /// The last, and before it one in each [`MARK_EVERY`] lines.
    pub(crate) marks: VecDeque<Mark>,
    /// Begun and not known to be unsent.
    pub(crate) begun: Lines,
    /// Bytes up to the end of the last whole line.
    pub(crate) whole: u64,
}

/// Lines between two marks that are kept in memory, at least: an input that came line by line has a mark
/// for each.
const MARK_EVERY: u64 = 1024;

impl Notes {
    /// # Errors
    ///
    /// As the end of a sentence that begins with the file's name.
    pub(crate) fn read(mut from: impl BufRead) -> Result<Self, String> {
        let mut notes = Self::default();
        let mut line = Vec::new();
        loop {
            line.clear();
            from.read_until(b'\n', &mut line)
                .map_err(|error| format!("could not be read: {error}"))?;
            // A kill in the middle of a write leaves a line without its end; what it would have told of
            // did not happen.
            if line.last() != Some(&b'\n') {
                return Ok(notes);
            }
            notes.whole += line.len() as u64;
            let entry = serde_json::from_slice(&line).map_err(|_| NO_JOURNAL.to_owned())?;
            notes.add(entry)?;
        }
    }

    fn add(&mut self, entry: Entry) -> Result<(), String> {
        match entry {
            Entry::Run { version, .. } if version != VERSION => {
                return Err(format!("is of version {version}, this is for {VERSION}"));
            }
            Entry::Run { settings, .. } => self.settings = Some(settings),
            Entry::Read { lines, hash } => {
                let fingerprint = hash.parse().map_err(|_| NO_JOURNAL.to_owned())?;
                self.mark(Mark { lines, fingerprint });
            }
            Entry::Start(n) if n <= self.lines() => {
                self.begun.insert(n);
            }
            Entry::Start(_) => return Err(NO_JOURNAL.to_owned()),
            Entry::Unsent(n) => self.begun.remove(n),
        }
        Ok(())
    }

    fn mark(&mut self, mark: Mark) {
        let before_last = self.marks.iter().rev().nth(1).map_or(0, |mark| mark.lines);
        let is_near = self
            .marks
            .back()
            .is_some_and(|last| last.lines - before_last.min(last.lines) < MARK_EVERY);
        if is_near {
            self.marks.pop_back();
        }
        self.marks.push_back(mark);
    }

    /// Lines of the input that earlier runs have read.
    pub(crate) fn lines(&self) -> u64 {
        self.marks.back().map_or(0, |mark| mark.lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Notes, String> {
        Notes::read(text.as_bytes())
    }

    fn begun(notes: &Notes) -> Vec<u64> {
        (0..100).filter(|n| notes.begun.contains(*n)).collect()
    }

    const RUN: &str = "{\"run\":{\"version\":1,\"settings\":\"s\"}}\n";
    const READ: &str = "{\"read\":{\"lines\":9,\"hash\":\"00\"}}\n";

    #[test]
    fn a_torn_last_line_did_not_happen() {
        let notes = read(&format!("{RUN}{READ}{{\"start\":3}}\n{{\"start\":4")).expect("notes");
        assert_eq!(notes.settings.as_deref(), Some("s"));
        assert_eq!(begun(&notes), [3]);
        assert_eq!(notes.whole as usize, RUN.len() + READ.len() + 12);
    }

    #[test]
    fn begun_is_what_is_not_known_to_be_unsent() {
        let starts =
            "{\"start\":3}\n{\"start\":4}\n{\"unsent\":3}\n{\"unsent\":7}\n{\"start\":6}\n";
        let notes = read(&format!("{RUN}{READ}{starts}")).expect("notes");
        assert_eq!(begun(&notes), [4, 6]);
    }

    #[test]
    fn marks_are_thinned_and_the_last_is_kept() {
        let mut notes = Notes::default();
        for lines in 1..=5000 {
            let fingerprint = Fingerprint::of(&[1]);
            notes.mark(Mark { lines, fingerprint });
        }
        let lines: Vec<u64> = notes.marks.iter().map(|mark| mark.lines).collect();
        assert_eq!(lines, [1024, 2048, 3072, 4096, 5000]);
        assert_eq!(notes.lines(), 5000);
    }

    #[test]
    fn entries_are_read_as_they_were_written() {
        for entry in [
            Entry::Run {
                version: 1,
                settings: "x".into(),
            },
            Entry::Read {
                lines: 9,
                hash: Fingerprint::default().to_string(),
            },
            Entry::Start(1),
            Entry::Unsent(1),
        ] {
            let text = serde_json::to_string(&entry).expect("JSON");
            assert_eq!(
                serde_json::from_str::<Entry>(&text).expect("an entry"),
                entry
            );
        }
    }

    #[test]
    fn what_is_no_journal_is_refused() {
        assert!(read("hello\n").is_err());
        assert!(read("{\"start\":9000000000000}\n").is_err(), "never read");
        assert!(read("{\"read\":{\"lines\":1,\"hash\":\"xyz\"}}\n").is_err());
        let newer = RUN.replace("\"version\":1", "\"version\":2");
        assert!(read(&newer).expect_err("newer").contains("version 2"));
    }
}
