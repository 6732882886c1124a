//! The few things the ledger does to a disk, behind one trait so that tests can fail them,
//! and the order in which a file becomes durable: contents, then name, then folder.

use crate::LedgerError;
use rustix::fs::OFlags;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Every change the ledger makes to a disk. Reads never go through it.
pub(crate) trait Disk: Send + Sync + std::fmt::Debug {
    /// Makes an empty file that only its owner may read, replacing one of that name.
    fn create(&self, path: &Path) -> io::Result<File>;
    /// Sets blocks aside, so that writing within `len` cannot meet a full disk.
    fn allocate(&self, file: &File, len: u64) -> io::Result<()>;
    /// Writes all of `bytes` at `offset`.
    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// The file, opened once more so that writes of whole blocks bypass the page cache, if
    /// the file system has that. What the ledger writes is rarely read again, and the cache
    /// costs more than the write.
    fn direct(&self, _path: &Path) -> Option<File> {
        None
    }
    /// Cuts a file to nothing, which tells the device that its blocks are free.
    fn truncate(&self, file: &File) -> io::Result<()>;
    /// Returns when everything written to the file would survive a power cut.
    fn sync(&self, file: &File) -> io::Result<()>;
    /// Renames a file.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Returns when the names in the folder would survive a power cut.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
    /// The same for a folder that was opened before its names changed, so that an error of a
    /// write that happened meanwhile is not missed.
    fn sync_opened(&self, folder: &File, _path: &Path) -> io::Result<()> {
        folder.sync_all()
    }
    /// Syncs several files of one file system.
    fn sync_all(&self, files: &[Handle]) -> io::Result<()> {
        files.iter().try_for_each(|handle| self.sync(&handle.file))
    }
}

/// Files from which on one sync of the whole file system is cheaper than one of each: a sync of a
/// new file is a commit of the file system's journal, and one commit holds them all.
const SYNC_EACH: usize = 16;

/// The machine's disk.
#[derive(Debug)]
pub(crate) struct RealDisk;

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(path)
    }
    fn allocate(&self, file: &File, len: u64) -> io::Result<()> {
        match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, len) {
            // Not every file system can; then the zeros that follow set the blocks aside.
            Err(rustix::io::Errno::OPNOTSUPP) => file.set_len(len),
            other => Ok(other?),
        }
    }
    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }
    fn direct(&self, path: &Path) -> Option<File> {
        let flags = i32::try_from(OFlags::DIRECT.bits()).ok()?;
        OpenOptions::new().write(true).custom_flags(flags).open(path).ok()
    }
    fn truncate(&self, file: &File) -> io::Result<()> {
        file.set_len(0)
    }
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }
    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }
    fn sync_all(&self, files: &[Handle]) -> io::Result<()> {
        match files.first() {
            Some(any) if files.len() > SYNC_EACH => Ok(rustix::fs::syncfs(&any.file)?),
            _ => files.iter().try_for_each(|handle| self.sync(&handle.file)),
        }
    }
}

/// An open file and its name, for errors.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) file: File,
    pub(crate) path: PathBuf,
    /// [`Disk::direct`].
    pub(crate) direct: Option<File>,
}

impl Handle {
    /// Opens a file for reading.
    pub(crate) fn read(path: &Path) -> Result<Self, LedgerError> {
        let file = File::open(path).map_err(LedgerError::io("open", path))?;
        Ok(Self { file, path: path.to_path_buf(), direct: None })
    }
    /// Opens a file for reading and writing.
    pub(crate) fn write(path: &Path) -> Result<Self, LedgerError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(LedgerError::io("open", path))?;
        Ok(Self { file, path: path.to_path_buf(), direct: None })
    }
    /// The file's length in bytes.
    pub(crate) fn len(&self) -> Result<u64, LedgerError> {
        Ok(self.file.metadata().map_err(LedgerError::io("read the length of", &self.path))?.len())
    }
    /// Fills `out` from `offset`.
    pub(crate) fn read_exact_at(&self, out: &mut [u8], offset: u64) -> Result<(), LedgerError> {
        self.file.read_exact_at(out, offset).map_err(LedgerError::io("read", &self.path))
    }
    /// Reads up to `out.len()` bytes from `offset`; fewer only at the end of the file.
    pub(crate) fn read_at(&self, out: &mut [u8], offset: u64) -> Result<usize, LedgerError> {
        let mut filled = 0;
        while let Some(rest) = out.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let at = offset.saturating_add(filled as u64);
            match self.file.read_at(rest, at) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(LedgerError::io("read", &self.path)(e)),
            }
        }
        Ok(filled)
    }
}

