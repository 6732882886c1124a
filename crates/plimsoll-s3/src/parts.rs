//! An upload in parts: nobody sees the object before all of them are there.

use crate::client::{Call, S3, answer};
use crate::error::{odd, refused};
use crate::xml;
use async_trait::async_trait;
use bytes::Bytes;
use futures::FutureExt as _;
use http::Method;
use http::header::ETAG;
use object_store::path::Path;
use object_store::{MultipartUpload, PutPayload, PutResult, Result, UploadPart};
use plimsoll_outbound::Reply;
use std::sync::{Arc, Mutex, PoisonError};

/// Parts of one upload that S3 takes.
const MAX_PARTS: usize = 10_000;

/// An upload under way.
#[derive(Debug)]
pub(crate) struct Parts {
    s3: S3,
    path: Path,
    id: String,
    count: usize,
    /// What the server called each part that it took, by number from 1.
    taken: Arc<Mutex<Vec<(usize, String)>>>,
}

impl Parts {
    pub(crate) async fn begin(s3: &S3, path: &Path) -> Result<Self> {
        let call = Call { query: &[("uploads", "")], ..Call::new(Method::POST, path) };
        let reply = s3.send(call).await?;
        let id = xml::text_of(&String::from_utf8_lossy(&reply.body), "UploadId");
        let id = id.filter(|id| !id.is_empty()).ok_or_else(|| odd("an upload got no id"))?;
        Ok(Self { s3: s3.clone(), path: path.clone(), id, count: 0, taken: Arc::default() })
    }
}

#[async_trait]
impl MultipartUpload for Parts {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.count += 1;
        let number = self.count;
        let (s3, path, id) = (self.s3.clone(), self.path.clone(), self.id.clone());
        let taken = Arc::clone(&self.taken);
        let put = async move {
            if number > MAX_PARTS {
                return Err(odd("an upload has more than 10,000 parts"));
            }
            let text = number.to_string();
            let query: &[_] = &[("partNumber", text.as_str()), ("uploadId", id.as_str())];
            let call = Call { query, body: Bytes::from(data), ..Call::new(Method::PUT, &path) };
            let name = tag(&s3.send(call).await?).ok_or_else(|| odd("a part got no ETag"))?;
            taken.lock().unwrap_or_else(PoisonError::into_inner).push((number, name));
            Ok(())
        };
        put.boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let mut parts = self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone();
        parts.sort_unstable();
        if parts.len() != self.count || parts.is_empty() {
            return Err(odd("an upload is ended before all its parts are there"));
        }
        let mut body = "<CompleteMultipartUpload>".to_owned();
        for (number, name) in &parts {
            let name = xml::escaped(name);
            body.push_str(&format!(
                "<Part><PartNumber>{number}</PartNumber><ETag>{name}</ETag></Part>"
            ));
        }
        body.push_str("</CompleteMultipartUpload>");
        let query: &[_] = &[("uploadId", self.id.as_str())];
        let call = Call { query, body: body.into(), ..Call::new(Method::POST, &self.path) };
        let reply = self.s3.send(call).await?;
        let text = String::from_utf8_lossy(&reply.body);
        // The status is sent before the parts are put together, so an error may come after it.
        if text.contains("<Error>") {
            return Err(refused(answer(&reply), &self.path));
        }
        Ok(PutResult { e_tag: xml::text_of(&text, "ETag"), version: None })
    }

    async fn abort(&mut self) -> Result<()> {
        let query: &[_] = &[("uploadId", self.id.as_str())];
        let call = Call { query, ..Call::new(Method::DELETE, &self.path) };
        self.s3.send(call).await.map(drop)
    }
}

/// The header `ETag`.
pub(crate) fn tag(reply: &Reply) -> Option<String> {
    reply.headers.get(ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned)
}
