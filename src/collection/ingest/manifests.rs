//! Writes manifests and the collection to the store if they have changed.

use super::IngestError;
use super::present::{KnownDocument, Manifests, PresentDocuments, listed};
use super::summary::KnownImages;
use super::thumbnails::Thumbnails;
use crate::collection::{CollectionPath, ManifestPage, Page, Presentation, objects};
use crate::destination::Identifier;
use crate::iiif::{Collection, LanguageMap, Member, PresentationVersion, Size};
use crate::publish::{DocumentMark, PublishedImage, Publisher};
use crate::store::{Digest, Key, KeyError, Object, StoreError, Stored};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::HashSet;
use std::future::ready;

/// An object with at least one published page.
pub(super) struct ManifestObject<'a> {
    pages: Vec<ManifestPage<'a>>,
    /// `true` if all pages are published.
    is_whole: bool,
    /// The mark that the manifest is to have, and the one it has, if its mark is known.
    marks: Option<(DocumentMark, Option<&'a DocumentMark>)>,
}

impl<'a> ManifestObject<'a> {
    /// Returns the object's identifier if its manifest shows all of its pages.
    pub(super) fn shown(&self) -> Option<&'a Identifier> {
        self.pages.first().filter(|_| self.is_whole).map(|page| &page.page.object)
    }

    /// Returns the object for a manifest that doesn't keep state.
    pub(super) fn without_marks(&self) -> Self {
        Self { pages: self.pages.clone(), is_whole: self.is_whole, marks: None }
    }

    /// Returns the published pages.
    pub(super) fn pages(&self) -> &[ManifestPage<'a>] {
        &self.pages
    }

    /// Returns an object with its published pages. Returns `None` if there aren't any, or if they are pages of a
    /// multi-page file and some of them aren't published.
    pub(super) fn of(pages: Vec<&'a Page>, images: &'a KnownImages<'_>) -> Option<Self> {
        let published_page = |page: &'a Page| {
            let PublishedImage { base_uri, size, scale } = images.published.get(&page.identifier)?.clone();
            Some(ManifestPage { page, base_uri, size, scale })
        };
        let count = pages.len();
        let pages: Vec<ManifestPage> = pages.into_iter().filter_map(published_page).collect();
        let marks = pages.first().and_then(|page| images.manifest_marks(&page.page.object));
        let object = Self { is_whole: pages.len() == count, pages, marks };
        let has_file = object.pages.iter().any(|page| page.page.label.is_some());
        (!object.pages.is_empty() && (object.is_whole || !has_file)).then_some(object)
    }

    /// Returns the mark that the manifest is to have.
    fn mark(&self) -> DocumentMark {
        self.marks.as_ref().map_or_else(|| DocumentMark::new(None), |(mark, _)| mark.clone())
    }

    /// Returns `true` if the manifest has a different mark than it is to have.
    fn is_mark_outdated(&self) -> bool {
        self.marks.as_ref().is_some_and(|(mark, known)| *known != Some(mark))
    }
}

/// Returns the published pages of each object. Skips objects without any, and files of which only some pages are
/// published.
pub(super) fn manifest_objects<'a>(pages: &[&'a Page], images: &'a KnownImages<'_>) -> Vec<ManifestObject<'a>> {
    let pages = pages.iter().flat_map(|page| images.of_file(page));
    objects(pages).into_iter().filter_map(|pages| ManifestObject::of(pages, images)).collect()
}

/// Maximum number of concurrent PUT requests. Manifests are small.
const PUTS_IN_FLIGHT: usize = 16;

/// Maximum number of concurrent GET requests for the pages of a collection.
const GETS_IN_FLIGHT: usize = 16;

/// Uploads every manifest that has [changed] since it was listed in `present`. Returns their keys.
pub(super) async fn manifests(
    publisher: &Publisher,
    presentation: &Presentation,
    manifest_objects: &[ManifestObject<'_>],
    present: &Manifests,
) -> Result<HashSet<Key>, IngestError> {
    // Manifests are built one at a time because holding all of them in memory would be expensive.
    let put_one = async |object: &ManifestObject<'_>| -> Result<Option<Key>, IngestError> {
        let Some((key, body)) = manifest(presentation, object, present)? else { return Ok(None) };
        let Some(mark) = mark_to_put(publisher, object, &key, &body, present).await? else { return Ok(None) };
        put(publisher, presentation.version(), key.clone(), body.into(), &mark).await?;
        Ok(Some(key))
    };
    let keys = stream::iter(manifest_objects).map(put_one).buffer_unordered(PUTS_IN_FLIGHT).boxed();
    keys.try_filter_map(|key| ready(Ok(key))).try_collect().await
}

