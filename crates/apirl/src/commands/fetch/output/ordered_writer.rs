//! Puts the responses of all workers in order and writes them.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::commands::fetch::stop_reason::{StopReason, StopSignal};

/// Takes responses from all workers and writes each with one call. No response is in a buffer when the process is
/// killed.
pub(crate) struct OrderedWriter {
    state: Mutex<WriterState>,
    changed: Condvar,
    in_order: bool,
    /// Maximum number of responses that are held back, and of lines that are taken beyond the one whose turn it is.
    max_held: u64,
}

struct WriterState {
    out: Box<dyn Write + Send>,
    /// Number of lines that workers have begun.
    admitted: u64,
    /// The line whose turn it is.
    head: u64,
    /// Number of lines that workers have ended.
    over: u64,
    /// Responses to lines whose turn has not come.
    held: BTreeMap<u64, HeldLine>,
    /// Number of these responses.
    held_count: u64,
    workers: usize,
    counts: LineCounts,
}

/// The output of a line whose turn has not come.
#[derive(Default)]
struct HeldLine {
    text: Vec<u8>,
    responses: u64,
    is_over: bool,
}

/// Numbers of lines by their outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LineCounts {
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    /// Left for another run.
    pub(crate) undone: u64,
}

/// How a line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineOutcome {
    Succeeded,
    Failed,
    Undone,
}

/// How often a waiting thread checks the stop signal. The signal can't wake it: the lock may be held by a thread that
/// writes to a pipe whose reader is slow.
const CHECK_EVERY: Duration = Duration::from_millis(100);

impl OrderedWriter {
    pub(crate) fn new(out: Box<dyn Write + Send>, in_order: bool, concurrency: usize) -> Self {
        Self {
            state: Mutex::new(WriterState {
                out,
                admitted: 0,
                head: 0,
                over: 0,
                held: BTreeMap::new(),
                held_count: 0,
                workers: concurrency,
                counts: LineCounts::default(),
            }),
            changed: Condvar::new(),
            in_order,
            max_held: 4 * concurrency as u64,
        }
    }

    /// Returns the turn of one more line. Waits while too many lines are ahead of the one whose turn it is. `None` means
    /// that the run stops.
    pub(crate) fn admit(&self, stop: &StopSignal) -> Option<u64> {
        let mut state = self.state.lock();
        while self.in_order && state.admitted - state.head >= self.max_held && !stop.is_given() {
            self.changed.wait_for(&mut state, CHECK_EVERY);
        }
        if stop.is_given() {
            return None;
        }
        state.admitted += 1;
        Some(state.admitted - 1)
    }

    /// Writes a response of the line with this turn, or holds it back. With an `outcome` it is the last of the line.
    pub(crate) fn write(
        &self,
        turn: u64,
        text: &[u8],
        outcome: Option<LineOutcome>,
        stop: &StopSignal,
    ) {
        let mut state = self.state.lock();
        if !self.in_order {
            state.write(text, stop);
        } else {
            self.write_in_order(&mut state, turn, text, outcome.is_some(), stop);
        }
        if let Some(outcome) = outcome {
            state.over += 1;
            match outcome {
                LineOutcome::Succeeded => state.counts.succeeded += 1,
                LineOutcome::Failed => state.counts.failed += 1,
                LineOutcome::Undone => state.counts.undone += 1,
            }
        }
        self.changed.notify_all();
    }

    fn write_in_order(
        &self,
        state: &mut MutexGuard<'_, WriterState>,
        turn: u64,
        text: &[u8],
        is_over: bool,
        stop: &StopSignal,
    ) {
        // Waits until there is room. The line whose turn it is never waits.
        while state.head != turn && state.held_count >= self.max_held && !stop.is_given() {
            self.changed.wait_for(state, CHECK_EVERY);
        }

        // Another line's turn: hold the response back.
        if state.head != turn {
            let held = state.held.entry(turn).or_default();
            held.text.extend_from_slice(text);
            held.responses += 1;
            held.is_over = is_over;
            state.held_count += 1;
            return;
        }

        // This line's turn. At its end come the lines after it that were held back.
        state.write(text, stop);
        let mut head_is_over = is_over;
        while head_is_over {
            state.head += 1;
            let head = state.head;
            let Some(held) = state.held.remove(&head) else {
                return;
            };
            state.held_count -= held.responses;
            state.write(&held.text, stop);
            head_is_over = held.is_over;
        }
    }

    /// Signs a worker off.
    pub(crate) fn leave(&self) {
        self.state.lock().workers -= 1;
        self.changed.notify_all();
    }

    /// Waits for `moment` and returns whether the run is over: either all workers have ended, or the run stops and all
    /// lines that were begun have ended. In the second case a worker may wait for a line of input that never comes.
    pub(crate) fn is_over_after(&self, moment: Duration, stop: &StopSignal) -> bool {
        let mut state = self.state.lock();
        let is_over = |state: &WriterState| {
            state.workers == 0 || stop.is_given() && state.over == state.admitted
        };
        if !is_over(&state) {
            self.changed.wait_for(&mut state, moment);
        }
        is_over(&state)
    }

