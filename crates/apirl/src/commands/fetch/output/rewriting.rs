//! Changes of an output that is there already: lines are removed, or put in order.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::existing_output::{self, ExistingOutput};
use crate::failure::Failure;
use crate::files::{unreadable, unwritable};

/// Removes from the output what is not `found`. A truncated last line is cut off. Pages of an unfinished collection
/// stand between other lines, so the output is copied without them.
pub(super) fn clean(output: &Path, found: &ExistingOutput) -> Result<(), Failure> {
    let bytes = fs::metadata(output).map_or(0, |about| about.len());
    if found.has_fragments {
        replace(output, |from, to| {
            existing_output::copy(BufReader::new(from), &found.present, to)
        })
    } else if found.whole < bytes {
        let out = OpenOptions::new().write(true).open(output);
        let cut = out.and_then(|out| out.set_len(found.whole));
        cut.map_err(unwritable(output))
    } else {
        Ok(())
    }
}

/// Puts the lines of an output in the order of the input, after the run that wrote the last of them.
pub(super) fn put_in_order(output: &Path) -> Result<(), Failure> {
    let file = File::open(output).map_err(|error| unreadable(output, &error))?;
    match existing_output::is_sorted(BufReader::new(file)) {
        true => Ok(()),
        false => replace(output, |from, to| existing_output::copy_in_order(from, to)),
    }
}

/// Replaces the output by a copy that `write` makes, in one step that a kill can't interrupt halfway.
fn replace(
    output: &Path,
    write: impl FnOnce(&File, &mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), Failure> {
    // A run that was killed may have left a copy.
    let mut copy = OsString::from(output);
    copy.push(".apirl-copy");
    let copy = PathBuf::from(copy);
    match OpenOptions::new().read(true).write(true).open(&copy) {
        Ok(mut found) => refuse_other(&copy, &mut found, "an output", existing_output::BEGINNING)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(unwritable(&copy)(error)),
    }

    let replaced = File::open(output).and_then(|from| {
        // Removed and not emptied: it may be a link to another file.
        match fs::remove_file(&copy) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut to = BufWriter::new(File::create_new(&copy)?);
        write(&from, &mut to)?;
        let to = to.into_inner().map_err(io::IntoInnerError::into_error)?;
        to.set_permissions(from.metadata()?.permissions())?;
        to.sync_all()?;
        fs::rename(&copy, output)
    });
    replaced.map_err(|error| {
        // The copy is incomplete, and the disk may be full.
        let _ = fs::remove_file(&copy);
        unwritable(&copy)(error)
    })
}

/// Fails if a file does not begin as those that `apirl fetch` writes, whole or in part: it would be overwritten. An empty
/// file passes. The file was just opened, and is at its start again afterwards.
pub(super) fn refuse_other(
    path: &Path,
    file: &mut File,
    what: &str,
    beginning: &[u8],
) -> Result<(), Failure> {
    let mut start = Vec::new();
    let is_file = file.metadata().is_ok_and(|about| about.is_file());
    if is_file {
        let mut first = (&*file).take(beginning.len() as u64);
        let read = first.read_to_end(&mut start);
        read.and_then(|_| file.seek(SeekFrom::Start(0)))
            .map_err(|error| unreadable(path, &error))?;
    }
    match is_file && beginning.starts_with(&start) {
        true => Ok(()),
        false => Err(Failure::usage(format_args!(
            "{} is not {what} of apirl",
            path.display()
        ))
        .hint("`apirl fetch` writes a file of that name next to its output; move it away, or give another --output")),
    }
}
