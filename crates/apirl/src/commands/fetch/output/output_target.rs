//! The output: new, or left by an earlier run.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::existing_output::{self, ExistingOutput};
use super::line_sink::LineSink;
use super::rewriting::{self, clean, refuse_other};
use crate::commands::fetch::input::journal::{
    BEGINNING, Checkpoint, Journal, JournalContent, JournalEntry, VERSION,
};
use crate::commands::fetch::input::line_set::LineSet;
use crate::commands::fetch::line_file::LineFile;
use crate::failure::Failure;
use crate::files::{unreadable, unwritable};
use crate::terminal::say;

/// Where responses are written, and what earlier runs have left there.
pub(crate) struct OutputTarget {
    pub(crate) out: LineSink,
    /// `None` if the output is not a file: what went into a pipe can't be read again.
    pub(crate) journal: Option<Arc<Journal>>,
    /// Input lines whose output is complete.
    pub(crate) present: Arc<LineSet>,
    /// How many of these failed.
    pub(crate) failed: u64,
    /// Lines whose request may have been sent, and may not be sent twice.
    pub(crate) started: LineSet,
    pub(crate) checkpoints: VecDeque<Checkpoint>,
    /// Whether lines of this run may belong between those of earlier runs.
    pub(crate) has_gaps: bool,
}

/// What a run does with an output that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    /// Refuse it.
    Refuse,
    /// Keep its lines and add those that are missing.
    Continue,
    /// As `Continue`, but its failed lines count as missing. A request of unknown outcome that may not be sent twice
    /// stays failed, unless `any`.
    RetryFailed { any: bool },
}

impl OutputTarget {
    /// A target without an earlier run.
    fn empty(out: LineSink) -> Self {
        Self {
            out,
            journal: None,
            present: Arc::default(),
            failed: 0,
            started: LineSet::default(),
            checkpoints: VecDeque::new(),
            has_gaps: false,
        }
    }
}

/// Opens the output. `settings` is a hash of the flags that shape the requests.
pub(crate) fn open(
    output: &Path,
    existing: Existing,
    settings: &str,
) -> Result<OutputTarget, Failure> {
    let resume = existing != Existing::Refuse;
    // Standard output and pipes have no journal.
    let is_pipe = fs::metadata(output).is_ok_and(|about| !about.is_file());
    if output.as_os_str() == "-" || is_pipe {
        if resume {
            return Err(Failure::usage("only a file can be resumed").hint("give --output FILE"));
        }
        if output.as_os_str() == "-" {
            return Ok(OutputTarget::empty(LineSink::stream(io::stdout())));
        }
        let out = OpenOptions::new().write(true).open(output);
        let out = out.map_err(unwritable(output))?;
        return Ok(OutputTarget::empty(LineSink::stream(out)));
    }

    // A file with content is continued or refused, never overwritten.
    let output = &real(output);
    let may_begin = is_new(output);
    if !resume && !may_begin {
        return Err(not_empty(output));
    }

    // Open and lock the journal before anything is read or written.
    let path = journal_beside(output);
    let mut file = match open_journal(&path, may_begin) {
        Ok(file) => file,
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(unwritable(&path)(error));
        }
        Err(error) if may_begin => return Err(unwritable(output)(error)),
        Err(_) => return Err(without_journal(output)),
    };
    lock(&file, output)?;
    refuse_other(&path, &mut file, "a journal", BEGINNING)?;

    // Continue if the journal has an earlier run.
    if resume {
        let content = JournalContent::read(BufReader::new(&file)).map_err(|problem| {
            Failure::usage(format_args!("{} {problem}", path.display()))
                .hint("without it no request may be sent again; start again with another --output")
        })?;
        if content.settings.is_some() {
            let journal = Journal::after(file, content.whole).map_err(unwritable(&path))?;
            return continue_run(output, journal, content, settings, existing);
        }
    }
    // Begin. Checks once more: another run may have written before this one got the lock.
    match (is_new(output), resume) {
        (true, _) => begin(output, file, settings),
        (false, true) => Err(without_journal(output)),
        (false, false) => Err(not_empty(output)),
    }
}

/// Whether the output is missing or empty.
fn is_new(output: &Path) -> bool {
    match fs::metadata(output) {
        Ok(about) => about.len() == 0,
        Err(_) => !output.exists(),
    }
}

fn not_empty(output: &Path) -> Failure {
    Failure::usage(format_args!("{} is not empty", output.display()))
        .hint("--resume continues it; to start again remove it, or give another --output")
}

fn without_journal(output: &Path) -> Failure {
    Failure::usage(format_args!(
        "{} can't be resumed: {} is missing or empty",
        output.display(),
        journal_beside(output).display()
    ))
    .hint("`apirl fetch` writes that file next to its output; start again with another --output")
}

/// Fails if the output is the input: responses would be read as lines.
pub(crate) fn refuse_input(input: &Path, output: &Path) -> Result<(), Failure> {
    let file_of = |path: &Path| match path.as_os_str() == "-" {
        true => None,
        false => fs::canonicalize(path).ok().filter(|path| path.is_file()),
    };
    match file_of(output) {
        Some(file) if file_of(input).as_ref() == Some(&file) => Err(Failure::usage(format_args!(
            "the output, {}, is the input",
            output.display()
        ))
        .hint("give another --output")),
        _ => Ok(()),
    }
}

