//! A file of lines, of which each is there whole or not at all.

use std::fs::File;
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write};

/// Bytes that are collected for one write. A longer line takes several.
const BUFFER: usize = 64 * 1024;

/// Adds lines to the end of a file.
///
/// If one can't be written whole, as on a full disk, its beginning is removed at once: the next line would stand
/// behind it, and neither could be read.
#[derive(Debug)]
pub(crate) struct LineFile {
    file: File,
    /// Number of bytes of all whole lines.
    whole: u64,
    /// Whether something may stand behind the whole lines.
    is_torn: bool,
}

impl LineFile {
    /// Continues a file after its first `bytes` bytes. The rest is cut off.
    pub(crate) fn after(file: File, bytes: u64) -> io::Result<Self> {
        let mut lines = Self {
            file,
            whole: bytes,
            is_torn: true,
        };
        lines.repair()?;
        Ok(lines)
    }

    /// Adds what `write` writes: one or more lines with their ends.
    ///
    /// # Errors
    ///
    /// Nothing of it is in the file then. Later calls may succeed.
    pub(crate) fn add(
        &mut self,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        self.repair()?;
        self.is_torn = true;
        let mut out = Counted {
            out: &self.file,
            bytes: 0,
        };
        match buffered(&mut out, write) {
            Ok(()) => {
                self.whole += out.bytes;
                self.is_torn = false;
                Ok(())
            }
            Err(error) => {
                // If this fails, the next call tries again.
                let _ = self.repair();
                Err(error)
            }
        }
    }

    fn repair(&mut self) -> io::Result<()> {
        if self.is_torn {
            self.file.set_len(self.whole)?;
            self.file.seek(SeekFrom::Start(self.whole))?;
            self.is_torn = false;
        }
        Ok(())
    }
}

/// Passes what `write` writes to `out`, in few writes. After an error nothing more is written.
pub(crate) fn buffered(
    out: &mut dyn Write,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut buffer = BufWriter::with_capacity(BUFFER, out);
    let written = write(&mut buffer).and_then(|()| buffer.flush());
    // Dropping the buffer would write the rest.
    let _ = buffer.into_parts();
    written
}

/// Counts what is written.
struct Counted<'a> {
    out: &'a File,
    bytes: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a file with this text, and its path, which is removed already.
    fn file(name: &str, text: &str) -> (File, std::path::PathBuf) {
        let name = format!("apirl-lines-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).expect("written");
        let file = File::options().read(true).write(true).open(&path);
        (file.expect("a file"), path)
    }

    #[test]
    fn a_line_that_fails_halfway_leaves_nothing_and_the_next_one_is_readable() {
        let (file, path) = file("halfway", "old\ntorn");
        let mut lines = LineFile::after(file, 4).expect("it can be cut");
        lines.add(|out| out.write_all(b"one\n")).expect("room");
        let long = vec![b'x'; 3 * BUFFER];
        let failed = lines.add(|out| {
            out.write_all(&long)?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert!(failed.is_err());
        lines.add(|out| out.write_all(b"two\n")).expect("room");
        let text = std::fs::read_to_string(&path).expect("readable");
        std::fs::remove_file(&path).expect("removed");
        assert_eq!(text, "old\none\ntwo\n");
    }
}
