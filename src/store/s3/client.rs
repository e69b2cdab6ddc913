//! The client: one for the process, with timeouts, retries and checksums that suit uploads of many small objects.

use super::trust::{self, Bundle};
use super::watch::CodeClassifier;
use super::{Checksums, S3Settings};
use crate::store::StoreError;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::retry::{RetryConfig, RetryPartition, TokenBucket};
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{Builder, RequestChecksumCalculation, ResponseChecksumValidation, SharedHttpClient};
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
use std::time::Duration;

/// Tries of one request. The time that a request may take in all ends them sooner.
const ATTEMPTS: u32 = 100;

/// The first pause before another try: long enough that the puts in flight do not storm a store that throttles. The SDK
/// doubles it each time, up to the longest, and shortens it at random; the longest is what a store that is back again
/// waits for its load.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);

/// Tokens for retries of all requests together (one retry costs 5), and how many come back each second. The SDK's own
/// quota of 500 is used up by a short throttle of a parallel upload, after which every error is final.
const RETRY_TOKENS: usize = 5_000;
const RETRY_TOKENS_PER_SECOND: f32 = 200.0;

/// The SDK waits for ever for a server that accepts a request and never answers.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const READ_TIMEOUT: Duration = Duration::from_secs(30);
const ATTEMPT_TIMEOUT: Duration = Duration::from_mins(1);

/// Stores drop idle connections sooner than the SDK's 90 s; a put on one that is half closed costs a retry.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// What the AWS environment, its files and the command line say together.
///
/// # Errors
/// If the profile or the certificate authorities that were named are not there.
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
    // Most custom endpoints have no regions, but every signature names one.
    let region = config.region().cloned().unwrap_or(Region::from_static("us-east-1"));
    Ok(config.into_builder().region(region).build())
}

/// The SDK's own HTTPS client, but for the idle timeout and more certificate authorities.
fn http_client(bundle: Option<Bundle>) -> SharedHttpClient {
    HttpBuilder::new().pool_idle_timeout(POOL_IDLE_TIMEOUT).build_with_connector_fn(move |settings, components| {
        let mut connector = ConnectorBuilder::default().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
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

/// The configuration of the client; every request may be tried again for `retry_for`.
pub(super) fn client_config(config: &SdkConfig, retry_for: Duration) -> Builder {
    let tokens = TokenBucket::builder().capacity(RETRY_TOKENS).refill_rate(RETRY_TOKENS_PER_SECOND).build();
    let retries = RetryConfig::standard()
        .with_max_attempts(ATTEMPTS)
        .with_initial_backoff(FIRST_BACKOFF)
        .with_max_backoff(LONGEST_BACKOFF);
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

/// What the endpoint needs, where nothing was said of it: not on the command line, and not in the environment.
pub(super) fn default_checksums(is_aws: bool) -> Option<Checksums> {
    let is_said = std::env::var_os("AWS_REQUEST_CHECKSUM_CALCULATION").is_some();
    (!is_aws && !is_said).then_some(Checksums::WhenRequired)
}
