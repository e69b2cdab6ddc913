//! Remote sources: objects in buckets and files on web servers.
//!
//! A source is found by one request, or by none if a listing has already described it. It is then fetched in ranges,
//! which must all belong to the same revision. Fetching runs on the async runtime, so the caller that waits must not
//! block it.

mod bucket;
mod headers;
mod spool;
mod web;

use crate::location::{Location, S3Object};
use crate::source::{Fetch, Place, RemoteError, RemoteErrorKind, SourceError};
use crate::store::{S3Settings, S3Store, Store, StoreError, StoreErrorKind};
use bucket::BucketObject;
use futures::TryStreamExt;
use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use web::Web;

/// Default time for retries of a request, the same as for stores.
const DEFAULT_RETRY_FOR: Duration = Duration::from_mins(5);

/// Default limit on temporary disk space, in bytes, for a source on a server without range requests.
pub const DEFAULT_MAX_SPOOL_BYTES: u64 = 16 << 30;

/// Time for which a failed connection to a bucket applies to all its images. After that, the next image tries again.
const UNREACHABLE_FOR: Duration = Duration::from_secs(5);

/// A bucket. The first image that needs it connects, and the others wait.
type Bucket = Arc<tokio::sync::Mutex<Connection>>;

#[derive(Default)]
enum Connection {
    #[default]
    None,
    Connected(S3Store),
    /// The connection failed. Missing credentials or permissions are lasting, and an unreachable endpoint is not.
    Failed {
        error: RemoteError,
        at: Instant,
        is_lasting: bool,
    },
}

/// The connections to remote sources. Clones are cheap and share their connections, which are opened on first use.
#[derive(Clone, Default)]
pub struct Remotes(Arc<Shared>);

struct Shared {
    settings: S3Settings,
    max_spool_bytes: u64,
    /// Locked only for lookups.
    buckets: Mutex<HashMap<String, Bucket>>,
    web: OnceCell<Web>,
}

impl Default for Shared {
    fn default() -> Self {
        let settings = S3Settings::default();
        Self { settings, max_spool_bytes: DEFAULT_MAX_SPOOL_BYTES, buckets: Mutex::default(), web: OnceCell::new() }
    }
}

impl fmt::Debug for Remotes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Remotes").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

impl Remotes {
    /// Creates a resolver with these settings for every bucket. The bucket name in `settings` is ignored.
    #[must_use]
    pub fn new(settings: S3Settings) -> Self {
        Self(Arc::new(Shared { settings, ..Shared::default() }))
    }

    /// Limits the temporary disk space, in bytes, for each source on a server without range requests.
    #[must_use]
    pub fn with_max_spool_bytes(self, max_spool_bytes: u64) -> Self {
        Self(Arc::new(Shared { settings: self.0.settings.clone(), max_spool_bytes, ..Shared::default() }))
    }

    /// Finds an image without reading it. Local files are not checked.
    ///
    /// # Errors
    /// If a remote image does not exist or cannot be accessed.
    pub async fn find(&self, location: &Location) -> Result<Place, SourceError> {
        let name = location.to_string();
        let found: Result<Arc<dyn crate::source::Remote>, RemoteError> = match location {
            Location::File(path) => return Ok(Place::File(path.clone())),
            Location::Object(object) if object.is_folder() => return Err(SourceError::NotAFile { input: name }),
            // Boxed because request futures are large, and most images are files.
            Location::Object(object) => Box::pin(self.find_object(object)).await.map(|found| Arc::new(found) as _),
            Location::Web(address) => match self.web().await {
                Ok(web) => Box::pin(web.find(address)).await.map(|found| Arc::new(found) as _),
                Err(error) => Err(error),
            },
        };
        match found {
            Ok(object) => Ok(Place::Remote { name, object }),
            Err(cause) => Err(SourceError::Remote { input: name, cause }),
        }
    }

