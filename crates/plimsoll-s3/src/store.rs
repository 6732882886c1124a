//! The bucket as an object store.

use crate::client::{Call, S3};
use crate::error::{STORE, odd};
use crate::parts::{Parts, tag};
use crate::xml;
use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::stream::{self, BoxStream};
use futures::{StreamExt as _, TryStreamExt as _};
use http::Method;
use http::header::{
    CONTENT_LENGTH, CONTENT_RANGE, HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    IF_UNMODIFIED_SINCE, LAST_MODIFIED, RANGE,
};
use object_store::path::Path;
use object_store::{
    Attributes, CopyMode, CopyOptions, Error, GetOptions, GetRange, GetResult, GetResultPayload,
    ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode, PutMultipartOptions, PutOptions,
    PutPayload, PutResult, Result, TagSet,
};
use plimsoll_outbound::Reply;
use std::ops::Range;

/// Bytes that are asked for at once: what is in memory of an object that is read.
pub const PIECE: u64 = 8 << 20;
const COPY_SOURCE: HeaderName = HeaderName::from_static("x-amz-copy-source");
/// What stands between the parts of a key.
const DELIMITER: &str = "/";

#[async_trait]
impl ObjectStore for S3 {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        plain(&opts.attributes, &opts.tags)?;
        let mut call = Call { body: payload.into(), ..Call::new(Method::PUT, location) };
        match &opts.mode {
            PutMode::Overwrite => {}
            PutMode::Create => call.headers.push((IF_NONE_MATCH, "*".into())),
            PutMode::Update(version) => {
                let tag = version.e_tag.clone().ok_or_else(|| odd("an update names no ETag"))?;
                call.headers.push((IF_MATCH, tag));
            }
        }
        // Sent again, a conditional put would meet what it put itself.
        call.again = opts.mode == PutMode::Overwrite;
        match (self.send(call).await, opts.mode) {
            (Ok(reply), _) => Ok(PutResult { e_tag: tag(&reply), version: None }),
            (Err(Error::Precondition { path, source }), PutMode::Create) => {
                Err(Error::AlreadyExists { path, source })
            }
            (Err(error), _) => Err(error),
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        plain(&opts.attributes, &opts.tags)?;
        Ok(Box::new(Parts::begin(self, location).await?))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if options.version.is_some() {
            return Err(unsupported("versions of an object"));
        }
        let conditions = conditions(&options);
        let asked = options.range.as_ref().filter(|_| !options.head);
        if let Some(GetRange::Bounded(range)) = asked
            && range.end.saturating_sub(range.start) <= PIECE
        {
            let (bytes, meta) = self.piece(location, range.clone(), conditions).await?;
            let range = range.start..range.start + bytes.len() as u64;
            let payload = stream::once(async { Ok(bytes) }).boxed();
            return Ok(result(payload, meta, range));
        }
        let headers = conditions.clone();
        let reply = self.send(Call { headers, ..Call::new(Method::HEAD, location) }).await?;
        let meta = meta(location, &reply, length(&reply)?)?;
        let range = match asked {
            None => 0..meta.size,
            Some(range) => range
                .as_range(meta.size)
                .map_err(|error| Error::Generic { store: STORE, source: Box::new(error) })?,
        };
        let payload = if options.head {
            stream::empty().boxed()
        } else {
            self.pieces(location, &meta, range.clone(), conditions)
        };
        Ok(result(payload, meta, range))
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let s3 = self.clone();
        locations
            .and_then(move |path| {
                let s3 = s3.clone();
                async move {
                    s3.send(Call::new(Method::DELETE, &path)).await?;
                    Ok(path)
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (s3, prefix) = (self.clone(), self.folder(prefix));
        let pages = stream::try_unfold(Some(String::new()), move |token| {
            let (s3, prefix) = (s3.clone(), prefix.clone());
            async move {
                let Some(token) = token else { return Ok(None) };
                let page = s3.page(&prefix, None, &token).await?;
                let objects = page.objects.into_iter().map(Ok);
                Ok::<_, Error>(Some((stream::iter(objects), page.next)))
            }
        });
        pages.try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let folder = self.folder(prefix);
        let mut found = ListResult { common_prefixes: Vec::new(), objects: Vec::new() };
        let mut token = Some(String::new());
        while let Some(now) = token {
            let page = self.page(&folder, Some(DELIMITER), &now).await?;
            found.objects.extend(page.objects);
            found.common_prefixes.extend(page.folders);
            token = page.next;
        }
        Ok(found)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        if options.mode != CopyMode::Overwrite {
            return Err(unsupported("copies that overwrite nothing"));
        }
        let headers = vec![(COPY_SOURCE, self.source(from))];
        let reply = self.send(Call { headers, ..Call::new(Method::PUT, to) }).await?;
        if String::from_utf8_lossy(&reply.body).contains("<Error>") {
            return Err(crate::error::refused(crate::client::answer(&reply), to));
        }
        Ok(())
    }
}

/// A page of a listing.
struct Page {
    objects: Vec<ObjectMeta>,
    folders: Vec<Path>,
    /// What the next is asked for with.
    next: Option<String>,
}

impl S3 {
    /// Bytes of an object that are asked for at once.
    async fn piece(
        &self,
        location: &Path,
        range: Range<u64>,
        mut headers: Vec<(HeaderName, String)>,
    ) -> Result<(Bytes, ObjectMeta)> {
        if range.is_empty() {
            return Err(odd("a range has no bytes"));
        }
        headers.push((RANGE, format!("bytes={}-{}", range.start, range.end - 1)));
        let wanted = range.end - range.start;
        let mut call = Call { headers, ..Call::new(Method::GET, location) };
        // Room for what a server says when there is no object, too.
        call.most = call.most.max(usize::try_from(wanted).unwrap_or(usize::MAX));
        let reply = self.send(call).await?;
        let said = reply.headers.get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
        let (start, end, size) =
            said.and_then(content_range).ok_or_else(|| odd("a range was not honoured"))?;
        let is_it = start == range.start
            && end.min(size).saturating_sub(start) == reply.body.len() as u64
            && end == range.end.min(size);
        if !is_it {
            return Err(odd("another range than the one asked for came"));
        }
        let meta = meta(location, &reply, size)?;
        Ok((reply.body, meta))
    }

    /// A range in pieces, all of one state of the object.
    fn pieces(
        &self,
        location: &Path,
        meta: &ObjectMeta,
        range: Range<u64>,
        mut headers: Vec<(HeaderName, String)>,
    ) -> BoxStream<'static, Result<Bytes>> {
        if let Some(tag) = &meta.e_tag {
            headers.retain(|(name, _)| *name != IF_MATCH);
            headers.push((IF_MATCH, tag.clone()));
        }
        let (s3, location) = (self.clone(), location.clone());
        let next = move |at: u64| {
            let (s3, location, headers) = (s3.clone(), location.clone(), headers.clone());
            async move {
                if at >= range.end {
                    return Ok(None);
                }
                let end = range.end.min(at.saturating_add(PIECE));
                let (bytes, _) = s3.piece(&location, at..end, headers).await?;
                Ok(Some((bytes, end)))
            }
        };
        stream::try_unfold(range.start, next).boxed()
    }

    /// What keys below a folder begin with.
    fn folder(&self, prefix: Option<&Path>) -> String {
        let key = self.key(prefix.unwrap_or(&Path::default()));
        if key.is_empty() { key } else { format!("{key}/") }
    }

    async fn page(&self, prefix: &str, delimiter: Option<&str>, token: &str) -> Result<Page> {
        // Sorted by name, as they are signed.
        let mut query = Vec::new();
        if !token.is_empty() {
            query.push(("continuation-token", token));
        }
        query.extend(delimiter.map(|delimiter| ("delimiter", delimiter)));
        query.extend([("list-type", "2"), ("prefix", prefix)]);
        // The bucket itself, above the folder.
        let reply = self.send_to_bucket(&query).await?;
        let text = std::str::from_utf8(&reply.body).map_err(|_| odd("a listing is no UTF-8"))?;
        let mut page = Page { objects: Vec::new(), folders: Vec::new(), next: None };
        for one in xml::elements(text, "Contents") {
            page.objects.extend(self.listed(one)?);
        }
        for one in xml::elements(text, "CommonPrefixes") {
            let key = xml::text_of(one, "Prefix").unwrap_or_default();
            page.folders.extend(self.path_of(key.trim_end_matches('/'))?);
        }
        if xml::text_of(text, "IsTruncated").as_deref() == Some("true") {
            let next = xml::text_of(text, "NextContinuationToken");
            let next = next.filter(|next| !next.is_empty() && next != token);
            page.next = Some(next.ok_or_else(|| odd("a listing does not say how it goes on"))?);
        }
        Ok(page)
    }

    fn listed(&self, text: &str) -> Result<Option<ObjectMeta>> {
        let field = |name| xml::text_of(text, name).ok_or_else(|| odd("a listing lacks a field"));
        let Some(location) = self.path_of(&field("Key")?)? else { return Ok(None) };
        let modified = DateTime::parse_from_rfc3339(&field("LastModified")?);
        Ok(Some(ObjectMeta {
            location,
            last_modified: modified.map_err(|_| odd("a listing has a malformed time"))?.into(),
            size: field("Size")?.parse().map_err(|_| odd("a listing has a malformed size"))?,
            e_tag: xml::text_of(text, "ETag"),
            version: None,
        }))
    }

    /// The path of a key; `None` for one outside of the folder, and for the folder itself.
    fn path_of(&self, key: &str) -> Result<Option<Path>> {
        let prefix = self.0.address.prefix.as_ref();
        let rest = match prefix.is_empty() {
            true => Some(key),
            false => key.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/')),
        };
        let Some(rest) = rest.filter(|rest| !rest.is_empty()) else { return Ok(None) };
        Ok(Some(Path::parse(rest)?))
    }
}

/// Attributes and tags are not sent, so nobody may rely on them.
fn plain(attributes: &Attributes, tags: &TagSet) -> Result<()> {
    if attributes.is_empty() && tags.encoded().is_empty() {
        return Ok(());
    }
    Err(unsupported("attributes and tags"))
}

fn unsupported(what: &'static str) -> Error {
    Error::NotImplemented { operation: what.to_owned(), implementer: STORE.to_owned() }
}

fn conditions(options: &GetOptions) -> Vec<(HeaderName, String)> {
    let date = |time: &DateTime<Utc>| time.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    [
        (IF_MATCH, options.if_match.clone()),
        (IF_NONE_MATCH, options.if_none_match.clone()),
        (IF_MODIFIED_SINCE, options.if_modified_since.as_ref().map(date)),
        (IF_UNMODIFIED_SINCE, options.if_unmodified_since.as_ref().map(date)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

/// `bytes 0-9/100`, as where it begins, before what it ends, and of how many.
fn content_range(text: &str) -> Option<(u64, u64, u64)> {
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let last: u64 = last.parse().ok()?;
    Some((first.parse().ok()?, last.checked_add(1)?, size.parse().ok()?))
}

fn length(reply: &Reply) -> Result<u64> {
    let text = reply.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    text.and_then(|text| text.parse().ok()).ok_or_else(|| odd("an object has no length"))
}

fn meta(location: &Path, reply: &Reply, size: u64) -> Result<ObjectMeta> {
    let modified = reply.headers.get(LAST_MODIFIED).and_then(|value| value.to_str().ok());
    let modified = modified.and_then(|text| DateTime::parse_from_rfc2822(text).ok());
    Ok(ObjectMeta {
        location: location.clone(),
        last_modified: modified.ok_or_else(|| odd("an object has no time"))?.into(),
        size,
        e_tag: tag(reply),
        version: None,
    })
}

fn result(
    payload: BoxStream<'static, Result<Bytes>>,
    meta: ObjectMeta,
    range: Range<u64>,
) -> GetResult {
    let payload = GetResultPayload::Stream(payload);
    GetResult { payload, meta, range, attributes: Attributes::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        assert_eq!(content_range("bytes 0-9/100"), Some((0, 10, 100)));
        for text in ["", "bytes 0-9", "bytes a-9/100", "bytes 0-18446744073709551615/1", "0-9/1"] {
            assert_eq!(content_range(text), None, "{text}");
        }
    }
}
