//! Reads an output that an earlier run has written.

use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::commands::fetch::input::line_set::LineSet;

/// The content of an existing output.
#[derive(Debug, Default)]
pub(crate) struct ExistingOutput {
    /// Input lines whose output is complete.
    pub(crate) present: LineSet,
    /// Those of them that failed.
    pub(crate) failed: LineSet,
    /// Those of them that failed without a response.
    pub(crate) unanswered: LineSet,
    /// Whether the lines are in the order of the input.
    pub(crate) is_sorted: bool,
    /// Whether there are also pages of collections that were not followed to their end.
    pub(crate) has_fragments: bool,
    /// Number of bytes up to the end of the last whole line.
    pub(crate) whole: u64,
}

/// The beginning of every output.
pub(crate) const BEGINNING: &[u8] = b"{\"n\":";

/// The members of a line of output that are needed here.
#[derive(Deserialize)]
struct OutputLine {
    n: u64,
    status: Option<u16>,
    error: Option<IgnoredAny>,
    /// Only lines of collections have it.
    last: Option<bool>,
}

impl OutputLine {
    fn is_end(&self) -> bool {
        self.last != Some(false)
    }

    /// Whether it has an error in place of a response.
    fn is_unanswered(&self) -> bool {
        self.error.is_some()
    }

    fn is_failure(&self) -> bool {
        self.error.is_some() || self.status.is_some_and(|status| status >= 400)
    }
}

/// Reads an output. `lines` is the number of input lines that earlier runs have read.
///
/// # Errors
///
/// Says what is wrong with it, as the end of a sentence that begins with the file's name.
pub(crate) fn read_output(from: impl BufRead, lines: u64) -> Result<ExistingOutput, String> {
    let mut existing = ExistingOutput {
        is_sorted: true,
        ..ExistingOutput::default()
    };
    let mut before = 0;
    // Collections whose last page has not been seen.
    let mut open = BTreeSet::new();
    let whole = for_each_line(from, |number, line| {
        if line.n == 0 || line.n > lines {
            return Err(format!(
                "has n = {} in line {number}, but {lines} lines of the input were read",
                line.n
            ));
        }
        existing.is_sorted &= before <= line.n;
        before = line.n;
        if !line.is_end() {
            open.insert(line.n);
            return Ok(());
        }
        open.remove(&line.n);
        if existing.present.insert(line.n) {
            if line.is_failure() {
                existing.failed.insert(line.n);
            }
            if line.is_unanswered() {
                existing.unanswered.insert(line.n);
            }
            return Ok(());
        }
        Err(format!("has n = {} twice, again in line {number}", line.n))
    })?;
    existing.has_fragments = !open.is_empty();
    existing.whole = whole;
    Ok(existing)
}

/// Copies the lines of output that belong to `present`.
pub(crate) fn copy(
    mut from: impl BufRead,
    present: &LineSet,
    to: &mut impl Write,
) -> io::Result<()> {
    let mut text = Vec::new();
    loop {
        text.clear();
        from.read_until(b'\n', &mut text)?;
        if text.last() != Some(&b'\n') {
            return Ok(());
        }
        if parse(&text).is_some_and(|line| present.contains(line.n)) {
            to.write_all(&text)?;
        }
    }
}

/// Whether the lines of an output are in the order of the input.
pub(crate) fn is_sorted(from: impl BufRead) -> bool {
    let mut before = 0;
    let read = for_each_line(from, |_, line| match before <= line.n {
        true => {
            before = line.n;
            Ok(())
        }
        false => Err(String::new()),
    });
    read.is_ok()
}

/// Copies all lines in the order of the input. It keeps 16 bytes for each line in memory.
pub(crate) fn copy_in_order(from: impl Read + Seek, to: &mut impl Write) -> io::Result<()> {
    let (mut from, mut text) = (BufReader::new(from), Vec::new());
    let (mut places, mut at) = (Vec::new(), 0_u64);
    let next_line = |from: &mut BufReader<_>, text: &mut Vec<u8>| {
        text.clear();
        from.read_until(b'\n', text)
    };
    while next_line(&mut from, &mut text)? > 0 {
        let line = parse(&text).ok_or(io::ErrorKind::InvalidData)?;
        places.push((line.n, at));
        at += text.len() as u64;
    }
    places.sort_unstable();

    let mut at = from.seek(SeekFrom::Start(0))?;
    for (_, place) in places {
        // Neighbours are mostly in the buffer already.
        from.seek_relative(
            i64::try_from(place).unwrap_or(i64::MAX) - i64::try_from(at).unwrap_or(i64::MAX),
        )?;
        let length = next_line(&mut from, &mut text)?;
        at = place + length as u64;
        to.write_all(&text)?;
    }
    Ok(())
}

