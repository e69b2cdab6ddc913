//! Builds the manifests and collection documents of published images.

use super::nesting::{Branch, BranchItem, CollectionPath, Nesting, branches};
use super::page::Page;
use super::page_selection::PageSelection;
use crate::destination::{Destination, DocumentAddress, Identifier, Versions};
use crate::iiif::{
    ApiVersion, Canvas, Collection, Description, ImageRequest, LanguageMap, Manifest, Member, PhysicalScale, Picture,
    PresentationVersion, Pyramid, PyramidShape, RangePath, Service, Size, SizeParameter, StoredCanvas,
    ViewingDirection, contents,
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
    /// Prefix to replace in image URIs, and its replacement.
    image_uris: Option<(String, String)>,
    /// Rule for collections within the collection.
    nesting: Option<Nesting>,
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
    /// Physical size of pixels, if known.
    pub scale: Option<PhysicalScale>,
}

/// A page of a file, as its stored manifest shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredPage {
    pub(crate) page: Page,
    pub(crate) size: Size,
    pub(crate) scale: Option<PhysicalScale>,
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
        Self { destination, image_version, version, shape, image_uris: None, nesting: None }
    }

    /// Distributes objects over collections within the collection.
    #[must_use]
    pub(crate) fn nested(self, nesting: Option<Nesting>) -> Self {
        Self { nesting, ..self }
    }

    /// Returns a version 2 presentation of the same images. Its documents have their own folder. Manifests refer to
    /// Image API version 2 if images are published in that version, because most version 2 viewers need it.
    ///
    /// # Errors
    /// Returns an error if the prefix is too long.
    pub(crate) fn in_version2(&self, versions: Versions) -> Result<Self, KeyError> {
        let folder = |version: ApiVersion| {
            let (_, folder) = versions.folders().into_iter().find(|(published, _)| *published == version)?;
            Some(folder.map_or_else(String::new, |folder| format!("{folder}/")))
        };
        let uri = |folder: String| self.destination.public_url().join(&folder);
        let image_uris = folder(ApiVersion::V3).map(uri).zip(folder(ApiVersion::V2).map(uri));
        let image_version = if folder(ApiVersion::V2).is_some() { ApiVersion::V2 } else { self.image_version };
        let destination = self.destination.presentation2()?;
        let (version, nesting) = (PresentationVersion::V2, self.nesting.clone());
        Ok(Self { destination, image_version, version, shape: self.shape, image_uris, nesting })
    }

    /// Returns the URI that this presentation uses for an image or one of its sizes.
    fn image_uri(&self, uri: &str) -> String {
        let replaced = self.image_uris.as_ref().and_then(|(from, to)| Some(format!("{to}{}", uri.strip_prefix(from)?)));
        replaced.unwrap_or_else(|| uri.to_owned())
    }

    /// Returns the picture that represents an object in lists, without an image service, or `None` if `pages` doesn't
    /// contain its page.
    pub(crate) fn list_thumbnail(&self, pages: &[ManifestPage]) -> Option<Picture> {
        let named = pages.iter().find_map(|published| published.page.thumbnail.as_ref());
        let is_named = |published: &&ManifestPage| named.is_none_or(|named| published.page.identifier == *named);
        pages.iter().find(is_named).map(|published| self.thumbnail(published).without_service())
    }

    /// Returns a thumbnail from another presentation of the same images, with this presentation's URIs.
    pub(crate) fn own_thumbnail(&self, thumbnail: &Picture) -> Picture {
        thumbnail.clone().with_id(self.image_uri(thumbnail.id()))
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
        let descriptions: Vec<Description> = pages.iter().map(|published| published.page.description()).collect();
        let canvases = pages.iter().zip(&descriptions).zip(1..);
        let canvases = canvases.map(|((page, description), number)| self.canvas(&id, page, description, number));
        let canvases: Vec<Canvas> = canvases.collect();
        let ranges = contents(descriptions.iter().map(|description| description.ranges.clone()));
        let description = object_description(pages, descriptions);
        let member = Member::manifest(id.clone(), description.label.clone());
        let place =
            |named: Option<&Identifier>| pages.iter().position(|published| Some(&published.page.identifier) == named);
        let thumbnail = place(pages.iter().find_map(|published| published.page.thumbnail.as_ref()));
        let start = place(pages.iter().find_map(|published| published.page.start.as_ref()));
        let manifest = Manifest::new(id, description, canvases);
        let manifest = manifest.map(|it| it.shown_by(thumbnail.unwrap_or(0)).starting_at(start).with_contents(ranges));
        Ok(manifest.map(|manifest| (key, manifest, member)))
    }

    /// Returns `true` if `body` is a manifest or collection with an `id` that matches the key.
    #[must_use]
    pub(crate) fn is_document(&self, key: &Key, body: &[u8]) -> bool {
        let uri = self.destination.url_of(key);
        uri.is_some() && uri == PresentationVersion::document_uri(body)
    }

    /// Returns the paths of the collections within the collection that an object with these pages belongs to.
    pub(crate) fn collection_paths(&self, pages: &[&Page]) -> Vec<CollectionPath> {
        self.nesting.as_ref().map(|nesting| nesting.paths(pages)).unwrap_or_default()
    }

    /// Returns the keys of all collection documents for these objects.
    ///
    /// # Errors
    /// Returns an error if a key is too long.
    pub(crate) fn collection_keys(&self, objects: &[Vec<&Page>]) -> Result<Vec<Key>, KeyError> {
        let any = || Member::manifest(String::new(), LanguageMap::default());
        let members = objects.iter().map(|pages| (self.collection_paths(pages), any())).collect();
        Ok(self.collection(&LanguageMap::default(), members)?.into_iter().map(|(key, _)| key).collect())
    }

    /// Creates `collection.json`, listing objects in the given order, each in the collections that its paths lead to.
    /// These collections are under `collections/`, as are the pages of large ones. Every document is returned after those
    /// that it refers to.
    ///
    /// # Errors
    /// Returns an error if a key is too long.
    pub(crate) fn collection(
        &self,
        label: &LanguageMap,
        members: Vec<(Vec<CollectionPath>, Member)>,
    ) -> Result<Vec<(Key, Collection)>, KeyError> {
        let branches = branches(label.clone(), members);
        let link = |branch: &Branch| {
            let url = self.destination.collection_named(branch.name.as_deref())?.url;
            Ok(Member::collection(url, branch.label.clone()))
        };
        let links: Vec<Member> = branches.iter().map(link).collect::<Result<_, KeyError>>()?;
        let mut documents = Vec::new();
        for Branch { name, label, items } in branches.into_iter().rev() {
            let member = |item| match item {
                BranchItem::Manifest(member) => member,
                BranchItem::Collection(index) => links[index].clone(),
            };
            documents.extend(self.collection_documents(
                name.as_deref(),
                label,
                items.into_iter().map(member).collect(),
            )?);
        }
        Ok(documents)
    }

    /// Creates a collection. If it's large, its pages come first.
    fn collection_documents(
        &self,
        name: Option<&str>,
        label: LanguageMap,
        members: Vec<Member>,
    ) -> Result<Vec<(Key, Collection)>, KeyError> {
        let DocumentAddress { key, url: id } = self.destination.collection_named(name)?;
        if members.len() <= PAGE_OBJECTS {
            return Ok(vec![(key, Collection::new(id, label, members))]);
        }
        let (mut documents, mut pages) = (Vec::new(), Vec::new());
        // Presentation API 3 doesn't support paging for collections. Viewers load the entire collection, and some show
        // all of it in a menu, so a large collection is split into nested collections.
        for (members, number) in members.chunks(PAGE_OBJECTS).zip(1..) {
            let DocumentAddress { key, url: id } = self.destination.collection_page(name, number)?;
            let label = LanguageMap::new(None, number.to_string());
            pages.push(Member::collection(id.clone(), label.clone()));
            documents.push((key, Collection::new(id, label, members.to_vec())));
        }
        documents.push((key, Collection::new(id, label, pages)));
        Ok(documents)
    }

    /// Returns the pages of `file` that its stored manifest shows, or `None` if `body` isn't a manifest of pages of this
    /// file alone. `direction` is the reading direction that the file specifies.
    pub(crate) fn stored_pages(
        &self,
        file: &Page,
        body: &[u8],
        direction: Option<ViewingDirection>,
    ) -> Option<Vec<StoredPage>> {
        let file = &Page { viewing_direction: direction, ..file.clone() };
        let DocumentAddress { url, .. } = self.destination.manifest(&file.object).ok()?;
        let before = format!("{url}/canvas/{}", file.identifier.in_url());
        let page = |canvas: StoredCanvas| {
            let after = canvas.id.strip_prefix(&before)?;
            if after.is_empty() {
                let page = Page { pages: PageSelection::One(1), ..file.clone() };
                return Some(StoredPage { page, size: canvas.size, scale: canvas.scale });
            }
            let number: u32 = after.strip_prefix('/')?.parse().ok()?;
            let label = canvas.label.filter(|label| *label != number.to_string());
            let page = file.page_of_file(number, label.as_deref(), &canvas.ranges).ok()?;
            Some(StoredPage { page, size: canvas.size, scale: canvas.scale })
        };
        let pages: Vec<StoredPage> =
            PresentationVersion::canvases(body)?.into_iter().map(page).collect::<Option<_>>()?;
        (!pages.is_empty()).then_some(pages)
    }

    /// Returns a site object built from published pages.
    pub(crate) fn site_object(pages: &[ManifestPage]) -> Option<SiteObject> {
        let first = pages.first()?;
        let named = pages.iter().find_map(|published| published.page.thumbnail.as_ref());
        let thumbnail = named.and_then(|named| pages.iter().position(|published| published.page.identifier == *named));
        let descriptions: Vec<Description> = pages.iter().map(|published| published.page.description()).collect();
        let image = |((published, description), number): ((&ManifestPage, &Description), usize)| SiteImage {
            base_uri: published.base_uri.clone(),
            size: published.size,
            label: page_label(published.page, description, number),
            alt: description.alt.clone(),
        };
        let images = pages.iter().zip(&descriptions).zip(1..).map(image).collect();
        let started = pages.iter().find_map(|published| published.page.start.as_ref());
        let start = started.and_then(|start| pages.iter().position(|page| page.page.identifier == *start));
        let contents = contents(descriptions.iter().map(|description| description.ranges.clone()));
        Some(SiteObject {
            identifier: first.page.object.clone(),
            description: object_description(pages, descriptions),
            images,
            thumbnail: thumbnail.unwrap_or(0),
            start: start.unwrap_or(0),
            contents,
        })
    }

    /// Returns a site object built from a stored manifest. `rows` are the object's pages in the input, and `direction` is
    /// the reading direction that their file specifies.
    pub(crate) fn stored_site_object(
        rows: &[&Page],
        body: &[u8],
        direction: Option<ViewingDirection>,
    ) -> Option<SiteObject> {
        let first = rows.first()?;
        let image = |canvas: StoredCanvas| {
            let label = canvas.label.map(|label| LanguageMap::new(None, label)).unwrap_or_default();
            let alt = LanguageMap::default();
            Some((SiteImage { base_uri: canvas.base_uri?, size: canvas.size, label, alt }, canvas.ranges))
        };
        let canvases = PresentationVersion::canvases(body)?.into_iter().filter_map(image);
        let (mut images, ranges): (Vec<SiteImage>, Vec<Vec<RangePath>>) = canvases.unzip();
        let any_size = Size::new(1, 1).ok()?;
        let pages: Vec<ManifestPage> = rows
            .iter()
            .map(|page| ManifestPage { page, base_uri: String::new(), size: any_size, scale: None })
            .collect();
        let named = rows.iter().find_map(|page| page.thumbnail.as_ref());
        let thumbnail = named.and_then(|named| rows.iter().position(|page| page.identifier == *named));
        let descriptions: Vec<Description> = pages.iter().map(|published| published.page.description()).collect();
        // A row can stand for several pages of a file. Then the pages can't be told apart by their rows.
        let mut start = None;
        if descriptions.len() == images.len() {
            let started = rows.iter().find_map(|page| page.start.as_ref());
            start = started.and_then(|started| rows.iter().position(|page| page.identifier == *started));
            images.iter_mut().zip(&descriptions).for_each(|(image, row)| image.alt = row.alt.clone());
        }
        let (identifier, mut description) = (first.object.clone(), object_description(&pages, descriptions));
        description.viewing_direction = description.viewing_direction.or(direction);
        (!images.is_empty()).then_some(SiteObject {
            identifier,
            description,
            images,
            thumbnail: thumbnail.unwrap_or(0),
            start: start.unwrap_or(0),
            contents: contents(ranges),
        })
    }

    fn canvas(&self, manifest: &str, published: &ManifestPage, description: &Description, number: usize) -> Canvas {
        let (body, thumbnail) = (self.body(published), self.thumbnail(published));
        let id = format!("{manifest}/canvas/{}", published.page.identifier.in_url());
        let label = page_label(published.page, description, number);
        Canvas::new(id, label, published.size, thumbnail, body)
            .with_alternative(description.alt.clone())
            .measured(published.scale)
    }

    /// Returns the painted image.
    fn body(&self, published: &ManifestPage) -> Picture {
        let pyramid = Pyramid::new(published.size, self.shape);
        // The canvas has the source's size. Viewers without zoom show the painted `full/max` image, which may be
        // smaller, so its `width` and `height` are set to its actual size.
        let largest = pyramid.size().at(pyramid.max_level());
        self.picture(published, SizeParameter::Max, largest)
    }

    fn thumbnail(&self, published: &ManifestPage) -> Picture {
        let small = self.listed_sizes(published).into_iter().find(|size| size.longer_side() >= THUMBNAIL_SIDE);
        let picture = |size| self.picture(published, SizeParameter::exactly(size), size);
        small.map_or_else(|| self.body(published), picture)
    }

    fn picture(&self, published: &ManifestPage, parameter: SizeParameter, size: Size) -> Picture {
        let base_uri = self.image_uri(&published.base_uri);
        let service = Service::new(self.image_version, base_uri.clone(), self.listed_sizes(published));
        Picture::new(format!("{base_uri}/{}", ImageRequest::full(parameter)), size).of(service)
    }

    /// Returns the sizes that `info.json` lists, smallest first.
    fn listed_sizes(&self, published: &ManifestPage) -> Vec<Size> {
        let pyramid = Pyramid::new(published.size, self.shape);
        pyramid.listed_levels().map(|scale| pyramid.size().at(scale)).collect()
    }
}