/// What disks and file systems write whole: place, length and memory of a direct write are
/// multiples of it.
pub(crate) const BLOCK: usize = 4096;

/// Bytes to be written, in memory that begins at a multiple of [`BLOCK`].
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    bytes: Vec<u8>,
    start: usize,
}

impl Blocks {
    /// Empty, with room for `len` bytes.
    pub(crate) fn clear(&mut self, len: usize) {
        self.bytes.clear();
        self.bytes.reserve(len + BLOCK);
        self.start = self.bytes.as_ptr().align_offset(BLOCK).min(BLOCK);
        self.bytes.resize(self.start, 0);
    }
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }
    /// Adds zeros up to `len` bytes in all.
    pub(crate) fn fill(&mut self, len: usize) {
        self.bytes.resize(self.start + len, 0);
    }
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }
}

/// Whether these bytes can be written there directly.
fn is_whole(bytes: &[u8], offset: u64) -> bool {
    bytes.as_ptr().align_offset(BLOCK) == 0
        && bytes.len().is_multiple_of(BLOCK)
        && offset.is_multiple_of(BLOCK as u64)
}

/// Zeros are written in pieces of this size, each synced, so that preparing a segment never
/// holds up the syncs of the one in use for long.
const ZEROS: usize = 2 << 20;

/// A [`Disk`] whose errors name the file.
#[derive(Debug, Clone)]
pub(crate) struct Volume(pub(crate) Arc<dyn Disk>);

impl Volume {
    pub(crate) fn write(
        &self,
        handle: &Handle,
        bytes: &[u8],
        offset: u64,
    ) -> Result<(), LedgerError> {
        let direct = handle.direct.as_ref().filter(|_| is_whole(bytes, offset));
        let written = match direct.map(|direct| self.0.write(direct, bytes, offset)) {
            // Some file systems can be asked for it and cannot do it, or want larger blocks.
            Some(Err(error)) if error.kind() == io::ErrorKind::InvalidInput => None,
            other => other,
        };
        written
            .unwrap_or_else(|| self.0.write(&handle.file, bytes, offset))
            .map_err(LedgerError::io("write", &handle.path))
    }
    /// The handle, whose writes bypass the page cache from now on where they can.
    pub(crate) fn directly(&self, handle: Handle) -> Handle {
        Handle { direct: self.0.direct(&handle.path), ..handle }
    }
    pub(crate) fn sync(&self, handle: &Handle) -> Result<(), LedgerError> {
        self.0.sync(&handle.file).map_err(LedgerError::io("sync", &handle.path))
    }
    pub(crate) fn truncate(&self, handle: &Handle) -> Result<(), LedgerError> {
        self.0.truncate(&handle.file).map_err(LedgerError::io("cut", &handle.path))
    }
    pub(crate) fn create(&self, path: &Path) -> Result<Handle, LedgerError> {
        let file = self.0.create(path).map_err(LedgerError::io("create", path))?;
        Ok(Handle { file, path: path.to_path_buf(), direct: None })
    }
    pub(crate) fn rename(&self, from: &Path, to: &Path) -> Result<(), LedgerError> {
        self.0.rename(from, to).map_err(LedgerError::io("rename", from))
    }
    pub(crate) fn sync_folder(&self, folder: &Path) -> Result<(), LedgerError> {
        self.0.sync_folder(folder).map_err(LedgerError::io("sync", folder))
    }
    pub(crate) fn sync_opened(&self, folder: &File, path: &Path) -> Result<(), LedgerError> {
        self.0.sync_opened(folder, path).map_err(LedgerError::io("sync", path))
    }
    /// Syncs all of these files.
    pub(crate) fn sync_files(&self, files: &[Handle]) -> Result<(), LedgerError> {
        let path = files.first().map_or_else(PathBuf::new, |handle| handle.path.clone());
        self.0.sync_all(files).map_err(LedgerError::io("sync", &path))
    }
    /// Removes a file if it is there.
    pub(crate) fn remove(&self, path: &Path) -> Result<(), LedgerError> {
        match self.0.remove(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other.map_err(LedgerError::io("remove", path)),
        }
    }
    /// Makes a file of `len` zeros with its blocks set aside; not yet durable.
    pub(crate) fn allocate(&self, path: &Path, len: u64) -> Result<Handle, LedgerError> {
        let handle = self.create(path)?;
        self.0.allocate(&handle.file, len).map_err(LedgerError::io("set space aside for", path))?;
        Ok(handle)
    }
    /// Writes zeros over `from..to` and syncs. Overwriting written blocks needs no change of
    /// the file system's metadata, which saves a fifth of the cost of every later sync.
    pub(crate) fn zero(&self, handle: &Handle, mut from: u64, to: u64) -> Result<(), LedgerError> {
        let mut zeros = Blocks::default();
        zeros.clear(ZEROS);
        zeros.fill(ZEROS);
        while from < to {
            let len = usize::try_from(to - from).unwrap_or(usize::MAX).min(ZEROS);
            self.write(handle, zeros.bytes().get(..len).unwrap_or_default(), from)?;
            self.sync(handle)?;
            from += len as u64;
        }
        Ok(())
    }
    /// Puts a small file in place so that after a power cut either all of it is there or
    /// what was there before.
    pub(crate) fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), LedgerError> {
        let fresh = path.with_extension("fresh");
        let handle = self.create(&fresh)?;
        self.write(&handle, bytes, 0)?;
        self.sync(&handle)?;
        self.rename(&fresh, path)?;
        self.sync_folder(path.parent().unwrap_or(path))
    }
    /// Makes a folder, with those above it, that only its owner may enter.
    pub(crate) fn folder(&self, path: &Path) -> Result<(), LedgerError> {
        if path.is_dir() {
            return Ok(());
        }
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(LedgerError::io("create", path))?;
        match path.parent() {
            // A bare name stands in the folder where the process runs.
            Some(parent) if parent.as_os_str().is_empty() => self.sync_folder(Path::new(".")),
            Some(parent) => self.sync_folder(parent),
            None => Ok(()),
        }
    }
}

