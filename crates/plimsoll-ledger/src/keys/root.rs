//! The root: what wraps the few secrets that everything else hangs on. Here is the one that
//! is 32 bytes in a file or a setting; others (a key service, a hardware module) implement
//! the same trait elsewhere.
//!
//! ```text
//! wrapped secret: magic 8 · epoch 4 · length n 2 · n bytes of the root's · CRC 4
//! ```

use super::crypt::{WRAPPED, aead, derived, fresh, prk, unwrap, wrap};
use crate::LedgerError;
use crate::disk::{Volume, field};
use aws_lc_rs::aead::LessSafeKey;
use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Bytes a root may make of one wrapped secret: key services make a few hundred.
const MAX_WRAPPED: usize = 4096;
const ROOT_LEN: usize = 32;
const HEAD: usize = 12;

/// Why a root did not wrap or unwrap. Messages carry no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RootError {
    /// It did not answer; trying again may help.
    #[error("it did not answer: {0}")]
    Unreachable(Box<str>),
    /// It answered that it will not.
    #[error("it refused: {0}")]
    Refused(Box<str>),
    /// What it was given was not wrapped by it, or not for this use.
    #[error("this was not wrapped by it")]
    NotIts,
}

/// Whether the provider still has the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootState {
    /// It wraps and unwraps.
    Usable,
    /// Switched off, and can be switched on again.
    Disabled,
    /// The provider will destroy it; until then it can be taken back.
    PendingDestruction,
    /// The provider says that it is gone.
    Destroyed,
}

/// Wraps the few secrets that everything else hangs on. `context` says what a secret is for;
/// what was wrapped for one use does not unwrap for another.
pub trait Root: Send + Sync + fmt::Debug {
    /// Which one it is, without a secret: `file`, `kms:alias/plimsoll`.
    fn name(&self) -> Box<str>;
    /// Wraps a secret, to at most 4,096 bytes.
    ///
    /// # Errors
    /// [`RootError`].
    fn wrap(&self, context: &[u8], secret: &[u8; 32]) -> Result<Vec<u8>, RootError>;
    /// Unwraps what [`Self::wrap`] made for the same context.
    ///
    /// # Errors
    /// [`RootError`].
    fn unwrap(&self, context: &[u8], wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>, RootError>;
    /// What the provider says of the key. Only [`RootState::Destroyed`] means that it is gone:
    /// key services keep a key for days after it was told to go.
    ///
    /// # Errors
    /// [`RootError`].
    fn state(&self) -> Result<RootState, RootError>;
}

/// A root of 32 bytes that this process holds: from a file, or from a setting.
pub struct LocalRoot {
    name: Box<str>,
    key: LessSafeKey,
}

impl fmt::Debug for LocalRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalRoot").field("name", &self.name).finish_non_exhaustive()
    }
}

impl LocalRoot {
    /// A root that is these bytes.
    ///
    /// # Errors
    /// [`LedgerError::Random`] if the derivation fails, which it does not.
    pub fn new(name: impl Into<Box<str>>, secret: &[u8; ROOT_LEN]) -> Result<Self, LedgerError> {
        let key = aead(derived(&prk(secret), b"plimsoll root wrap v1")?.as_slice())?;
        Ok(Self { name: name.into(), key })
    }

    /// The root in `KEYS/root.key`.
    ///
    /// # Errors
    /// [`LedgerError::Keys`] if it is missing, open to others or not 32 bytes.
    pub fn file(folder: &Path) -> Result<Self, LedgerError> {
        Self::new("file", &*read(&path(folder))?)
    }

    /// Makes `KEYS/root.key`, durably.
    pub(super) fn create(folder: &Path, volume: &Volume) -> Result<(), LedgerError> {
        volume.replace(&path(folder), fresh()?.as_slice())
    }
}

