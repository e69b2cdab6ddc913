//! Connections to source buckets.

use super::bucket::BucketObject;
use crate::location::S3Object;
use crate::source::{RemoteError, RemoteErrorKind};
use crate::store::{S3Settings, S3Store, StoreError, StoreErrorKind};
use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Time during which a failed connection to a bucket applies to all its images. After that, the next image tries again.
const UNREACHABLE_FOR: Duration = Duration::from_secs(5);

/// A bucket. The first image that needs it connects, and the others wait.
type Bucket = Arc<tokio::sync::Mutex<Connection>>;

#[derive(Default)]
enum Connection {
    #[default]
    None,
    Connected(S3Store),
    /// The connection failed. Missing credentials or permissions are permanent, but an unreachable endpoint isn't.
    Failed {
        error: RemoteError,
        at: Instant,
        is_lasting: bool,
    },
}

/// All buckets used for reading sources.
#[derive(Default)]
pub(super) struct Buckets {
    settings: S3Settings,
    /// Only locked for lookups.
    buckets: Mutex<HashMap<String, Bucket>>,
}

impl Buckets {
    pub(super) fn new(settings: S3Settings) -> Self {
        Self { settings, buckets: Mutex::default() }
    }

    pub(super) async fn find(&self, object: &S3Object) -> Result<BucketObject, RemoteError> {
        let store = self.connect(&object.bucket).await?;
        BucketObject::find(store, object).await
    }

    /// Returns a connected bucket.
    pub(super) async fn connect(&self, name: &str) -> Result<S3Store, RemoteError> {
        let bucket = {
            let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(buckets.entry(name.to_owned()).or_default())
        };
        // Each bucket has an async lock that is held while connecting. If 32 images start at once, one of them connects
        // and the rest share the result. Failures are remembered too, or each of 10,000 images would have to wait for
        // an unreachable endpoint to time out.
        let mut connection = bucket.lock().await;
        match &*connection {
            Connection::Connected(store) => return Ok(store.clone()),
            Connection::Failed { error, at, is_lasting } if *is_lasting || at.elapsed() < UNREACHABLE_FOR => {
                return Err(error.clone());
            }
            Connection::None | Connection::Failed { .. } => {}
        }
        let settings = S3Settings { bucket: name.to_owned(), ..self.settings.clone() };
        match S3Store::connect_in_any_region(settings, |_| ()).await {
            Ok(store) => {
                *connection = Connection::Connected(store.clone());
                Ok(store)
            }
            Err(cause) => {
                let is_lasting = cause.is_environment() && cause.kind() != StoreErrorKind::Unreachable;
                let error = connect_error(&cause);
                *connection = Connection::Failed { error: error.clone(), at: Instant::now(), is_lasting };
                Err(error)
            }
        }
    }
}

/// Returns the error for an unreachable bucket.
fn connect_error(error: &StoreError) -> RemoteError {
    let kind = if error.is_environment() { RemoteErrorKind::Environment } else { RemoteErrorKind::Other };
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    RemoteError::new(kind, format!("{error}{cause}"))
}