fn parse(text: &[u8]) -> Option<OutputLine> {
    serde_json::from_slice(text).ok()
}

/// Calls `take` with each line and its number in the file. Returns the number of bytes of all whole lines: the last
/// line may be truncated.
fn for_each_line(
    mut from: impl BufRead,
    mut take: impl FnMut(u64, OutputLine) -> Result<(), String>,
) -> Result<u64, String> {
    let (mut text, mut whole) = (Vec::new(), 0);
    for number in 1.. {
        text.clear();
        from.read_until(b'\n', &mut text)
            .map_err(|error| format!("could not be read: {error}"))?;
        if text.last() != Some(&b'\n') {
            break;
        }
        whole += text.len() as u64;
        match parse(&text) {
            Some(line) => take(number, line)?,
            None => {
                return Err(format!(
                    "is not an output of apirl: line {number} is invalid"
                ));
            }
        }
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn present(text: &str) -> (Vec<u64>, bool) {
        let existing = read_output(text.as_bytes(), 200).expect("an output");
        let present = (0..=300)
            .filter(|n| existing.present.contains(*n))
            .collect();
        (present, existing.has_fragments)
    }

    #[test]
    fn responses_and_errors_count_and_a_truncated_line_does_not() {
        let text = "{\"n\":200,\"body\":[]}\n{\"n\":64,\"error\":\"x\"}\n{\"n\":3}";
        assert_eq!(present(text), (vec![64, 200], false));
        let existing = read_output(text.as_bytes(), 200).expect("an output");
        assert_eq!(existing.whole as usize, text.len() - "{\"n\":3}".len());
        let text =
            "{\"n\":1,\"status\":399}\n{\"n\":2,\"status\":400}\n{\"n\":3,\"error\":\"x\"}\n";
        let existing = read_output(text.as_bytes(), 9).expect("an output");
        assert_eq!(existing.failed.iter().collect::<Vec<_>>(), [2, 3]);
        assert_eq!(existing.unanswered.iter().collect::<Vec<_>>(), [3]);
        assert!(existing.is_sorted);
        assert_eq!(present(""), (vec![], false));
    }

    #[test]
    fn a_collection_counts_with_its_last_page_or_its_error() {
        let text = "{\"n\":1,\"last\":false}\n{\"n\":2,\"last\":false}\n{\"n\":1,\"last\":true}\n";
        assert_eq!(present(text), (vec![1], true));
        let text = format!("{text}{{\"n\":2,\"error\":\"broken\"}}\n");
        assert_eq!(present(&text), (vec![1, 2], false));
    }

    #[test]
    fn a_copy_excludes_unfinished_collections() {
        let text =
            "{\"n\":1,\"last\":false}\n{\"n\":2,\"last\":false}\n{\"n\":1,\"last\":true}\n{\"n\":7";
        let existing = read_output(text.as_bytes(), 9).expect("an output");
        let mut copied = Vec::new();
        copy(text.as_bytes(), &existing.present, &mut copied).expect("memory has room");
        let expected = "{\"n\":1,\"last\":false}\n{\"n\":1,\"last\":true}\n";
        assert_eq!(String::from_utf8(copied).expect("text"), expected);
    }

    #[test]
    fn a_copy_in_order_keeps_the_order_of_pages() {
        let line = |n: u64, page: u64| {
            format!(
                "{{\"n\":{n},\"page\":{page},\"last\":false,\"body\":\"{}\"}}\n",
                "x".repeat(5000)
            )
        };
        let mixed = [(3, 1), (1, 1), (3, 2), (2, 1), (1, 2)];
        let text: String = mixed.iter().map(|(n, page)| line(*n, *page)).collect();
        assert!(
            !read_output(text.as_bytes(), 9)
                .expect("an output")
                .is_sorted
        );
        let mut copied = Vec::new();
        copy_in_order(io::Cursor::new(text), &mut copied).expect("memory has room");
        let sorted = [(1, 1), (1, 2), (2, 1), (3, 1), (3, 2)];
        let expected: String = sorted.iter().map(|(n, page)| line(*n, *page)).collect();
        assert!(is_sorted(copied.as_slice()));
        assert!(String::from_utf8(copied).expect("text") == expected);
    }

    #[test]
    fn a_file_that_no_run_of_this_input_wrote_is_refused() {
        for (text, part) in [
            ("hello\n", "line 1"),
            ("{\"n\":1}\n{\"id\":1}\n", "line 2"),
            ("{\"n\":201}\n", "n = 201"),
            ("{\"n\":18446744073709551615}\n", "n = "),
            ("{\"n\":5}\n{\"n\":5}\n", "twice"),
        ] {
            let problem = read_output(text.as_bytes(), 200).expect_err(text);
            assert!(problem.contains(part), "{problem}");
        }
    }
}