/// Takes the only lock of `folder`, by its file `lock`.
pub(crate) fn lock(folder: &Path) -> Result<File, LedgerError> {
    let path = folder.join("lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(LedgerError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(LedgerError::Locked(folder.to_path_buf())),
        Err(std::fs::TryLockError::Error(e)) => Err(LedgerError::io("lock", &path)(e)),
    }
}

/// `N` bytes of `bytes` at `at`, zeros where there are none: for fields of formats whose
/// length was checked before.
pub(crate) fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    if let Some(found) = bytes.get(at..).and_then(|rest| rest.get(..N)) {
        out.copy_from_slice(found);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_past_the_cache_is_read_through_it() {
        let folder = tempfile::tempdir().expect("folder");
        let volume = Volume(Arc::new(RealDisk));
        let path = folder.path().join("file");
        let handle = volume.directly(volume.allocate(&path, 3 * BLOCK as u64).expect("made"));
        volume.zero(&handle, 0, 3 * BLOCK as u64).expect("zeros");
        let mut blocks = Blocks::default();
        // Once more in the same memory, and across the edge of a block.
        for (round, at) in [(1, 0), (2, BLOCK as u64)] {
            blocks.clear(BLOCK);
            blocks.put(&[round; 100]);
            blocks.fill(BLOCK);
            assert!(is_whole(blocks.bytes(), at));
            volume.write(&handle, blocks.bytes(), at).expect("written");
        }
        volume.write(&handle, &[3; 50], BLOCK as u64 - 25).expect("written in part");
        volume.sync(&handle).expect("synced");
        let mut read = vec![9; 3 * BLOCK];
        handle.read_exact_at(&mut read, 0).expect("read");
        let mut expected = vec![0; 3 * BLOCK];
        expected[..100].fill(1);
        expected[BLOCK..BLOCK + 100].fill(2);
        expected[BLOCK - 25..BLOCK + 25].fill(3);
        assert_eq!(read, expected);
    }
}
