//! Puts the responses of all workers in order and writes them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::line_sink::LineSink;
use super::record::Record;
use crate::commands::fetch::stop_reason::{StopReason, StopSignal};

/// Takes responses from all workers and writes each at once. No response is in a buffer when the process is killed.
pub(crate) struct OrderedWriter {
    state: Mutex<WriterState>,
    changed: Condvar,
    in_order: bool,
    /// Maximum number of lines that are taken beyond the one whose turn it is.
    max_ahead: u64,
    /// Maximum size of all responses that are held back, in bytes.
    max_held: usize,
}

struct WriterState {
    out: LineSink,
    /// Number of lines that workers have begun.
    admitted: u64,
    /// The line whose turn it is.
    head: u64,
    /// Number of lines that workers have ended.
    over: u64,
    /// Responses to lines whose turn has not come.
    held: BTreeMap<u64, HeldLine>,
    /// Size of these responses in bytes.
    held_size: usize,
    /// Lines of which a part could not be written. Nothing more is written of them: their end would say that they are
    /// complete.
    lost: BTreeSet<u64>,
    workers: usize,
    counts: LineCounts,
}

/// The output of a line whose turn has not come.
#[derive(Default)]
struct HeldLine {
    records: Vec<Record>,
    outcome: Option<LineOutcome>,
}

/// Numbers of lines by their outcome. Those that are held back count, too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LineCounts {
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    /// Left for another run, or not written whole.
    pub(crate) undone: u64,
}

impl LineCounts {
    fn of(&mut self, outcome: LineOutcome) -> &mut u64 {
        match outcome {
            LineOutcome::Succeeded => &mut self.succeeded,
            LineOutcome::Failed => &mut self.failed,
            LineOutcome::Undone => &mut self.undone,
        }
    }
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
    /// Creates a writer for this number of workers, which holds back responses of up to `max_held` bytes in all.
    pub(crate) fn new(out: LineSink, in_order: bool, concurrency: usize, max_held: usize) -> Self {
        Self {
            state: Mutex::new(WriterState {
                out,
                admitted: 0,
                head: 0,
                over: 0,
                held: BTreeMap::new(),
                held_size: 0,
                lost: BTreeSet::new(),
                workers: concurrency,
                counts: LineCounts::default(),
            }),
            changed: Condvar::new(),
            in_order,
            max_ahead: 4 * concurrency as u64,
            max_held,
        }
    }

    /// Returns the turn of one more line. Waits while too many lines are ahead of the one whose turn it is. `None` means
    /// that the run stops.
    pub(crate) fn admit(&self, stop: &StopSignal) -> Option<u64> {
        let mut state = self.state.lock();
        while self.in_order && state.admitted - state.head >= self.max_ahead && !stop.is_given() {
            self.changed.wait_for(&mut state, CHECK_EVERY);
        }
        if stop.is_given() {
            return None;
        }
        state.admitted += 1;
        Some(state.admitted - 1)
    }