/// Returns the path of the journal of an output. The output may be a link.
pub(crate) fn journal_of(output: &Path) -> PathBuf {
    journal_beside(&real(output))
}

/// Follows links: a link's target is replaced, not the link. The target may be missing.
fn real(output: &Path) -> PathBuf {
    if let Ok(real) = fs::canonicalize(output) {
        return real;
    }
    let mut path = output.to_owned();
    for _ in 0..MOST_LINKS {
        let Ok(target) = fs::read_link(&path) else {
            break;
        };
        path = path.parent().unwrap_or(Path::new("")).join(target);
    }
    // The directory of a target may lie behind links, too.
    match (path.parent().map(fs::canonicalize), path.file_name()) {
        (Some(Ok(directory)), Some(name)) if path != output => directory.join(name),
        _ => path,
    }
}

/// Maximum number of links in a row, as on Linux.
const MOST_LINKS: u32 = 40;

/// Returns the path of the journal.
fn journal_beside(output: &Path) -> PathBuf {
    let mut name = OsString::from(output);
    name.push(".apirl");
    name.into()
}

fn open_journal(path: &Path, may_begin: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(may_begin);
    options.open(path)
}

/// Locks the output against a second run. The lock is on the journal, because the output may be replaced. The system
/// releases it when the process ends, in whatever way.
///
/// On Unix this is `flock`. Over NFS it holds between machines if the share is mounted with locks (the default since
/// Linux 2.6.12), else on this machine only.
fn lock(journal: &File, output: &Path) -> Result<(), Failure> {
    match journal.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(Failure::usage(format_args!(
            "another run is writing to {}",
            output.display()
        ))
        .hint("wait until it ends, or give another --output")),
        // Some file systems have no locks. The run works there, but a second one would not be noticed.
        Err(TryLockError::Error(error)) => {
            say(&format!(
                "warning: {} can't be locked ({error}): do not start a second run with this output",
                output.display()
            ));
            Ok(())
        }
    }
}

/// Starts a new output and its journal.
fn begin(output: &Path, file: File, settings: &str) -> Result<OutputTarget, Failure> {
    let path = journal_beside(output);
    let out = open_output(output)?;
    let entry = JournalEntry::Run {
        version: VERSION,
        settings: settings.to_owned(),
    };
    let journal = Journal::after(file, 0).and_then(|journal| {
        journal.note(&entry)?;
        Ok(journal)
    });
    Ok(OutputTarget {
        journal: Some(Arc::new(journal.map_err(unwritable(&path))?)),
        ..OutputTarget::empty(out)
    })
}

/// Opens the output for more lines, after those that it has.
fn open_output(output: &Path) -> Result<LineSink, Failure> {
    let out = OpenOptions::new().append(true).create(true).open(output);
    let lines = out.and_then(|out| {
        let bytes = out.metadata()?.len();
        LineFile::after(out, bytes)
    });
    lines.map(LineSink::File).map_err(unwritable(output))
}

/// Continues the output of an earlier run.
fn continue_run(
    output: &Path,
    journal: Journal,
    mut content: JournalContent,
    settings: &str,
    existing: Existing,
) -> Result<OutputTarget, Failure> {
    if content.settings.as_deref() != Some(settings) {
        return Err(Failure::usage(format_args!(
            "{} was written with different request options",
            output.display()
        ))
        .hint(
            "give the same base URL, --method, --path, --header and --paginate or --items as before",
        ));
    }
    let mut found = match File::open(output) {
        Ok(file) => read(output, file, content.lines())?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => ExistingOutput::default(),
        Err(error) => return Err(unreadable(output, &error)),
    };
    if let Existing::RetryFailed { any } = existing {
        forget_failed(&mut found, &mut content.started, &journal, any)
            .map_err(unwritable(&journal_beside(output)))?;
    }
    clean(output, &found)?;
    let last = found.present.iter().last().unwrap_or(0);
    Ok(OutputTarget {
        out: open_output(output)?,
        journal: Some(Arc::new(journal)),
        has_gaps: !found.is_sorted || found.present.count() < last,
        present: Arc::new(found.present),
        failed: found.failed.count(),
        started: content.started,
        checkpoints: content.checkpoints,
    })
}

/// Reads what an earlier run has written.
fn read(output: &Path, file: File, lines: u64) -> Result<ExistingOutput, Failure> {
    existing_output::read_output(BufReader::new(file), lines).map_err(|problem| {
        Failure::usage(format_args!("{} {problem}", output.display())).hint(
            "it has been changed since `apirl fetch` wrote it; start again with another --output",
        )
    })
}

/// Makes failed lines count as missing. The journal gets to know first that they may be sent: if the run is killed
/// before the output is changed, it still has them.
fn forget_failed(
    found: &mut ExistingOutput,
    started: &mut LineSet,
    journal: &Journal,
    any: bool,
) -> io::Result<()> {
    for n in std::mem::take(&mut found.failed).iter() {
        let is_unknown = found.unanswered.contains(n) && started.contains(n);
        if is_unknown && !any {
            found.failed.insert(n);
            continue;
        }
        if started.contains(n) && !is_unknown {
            journal.note(&JournalEntry::Unsent(n))?;
            started.remove(n);
        }
        found.present.remove(n);
        found.has_fragments = true;
    }
    Ok(())
}

/// Puts the lines of an output in the order of the input, after the run that wrote the last of them.
pub(crate) fn put_in_order(output: &Path) -> Result<(), Failure> {
    rewriting::put_in_order(&real(output))
}
