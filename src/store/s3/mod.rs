//! A store backed by a bucket on S3 or an S3-compatible service.

mod address;
#[cfg(feature = "web")]
mod administration;
mod attributes;
mod client;
mod copy;
mod delete;
mod endpoint;
mod explain;
mod get;
mod integrity;
mod limit;
mod list;
#[cfg(feature = "web")]
mod protection;
mod put;
mod read;
mod store;
mod trust;
mod watch;

pub use address::{BucketAddress, BucketAddressError};
#[cfg(feature = "web")]
pub use administration::CorsRule;
#[cfg(feature = "web")]
pub(crate) use administration::{ConditionalPut, PublicAccessBlock};
pub use attributes::{HeaderValueError, ObjectAttributes, ObjectCannedAcl, Payer, ServerSideEncryption, StorageClass};
pub(crate) use read::{ObjectInfo, ReadError};

use super::adaptive_limiter::{AdaptiveLimiter, UploadLimits};
use super::{BaseUrl, OnExisting, Prefix, Store, StoreError, StoreErrorKind};
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use client::{client_config, default_checksums, require_credentials, shared_config, with_checksums};
use endpoint::{bad_bucket, bucket_url, check_endpoints, check_no_secrets, is_aws};
use integrity::Integrity;
use limit::BodyLimit;
use std::error::Error;
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use watch::{ResponseObserver, ServerClock};

/// User metadata name for marks, without the `x-amz-meta-` prefix.
const MARK: &str = "iiif-publish-mark";

/// Maximum total size of in-flight bodies, in bytes. This is enough for many tiles, or for one `full/max` image and a
/// few tiles.
const MAX_BYTES_IN_FLIGHT: u64 = 64 << 20;

/// Default time limit for retrying a request. Restarting a store usually takes less time than this.
const DEFAULT_RETRY_FOR: Duration = Duration::from_mins(5);

/// Determines when to send the newer checksum headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Checksums {
    /// Sends a checksum with every put, as recommended by AWS. On AWS over HTTPS, the checksum replaces the SHA-256 in
    /// the signature.
    WhenSupported,
    /// Sends checksums only for operations that require them, because other stores reject or ignore the headers. Bodies
    /// are still signed with their SHA-256.
    WhenRequired,
}

/// Bucket settings. Everything else comes from the standard AWS environment variables and configuration files.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct S3Settings {
    /// Bucket name.
    pub bucket: String,
    /// Endpoint URL. Not needed for buckets on AWS.
    pub endpoint_url: Option<String>,
    /// The bucket's region.
    pub aws_region: Option<String>,
    /// Profile to use from `~/.aws/config` and `~/.aws/credentials`.
    pub profile: Option<String>,
    /// Overrides the endpoint's default checksum mode.
    pub checksums: Option<Checksums>,
    /// Maximum number of concurrent uploads. Defaults to [`S3Store::DEFAULT_CONCURRENCY`].
    pub concurrency: Option<NonZeroUsize>,
    /// Maximum number of puts per second. Values outside [`PUTS_PER_SECOND`](Self::PUTS_PER_SECOND) are clamped, and
    /// NaN means no limit.
    pub max_puts_per_second: Option<f64>,
    /// Maximum time to spend retrying a request. Defaults to five minutes.
    pub retry_for: Option<Duration>,
    /// Attributes added to every stored object.
    pub attributes: ObjectAttributes,
    /// Policy for objects that already exist. With [`OnExisting::Keep`], a put fails unless the existing object has the
    /// same content (`If-None-Match: *`). Some stores ignore this condition.
    pub on_existing: OnExisting,
    /// The account billed for requests.
    pub payer: Payer,
}

impl S3Settings {
    /// Creates the default settings for a bucket.
    #[must_use]
    pub fn new(bucket: impl Into<String>) -> Self {
        Self { bucket: bucket.into(), ..Self::default() }
    }

    /// Supported rate limits, in puts per second. They range from about four puts per hour to one million per second.
    pub const PUTS_PER_SECOND: RangeInclusive<f64> = 0.001..=1_000_000.0;
}

/// A bucket on S3 or a compatible service. Clones share one client.
#[derive(Clone, Debug)]
pub struct S3Store {
    client: Client,
    bucket: String,
    url: BaseUrl,
    limiter: AdaptiveLimiter,
    concurrency: usize,
    attributes: Arc<ObjectAttributes>,
    on_existing: OnExisting,
    payer: Payer,
    integrity: Integrity,
    clock: ServerClock,
    denied_lookups: Arc<AtomicU64>,
}