/// Returns the keys and sizes in bytes of the manifests that would be uploaded.
pub(super) async fn changed(
    publisher: &Publisher,
    presentation: &Presentation,
    manifest_objects: &[ManifestObject<'_>],
) -> Result<Vec<(Key, u64)>, IngestError> {
    let present = listed(publisher, presentation.destination().manifests()?).await?.unwrap_or_default();
    let mut changed = Vec::new();
    for object in manifest_objects {
        if let Some((key, body)) = manifest(presentation, object, &present)?
            && mark_to_put(publisher, object, &key, &body, &present).await?.is_some()
        {
            changed.push((key, body.len() as u64));
        }
    }
    Ok(changed)
}

/// Returns the mark to upload a manifest with, or `None` if the stored one is current or was written by a newer version of
/// this program.
async fn mark_to_put(
    publisher: &Publisher,
    object: &ManifestObject<'_>,
    key: &Key,
    body: &str,
    present: &Manifests,
) -> Result<Option<DocumentMark>, StoreError> {
    if !present.contains_key(key) && object.marks.is_none() {
        return Ok(Some(object.mark()));
    }
    // According to the listing, the content either differs or is unknown.
    let Some(stored) = publisher.store().get(key).await? else { return Ok(Some(object.mark())) };
    let now = DocumentMark::read(stored.mark.as_deref());
    // If the mark isn't the one that this run has seen, another run has changed pages, and their state is unknown.
    let mark = match &object.marks {
        Some((mark, known)) if *known != Some(&now) => mark.without_pages(),
        _ => object.mark(),
    };
    let is_mark_outdated = object.marks.is_some() && mark != now;
    Ok(is_outdated(&stored, body, is_mark_outdated).then_some(mark))
}

/// Returns `true` if a stored document is to be replaced.
fn is_outdated(stored: &Stored, body: &str, is_mark_outdated: bool) -> bool {
    let is_different = stored.body != body.as_bytes() || is_mark_outdated;
    is_different && !DocumentMark::read(stored.mark.as_deref()).is_newer()
}

/// Returns the manifest keys for `manifest_objects`.
pub(super) fn keys(
    presentation: &Presentation,
    manifest_objects: &[ManifestObject<'_>],
) -> Result<HashSet<Key>, KeyError> {
    let objects = manifest_objects.iter().filter_map(|object| object.pages.first()).map(|page| &page.page.object);
    objects.map(|object| Ok(presentation.destination().manifest(object)?.key)).collect()
}

/// Builds an object's manifest. Returns `None` if the store already has the same content. To avoid losing pages, also
/// returns `None` if some pages aren't published and a manifest already exists.
fn manifest(
    presentation: &Presentation,
    object: &ManifestObject,
    present: &Manifests,
) -> Result<Option<(Key, String)>, KeyError> {
    let Some((key, manifest, _)) = presentation.manifest(&object.pages)? else { return Ok(None) };
    let known = present.get(&key);
    // A page that failed in this run was probably published by an earlier one, and its tiles still exist. The old
    // manifest shows it.
    if known.is_some() && !object.is_whole {
        return Ok(None);
    }
    let body = manifest.to_json(presentation.version());
    let is_there = known.copied().flatten() == Some(Digest::of(body.as_bytes())) && !object.is_mark_outdated();
    Ok((!is_there).then_some((key, body)))
}

/// A collection's intended label.
#[derive(Clone, Copy, Debug)]
pub(super) struct CollectionLabel<'a> {
    pub(super) text: &'a str,
    /// Keep the stored collection's label, if it exists.
    pub(super) keeps_stored: bool,
}

impl CollectionLabel<'_> {
    /// Returns the label to use. Uses the `known` document instead of reading it again.
    pub(super) async fn resolve(
        self,
        publisher: &Publisher,
        presentation: &Presentation,
        known: Option<&KnownDocument>,
    ) -> Result<LanguageMap, IngestError> {
        let own = LanguageMap::new(None, self.text);
        if !self.keeps_stored {
            return Ok(own);
        }
        let stored = match known {
            Some((_, stored)) => stored.clone(),
            None => publisher.store().get(&presentation.destination().collection()?.key).await?,
        };
        let label = stored.and_then(|stored| PresentationVersion::collection_label(&stored.body));
        Ok(label.unwrap_or(own))
    }
}

