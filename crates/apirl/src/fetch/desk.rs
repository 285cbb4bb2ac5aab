//! Where answers are put in order and written.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::halt::{Halt, Reason};

/// Takes answers from all workers and writes each with one call, so that nothing of it is left in a
/// buffer when the process is killed.
pub(crate) struct Desk {
    state: Mutex<State>,
    changed: Condvar,
    in_order: bool,
    /// Answers that are held back at most, and lines taken beyond the one whose turn it is.
    most_held: u64,
}

struct State {
    out: Box<dyn Write + Send>,
    /// Lines of which the work has begun.
    admitted: u64,
    /// The line whose turn it is.
    head: u64,
    /// Lines whose work is over.
    over: u64,
    kept: BTreeMap<u64, Kept>,
    held: u64,
    workers: usize,
    counts: Counts,
}

/// What came of a line whose turn has not come.
#[derive(Default)]
struct Kept {
    text: Vec<u8>,
    answers: u64,
    is_over: bool,
}

/// Lines by what came of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    /// Left for another run.
    pub(crate) undone: u64,
}

/// How a line's work ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Succeeded,
    Failed,
    Undone,
}

/// How often those who wait look whether the run is to end: an interrupt takes no lock that could be
/// held by whoever writes to a pipe that nobody reads.
const LOOK: Duration = Duration::from_millis(100);

impl Desk {
    pub(crate) fn new(out: Box<dyn Write + Send>, in_order: bool, concurrency: usize) -> Self {
        Self {
            state: Mutex::new(State {
                out,
                admitted: 0,
                head: 0,
                over: 0,
                kept: BTreeMap::new(),
                held: 0,
                workers: concurrency,
                counts: Counts::default(),
            }),
            changed: Condvar::new(),
            in_order,
            most_held: 4 * concurrency as u64,
        }
    }

    /// The turn of one more line, as soon as not too many are ahead of the one that is waited for.
    /// `None`: the run is to end.
    pub(crate) fn admit(&self, halt: &Halt) -> Option<u64> {
        let mut state = self.state.lock();
        while self.in_order && state.admitted - state.head >= self.most_held && !halt.is_on() {
            self.changed.wait_for(&mut state, LOOK);
        }
        if halt.is_on() {
            return None;
        }
        state.admitted += 1;
        Some(state.admitted - 1)
    }

    /// An answer of the line of that turn; with `end`, the last.
    pub(crate) fn deliver(&self, turn: u64, text: &[u8], end: Option<End>, halt: &Halt) {
        let mut state = self.state.lock();
        if !self.in_order {
            state.write(text, halt);
        } else {
            self.put(&mut state, turn, text, end.is_some(), halt);
        }
        if let Some(end) = end {
            state.over += 1;
            match end {
                End::Succeeded => state.counts.succeeded += 1,
                End::Failed => state.counts.failed += 1,
                End::Undone => state.counts.undone += 1,
            }
        }
        self.changed.notify_all();
    }

    fn put(
        &self,
        state: &mut MutexGuard<'_, State>,
        turn: u64,
        text: &[u8],
        is_over: bool,
        halt: &Halt,
    ) {
        // The end of a line takes no room of its own. Whose turn it is never waits here.
        while state.head != turn && state.held >= self.most_held && !halt.is_on() {
            self.changed.wait_for(state, LOOK);
        }
        if state.head != turn {
            let kept = state.kept.entry(turn).or_default();
            kept.text.extend_from_slice(text);
            kept.answers += 1;
            kept.is_over = is_over;
            state.held += 1;
            return;
        }
        state.write(text, halt);
        let mut head_is_over = is_over;
        while head_is_over {
            state.head += 1;
            let head = state.head;
            let Some(kept) = state.kept.remove(&head) else {
                return;
            };
            state.held -= kept.answers;
            state.write(&kept.text, halt);
            head_is_over = kept.is_over;
        }
    }

    /// A worker ends.
    pub(crate) fn leave(&self) {
        self.state.lock().workers -= 1;
        self.changed.notify_all();
    }

    /// Waits for a moment. Whether all work is over: nobody works any more, or the run is to end and what
    /// was begun has ended; a worker may then still wait for a line of input that never comes.
    pub(crate) fn is_over_after(&self, moment: Duration, halt: &Halt) -> bool {
        let mut state = self.state.lock();
        let is_over =
            |state: &State| state.workers == 0 || halt.is_on() && state.over == state.admitted;
        if !is_over(&state) {
            self.changed.wait_for(&mut state, moment);
        }
        is_over(&state)
    }

    pub(crate) fn counts(&self) -> Counts {
        self.state.lock().counts
    }
}

