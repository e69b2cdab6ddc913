//! Image locations: local files, objects in buckets, and web addresses.

use percent_encoding::percent_decode_str;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

/// Location of an image or folder of images.
///
/// ```
/// use iiif_publish::location::Location;
///
/// let is_file = |text: &str| matches!(Location::named(text), Ok(Location::File(_)));
/// assert!(is_file("masters/a.tif") && is_file("s3/a.tif"));
/// let Ok(Location::Object(object)) = Location::named("s3://masters/maps/a 1.tif") else { panic!() };
/// assert_eq!((object.bucket.as_str(), object.key.as_str()), ("masters", "maps/a 1.tif"));
/// assert!(Location::named("s3:///a.tif").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Location {
    /// A local file or folder.
    File(PathBuf),
    /// An object in a bucket, or all objects under a prefix.
    Object(S3Object),
    /// A file on a web server.
    Web(WebAddress),
}

/// An object in a bucket. Refers to a prefix if the key is empty or ends with a slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Object {
    /// Bucket name.
    pub bucket: String,
    /// Object key, without percent-encoding.
    pub key: String,
    /// Revision found while listing the bucket. Saves a request later.
    pub listed: Option<Revision>,
}

/// Metadata that identifies a specific revision of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// File size in bytes.
    pub bytes: u64,
    /// `ETag`, exactly as sent by the server.
    pub etag: Option<String>,
    /// Last modified time, exactly as sent by the server.
    pub modified: Option<String>,
}

impl Revision {
    /// Returns a string that is different for every revision, or `None` if only the size is known.
    #[must_use]
    #[cfg(any(feature = "s3", feature = "web"))]
    pub(crate) fn describe(&self) -> Option<String> {
        let tag = self.etag.as_ref().or(self.modified.as_ref())?;
        Some(format!("{} {tag}", self.bytes))
    }
}

/// An `http` or `https` URL. `Display` and `Debug` leave out anything that could be secret: user name, password and
/// query.
#[derive(Clone, PartialEq, Eq)]
pub struct WebAddress(String);

/// Error returned for an invalid location.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LocationError {
    /// An `s3://` URL has no bucket.
    #[error("`{0}` has no bucket: use `s3://bucket/key`")]
    NoBucket(String),
    /// An `s3://` URL contains a user name or password, which could be exposed in messages.
    #[error("an `s3://` URL must not contain a user name or a password: credentials come from the AWS environment")]
    Secret,
    /// A URL has no host or an invalid host. The error omits the URL because it might contain secrets.
    #[error("a URL that begins with `{0}://` has no valid host")]
    NoHost(&'static str),
}

impl Location {
    /// Parses a location from a command line or list. Anything other than an `s3://`, `http://` or `https://` URL is
    /// treated as a file path.
    ///
    /// # Errors
    /// Returns an error if a URL has no bucket or valid host, or if an `s3://` URL contains credentials.
    pub fn named(text: impl AsRef<OsStr>) -> Result<Self, LocationError> {
        let text = text.as_ref();
        let Some((scheme, rest)) = text.to_str().and_then(|text| text.split_once("://")) else {
            return Ok(Self::File(text.into()));
        };
        match scheme.to_ascii_lowercase().as_str() {
            "s3" => S3Object::named(rest).map(Self::Object),
            "http" => WebAddress::named("http", rest).map(Self::Web),
            "https" => WebAddress::named("https", rest).map(Self::Web),
            _ => Ok(Self::File(text.into())),
        }
    }

    /// Parses a location. Relative paths are resolved against `folder`.
    ///
    /// # Errors
    /// Returns the same errors as [`named`](Self::named).
    pub(crate) fn named_in(folder: &Path, text: &str) -> Result<Self, LocationError> {
        Ok(match Self::named(text)? {
            Self::File(path) => Self::File(folder.join(path)),
            elsewhere => elsewhere,
        })
    }

    /// Returns the path of a local file, or `None` if the location is remote.
    #[must_use]
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Object(_) | Self::Web(_) => None,
        }
    }

    /// Returns the file name, or the last segment of a key or URL.
    #[must_use]
    pub fn file_name(&self) -> Option<PathBuf> {
        match self {
            Self::File(path) => path.file_name().map(PathBuf::from),
            Self::Object(object) => last_part(&object.key).map(PathBuf::from),
            Self::Web(address) => {
                let name = last_part(address.path())?;
                percent_decode_str(name).decode_utf8().ok().map(|name| PathBuf::from(name.as_ref()))
            }
        }
    }
}

impl From<PathBuf> for Location {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl From<&Path> for Location {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

/// Displays paths unchanged and remote locations as URLs without secrets.
impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(formatter),
            Self::Object(object) => object.fmt(formatter),
            Self::Web(address) => address.fmt(formatter),
        }
    }
}