    pub(crate) fn counts(&self) -> LineCounts {
        self.state.lock().counts
    }
}

impl WriterState {
    fn write(&mut self, text: &[u8], stop: &StopSignal) {
        // A failed write may have left a truncated line. Nothing may follow it.
        if text.is_empty() || matches!(stop.reason(), Some(StopReason::Output(_))) {
            return;
        }
        let written = self.out.write_all(text).and_then(|()| self.out.flush());
        if let Err(error) = written {
            stop.give(StopReason::Output(error));
            // The signal may have another reason, so the check above is not enough.
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
    struct SharedBuffer(Arc<Mutex<Vec<u8>>>);

    impl Write for SharedBuffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl SharedBuffer {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().clone()).expect("text")
        }
    }

    fn writer(in_order: bool, concurrency: usize) -> (OrderedWriter, SharedBuffer, StopSignal) {
        let buffer = SharedBuffer::default();
        let writer = OrderedWriter::new(Box::new(buffer.clone()), in_order, concurrency);
        (writer, buffer, StopSignal::default())
    }

    const OVER: Option<LineOutcome> = Some(LineOutcome::Succeeded);

    #[test]
    fn responses_are_written_in_the_order_of_their_lines() {
        let (writer, buffer, stop) = writer(true, 1);
        for _ in 0..3 {
            writer.admit(&stop);
        }
        writer.write(2, b"c", OVER, &stop);
        writer.write(1, b"b1 ", None, &stop);
        assert_eq!(buffer.text(), "");
        writer.write(0, b"a ", OVER, &stop);
        assert_eq!(buffer.text(), "a b1 ");
        writer.write(1, b"b2 ", Some(LineOutcome::Failed), &stop);
        assert_eq!(buffer.text(), "a b1 b2 c");
        let counts = LineCounts {
            succeeded: 2,
            failed: 1,
            undone: 0,
        };
        assert_eq!(writer.counts(), counts);
    }

    #[test]
    fn unordered_responses_are_written_as_they_arrive() {
        let (writer, buffer, stop) = writer(false, 1);
        for _ in 0..100 {
            assert!(writer.admit(&stop).is_some());
        }
        writer.write(99, b"z", OVER, &stop);
        assert_eq!(buffer.text(), "z");
    }

    #[test]
    fn no_more_lines_are_taken_than_four_for_each_worker() {
        let (writer, _, stop) = writer(true, 2);
        for turn in 0..8 {
            assert_eq!(writer.admit(&stop), Some(turn));
        }
        for turn in 1..8 {
            writer.write(turn, b"x", OVER, &stop);
        }
        std::thread::scope(|threads| {
            let ninth = threads.spawn(|| writer.admit(&stop));
            assert_eq!(writer.state.lock().admitted, 8);
            writer.write(0, b"x", OVER, &stop);
            assert_eq!(ninth.join().expect("no panic"), Some(8));
        });
        assert_eq!(writer.state.lock().held_count, 0);
    }

    #[test]
    fn pages_ahead_of_their_turn_wait_when_too_many_are_held() {
        let (writer, buffer, stop) = writer(true, 1);
        writer.admit(&stop);
        writer.admit(&stop);
        for _ in 0..4 {
            writer.write(1, b"p", None, &stop);
        }
        std::thread::scope(|threads| {
            let fifth = threads.spawn(|| writer.write(1, b"q", OVER, &stop));
            assert_eq!(writer.state.lock().held_count, 4);
            writer.write(0, b"h", OVER, &stop);
            fifth.join().expect("no panic");
        });
        assert_eq!(buffer.text(), "hppppq");
    }

    #[test]
    fn a_stop_wakes_threads_that_wait_for_a_turn() {
        let (writer, _, stop) = writer(true, 1);
        for _ in 0..4 {
            writer.admit(&stop);
        }
        stop.give(StopReason::Interrupted);
        assert_eq!(writer.admit(&stop), None);
        assert!(!writer.is_over_after(Duration::ZERO, &stop));
        for turn in 0..4 {
            writer.write(turn, b"", Some(LineOutcome::Undone), &stop);
        }
        assert!(writer.is_over_after(Duration::ZERO, &stop));
    }

    #[test]
    fn no_text_is_written_after_a_truncated_line() {
        struct Full(SharedBuffer, usize);
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
        let buffer = SharedBuffer::default();
        let writer = OrderedWriter::new(Box::new(Full(buffer.clone(), 5)), false, 1);
        let stop = StopSignal::default();
        stop.give(StopReason::FailFast);
        for turn in 0..3 {
            writer.write(turn, b"abc", OVER, &stop);
        }
        assert_eq!(buffer.text(), "abcab");
    }
}
