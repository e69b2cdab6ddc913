//! A store in a bucket of S3 or of an S3-compatible service.

mod address;
mod administration;
mod attributes;
mod client;
mod copy;
mod explain;
mod limit;
mod list;
mod protection;
mod put;
mod read;
mod trust;
mod watch;

pub use address::{BucketAddress, BucketAddressError};
pub use administration::{ConditionalPut, CorsRule, PublicAccessBlock};
pub use attributes::{ObjectAttributes, Payer};
pub use aws_sdk_s3::types::{ObjectCannedAcl, ServerSideEncryption, StorageClass};
pub use read::{ObjectInfo, ReadError};

use super::adaptive_limiter::{AdaptiveLimiter, UploadLimits};
use super::key::{has_user_info, redacted_url};
use super::{
    ETag, HeaderUpdate, ImageFolder, Key, Listed, Object, OnExisting, Prefix, PublicUrl, Receipt, Redirect, Store,
    StoreError, StoreErrorKind, Stored, Traffic,
};
use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{Builder, Credentials, ProvideCredentials};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use bytes::{Bytes, BytesMut};
use client::{client_config, default_checksums, shared_config, with_checksums};
use explain::{ReadableError, kind};
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt, TryStreamExt};
use limit::{BodyLimit, MAX_INFO_BYTES, is_too_large};
use std::error::Error;
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use watch::{ResponseObserver, ServerClock, tracking_last_failure};

/// The name of the user metadata (`x-amz-meta-…`) for marks.
const MARK: &str = "iiif-publish-mark";

/// Maximum size of all bodies in flight, in bytes: many tiles, or one `full/max` image with some tiles.
const MAX_BYTES_IN_FLIGHT: u64 = 64 << 20;

/// Default time for retries of a request. A restart of a store usually takes less time.
const DEFAULT_RETRY_FOR: Duration = Duration::from_mins(5);

/// Maximum attempts of the initial request, which checks that the bucket exists.
const MAX_CHECK_ATTEMPTS: u32 = 3;

/// Maximum number of parallel deletions in stores without batch deletion.
const MAX_DELETES_IN_FLIGHT: usize = 16;

/// Maximum number of keys in a `DeleteObjects` request.
const MAX_KEYS_PER_DELETE: usize = 1000;

/// The use of the newer checksum headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksums {
    /// Sends checksums with every put, as AWS recommends.
    WhenSupported,
    /// Sends checksums only with operations that require one, because other stores reject or ignore the headers. Bodies
    /// are still signed with their SHA-256.
    WhenRequired,
}

/// Settings of a bucket. Everything else comes from the standard AWS environment variables and files.
#[derive(Clone, Debug, Default)]
pub struct S3Settings {
    /// The name of the bucket.
    pub bucket: String,
    /// The endpoint, unless the bucket is on AWS.
    pub endpoint_url: Option<String>,
    /// The region of the bucket.
    pub aws_region: Option<String>,
    /// The profile of `~/.aws/config` and `~/.aws/credentials`.
    pub profile: Option<String>,
    /// Checksums other than the endpoint's default.
    pub checksums: Option<Checksums>,
    /// Maximum parallel uploads. The default is [`S3Store::DEFAULT_CONCURRENCY`].
    pub concurrency: Option<NonZeroUsize>,
    /// Maximum puts per second. Values outside [`PUTS_PER_SECOND`](Self::PUTS_PER_SECOND) are clamped, and NaN means no
    /// limit.
    pub max_puts_per_second: Option<f64>,
    /// Maximum time for retries of a request. The default is five minutes.
    pub retry_for: Option<Duration>,
    /// The attributes of every stored object.
    pub attributes: ObjectAttributes,
    /// The handling of objects that already exist. With [`OnExisting::Keep`], a put fails unless the bytes are equal
    /// (`If-None-Match: *`). Some stores ignore the condition.
    pub on_existing: OnExisting,
    /// The account that pays for the requests.
    pub payer: Payer,
}

impl S3Settings {
    /// Supported rate limits, in puts per second: from about four per hour to one million per second.
    pub const PUTS_PER_SECOND: RangeInclusive<f64> = 0.001..=1_000_000.0;
}

