//! A disk that fails and forgets: keeps a list of what was not synced, and at a power cut
//! takes some of it back, sector by sector and name by name. Syncs nothing for real, so
//! that many crashes fit into a second.

use crate::disk::{Disk, RealDisk, Volume};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// A disk writes a sector or does not.
const SECTOR: u64 = 512;

/// Numbers from a seed: SplitMix64 (Steele, Lea and Flood 2014).
#[derive(Debug, Clone)]
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

#[derive(Debug)]
enum Undo {
    Write { file: File, offset: u64, old: Vec<u8>, len: u64 },
    Rename { from: PathBuf, to: PathBuf, replaced: Option<Vec<u8>> },
    Create { path: PathBuf },
    Remove { path: PathBuf, content: Vec<u8> },
}

#[derive(Debug, Default)]
struct State {
    ops: u64,
    die_at: Option<u64>,
    fail: Option<(&'static str, &'static str, ErrorKind)>,
    lie: Option<&'static str>,
    pending: Vec<Undo>,
    trace: Vec<String>,
}

#[derive(Debug, Default, Clone)]
pub(super) struct FaultDisk(Arc<Mutex<State>>);

fn name_of(file: &File) -> String {
    let link = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).expect("link");
    link.file_name().expect("name").to_string_lossy().into_owned()
}

fn base(path: &Path) -> String {
    path.file_name().expect("name").to_string_lossy().into_owned()
}

fn died() -> io::Error {
    io::Error::other("power cut")
}

impl FaultDisk {
    pub(super) fn volume(&self) -> Volume {
        Volume(Arc::new(self.clone()))
    }
    /// The power goes at the nth change from now.
    pub(super) fn die_after(&self, n: u64) {
        let mut state = self.0.lock().expect("lock");
        state.die_at = Some(state.ops + n);
    }
    /// Every `what` of a file whose name contains `name` fails.
    pub(super) fn fail(&self, what: &'static str, name: &'static str, kind: ErrorKind) {
        self.0.lock().expect("lock").fail = Some((what, name, kind));
    }
    /// Syncs of a file whose name contains `name` say that they are done and do nothing.
    pub(super) fn lie(&self, name: Option<&'static str>) {
        self.0.lock().expect("lock").lie = name;
    }
    /// Whether the power is off.
    pub(super) fn is_dead(&self) -> bool {
        let state = self.0.lock().expect("lock");
        state.die_at.is_some_and(|at| state.ops >= at)
    }
    pub(super) fn heal(&self) {
        self.0.lock().expect("lock").fail = None;
    }
    /// Every change so far: `write end`, `sync 000.seg`.
    pub(super) fn trace(&self) -> Vec<String> {
        self.0.lock().expect("lock").trace.clone()
    }

    /// Counts a change. `Err` if it fails without effect, `Ok(true)` if it happens and the
    /// power goes then.
    fn step(state: &mut State, what: &str, name: &str, chance: u64) -> io::Result<bool> {
        if let Some((kind_of, part, kind)) = state.fail
            && kind_of == what
            && name.contains(part)
        {
            return Err(kind.into());
        }
        state.ops += 1;
        state.trace.push(format!("{what} {name}"));
        match state.die_at {
            Some(at) if state.ops > at => Err(died()),
            Some(at) if state.ops == at => {
                if chance.is_multiple_of(2) {
                    Ok(true)
                } else {
                    Err(died())
                }
            }
            _ => Ok(false),
        }
    }

    fn after(dies: bool) -> io::Result<()> {
        if dies { Err(died()) } else { Ok(()) }
    }

    /// The power cut: what was not synced may be lost, in part or whole.
    pub(super) fn crash(&self, random: &mut Random) {
        let mut state = self.0.lock().expect("lock");
        let names =
            state.pending.iter().filter(|undo| !matches!(undo, Undo::Write { .. })).count() as u64;
        // Names are journaled in order: a suffix of the changes is lost.
        let mut lost_names = random.below(names + 1);
        for undo in std::mem::take(&mut state.pending).into_iter().rev() {
            match undo {
                Undo::Write { file, offset, old, len } => {
                    undo_write(random, &file, offset, &old, len)
                }
                _ if lost_names == 0 => {}
                Undo::Rename { from, to, replaced } => {
                    lost_names -= 1;
                    std::fs::rename(&to, &from).expect("rename back");
                    if let Some(content) = replaced {
                        std::fs::write(&to, content).expect("put back");
                    }
                }
                Undo::Create { path } => {
                    lost_names -= 1;
                    std::fs::remove_file(path).expect("remove");
                }
                Undo::Remove { path, content } => {
                    lost_names -= 1;
                    // A folder that went after its last file comes back with it.
                    let folder = path.parent().expect("in a folder");
                    std::fs::create_dir_all(folder).expect("put back");
                    std::fs::write(path, content).expect("put back");
                }
            }
        }
        state.die_at = None;
    }
}

