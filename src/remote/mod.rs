//! Remote sources: objects in buckets and files on web servers.
//!
//! Finding a source takes one request, or none if a listing has already described it. The source is then fetched in
//! ranges, which must all belong to the same revision. Fetching runs on the async runtime, so callers must not block
//! the runtime while they wait.

#[cfg(feature = "s3")]
mod bucket;
#[cfg(feature = "s3")]
mod buckets;
#[cfg(feature = "web")]
mod headers;
#[cfg(feature = "web")]
mod spool;
#[cfg(feature = "web")]
mod web;

#[cfg(feature = "web")]
use crate::location::WebAddress;
use crate::location::{Location, S3Object};
#[cfg(any(feature = "s3", feature = "web"))]
use crate::source::{Fetch, RemoteError};
use crate::source::{ResolvedSource, SourceError};
#[cfg(feature = "s3")]
use crate::store::S3Settings;
#[cfg(feature = "s3")]
use bucket::status_error;
#[cfg(feature = "s3")]
use buckets::Buckets;
#[cfg(feature = "web")]
use bytes::Bytes;
#[cfg(feature = "s3")]
use futures::TryStreamExt;
use std::fmt;
#[cfg(any(feature = "s3", feature = "web"))]
use std::sync::Arc;
#[cfg(any(feature = "s3", feature = "web"))]
use std::sync::mpsc::sync_channel;
#[cfg(feature = "web")]
use std::time::Duration;
#[cfg(any(feature = "s3", feature = "web"))]
use tokio::runtime::Handle;
#[cfg(feature = "web")]
use tokio::sync::OnceCell;
#[cfg(feature = "web")]
use web::Web;

/// Default time limit for retrying a request, the same as for stores.
#[cfg(feature = "web")]
const DEFAULT_RETRY_FOR: Duration = Duration::from_mins(5);

/// Default limit on temporary disk space for a source on a server without range requests, in bytes.
#[cfg(feature = "web")]
pub const DEFAULT_MAX_SPOOL_BYTES: u64 = 16 << 30;

/// Connections to remote sources. Clones are cheap and share the connections, which are opened on first use.
///
/// Objects in buckets require the `s3` feature, and files on web servers require the `web` feature.
#[derive(Clone, Default)]
pub struct SourceResolver {
    #[cfg(feature = "s3")]
    buckets: Arc<Buckets>,
    #[cfg(feature = "web")]
    web: Arc<WebSettings>,
}

/// Settings for the web client, along with the client itself once it has been used.
#[cfg(feature = "web")]
struct WebSettings {
    retry_for: Duration,
    max_spool_bytes: u64,
    client: OnceCell<Web>,
}

#[cfg(feature = "web")]
impl WebSettings {
    fn new(retry_for: Duration, max_spool_bytes: u64) -> Arc<Self> {
        Arc::new(Self { retry_for, max_spool_bytes, client: OnceCell::new() })
    }

    async fn client(&self) -> Result<&Web, RemoteError> {
        self.client.get_or_try_init(|| async { Web::new(self.retry_for, self.max_spool_bytes) }).await
    }
}

#[cfg(feature = "web")]
impl Default for WebSettings {
    fn default() -> Self {
        Self { retry_for: DEFAULT_RETRY_FOR, max_spool_bytes: DEFAULT_MAX_SPOOL_BYTES, client: OnceCell::new() }
    }
}

impl fmt::Debug for SourceResolver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SourceResolver").finish_non_exhaustive()
    }
}

impl SourceResolver {
    /// Creates a resolver that uses these settings for every bucket and ignores their bucket name. The retry time also
    /// applies to web servers.
    #[cfg(feature = "s3")]
    #[must_use]
    pub fn new(settings: S3Settings) -> Self {
        Self {
            #[cfg(feature = "web")]
            web: WebSettings::new(settings.retry_for.unwrap_or(DEFAULT_RETRY_FOR), DEFAULT_MAX_SPOOL_BYTES),
            buckets: Arc::new(Buckets::new(settings)),
        }
    }

    /// Limits the temporary disk space, in bytes, for each source on a server without range requests.
    #[cfg(feature = "web")]
    #[must_use]
    pub fn with_max_spool_bytes(self, max_spool_bytes: u64) -> Self {
        Self { web: WebSettings::new(self.web.retry_for, max_spool_bytes), ..self }
    }

