//! Source formats that are only published on request.

use crate::source;
use std::str::FromStr;

/// A source format to include when searching folders, in addition to the default formats. Can also represent all
/// formats.
///
/// ```
/// use iiif_publish::collection::ImageType;
/// assert_eq!("psb".parse::<ImageType>()?, "psd".parse()?);
/// assert!("doc".parse::<ImageType>().is_err());
/// # Ok::<(), iiif_publish::collection::ImageTypeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageType(Option<&'static str>);

/// Error returned when parsing an [`ImageType`] fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected `all` or one of {}", names())]
pub struct ImageTypeError;

impl ImageType {
    /// All supported formats.
    pub const ALL: Self = Self(None);

    /// Returns `true` if files of this type have the given extension.
    pub(super) fn has_extension(self, extension: &str) -> bool {
        let mut formats = source::optional_formats().filter(|(name, _)| self.0.is_none_or(|wanted| wanted == *name));
        formats.any(|(_, extensions)| extensions.iter().any(|known| known.eq_ignore_ascii_case(extension)))
    }
}

impl FromStr for ImageType {
    type Err = ImageTypeError;

    fn from_str(text: &str) -> Result<Self, ImageTypeError> {
        if text == "all" {
            return Ok(Self::ALL);
        }
        let is_this = |(name, extensions): &(&str, &[&str])| *name == text || extensions.contains(&text);
        source::optional_formats().find(is_this).map(|(name, _)| Self(Some(name))).ok_or(ImageTypeError)
    }
}

fn names() -> String {
    source::optional_formats().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_has_the_extensions_of_its_format_only() {
        let psd: ImageType = "psd".parse().expect("a type");
        assert!(psd.has_extension("psd") && psd.has_extension("PSB") && ImageType::ALL.has_extension("psb"));
        assert!(!psd.has_extension("tif") && !ImageType::ALL.has_extension("svg"), "default or unsupported formats");
        assert!(ImageType::ALL.has_extension("heic"), "also in builds that can't read it, which then report the file");
        let error = "doc".parse::<ImageType>().expect_err("no type").to_string();
        assert!(error.starts_with("expected `all` or one of `") && error.contains("`psd`"), "{error}");
    }
}