/// A bucket. All clones share one client.
#[derive(Clone, Debug)]
pub struct S3Store {
    client: Client,
    bucket: String,
    public_url: PublicUrl,
    limiter: AdaptiveLimiter,
    concurrency: usize,
    attributes: Arc<ObjectAttributes>,
    on_existing: OnExisting,
    payer: Payer,
    clock: ServerClock,
    denied_lookups: Arc<AtomicU64>,
}

/// Returns the number of uploads in flight if none is configured: with a rate limit, those of one second.
///
/// More would only wait, and every `info.json` would wait behind them: all images would be completed at the end of the run.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "limited to the default")]
fn default_concurrency(max_puts_per_second: Option<f64>) -> usize {
    const MIN: f64 = 8.0;
    let most = S3Store::DEFAULT_CONCURRENCY;
    max_puts_per_second.map_or(most, |rate| most.min(rate.max(MIN).ceil() as usize))
}

impl S3Store {
    /// The default maximum of parallel uploads. At 200 ms per put, 256 make 1,280 puts per second, which is as many
    /// tiles as two cores encode. The actual number adapts to the store.
    pub const DEFAULT_CONCURRENCY: usize = 256;

    /// Connects to a bucket and [checks](Store::check) it. If the bucket is in another region, calls `on_region` with
    /// its region and connects to that.
    ///
    /// # Errors
    /// As [`connect`](Self::connect), and if the bucket cannot be used.
    pub async fn connect_in_any_region(settings: S3Settings, on_region: impl FnOnce(&str)) -> Result<Self, StoreError> {
        let store = Self::connect(settings.clone()).await?;
        let Err(error) = store.check().await else { return Ok(store) };
        let Some(region) = error.region().filter(|_| error.kind() == StoreErrorKind::Region) else { return Err(error) };
        on_region(region);
        let store = Self::connect(S3Settings { aws_region: Some(region.to_owned()), ..settings }).await?;
        store.check().await.map(|()| store)
    }

    /// Reads the AWS configuration and creates the client. Only credential providers may send requests at this point.
    ///
    /// # Errors
    /// If there are no credentials, or if the endpoint or the bucket cannot be part of a URL.
    pub async fn connect(settings: S3Settings) -> Result<Self, StoreError> {
        settings.endpoint_url.as_deref().map_or(Ok(()), check_no_secrets)?;
        check_endpoints(&settings)?;
        let config = shared_config(&settings).await?;
        config.endpoint_url().map_or(Ok(()), check_no_secrets)?;
        require_credentials(&config).await?;
        let concurrency =
            settings.concurrency.map_or_else(|| default_concurrency(settings.max_puts_per_second), NonZeroUsize::get);
        let (min, max) = S3Settings::PUTS_PER_SECOND.into_inner();
        let puts_per_second =
            settings.max_puts_per_second.filter(|rate| !rate.is_nan()).map(|rate| rate.clamp(min, max));
        let puts = u32::try_from(concurrency).unwrap_or(u32::MAX);
        let limiter = AdaptiveLimiter::new(UploadLimits { puts, bytes: MAX_BYTES_IN_FLIGHT, puts_per_second });
        let client_config = client_config(&config, settings.retry_for.unwrap_or(DEFAULT_RETRY_FOR));
        let S3Settings { bucket, on_existing, payer, .. } = settings;
        // The SDK decides about the endpoint from a dozen sources: flags, environment, profiles, services sections,
        // dual-stack and FIPS settings. It tells its decision only in a request, so one is presigned, not sent, and its
        // URL is taken apart. It says if this is AWS, which decides about path style and checksums; both change the
        // URL, so a second one is made for the result.
        let is_aws = is_aws(&bucket_url(client_config.clone(), &bucket).await?);
        let mut client_config = client_config.force_path_style(!is_aws);
        if let Some(checksums) = settings.checksums.or_else(|| default_checksums(is_aws)) {
            client_config = with_checksums(client_config, checksums);
        }
        let url = bucket_url(client_config.clone(), &bucket).await?;
        let public_url = url.parse().map_err(|error| bad_bucket(&bucket, error))?;
        // Added last, because the configuration that only computes the URL never sends a request.
        let clock = ServerClock::default();
        let observer = ResponseObserver::new(limiter.clone(), clock.clone());
        let client = Client::from_conf(client_config.interceptor(observer).interceptor(BodyLimit).build());
        let attributes = Arc::new(settings.attributes);
        let denied_lookups = Arc::default();
        Ok(Self {
            client,
            bucket,
            public_url,
            limiter,
            concurrency,
            attributes,
            on_existing,
            payer,
            clock,
            denied_lookups,
        })
    }

