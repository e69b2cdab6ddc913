//! Reads small objects.

use super::limit::{MAX_INFO_BYTES, is_too_large};
use super::{MARK, S3Store};
use crate::store::{ETag, Key, StoreError, StoreErrorKind, Stored};
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::primitives::ByteStream;
use bytes::{Bytes, BytesMut};
use std::error::Error;
use std::time::SystemTime;

/// Maximum number of attempts to read an object if the body is cut short. The SDK leaves these retries to the caller.
const MAX_BODY_ATTEMPTS: u32 = 4;

/// Error returned when an object can't be read.
pub(super) enum GetError {
    Request(Box<SdkError<GetObjectError>>),
    Body(Box<dyn Error + Send + Sync>),
}

/// Reads a document's body, up to `max_bytes`.
async fn collect_body(mut body: ByteStream, max_bytes: usize) -> Result<Bytes, Box<dyn Error + Send + Sync>> {
    let mut bytes = BytesMut::new();
    while let Some(piece) = body.try_next().await? {
        if bytes.len() + piece.len() > max_bytes {
            return Err(format!("it is larger than {max_bytes} bytes").into());
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.freeze())
}

fn max_bytes(key: &Key) -> usize {
    if key.as_str().ends_with("/info.json") { MAX_INFO_BYTES } else { usize::MAX }
}

impl GetError {
    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Self::Request(error) => error.raw_response().map(|response| response.status().as_u16()),
            Self::Body(_) => None,
        }
    }
}

impl S3Store {
    /// Fetches a small object.
    pub(super) async fn fetch(&self, key: &Key) -> Result<Stored, GetError> {
        let mut attempts = 1;
        loop {
            let got = self.client.get_object().bucket(&self.bucket).key(key.as_str());
            let object = got
                .set_request_payer(self.payer.into())
                .send()
                .await
                .map_err(|error| GetError::Request(error.into()))?;
            match collect_body(object.body, max_bytes(key)).await {
                Ok(body) => {
                    let mark = object.metadata.and_then(|mut metadata| metadata.remove(MARK));
                    let etag = object.e_tag.as_deref().and_then(ETag::new);
                    let modified = object.last_modified.and_then(|modified| SystemTime::try_from(modified).ok());
                    return Ok(Stored { body, mark, etag, modified });
                }
                Err(error) if attempts == MAX_BODY_ATTEMPTS || is_too_large(&*error) => {
                    return Err(GetError::Body(error));
                }
                Err(_) => attempts += 1,
            }
        }
    }

    pub(super) fn fetch_error(&self, key: &Key, error: GetError) -> StoreError {
        match error {
            GetError::Request(error) => self.failed(format!("could not look up `{key}`"), &*error),
            GetError::Body(error) => StoreError::new(StoreErrorKind::Other, format!("could not read `{key}`"), error),
        }
    }
}
