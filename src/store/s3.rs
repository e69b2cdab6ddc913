//! A bucket of S3, or of any store that speaks its language.

use super::{Key, Object, Prefix, PublicUrl, Receipt, Store, StoreError, StoreErrorKind};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::{RetryConfig, RetryPartition, TokenBucket};
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    Builder, Credentials, ProvideCredentials, RequestChecksumCalculation, ResponseChecksumValidation,
};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::error::Error;
use std::fmt;
use std::time::Duration;

/// The name of the user metadata (`x-amz-meta-…`) that keeps a fingerprint.
const FINGERPRINT: &str = "iiif-publish-fingerprint";

/// Tries of one request, the first included.
const ATTEMPTS: u32 = 10;

/// The first pause before another try; the SDK doubles it each time, up to `MAX_BACKOFF`, and shortens it at random.
const FIRST_BACKOFF: Duration = Duration::from_millis(200);
const MAX_BACKOFF: Duration = Duration::from_secs(10);

/// Retries that all requests together may have in hand, and how many come back each second. The SDK's default of 100
/// retries is used up by a short throttle of a parallel upload, after which every error is final.
const RETRY_QUOTA: usize = 5_000;
const RETRY_REFILL_PER_SECOND: f32 = 200.0;

/// The SDK waits for ever for a server that accepts a request and never answers.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const READ_TIMEOUT: Duration = Duration::from_secs(30);
const ATTEMPT_TIMEOUT: Duration = Duration::from_mins(2);

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
}

/// A bucket, with one client for the whole process.
#[derive(Clone, Debug)]
pub struct S3Store {
    client: Client,
    bucket: String,
    public_url: PublicUrl,
}

impl S3Store {
    /// Reads the AWS environment, and sets up the client. Nothing is sent yet, but to where credentials come from.
    ///
    /// # Errors
    /// Where there are no credentials, or the endpoint or the bucket cannot be part of a URL.
    pub async fn connect(settings: S3Settings) -> Result<Self, StoreError> {
        let config = shared_config(&settings).await;
        require_credentials(&config).await?;
        let bucket = settings.bucket;
        let is_aws = is_aws(&bucket_url(client_config(&config), &bucket).await?);
        let mut client_config = client_config(&config).force_path_style(!is_aws);
        if let Some(checksums) = settings.checksums.or_else(|| default_checksums(is_aws)) {
            client_config = with_checksums(client_config, checksums);
        }
        let url = bucket_url(client_config.clone(), &bucket).await?;
        let public_url = url.parse().map_err(|error| bad_bucket(&bucket, error))?;
        Ok(Self { client: Client::from_conf(client_config.build()), bucket, public_url })
    }

    /// Where a prefix of the bucket is seen, as the endpoint serves it: virtual-host style on AWS, path style elsewhere.
    #[must_use]
    pub fn public_url(&self, prefix: &Prefix) -> PublicUrl {
        self.public_url.below(prefix)
    }

    fn failed<E>(&self, action: String, error: &SdkError<E>) -> StoreError
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let kind = kind(error);
        StoreError::new(kind, action, Explained::new(error, &self.bucket))
    }
}

async fn shared_config(settings: &S3Settings) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12());
    if let Some(region) = &settings.aws_region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(endpoint_url) = &settings.endpoint_url {
        loader = loader.endpoint_url(endpoint_url);
    }
    let config = loader.load().await;
    // Most custom endpoints have no regions, but every signature names one.
    let region = config.region().cloned().unwrap_or(Region::from_static("us-east-1"));
    config.into_builder().region(region).build()
}

fn client_config(config: &SdkConfig) -> Builder {
    let retry_tokens = TokenBucket::builder().capacity(RETRY_QUOTA).refill_rate(RETRY_REFILL_PER_SECOND).build();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT);
    let retries = RetryConfig::standard()
        .with_max_attempts(ATTEMPTS)
        .with_initial_backoff(FIRST_BACKOFF)
        .with_max_backoff(MAX_BACKOFF);
    Builder::from(config)
        .retry_config(retries)
        .retry_partition(RetryPartition::custom("iiif-publish").token_bucket(retry_tokens).build())
        .timeout_config(timeouts.build())
}

fn with_checksums(config: Builder, checksums: Checksums) -> Builder {
    match checksums {
        Checksums::WhenSupported => config
            .request_checksum_calculation(RequestChecksumCalculation::WhenSupported)
            .response_checksum_validation(ResponseChecksumValidation::WhenSupported),
        Checksums::WhenRequired => config
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired),
    }
}

async fn require_credentials(config: &SdkConfig) -> Result<(), StoreError> {
    let refused = |cause: Box<dyn Error + Send + Sync>| {
        StoreError::new(StoreErrorKind::Credentials, "no AWS credentials were found".to_owned(), cause)
    };
    let provider = config.credentials_provider().ok_or_else(|| refused("no provider is configured".into()))?;
    provider.provide_credentials().await.map(drop).map_err(|error| refused(error.into()))
}

fn is_aws(url: &str) -> bool {
    let host = url.split("//").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn")
}

