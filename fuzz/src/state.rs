//! What a run leaves to the next one: inputs of new kinds, crashes, and the input under test, so
//! that even a death that cannot be caught (a stack that overflows) leaves what caused it.

use crate::targets::Target;
use std::io::Result;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The folder of one target.
#[derive(Debug)]
pub(crate) struct State {
    folder: PathBuf,
    current: std::fs::File,
}

impl State {
    /// Opens or makes the folder of a target below `root`.
    ///
    /// # Errors
    /// If it cannot be made.
    pub(crate) fn open(root: &Path, target: &str) -> Result<Self> {
        let folder = root.join(target);
        for part in ["queue", "crashes"] {
            fs_err::create_dir_all(folder.join(part))?;
        }
        let path = folder.join("current");
        // An input that is still here killed the process that ran it.
        let killer = fs_err::read(&path).unwrap_or_default();
        if !killer.is_empty() {
            fs_err::write(folder.join("crashes").join(name(&killer)), &killer)?;
        }
        let current = fs_err::File::create(path)?.into_parts().0;
        Ok(Self { folder, current })
    }

    /// Notes the input that runs next.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn begin(&self, input: &[u8]) -> Result<()> {
        self.current.set_len(0)?;
        self.current.write_all_at(input, 0)
    }
    /// Notes that nothing runs.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn end(&self) -> Result<()> {
        self.current.set_len(0)
    }
    /// Keeps an input of a new kind.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn keep(&self, input: &[u8]) -> Result<()> {
        fs_err::write(self.folder.join("queue").join(name(input)), input)
    }
    /// Keeps an input that crashed, and says where.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn crash(&self, input: &[u8]) -> Result<PathBuf> {
        let path = self.folder.join("crashes").join(name(input));
        fs_err::write(&path, input)?;
        Ok(path)
    }
    /// Inputs of earlier runs, those that crashed included.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(crate) fn earlier(&self) -> Result<Vec<Vec<u8>>> {
        let mut inputs = read_folder(&self.folder.join("queue"))?;
        inputs.extend(read_folder(&self.folder.join("crashes"))?);
        Ok(inputs)
    }
}

/// The committed inputs of a target, in the order of their names; none if it has no folder.
///
/// # Errors
/// If they cannot be read.
pub(crate) fn corpus(target: &Target) -> Result<Vec<Vec<u8>>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
    if folder.exists() { read_folder(&folder) } else { Ok(Vec::new()) }
}

fn read_folder(folder: &Path) -> Result<Vec<Vec<u8>>> {
    let mut paths = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        paths.push(entry?.path());
    }
    paths.sort();
    paths.into_iter().filter(|path| path.is_file()).map(fs_err::read).collect()
}

/// A name from the content (FNV-1a), so that the same input is kept once.
fn name(input: &[u8]) -> String {
    let hash = input.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}
