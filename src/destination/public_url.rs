//! The public URL of a prefix.

use crate::store::{BaseUrl, KeyError, Prefix};
use std::fmt;
use std::str::FromStr;

/// The public URL of the prefix.
///
/// ```
/// use iiif_publish::destination::PublicUrl;
/// let url: PublicUrl = "https://cdn.example.org/".parse()?;
/// assert_eq!(url.below(&"maps of rome".parse()?).to_string(), "https://cdn.example.org/maps%20of%20rome");
/// assert!("https://name:secret@example.org".parse::<PublicUrl>().is_err());
/// # Ok::<(), iiif_publish::store::KeyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(BaseUrl);

/// The URL of a bucket, at which a browser finds its objects.
impl From<BaseUrl> for PublicUrl {
    fn from(url: BaseUrl) -> Self {
        Self(url)
    }
}

impl FromStr for PublicUrl {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        text.parse().map(Self)
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl PublicUrl {
    /// Returns the URL of a folder below this URL.
    #[must_use]
    pub fn below(&self, prefix: &Prefix) -> Self {
        Self(self.0.below(prefix))
    }

    /// Returns the URL of a path below this URL. The path is percent-encoded.
    pub(crate) fn join(&self, path: &str) -> String {
        self.0.join(path)
    }
}
