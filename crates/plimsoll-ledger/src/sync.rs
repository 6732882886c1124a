//! Locks: the standard library's, or, under the feature `model`, those of `shuttle`, which
//! run one interleaving of threads after the other. Used by what appending and erasing share.

#[cfg(not(feature = "model"))]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard};

#[cfg(feature = "model")]
pub(crate) use shuttle::sync::{Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard};
