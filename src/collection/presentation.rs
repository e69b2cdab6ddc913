//! Builds the manifests and collection documents of published images.

use super::page::Page;
use super::page_selection::PageSelection;
use crate::destination::{Destination, DocumentAddress, Identifier};
use crate::iiif::{
    ApiVersion, Canvas, Collection, Description, ImageRequest, LanguageMap, Manifest, Member, Picture,
    PresentationVersion, Pyramid, PyramidShape, Service, Size, SizeParameter, StoredCanvas,
};
use crate::site::{SiteImage, SiteObject};
use crate::store::{Key, KeyError};

/// Minimum thumbnail size in pixels, measured along the longer side. Viewers would upscale anything smaller. Images
/// below this size are their own thumbnails.
const THUMBNAIL_SIDE: u32 = 200;

/// Maximum number of objects per collection page.
const PAGE_OBJECTS: usize = 1000;

/// Builds manifests and the collection for a destination.
#[derive(Clone, Debug)]
pub struct Presentation {
    destination: Destination,
    /// Image API version used by the image services in manifests.
    image_version: ApiVersion,
    /// Presentation API version of the documents.
    version: PresentationVersion,
    shape: PyramidShape,
}

/// A page with a published image.
#[derive(Clone, Debug)]
pub struct ManifestPage<'a> {
    /// The page.
    pub page: &'a Page,
    /// The image's base URI.
    pub base_uri: String,
    /// Full image size in pixels.
    pub size: Size,
}

/// A page of a file, as its stored manifest shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredPage {
    pub(crate) page: Page,
    pub(crate) size: Size,
}

impl Presentation {
    /// Creates a presentation for images with the given pyramid shape. `image_version` is the Image API version that
    /// manifests refer to.
    #[must_use]
    pub fn new(
        destination: Destination,
        image_version: ApiVersion,
        version: PresentationVersion,
        shape: PyramidShape,
    ) -> Self {
        Self { destination, image_version, version, shape }
    }

    /// Returns the Presentation API version of the documents.
    #[must_use]
    pub fn version(&self) -> PresentationVersion {
        self.version
    }

    /// Returns the destination of images and documents.
    #[must_use]
    pub fn destination(&self) -> &Destination {
        &self.destination
    }

    /// Creates an object's manifest from its pages, along with its key and collection entry. Returns `None` if `pages`
    /// is empty.
    ///
    /// # Errors
    /// Returns an error if the key is too long.
    pub(crate) fn manifest(&self, pages: &[ManifestPage]) -> Result<Option<(Key, Manifest, Member)>, KeyError> {
        let Some(first) = pages.first() else { return Ok(None) };
        let DocumentAddress { key, url: id } = self.destination.manifest(&first.page.object)?;
        let canvases = pages.iter().zip(1..).map(|(page, number)| self.canvas(&id, page, number)).collect();
        let description = description(pages, &first.page.object);
        let member = Member::manifest(id.clone(), description.label.clone());
        let named = pages.iter().find_map(|published| published.page.thumbnail.as_ref());
        let thumbnail = named.and_then(|named| pages.iter().position(|published| published.page.identifier == *named));
        let manifest = Manifest::new(id, description, canvases);
        Ok(manifest.map(|manifest| (key, manifest.shown_by(thumbnail.unwrap_or(0)), member)))
    }

    /// Returns `true` if `body` is a manifest or collection with an `id` that matches the key.
    #[must_use]
    pub(crate) fn is_document(&self, key: &Key, body: &[u8]) -> bool {
        let uri = self.destination.url_of(key);
        uri.is_some() && uri == PresentationVersion::document_uri(body)
    }

    /// Returns the keys of all collection pages for a collection with `objects` objects.
    ///
    /// # Errors
    /// Returns an error if a key is too long.
    pub(crate) fn collection_page_keys(&self, objects: usize) -> Result<Vec<Key>, KeyError> {
        let pages = if objects <= PAGE_OBJECTS { 0 } else { objects.div_ceil(PAGE_OBJECTS) };
        (1..=pages).map(|number| Ok(self.destination.collection_page(number)?.key)).collect()
    }

