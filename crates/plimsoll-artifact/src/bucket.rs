//! Artifacts in an object store. What is put there was sealed on local disk, so that an upload
//! can be gone on with and its name, the digest, is known before the first byte leaves.

use crate::error::ArtifactError;
use object_store::path::Path as Key;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutPayload};
use std::io::Read as _;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};

/// Bytes of one part: S3 wants 5 MiB at least and takes 10,000 parts, which makes 80 GB.
const PART: u64 = 8 << 20;

/// An object store, and what waits for it.
#[derive(Debug)]
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    /// There until the bucket is dropped.
    runtime: Option<Runtime>,
}

impl Drop for Bucket {
    fn drop(&mut self) {
        // The last owner may be a task, and a task may not wait for a runtime to end.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Bucket {
    /// A bucket behind `store`.
    ///
    /// # Errors
    /// [`ArtifactError::Io`] if no runtime can be made.
    pub fn new(store: Arc<dyn ObjectStore>) -> Result<Self, ArtifactError> {
        // Several threads wait at once, which a runtime of one thread does not let them.
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Ok(Self { store, runtime: Some(runtime.map_err(ArtifactError::io("reached"))?) })
    }

    /// Waits for something that is asked of the object store, where the rest is asked, too.
    ///
    /// # Errors
    /// What the work gives.
    pub fn wait_for<T>(
        &self,
        work: impl Future<Output = object_store::Result<T>>,
    ) -> object_store::Result<T> {
        match &self.runtime {
            Some(runtime) => runtime.block_on(work),
            None => Err(Error::Generic { store: "bucket", source: "it was closed".into() }),
        }
    }

    pub(crate) fn size(&self, key: &str) -> Result<Option<u64>, ArtifactError> {
        match self.wait_for(self.store.head(&Key::from(key))) {
            Ok(found) => Ok(Some(found.size)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(ArtifactError::Bucket(error)),
        }
    }

    pub(crate) fn read(&self, key: &str, range: Range<u64>) -> Result<Vec<u8>, ArtifactError> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let key = Key::from(key);
        let bytes = self.wait_for(self.store.get_range(&key, range));
        bytes.map(|bytes| bytes.to_vec()).map_err(ArtifactError::Bucket)
    }

    /// Puts a file, part by part. It is there whole or not at all.
    pub(crate) fn put(&self, key: &str, file: &Path) -> Result<(), ArtifactError> {
        let mut file = fs_err::File::open(file).map_err(ArtifactError::io("read"))?;
        let key = Key::from(key);
        if file.metadata().map_err(ArtifactError::io("read"))?.len() <= PART {
            let mut whole = Vec::new();
            file.read_to_end(&mut whole).map_err(ArtifactError::io("read"))?;
            let put = self.wait_for(self.store.put(&key, PutPayload::from(whole)));
            return put.map(drop).map_err(ArtifactError::Bucket);
        }
        let begun = self.wait_for(self.store.put_multipart(&key));
        let mut upload = begun.map_err(ArtifactError::Bucket)?;
        loop {
            let mut part = Vec::new();
            let read = file.by_ref().take(PART).read_to_end(&mut part);
            if let Err(error) = read {
                drop(self.wait_for(upload.abort()));
                return Err(ArtifactError::io("read")(error));
            }
            if part.is_empty() {
                break;
            }
            let put = self.wait_for(upload.put_part(PutPayload::from(part)));
            if let Err(error) = put {
                drop(self.wait_for(upload.abort()));
                return Err(ArtifactError::Bucket(error));
            }
        }
        self.wait_for(upload.complete()).map(drop).map_err(ArtifactError::Bucket)
    }

    pub(crate) fn remove(&self, key: &str) -> Result<bool, ArtifactError> {
        let there = self.size(key)?.is_some();
        match self.wait_for(self.store.delete(&Key::from(key))) {
            Ok(()) => Ok(there),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(ArtifactError::Bucket(error)),
        }
    }
}
