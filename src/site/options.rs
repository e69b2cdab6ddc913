//! Site options.

use super::markup::web_url;
use super::texts::SiteLanguage;
use bytes::Bytes;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Maximum logo size in bytes. Every page loads the logo.
const MAX_LOGO_BYTES: u64 = 1 << 20;

/// Minimum contrast between text and its background ([WCAG 2.2,
/// 1.4.3](https://www.w3.org/TR/WCAG22/#contrast-minimum)), with some margin for tinted backgrounds.
const MIN_CONTRAST: f64 = 5.0;

/// Number of steps toward black or white to try when adjusting a color's contrast.
const CONTRAST_STEPS: u32 = 50;

/// Page backgrounds in light and dark mode.
const LIGHT: Color = Color([0xff, 0xff, 0xff]);
const DARK: Color = Color([0x16, 0x16, 0x16]);

/// Options for a [site](super).
///
/// ```
/// use iiif_publish::site::SiteOptions;
/// let mut options = SiteOptions::default();
/// options.name = Some("City archive".to_owned());
/// options.facets = vec!["Place".to_owned()];
/// options.color = Some("#8a1538".parse()?);
/// # Ok::<(), iiif_publish::site::SiteOptionError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SiteOptions {
    /// Name on every page. Defaults to the collection's label.
    pub name: Option<String>,
    /// Text shown below the name on the first page, also used as the description for search engines. It may contain the
    /// HTML that IIIF allows.
    pub description: Option<String>,
    /// Interface language.
    pub language: SiteLanguage,
    /// Logo shown next to the name.
    pub logo: Option<Logo>,
    /// Color of links and buttons. It's darkened or lightened if its contrast is too low.
    pub color: Option<Color>,
    /// Text shown at the bottom of every page. It may contain the HTML that IIIF allows.
    pub footer: Option<String>,
    /// Columns that visitors can filter by.
    pub facets: Vec<String>,
    /// Columns shown below each title in the list.
    pub captions: Vec<String>,
}

/// Error returned for an invalid site option.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SiteOptionError {
    /// The text isn't a color.
    #[error("`{0}` is not a color such as #8a1538")]
    Color(String),
    /// The logo is neither a URL nor an SVG, PNG, JPEG or WebP file.
    #[error("the logo `{}` is not an SVG, PNG, JPEG or WebP file", .0.display())]
    LogoType(PathBuf),
    /// The logo is too large.
    #[error("the logo `{}` is larger than {max_bytes} bytes", .path.display())]
    LogoSize {
        /// Path to the logo.
        path: PathBuf,
        /// Maximum size in bytes.
        max_bytes: u64,
    },
    /// Failed to read the logo.
    #[error("could not read the logo `{}`", .path.display())]
    LogoFile {
        /// Path to the logo.
        path: PathBuf,
        /// The underlying I/O error.
        #[source]
        cause: io::Error,
    },
}

/// A site's logo.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Logo {
    /// URL of an image on the web.
    Url(String),
    /// An image to store with the site.
    File {
        /// The file's content.
        body: Bytes,
        /// `Content-Type` header.
        content_type: &'static str,
        /// File extension.
        extension: &'static str,
    },
}

impl Logo {
    /// Creates a logo from a URL or file path. Reads the file if it's a path.
    ///
    /// # Errors
    /// Returns an error if the file can't be read, is too large, or isn't an SVG, PNG, JPEG or WebP file.
    pub fn load(address: &str) -> Result<Self, SiteOptionError> {
        if let Some(url) = web_url(address) {
            return Ok(Self::Url(url.to_owned()));
        }
        let path = Path::new(address);
        let cause = |cause| SiteOptionError::LogoFile { path: path.to_owned(), cause };
        let is_known = |extension: &&str| {
            path.extension().and_then(|own| own.to_str()).is_some_and(|own| own.eq_ignore_ascii_case(extension))
        };
        let types = [("svg", "image/svg+xml"), ("png", "image/png"), ("jpg", "image/jpeg"), ("webp", "image/webp")];
        let found =
            types.into_iter().find(|(extension, _)| is_known(extension) || *extension == "jpg" && is_known(&"jpeg"));
        let Some((extension, content_type)) = found else { return Err(SiteOptionError::LogoType(path.to_owned())) };
        if std::fs::metadata(path).map_err(cause)?.len() > MAX_LOGO_BYTES {
            return Err(SiteOptionError::LogoSize { path: path.to_owned(), max_bytes: MAX_LOGO_BYTES });
        }
        let body = std::fs::read(path).map_err(cause)?.into();
        Ok(Self::File { body, content_type, extension })
    }
}

