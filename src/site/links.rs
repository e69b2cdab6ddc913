//! Relative links between a site's files. They work at any address the site is served from.

use crate::destination::{Destination, Identifier};
use crate::iiif::{ImageRequest, Pyramid, PyramidShape, Size, SizeParameter};
use crate::store::encoded;

/// A page's location, which its links are relative to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Relative path from the page to the prefix, such as `../../`.
    root: String,
    /// The prefix's public URL, with a trailing slash.
    public: String,
}

impl Place {
    /// Creates a place for a page that is `depth` folders below the prefix.
    pub(super) fn below(depth: usize, destination: &Destination) -> Self {
        let public = destination.public_url().to_string();
        Self { root: "../".repeat(depth), public: format!("{}/", public.trim_end_matches('/')) }
    }

    /// Returns a link to a file below the prefix.
    pub(super) fn link(&self, path: &str) -> String {
        format!("{}{}", self.root, encoded(path))
    }

    /// Returns a link to a URL. It's relative if the URL is below the prefix.
    pub(super) fn relative(&self, url: &str) -> String {
        url.strip_prefix(&self.public).map_or_else(|| url.to_owned(), |path| format!("{}{path}", self.root))
    }

    /// Returns the relative path to the prefix.
    pub(super) fn root(&self) -> &str {
        &self.root
    }
}

/// Returns the path to an object's page, relative to the prefix.
pub(crate) fn object_path(object: &Identifier) -> String {
    format!("{}/{object}/index.html", Destination::OBJECTS)
}

/// Returns the path to a list page, relative to the prefix. Pages are numbered from 1.
pub(super) fn list_path(number: usize) -> String {
    if number <= 1 { Destination::SITE_INDEX.to_owned() } else { format!("{}/pages/{number}.html", Destination::SITE) }
}

/// An available size of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Picture {
    pub(super) size: Size,
    /// Path relative to the image's base URI.
    pub(super) path: String,
}

/// Returns the sizes in which the whole image is available, smallest first.
pub(super) fn pictures(size: Size, shape: PyramidShape) -> Vec<Picture> {
    let pyramid = Pyramid::new(size, shape);
    let picture = |scale| {
        let size = pyramid.size().at(scale);
        Picture { size, path: ImageRequest::full(SizeParameter::exactly(size)).to_string() }
    };
    let mut pictures: Vec<Picture> = pyramid.listed_levels().map(picture).collect();
    let largest = pyramid.size().at(pyramid.max_level());
    if pictures.last().is_none_or(|last| last.size != largest) {
        pictures.push(Picture { size: largest, path: ImageRequest::full(SizeParameter::Max).to_string() });
    }
    pictures
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::Versions;

    #[test]
    fn links_are_relative_to_the_page_and_encoded() {
        let public = "https://example.org/iiif".parse().expect("a URL");
        let destination = Destination::new("iiif".parse().expect("a prefix"), public, Versions::V3);
        let place = Place::below(3, &destination);
        let object = "a b/ü?".parse().expect("an identifier");
        assert_eq!(place.link(&object_path(&object)), "../../../objects/a%20b/%C3%BC%3F/index.html");
        assert_eq!(place.relative("https://example.org/iiif/a/info.json"), "../../../a/info.json");
        assert_eq!(place.relative("https://example.org/iiif2/a"), "https://example.org/iiif2/a");
        assert_eq!((list_path(1), list_path(2)), ("index.html".to_owned(), "site/pages/2.html".to_owned()));
    }

    #[test]
    fn pictures_exist_in_listed_sizes_and_as_a_whole() {
        let paths = |width, height| -> Vec<String> {
            let size = Size::new(width, height).expect("a size");
            pictures(size, PyramidShape::default()).into_iter().map(|picture| picture.path).collect()
        };
        assert_eq!(paths(100, 50), ["full/100,50/0/default.jpg"]);
        let large = paths(6000, 4000);
        assert_eq!(large.last().map(String::as_str), Some("full/max/0/default.jpg"));
        assert!(large.contains(&"full/750,500/0/default.jpg".to_owned()), "{large:?}");
    }
}
