//! Leaves out of the segments, one after the other: what the tree grows from.

use crate::LedgerError;
use crate::frame::Parsed;
use crate::log::SharedLog;
use crate::segment::Window;

/// Visits the leaves of the entries `from..to`, which must be durable. Checks each frame's
/// checksum. Reads beside the writer, out of the page cache as a rule, and takes the log's lock
/// once per segment.
///
/// # Errors
/// I/O, damage, or what `visit` says.
pub(crate) fn each_leaf(
    log: &SharedLog,
    from: u64,
    to: u64,
    mut visit: impl FnMut(&[u8]) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    let mut index = from;
    while index < to {
        let run = log.run(index)?.ok_or(LedgerError::Absent(index))?;
        let mut window = Window::new(&run.file)?;
        let mut offset = run.offset;
        while index < to.min(run.end) {
            let Parsed::Frame(frame) = window.frame(offset)? else {
                let (path, what) = (run.file.path.clone(), "a durable entry is not there");
                return Err(LedgerError::Damaged { path, index, offset, what });
            };
            visit(frame.leaf)?;
            offset += frame.size as u64;
            index += 1;
        }
    }
    Ok(())
}