/// What the endpoint needs, where nothing was said of it: not on the command line, and not in the environment.
fn default_checksums(is_aws: bool) -> Option<Checksums> {
    let is_said = std::env::var_os("AWS_REQUEST_CHECKSUM_CALCULATION").is_some();
    (!is_aws && !is_said).then_some(Checksums::WhenRequired)
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

impl Store for S3Store {
    fn put(&self, object: Object) -> BoxFuture<'_, Result<Receipt, StoreError>> {
        async move {
            let Object { key, body, content_type, cache_control, fingerprint } = object;
            let bytes = body.len() as u64;
            let put = self.client.put_object().bucket(&self.bucket).key(key.as_str());
            let put = put.content_type(content_type).cache_control(&*cache_control).body(ByteStream::from(body));
            let put = match fingerprint {
                Some(fingerprint) => put.metadata(FINGERPRINT, &*fingerprint),
                None => put,
            };
            match put.send().await {
                Ok(_) => Ok(Receipt { key, bytes }),
                Err(error) => Err(self.failed(format!("could not put `{key}`"), &error)),
            }
        }
        .boxed()
    }

    /// Lists at most one key: unlike `HeadBucket`, its answer says in words what is wrong. A role that may only put is
    /// denied that, which says nothing against it.
    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        async {
            let listed = self.client.list_objects_v2().bucket(&self.bucket).max_keys(1);
            // A mistyped endpoint should not take ten attempts to be found out.
            let few_attempts = RetryConfig::standard().with_max_attempts(3);
            let listed = listed.customize().config_override(Builder::new().retry_config(few_attempts)).send().await;
            match listed {
                Err(error) if kind(&error) != StoreErrorKind::Denied => {
                    Err(self.failed(format!("could not reach the bucket `{}`", self.bucket), &error))
                }
                _ => Ok(()),
            }
        }
        .boxed()
    }

    fn fingerprint<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<String>, StoreError>> {
        async move {
            let head = self.client.head_object().bucket(&self.bucket).key(key.as_str()).send().await;
            match head {
                Ok(head) => Ok(head.metadata.and_then(|mut metadata| metadata.remove(FINGERPRINT))),
                // Without the right to list, a missing key is 403 and not 404.
                Err(SdkError::ServiceError(refusal)) if matches!(refusal.raw().status().as_u16(), 403 | 404) => {
                    Ok(None)
                }
                Err(error) => Err(self.failed(format!("could not look for `{key}`"), &error)),
            }
        }
        .boxed()
    }

    /// 64 puts at 30 ms are 2,000 a second, more than two cores encode.
    fn default_concurrency(&self) -> usize {
        64
    }
}

fn kind<E: ProvideErrorMetadata>(error: &SdkError<E>) -> StoreErrorKind {
    match error {
        SdkError::DispatchFailure(failure) if failure.is_io() || failure.is_timeout() => StoreErrorKind::Unreachable,
        SdkError::TimeoutError(_) => StoreErrorKind::Unreachable,
        SdkError::ServiceError(refusal) => match (refusal.err().code(), refusal.raw().status().as_u16()) {
            (Some("NoSuchBucket"), _) => StoreErrorKind::Missing,
            (
                Some(
                    "InvalidAccessKeyId"
                    | "SignatureDoesNotMatch"
                    | "ExpiredToken"
                    | "InvalidToken"
                    | "TokenRefreshRequired"
                    | "InvalidSecurity",
                ),
                _,
            ) => StoreErrorKind::Credentials,
            (
                Some(
                    "PermanentRedirect"
                    | "AuthorizationHeaderMalformed"
                    | "IllegalLocationConstraintException"
                    | "TemporaryRedirect",
                ),
                _,
            )
            | (_, 301) => StoreErrorKind::Region,
            (Some("AccessDenied" | "AllAccessDisabled" | "AccountProblem"), _) | (_, 401 | 403) => {
                StoreErrorKind::Denied
            }
            _ => StoreErrorKind::Other,
        },
        _ => StoreErrorKind::Other,
    }
}

/// An error of the SDK in words: its own text is only `service error`.
#[derive(Debug)]
struct Explained(String);

impl Explained {
    fn new<E>(error: &SdkError<E>, bucket: &str) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let words = match error {
            SdkError::ServiceError(refusal) => {
                let status = refusal.raw().status().as_u16();
                let code = refusal.err().code().unwrap_or("no error code");
                let message = refusal.err().message().map(|message| format!(": {message}")).unwrap_or_default();
                let region = refusal.raw().headers().get("x-amz-bucket-region");
                let region = region.map(|region| format!(", `{bucket}` is in {region}")).unwrap_or_default();
                let request = refusal.err().meta().request_id().map(|id| format!(", request {id}")).unwrap_or_default();
                format!("the store answered {status} {code}{message}{region}{request}")
            }
            other => innermost(other),
        };
        Self(words)
    }
}

/// The last link of a chain of errors: `Connection refused (os error 111)` and the like.
fn innermost(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

impl fmt::Display for Explained {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// No `source`: the words already say what its links would.
impl Error for Explained {}

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
