//! The output, fresh or as an earlier run left it.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::held::{self, Found, Lines};
use super::journal::{Entry, Journal, Mark, Notes, VERSION};
use crate::failure::Failure;
use crate::input::say;
use crate::input::shown;

/// Where answers go, and what is there already.
pub(crate) struct Target {
    pub(crate) out: Box<dyn Write + Send>,
    /// Only beside a file: nobody can look up what a pipe has swallowed.
    pub(crate) journal: Option<Arc<Journal>>,
    pub(crate) held: Arc<Lines>,
    /// How many of these failed.
    pub(crate) failed: u64,
    /// Lines whose request may have been sent, and may not be sent twice.
    pub(crate) begun: Lines,
    pub(crate) marks: VecDeque<Mark>,
}

impl Target {
    fn bare(out: Box<dyn Write + Send>) -> Self {
        Self {
            out,
            journal: None,
            held: Arc::default(),
            failed: 0,
            begun: Lines::default(),
            marks: VecDeque::new(),
        }
    }
}

/// Opens the output; `settings` is the fingerprint of what shapes the requests.
pub(crate) fn open(output: &Path, resume: bool, settings: &str) -> Result<Target, Failure> {
    let is_pipe = fs::metadata(output).is_ok_and(|about| !about.is_file());
    if output.as_os_str() == "-" || is_pipe {
        if resume {
            return Err(Failure::usage("only a file can be resumed").hint("give --output FILE"));
        }
        if output.as_os_str() == "-" {
            return Ok(Target::bare(Box::new(io::stdout())));
        }
        let out = OpenOptions::new().write(true).open(output);
        return Ok(Target::bare(Box::new(out.map_err(unwritable(output))?)));
    }
    let output = &real(output);
    let may_begin = is_new(output);
    if !resume && !may_begin {
        return Err(not_empty(output));
    }
    let path = beside(output);
    let file = match open_journal(&path, may_begin) {
        Ok(file) => file,
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(unwritable(&path)(error));
        }
        Err(error) if may_begin => return Err(unwritable(output)(error)),
        Err(_) => return Err(without_journal(output)),
    };
    lock(&file, output)?;
    if resume {
        let notes = Notes::read(BufReader::new(&file))
            .map_err(|problem| Failure::usage(format_args!("{} {problem}", path.display())))?;
        if notes.settings.is_some() {
            let journal = Journal::after(file, notes.whole).map_err(unwritable(&path))?;
            return go_on(output, journal, notes, settings);
        }
    }
    // Whoever had the lock until now may have written.
    match (is_new(output), resume) {
        (true, _) => begin(output, file, settings),
        (false, true) => Err(without_journal(output)),
        (false, false) => Err(not_empty(output)),
    }
}

/// Whether nothing is lost where it is written anew.
fn is_new(output: &Path) -> bool {
    match fs::metadata(output) {
        Ok(about) => about.len() == 0,
        Err(_) => !output.exists(),
    }
}

fn not_empty(output: &Path) -> Failure {
    Failure::usage(format_args!("{} is not empty", output.display()))
        .hint("--resume goes on where it ends; to begin anew remove it, or give another --output")
}

fn without_journal(output: &Path) -> Failure {
    Failure::usage(format_args!(
        "{} can't be resumed: {} is missing or empty",
        output.display(),
        beside(output).display()
    ))
    .hint("it is written by `apirl fetch` beside its output; begin anew with another --output")
}

/// Fails where answers would be written behind the very lines that are read.
pub(crate) fn refuse_input(input: &Path, output: &Path) -> Result<(), Failure> {
    let place = |path: &Path| match path.as_os_str() == "-" {
        true => None,
        false => fs::canonicalize(path).ok().filter(|path| path.is_file()),
    };
    match place(output) {
        Some(file) if place(input).as_ref() == Some(&file) => Err(Failure::usage(format_args!(
            "the output, {}, is the input",
            output.display()
        ))
        .hint("give --output a file of its own")),
        _ => Ok(()),
    }
}

/// Where the journal of an output is, under whatever name it is given.
pub(crate) fn journal_of(output: &Path) -> PathBuf {
    beside(&real(output))
}

/// A link's file is replaced, not the link.
fn real(output: &Path) -> PathBuf {
    fs::canonicalize(output).unwrap_or_else(|_| output.to_owned())
}

/// The journal's place.
fn beside(output: &Path) -> PathBuf {
    let mut name = OsString::from(output);
    name.push(".apirl");
    name.into()
}

