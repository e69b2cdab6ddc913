//! The SDK client, shared by the whole process. Timeouts, retries and checksums are tuned for uploading lots of small
//! objects.

use super::explain::root_cause;
use super::trust::{self, Bundle};
use super::watch::CodeClassifier;
use super::{Checksums, S3Settings};
use crate::store::{StoreError, StoreErrorKind};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::retry::{RetryConfig, RetryPartition, TokenBucket};
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    Builder, ProvideCredentials, RequestChecksumCalculation, ResponseChecksumValidation, SharedHttpClient,
};
use aws_sdk_s3::operation::copy_object::CopyObjectError;
use aws_sdk_s3::operation::delete_objects::DeleteObjectsError;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::operation::head_object::HeadObjectError;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Error;
use aws_sdk_s3::operation::put_object::PutObjectError;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder as HttpBuilder, ConnectorBuilder};
use std::error::Error;
use std::time::Duration;

/// Maximum number of attempts per request. The retry time limit usually kicks in first.
const MAX_ATTEMPTS: u32 = 100;

/// Minimum and maximum backoff between attempts. The SDK doubles the backoff each time and adds jitter.
///
/// The initial backoff is long enough that in-flight uploads don't hammer a throttling store. The maximum limits the
/// idle time once a store has recovered.
const INITIAL_BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// Retry tokens shared by all requests, and the number of tokens refilled per second. Each retry costs 5 tokens.
///
/// With the SDK's default quota of 500, even a short burst of throttling during a parallel upload would use up all
/// tokens, and every later error would be final.
const RETRY_TOKENS: usize = 5_000;
const RETRY_TOKENS_PER_SECOND: f32 = 200.0;

/// Timeouts. Without them, the SDK would wait forever for a server that accepts a request but never responds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const READ_TIMEOUT: Duration = Duration::from_secs(30);
const ATTEMPT_TIMEOUT: Duration = Duration::from_mins(1);

/// Most stores close idle connections well before the SDK's default of 90 s, and a put on a half-closed connection
/// costs a retry.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// Loads the AWS configuration from the environment, the configuration files and the command line.
///
/// # Errors
/// Returns an error if the selected profile or the CA bundle doesn't exist.
pub(super) async fn shared_config(settings: &S3Settings) -> Result<SdkConfig, StoreError> {
    let profiles = trust::profiles(settings).await?;
    let bundle = trust::bundle(&profiles)?;
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(http_client(bundle));
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
    // Most custom endpoints don't have regions, but every signature needs one.
    let region = config.region().cloned().unwrap_or(Region::from_static("us-east-1"));
    Ok(config.into_builder().region(region).build())
}

/// Creates the SDK's HTTPS client with a custom idle timeout and any additional certificate authorities.
fn http_client(bundle: Option<Bundle>) -> SharedHttpClient {
    // The SDK's default client has a fixed idle timeout, so build one here the same way the SDK does.
    HttpBuilder::new().pool_idle_timeout(POOL_IDLE_TIMEOUT).build_with_connector_fn(move |settings, components| {
        let mut connector = ConnectorBuilder::default().tls_provider(Provider::Rustls(CryptoMode::Ring));
        connector.set_connector_settings(settings.cloned());
        if let Some(components) = components {
            connector.set_sleep_impl(components.sleep_impl());
        }
        if let Some(bundle) = &bundle {
            connector.set_tls_context(bundle.context());
        }
        connector.set_proxy_config(Some(ProxyConfig::from_env()));
        connector.build()
    })
}

/// Creates the client configuration. Each request may be retried for up to `retry_for`.
pub(super) fn client_config(config: &SdkConfig, retry_for: Duration) -> Builder {
    let tokens = TokenBucket::builder().capacity(RETRY_TOKENS).refill_rate(RETRY_TOKENS_PER_SECOND).build();
    let retries = RetryConfig::standard()
        .with_max_attempts(MAX_ATTEMPTS)
        .with_initial_backoff(INITIAL_BACKOFF)
        .with_max_backoff(MAX_BACKOFF);
    // Each timeout covers a case the others don't: a host that drops packets, a server that accepts a request and stays
    // silent, a body that stalls, and the total time across attempts. The last one is `--retry-for`, which ends a
    // request no matter how many attempts it has made.
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(retry_for);
    Builder::from(config)
        .retry_config(retries)
        .retry_partition(RetryPartition::custom("iiif-publish").token_bucket(tokens).build())
        .retry_classifier(CodeClassifier::<PutObjectError>::default())
        .retry_classifier(CodeClassifier::<CopyObjectError>::default())
        .retry_classifier(CodeClassifier::<GetObjectError>::default())
        .retry_classifier(CodeClassifier::<HeadObjectError>::default())
        .retry_classifier(CodeClassifier::<ListObjectsV2Error>::default())
        .retry_classifier(CodeClassifier::<DeleteObjectsError>::default())
        .timeout_config(timeouts.build())
}

pub(super) fn with_checksums(config: Builder, checksums: Checksums) -> Builder {
    match checksums {
        Checksums::WhenSupported => config
            .request_checksum_calculation(RequestChecksumCalculation::WhenSupported)
            .response_checksum_validation(ResponseChecksumValidation::WhenSupported),
        Checksums::WhenRequired => config
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired),
    }
}

/// Returns the checksum mode required by the endpoint, unless it is already set in the environment.
pub(super) fn default_checksums(is_aws: bool) -> Option<Checksums> {
    let is_set = std::env::var_os("AWS_REQUEST_CHECKSUM_CALCULATION").is_some();
    (!is_aws && !is_set).then_some(Checksums::WhenRequired)
}

/// Checks that credentials are available.
pub(super) async fn require_credentials(config: &SdkConfig) -> Result<(), StoreError> {
    let no_credentials =
        |cause: String| StoreError::new(StoreErrorKind::Credentials, "no AWS credentials were found".to_owned(), cause);
    let provider =
        config.credentials_provider().ok_or_else(|| no_credentials("no provider is configured".to_owned()))?;
    // The provider chain's message fills a page. The cause is on the first line.
    let first_line = |error: &dyn Error| root_cause(error).lines().next().unwrap_or_default().to_owned();
    provider.provide_credentials().await.map(drop).map_err(|error| no_credentials(first_line(&error)))
}
