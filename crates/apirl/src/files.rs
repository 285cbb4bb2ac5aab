//! Files to read, and standard input, which `-` names.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;

use crate::failure::Failure;
use crate::terminal::announce_typing;

/// Opens a file, or standard input for `-`.
pub(crate) fn open(path: &Path) -> Result<Box<dyn BufRead>, Failure> {
    if path.as_os_str() == "-" {
        announce_typing(path);
        return Ok(Box::new(io::stdin().lock()));
    }
    match open_file(path) {
        Ok(file) => Ok(Box::new(BufReader::new(file))),
        Err(error) => Err(unreadable(path, &error)),
    }
}

/// Opens a file. Opening a directory would succeed and reading it fail later, so it is an error here.
pub(crate) fn open_file(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    match file.metadata()?.is_dir() {
        true => Err(io::ErrorKind::IsADirectory.into()),
        false => Ok(file),
    }
}

/// Returns the name of a file in messages.
pub(crate) fn shown(path: &Path) -> String {
    match path.to_str() {
        Some("-") => "standard input".to_owned(),
        _ => path.display().to_string(),
    }
}

/// Returns the whole text of a file.
pub(crate) fn text(path: &Path) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    open(path)?
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(path, &error))?;
    String::from_utf8(bytes)
        .map_err(|_| Failure::usage(format_args!("{} is not UTF-8 text", shown(path))))
}

/// The failure for input that could not be read.
pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let hint = match error.kind() {
        io::ErrorKind::NotFound => "name an existing file, or - for standard input",
        io::ErrorKind::IsADirectory => "name a file in it, or - for standard input",
        io::ErrorKind::PermissionDenied => "choose a file that you may read",
        _ => return Failure::usage(format_args!("could not read {}: {error}", shown(path))),
    };
    Failure::usage(format_args!("could not read {}: {error}", shown(path))).hint(hint)
}

/// The failure for a file that could not be written.
pub(crate) fn unwritable(path: &Path) -> impl Fn(io::Error) -> Failure + '_ {
    move |error| {
        let hint = match error.kind() {
            io::ErrorKind::NotFound => "create its directory first",
            io::ErrorKind::StorageFull => "free some space on the disk",
            _ => "choose a path where you may write",
        };
        Failure::usage(format_args!("could not write to {}: {error}", shown(path))).hint(hint)
    }
}
