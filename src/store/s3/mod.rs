//! A bucket of S3, or of any store that speaks its language.

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
pub use attributes::{Clobber, ObjectAttributes, Payer};
pub use aws_sdk_s3::types::{ObjectCannedAcl, ServerSideEncryption, StorageClass};
pub use read::{Found, ReadError};

use super::key::{has_user_info, redacted_url};
use super::pacer::{PaceLimits, Pacer};
use super::{
    ETag, HeaderUpdate, ImageFolder, Key, Listed, Object, Prefix, PublicUrl, Receipt, Redirect, Store, StoreError,
    StoreErrorKind, Stored, Traffic,
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
use explain::{Explained, kind};
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
use watch::{ServerClock, Watcher, remembering_failures};

/// The name of the user metadata (`x-amz-meta-…`) that keeps a mark.
const MARK: &str = "iiif-publish-mark";

/// Bytes of bodies in flight: many tiles, or one `full/max` and whatever fits beside it.
const BYTES_IN_FLIGHT: u64 = 64 << 20;

/// How long one request is tried again where nothing is said: longer than any restart of a store.
const DEFAULT_RETRY_FOR: Duration = Duration::from_mins(5);

/// Tries of the first request, which finds out whether there is a bucket at all.
const CHECK_ATTEMPTS: u32 = 3;

/// Keys that are deleted at the same time, in stores that know no batches.
const DELETES_IN_FLIGHT: usize = 16;

/// Keys of one `DeleteObjects` request, its limit.
const KEYS_PER_DELETE: usize = 1000;

/// Whether requests carry the newer checksum headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksums {
    /// On every put: what AWS recommends.
    WhenSupported,
    /// Only where an operation demands one: other stores reject or ignore the headers. Bodies are still signed with
    /// their SHA-256.
    WhenRequired,
}

/// What is said of a bucket on the command line; all else comes from the standard AWS environment and files.
#[derive(Clone, Debug, Default)]
pub struct S3Settings {
    /// The bucket.
    pub bucket: String,
    /// The endpoint, where it is not AWS.
    pub endpoint_url: Option<String>,
    /// The region of the bucket.
    pub aws_region: Option<String>,
    /// The profile of `~/.aws/config` and `~/.aws/credentials`.
    pub profile: Option<String>,
    /// Checksums other than the endpoint's default.
    pub checksums: Option<Checksums>,
    /// Puts in flight at the most; 64 where none are said.
    pub concurrency: Option<NonZeroUsize>,
    /// Puts that begin within a second at the most, within [`PUTS_PER_SECOND`](Self::PUTS_PER_SECOND). Another number is
    /// raised or lowered to that; what is no number stands for no limit.
    pub max_puts_per_second: Option<f64>,
    /// How long a request that fails in passing is tried again; five minutes where nothing is said.
    pub retry_for: Option<Duration>,
    /// What every object gets.
    pub attributes: ObjectAttributes,
    /// What happens to objects that are there already.
    pub clobber: Clobber,
    /// Who pays for the requests.
    pub payer: Payer,
}

impl S3Settings {
    /// The limits on puts in a second that can be kept: from one in a quarter of an hour to one in a microsecond.
    pub const PUTS_PER_SECOND: RangeInclusive<f64> = 0.001..=1_000_000.0;
}

/// A bucket, with one client for the whole process.
#[derive(Clone, Debug)]
pub struct S3Store {
    client: Client,
    bucket: String,
    public_url: PublicUrl,
    pacer: Pacer,
    concurrency: usize,
    attributes: Arc<ObjectAttributes>,
    clobber: Clobber,
    payer: Payer,
    clock: ServerClock,
    denied_lookups: Arc<AtomicU64>,
}

impl S3Store {
    /// The default number of puts in flight at most: at 200 ms, 256 are 1,280 a second, as many tiles as two cores encode. How many
    /// there are is found by trying.
    pub const DEFAULT_CONCURRENCY: usize = 256;