impl S3Object {
    fn named(rest: &str) -> Result<Self, LocationError> {
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.contains('@') {
            return Err(LocationError::Secret);
        }
        if bucket.is_empty() {
            return Err(LocationError::NoBucket(format!("s3://{rest}")));
        }
        Ok(Self { bucket: bucket.to_owned(), key: key.to_owned(), listed: None })
    }

    /// Returns `true` if the key represents a prefix.
    #[must_use]
    pub fn is_folder(&self) -> bool {
        self.key.is_empty() || self.key.ends_with('/')
    }
}

impl fmt::Display for S3Object {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "s3://{}/{}", self.bucket, self.key)
    }
}

impl WebAddress {
    fn named(scheme: &'static str, rest: &str) -> Result<Self, LocationError> {
        let (host, _) = parts(rest);
        // A password that contains a slash can look like a host with a port. Make sure we never display it as one.
        let name = host.rsplit(']').next().unwrap_or(host);
        let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
        let is_host = !host.is_empty() && name.split_once(':').is_none_or(|(_, port)| is_port(port));
        if is_host { Ok(Self(format!("{scheme}://{rest}"))) } else { Err(LocationError::NoHost(scheme)) }
    }

    /// Returns the complete URL, including secrets. Only send it to the server.
    #[must_use]
    #[cfg(any(test, feature = "web"))]
    pub(crate) fn with_secrets(&self) -> &str {
        &self.0
    }

    fn scheme_and_rest(&self) -> (&str, &str) {
        self.0.split_once("://").unwrap_or(("", &self.0))
    }

    fn path(&self) -> &str {
        parts(self.scheme_and_rest().1).1
    }
}

/// Splits the text after the scheme into host and path, leaving out the user name, password, query and fragment.
fn parts(rest: &str) -> (&str, &str) {
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    (authority.rsplit('@').next().unwrap_or_default(), path)
}

fn last_part(path: &str) -> Option<&str> {
    path.rsplit('/').next().filter(|name| !name.is_empty())
}

impl fmt::Display for WebAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.scheme_and_rest();
        let (host, path) = parts(rest);
        write!(formatter, "{scheme}://{host}{path}")
    }
}

impl fmt::Debug for WebAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "WebAddress({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn web(text: &str) -> WebAddress {
        match Location::named(text) {
            Ok(Location::Web(address)) => address,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn secrets_are_sent_and_never_shown() {
        for (text, shown) in [
            ("https://user:pass@host:8443/a/b.tif?X-Amz-Signature=secret#x", "https://host:8443/a/b.tif"),
            ("HTTPS://user@secret@host/@b.tif?secret@x/y", "https://host/@b.tif"),
            ("http://[::1]:80?secret", "http://[::1]:80"),
        ] {
            let address = web(text);
            assert_eq!(address.to_string(), shown);
            assert_eq!(format!("{address:?}"), format!("WebAddress({shown})"));
            assert!(address.with_secrets().ends_with(text.split_once("://").expect("a URL").1));
        }
        for text in [
            "https://user:pa/ss@host/x.tif",
            "https:///x.tif",
            "http://user@/x",
            "http://?secret",
            "s3://user:pass@bucket/x",
        ] {
            let error = Location::named(text).expect_err("no host").to_string();
            let secrets = ["pa/ss", "pass@", "user:", "user@", "secret"];
            assert!(secrets.iter().all(|secret| !error.contains(secret)), "{error}");
        }
    }

    #[test]
    fn names_are_the_last_segments() {
        let name = |text: &str| Location::named(text).expect("a location").file_name();
        for (text, expected) in [
            ("a/b.tif", Some("b.tif")),
            ("s3://bucket/a/b%20c.tif", Some("b%20c.tif")),
            ("s3://bucket/a/", None),
            ("https://host/a/b%20c%C3%A9.tif?d/e", Some("b cé.tif")),
            ("https://host", None),
            ("https://host/a/", None),
        ] {
            assert_eq!(name(text).as_deref(), expected.map(Path::new), "{text}");
        }
    }

    #[test]
    fn only_file_paths_are_relative_to_a_folder() {
        let named = |text: &str| Location::named_in(Path::new("masters"), text).expect("a location").to_string();
        assert_eq!(named("a.tif"), "masters/a.tif");
        assert_eq!(named("s3://bucket/a.tif"), "s3://bucket/a.tif");
        assert_eq!(named("http://host/a.tif"), "http://host/a.tif");
    }

    #[test]
    fn a_prefix_is_a_folder() {
        let is_folder = |text: &str| match Location::named(text) {
            Ok(Location::Object(object)) => object.is_folder(),
            other => panic!("{other:?}"),
        };
        assert!(is_folder("s3://bucket") && is_folder("s3://bucket/") && is_folder("S3://bucket/a/"));
        assert!(!is_folder("s3://bucket/a"));
    }
}