impl Root for LocalRoot {
    fn name(&self) -> Box<str> {
        self.name.clone()
    }
    fn wrap(&self, context: &[u8], secret: &[u8; 32]) -> Result<Vec<u8>, RootError> {
        let wrapped = wrap(&self.key, context, secret);
        Ok(wrapped.map_err(|e| RootError::Refused(e.to_string().into()))?.to_vec())
    }
    fn unwrap(&self, context: &[u8], wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>, RootError> {
        let wrapped: &[u8; WRAPPED] = wrapped.try_into().map_err(|_| RootError::NotIts)?;
        unwrap(&self.key, context, wrapped).ok_or(RootError::NotIts)
    }
    fn state(&self) -> Result<RootState, RootError> {
        Ok(RootState::Usable)
    }
}

pub(super) fn path(folder: &Path) -> std::path::PathBuf {
    folder.join("root.key")
}

fn read(path: &Path) -> Result<Zeroizing<[u8; ROOT_LEN]>, LedgerError> {
    let keys = |what| LedgerError::Keys { path: path.to_path_buf(), what };
    let found = std::fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => keys("it is missing; restore it from the keys' own backup"),
        _ => LedgerError::io("open", path)(error),
    })?;
    let mode = found.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(keys("others than its owner may read it; run `chmod 600` on it"));
    }
    let root = Zeroizing::new(std::fs::read(path).map_err(LedgerError::io("read", path))?);
    let root: &[u8; ROOT_LEN] = root
        .as_slice()
        .try_into()
        .map_err(|_| keys("a root key has 32 bytes; restore it from the keys' own backup"))?;
    Ok(Zeroizing::new(*root))
}

/// A secret in a file, wrapped by the root.
#[derive(Clone, Copy)]
pub(super) struct Wrapped {
    pub(super) magic: &'static [u8; 8],
    pub(super) epoch: u32,
}

impl Wrapped {
    /// What the wrap is bound to, which is how the file begins.
    fn context(self) -> [u8; HEAD] {
        let mut context = [0; HEAD];
        let (magic, epoch) = context.split_at_mut(8);
        magic.copy_from_slice(self.magic);
        epoch.copy_from_slice(&self.epoch.to_le_bytes());
        context
    }

    /// Puts `secret` into the file, durably.
    pub(super) fn write(
        self,
        path: &Path,
        secret: &[u8; 32],
        root: &dyn Root,
        volume: &Volume,
    ) -> Result<(), LedgerError> {
        let refused = |why| LedgerError::Root { name: root.name(), why };
        let context = self.context();
        let wrapped = root.wrap(&context, secret).map_err(refused)?;
        let len = u16::try_from(wrapped.len()).ok().filter(|_| wrapped.len() <= MAX_WRAPPED);
        let too_long = || refused(RootError::Refused("it wraps to more than 4096 bytes".into()));
        let mut bytes = context.to_vec();
        bytes.extend_from_slice(&len.ok_or_else(too_long)?.to_le_bytes());
        bytes.extend_from_slice(&wrapped);
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        volume.replace(path, &bytes)
    }

    /// The secret in the file.
    pub(super) fn read(
        self,
        path: &Path,
        root: &dyn Root,
    ) -> Result<Zeroizing<[u8; 32]>, LedgerError> {
        let bytes = std::fs::read(path).map_err(LedgerError::io("read", path))?;
        let context = self.context();
        let wrapped = Self::parse(&bytes, &context).ok_or_else(|| LedgerError::Keys {
            path: path.to_path_buf(),
            what: "it is not whole; restore it from the keys' own backup",
        })?;
        root.unwrap(&context, wrapped).map_err(|why| match why {
            RootError::NotIts => LedgerError::Keys {
                path: path.to_path_buf(),
                what: "it does not unwrap under the root key; restore the folder from the keys' \
                       own backup, or name the root that wraps it",
            },
            why => LedgerError::Root { name: root.name(), why },
        })
    }

    fn parse<'a>(bytes: &'a [u8], context: &[u8; HEAD]) -> Option<&'a [u8]> {
        let (content, crc) = bytes.split_last_chunk::<4>()?;
        if crc32fast::hash(content).to_le_bytes() != *crc {
            return None;
        }
        let rest = content.strip_prefix(context)?;
        let len = usize::from(u16::from_le_bytes(field(rest, 0)));
        rest.get(2..).filter(|wrapped| wrapped.len() == len)
    }
}

/// The root of a keys folder: the one given, or the file, which is made for a new folder.
pub(super) fn open(
    folder: &Path,
    given: Option<&Arc<dyn Root>>,
    make: Option<&Volume>,
) -> Result<Arc<dyn Root>, LedgerError> {
    if let Some(root) = given {
        return Ok(Arc::clone(root));
    }
    if let Some(volume) = make
        && !path(folder).exists()
    {
        LocalRoot::create(folder, volume)?;
    }
    Ok(Arc::new(LocalRoot::file(folder)?))
}
