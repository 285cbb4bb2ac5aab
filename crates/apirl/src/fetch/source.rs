//! The lines of the input: numbered, fingerprinted, without those that are held.

use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::fingerprint::Fingerprint;
use super::halt::Reason;
use super::held::Lines;
use super::journal::{Entry, Journal, Mark};
use crate::failure::Failure;
use crate::input;

/// Longest line; beyond it a line is an error and is not kept in memory.
const LONGEST_LINE: usize = 16 * 1024 * 1024;

/// What is read at once, at most: so far is the journal ahead of what is worked on.
const BLOCK: usize = 64 * 1024;

/// A line that asks for something.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Its number, from 1; blank lines count.
    pub(crate) n: u64,
    /// `None` if it is too long.
    pub(crate) text: Option<Vec<u8>>,
}

/// The input as it is taken line by line.
pub(crate) struct Source {
    path: PathBuf,
    reader: BufReader<Box<dyn Read + Send>>,
    lines: u64,
    fingerprint: Fingerprint,
    /// What earlier runs have read, to be met again.
    marks: VecDeque<Mark>,
    held: Arc<Lines>,
    journal: Option<Arc<Journal>>,
    /// Read, noted, and waiting to be taken.
    ready: VecDeque<Line>,
    is_at_end: bool,
}

impl Source {
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let from: Box<dyn Read + Send> = if path.as_os_str() == "-" {
            Box::new(io::stdin())
        } else {
            let file = input::open_file(path).map_err(|error| input::unreadable(path, &error))?;
            Box::new(file)
        };
        Ok(Self::new(path, from))
    }

    fn new(path: &Path, from: Box<dyn Read + Send>) -> Self {
        Self {
            path: path.to_owned(),
            reader: BufReader::with_capacity(BLOCK, from),
            lines: 0,
            fingerprint: Fingerprint::default(),
            marks: VecDeque::new(),
            held: Arc::default(),
            journal: None,
            ready: VecDeque::new(),
            is_at_end: false,
        }
    }

    /// Goes on where earlier runs were: their lines must come again, and those that are held are skipped.
    pub(crate) fn after(mut self, marks: &VecDeque<Mark>, held: &Arc<Lines>) -> Self {
        self.marks.clone_from(marks);
        self.held = Arc::clone(held);
        self
    }

    /// Notes there what was read, before it is handed out.
    pub(crate) fn noted_in(mut self, journal: Option<&Arc<Journal>>) -> Self {
        self.journal = journal.cloned();
        self
    }

    /// How many lines there are to take, if it is a file that can be read twice; `None` for anything else.
    ///
    /// # Errors
    ///
    /// That of [`next`](Self::next): so a changed input is found before anything is sent.
    pub(crate) fn survey(
        path: &Path,
        marks: &VecDeque<Mark>,
        held: &Arc<Lines>,
    ) -> Result<Option<u64>, Failure> {
        let is_file = || std::fs::metadata(path).is_ok_and(|about| about.is_file());
        if path.as_os_str() == "-" || !is_file() {
            return Ok(None);
        }
        let mut source = Self::open(path)?.after(marks, held);
        let mut count = 0;
        while source.next().map_err(super::lines_are_bad)?.is_some() {
            count += 1;
        }
        Ok(Some(count))
    }

    /// The next line; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Line>, Reason> {
        while self.ready.is_empty() && !self.is_at_end {
            self.fill()?;
        }
        Ok(self.ready.pop_front())
    }

    /// Whether all lines have been taken.
    pub(crate) fn is_used_up(&self) -> bool {
        self.is_at_end && self.ready.is_empty()
    }

    /// Reads as much as is there without waiting, but at least a line, and up to the next mark where
    /// earlier runs have read: nothing is handed out that is not known to be the same.
    fn fill(&mut self) -> Result<(), Reason> {
        loop {
            let Some(text) = self
                .read_line()
                .map_err(|error| Reason::Input(input::unreadable(&self.path, &error)))?
            else {
                self.is_at_end = true;
                break;
            };
            let is_blank = text
                .as_ref()
                .is_some_and(|text| text.trim_ascii().is_empty());
            if !is_blank && !self.held.contains(self.lines) {
                let n = self.lines;
                self.ready.push_back(Line { n, text });
            }
            match self.marks.front() {
                Some(mark) if mark.lines > self.lines => {}
                Some(mark) if mark.fingerprint != self.fingerprint => return Err(self.changed()),
                Some(_) => {
                    self.marks.pop_front();
                    return Ok(());
                }
                None if self.reader.buffer().contains(&b'\n') => {}
                None => break,
            }
        }
        if !self.marks.is_empty() {
            return Err(self.changed());
        }
        match &self.journal {
            Some(journal) if !self.ready.is_empty() => journal
                .note(&Entry::Read {
                    lines: self.lines,
                    hash: self.fingerprint.to_string(),
                })
                .map_err(Reason::Output),
            _ => Ok(()),
        }
    }

    fn changed(&self) -> Reason {
        let shown = input::shown(&self.path);
        let problem = match self.marks.front() {
            Some(mark) if self.is_at_end => {
                format!(
                    "{shown} has fewer lines than the {} that were read of it",
                    mark.lines
                )
            }
            _ => format!(
                "{shown} is no longer the same: a line up to {} differs",
                self.lines
            ),
        };
        Reason::Input(Failure::usage(problem).hint(
            "give the same lines as before; more may follow them, or begin anew with another --output",
        ))
    }

    /// A line without its end; `Some(None)` if it is too long.
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
            self.fingerprint.add(part);
            if text.len() + part.len() > LONGEST_LINE {
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
        // The same whether the last line has an end or not, so that lines can be added.
        self.fingerprint.add(b"\n");
        if self.lines == 1 && text.starts_with(BYTE_ORDER_MARK) {
            text.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(Some((!is_too_long).then_some(text)))
    }
}

