//! The page that shows images in a browser: one file, with the viewer and the list of what it shows inside, that asks for
//! nothing but these images.

use clap::builder::{StringValueParser, TypedValueParser};
use iiif_publish::publish::Published;
use iiif_publish::store::{Identifier, ImageFolder, Key, KeyError, Prefix, PublicUrl};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

const TEMPLATE: &str = include_str!("viewer/index.html");
const OPENSEADRAGON: &str = include_str!("viewer/openseadragon.min.js");
/// Has to go with every copy of it.
const OPENSEADRAGON_LICENSE: &str = include_str!("viewer/openseadragon.LICENSE.txt");

/// What the template has in place of the viewer, of the list, and of the version of this program.
const VIEWER_PLACE: &str = "/* OpenSeadragon */";
const LIST_PLACE: &str = "[/* images */]";
const VERSION_PLACE: &str = "{version}";
/// Where the images are named for browsers without scripts.
const LINKS_PLACE: &str = "<!-- links -->";

/// What stands around the list in the page, for it to be found again.
const LIST_BEGIN: &str = "<script type=\"application/json\" id=\"images\">";
const LIST_END: &str = "</script>";

/// What only a page of this program says of itself.
const GENERATOR: &str = "<meta name=\"generator\" content=\"iiif-publish ";

/// The `Content-Type` of the page.
pub(super) const CONTENT_TYPE: &str = "text/html; charset=utf-8";

/// An image on the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ShownImage {
    /// What it is called.
    pub(super) id: String,
    /// The URL of its `info.json`.
    pub(super) info: String,
    /// Whether that leads to another base URI, which is not always the same: to that of the newest version.
    pub(super) moves: bool,
    /// What the content is called of which the figures are; `None` where it is not known what is there.
    pub(super) version: Option<String>,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) tiles: Option<u64>,
    /// All objects of it.
    pub(super) objects: Option<u64>,
    /// Their bytes.
    pub(super) bytes: Option<u64>,
}

impl ShownImage {
    /// An image that was published, or was there, with what is known of it alone.
    pub(super) fn of(published: &Published, info: String) -> Self {
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
        }
    }
}

/// The images in the order in which they were named.
pub(super) fn in_order(mut published: Vec<Published>, order: &[Identifier]) -> Vec<Published> {
    let places: HashMap<&Identifier, usize> = order.iter().zip(0..).collect();
    published.sort_by_key(|image| places.get(&image.identifier).copied());
    published
}

/// The page.
pub(super) fn page(images: &[ShownImage]) -> String {
    // The list stands in a script, which nothing in it may end: JSON may write the character otherwise.
    let list = serde_json::to_string(images).expect("there are texts and numbers alone").replace('<', "\\u003c");
    let link = |image: &ShownImage| format!("<li><a href=\"{}\">{}</a></li>", escaped(&image.info), escaped(&image.id));
    let links: String = images.iter().map(link).collect();
    // What names may contain stands in pieces that are not looked at any more.
    let (above, below) = TEMPLATE.split_once(LINKS_PLACE).expect("the template has a place for links");
    let above = above.replace(VERSION_PLACE, env!("CARGO_PKG_VERSION"));
    let below = below
        .replace(VIEWER_PLACE, &format!("/*\n{OPENSEADRAGON_LICENSE}*/\n{OPENSEADRAGON}"))
        .replace(LIST_PLACE, &list);
    [above, links, below].concat()
}

/// As it stands in an attribute or a text of HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The list of images on a page of this program; `None` of anything else.
pub(super) fn images_of(page: &[u8]) -> Option<Vec<ShownImage>> {
    let page = std::str::from_utf8(page).ok().filter(|page| page.contains(GENERATOR))?;
    let (_, list) = page.split_once(LIST_BEGIN)?;
    Some(serde_json::from_str(list.split_once(LIST_END)?.0).unwrap_or_default())
}

/// The name of a page: one that ends with `.html` and leads to no folder, so that it is the name of no object of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PageName(Identifier);

impl PageName {
    /// What it is called where nothing is said of it.
    pub(super) const DEFAULT: &str = "viewer.html";

    /// What reads one from the command line.
    pub(super) fn parser() -> impl TypedValueParser<Value = Self> {
        StringValueParser::new().try_map(|name| name.parse::<Self>())
    }

    /// Where it is seen.
    pub(super) fn url(&self, public_url: &PublicUrl) -> String {
        public_url.base_uri(None, &self.0)
    }

    /// The key below a prefix.
    ///
    /// # Errors
    /// Where it gets too long.
    pub(super) fn key(&self, prefix: &Prefix) -> Result<Key, KeyError> {
        Ok(ImageFolder::new(prefix, None, &self.0)?.base_key())
    }

    /// Whether the objects of an image would stand below this name, as if it were a folder.
    pub(super) fn is_folder_of(&self, identifier: &Identifier) -> bool {
        identifier.as_str().split('/').next() == Some(self.0.as_str())
    }
}

impl FromStr for PageName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_page = text.strip_suffix(".html").is_some_and(|stem| !stem.is_empty() && !stem.contains('/'));
        let name = text.parse().ok().filter(|_| is_page).map(Self);
        name.ok_or_else(|| "expected the name of a page, such as maps.html".to_owned())
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

    fn image(id: &str) -> ShownImage {
        ShownImage {
            id: id.to_owned(),
            info: format!("https://example.org/{id}/info.json"),
            moves: false,
            version: Some("v0123456789ab".to_owned()),
            width: 3000,
            height: 2000,
            tiles: Some(60),
            objects: Some(99),
            bytes: None,
        }
    }

    #[test]
    fn a_page_is_one_file_and_its_images_are_found_again() {
        let images = [image("photo"), image("</script><script>alert(1)</script> [/* images */] /* OpenSeadragon */")];
        let page = page(&images);
        assert_eq!(images_of(page.as_bytes()).as_deref(), Some(&images[..]));
        assert_eq!(page.matches("<script").count(), 3, "a name is no script");
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