/// Returns the default number of in-flight uploads. With a rate limit, this is one second's worth.
///
/// Any additional uploads would just wait, and every `info.json` would wait behind them, so no image would be complete
/// until the end of the run.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "limited to the default")]
fn default_concurrency(max_puts_per_second: Option<f64>) -> usize {
    const MIN: f64 = 8.0;
    let most = S3Store::DEFAULT_CONCURRENCY;
    max_puts_per_second.map_or(most, |rate| most.min(rate.max(MIN).ceil() as usize))
}

impl S3Store {
    /// Default limit on concurrent uploads. At 200 ms per put, 512 uploads amount to 2,560 puts per second, which is
    /// more than the number of tiles that two cores can encode. The actual number adapts to the store, and to the size
    /// of the bodies.
    pub const DEFAULT_CONCURRENCY: usize = 512;

    /// Connects to a bucket and [checks](Store::check) it. If the bucket turns out to be in a different region, calls
    /// `on_region` with that region and reconnects.
    ///
    /// # Errors
    /// Returns an error if [`connect`](Self::connect) fails or the bucket isn't usable.
    pub async fn connect_in_any_region(settings: S3Settings, on_region: impl FnOnce(&str)) -> Result<Self, StoreError> {
        let store = Self::connect(settings.clone()).await?;
        let Err(error) = store.check().await else { return Ok(store) };
        let Some(region) = error.region().filter(|_| error.kind() == StoreErrorKind::Region) else { return Err(error) };
        on_region(region);
        let store = Self::connect(S3Settings { aws_region: Some(region.to_owned()), ..settings }).await?;
        store.check().await.map(|()| store)
    }

    /// Reads the AWS configuration and creates the client. Sends no requests, apart from those made by credential
    /// providers.
    ///
    /// # Errors
    /// Returns an error if no credentials are found, or if the endpoint or bucket name can't be used in a URL.
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
        // The SDK picks the endpoint from a dozen sources, including flags, the environment, profiles, services
        // sections, dual-stack and FIPS settings. It reveals the choice only in a request, so presign one without
        // sending it and look at its URL. The URL shows if the endpoint is AWS, and that determines path style and
        // checksums. Both affect the URL, so presign again with the final settings.
        let is_aws = is_aws(&bucket_url(client_config.clone(), &bucket).await?);
        let mut client_config = client_config.force_path_style(!is_aws);
        if let Some(checksums) = settings.checksums.or_else(|| default_checksums(is_aws)) {
            client_config = with_checksums(client_config, checksums);
        }
        let address = bucket_url(client_config.clone(), &bucket).await?;
        let url = address.parse().map_err(|error| bad_bucket(&bucket, error))?;
        // Added last, because the configurations above only compute URLs and never send a request.
        let clock = ServerClock::default();
        let observer = ResponseObserver::new(limiter.clone(), clock.clone());
        let client = Client::from_conf(client_config.interceptor(observer).interceptor(BodyLimit).build());
        let integrity = Integrity::of(&address, is_aws, client.config().request_checksum_calculation());
        let attributes = Arc::new(settings.attributes);
        Ok(Self {
            client,
            bucket,
            url,
            limiter,
            concurrency,
            attributes,
            on_existing,
            payer,
            integrity,
            clock,
            denied_lookups: Arc::default(),
        })
    }

    /// Returns the endpoint URL for a prefix, using virtual-hosted style on AWS and path style elsewhere.
    #[must_use]
    pub fn url(&self, prefix: &Prefix) -> BaseUrl {
        self.url.below(prefix)
    }

    /// Returns the bucket name.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Returns the region used to sign requests.
    #[must_use]
    pub fn aws_region(&self) -> String {
        self.client.config().region().map(ToString::to_string).unwrap_or_default()
    }

    /// Returns a listing's display name for error messages. Within a bucket, the prefix is enough.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_limit_limits_the_uploads_in_flight() {
        let concurrencies = [None, Some(0.001), Some(30.5), Some(1e6)].map(default_concurrency);
        assert_eq!(concurrencies, [512, 8, 31, 512]);
    }
}