    /// Reads the AWS environment, and sets up the client. Nothing is sent yet, but to where credentials come from.
    ///
    /// # Errors
    /// Where there are no credentials, or the endpoint or the bucket cannot be part of a URL.
    pub async fn connect(settings: S3Settings) -> Result<Self, StoreError> {
        settings.endpoint_url.as_deref().map_or(Ok(()), check_no_secrets)?;
        check_endpoints(&settings)?;
        let config = shared_config(&settings).await?;
        config.endpoint_url().map_or(Ok(()), check_no_secrets)?;
        require_credentials(&config).await?;
        let concurrency = settings.concurrency.map_or(Self::DEFAULT_CONCURRENCY, NonZeroUsize::get);
        let (least, most) = S3Settings::PUTS_PER_SECOND.into_inner();
        let puts_per_second =
            settings.max_puts_per_second.filter(|rate| !rate.is_nan()).map(|rate| rate.clamp(least, most));
        let puts = u32::try_from(concurrency).unwrap_or(u32::MAX);
        let pacer = Pacer::new(PaceLimits { puts, bytes: BYTES_IN_FLIGHT, puts_per_second });
        let client_config = client_config(&config, settings.retry_for.unwrap_or(DEFAULT_RETRY_FOR));
        let S3Settings { bucket, clobber, payer, .. } = settings;
        let is_aws = is_aws(&bucket_url(client_config.clone(), &bucket).await?);
        let mut client_config = client_config.force_path_style(!is_aws);
        if let Some(checksums) = settings.checksums.or_else(|| default_checksums(is_aws)) {
            client_config = with_checksums(client_config, checksums);
        }
        let url = bucket_url(client_config.clone(), &bucket).await?;
        let public_url = url.parse().map_err(|error| bad_bucket(&bucket, error))?;
        // Only now: what was made for its URL alone was never sent.
        let clock = ServerClock::default();
        let watcher = Watcher::new(pacer.clone(), clock.clone());
        let client = Client::from_conf(client_config.interceptor(watcher).interceptor(BodyLimit).build());
        let attributes = Arc::new(settings.attributes);
        let denied_lookups = Arc::default();
        Ok(Self { client, bucket, public_url, pacer, concurrency, attributes, clobber, payer, clock, denied_lookups })
    }

    /// Where a prefix of the bucket is seen, as the endpoint serves it: virtual-host style on AWS, path style elsewhere.
    #[must_use]
    pub fn public_url(&self, prefix: &Prefix) -> PublicUrl {
        self.public_url.below(prefix)
    }

    /// Returns what errors call a listing of a prefix: in a run into one bucket, its prefix is enough.
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

/// Refuses an endpoint with secrets: it is part of every `info.json`, unless another public URL is given, and of messages.
fn check_no_secrets(url: &str) -> Result<(), StoreError> {
    let problem = match url {
        url if has_user_info(url) => "it contains a user name or a password",
        url if url.contains(['?', '#']) => "it contains `?` or `#`, behind which no path can be appended",
        _ => return Ok(()),
    };
    let action = format!("`{}` cannot be an endpoint", redacted_url(url));
    let refused = StoreError::new(StoreErrorKind::Unreachable, action, problem.to_owned());
    Err(refused.with_hint(
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and pass the URL without user, password and query",
    ))
}

/// Checks the endpoints that were named, whichever of them is used.
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
    let refused =
        |cause: String| StoreError::new(StoreErrorKind::Credentials, "no AWS credentials were found".to_owned(), cause);
    let provider = config.credentials_provider().ok_or_else(|| refused("no provider is configured".to_owned()))?;
    // What the whole chain of providers says of itself fills a page; what went wrong stands in its first line.
    let first_line = |error: &dyn Error| explain::innermost(error).lines().next().unwrap_or_default().to_owned();
    provider.provide_credentials().await.map(drop).map_err(|error| refused(first_line(&error)))
}

fn is_aws(url: &str) -> bool {
    let host = url.split("//").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn")
}

/// The URL of the bucket, by the SDK's own rules of endpoints and regions: that of a presigned request, without its
/// signature. Nothing is sent.
async fn bucket_url(config: Builder, bucket: &str) -> Result<String, StoreError> {
    const ANY_KEY: &str = "key";
    let signed_with_anything = Credentials::new("any", "any", None, None, "public-url");
    let client = Client::from_conf(config.credentials_provider(signed_with_anything).build());
    let expiry = PresigningConfig::expires_in(Duration::from_secs(1)).expect("a second is within the limits");
    let request = client.get_object().bucket(bucket).key(ANY_KEY).presigned(expiry).await;
    let request = request.map_err(|error| {
        let action = format!("`{bucket}` has no URL at this endpoint");
        StoreError::new(StoreErrorKind::Unreachable, action, Explained::new(&error, bucket))
    })?;
    let url = request.uri().split('?').next().unwrap_or_default();
    Ok(url.strip_suffix(ANY_KEY).unwrap_or(url).trim_end_matches('/').to_owned())
}

fn bad_bucket(bucket: &str, cause: impl Into<Box<dyn Error + Send + Sync>>) -> StoreError {
    StoreError::new(StoreErrorKind::Missing, format!("`{bucket}` cannot be a bucket at this endpoint"), cause)
}

/// Times that an object is asked for again because its body does not come to its end: that the SDK leaves to its callers.
const BODY_ATTEMPTS: u32 = 4;

/// Why an object was not got.
enum GetError {
    Refused(Box<SdkError<GetObjectError>>),
    Unread(Box<dyn Error + Send + Sync>),
}