fn undo_write(random: &mut Random, file: &File, offset: u64, old: &[u8], len: u64) {
    let fate = random.below(3);
    let end = offset + len;
    let mut at = offset;
    while at < end {
        let next = (at / SECTOR + 1) * SECTOR;
        let lost = match fate {
            0 => true,
            1 => false,
            _ => random.below(2) == 0,
        };
        if lost {
            let from = usize::try_from(at - offset).expect("small");
            let to = usize::try_from(next.min(end) - offset).expect("small");
            // Beyond the file's old end there was nothing, which reads as zeros.
            let piece: Vec<u8> = (from..to).map(|i| old.get(i).copied().unwrap_or(0)).collect();
            file.write_all_at(&piece, at).expect("undo");
        }
        at = next;
    }
}

impl Disk for FaultDisk {
    fn create(&self, path: &Path) -> io::Result<File> {
        let mut state = self.0.lock().expect("lock");
        let dies = Self::step(&mut state, "create", &base(path), 0)?;
        let existed = path.exists();
        let file = RealDisk.create(path)?;
        if !existed {
            state.pending.push(Undo::Create { path: path.to_path_buf() });
        }
        Self::after(dies).map(|()| file)
    }
    fn allocate(&self, file: &File, len: u64) -> io::Result<()> {
        let mut state = self.0.lock().expect("lock");
        let dies = Self::step(&mut state, "allocate", &name_of(file), 0)?;
        file.set_len(len)?;
        Self::after(dies)
    }
    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.0.lock().expect("lock");
        let dies = Self::step(&mut state, "write", &name_of(file), offset / 8)?;
        let mut old = vec![0; bytes.len()];
        let mut filled = 0;
        while filled < old.len() {
            match file.read_at(&mut old[filled..], offset + filled as u64)? {
                0 => break,
                n => filled += n,
            }
        }
        old.truncate(filled);
        file.write_all_at(bytes, offset)?;
        state.pending.push(Undo::Write {
            file: file.try_clone()?,
            offset,
            old,
            len: bytes.len() as u64,
        });
        Self::after(dies)
    }
    fn truncate(&self, file: &File) -> io::Result<()> {
        let mut state = self.0.lock().expect("lock");
        let dies = Self::step(&mut state, "truncate", &name_of(file), 0)?;
        let len = file.metadata()?.len();
        let mut old = vec![0; usize::try_from(len).expect("small")];
        file.read_exact_at(&mut old, 0)?;
        file.set_len(0)?;
        state.pending.push(Undo::Write { file: file.try_clone()?, offset: 0, old, len });
        Self::after(dies)
    }
    fn sync(&self, file: &File) -> io::Result<()> {
        let mut state = self.0.lock().expect("lock");
        // A sync that the power cut ends has synced nothing that may be relied on.
        let dies = Self::step(&mut state, "sync", &name_of(file), 1)?;
        if state.lie.is_some_and(|lie| name_of(file).contains(lie)) {
            return Self::after(dies);
        }
        let ino = file.metadata()?.ino();
        state.pending.retain(|undo| match undo {
            Undo::Write { file, .. } => file.metadata().expect("metadata").ino() != ino,
            _ => true,
        });
        Self::after(dies)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.0.lock().expect("lock");
        let dies = Self::step(&mut state, "rename", &format!("{} {}", base(from), base(to)), 0)?;
        let replaced = std::fs::read(to).ok();
        std::fs::rename(from, to)?;
        state.pending.push(Undo::Rename {
            from: from.to_path_buf(),
            to: to.to_path_buf(),
            replaced,
        });
        Self::after(dies)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock().expect("lock");
        let dies = Self::step(&mut state, "remove", &base(path), 0)?;
        let content = std::fs::read(path)?;
        std::fs::remove_file(path)?;
        state.pending.push(Undo::Remove { path: path.to_path_buf(), content });
        Self::after(dies)
    }
    fn sync_opened(&self, _folder: &File, path: &Path) -> io::Result<()> {
        self.sync_folder(path)
    }
    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.0.lock().expect("lock");
        let dies = Self::step(&mut state, "sync", &base(folder), 1)?;
        // The journal of names is one and in order: everything up to the last change in this
        // folder is durable with it.
        let inside = |path: &Path| path.parent() == Some(folder);
        let last = state.pending.iter().rposition(|undo| match undo {
            Undo::Write { .. } => false,
            Undo::Rename { from, to, .. } => inside(from) || inside(to),
            Undo::Create { path } | Undo::Remove { path, .. } => inside(path),
        });
        let mut place = 0;
        state.pending.retain(|undo| {
            place += 1;
            matches!(undo, Undo::Write { .. }) || last.is_none_or(|last| place > last + 1)
        });
        Self::after(dies)
    }
}
