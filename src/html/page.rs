//! Renders a self-contained HTML page with a viewer and a list of images. It doesn't load anything except those images.

use crate::destination::Identifier;
use crate::publish::{ListedImage, Published};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

const TEMPLATE: &str = include_str!("viewer/index.html");
pub(crate) const OPENSEADRAGON: &str = include_str!("viewer/openseadragon.min.js");
/// The license must be included with every copy of OpenSeadragon.
pub(crate) const OPENSEADRAGON_LICENSE: &str = include_str!("viewer/openseadragon.LICENSE.txt");

/// Template placeholders for the viewer, the list of images and the program version.
const VIEWER_PLACE: &str = "/* OpenSeadragon */";
const LIST_PLACE: &str = "[/* images */]";
const VERSION_PLACE: &str = "{version}";
/// Template placeholder for links to the images, shown in browsers without JavaScript.
const LINKS_PLACE: &str = "<!-- links -->";

/// Delimiters of the image list in a page, used by [`images_of`].
const LIST_BEGIN: &str = "<script type=\"application/json\" id=\"images\">";
const LIST_END: &str = "</script>";

/// Element that identifies pages written by this program.
const GENERATOR: &str = "<meta name=\"generator\" content=\"iiif-publish ";

/// The page's `Content-Type`.
pub const CONTENT_TYPE: &str = "text/html; charset=utf-8";

/// An image shown on a page. Serialized as JSON in published pages, so renaming fields breaks existing pages.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageImage {
    /// The image's identifier, displayed as its name.
    pub id: String,
    /// URL of the image's `info.json`.
    pub info: String,
    /// `true` if the `info.json` points to the base URI of the latest version, which changes over time.
    pub moves: bool,
    /// Name of the version that the numbers below refer to. `None` if the published version is unknown.
    pub version: Option<String>,
    /// Full width in pixels.
    pub width: u32,
    /// Full height in pixels.
    pub height: u32,
    /// Number of tiles.
    pub tiles: Option<u64>,
    /// Total number of objects.
    pub objects: Option<u64>,
    /// Total size of all objects in bytes.
    pub bytes: Option<u64>,
    /// Code that shows the image on any web page, if it is known.
    #[serde(default)]
    pub embed: Option<String>,
}

impl PageImage {
    /// Creates an entry for an image that was published or found unchanged. `info` is the URL of its `info.json`.
    #[must_use]
    pub fn of(published: &Published, info: String) -> Self {
        Self {
            id: published.identifier.to_string(),
            info,
            moves: false,
            version: published.version.as_ref().map(ToString::to_string),
            width: published.size.width(),
            height: published.size.height(),
            tiles: published.version.as_ref().map(|_| published.tiles),
            objects: None,
            bytes: None,
            embed: None,
        }
    }

    /// Creates an entry for a listed image, or returns `None` if its size is unknown.
    #[must_use]
    pub fn of_listed(image: &ListedImage) -> Option<Self> {
        let size = image.size?;
        Some(Self {
            id: image.identifier.to_string(),
            info: image.info_url(),
            moves: false,
            version: None,
            width: size.width(),
            height: size.height(),
            tiles: None,
            objects: image.objects,
            bytes: None,
            embed: None,
        })
    }

    /// Sets the object count and size in bytes from a run that stored all of the image's objects.
    #[must_use]
    pub fn stored_by(self, published: &Published) -> Self {
        Self { objects: Some(published.objects), bytes: Some(published.bytes), ..self }
    }
}

/// Sorts images by their position in `order`.
#[must_use]
pub fn in_order(mut published: Vec<Published>, order: &[Identifier]) -> Vec<Published> {
    let places: HashMap<&Identifier, usize> = order.iter().zip(0..).collect();
    published.sort_by_key(|image| places.get(&image.identifier).copied());
    published
}

