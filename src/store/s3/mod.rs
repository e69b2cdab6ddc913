//! A store in a bucket of S3 or of an S3-compatible service.

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
use limit::BodyLimit;
use std::error::Error;
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use watch::{ResponseObserver, ServerClock};

/// The name of the user metadata (`x-amz-meta-…`) for marks.
const MARK: &str = "iiif-publish-mark";

/// Maximum size of all bodies in flight, in bytes: many tiles, or one `full/max` image with some tiles.
const MAX_BYTES_IN_FLIGHT: u64 = 64 << 20;

/// Default time for retries of a request. A restart of a store usually takes less time.
const DEFAULT_RETRY_FOR: Duration = Duration::from_mins(5);

/// The use of the newer checksum headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Checksums {
    /// Sends checksums with every put, as AWS recommends.
    WhenSupported,
    /// Sends checksums only with operations that require one, because other stores reject or ignore the headers. Bodies
    /// are still signed with their SHA-256.
    WhenRequired,
}

/// Settings of a bucket. Everything else comes from the standard AWS environment variables and files.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
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
    /// Creates the default settings of a bucket.
    #[must_use]
    pub fn new(bucket: impl Into<String>) -> Self {
        Self { bucket: bucket.into(), ..Self::default() }
    }

    /// Supported rate limits, in puts per second: from about four per hour to one million per second.
    pub const PUTS_PER_SECOND: RangeInclusive<f64> = 0.001..=1_000_000.0;
}

/// A bucket. All clones share one client.
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
        let url = url.parse().map_err(|error| bad_bucket(&bucket, error))?;
        // Added last, because the configuration that only computes the URL never sends a request.
        let clock = ServerClock::default();
        let observer = ResponseObserver::new(limiter.clone(), clock.clone());
        let client = Client::from_conf(client_config.interceptor(observer).interceptor(BodyLimit).build());
        let attributes = Arc::new(settings.attributes);
        let denied_lookups = Arc::default();
        Ok(Self { client, bucket, url, limiter, concurrency, attributes, on_existing, payer, clock, denied_lookups })
    }

    /// Returns the URL of a prefix at the endpoint, in virtual-host style on AWS and in path style elsewhere.
    #[must_use]
    pub fn url(&self, prefix: &Prefix) -> BaseUrl {
        self.url.below(prefix)
    }

    /// Returns the name of the bucket.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Returns the region that requests are signed for.
    #[must_use]
    pub fn aws_region(&self) -> String {
        self.client.config().region().map(ToString::to_string).unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_limit_limits_the_uploads_in_flight() {
        let concurrencies = [None, Some(0.001), Some(30.5), Some(1e6)].map(default_concurrency);
        assert_eq!(concurrencies, [256, 8, 31, 256]);
    }
}