    /// Creates `collection.json`, listing objects in the given order. A large collection is split into pages under
    /// `collections/`, which are returned first.
    ///
    /// # Errors
    /// Returns an error if a key is too long.
    pub(crate) fn collection(
        &self,
        label: &LanguageMap,
        members: Vec<Member>,
    ) -> Result<Vec<(Key, Collection)>, KeyError> {
        let DocumentAddress { key, url: id } = self.destination.collection()?;
        if members.len() <= PAGE_OBJECTS {
            return Ok(vec![(key, Collection::new(id, label.clone(), members))]);
        }
        let (mut documents, mut pages) = (Vec::new(), Vec::new());
        // Presentation API 3 doesn't support paging for collections. Viewers load the entire collection, and some show
        // all of it in a menu, so a large collection is split into nested collections.
        for (members, number) in members.chunks(PAGE_OBJECTS).zip(1..) {
            let DocumentAddress { key, url: id } = self.destination.collection_page(number)?;
            let label = LanguageMap::new(None, number.to_string());
            pages.push(Member::collection(id.clone(), label.clone()));
            documents.push((key, Collection::new(id, label, members.to_vec())));
        }
        documents.push((key, Collection::new(id, label.clone(), pages)));
        Ok(documents)
    }

    /// Returns the pages of `file` that its stored manifest shows, or `None` if `body` isn't a manifest of pages of this
    /// file alone.
    pub(crate) fn stored_pages(&self, file: &Page, body: &[u8]) -> Option<Vec<StoredPage>> {
        let DocumentAddress { url, .. } = self.destination.manifest(&file.object).ok()?;
        let before = format!("{url}/canvas/{}", file.identifier.in_url());
        let page = |canvas: StoredCanvas| {
            let after = canvas.id.strip_prefix(&before)?;
            if after.is_empty() {
                let page = Page { pages: PageSelection::One(1), ..file.clone() };
                return Some(StoredPage { page, size: canvas.size });
            }
            let number: u32 = after.strip_prefix('/')?.parse().ok()?;
            let label = canvas.label.filter(|label| *label != number.to_string());
            Some(StoredPage { page: file.page_of_file(number, label.as_deref()).ok()?, size: canvas.size })
        };
        let pages: Vec<StoredPage> = self.version.canvases(body)?.into_iter().map(page).collect::<Option<_>>()?;
        (!pages.is_empty()).then_some(pages)
    }

    /// Returns an object for the site, from its published pages.
    pub(crate) fn site_object(pages: &[ManifestPage]) -> Option<SiteObject> {
        let first = pages.first()?;
        let named = pages.iter().find_map(|published| published.page.thumbnail.as_ref());
        let thumbnail = named.and_then(|named| pages.iter().position(|published| published.page.identifier == *named));
        let image = |(published, number): (&ManifestPage, usize)| SiteImage {
            base_uri: published.base_uri.clone(),
            size: published.size,
            label: page_label(published.page, number),
        };
        Some(SiteObject {
            identifier: first.page.object.clone(),
            description: description(pages, &first.page.object),
            images: pages.iter().zip(1..).map(image).collect(),
            thumbnail: thumbnail.unwrap_or(0),
        })
    }

    /// Returns an object for the site, as its stored manifest shows it. `rows` are the object's pages in the input.
    pub(crate) fn stored_site_object(&self, rows: &[&Page], body: &[u8]) -> Option<SiteObject> {
        let first = rows.first()?;
        let image = |canvas: StoredCanvas| {
            let label = canvas.label.map(|label| LanguageMap::new(None, label)).unwrap_or_default();
            Some(SiteImage { base_uri: canvas.base_uri?, size: canvas.size, label })
        };
        let images: Vec<SiteImage> = self.version.canvases(body)?.into_iter().filter_map(image).collect();
        let any_size = Size::new(1, 1).ok()?;
        let pages: Vec<ManifestPage> =
            rows.iter().map(|page| ManifestPage { page, base_uri: String::new(), size: any_size }).collect();
        let named = rows.iter().find_map(|page| page.thumbnail.as_ref());
        let thumbnail = named.and_then(|named| rows.iter().position(|page| page.identifier == *named));
        let (identifier, description) = (first.object.clone(), description(&pages, &first.object));
        (!images.is_empty()).then_some(SiteObject {
            identifier,
            description,
            images,
            thumbnail: thumbnail.unwrap_or(0),
        })
    }

    fn canvas(&self, manifest: &str, published: &ManifestPage, number: usize) -> Canvas {
        let pyramid = Pyramid::new(published.size, self.shape);
        // The canvas has the source's size. Viewers without zoom show the painted `full/max` image, which may be
        // smaller, so its `width` and `height` are set to its actual size.
        let largest = pyramid.size().at(pyramid.max_level());
        let listed: Vec<Size> = pyramid.listed_levels().map(|scale| pyramid.size().at(scale)).collect();
        let service = Service::new(self.image_version, published.base_uri.clone(), listed.iter().copied());
        let picture = |size: SizeParameter, measure: Size| {
            Picture::new(format!("{}/{}", published.base_uri, ImageRequest::full(size)), measure).of(service.clone())
        };
        let body = picture(SizeParameter::Max, largest);
        let small = listed.iter().copied().find(|size| size.longer_side() >= THUMBNAIL_SIDE);
        let thumbnail = small.map_or_else(|| body.clone(), |size| picture(SizeParameter::exactly(size), size));
        let id = format!("{manifest}/canvas/{}", published.page.identifier.in_url());
        Canvas::new(id, page_label(published.page, number), published.size, thumbnail, body)
    }
}