fn open_journal(path: &Path, may_begin: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(may_begin);
    options.open(path)
}

/// Keeps a second run off this output. The lock is the journal's, as the output may be replaced, and it
/// goes with the process, however that ends.
///
/// It is one of `flock`: over NFS it holds between machines where the share is mounted with locks (the
/// default since Linux 2.6.12), else on this one only.
fn lock(journal: &File, output: &Path) -> Result<(), Failure> {
    match journal.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(Failure::usage(format_args!(
            "another run is writing to {}",
            output.display()
        ))
        .hint("wait for its end, or give another --output")),
        // Some file systems have no locks; that is no reason not to work there.
        Err(TryLockError::Error(error)) => {
            say(&format!(
                "warning: {} can't be locked ({error}): start no second run with this output",
                output.display()
            ));
            Ok(())
        }
    }
}

fn begin(output: &Path, journal: File, settings: &str) -> Result<Target, Failure> {
    let out = OpenOptions::new().append(true).create(true).open(output);
    let out = out.map_err(unwritable(output))?;
    let entry = Entry::Run {
        version: VERSION,
        settings: settings.to_owned(),
    };
    let journal = Journal::after(journal, 0).and_then(|journal| {
        journal.note(&entry)?;
        Ok(journal)
    });
    Ok(Target {
        journal: Some(Arc::new(journal.map_err(unwritable(&beside(output)))?)),
        ..Target::bare(Box::new(out))
    })
}

fn go_on(output: &Path, journal: Journal, notes: Notes, settings: &str) -> Result<Target, Failure> {
    if notes.settings.as_deref() != Some(settings) {
        return Err(Failure::usage(format_args!(
            "{} was begun with other requests than these",
            output.display()
        ))
        .hint(
            "give the same base URL, --method, --path, --header and --paginate or --items as then",
        ));
    }
    let found = match File::open(output) {
        Ok(file) => tidy(output, file, notes.lines())?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Found::default(),
        Err(error) => return Err(crate::input::unreadable(output, &error)),
    };
    let out = OpenOptions::new().append(true).create(true).open(output);
    Ok(Target {
        out: Box::new(out.map_err(unwritable(output))?),
        journal: Some(Arc::new(journal)),
        held: Arc::new(found.held),
        failed: found.failed,
        begun: notes.begun,
        marks: notes.marks,
    })
}

/// What the output holds. What is of no use in it is taken out: half a line at its end is cut off; the pages
/// of an unfinished collection stand between others, so they are left out of a copy that then takes its
/// place, and a kill leaves the one or the other.
fn tidy(output: &Path, file: File, lines: u64) -> Result<Found, Failure> {
    let bytes = file.metadata().map_or(u64::MAX, |about| about.len());
    let found = held::find(BufReader::new(file), lines).map_err(|problem| {
        Failure::usage(format_args!("{} {problem}", output.display()))
            .hint("it is not what `apirl fetch` left there; begin anew with another --output")
    })?;
    if found.has_scraps {
        let mut copy = OsString::from(output);
        copy.push(".apirl-copy");
        let copy = PathBuf::from(copy);
        rewrite(output, &copy, &found.held).map_err(|error| {
            // It is of no use, and perhaps in the way.
            let _ = fs::remove_file(&copy);
            unwritable(&copy)(error)
        })?;
    } else if found.whole < bytes {
        let out = OpenOptions::new().write(true).open(output);
        let cut = out.and_then(|out| out.set_len(found.whole));
        cut.map_err(unwritable(output))?;
    }
    Ok(found)
}

fn rewrite(output: &Path, copy: &Path, held: &Lines) -> io::Result<()> {
    let from = File::open(output)?;
    let mut to = BufWriter::new(File::create(copy)?);
    held::copy(BufReader::new(&from), held, &mut to)?;
    let to = to.into_inner().map_err(io::IntoInnerError::into_error)?;
    to.set_permissions(from.metadata()?.permissions())?;
    to.sync_all()?;
    fs::rename(copy, output)
}

pub(crate) fn unwritable(path: &Path) -> impl Fn(io::Error) -> Failure + '_ {
    move |error| {
        let hint = match error.kind() {
            io::ErrorKind::NotFound => "its folder must be there already",
            io::ErrorKind::StorageFull => "make room there",
            _ => "choose a place where you may write",
        };
        Failure::usage(format_args!("could not write to {}: {error}", shown(path))).hint(hint)
    }
}