/// Reads the body of a document, to `max_bytes` at most.
async fn collected(mut body: ByteStream, max_bytes: usize) -> Result<Bytes, Box<dyn Error + Send + Sync>> {
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
            Self::Refused(error) => error.raw_response().map(|response| response.status().as_u16()),
            Self::Unread(_) => None,
        }
    }
}

impl S3Store {
    /// Reads a small object.
    async fn got(&self, key: &Key) -> Result<Stored, GetError> {
        let mut attempts = 1;
        loop {
            let got = self.client.get_object().bucket(&self.bucket).key(key.as_str());
            let object = got
                .set_request_payer(self.payer.into())
                .send()
                .await
                .map_err(|error| GetError::Refused(error.into()))?;
            match collected(object.body, max_bytes(key)).await {
                Ok(body) => {
                    let mark = object.metadata.and_then(|mut metadata| metadata.remove(MARK));
                    let etag = object.e_tag.as_deref().and_then(ETag::new);
                    let modified = object.last_modified.and_then(|modified| SystemTime::try_from(modified).ok());
                    return Ok(Stored { body, mark, etag, modified });
                }
                Err(error) if attempts == BODY_ATTEMPTS || is_too_large(&*error) => {
                    return Err(GetError::Unread(error));
                }
                Err(_) => attempts += 1,
            }
        }
    }

    fn not_got(&self, key: &Key, error: GetError) -> StoreError {
        match error {
            GetError::Refused(error) => self.failed(format!("could not look for `{key}`"), &*error),
            GetError::Unread(error) => StoreError::new(StoreErrorKind::Other, format!("could not read `{key}`"), error),
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
    /// Several stores have no `DeleteObjects`, or reject the checksum that it must carry.
    async fn delete_singly(&self, keys: &[Key]) -> Result<(), StoreError> {
        let delete = async |key: &Key| {
            let deleted = self.client.delete_object().bucket(&self.bucket).key(key.as_str());
            let deleted = deleted.set_request_payer(self.payer.into()).send().await;
            deleted.map(drop).map_err(|error| self.failed(format!("could not delete `{key}`"), &error))
        };
        stream::iter(keys).map(delete).buffer_unordered(DELETES_IN_FLIGHT).try_collect().await
    }
}

/// The objects of a page of a listing, where `found` makes keys of theirs.
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
        remembering_failures(self.put_confirmed(object, self.clobber)).boxed()
    }

    /// By `If-None-Match: *`, which some stores ignore.
    fn put_new(&self, object: Object) -> BoxFuture<'_, Result<Receipt, StoreError>> {
        remembering_failures(self.put_confirmed(object, Clobber::Forbid)).boxed()
    }

    /// Lists at most one key: unlike `HeadBucket`, its answer says in words what is wrong. A role that may only put is
    /// denied that, which says nothing against it.
    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        remembering_failures(async {
            let listed = self.client.list_objects_v2().bucket(&self.bucket).max_keys(1);
            let listed = listed.set_request_payer(self.payer.into());
            // A mistyped endpoint should not take minutes to be found out.
            let few_attempts = RetryConfig::standard().with_max_attempts(CHECK_ATTEMPTS);
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
        remembering_failures(async move {
            match self.got(key).await {
                Ok(stored) => Ok(Some(stored)),
                Err(error) if error.status() == Some(404) => Ok(None),
                // Without the right to list, a missing key is 403 and not 404.
                Err(error) if error.status() == Some(403) => {
                    self.denied_lookups.fetch_add(1, Ordering::Relaxed);
                    Ok(None)
                }
                Err(error) => Err(self.not_got(key, error)),
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
        remembering_failures(async move {
            for batch in keys.chunks(KEYS_PER_DELETE) {
                match self.delete_batch(batch).await {
                    Err(error) if error.kind() == StoreErrorKind::Other => self.delete_singly(batch).await?,
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
        remembering_failures(self.put_redirects(folder.base_key(), redirects)).boxed()
    }

    /// By a copy of the object onto itself, on condition that it is still the same.
    fn update_headers(&self, update: HeaderUpdate) -> BoxFuture<'_, Result<Receipt, StoreError>> {
        remembering_failures(self.copy_in_place(update)).boxed()
    }

    /// By the `Date` of the last response, which is exact to a second.
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
        self.pacer.traffic()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_amazon_is_aws() {
        assert!(is_aws("https://art-tiles.s3.eu-west-1.amazonaws.com/"));
        assert!(is_aws("https://s3.cn-north-1.amazonaws.com.cn/art.tiles"));
        assert!(!is_aws("http://127.0.0.1:8333/art-tiles"));
        assert!(!is_aws("https://minio.example.org/x.amazonaws.com"));
    }
}
