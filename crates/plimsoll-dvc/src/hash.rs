//! Sums as DVC writes them. MD5 says which file was meant, and nothing about who made it.

use crate::yaml::DvcError;
use md5::Digest as _;
use std::fmt;
use std::str::FromStr;

/// An MD5 sum.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Md5([u8; 16]);

/// What identifies an output.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hash {
    /// The MD5 sum of a file's bytes.
    File(Md5),
    /// The MD5 sum of a folder's list.
    Folder(Md5),
    /// DVC 2: the sum of a text file was made of it with other line ends, so it does not say
    /// which bytes were meant.
    Legacy(Md5),
    /// A tag or version of a cloud's, which names no bytes.
    Cloud(String),
}

impl Hash {
    /// Where the object is, below a remote or cache; `None` if it is in none.
    #[must_use]
    pub fn object(&self) -> Option<String> {
        let split = |sum: &Md5| {
            let text = sum.to_string();
            let (head, tail) = text.split_at(2);
            (head.to_owned(), tail.to_owned())
        };
        match self {
            Self::File(sum) => {
                let (head, tail) = split(sum);
                Some(format!("files/md5/{head}/{tail}"))
            }
            Self::Folder(sum) => {
                let (head, tail) = split(sum);
                Some(format!("files/md5/{head}/{tail}.dir"))
            }
            Self::Legacy(sum) => {
                let (head, tail) = split(sum);
                Some(format!("{head}/{tail}"))
            }
            Self::Cloud(_) => None,
        }
    }

    /// Reads `md5:` beside `hash:`, as an output has them.
    pub(crate) fn read(text: &str, hash: Option<&str>) -> Result<Self, DvcError> {
        let (sum, is_folder) = match text.strip_suffix(".dir") {
            Some(sum) => (sum, true),
            None => (text, false),
        };
        let sum = sum.parse()?;
        Ok(match (hash, is_folder) {
            (_, true) => Self::Folder(sum),
            (Some("md5"), false) => Self::File(sum),
            (_, false) => Self::Legacy(sum),
        })
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(sum) => write!(f, "md5:{sum}"),
            Self::Folder(sum) => write!(f, "md5:{sum}.dir"),
            Self::Legacy(sum) => write!(f, "md5-dos2unix:{sum}"),
            Self::Cloud(tag) => write!(f, "cloud:{tag}"),
        }
    }
}

impl FromStr for Md5 {
    type Err = DvcError;
    fn from_str(text: &str) -> Result<Self, DvcError> {
        let nibble = |b: &u8| match b {
            b'0'..=b'9' => Some(b - b'0'),
            b'a'..=b'f' => Some(b - b'a' + 10),
            _ => None,
        };
        let digits: Option<Vec<u8>> = text.as_bytes().iter().map(nibble).collect();
        let digits: [u8; 32] = digits.and_then(|d| d.try_into().ok()).ok_or(DvcError::Sum)?;
        let mut out = [0; 16];
        for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = (pair[0] << 4) | pair[1];
        }
        Ok(Self(out))
    }
}
impl fmt::Display for Md5 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
impl fmt::Debug for Md5 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Md5({self})")
    }
}

/// Computes an MD5 sum, to find out whether bytes are those that DVC meant.
#[derive(Default)]
pub struct Md5Hasher(md5::Md5);

impl fmt::Debug for Md5Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Md5Hasher")
    }
}

impl Md5Hasher {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
    /// The sum of all bytes.
    #[must_use]
    pub fn finish(self) -> Md5 {
        Md5(self.0.finalize().into())
    }
}
