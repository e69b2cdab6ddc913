//! Protects uploaded content against corruption.

use crate::store::Body;
use aws_runtime::auth::PayloadSigningOverride;
use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_s3::config::{ConfigBag, Intercept, RequestChecksumCalculation, RuntimeComponents};
use aws_sdk_s3::error::BoxError;

/// Integrity check for uploaded content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Integrity {
    /// The content's SHA-256 is part of the signature, and the returned ETag is compared to its MD5.
    Digests,
    /// The request includes a hardware-accelerated CRC, which the store verifies. TLS protects it in transit.
    Checksum,
}

impl Integrity {
    /// Chooses the cheapest check that's sufficient. AWS is the only store known to verify request checksums.
    pub(super) fn of(url: &str, is_aws: bool, checksums: Option<&RequestChecksumCalculation>) -> Self {
        let has_checksum = checksums == Some(&RequestChecksumCalculation::WhenSupported);
        if is_aws && has_checksum && url.starts_with("https://") { Self::Checksum } else { Self::Digests }
    }
}

/// Interceptor that sets the payload hash used for signing, so the SDK doesn't hash the content again.
#[derive(Debug)]
pub(super) struct ContentSignature(PayloadSigningOverride);

impl ContentSignature {
    pub(super) fn new(body: &Body, integrity: Integrity) -> Self {
        Self(match integrity {
            Integrity::Digests => PayloadSigningOverride::Precomputed(body.sha256().to_owned()),
            Integrity::Checksum => PayloadSigningOverride::UnsignedPayload,
        })
    }
}

impl Intercept for ContentSignature {
    fn name(&self) -> &'static str {
        "content signature"
    }

    fn modify_before_signing(
        &self,
        _: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        config.interceptor_state().store_put(self.0.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_aws_over_https_verifies_checksums() {
        let of = |url, is_aws, checksums| Integrity::of(url, is_aws, Some(checksums));
        let supported = RequestChecksumCalculation::WhenSupported;
        let bucket = "https://tiles.s3.eu-central-1.amazonaws.com";
        assert_eq!(of(bucket, true, &supported), Integrity::Checksum);
        assert_eq!(of("http://tiles.s3.eu-central-1.amazonaws.com", true, &supported), Integrity::Digests);
        assert_eq!(of("https://minio.example.org/tiles", false, &supported), Integrity::Digests);
        assert_eq!(of(bucket, true, &RequestChecksumCalculation::WhenRequired), Integrity::Digests);
        assert_eq!(Integrity::of(bucket, true, None), Integrity::Digests);
    }
}