/// A color, written like `#8a1538` or `#813`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color([u8; 3]);

impl FromStr for Color {
    type Err = SiteOptionError;

    fn from_str(text: &str) -> Result<Self, SiteOptionError> {
        let error = || SiteOptionError::Color(text.to_owned());
        let digits = text.trim().strip_prefix('#').ok_or_else(error)?;
        let values: Vec<u8> = digits
            .chars()
            .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect::<Option<_>>()
            .ok_or_else(error)?;
        match values[..] {
            [r, g, b] => Ok(Self([r * 17, g * 17, b * 17])),
            [r1, r0, g1, g0, b1, b0] => Ok(Self([r1 * 16 + r0, g1 * 16 + g0, b1 * 16 + b0])),
            _ => Err(error()),
        }
    }
}

impl fmt::Display for Color {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [r, g, b] = self.0;
        write!(formatter, "#{r:02x}{g:02x}{b:02x}")
    }
}

impl Color {
    /// Returns a similar color that's readable on light pages.
    pub(super) fn on_light(self) -> Self {
        self.readable(LIGHT, Self([0; 3]))
    }

    /// Returns a similar color that's readable on dark pages.
    pub(super) fn on_dark(self) -> Self {
        self.readable(DARK, Self([255; 3]))
    }

    fn readable(self, background: Self, toward: Self) -> Self {
        let mixed = |step: u32| {
            let mix = |own: u8, other: u8| {
                let sum = u32::from(own) * (CONTRAST_STEPS - step) + u32::from(other) * step;
                u8::try_from(sum / CONTRAST_STEPS).unwrap_or(u8::MAX)
            };
            Self(std::array::from_fn(|channel| mix(self.0[channel], toward.0[channel])))
        };
        (0..=CONTRAST_STEPS).map(mixed).find(|color| color.contrast(background) >= MIN_CONTRAST).unwrap_or(toward)
    }

    /// Returns the [contrast ratio](https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio) between two colors.
    fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    /// Returns the color's [relative luminance](https://www.w3.org/TR/WCAG22/#dfn-relative-luminance).
    fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let value = f64::from(channel) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        let [r, g, b] = self.0.map(linear);
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_are_parsed_and_made_readable() {
        assert_eq!("#8a1538".parse::<Color>().expect("a color").to_string(), "#8a1538");
        assert_eq!("#f0c".parse::<Color>().expect("a color").to_string(), "#ff00cc");
        for wrong in ["red", "#12", "#12345g", "#123456;}", "", "8a1538"] {
            assert!(wrong.parse::<Color>().is_err(), "{wrong}");
        }
        for text in ["#ffff00", "#000", "#fff", "#8a1538", "#1f5f97"] {
            let color: Color = text.parse().expect("a color");
            assert!(color.on_light().contrast(LIGHT) >= MIN_CONTRAST, "{text}");
            assert!(color.on_dark().contrast(DARK) >= MIN_CONTRAST, "{text}");
        }
        let dark: Color = "#8a1538".parse().expect("a color");
        assert_eq!(dark.on_light(), dark, "a color that is readable stays");
    }

    #[test]
    fn logos_are_web_addresses_or_images() {
        assert!(matches!(Logo::load("https://example.org/logo.svg"), Ok(Logo::Url(_))));
        assert!(matches!(Logo::load("javascript:alert(1)"), Err(SiteOptionError::LogoType(_))));
        assert!(matches!(Logo::load("missing.svg"), Err(SiteOptionError::LogoFile { .. })));
        assert!(matches!(Logo::load("page.html"), Err(SiteOptionError::LogoType(_))));
    }
}
