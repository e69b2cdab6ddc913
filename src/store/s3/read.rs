//! Reading what others stored in a bucket, whatever their keys: sizes, parts, and everything below a prefix.

use super::explain::kind;
use super::{S3Store, StoreError, StoreErrorKind};
use crate::store::MinRate;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::primitives::{ByteStream, DateTime, DateTimeFormat};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use std::error::Error;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

/// Silence in the middle of a body after which it is asked for again. The SDK's own limit is of the head alone.
const BODY_SILENCE: Duration = Duration::from_secs(30);

/// Times that a part is asked for because its body does not come to its end.
const BODY_ATTEMPTS: u32 = 5;

/// What a store says of an object that somebody else may have put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its key, as it is.
    pub key: String,
    /// Its size.
    pub bytes: u64,
    /// Its `ETag`, without quotes.
    pub etag: Option<String>,
    /// When it was stored.
    pub modified: Option<String>,
}

/// Why a part of an object was not read.
#[derive(Debug)]
pub enum ReadError {
    /// There is no such object.
    Missing,
    /// It is not any more the one that was looked at.
    Replaced,
    /// Anything else.
    Failed(StoreError),
}

const PRECONDITION_FAILED: u16 = 412;
const RANGE_NOT_SATISFIABLE: u16 = 416;

impl S3Store {
    /// Looks at an object.
    ///
    /// # Errors
    /// Where there is none, or the store does not say.
    pub async fn look_at(&self, key: &str) -> Result<Found, ReadError> {
        let looked = self.client.head_object().bucket(&self.bucket).key(key);
        let looked = looked.set_request_payer(self.payer.into()).send().await;
        let object = looked.map_err(|error| self.unread(key, &error))?;
        Ok(Found {
            key: key.to_owned(),
            bytes: object.content_length().and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0),
            etag: object.e_tag().map(bare),
            modified: object.last_modified().and_then(in_words),
        })
    }

    /// Bytes of the very object that was looked at.
    ///
    /// # Errors
    /// Where it is another one by now, or the store does not give them.
    pub async fn read_part(&self, object: &Found, range: Range<u64>) -> Result<Vec<u8>, ReadError> {
        let mut attempts = 1;
        loop {
            let body = self.begin(object, &range).await?;
            match collected(body, &range).await {
                Ok(bytes) => return Ok(bytes),
                Err(_) if attempts < BODY_ATTEMPTS => attempts += 1,
                Err(cause) => {
                    let action = format!("could not read `{}`", object.key);
                    return Err(ReadError::Failed(StoreError::new(StoreErrorKind::Other, action, cause)));
                }
            }
        }
    }

    async fn begin(&self, object: &Found, range: &Range<u64>) -> Result<ByteStream, ReadError> {
        let got = self.client.get_object().bucket(&self.bucket).key(&object.key);
        let got = got.range(format!("bytes={}-{}", range.start, range.end.saturating_sub(1)));
        let got = got.set_if_match(object.etag.as_ref().map(|etag| format!("\"{etag}\"")));
        let answer = got.set_request_payer(self.payer.into()).send().await;
        let answer = answer.map_err(|error| self.unread(&object.key, &error))?;
        // Some stores ignore the condition.
        let is_other = |found: Option<String>, known: &Option<String>| {
            found.zip(known.as_ref()).is_some_and(|(found, known)| found != *known)
        };
        let is_replaced = is_other(answer.e_tag().map(bare), &object.etag)
            || (object.etag.is_none() && is_other(answer.last_modified().and_then(in_words), &object.modified));
        let total = answer.content_range().and_then(|range| range.rsplit_once('/')?.1.parse::<u64>().ok());
        if is_replaced || total.is_some_and(|total| total != object.bytes) {
            return Err(ReadError::Replaced);
        }
        Ok(answer.body)
    }

    fn unread<E>(&self, key: &str, error: &SdkError<E>) -> ReadError
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        match error.raw_response().map(|response| response.status().as_u16()) {
            Some(PRECONDITION_FAILED | RANGE_NOT_SATISFIABLE) => ReadError::Replaced,
            Some(404) if kind(error) != StoreErrorKind::Missing => ReadError::Missing,
            _ => ReadError::Failed(self.failed(format!("could not read `{key}` in `{}`", self.bucket), error)),
        }
    }

    /// Lists the objects whose keys begin with `prefix`, which need not end with a slash, in the order of their keys.
    #[must_use]
    pub fn objects<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, Result<Found, StoreError>> {
        let pages = self.list(format!("s3://{}/{prefix}", self.bucket), prefix.to_owned(), None);
        let objects =
            |page: ListObjectsV2Output| page.contents.unwrap_or_default().into_iter().filter_map(found).map(Ok);
        pages.map_ok(move |page| stream::iter(objects(page))).try_flatten().boxed()
    }
}

fn found(object: aws_sdk_s3::types::Object) -> Option<Found> {
    Some(Found {
        bytes: object.size.and_then(|bytes| u64::try_from(bytes).ok())?,
        etag: object.e_tag.as_deref().map(bare),
        modified: object.last_modified.as_ref().and_then(in_words),
        key: object.key?,
    })
}

/// Listings of some stores leave the quotes out.
fn bare(etag: &str) -> String {
    etag.trim_matches('"').to_owned()
}

/// To the second, as headers have it: listings have more.
fn in_words(time: &DateTime) -> Option<String> {
    DateTime::from_secs(time.secs()).fmt(DateTimeFormat::DateTime).ok()
}

/// A body that is no longer what was asked for.
async fn collected(mut body: ByteStream, range: &Range<u64>) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
    let most = usize::try_from(range.end.saturating_sub(range.start))?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(most)?;
    let mut rate = MinRate::new(Duration::MAX);
    while let Some(piece) = tokio::time::timeout(BODY_SILENCE, body.try_next()).await?? {
        rate.arrived(piece.len())?;
        if bytes.len() + piece.len() > most {
            return Err("the store answers with more than was asked for".into());
        }
        bytes.extend_from_slice(&piece);
    }
    if bytes.len() == most { Ok(bytes) } else { Err("the answer ends too early".into()) }
}

impl fmt::Display for ReadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => formatter.write_str("there is no such object"),
            Self::Replaced => formatter.write_str("it was replaced while it was read"),
            Self::Failed(error) => {
                let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
                write!(formatter, "{error}{cause}")
            }
        }
    }
}

impl Error for ReadError {}