/// Uploads the collection if it has changed and returns its URL. It contains every object with a manifest that is
/// either `present` in the store or was `written` by this run, in input order.
pub(super) async fn collection(
    publisher: &Publisher,
    presentation: &Presentation,
    content: &CollectionContent<'_>,
    (present, written): (&PresentDocuments, &HashSet<Key>),
) -> Result<String, IngestError> {
    let is_listed = |key: &Key| present.manifests.as_ref().is_none_or(|present| present.contains_key(key));
    let is_there = |key: &Key| written.contains(key) || is_listed(key);
    let known = present.collection.as_ref();
    let documents = changed_collection(publisher, presentation, content, is_there, known).await?;
    for (key, body) in documents {
        put(publisher, presentation.version(), key, body.into(), &DocumentMark::new(None)).await?;
    }
    Ok(presentation.destination().collection()?.url)
}

/// Content of a collection.
pub(super) struct CollectionContent<'a> {
    pub(super) label: LanguageMap,
    /// All images in the input.
    pub(super) pages: &'a [Page],
    pub(super) images: &'a KnownImages<'a>,
    /// Also rewrite a stored document if it's only missing thumbnails, like those written by earlier versions of this
    /// program.
    pub(super) adds_thumbnails: bool,
}

/// Returns all collection documents that are missing from the store or differ from the stored version. Doesn't read a
/// `known` document again.
pub(super) async fn changed_collection(
    publisher: &Publisher,
    presentation: &Presentation,
    content: &CollectionContent<'_>,
    is_there: impl Fn(&Key) -> bool,
    known: Option<&KnownDocument>,
) -> Result<Vec<(Key, String)>, IngestError> {
    let (members, thumbnails) = members(presentation, content, is_there)?;
    if members.is_empty() {
        return Err(IngestError::EmptyCollection);
    }
    let documents = presentation.collection(&content.label, members)?;
    let thumbnails = &thumbnails;
    let compare = async |(key, document): (Key, Collection)| -> Result<Option<(Key, String)>, IngestError> {
        let stored = match known {
            Some((known, stored)) if *known == key => stored.clone(),
            _ => publisher.store().get(&key).await?,
        };
        let plain = document.to_json(presentation.version());
        if !content.adds_thumbnails && stored.as_ref().is_some_and(|stored| !is_outdated(stored, &plain, false)) {
            return Ok(None);
        }
        let body = thumbnails.add_to(publisher, presentation, document).await?.to_json(presentation.version());
        let is_old = stored.is_none_or(|stored| is_outdated(&stored, &body, false));
        Ok(is_old.then_some((key, body)))
    };
    let changed = stream::iter(documents).map(compare).buffered(GETS_IN_FLIGHT).boxed();
    changed.try_filter_map(|changed| ready(Ok(changed))).try_collect().await
}

/// A member, and the collections it belongs to.
type PlacedMember = (Vec<CollectionPath>, Member);

/// Returns a member for each object that has a manifest, and all of their thumbnails.
fn members<'p>(
    presentation: &Presentation,
    content: &'p CollectionContent<'_>,
    is_there: impl Fn(&Key) -> bool,
) -> Result<(Vec<PlacedMember>, Thumbnails), IngestError> {
    let (mut members, mut thumbnails) = (Vec::new(), Thumbnails::default());
    for pages in objects(content.pages) {
        // The other properties of an entry don't depend on page sizes, so any size will do.
        let any_size = Size::new(1, 1).expect("it is not empty");
        let page = |page| ManifestPage { page, base_uri: String::new(), size: any_size, scale: None };
        let manifest_pages: Vec<ManifestPage> = pages.iter().copied().map(page).collect();
        let Some((key, _, member)) = presentation.manifest(&manifest_pages)? else { continue };
        if is_there(&key) {
            let images = pages.iter().flat_map(|page| content.images.of_file(page));
            let known = |page: &'p Page| {
                let PublishedImage { base_uri, size, scale } = content.images.published.get(&page.identifier)?.clone();
                Some(ManifestPage { page, base_uri, size, scale })
            };
            let shown: Vec<ManifestPage> = images.filter_map(known).collect();
            thumbnails.add(&member, presentation.list_thumbnail(&shown), &pages[0].object);
            members.push((presentation.collection_paths(&pages), member));
        }
    }
    Ok((members, thumbnails))
}

/// Uploads a document.
pub(super) async fn put(
    publisher: &Publisher,
    version: PresentationVersion,
    key: Key,
    body: Bytes,
    mark: &DocumentMark,
) -> Result<(), StoreError> {
    let cache_control = publisher.options().info_cache_control.as_str().into();
    let mark = Some(mark.to_string().into());
    let content_type = version.content_type();
    let object = Object { key, body: body.into(), content_encoding: None, content_type, cache_control, mark };
    publisher.store().put(object).await.map(drop)
}