/// Returns a page's label. Defaults to its page number.
fn page_label(page: &Page, description: &Description, number: usize) -> LanguageMap {
    match &page.label {
        Some(label) => LanguageMap::new(None, &**label),
        None if description.label.is_empty() => LanguageMap::new(None, number.to_string()),
        None => description.label.clone(),
    }
}

/// Returns the object's own description, or the first page's description. Uses the object's identifier as the label if
/// the label is missing, or if it comes from pages with different labels. A reading direction in the input takes
/// precedence over the file's.
fn object_description(pages: &[ManifestPage], mut descriptions: Vec<Description>) -> Description {
    let object = pages.first().map(|published| &published.page.object);
    let direction = pages.first().and_then(|published| published.page.viewing_direction);
    let identifier = || object.map(|object| LanguageMap::new(None, object.to_string())).unwrap_or_default();
    let own = pages.iter().find_map(|published| published.page.object_description());
    let is_common = || descriptions.iter().all(|description| description.label == descriptions[0].label);
    let is_common = own.is_some() || is_common();
    let mut description = own.unwrap_or_else(|| descriptions.swap_remove(0));
    description.viewing_direction = description.viewing_direction.or(direction);
    if !is_common || description.label.is_empty() {
        description.label = identifier();
    }
    description
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collection::objects;
    use crate::collection::row_metadata::RowMetadata;
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

    fn published(pages: &[Page]) -> Vec<ManifestPage<'_>> {
        let published = |page| ManifestPage {
            page,
            base_uri: presentation().destination.base_uris(&page.identifier).remove(0),
            size: Size::new(6000, 4000).expect("a size"),
            scale: None,
        };
        pages.iter().map(published).collect()
    }

    #[test]
    fn a_stored_manifest_keeps_the_table_of_contents_of_a_file() -> Result<(), Box<dyn std::error::Error>> {
        let file = page("book", "book", "A book");
        let ranges =
            |paths: &[&str]| paths.iter().map(|path| RangePath::parse(path, None)).collect::<Result<Vec<_>, _>>();
        let contents = [ranges(&["Part 1"])?, ranges(&[])?, ranges(&["Part 1 > A", "Part 2"])?];
        let pages = (1..).zip(&contents).map(|(number, ranges)| file.page_of_file(number, None, ranges));
        let pages: Vec<Page> = pages.collect::<Result<_, _>>()?;
        let pages = published(&pages);
        let (_, manifest, _) = presentation().manifest(&pages)?.expect("pages");
        let body = manifest.to_json(PresentationVersion::V3);
        let made = Presentation::site_object(&pages).expect("pages").contents;
        let stored = Presentation::stored_site_object(&[&file], body.as_bytes(), None).expect("pages").contents;
        assert!(made.len() == 2 && stored == made, "{stored:?}");
        Ok(())
    }

    #[test]
    fn a_manifest_shows_the_pages_of_an_object() -> Result<(), Box<dyn std::error::Error>> {
        let pages = [page("ms 1/a", "ms 1", "Folio 1"), page("ms 1/b", "ms 1", "Folio 2")];
        let (key, manifest, _) = presentation().manifest(&published(&pages))?.expect("pages");
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
    fn a_manifest_has_links_places_and_a_table_of_contents() -> Result<(), Box<dyn std::error::Error>> {
        let columns = [
            ("label", "Atlas"),
            ("homepage@de", "Katalog https://example.org/1"),
            ("provider", "City Library https://example.org https://example.org/logo.png"),
            ("navDate", "1595"),
            ("navPlace", "48.2; 16.4"),
            ("range", "Part 1 > Chapter 1"),
            ("alt", "A map"),
        ];
        let mut pages = [page("a", "atlas", "Atlas"), page("b", "atlas", "Atlas")];
        pages[0].metadata = Some(RowMetadata::from_columns(&columns));
        pages[1].metadata = Some(RowMetadata::from_columns(&columns[..1]));
        pages[1].start = Some("b".parse()?);
        let size = Size::new(600, 400)?;
        let shown =
            |page| ManifestPage { page, base_uri: "https://example.org/iiif/3/a".to_owned(), size, scale: None };
        let shown: Vec<ManifestPage> = pages.iter().map(shown).collect();
        let (_, manifest, _) = presentation().manifest(&shown)?.expect("pages");
        let manifest: Value = serde_json::from_str(&manifest.to_json(PresentationVersion::V3))?;
        assert_eq!(manifest["@context"][0], "http://iiif.io/api/extension/navplace/context.json");
        assert_eq!(manifest["navPlace"]["features"][0]["geometry"]["coordinates"], serde_json::json!([16.4, 48.2]));
        assert_eq!(manifest["homepage"][0]["label"]["de"][0], "Katalog");
        assert_eq!(manifest["provider"][0]["logo"][0]["format"], "image/png");
        assert_eq!(manifest["start"]["id"], manifest["items"][1]["id"]);
        assert_eq!(manifest["items"][0]["summary"]["none"][0], "A map");
        let chapter = &manifest["structures"][0]["items"][0];
        assert_eq!(
            (&chapter["label"]["none"][0], chapter["items"].as_array().map(Vec::len)),
            (&"Chapter 1".into(), Some(2))
        );
        Ok(())
    }

    #[test]
    fn version_2_refers_to_version_2_of_the_images() -> Result<(), Box<dyn std::error::Error>> {
        let pages = [page("a", "a", "A")];
        let size = Size::new(600, 400)?;
        let base_uri = "https://example.org/iiif/3/a".to_owned();
        let shown = [ManifestPage { page: &pages[0], base_uri, size, scale: None }];
        for (versions, image) in
            [(Versions::Both, "https://example.org/iiif/2/a"), (Versions::V3, "https://example.org/iiif/3/a")]
        {
            let presentation = presentation().in_version2(versions)?;
            let (key, manifest, _) = presentation.manifest(&shown)?.expect("pages");
            assert_eq!(key.as_str(), "iiif/presentation/2/manifests/a.json");
            let manifest: Value = serde_json::from_str(&manifest.to_json(PresentationVersion::V2))?;
            assert_eq!(manifest["@id"], "https://example.org/iiif/presentation/2/manifests/a.json");
            let resource = &manifest["sequences"][0]["canvases"][0]["images"][0]["resource"];
            assert_eq!(resource["service"]["@id"], image);
            assert_eq!(resource["@id"], format!("{image}/full/max/0/default.jpg"));
        }
        Ok(())
    }

    #[test]
    fn a_large_collection_has_pages() -> Result<(), KeyError> {
        let pages = |count: usize| -> Vec<Page> {
            (0..count).map(|it| page(&it.to_string(), &format!("a/{it}"), "")).collect()
        };
        let keys = |count| -> Result<Vec<String>, KeyError> {
            let keys = presentation().collection_keys(&objects(&pages(count)))?;
            Ok(keys.iter().map(ToString::to_string).collect())
        };
        assert_eq!(keys(1000)?, ["iiif/collection.json"]);
        assert_eq!(keys(2001)?[..2], ["iiif/collections/1.json", "iiif/collections/2.json"]);
        assert_eq!(keys(2001)?.last().map(String::as_str), Some("iiif/collection.json"));
        let nested = presentation().nested(Some(Nesting::Folder)).collection_keys(&objects(&pages(1001)))?;
        let name = nested[2].as_str().strip_suffix(".json").expect("the name of the folder's collection");
        let expected = [format!("{name}-1.json"), format!("{name}-2.json"), format!("{name}.json")];
        assert_eq!(nested[..3].iter().map(Key::as_str).collect::<Vec<_>>(), expected);
        assert_eq!(nested[3..].iter().map(Key::as_str).collect::<Vec<_>>(), ["iiif/collection.json"]);
        Ok(())
    }
}
