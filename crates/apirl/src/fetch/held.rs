//! What an output holds already.

use std::io::{self, BufRead, Write};

use serde::Deserialize;
use serde::de::IgnoredAny;

/// Lines of the input by their numbers: a bit for each.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lines {
    bits: Vec<u64>,
    count: u64,
}

impl Lines {
    /// Whether it was not there before.
    pub(crate) fn insert(&mut self, n: u64) -> bool {
        let (word, bit) = Self::place(n);
        if self.bits.len() <= word {
            self.bits.resize(word + 1, 0);
        }
        let is_new = self.bits[word] & bit == 0;
        self.bits[word] |= bit;
        self.count += u64::from(is_new);
        is_new
    }

    pub(crate) fn remove(&mut self, n: u64) {
        let (word, bit) = Self::place(n);
        if let Some(bits) = self.bits.get_mut(word) {
            self.count -= u64::from(*bits & bit != 0);
            *bits &= !bit;
        }
    }

    pub(crate) fn contains(&self, n: u64) -> bool {
        let (word, bit) = Self::place(n);
        self.bits.get(word).is_some_and(|bits| bits & bit != 0)
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    fn place(n: u64) -> (usize, u64) {
        (
            usize::try_from(n / 64).unwrap_or(usize::MAX - 1),
            1 << (n % 64),
        )
    }
}

/// What is found in an output.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Of these everything is there.
    pub(crate) held: Lines,
    /// How many of these failed.
    pub(crate) failed: u64,
    /// Whether anything else is, too: pages of collections that were not walked to their end.
    pub(crate) has_scraps: bool,
    /// Bytes up to the end of the last whole line.
    pub(crate) whole: u64,
}

/// What is looked at of a line.
#[derive(Deserialize)]
struct Line {
    n: u64,
    status: Option<u16>,
    error: Option<IgnoredAny>,
    /// There only in lines of collections.
    last: Option<bool>,
}

impl Line {
    fn is_end(&self) -> bool {
        self.last != Some(false)
    }

    fn is_failure(&self) -> bool {
        self.error.is_some() || self.status.is_some_and(|status| status >= 400)
    }
}

/// Looks through an output; `lines`: as many lines of the input are known to have been read.
///
/// # Errors
///
/// As the end of a sentence that begins with the file's name.
pub(crate) fn find(from: impl BufRead, lines: u64) -> Result<Found, String> {
    let mut found = Found::default();
    // Collections of which a page, but not yet the last, has been seen.
    let mut open = std::collections::BTreeSet::new();
    let whole = each(from, |number, line| {
        if line.n == 0 || line.n > lines {
            return Err(format!(
                "has n = {} in line {number}, but {lines} lines of the input were read",
                line.n
            ));
        }
        if !line.is_end() {
            open.insert(line.n);
            return Ok(());
        }
        open.remove(&line.n);
        if found.held.insert(line.n) {
            found.failed += u64::from(line.is_failure());
            return Ok(());
        }
        Err(format!("has n = {} twice, again in line {number}", line.n))
    })?;
    found.has_scraps = !open.is_empty();
    found.whole = whole;
    Ok(found)
}

/// Copies the lines of which everything is there.
pub(crate) fn copy(mut from: impl BufRead, held: &Lines, to: &mut impl Write) -> io::Result<()> {
    let mut text = Vec::new();
    loop {
        text.clear();
        from.read_until(b'\n', &mut text)?;
        if text.last() != Some(&b'\n') {
            return Ok(());
        }
        if read(&text).is_some_and(|line| held.contains(line.n)) {
            to.write_all(&text)?;
        }
    }
}

fn read(text: &[u8]) -> Option<Line> {
    serde_json::from_slice(text).ok()
}

/// `take` gets each line's number in the file and what it says; how many bytes these are, without a last
/// line that breaks off.
fn each(
    mut from: impl BufRead,
    mut take: impl FnMut(u64, Line) -> Result<(), String>,
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
        match read(&text) {
            Some(line) => take(number, line)?,
            None => return Err(format!("has no line of apirl's in line {number}")),
        }
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(text: &str) -> (Vec<u64>, bool) {
        let found = find(text.as_bytes(), 200).expect("an output");
        let held = (0..=300).filter(|n| found.held.contains(*n)).collect();
        (held, found.has_scraps)
    }

    #[test]
    fn answers_and_errors_are_held_and_half_a_line_is_not() {
        let text = "{\"n\":200,\"body\":[]}\n{\"n\":64,\"error\":\"x\"}\n{\"n\":3}";
        assert_eq!(held(text), (vec![64, 200], false));
        let found = find(text.as_bytes(), 200).expect("an output");
        assert_eq!(found.whole as usize, text.len() - "{\"n\":3}".len());
        let text =
            "{\"n\":1,\"status\":399}\n{\"n\":2,\"status\":400}\n{\"n\":3,\"error\":\"x\"}\n";
        assert_eq!(find(text.as_bytes(), 9).expect("an output").failed, 2);
        assert_eq!(held(""), (vec![], false));
    }

    #[test]
    fn a_collection_is_held_with_its_last_page_or_its_error() {
        let text = "{\"n\":1,\"last\":false}\n{\"n\":2,\"last\":false}\n{\"n\":1,\"last\":true}\n";
        assert_eq!(held(text), (vec![1], true));
        let text = format!("{text}{{\"n\":2,\"error\":\"broken\"}}\n");
        assert_eq!(held(&text), (vec![1, 2], false));
    }

    #[test]
    fn scraps_are_left_out_of_a_copy() {
        let text =
            "{\"n\":1,\"last\":false}\n{\"n\":2,\"last\":false}\n{\"n\":1,\"last\":true}\n{\"n\":7";
        let found = find(text.as_bytes(), 9).expect("an output");
        let mut copied = Vec::new();
        copy(text.as_bytes(), &found.held, &mut copied).expect("memory has room");
        let expected = "{\"n\":1,\"last\":false}\n{\"n\":1,\"last\":true}\n";
        assert_eq!(String::from_utf8(copied).expect("text"), expected);
    }

    #[test]
    fn what_no_run_of_this_input_wrote_is_refused() {
        for (text, part) in [
            ("hello\n", "line 1"),
            ("{\"n\":1}\n{\"id\":1}\n", "line 2"),
            ("{\"n\":201}\n", "n = 201"),
            ("{\"n\":18446744073709551615}\n", "n = "),
            ("{\"n\":5}\n{\"n\":5}\n", "twice"),
        ] {
            let problem = find(text.as_bytes(), 200).expect_err(text);
            assert!(problem.contains(part), "{problem}");
        }
    }
}
