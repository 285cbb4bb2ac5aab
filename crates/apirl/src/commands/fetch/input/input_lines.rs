//! The lines of the input: numbered, hashed, without those that the output already has.

use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use api_ratelimiter_core::hash::Fnv64;

use super::journal::{Checkpoint, Journal, JournalEntry};
use super::line_set::LineSet;
use crate::commands::fetch::stop_reason::StopReason;
use crate::failure::Failure;
use crate::files;

/// Maximum length of a line. A longer one becomes an error and is not kept in memory.
const MAX_LINE: usize = 16 * 1024 * 1024;

/// The error of a line that is longer.
pub(crate) const TOO_LONG: &str = "the line is longer than 16 MiB";

/// Maximum bytes of one read. The journal is this far ahead of the lines that workers have taken.
const BLOCK: usize = 64 * 1024;

/// A line that is not blank.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct InputLine {
    /// Its number, from 1. Blank lines count.
    pub(crate) n: u64,
    /// `None` if it is too long.
    pub(crate) text: Option<Vec<u8>>,
}

/// The input, taken line by line.
pub(crate) struct InputLines {
    path: PathBuf,
    reader: BufReader<Box<dyn Read + Send>>,
    lines: u64,
    /// Hash of all lines so far.
    hash: Fnv64,
    /// Checkpoints of earlier runs. This run must read the same lines.
    checkpoints: VecDeque<Checkpoint>,
    /// Lines that the output has already. They are skipped.
    present: Arc<LineSet>,
    journal: Option<Arc<Journal>>,
    /// Lines that were read and noted, and that no worker has taken yet.
    ready: VecDeque<InputLine>,
    is_at_end: bool,
}

impl InputLines {
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let from: Box<dyn Read + Send> = if path.as_os_str() == "-" {
            Box::new(io::stdin())
        } else {
            let file = files::open_file(path).map_err(|error| files::unreadable(path, &error))?;
            Box::new(file)
        };
        Ok(Self::new(path, from))
    }

    fn new(path: &Path, from: Box<dyn Read + Send>) -> Self {
        Self {
            path: path.to_owned(),
            reader: BufReader::with_capacity(BLOCK, from),
            lines: 0,
            hash: Fnv64::new(),
            checkpoints: VecDeque::new(),
            present: Arc::default(),
            journal: None,
            ready: VecDeque::new(),
            is_at_end: false,
        }
    }

    /// Continues an earlier run: its lines must come again, and those in `present` are skipped.
    pub(crate) fn after(
        mut self,
        checkpoints: &VecDeque<Checkpoint>,
        present: &Arc<LineSet>,
    ) -> Self {
        self.checkpoints.clone_from(checkpoints);
        self.present = Arc::clone(present);
        self
    }

    /// Notes in the journal what was read, before workers can take it.
    pub(crate) fn noted_in(mut self, journal: Option<&Arc<Journal>>) -> Self {
        self.journal = journal.cloned();
        self
    }

    /// Returns the number of lines to fetch if the input is a file, which can be read twice. Returns `None` for
    /// anything else.
    ///
    /// # Errors
    ///
    /// Those of [`next`](Self::next): a changed input is found before anything is sent.
    pub(crate) fn count(
        path: &Path,
        checkpoints: &VecDeque<Checkpoint>,
        present: &Arc<LineSet>,
    ) -> Result<Option<u64>, Failure> {
        let is_file = || std::fs::metadata(path).is_ok_and(|about| about.is_file());
        if path.as_os_str() == "-" || !is_file() {
            return Ok(None);
        }
        let mut lines = Self::open(path)?.after(checkpoints, present);
        let mut count = 0;
        while lines
            .next()
            .map_err(StopReason::into_input_failure)?
            .is_some()
        {
            count += 1;
        }
        Ok(Some(count))
    }

    /// Returns the next line; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<InputLine>, StopReason> {
        while self.ready.is_empty() && !self.is_at_end {
            self.fill()?;
        }
        Ok(self.ready.pop_front())
    }

    /// Whether workers have taken all lines.
    pub(crate) fn is_used_up(&self) -> bool {
        self.is_at_end && self.ready.is_empty()
    }

    /// Reads what is available without waiting, but at least one line. Where an earlier run has read, it reads up to
    /// the next checkpoint: no line is handed out before it is known to be unchanged.
    fn fill(&mut self) -> Result<(), StopReason> {
        loop {
            // One line. Blank ones and those that the output has are only counted.
            let text = self.read_line();
            let unreadable = |error| StopReason::Input(files::unreadable(&self.path, &error));
            let Some(text) = text.map_err(unreadable)? else {
                self.is_at_end = true;
                break;
            };
            let is_blank = text
                .as_ref()
                .is_some_and(|text| text.trim_ascii().is_empty());
            if !is_blank && !self.present.contains(self.lines) {
                let n = self.lines;
                self.ready.push_back(InputLine { n, text });
            }

            // At a checkpoint the lines must equal those of the earlier run. Without one, continue while more is buffered.
            match self.checkpoints.front() {
                Some(checkpoint) if checkpoint.lines > self.lines => {}
                Some(checkpoint) if checkpoint.hash != self.hash => return Err(self.changed()),
                Some(_) => {
                    self.checkpoints.pop_front();
                    return Ok(());
                }
                None if self.reader.buffer().contains(&b'\n') => {}
                None => break,
            }
        }
        if !self.checkpoints.is_empty() {
            return Err(self.changed());
        }
        match &self.journal {
            Some(journal) if !self.ready.is_empty() => journal
                .note(&JournalEntry::Read {
                    lines: self.lines,
                    hash: self.hash.to_string(),
                })
                .map_err(StopReason::Journal),
            _ => Ok(()),
        }
    }

    /// The reason to stop at an input that is not the one of the earlier run.
    fn changed(&self) -> StopReason {
        let shown = files::shown(&self.path);
        let problem = match self.checkpoints.front() {
            Some(checkpoint) if self.is_at_end => {
                format!(
                    "{shown} has fewer lines than before: {} were read from it",
                    checkpoint.lines
                )
            }
            _ => format!(
                "{shown} has changed: one of its first {} lines differs",
                self.lines
            ),
        };
        StopReason::Input(Failure::usage(problem).hint(
            "give the same lines as before, to which more may be added, or start again with another --output",
        ))
    }

    /// Reads a line without its end; `None` at the end of the input, `Some(None)` if the line is too long.
    fn read_line(&mut self) -> io::Result<Option<Option<Vec<u8>>>> {
        let (mut text, mut is_there, mut is_too_long) = (Vec::new(), false, false);
        loop {
            let chunk = match self.reader.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                chunk => chunk?,
            };
            if chunk.is_empty() {
                break;
            }
            is_there = true;
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let part = &chunk[..end.unwrap_or(chunk.len())];
            self.hash.add(part);
            if text.len() + part.len() > MAX_LINE {
                (text, is_too_long) = (Vec::new(), true);
            }
            if !is_too_long {
                text.extend_from_slice(part);
            }
            let used = part.len() + usize::from(end.is_some());
            self.reader.consume(used);
            if end.is_some() {
                break;
            }
        }
        if !is_there {
            return Ok(None);
        }
        self.lines += 1;
        // Every line counts with an end, also the last one if it has none: then lines can be added after it.
        self.hash.add(b"\n");
        if self.lines == 1 && text.starts_with(BYTE_ORDER_MARK) {
            text.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(Some((!is_too_long).then_some(text)))
    }
}