    /// Returns the public URL of a prefix at the endpoint, in virtual-host style on AWS and in path style elsewhere.
    #[must_use]
    pub fn public_url(&self, prefix: &Prefix) -> PublicUrl {
        self.public_url.below(prefix)
    }

    /// Returns the name of a listing for error messages. In a run into one bucket, the prefix is sufficient.
    fn name_of(&self, below: &Prefix) -> String {
        if below.is_empty() { format!("s3://{}", self.bucket) } else { below.with_slash() }
    }

    fn failed<E>(&self, action: String, error: &SdkError<E>) -> StoreError
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        explain::failed(&self.bucket, action, error)
    }
}

/// Rejects an endpoint with secrets, because it appears in messages and, by default, in every `info.json`.
fn check_no_secrets(url: &str) -> Result<(), StoreError> {
    let problem = match url {
        url if has_user_info(url) => "it contains a user name or a password",
        url if url.contains(['?', '#']) => "it contains `?` or `#`, so that paths cannot be appended",
        _ => return Ok(()),
    };
    let action = format!("`{}` cannot be an endpoint", redacted_url(url));
    let error = StoreError::new(StoreErrorKind::Unreachable, action, problem.to_owned());
    Err(error.with_hint(
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and pass the URL without user, password and query",
    ))
}

/// Checks all configured endpoints, even if only one of them is used.
fn check_endpoints(settings: &S3Settings) -> Result<(), StoreError> {
    let variables = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"];
    let of_environment = || variables.iter().filter_map(|name| Some((*name, std::env::var(name).ok()?)));
    let named = settings.endpoint_url.clone().map(|url| ("--endpoint-url", url));
    let endpoints = named.map_or_else(|| of_environment().collect(), |named| vec![named]);
    for (from, url) in endpoints.into_iter().filter(|(_, url)| !url.is_empty()) {
        check_no_secrets(&url)?;
        address::check_endpoint(&url, &settings.bucket).map_err(|error| {
            let action = format!("{} ({from})", error.reason);
            StoreError::new(StoreErrorKind::Unreachable, action, error)
                .with_hint("nothing was sent: correct the endpoint, and run the same command again")
        })?;
    }
    Ok(())
}

async fn require_credentials(config: &SdkConfig) -> Result<(), StoreError> {
    let no_credentials =
        |cause: String| StoreError::new(StoreErrorKind::Credentials, "no AWS credentials were found".to_owned(), cause);
    let provider =
        config.credentials_provider().ok_or_else(|| no_credentials("no provider is configured".to_owned()))?;
    // The message of the provider chain fills a page. The first line contains the cause.
    let first_line = |error: &dyn Error| explain::root_cause(error).lines().next().unwrap_or_default().to_owned();
    provider.provide_credentials().await.map(drop).map_err(|error| no_credentials(first_line(&error)))
}

fn is_aws(url: &str) -> bool {
    let host = url.split("//").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn")
}

/// Returns the URL of the bucket by the endpoint and region rules of the SDK: the URL of a presigned request without
/// its signature. Sends nothing.
async fn bucket_url(config: Builder, bucket: &str) -> Result<String, StoreError> {
    const ANY_KEY: &str = "key";
    let signed_with_anything = Credentials::new("any", "any", None, None, "public-url");
    let client = Client::from_conf(config.credentials_provider(signed_with_anything).build());
    let expiry = PresigningConfig::expires_in(Duration::from_secs(1)).expect("a second is within the limits");
    let request = client.get_object().bucket(bucket).key(ANY_KEY).presigned(expiry).await;
    let request = request.map_err(|error| {
        let action = format!("`{bucket}` has no URL at this endpoint");
        StoreError::new(StoreErrorKind::Unreachable, action, ReadableError::new(&error, bucket))
    })?;
    let url = request.uri().split('?').next().unwrap_or_default();
    Ok(url.strip_suffix(ANY_KEY).unwrap_or(url).trim_end_matches('/').to_owned())
}

fn bad_bucket(bucket: &str, cause: impl Into<Box<dyn Error + Send + Sync>>) -> StoreError {
    StoreError::new(StoreErrorKind::Missing, format!("`{bucket}` cannot be a bucket at this endpoint"), cause)
}