    /// Writes responses of the line with this turn, or holds them back. With an `outcome` they are its last.
    pub(crate) fn write(
        &self,
        turn: u64,
        records: Vec<Record>,
        outcome: Option<LineOutcome>,
        stop: &StopSignal,
    ) {
        let mut state = self.state.lock();
        if let Some(outcome) = outcome {
            *state.counts.of(outcome) += 1;
        }
        if !self.in_order {
            state.write(turn, &records, outcome, stop);
        } else {
            // Waits until there is room. The line whose turn it is never waits.
            let size = records.iter().map(Record::size).sum();
            let is_full = |state: &WriterState| {
                state.head != turn && state.held_size.saturating_add(size) > self.max_held
            };
            while is_full(&state) && !stop.is_given() {
                self.changed.wait_for(&mut state, CHECK_EVERY);
            }
            match state.head == turn {
                true => state.write_head(&records, outcome, stop),
                false => state.hold(turn, records, size, outcome),
            }
        }
        state.over += u64::from(outcome.is_some());
        self.changed.notify_all();
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
    /// Writes responses of the line whose turn it is. At its end come the lines after it that were held back.
    fn write_head(
        &mut self,
        records: &[Record],
        mut outcome: Option<LineOutcome>,
        stop: &StopSignal,
    ) {
        self.write(self.head, records, outcome, stop);
        while outcome.is_some() {
            self.head += 1;
            let Some(held) = self.held.remove(&self.head) else {
                return;
            };
            self.held_size -= held.records.iter().map(Record::size).sum::<usize>();
            self.write(self.head, &held.records, held.outcome, stop);
            outcome = held.outcome;
        }
    }

    fn hold(&mut self, turn: u64, records: Vec<Record>, size: usize, outcome: Option<LineOutcome>) {
        let held = self.held.entry(turn).or_default();
        held.records.extend(records);
        held.outcome = outcome;
        self.held_size += size;
    }

    /// Writes responses of a line. A line that can't be written whole counts as left for another run; those after it are
    /// written if they can be.
    fn write(
        &mut self,
        turn: u64,
        records: &[Record],
        outcome: Option<LineOutcome>,
        stop: &StopSignal,
    ) {
        if !records.is_empty()
            && !self.lost.contains(&turn)
            && let Err(error) = self.out.add(records)
        {
            stop.give(StopReason::Output(error));
            self.lost.insert(turn);
        }
        if let Some(outcome) = outcome.filter(|_| self.lost.remove(&turn)) {
            *self.counts.of(outcome) -= 1;
            self.counts.undone += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::Arc;

    use super::*;
    use crate::commands::fetch::input::request_line::LineLabel;
    use crate::commands::fetch::output::record::{self, Effort};

    /// A stream that remembers what was written, up to a number of bytes in one write.
    #[derive(Clone)]
    struct SharedBuffer(Arc<Mutex<Vec<u8>>>, usize);

    impl Write for SharedBuffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if bytes.len() > self.1 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.0.lock().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl SharedBuffer {
        /// Returns the texts of the lines, one after the other.
        fn text(&self) -> String {
            let text = String::from_utf8(self.0.lock().clone()).expect("text");
            let lines = text.lines().map(serde_json::from_str::<serde_json::Value>);
            let texts = lines.map(|line| line.expect("JSON")["error"].as_str().map(str::to_owned));
            texts.map(|text| text.expect("a text")).collect()
        }
    }

    /// Returns a line of output with this text.
    fn line(text: &str) -> Vec<Record> {
        vec![record::failed(
            &LineLabel::new(1),
            None,
            text,
            Effort::default(),
        )]
    }

    /// Size of a line of output with a short text.
    fn size() -> usize {
        line("x")[0].size()
    }

    fn writer(in_order: bool, concurrency: usize) -> (OrderedWriter, SharedBuffer, StopSignal) {
        let buffer = SharedBuffer(Arc::default(), usize::MAX);
        let out = LineSink::stream(buffer.clone());
        let writer = OrderedWriter::new(out, in_order, concurrency, 4 * size());
        (writer, buffer, StopSignal::default())
    }

    const OVER: Option<LineOutcome> = Some(LineOutcome::Succeeded);

    #[test]
    fn responses_are_written_in_the_order_of_their_lines() {
        let (writer, buffer, stop) = writer(true, 1);
        for _ in 0..3 {
            writer.admit(&stop);
        }
        writer.write(2, line("c"), OVER, &stop);
        writer.write(1, line("b1 "), None, &stop);
        assert_eq!(buffer.text(), "");
        assert_eq!(writer.counts().succeeded, 1, "it counts when it arrives");
        writer.write(0, line("a "), OVER, &stop);
        assert_eq!(buffer.text(), "a b1 ");
        writer.write(1, line("b2 "), Some(LineOutcome::Failed), &stop);
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
        writer.write(99, line("z"), OVER, &stop);
        assert_eq!(buffer.text(), "z");
    }

    #[test]
    fn no_more_lines_are_taken_than_four_for_each_worker() {
        let (writer, _, stop) = writer(true, 2);
        for turn in 0..8 {
            assert_eq!(writer.admit(&stop), Some(turn));
        }
        for turn in 1..5 {
            writer.write(turn, line("x"), OVER, &stop);
        }
        std::thread::scope(|threads| {
            let ninth = threads.spawn(|| writer.admit(&stop));
            assert_eq!(writer.state.lock().admitted, 8);
            writer.write(0, line("x"), OVER, &stop);
            assert_eq!(ninth.join().expect("no panic"), Some(8));
        });
        assert_eq!(writer.state.lock().held_size, 0);
    }

    #[test]
    fn responses_ahead_of_their_turn_wait_when_those_held_back_are_too_large() {
        let (writer, buffer, stop) = writer(true, 1);
        writer.admit(&stop);
        writer.admit(&stop);
        for _ in 0..4 {
            writer.write(1, line("p"), None, &stop);
        }
        std::thread::scope(|threads| {
            let fifth = threads.spawn(|| writer.write(1, line("q"), OVER, &stop));
            assert_eq!(writer.state.lock().held_size, 4 * size());
            writer.write(0, line("h"), OVER, &stop);
            fifth.join().expect("no panic");
        });
        assert_eq!(buffer.text(), "hppppq");
    }

    #[test]
    fn a_response_larger_than_the_bound_waits_for_its_turn_and_is_written() {
        let (writer, buffer, stop) = writer(true, 2);
        writer.admit(&stop);
        writer.admit(&stop);
        let long = "x".repeat(5 * size());
        std::thread::scope(|threads| {
            let second = threads.spawn(|| writer.write(1, line(&long), OVER, &stop));
            assert_eq!(writer.state.lock().held_size, 0);
            writer.write(0, line("h"), OVER, &stop);
            second.join().expect("no panic");
        });
        assert_eq!(buffer.text(), format!("h{long}"));
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
            writer.write(turn, Vec::new(), Some(LineOutcome::Undone), &stop);
        }
        assert!(writer.is_over_after(Duration::ZERO, &stop));
    }

    #[test]
    fn a_response_that_is_not_written_is_not_counted_and_nothing_follows_it_in_a_pipe() {
        let buffer = SharedBuffer(Arc::default(), 1000);
        let out = LineSink::stream(buffer.clone());
        let writer = OrderedWriter::new(out, false, 1, 4 * size());
        let stop = StopSignal::default();
        stop.give(StopReason::FailFast);
        let long = "x".repeat(2000);
        for (turn, text) in ["a", &long, "b"].into_iter().enumerate() {
            writer.write(turn as u64, line(text), OVER, &stop);
        }
        assert_eq!(buffer.text(), "a");
        let counts = writer.counts();
        assert_eq!((counts.succeeded, counts.undone), (1, 2));
    }
}
