//! The bucket of artifacts: looked at before anything is opened that relies on it.

use crate::error::ServerError;
use plimsoll_artifact::Bucket;
use plimsoll_control::ControlError;
use plimsoll_s3::S3;
use std::sync::Arc;

/// The bucket, in which an object was put, read and removed. A server whose artifacts cannot be
/// reached does not start: its models would not load, and uploads would be lost at their end.
///
/// # Errors
/// [`ServerError::Bucket`] with what to mend.
pub(crate) fn artifacts(s3: &S3) -> Result<Arc<Bucket>, ServerError> {
    let failed =
        |error: plimsoll_artifact::ArtifactError| ServerError::Control(ControlError::from(error));
    let bucket = Bucket::new(Arc::new(s3.clone())).map_err(failed)?;
    let looked = bucket.wait_for(async { Ok(s3.check().await) });
    looked
        .map_err(|error| failed(plimsoll_artifact::ArtifactError::Bucket(error)))?
        .map_err(ServerError::Bucket)?;
    tracing::info!(bucket = %s3, "artifacts are kept in a bucket");
    Ok(Arc::new(bucket))
}
