//! The output: new, or left by an earlier run.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::existing_output::{self, ExistingOutput};
use crate::commands::fetch::input::journal::{
    Checkpoint, Journal, JournalContent, JournalEntry, VERSION,
};
use crate::commands::fetch::input::line_set::LineSet;
use crate::failure::Failure;
use crate::files::{unreadable, unwritable};
use crate::terminal::say;

/// Where responses are written, and what earlier runs have left there.
pub(crate) struct OutputTarget {
    pub(crate) out: Box<dyn Write + Send>,
    /// `None` if the output is not a file: what went into a pipe can't be read again.
    pub(crate) journal: Option<Arc<Journal>>,
    /// Input lines whose output is complete.
    pub(crate) present: Arc<LineSet>,
    /// How many of these failed.
    pub(crate) failed: u64,
    /// Lines whose request may have been sent, and may not be sent twice.
    pub(crate) started: LineSet,
    pub(crate) checkpoints: VecDeque<Checkpoint>,
}

impl OutputTarget {
    /// A target without an earlier run.
    fn empty(out: Box<dyn Write + Send>) -> Self {
        Self {
            out,
            journal: None,
            present: Arc::default(),
            failed: 0,
            started: LineSet::default(),
            checkpoints: VecDeque::new(),
        }
    }
}

/// Opens the output. `settings` is a hash of the flags that shape the requests.
pub(crate) fn open(output: &Path, resume: bool, settings: &str) -> Result<OutputTarget, Failure> {
    // Standard output and pipes have no journal.
    let is_pipe = fs::metadata(output).is_ok_and(|about| !about.is_file());
    if output.as_os_str() == "-" || is_pipe {
        if resume {
            return Err(Failure::usage("only a file can be resumed").hint("give --output FILE"));
        }
        if output.as_os_str() == "-" {
            return Ok(OutputTarget::empty(Box::new(io::stdout())));
        }
        let out = OpenOptions::new().write(true).open(output);
        return Ok(OutputTarget::empty(Box::new(
            out.map_err(unwritable(output))?,
        )));
    }

    // A file with content is continued or refused, never overwritten.
    let output = &real(output);
    let may_begin = is_new(output);
    if !resume && !may_begin {
        return Err(not_empty(output));
    }

    // Open and lock the journal before anything is read or written.
    let path = journal_beside(output);
    let file = match open_journal(&path, may_begin) {
        Ok(file) => file,
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(unwritable(&path)(error));
        }
        Err(error) if may_begin => return Err(unwritable(output)(error)),
        Err(_) => return Err(without_journal(output)),
    };
    lock(&file, output)?;

    // Continue if the journal has an earlier run.
    if resume {
        let content = JournalContent::read(BufReader::new(&file))
            .map_err(|problem| Failure::usage(format_args!("{} {problem}", path.display())))?;
        if content.settings.is_some() {
            let journal = Journal::after(file, content.whole).map_err(unwritable(&path))?;
            return continue_run(output, journal, content, settings);
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

/// Follows links: a link's target is replaced, not the link.
fn real(output: &Path) -> PathBuf {
    fs::canonicalize(output).unwrap_or_else(|_| output.to_owned())
}

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
fn begin(output: &Path, journal: File, settings: &str) -> Result<OutputTarget, Failure> {
    let out = OpenOptions::new().append(true).create(true).open(output);
    let out = out.map_err(unwritable(output))?;
    let entry = JournalEntry::Run {
        version: VERSION,
        settings: settings.to_owned(),
    };
    let journal = Journal::after(journal, 0).and_then(|journal| {
        journal.note(&entry)?;
        Ok(journal)
    });
    Ok(OutputTarget {
        journal: Some(Arc::new(
            journal.map_err(unwritable(&journal_beside(output)))?,
        )),
        ..OutputTarget::empty(Box::new(out))
    })
}

/// Continues the output of an earlier run.
fn continue_run(
    output: &Path,
    journal: Journal,
    content: JournalContent,
    settings: &str,
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
    let existing = match File::open(output) {
        Ok(file) => clean(output, file, content.lines())?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => ExistingOutput::default(),
        Err(error) => return Err(unreadable(output, &error)),
    };
    let out = OpenOptions::new().append(true).create(true).open(output);
    Ok(OutputTarget {
        out: Box::new(out.map_err(unwritable(output))?),
        journal: Some(Arc::new(journal)),
        present: Arc::new(existing.present),
        failed: existing.failed,
        started: content.started,
        checkpoints: content.checkpoints,
    })
}

/// Reads the output and removes what is incomplete. A truncated last line is cut off. Pages of an unfinished collection
/// stand between other lines, so the output is copied without them. The copy replaces it in one step, which a kill
/// can't interrupt halfway.
fn clean(output: &Path, file: File, lines: u64) -> Result<ExistingOutput, Failure> {
    let bytes = file.metadata().map_or(u64::MAX, |about| about.len());
    let existing = existing_output::read_output(BufReader::new(file), lines).map_err(|problem| {
        Failure::usage(format_args!("{} {problem}", output.display()))
            .hint("it has been changed since `apirl fetch` wrote it; start again with another --output")
    })?;
    if existing.has_fragments {
        let mut copy = OsString::from(output);
        copy.push(".apirl-copy");
        let copy = PathBuf::from(copy);
        rewrite(output, &copy, &existing.present).map_err(|error| {
            // The copy is incomplete, and the disk may be full.
            let _ = fs::remove_file(&copy);
            unwritable(&copy)(error)
        })?;
    } else if existing.whole < bytes {
        let out = OpenOptions::new().write(true).open(output);
        let cut = out.and_then(|out| out.set_len(existing.whole));
        cut.map_err(unwritable(output))?;
    }
    Ok(existing)
}

/// Replaces the output by a copy with the complete lines only.
fn rewrite(output: &Path, copy: &Path, present: &LineSet) -> io::Result<()> {
    let from = File::open(output)?;
    let mut to = BufWriter::new(File::create(copy)?);
    existing_output::copy(BufReader::new(&from), present, &mut to)?;
    let to = to.into_inner().map_err(io::IntoInnerError::into_error)?;
    to.set_permissions(from.metadata()?.permissions())?;
    to.sync_all()?;
    fs::rename(copy, output)
}