/// Maximum attempts to read an object whose body is incomplete. The SDK leaves these retries to its callers.
const MAX_BODY_ATTEMPTS: u32 = 4;

/// An error of a read.
enum GetError {
    Request(Box<SdkError<GetObjectError>>),
    Body(Box<dyn Error + Send + Sync>),
}

/// Reads the body of a document of at most `max_bytes`.
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
    fn status(&self) -> Option<u16> {
        match self {
            Self::Request(error) => error.raw_response().map(|response| response.status().as_u16()),
            Self::Body(_) => None,
        }
    }
}

impl S3Store {
    /// Fetches a small object.
    async fn fetch(&self, key: &Key) -> Result<Stored, GetError> {
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

    fn fetch_error(&self, key: &Key, error: GetError) -> StoreError {
        match error {
            GetError::Request(error) => self.failed(format!("could not look up `{key}`"), &*error),
            GetError::Body(error) => StoreError::new(StoreErrorKind::Other, format!("could not read `{key}`"), error),
        }
    }

    async fn delete_batch(&self, keys: &[Key]) -> Result<(), StoreError> {
        let object = |key: &Key| ObjectIdentifier::builder().key(key.as_str()).build();
        let objects: Vec<_> = keys.iter().map(object).collect::<Result<_, _>>().expect("every object has a key");
        let delete = Delete::builder().set_objects(Some(objects)).quiet(true).build().expect("there are objects");
        let action = || format!("could not delete {} objects in `{}`", keys.len(), self.bucket);
        let deleted = self.client.delete_objects().bucket(&self.bucket).delete(delete);
        let deleted = deleted.set_request_payer(self.payer.into()).send().await;
        let deleted = deleted.map_err(|error| self.failed(action(), &error))?;
        // The status of a batch is 200 even if every key in it failed.
        match deleted.errors().first() {
            None => Ok(()),
            Some(error) => {
                let code = error.code().unwrap_or("no error code");
                let kind = if code == "AccessDenied" { StoreErrorKind::Denied } else { StoreErrorKind::Other };
                let key = error.key().unwrap_or("one of them");
                Err(StoreError::new(kind, action(), format!("the store answered {code} for `{key}`")))
            }
        }
    }
}

impl S3Store {
    /// Deletes objects one by one. Several stores lack `DeleteObjects` or reject its mandatory checksum.
    async fn delete_one_by_one(&self, keys: &[Key]) -> Result<(), StoreError> {
        let delete = async |key: &Key| {
            let deleted = self.client.delete_object().bucket(&self.bucket).key(key.as_str());
            let deleted = deleted.set_request_payer(self.payer.into()).send().await;
            deleted.map(drop).map_err(|error| self.failed(format!("could not delete `{key}`"), &error))
        };
        stream::iter(keys).map(delete).buffer_unordered(MAX_DELETES_IN_FLIGHT).try_collect().await
    }
}

/// Returns the objects on a listing page whose keys `found` accepts.
fn listed_on(page: &ListObjectsV2Output, found: impl Fn(&str) -> Option<Key>) -> Vec<Listed> {
    let listed = |object: &aws_sdk_s3::types::Object| {
        let key = object.key().and_then(&found)?;
        let etag = object.e_tag().and_then(ETag::new);
        let bytes = object.size().and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
        let modified = object.last_modified().and_then(|modified| SystemTime::try_from(*modified).ok());
        Some(Listed { key, bytes, etag, modified })
    };
    page.contents().iter().filter_map(listed).collect()
}

impl Store for S3Store {
    fn put(&self, object: Object) -> BoxFuture<'_, Result<Receipt, StoreError>> {
        tracking_last_failure(self.put_confirmed(object, self.on_existing)).boxed()
    }

