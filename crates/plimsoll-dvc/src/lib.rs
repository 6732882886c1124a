//! Reads what DVC 2 and 3 write: `.dvc` files, `dvc.lock`, `dvc.yaml`, `.dvc/config`, and the
//! objects that stand for folders. What comes out are claims (MD5 sums); whoever has the bytes
//! checks them and records a SHA-256 beside.
//!
//! The formats are those of `dvc/schema.py`, `dvc/dirs.py` and `dvc_data/hashfile/db/local.py` of
//! DVC 3.67.
//!
//! **Architecture invariant:** pure: takes text, gives types. Opens no file, runs no `dvc`, knows
//! no dataset of ours.

mod config;
mod hash;
mod lineage;
mod lock;
mod tracked;
mod yaml;

pub use config::Config;
pub use hash::{Hash, Md5, Md5Hasher};
pub use lineage::{Edge, Graph, graph};
pub use lock::{Lock, LockedStage, Pipeline, PipelineModel};
pub use tracked::{FolderEntry, Import, Output, Tracked, read_folder};
pub use yaml::DvcError;