/// Some editors put this at the start of a file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

#[cfg(test)]
mod tests {
    use super::*;

    fn input(text: &str) -> InputLines {
        let bytes = text.as_bytes().to_vec();
        InputLines::new(Path::new("ids"), Box::new(io::Cursor::new(bytes)))
    }

    fn all(input: &mut InputLines) -> Vec<(u64, String)> {
        let mut lines = Vec::new();
        while let Some(line) = input.next().expect("a line") {
            let text = String::from_utf8(line.text.expect("short")).expect("text");
            lines.push((line.n, text));
        }
        lines
    }

    fn numbered(lines: &[(u64, &str)]) -> Vec<(u64, String)> {
        let owned = lines.iter().map(|(n, text)| (*n, (*text).to_owned()));
        owned.collect()
    }

    /// The checkpoint at the end of `text`.
    fn checkpoint(text: &str) -> VecDeque<Checkpoint> {
        let mut input = input(text);
        all(&mut input);
        VecDeque::from([Checkpoint {
            lines: input.lines,
            hash: input.hash,
        }])
    }

    #[test]
    fn blank_lines_are_skipped_and_counted() {
        let mut input = input("\u{feff}/a\n\n \t\r\n/b\n/c");
        let expected = numbered(&[(1, "/a"), (4, "/b"), (5, "/c")]);
        assert_eq!(all(&mut input), expected);
        assert!(input.is_used_up());
    }

    #[test]
    fn lines_may_be_added_after_those_that_were_read() {
        for (before, now) in [("/a\n/b\n", "/a\n/b\n/c\n"), ("/a\n/b", "/a\n/b\n/c")] {
            let mut input = input(now).after(&checkpoint(before), &Arc::default());
            assert_eq!(all(&mut input).len(), 3);
        }
    }

    #[test]
    fn a_changed_or_shorter_input_is_refused_before_a_line_is_handed_out() {
        for (before, now, said) in [
            ("/a\n/b\n", "/a\n/x\n", "has changed"),
            ("/a\n/b\n", "/a\n", "fewer lines"),
            ("/a\n/b", "/a\n/bc\n", "has changed"),
            ("/a\n", "", "fewer lines"),
        ] {
            let mut input = input(now).after(&checkpoint(before), &Arc::default());
            let Err(StopReason::Input(failure)) = input.next() else {
                panic!("{now:?} passed for {before:?}");
            };
            assert!(failure.to_string().contains(said), "{failure}");
        }
    }

    #[test]
    fn a_line_too_long_for_memory_is_counted_and_not_kept() {
        let text = format!("/a\n{}\n/b\n", "x".repeat(MAX_LINE + 1));
        let mut input = input(&text);
        let mut next = || input.next().expect("readable").expect("a line");
        assert_eq!(next().n, 1);
        assert_eq!(next(), InputLine { n: 2, text: None });
        assert_eq!(next().n, 3);
    }

    #[test]
    fn a_line_is_handed_out_without_waiting_for_the_next() {
        struct Once(bool);
        impl Read for Once {
            fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
                assert!(!std::mem::replace(&mut self.0, true), "it would wait");
                to[..3].copy_from_slice(b"/a\n");
                Ok(3)
            }
        }
        let mut input = InputLines::new(Path::new("-"), Box::new(Once(false)));
        assert_eq!(input.next().expect("readable").expect("a line").n, 1);
    }
}