/// What some editors begin a file with.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        let bytes = text.as_bytes().to_vec();
        Source::new(Path::new("ids"), Box::new(io::Cursor::new(bytes)))
    }

    fn all(source: &mut Source) -> Vec<(u64, String)> {
        let mut lines = Vec::new();
        while let Some(line) = source.next().expect("a line") {
            let text = String::from_utf8(line.text.expect("short")).expect("text");
            lines.push((line.n, text));
        }
        lines
    }

    fn numbered(lines: &[(u64, &str)]) -> Vec<(u64, String)> {
        let owned = lines.iter().map(|(n, text)| (*n, (*text).to_owned()));
        owned.collect()
    }

    /// The mark at the end of `text`.
    fn mark(text: &str) -> VecDeque<Mark> {
        let mut source = source(text);
        all(&mut source);
        VecDeque::from([Mark {
            lines: source.lines,
            fingerprint: source.fingerprint,
        }])
    }

    #[test]
    fn blank_lines_are_skipped_and_counted() {
        let mut source = source("\u{feff}/a\n\n \t\r\n/b\n/c");
        let expected = numbered(&[(1, "/a"), (4, "/b"), (5, "/c")]);
        assert_eq!(all(&mut source), expected);
        assert!(source.is_used_up());
    }

    #[test]
    fn lines_may_be_added_behind_what_was_read() {
        for (before, now) in [("/a\n/b\n", "/a\n/b\n/c\n"), ("/a\n/b", "/a\n/b\n/c")] {
            let mut source = source(now).after(&mark(before), &Arc::default());
            assert_eq!(all(&mut source).len(), 3);
        }
    }

    #[test]
    fn a_changed_or_shorter_input_is_refused_before_a_line_is_handed_out() {
        for (before, now, said) in [
            ("/a\n/b\n", "/a\n/x\n", "no longer the same"),
            ("/a\n/b\n", "/a\n", "fewer lines"),
            ("/a\n/b", "/a\n/bc\n", "no longer the same"),
            ("/a\n", "", "fewer lines"),
        ] {
            let mut source = source(now).after(&mark(before), &Arc::default());
            let Err(Reason::Input(failure)) = source.next() else {
                panic!("{before:?} was taken for {now:?}");
            };
            assert!(failure.to_string().contains(said), "{failure}");
        }
    }

    #[test]
    fn a_line_too_long_for_memory_is_counted_and_not_kept() {
        let text = format!("/a\n{}\n/b\n", "x".repeat(LONGEST_LINE + 1));
        let mut source = source(&text);
        let mut next = || source.next().expect("readable").expect("a line");
        assert_eq!(next().n, 1);
        assert_eq!(next(), Line { n: 2, text: None });
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
        let mut source = Source::new(Path::new("-"), Box::new(Once(false)));
        assert_eq!(source.next().expect("readable").expect("a line").n, 1);
    }
}
