//! The terminal that the live view is drawn on. It is as it was before once this is gone.

use super::view::Size;
use crate::failure::Failure;
use crate::printer::Printer;
use std::io::stdout;

/// What is assumed of a terminal that does not tell its size.
const SIZE: Size = Size { columns: 80, rows: 24 };
/// The alternate screen, without a cursor; and back.
const OPEN: &str = "\x1b[?1049h\x1b[?25l";
const CLOSE: &str = "\x1b[?25h\x1b[?1049l";

/// A screen of our own.
#[derive(Debug)]
pub(super) struct Screen<'a> {
    printer: &'a Printer,
}

impl<'a> Screen<'a> {
    /// Takes the terminal.
    pub(super) fn open(printer: &'a Printer) -> Result<Self, Failure> {
        printer.data(OPEN)?;
        Ok(Self { printer })
    }

    /// Its size now.
    pub(super) fn size() -> Size {
        let Ok(size) = rustix::termios::tcgetwinsize(stdout()) else { return SIZE };
        match (size.ws_col, size.ws_row) {
            (0, _) | (_, 0) => SIZE,
            (columns, rows) => Size { columns: columns.into(), rows: rows.into() },
        }
    }

    /// Draws over what is there, in one write, so that nothing flickers.
    pub(super) fn draw(&self, lines: &[String]) -> Result<(), Failure> {
        // Each line clears what is right of it, the last what is below.
        let text = lines.iter().map(|line| format!("{line}\x1b[K")).collect::<Vec<_>>();
        self.printer.data(&format!("\x1b[H{}\x1b[J", text.join("\r\n")))
    }
}

impl Drop for Screen<'_> {
    fn drop(&mut self) {
        // If the terminal is gone, there is nothing to restore.
        drop(self.printer.data(CLOSE));
    }
}