    /// Lists all objects below a prefix, sorted by key. Objects that stand for folders are skipped.
    ///
    /// # Errors
    /// If the objects cannot be listed.
    pub async fn list(&self, folder: &S3Object) -> Result<Vec<S3Object>, SourceError> {
        let listed = async {
            let store = self.bucket(&folder.bucket).await?;
            let objects = store.objects(&folder.key).map_err(|error| status_error(&error));
            objects.try_collect::<Vec<_>>().await
        };
        let failed = |cause| SourceError::Remote { input: folder.to_string(), cause };
        let found = Box::pin(listed).await.map_err(failed)?;
        let objects = found.into_iter().filter(|found| !found.key.ends_with('/'));
        Ok(objects.map(|found| bucket::listed(&folder.bucket, found)).collect())
    }

    async fn find_object(&self, object: &S3Object) -> Result<BucketObject, RemoteError> {
        let store = self.bucket(&object.bucket).await?;
        BucketObject::find(store, object).await
    }

    /// Returns a connected bucket.
    async fn bucket(&self, name: &str) -> Result<S3Store, RemoteError> {
        let bucket = {
            let mut buckets = self.0.buckets.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(buckets.entry(name.to_owned()).or_default())
        };
        // An asynchronous lock for each bucket, held while connecting: of 32 images that begin together, one connects,
        // and the others get its result. A failure is remembered too, or each of 10,000 images would wait for the
        // timeout of an endpoint that is down.
        let mut connection = bucket.lock().await;
        match &*connection {
            Connection::Connected(store) => return Ok(store.clone()),
            Connection::Failed { error, at, is_lasting } if *is_lasting || at.elapsed() < UNREACHABLE_FOR => {
                return Err(error.clone());
            }
            Connection::None | Connection::Failed { .. } => {}
        }
        let settings = S3Settings { bucket: name.to_owned(), ..self.0.settings.clone() };
        match connect(settings).await {
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

    async fn web(&self) -> Result<&Web, RemoteError> {
        let retry_for = self.0.settings.retry_for.unwrap_or(DEFAULT_RETRY_FOR);
        self.0.web.get_or_try_init(|| async { Web::new(retry_for, self.0.max_spool_bytes) }).await
    }
}

/// Connects to a bucket, and once more if the bucket is in another region than configured.
async fn connect(settings: S3Settings) -> Result<S3Store, StoreError> {
    let store = S3Store::connect(settings.clone()).await?;
    let Err(error) = store.check().await else { return Ok(store) };
    let Some(region) = error.region().filter(|_| error.kind() == StoreErrorKind::Region) else { return Err(error) };
    let store = S3Store::connect(S3Settings { aws_region: Some(region.to_owned()), ..settings }).await?;
    store.check().await.map(|()| store)
}

/// Returns the error for a bucket that cannot be reached.
fn connect_error(error: &StoreError) -> RemoteError {
    let kind = if error.is_environment() { RemoteErrorKind::Environment } else { RemoteErrorKind::Other };
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    RemoteError::new(kind, format!("{error}{cause}"))
}

/// Returns the response of a bucket as an error. The error around it names the object.
fn status_error(error: &StoreError) -> RemoteError {
    // The endpoint was reachable when the run began, so a connection failure may be temporary.
    let is_lasting = error.is_environment() && error.kind() != StoreErrorKind::Unreachable;
    let kind = if is_lasting { RemoteErrorKind::Environment } else { RemoteErrorKind::Other };
    RemoteError::new(kind, error.source().map_or_else(|| error.to_string(), ToString::to_string))
}

/// Fetches data on the runtime for a thread outside of it.
fn fetch(runtime: &Handle, work: impl Future<Output = Result<Vec<u8>, RemoteError>> + Send + 'static) -> Fetch {
    // The capacity of one means that sending never blocks.
    let (sender, receiver) = sync_channel(1);
    let task = runtime.spawn(async move {
        // The receiver may have been dropped.
        let _ = sender.send(work.await);
    });
    let task = task.abort_handle();
    Fetch::new(receiver, move || task.abort())
}