impl State {
    fn write(&mut self, text: &[u8], halt: &Halt) {
        // After a write that failed in the middle of a line nothing more would be readable.
        if text.is_empty() || matches!(halt.reason(), Some(Reason::Output(_))) {
            return;
        }
        let written = self.out.write_all(text).and_then(|()| self.out.flush());
        if let Err(error) = written {
            halt.because(Reason::Output(error));
            // Whatever the reason to end was, nothing is written behind half a line.
            self.out = Box::new(std::io::sink());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use super::*;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Paper {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().clone()).expect("text")
        }
    }

    fn desk(in_order: bool, concurrency: usize) -> (Desk, Paper, Halt) {
        let paper = Paper::default();
        let desk = Desk::new(Box::new(paper.clone()), in_order, concurrency);
        (desk, paper, Halt::default())
    }

    const OVER: Option<End> = Some(End::Succeeded);

    #[test]
    fn answers_are_written_in_the_order_of_their_lines() {
        let (desk, paper, halt) = desk(true, 1);
        for _ in 0..3 {
            desk.admit(&halt);
        }
        desk.deliver(2, b"c", OVER, &halt);
        desk.deliver(1, b"b1 ", None, &halt);
        assert_eq!(paper.text(), "");
        desk.deliver(0, b"a ", OVER, &halt);
        assert_eq!(paper.text(), "a b1 ");
        desk.deliver(1, b"b2 ", Some(End::Failed), &halt);
        assert_eq!(paper.text(), "a b1 b2 c");
        let counts = Counts {
            succeeded: 2,
            failed: 1,
            undone: 0,
        };
        assert_eq!(desk.counts(), counts);
    }

    #[test]
    fn unordered_answers_are_written_as_they_come() {
        let (desk, paper, halt) = desk(false, 1);
        for _ in 0..100 {
            assert!(desk.admit(&halt).is_some());
        }
        desk.deliver(99, b"z", OVER, &halt);
        assert_eq!(paper.text(), "z");
    }

    #[test]
    fn no_more_lines_are_taken_than_four_for_each_worker() {
        let (desk, _, halt) = desk(true, 2);
        for turn in 0..8 {
            assert_eq!(desk.admit(&halt), Some(turn));
        }
        for turn in 1..8 {
            desk.deliver(turn, b"x", OVER, &halt);
        }
        std::thread::scope(|threads| {
            let ninth = threads.spawn(|| desk.admit(&halt));
            assert_eq!(desk.state.lock().admitted, 8);
            desk.deliver(0, b"x", OVER, &halt);
            assert_eq!(ninth.join().expect("no panic"), Some(8));
        });
        assert_eq!(desk.state.lock().held, 0);
    }

    #[test]
    fn pages_ahead_of_their_turn_wait_when_too_many_are_held() {
        let (desk, paper, halt) = desk(true, 1);
        desk.admit(&halt);
        desk.admit(&halt);
        for _ in 0..4 {
            desk.deliver(1, b"p", None, &halt);
        }
        std::thread::scope(|threads| {
            let fifth = threads.spawn(|| desk.deliver(1, b"q", OVER, &halt));
            assert_eq!(desk.state.lock().held, 4);
            desk.deliver(0, b"h", OVER, &halt);
            fifth.join().expect("no panic");
        });
        assert_eq!(paper.text(), "hppppq");
    }

    #[test]
    fn an_end_wakes_who_waits_for_a_turn() {
        let (desk, _, halt) = desk(true, 1);
        for _ in 0..4 {
            desk.admit(&halt);
        }
        halt.because(Reason::Interrupted);
        assert_eq!(desk.admit(&halt), None);
        assert!(!desk.is_over_after(Duration::ZERO, &halt));
        for turn in 0..4 {
            desk.deliver(turn, b"", Some(End::Undone), &halt);
        }
        assert!(desk.is_over_after(Duration::ZERO, &halt));
    }

    #[test]
    fn nothing_is_written_behind_half_a_line() {
        struct Full(Paper, usize);
        impl Write for Full {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let room = self.1.min(bytes.len());
                self.1 -= room;
                if room == 0 {
                    return Err(io::ErrorKind::StorageFull.into());
                }
                self.0.write(&bytes[..room])
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let paper = Paper::default();
        let desk = Desk::new(Box::new(Full(paper.clone(), 5)), false, 1);
        let halt = Halt::default();
        halt.because(Reason::FailFast);
        for turn in 0..3 {
            desk.deliver(turn, b"abc", OVER, &halt);
        }
        assert_eq!(paper.text(), "abcab");
    }
}
