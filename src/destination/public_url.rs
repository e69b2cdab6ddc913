//! Public URL of a prefix.

use crate::store::{BaseUrl, KeyError, Prefix};
use std::fmt;
use std::str::FromStr;

/// The public URL that a prefix is served at.
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

/// Uses the URL where browsers can fetch the bucket's objects.
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

    /// Appends a path to this URL, percent-encoding the path.
    pub(crate) fn join(&self, path: &str) -> String {
        self.0.join(path)
    }
}