    /// Uses `If-None-Match: *`, which some stores ignore.
    fn put_new(&self, object: Object) -> BoxFuture<'_, Result<Receipt, StoreError>> {
        tracking_last_failure(self.put_confirmed(object, OnExisting::Keep)).boxed()
    }

    /// Lists at most one key. Unlike `HeadBucket`, the response contains an error message. A role with only put
    /// permission is denied the listing, which is not an error.
    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        tracking_last_failure(async {
            let listed = self.client.list_objects_v2().bucket(&self.bucket).max_keys(1);
            let listed = listed.set_request_payer(self.payer.into());
            // A mistyped endpoint should fail within seconds.
            let few_attempts = RetryConfig::standard().with_max_attempts(MAX_CHECK_ATTEMPTS);
            let listed = listed.customize().config_override(Builder::new().retry_config(few_attempts)).send().await;
            match listed {
                Err(error) if kind(&error) != StoreErrorKind::Denied => {
                    Err(self.failed(format!("could not reach the bucket `{}`", self.bucket), &error))
                }
                _ => Ok(()),
            }
        })
        .boxed()
    }

    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Stored>, StoreError>> {
        tracking_last_failure(async move {
            match self.fetch(key).await {
                Ok(stored) => Ok(Some(stored)),
                Err(error) if error.status() == Some(404) => Ok(None),
                // Without permission to list, the status for a missing key is 403 instead of 404.
                Err(error) if error.status() == Some(403) => {
                    // S3 answers 403 and not 404 for a missing key if the credentials may not list, so that names
                    // cannot be guessed. It answers the same for an object that may not be read. Taking it as missing
                    // is safe, because the worst that follows is that an unchanged image is published again; the count
                    // lets the caller tell people why.
                    self.denied_lookups.fetch_add(1, Ordering::Relaxed);
                    Ok(None)
                }
                Err(error) => Err(self.fetch_error(key, error)),
            }
        })
        .boxed()
    }

    fn pages<'a>(&'a self, below: &'a Prefix) -> BoxStream<'a, Result<Vec<Listed>, StoreError>> {
        let pages = self.list(self.name_of(below), below.with_slash(), None);
        pages.map_ok(|page| listed_on(&page, |key| below.found(key))).boxed()
    }

    fn folders<'a>(&'a self, below: &'a Prefix) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        async move {
            let above = below.with_slash();
            let name = |folder: &str| Some(folder.strip_prefix(&above)?.strip_suffix('/')?.to_owned());
            let (mut pages, mut folders) = (self.list(self.name_of(below), above.clone(), Some("/")), Vec::new());
            while let Some(page) = pages.try_next().await? {
                folders.extend(page.common_prefixes().iter().filter_map(|folder| folder.prefix().and_then(name)));
            }
            Ok(folders)
        }
        .boxed()
    }

    fn delete(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<(), StoreError>> {
        tracking_last_failure(async move {
            for batch in keys.chunks(MAX_KEYS_PER_DELETE) {
                match self.delete_batch(batch).await {
                    // Not for other kinds: if deleting is denied, each of a thousand single requests would be denied
                    // too.
                    Err(error) if error.kind() == StoreErrorKind::Other => self.delete_one_by_one(batch).await?,
                    done => done?,
                }
            }
            Ok(())
        })
        .boxed()
    }

    fn redirect<'a>(
        &'a self,
        folder: &'a ImageFolder,
        _: &'a str,
        redirects: Vec<Redirect>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        tracking_last_failure(self.put_redirects(folder.base_key(), redirects)).boxed()
    }

    /// Copies the object onto itself, on condition that its ETag is unchanged.
    fn update_headers(&self, update: HeaderUpdate) -> BoxFuture<'_, Result<Receipt, StoreError>> {
        tracking_last_failure(self.copy_in_place(update)).boxed()
    }

    /// Uses the `Date` header of the last response, which has a resolution of one second.
    fn now(&self) -> BoxFuture<'_, Result<SystemTime, StoreError>> {
        async { Ok(self.clock.now()) }.boxed()
    }

    fn attributes(&self) -> String {
        self.attributes.describe()
    }

    fn denied_lookups(&self) -> u64 {
        self.denied_lookups.load(Ordering::Relaxed)
    }

    fn default_concurrency(&self) -> usize {
        self.concurrency
    }

    fn traffic(&self) -> Traffic {
        self.limiter.traffic()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_limit_limits_the_uploads_in_flight() {
        let concurrencies = [None, Some(0.001), Some(30.5), Some(1e6)].map(default_concurrency);
        assert_eq!(concurrencies, [256, 8, 31, 256]);
    }

    #[test]
    fn only_amazon_is_aws() {
        assert!(is_aws("https://art-tiles.s3.eu-west-1.amazonaws.com/"));
        assert!(is_aws("https://s3.cn-north-1.amazonaws.com.cn/art.tiles"));
        assert!(!is_aws("http://127.0.0.1:8333/art-tiles"));
        assert!(!is_aws("https://minio.example.org/x.amazonaws.com"));
    }
}
