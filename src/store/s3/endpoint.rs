//! Endpoint validation and bucket URLs.

use super::explain::ReadableError;
use super::{S3Settings, address};
use crate::store::url::{has_user_info, redacted_url};
use crate::store::{StoreError, StoreErrorKind};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Builder, Credentials};
use aws_sdk_s3::presigning::PresigningConfig;
use std::error::Error;
use std::time::Duration;

/// Rejects an endpoint that contains secrets, because endpoints appear in messages and, by default, in every
/// `info.json`.
pub(super) fn check_no_secrets(url: &str) -> Result<(), StoreError> {
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

/// Validates the explicit endpoint or, if there isn't one, every endpoint set in the environment, even though only one
/// of them is used.
pub(super) fn check_endpoints(settings: &S3Settings) -> Result<(), StoreError> {
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

pub(super) fn is_aws(url: &str) -> bool {
    let host = url.split("//").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn")
}

/// Returns the bucket's URL according to the SDK's endpoint and region rules. This is the URL of a presigned request
/// without the signature. Sends nothing.
pub(super) async fn bucket_url(config: Builder, bucket: &str) -> Result<String, StoreError> {
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

pub(super) fn bad_bucket(bucket: &str, cause: impl Into<Box<dyn Error + Send + Sync>>) -> StoreError {
    StoreError::new(StoreErrorKind::Missing, format!("`{bucket}` cannot be a bucket at this endpoint"), cause)
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
