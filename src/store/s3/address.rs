//! Parses bucket addresses and endpoints in the various forms people write them.

use crate::store::{KeyError, Prefix};
use std::fmt;
use std::str::FromStr;

/// A bucket with an optional prefix, written as `bucket`, `bucket/prefix`, `s3://bucket/prefix` or an ARN.
///
/// ```
/// use iiif_publish::store::BucketAddress;
///
/// let address: BucketAddress = "s3://art-tiles/maps/".parse()?;
/// assert_eq!((address.bucket(), address.prefix().to_string()), ("art-tiles", "maps".to_owned()));
/// assert_eq!("arn:aws:s3:::art-tiles".parse::<BucketAddress>()?.bucket(), "art-tiles");
/// assert!("https://art-tiles.s3.amazonaws.com".parse::<BucketAddress>().is_err());
/// # Ok::<(), iiif_publish::store::BucketAddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketAddress {
    bucket: String,
    region: Option<String>,
    prefix: Prefix,
}

/// Error returned when a bucket address can't be parsed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BucketAddressError {
    /// The address is a URL.
    #[error(
        "`{0}` is a URL: pass the bucket name alone with `--bucket`, and the URL of the store with `--endpoint-url`"
    )]
    Url(String),
    /// The address is a file path.
    #[error("`{0}` is a path: to publish into a folder, use `--output`")]
    Path(String),
    /// The bucket name contains an invalid character or has the wrong length.
    #[error("`{0}` is not a valid bucket name: names have 3 to 63 letters, digits, `-`, `.` and `_`")]
    Name(String),
    /// The ARN refers to an unsupported kind of resource.
    #[error("`{0}` is the ARN of {1}; only ARNs of buckets (`arn:aws:s3:::NAME`) and access points are supported")]
    Arn(String, &'static str),
    /// The part after the bucket name isn't a valid prefix.
    #[error("the text after the bucket is not a valid prefix")]
    Prefix(#[from] KeyError),
}

impl BucketAddress {
    /// Returns the bucket name to use in requests. For an access point, this is its ARN.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Returns the region, which is only set for access points.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// Returns the prefix, which is usually empty.
    #[must_use]
    pub fn prefix(&self) -> &Prefix {
        &self.prefix
    }

    fn named(text: &str) -> Result<Self, BucketAddressError> {
        let (bucket, prefix) = text.split_once('/').unwrap_or((text, ""));
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':');
        let is_name = (3..=255).contains(&bucket.len()) && bucket.chars().all(is_allowed);
        if !is_name || bucket.starts_with(['.', ':']) {
            return Err(BucketAddressError::Name(bucket.escape_debug().to_string()));
        }
        Ok(Self { bucket: bucket.to_owned(), region: None, prefix: prefix.parse()? })
    }

    fn from_arn(arn: &str) -> Result<Self, BucketAddressError> {
        let other = |what| BucketAddressError::Arn(arn.to_owned(), what);
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let [_, _, service, region, _, resource] = parts.as_slice() else { return Err(other("an unknown resource")) };
        match *service {
            "s3" => {}
            "s3-object-lambda" => return Err(other("an Object Lambda access point, which cannot be written to")),
            "s3-outposts" => return Err(other("a bucket or access point of Outposts")),
            "s3express" => return Err(other("a directory bucket, which cannot serve public files")),
            _ => return Err(other("another service")),
        }
        let Some(name) = resource.strip_prefix("accesspoint").and_then(|rest| rest.strip_prefix(['/', ':'])) else {
            return Self::named(resource);
        };
        if region.is_empty() {
            return Err(other("a multi-region access point, which requires a different signature"));
        }
        if name.contains('/') {
            return Err(other(
                "objects behind an access point: remove the text after the name of the access point, and use `--prefix`",
            ));
        }
        Ok(Self { bucket: arn.to_owned(), region: Some((*region).to_owned()), prefix: Prefix::default() })
    }
}

impl FromStr for BucketAddress {
    type Err = BucketAddressError;

    fn from_str(text: &str) -> Result<Self, BucketAddressError> {
        let text = text.trim();
        if let Some((scheme, rest)) = text.split_once("://") {
            return match scheme.to_ascii_lowercase().as_str() {
                "s3" => Self::named(rest),
                // Drop everything before the host, because it might contain a password.
                _ => {
                    Err(BucketAddressError::Url(format!("{scheme}://{}", rest.rsplit('@').next().unwrap_or_default())))
                }
            };
        }
        if text.starts_with(['/', '.', '~']) || text.contains('\\') {
            return Err(BucketAddressError::Path(text.escape_debug().to_string()));
        }
        if text.starts_with("arn:") { Self::from_arn(text) } else { Self::named(text) }
    }
}

impl fmt::Display for BucketAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.bucket)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(formatter, "/{}", self.prefix) }
    }
}

/// An invalid endpoint URL, with a hint showing the correct form.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{hint}")]
pub(super) struct EndpointError {
    pub(super) reason: String,
    hint: String,
}

