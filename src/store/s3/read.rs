//! Reads existing objects under any key: metadata, ranges and listings.

use super::S3Store;
use super::explain::kind;
use crate::store::rate::MinRate;
use crate::store::{StoreError, StoreErrorKind};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::primitives::{ByteStream, DateTime, DateTimeFormat};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use std::error::Error;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

/// Timeout for receiving the next chunk of a body. The SDK's timeout only covers the response headers.
const BODY_READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Maximum number of attempts to read a range if the body is cut short.
const MAX_BODY_ATTEMPTS: u32 = 5;

/// Metadata for an object that may have been written by another program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    /// The object's key, unencoded.
    pub key: String,
    /// Size in bytes.
    pub bytes: u64,
    /// The `ETag`, without quotes.
    pub etag: Option<String>,
    /// Last modified time, as an HTTP date.
    pub modified: Option<String>,
}

/// Error returned when reading from an object fails.
#[derive(Debug)]
pub enum ReadError {
    /// The object doesn't exist.
    Missing,
    /// The object was replaced after its metadata was read.
    Replaced,
    /// Any other error.
    Failed(StoreError),
}

const PRECONDITION_FAILED: u16 = 412;
const RANGE_NOT_SATISFIABLE: u16 = 416;

impl S3Store {
    /// Reads an object's metadata.
    ///
    /// # Errors
    /// Returns an error if the object doesn't exist or its metadata can't be read.
    pub(crate) async fn look_at(&self, key: &str) -> Result<ObjectInfo, ReadError> {
        let head = self.client.head_object().bucket(&self.bucket).key(key);
        let head = head.set_request_payer(self.payer.into()).send().await;
        let object = head.map_err(|error| self.read_error(key, &error))?;
        Ok(ObjectInfo {
            key: key.to_owned(),
            bytes: object.content_length().and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0),
            etag: object.e_tag().map(without_quotes),
            modified: object.last_modified().and_then(http_date),
        })
    }

    /// Reads a range of an object, provided that it still matches this metadata.
    ///
    /// # Errors
    /// Returns an error if the object was replaced or can't be read.
    pub(crate) async fn read_part(&self, object: &ObjectInfo, range: Range<u64>) -> Result<Vec<u8>, ReadError> {
        let mut attempts = 1;
        loop {
            let body = self.request_range(object, &range).await?;
            match collect_body(body, &range).await {
                Ok(bytes) => return Ok(bytes),
                Err(_) if attempts < MAX_BODY_ATTEMPTS => attempts += 1,
                Err(cause) => {
                    let action = format!("could not read `{}`", object.key);
                    return Err(ReadError::Failed(StoreError::new(StoreErrorKind::Other, action, cause)));
                }
            }
        }
    }

    async fn request_range(&self, object: &ObjectInfo, range: &Range<u64>) -> Result<ByteStream, ReadError> {
        let request = self.client.get_object().bucket(&self.bucket).key(&object.key);
        let request = request.range(format!("bytes={}-{}", range.start, range.end.saturating_sub(1)));
        // All ranges must come from the same revision, or a decoder could end up with one image's header and another
        // image's pixels. The store enforces this condition, and the response's ETag is checked too because some stores
        // ignore it.
        let request = request.set_if_match(object.etag.as_ref().map(|etag| format!("\"{etag}\"")));
        let response = request.set_request_payer(self.payer.into()).send().await;
        let response = response.map_err(|error| self.read_error(&object.key, &error))?;
        // Check the revision here too, in case the store ignored the condition.
        let is_other = |found: Option<String>, known: &Option<String>| {
            found.zip(known.as_ref()).is_some_and(|(found, known)| found != *known)
        };
        let is_replaced = is_other(response.e_tag().map(without_quotes), &object.etag)
            || (object.etag.is_none() && is_other(response.last_modified().and_then(http_date), &object.modified));
        let total = response.content_range().and_then(|range| range.rsplit_once('/')?.1.parse::<u64>().ok());
        if is_replaced || total.is_some_and(|total| total != object.bytes) {
            return Err(ReadError::Replaced);
        }
        Ok(response.body)
    }

    fn read_error<E>(&self, key: &str, error: &SdkError<E>) -> ReadError
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        match error.raw_response().map(|response| response.status().as_u16()) {
            Some(PRECONDITION_FAILED | RANGE_NOT_SATISFIABLE) => ReadError::Replaced,
            Some(404) if kind(error) != StoreErrorKind::Missing => ReadError::Missing,
            _ => ReadError::Failed(self.failed(format!("could not read `{key}` in `{}`", self.bucket), error)),
        }
    }

    /// Lists the objects with keys starting with `prefix`, sorted by key. The prefix can end in the middle of a name.
    #[doc(hidden)]
    #[must_use]
    #[doc(hidden)]
    pub fn objects<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, Result<ObjectInfo, StoreError>> {
        let pages = self.list(format!("s3://{}/{prefix}", self.bucket), prefix.to_owned(), None);
        let objects =
            |page: ListObjectsV2Output| page.contents.unwrap_or_default().into_iter().filter_map(from_listing).map(Ok);
        pages.map_ok(move |page| stream::iter(objects(page))).try_flatten().boxed()
    }
}

fn from_listing(object: aws_sdk_s3::types::Object) -> Option<ObjectInfo> {
    Some(ObjectInfo {
        bytes: object.size.and_then(|bytes| u64::try_from(bytes).ok())?,
        etag: object.e_tag.as_deref().map(without_quotes),
        modified: object.last_modified.as_ref().and_then(http_date),
        key: object.key?,
    })
}

/// Strips quotes from an ETag. Some stores omit them in listings.
fn without_quotes(etag: &str) -> String {
    etag.trim_matches('"').to_owned()
}

/// Formats a time as an HTTP date. Fractional seconds are dropped, because listings are more precise than headers.
fn http_date(time: &DateTime) -> Option<String> {
    DateTime::from_secs(time.secs()).fmt(DateTimeFormat::DateTime).ok()
}

/// Collects a body, which must be exactly as long as the range.
async fn collect_body(mut body: ByteStream, range: &Range<u64>) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
    let length = usize::try_from(range.end.saturating_sub(range.start))?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length)?;
    let mut rate = MinRate::new(Duration::MAX);
    while let Some(piece) = tokio::time::timeout(BODY_READ_TIMEOUT, body.try_next()).await?? {
        rate.arrived(piece.len())?;
        if bytes.len() + piece.len() > length {
            return Err("the store returned more bytes than requested".into());
        }
        bytes.extend_from_slice(&piece);
    }
    if bytes.len() == length { Ok(bytes) } else { Err("the response ended too early".into()) }
}

impl fmt::Display for ReadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => formatter.write_str("the object does not exist"),
            Self::Replaced => formatter.write_str("the object was replaced while it was read"),
            Self::Failed(error) => {
                let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
                write!(formatter, "{error}{cause}")
            }
        }
    }
}

impl Error for ReadError {}