/// Renders the page as HTML.
#[must_use]
pub fn page(images: &[PageImage]) -> String {
    // The list is embedded in a script element. Escaping `<` prevents strings from closing it.
    let list = serde_json::to_string(images).expect("there are texts and numbers alone").replace('<', "\\u003c");
    let link = |image: &PageImage| format!("<li><a href=\"{}\">{}</a></li>", escaped(&image.info), escaped(&image.id));
    let links: String = images.iter().map(link).collect();
    // Split the template first so that placeholders in image names aren't replaced.
    let (above, below) = TEMPLATE.split_once(LINKS_PLACE).expect("the template has a place for links");
    let above = above.replace(VERSION_PLACE, env!("CARGO_PKG_VERSION"));
    let below = below
        .replace(VIEWER_PLACE, &format!("/*\n{OPENSEADRAGON_LICENSE}*/\n{OPENSEADRAGON}"))
        .replace(LIST_PLACE, &list);
    [above, links, below].concat()
}

/// Escapes text for use in HTML content and attributes.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Returns the images listed on a page, or `None` if the page wasn't written by this program.
#[must_use]
pub(crate) fn images_of(page: &[u8]) -> Option<Vec<PageImage>> {
    let page = std::str::from_utf8(page).ok().filter(|page| page.contains(GENERATOR))?;
    let (_, list) = page.split_once(LIST_BEGIN)?;
    Some(serde_json::from_str(list.split_once(LIST_END)?.0).unwrap_or_default())
}

/// A page's file name. It must end with `.html` and can't contain slashes, so it never clashes with an image's objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageName(Identifier);

impl PageName {
    /// Default page name.
    pub const DEFAULT: &str = "viewer.html";

    /// Returns the name as a string slice.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Returns `true` if the image's objects would be stored below this name, as if it were a folder.
    #[must_use]
    pub(crate) fn is_folder_of(&self, identifier: &Identifier) -> bool {
        identifier.as_str().split('/').next() == Some(self.0.as_str())
    }
}

/// Error returned when parsing an invalid page name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected the name of a page, such as maps.html")]
pub struct PageNameError;

impl FromStr for PageName {
    type Err = PageNameError;

    fn from_str(text: &str) -> Result<Self, PageNameError> {
        let is_page = text.strip_suffix(".html").is_some_and(|stem| !stem.is_empty() && !stem.contains('/'));
        let name = text.parse().ok().filter(|_| is_page).map(Self);
        name.ok_or(PageNameError)
    }
}

impl fmt::Display for PageName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(id: &str) -> PageImage {
        PageImage {
            id: id.to_owned(),
            info: format!("https://example.org/{id}/info.json"),
            moves: false,
            version: Some("v0123456789ab".to_owned()),
            width: 3000,
            height: 2000,
            tiles: Some(60),
            objects: Some(99),
            bytes: None,
            embed: None,
        }
    }

    #[test]
    fn a_page_is_one_file_and_its_images_are_found_again() {
        let images = [image("photo"), image("</script><script>alert(1)</script> [/* images */] /* OpenSeadragon */")];
        let page = page(&images);
        assert_eq!(images_of(page.as_bytes()).as_deref(), Some(&images[..]));
        assert_eq!(page.matches("<script").count(), 3, "names are not scripts");
        assert_eq!(page.matches("function OpenSeadragon(").count(), 1);
        assert!(page.contains(OPENSEADRAGON_LICENSE.trim()));
        let plain = super::page(&images[..1]);
        for left in [VIEWER_PLACE, VERSION_PLACE, LINKS_PLACE, LIST_PLACE] {
            assert!(!plain.contains(left), "{left}");
        }
        assert_eq!(images_of(b"<html>somebody else's</html>"), None);
        assert_eq!(images_of(b"\xff\xfe"), None);
    }

    #[test]
    fn a_page_is_called_like_no_object_of_an_image() {
        for name in ["viewer.html", "my maps.html", "index.html"] {
            assert!(name.parse::<PageName>().is_ok(), "{name}");
        }
        for name in ["", ".html", "photo/info.json", "photo/x.html", "../x.html", "photo.jpg", "a\\b.html"] {
            assert!(name.parse::<PageName>().is_err(), "{name}");
        }
    }
}
