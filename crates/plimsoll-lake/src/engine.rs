//! What runs queries: threads of their own, so that a query never takes a thread from the
//! gateway; one bound on memory for all of them; a cache of footers.

use crate::error::LakeError;
use datafusion::common::Result;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Threads that run queries. Two cores are what this is measured on; more would only let
/// queries take more from requests.
pub(crate) const THREADS: usize = 2;
/// How much less than requests queries are worth to the scheduler (`nice`).
const NICENESS: i32 = 10;
/// Stack of a query's thread: plans of the longest statement are as deep as it has operators.
const STACK: usize = 16 << 20;
/// What all running queries may hold together in sorts, groups and joins.
const MEMORY: usize = 512 << 20;
/// Footers that are kept: those of about 500 files, or of 20 days of one deployment.
const FOOTERS: usize = 16 << 20;
/// Queries that run at once; a further one is refused.
const QUERIES: usize = 4;

/// What runs queries and upkeep.
#[derive(Debug)]
pub(crate) struct Engine {
    runtime: Mutex<Option<Arc<Runtime>>>,
    env: Mutex<Option<Arc<RuntimeEnv>>>,
    queries: Arc<Semaphore>,
}

impl Default for Engine {
    fn default() -> Self {
        Self {
            runtime: Mutex::default(),
            env: Mutex::default(),
            queries: Arc::new(Semaphore::new(QUERIES)),
        }
    }
}

impl Engine {
    pub(crate) fn runtime(&self) -> Result<Arc<Runtime>, LakeError> {
        let mut runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = &*runtime {
            return Ok(Arc::clone(runtime));
        }
        let fresh = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("plimsoll-lake")
            .thread_stack_size(STACK)
            .enable_time()
            .on_thread_start(yield_to_requests)
            .build()
            .map_err(LakeError::Engine)?;
        let fresh = Arc::new(fresh);
        *runtime = Some(Arc::clone(&fresh));
        Ok(fresh)
    }

    /// Leave to run a query.
    pub(crate) fn admit(&self) -> Result<OwnedSemaphorePermit, LakeError> {
        Arc::clone(&self.queries).try_acquire_owned().map_err(|_| {
            LakeError::Limit(format!("{QUERIES} queries run already; ask again when one has ended"))
        })
    }

    /// What queries share.
    pub(crate) fn env(&self) -> Result<Arc<RuntimeEnv>> {
        let mut env = self.env.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(env) = &*env {
            return Ok(Arc::clone(env));
        }
        // Nothing is ever written to disk: it would be in clear.
        let disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled);
        let fresh = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(GreedyMemoryPool::new(MEMORY)))
            .with_disk_manager_builder(disk)
            .with_metadata_cache_limit(FOOTERS)
            .with_object_list_cache_limit(0)
            .with_file_statistics_cache_limit(0)
            .build_arc()?;
        *env = Some(Arc::clone(&fresh));
        Ok(fresh)
    }

    /// Drops the cache: after an erasure nothing of before is kept.
    pub(crate) fn forget(&self) {
        *self.env.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let runtime = self.runtime.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        // A runtime must not be waited for from within another one.
        if let Some(runtime) = runtime.and_then(Arc::into_inner) {
            runtime.shutdown_background();
        }
    }
}

/// Gives requests the processor first. On Linux a thread has a priority of its own.
fn yield_to_requests() {
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!(%error, "queries run at the priority of requests");
    }
}
