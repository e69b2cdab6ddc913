//! Sources that are elsewhere: objects of buckets, and what web servers have.
//!
//! Each is found by one request, or by none where a listing has said enough, and then fetched in parts, every one of which
//! must be of the same revision. Fetching runs on the runtime; who waits for it must not.

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

/// How long one request is tried again where nothing is said, as of stores.
const DEFAULT_RETRY_FOR: Duration = Duration::from_mins(5);

/// Default temporary disk space for one source that a server gives only as a whole, in bytes.
pub const DEFAULT_MAX_SPOOL_BYTES: u64 = 16 << 30;

/// Time for which a failure to reach a bucket counts for all its images; afterwards one of them tries again.
const UNREACHABLE_FOR: Duration = Duration::from_secs(5);

/// A bucket, connected to by the first image that needs it while the others wait.
type Bucket = Arc<tokio::sync::Mutex<Connection>>;

#[derive(Default)]
enum Connection {
    #[default]
    None,
    Connected(S3Store),
    /// Credentials or rights are missing, which no retry changes; or nobody answered at that time.
    Failed {
        error: RemoteError,
        at: Instant,
        is_lasting: bool,
    },
}

/// Everything that is elsewhere. Cheap to clone; all clones share their connections. Nothing is sent before something is
/// looked for.
#[derive(Clone, Default)]
pub struct Remotes(Arc<Shared>);

struct Shared {
    settings: S3Settings,
    max_spool_bytes: u64,
    /// Locked only to look one up.
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
    /// With these settings for every bucket, whose name in them counts for nothing.
    #[must_use]
    pub fn new(settings: S3Settings) -> Self {
        Self(Arc::new(Shared { settings, ..Shared::default() }))
    }

    /// Limits the temporary disk space of each source that a server gives only as a whole, in bytes.
    #[must_use]
    pub fn with_max_spool_bytes(self, max_spool_bytes: u64) -> Self {
        Self(Arc::new(Shared { settings: self.0.settings.clone(), max_spool_bytes, ..Shared::default() }))
    }

    /// Finds an image, which is not read yet. A file is not even looked for.
    ///
    /// # Errors
    /// Where it is elsewhere, and not there or not to be had.
    pub async fn find(&self, location: &Location) -> Result<Place, SourceError> {
        let name = location.to_string();
        let found: Result<Arc<dyn crate::source::Remote>, RemoteError> = match location {
            Location::File(path) => return Ok(Place::File(path.clone())),
            Location::Object(object) if object.is_folder() => return Err(SourceError::NotAFile { input: name }),
            // On the heap: requests are large, and most images are files.
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

    /// All objects below a prefix, in the order of their keys; not those that stand for folders.
    ///
    /// # Errors
    /// Where they cannot be listed.
    pub async fn list(&self, folder: &S3Object) -> Result<Vec<S3Object>, SourceError> {
        let listed = async {
            let store = self.bucket(&folder.bucket).await?;
            let objects = store.objects(&folder.key).map_err(|error| refused(&error));
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

    /// A bucket that answers.
    async fn bucket(&self, name: &str) -> Result<S3Store, RemoteError> {
        let bucket = {
            let mut buckets = self.0.buckets.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(buckets.entry(name.to_owned()).or_default())
        };
        let mut connection = bucket.lock().await;
        match &*connection {
            Connection::Connected(store) => return Ok(store.clone()),
            Connection::Failed { error, at, is_lasting } if *is_lasting || at.elapsed() < UNREACHABLE_FOR => {
                return Err(error.clone());
            }
            Connection::None | Connection::Failed { .. } => {}
        }
        let settings = S3Settings { bucket: name.to_owned(), ..self.0.settings.clone() };
        match connected(settings).await {
            Ok(store) => {
                *connection = Connection::Connected(store.clone());
                Ok(store)
            }
            Err(cause) => {
                let is_lasting = cause.is_environment() && cause.kind() != StoreErrorKind::Unreachable;
                let error = unreached(&cause);
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

/// Where a bucket is in another region than was said, it is asked there.
async fn connected(settings: S3Settings) -> Result<S3Store, StoreError> {
    let store = S3Store::connect(settings.clone()).await?;
    let Err(error) = store.check().await else { return Ok(store) };
    let Some(region) = error.region().filter(|_| error.kind() == StoreErrorKind::Region) else { return Err(error) };
    let store = S3Store::connect(S3Settings { aws_region: Some(region.to_owned()), ..settings }).await?;
    store.check().await.map(|()| store)
}

/// Why a bucket does not answer at all.
fn unreached(error: &StoreError) -> RemoteError {
    let kind = if error.is_environment() { RemoteErrorKind::Environment } else { RemoteErrorKind::Other };
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    RemoteError::new(kind, format!("{error}{cause}"))
}

/// What a bucket has answered, without what was asked: that the error around it says.
fn refused(error: &StoreError) -> RemoteError {
    // The endpoint was there when the run began: to be unreachable now may pass.
    let is_lasting = error.is_environment() && error.kind() != StoreErrorKind::Unreachable;
    let kind = if is_lasting { RemoteErrorKind::Environment } else { RemoteErrorKind::Other };
    RemoteError::new(kind, error.source().map_or_else(|| error.to_string(), ToString::to_string))
}

/// Fetches something on the runtime, for a thread that is not of it.
fn fetch(runtime: &Handle, work: impl Future<Output = Result<Vec<u8>, RemoteError>> + Send + 'static) -> Fetch {
    // One answer: it never waits for whoever takes it.
    let (sender, answer) = sync_channel(1);
    let task = runtime.spawn(async move {
        // Nobody may be waiting any more.
        let _ = sender.send(work.await);
    });
    let task = task.abort_handle();
    Fetch::new(answer, move || task.abort())
}