    /// Finds an image without reading it. Local files aren't checked.
    ///
    /// # Errors
    /// Returns an error if a remote image doesn't exist or can't be accessed.
    #[cfg_attr(not(any(feature = "s3", feature = "web")), expect(clippy::unused_async, reason = "only finds files"))]
    pub(crate) async fn find(&self, location: &Location) -> Result<ResolvedSource, SourceError> {
        let name = location.to_string();
        match location {
            Location::File(path) => Ok(ResolvedSource::File(path.clone())),
            Location::Object(object) if object.is_folder() => Err(SourceError::NotAFile { input: name }),
            // Boxed because request futures are large and most images are local files.
            #[cfg(feature = "s3")]
            Location::Object(object) => match Box::pin(self.buckets.find(object)).await {
                Ok(object) => Ok(ResolvedSource::Remote { name, object: Arc::new(object) }),
                Err(cause) => Err(SourceError::Remote { input: name, cause }),
            },
            #[cfg(not(feature = "s3"))]
            Location::Object(_) => Err(s3_disabled(name)),
            #[cfg(feature = "web")]
            Location::Web(address) => {
                let find = async { self.web.client().await?.find(address).await };
                match Box::pin(find).await {
                    Ok(object) => Ok(ResolvedSource::Remote { name, object: Arc::new(object) }),
                    Err(cause) => Err(SourceError::Remote { input: name, cause }),
                }
            }
            #[cfg(not(feature = "web"))]
            Location::Web(_) => {
                Err(SourceError::FeatureDisabled { input: name, what: "files on web servers", feature: "web" })
            }
        }
    }

    /// Downloads a document from a web server into memory.
    ///
    /// # Errors
    /// Returns an error if the document doesn't exist, can't be accessed, or is larger than `max_bytes`.
    #[cfg(feature = "web")]
    pub async fn download(&self, address: &WebAddress, max_bytes: u64) -> Result<Bytes, SourceError> {
        let read = async { self.web.client().await?.read(address, max_bytes).await };
        let failed = |cause| SourceError::Remote { input: Location::Web(address.clone()).to_string(), cause };
        Box::pin(read).await.map_err(failed)
    }

    /// Lists all objects under a prefix, sorted by key. Skips objects that represent folders.
    ///
    /// # Errors
    /// Returns an error if the objects can't be listed.
    #[cfg(feature = "s3")]
    pub async fn list(&self, folder: &S3Object) -> Result<Vec<S3Object>, SourceError> {
        let listed = async {
            let store = self.buckets.connect(&folder.bucket).await?;
            let objects = store.objects(&folder.key).map_err(|error| status_error(&error));
            objects.try_collect::<Vec<_>>().await
        };
        let failed = |cause| SourceError::Remote { input: folder.to_string(), cause };
        let found = Box::pin(listed).await.map_err(failed)?;
        let objects = found.into_iter().filter(|found| !found.key.ends_with('/'));
        Ok(objects.map(|found| bucket::listed(&folder.bucket, found)).collect())
    }

    /// Fails, because this build doesn't include the `s3` feature.
    ///
    /// # Errors
    /// Always returns [`SourceError::FeatureDisabled`].
    #[cfg(not(feature = "s3"))]
    #[expect(clippy::unused_async, reason = "same signature as with the feature")]
    pub async fn list(&self, folder: &S3Object) -> Result<Vec<S3Object>, SourceError> {
        Err(s3_disabled(folder.to_string()))
    }
}

#[cfg(not(feature = "s3"))]
fn s3_disabled(input: String) -> SourceError {
    SourceError::FeatureDisabled { input, what: "objects in buckets", feature: "s3" }
}

/// Fetches data on the runtime, for a thread outside the runtime.
#[cfg(any(feature = "s3", feature = "web"))]
fn fetch(runtime: &Handle, work: impl Future<Output = Result<Vec<u8>, RemoteError>> + Send + 'static) -> Fetch {
    // With a capacity of one, sending never blocks.
    let (sender, receiver) = sync_channel(1);
    let task = runtime.spawn(async move {
        // The receiver may have been dropped.
        let _ = sender.send(work.await);
    });
    let task = task.abort_handle();
    Fetch::new(receiver, move || task.abort())
}

#[cfg(all(test, not(feature = "s3"), not(feature = "web")))]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[test]
    fn remote_sources_name_the_feature_that_reads_them() {
        for (location, message) in [
            ("s3://bucket/a.tif", "cannot read `s3://bucket/a.tif`: objects in buckets require the feature `s3`"),
            ("https://host/a.tif", "cannot read `https://host/a.tif`: files on web servers require the feature `web`"),
        ] {
            let location = Location::named(location).expect("a location");
            let result = SourceResolver::default().find(&location).now_or_never().expect("nothing to wait for");
            let error = result.err().expect("the feature is disabled").to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }
}
