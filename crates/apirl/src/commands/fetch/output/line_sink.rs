//! Where lines of output go: a file, or a stream such as a pipe.

use std::io::{self, Write};

use super::record::Record;
use crate::commands::fetch::line_file::{LineFile, buffered};

/// A file or a stream that takes lines of output.
pub(crate) enum LineSink {
    File(LineFile),
    /// `None` after a failed write, which may have left the beginning of a line. Nothing may follow it.
    Stream(Option<Box<dyn Write + Send>>),
}

impl LineSink {
    pub(crate) fn stream(out: impl Write + Send + 'static) -> Self {
        Self::Stream(Some(Box::new(out)))
    }

    /// Writes lines. After an error none of them is in a file.
    pub(crate) fn add(&mut self, records: &[Record]) -> io::Result<()> {
        let write = |out: &mut dyn Write| {
            let mut records = records.iter();
            records.try_for_each(|record| record.write(out))
        };
        match self {
            Self::File(lines) => lines.add(write),
            Self::Stream(stream) => {
                let out = stream.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
                let written = buffered(out, write);
                if written.is_err() {
                    *stream = None;
                }
                written
            }
        }
    }
}