/// Returns a page's label. Defaults to its page number.
fn page_label(page: &Page, number: usize) -> LanguageMap {
    if let Some(label) = &page.label {
        return LanguageMap::new(None, &**label);
    }
    let label = page.description().label;
    if label.is_empty() { LanguageMap::new(None, number.to_string()) } else { label }
}

/// Returns the first page's description. Uses the object's identifier as the label if the pages have different labels
/// or none.
fn description(pages: &[ManifestPage], object: &Identifier) -> Description {
    let mut description = pages.first().map(|published| published.page.description()).unwrap_or_default();
    let is_common = pages.iter().all(|published| published.page.description().label == description.label);
    if !is_common || description.label.is_empty() {
        description.label = LanguageMap::new(None, object.to_string());
    }
    description
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collection::row_metadata::RowMetadata;
    use crate::destination::Versions;
    use serde_json::Value;

    fn presentation() -> Presentation {
        let public_url = "https://example.org/iiif".parse().expect("a URL");
        let destination = Destination::new("iiif".parse().expect("a prefix"), public_url, Versions::V3);
        Presentation::new(destination, ApiVersion::V3, PresentationVersion::V3, PyramidShape::default())
    }

    fn page(identifier: &str, object: &str, label: &str) -> Page {
        Page {
            object: object.parse().expect("an identifier"),
            metadata: Some(RowMetadata::from_columns(&[("label@en", label)])),
            ..Page::alone(std::path::Path::new("x.tif").into(), identifier.parse().expect("an identifier"))
        }
    }

    #[test]
    fn a_manifest_shows_the_pages_of_an_object() -> Result<(), Box<dyn std::error::Error>> {
        let pages = [page("ms 1/a", "ms 1", "Folio 1"), page("ms 1/b", "ms 1", "Folio 2")];
        let published: Vec<ManifestPage> = pages
            .iter()
            .map(|page| ManifestPage {
                page,
                base_uri: presentation().destination.base_uris(&page.identifier).remove(0),
                size: Size::new(6000, 4000).expect("a size"),
            })
            .collect();
        let (key, manifest, _) = presentation().manifest(&published)?.expect("pages");
        assert_eq!(key.as_str(), "iiif/manifests/ms 1.json");
        let manifest: Value = serde_json::from_str(&manifest.to_json(PresentationVersion::V3))?;
        assert_eq!(manifest["id"], "https://example.org/iiif/manifests/ms%201.json");
        assert_eq!(manifest["label"]["none"][0], "ms 1", "the pages have different labels");
        assert_eq!(manifest["behavior"][0], "paged");
        let canvas = &manifest["items"][1];
        assert_eq!((&canvas["label"]["en"][0], &canvas["width"]), (&"Folio 2".into(), &6000.into()));
        let body = &canvas["items"][0]["items"][0]["body"];
        assert_eq!(body["id"], "https://example.org/iiif/ms%201/b/full/max/0/default.jpg");
        assert_eq!((&body["width"], &body["height"]), (&3000.into(), &2000.into()), "the size of full/max");
        let service = &body["service"][0];
        assert_eq!((&service["type"], &service["profile"]), (&"ImageService3".into(), &"level0".into()));
        assert!(service.get("width").is_none(), "Mirador");
        assert_eq!(canvas["thumbnail"][0]["id"], "https://example.org/iiif/ms%201/b/full/375,250/0/default.jpg");
        Ok(())
    }

    #[test]
    fn a_large_collection_has_pages() -> Result<(), KeyError> {
        let members = |count: usize| {
            (0..count).map(|it| Member::manifest(format!("https://example.org/{it}"), LanguageMap::default())).collect()
        };
        let label = LanguageMap::new(None, "All");
        let keys = |count| -> Result<Vec<String>, KeyError> {
            Ok(presentation().collection(&label, members(count))?.iter().map(|(key, _)| key.to_string()).collect())
        };
        assert_eq!(keys(1000)?, ["iiif/collection.json"]);
        assert_eq!(keys(2001)?[..2], ["iiif/collections/1.json", "iiif/collections/2.json"]);
        assert_eq!(keys(2001)?.last().map(String::as_str), Some("iiif/collection.json"));
        Ok(())
    }
}
