//! Reading lines of bounded length.

use std::io::{self, BufRead, Read};

/// Lines of a log, without blank ones.
pub(super) struct Lines<R> {
    reader: R,
    max: usize,
    buffer: Vec<u8>,
    number: u64,
}

/// A line without its line break.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    Text(&'a [u8]),
    TooLong,
}

impl<R: BufRead> Lines<R> {
    /// Reads lines of up to `max` bytes.
    pub(super) fn new(reader: R, max: usize) -> Self {
        Self { reader, max, buffer: Vec::new(), number: 0 }
    }

    /// Returns the number of the line that was read last. The first line is 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Reads the next line. `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        let max = u64::try_from(self.max).unwrap_or(u64::MAX);
        loop {
            self.buffer.clear();
            // One byte more, for the line break.
            if (&mut self.reader).take(max.saturating_add(1)).read_until(b'\n', &mut self.buffer)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            if self.buffer.last() == Some(&b'\n') {
                self.buffer.pop();
            } else if self.buffer.len() > self.max {
                self.reader.skip_until(b'\n')?;
                return Ok(Some(Line::TooLong));
            }
            if !self.buffer.trim_ascii().is_empty() {
                return Ok(Some(Line::Text(&self.buffer)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_bounded_and_numbered() {
        let mut lines = Lines::new(&b"four\n\n  \nlonger\nline\r\nlonger and longer\nend"[..], 5);
        let mut next = || {
            let line = lines.next().unwrap().map(|line| match line {
                Line::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
                Line::TooLong => "too long".to_owned(),
            });
            line.map(|line| (lines.number(), line))
        };
        let read: Vec<_> = std::iter::from_fn(&mut next).collect();
        let expected = [(1, "four"), (4, "too long"), (5, "line\r"), (6, "too long"), (7, "end")];
        assert_eq!(read, expected.map(|(number, line)| (number, line.to_owned())));
    }
}