/// Domains of services whose endpoints never start with a bucket name.
const SERVICES: [&str; 7] = [
    ".amazonaws.com",
    ".digitaloceanspaces.com",
    ".r2.cloudflarestorage.com",
    ".backblazeb2.com",
    ".wasabisys.com",
    ".scw.cloud",
    ".your-objectstorage.com",
];

/// Validates an endpoint URL without sending a request.
pub(super) fn check_endpoint(url: &str, bucket: &str) -> Result<(), EndpointError> {
    let error = |reason: String, hint: String| Err(EndpointError { reason, hint });
    let shown = url.rsplit('@').next().unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("://") else {
        let hint = format!("write it with its scheme: `http://{shown}` or `https://{shown}`");
        return error(format!("the endpoint `{shown}` has no scheme"), hint);
    };
    if !matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https") {
        let reason = format!("the endpoint `{shown}` does not use http:// or https://");
        return error(reason, "correct the scheme".to_owned());
    }
    let rest = rest.rsplit('@').next().unwrap_or_default().trim_end_matches('/');
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    if authority.is_empty() {
        let reason = format!("the endpoint `{shown}` has no host");
        return error(reason, "write it like `https://s3.example.org`".to_owned());
    }
    // This is the most common endpoint mistake, because services display the bucket's URL instead of the endpoint.
    // Requests would go to a bucket inside the bucket and fail with errors that don't mention the cause.
    let has_bucket = |without: String| {
        let reason = format!("the endpoint `{scheme}://{rest}` includes the bucket `{bucket}`");
        error(reason, format!("remove the bucket: `--endpoint-url {without}`"))
    };
    if path.rsplit('/').next() == Some(bucket) {
        return has_bucket(format!("{scheme}://{}", rest.strip_suffix(bucket).unwrap_or(rest).trim_end_matches('/')));
    }
    let host = authority.split(':').next().unwrap_or_default();
    if let Some(service) = authority.strip_prefix(bucket).and_then(|rest| rest.strip_prefix('.'))
        && (service.starts_with("s3.")
            || service.starts_with("s3-")
            || SERVICES.iter().any(|known| host.ends_with(known)))
        && service.contains('.')
    {
        return has_bucket(format!("{scheme}://{service}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_have_many_written_forms() {
        let read = |text: &str| text.parse::<BucketAddress>().map(|address| address.to_string());
        for (text, expected) in [
            ("test", "test"),
            ("test/", "test"),
            ("test/maps", "test/maps"),
            ("s3://test", "test"),
            ("S3://test/maps/rome/", "test/maps/rome"),
            ("arn:aws:s3:::test", "test"),
            ("arn:aws-cn:s3:::test/maps", "test/maps"),
            ("tenant:test", "tenant:test"),
            (
                "arn:aws:s3:eu-west-1:123456789012:accesspoint/tiles",
                "arn:aws:s3:eu-west-1:123456789012:accesspoint/tiles",
            ),
        ] {
            assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
        }
        let point: BucketAddress =
            "arn:aws:s3:eu-west-1:123456789012:accesspoint/tiles".parse().expect("an access point");
        assert_eq!(point.region(), Some("eu-west-1"));
        for text in [
            "",
            "a",
            "test maps",
            "s3://",
            "s3:///maps",
            "test/../other",
            "test/a//b",
            "/srv/tiles",
            "./tiles",
            "C:\\tiles",
            "https://test.s3.amazonaws.com",
            "arn:aws:s3",
            "arn:aws:sqs:eu-west-1:1:queue",
            "arn:aws:s3::123456789012:accesspoint/m.mrap",
            "arn:aws:s3:eu-west-1:123456789012:accesspoint/tiles/object/maps",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        let secret = "https://user:secret@host/b".parse::<BucketAddress>().expect_err("a URL").to_string();
        assert!(!secret.contains("secret"), "{secret}");
    }

    #[test]
    fn endpoints_have_a_scheme_and_no_bucket() {
        let hint = |url: &str| check_endpoint(url, "test").err().map(|error| error.hint);
        for url in [
            "http://localhost:9000",
            "https://s3.example.org/",
            "https://test.example.org",
            "https://gate.example.org/s3",
        ] {
            assert_eq!(hint(url), None, "{url}");
        }
        for (url, expected) in [
            ("localhost:9000", "`http://localhost:9000`"),
            ("ftp://host", "scheme"),
            ("http://", "s3.example.org"),
            ("http://localhost:9000/test", "http://localhost:9000`"),
            ("https://gate.example.org/s3/test/", "https://gate.example.org/s3`"),
            ("https://test.s3.eu-central-1.amazonaws.com", "https://s3.eu-central-1.amazonaws.com`"),
            ("https://test.fra1.digitaloceanspaces.com", "https://fra1.digitaloceanspaces.com`"),
        ] {
            assert!(hint(url).is_some_and(|hint| hint.contains(expected)), "{url}: {:?}", hint(url));
        }
    }
}
