//! Writes manifests and the collection to the store if they have changed.

use super::IngestError;
use super::present::{KnownDocument, Manifests, PresentDocuments, listed};
use super::summary::PublishedImages;
use crate::collection::{ManifestPage, Page, Presentation, objects};
use crate::iiif::{Collection, LanguageMap, Member, PresentationVersion, Size};
use crate::publish::Publisher;
use crate::store::{Digest, Key, KeyError, Object, StoreError};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::HashSet;
use std::future::ready;

/// An object with at least one published page.
pub(super) struct ManifestObject<'a> {
    pages: Vec<ManifestPage<'a>>,
    /// `true` if all pages are published.
    is_whole: bool,
}

/// Returns the published pages of each object. Skips objects without any.
pub(super) fn manifest_objects<'a>(pages: &[&'a Page], images: &PublishedImages) -> Vec<ManifestObject<'a>> {
    let published_page = |page: &'a Page| {
        let (base_uri, size) = images.get(&page.identifier)?;
        Some(ManifestPage { page, base_uri: base_uri.clone(), size: *size })
    };
    let object = |all: Vec<&'a Page>| {
        let count = all.len();
        let pages: Vec<_> = all.into_iter().filter_map(published_page).collect();
        ManifestObject { is_whole: pages.len() == count, pages }
    };
    objects(pages.iter().copied()).into_iter().map(object).filter(|object| !object.pages.is_empty()).collect()
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
    let put_one = async |manifest: Result<Option<(Key, String)>, KeyError>| -> Result<Option<Key>, IngestError> {
        let Some((key, body)) = manifest? else { return Ok(None) };
        if !may_put(publisher, &key, &body, present).await? {
            return Ok(None);
        }
        put(publisher, presentation.version(), key.clone(), body).await?;
        Ok(Some(key))
    };
    let manifests = manifest_objects.iter().map(|object| manifest(presentation, object, present));
    let keys = stream::iter(manifests).map(put_one).buffer_unordered(PUTS_IN_FLIGHT).boxed();
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
            && may_put(publisher, &key, &body, &present).await?
        {
            changed.push((key, body.len() as u64));
        }
    }
    Ok(changed)
}

/// Returns `true` if a document needs to be uploaded: either it doesn't exist yet, or its content differs and it wasn't
/// written by a newer version of this program.
async fn may_put(publisher: &Publisher, key: &Key, body: &str, present: &Manifests) -> Result<bool, StoreError> {
    if !present.contains_key(key) {
        return Ok(true);
    }
    // According to the listing, the content either differs or is unknown.
    let stored = publisher.store().get(key).await?;
    Ok(stored.is_none_or(|stored| stored.body != body.as_bytes() && !is_newer(stored.mark.as_deref())))
}

/// Revision of manifests and collections. Must be incremented whenever the same input produces different documents.
const REVISION: u32 = 1;

/// Returns the mark stored with each manifest and collection.
fn mark() -> String {
    format!("1;presentation={REVISION}")
}

/// Returns `true` if the mark was written by a newer version of this program.
fn is_newer(mark: Option<&str>) -> bool {
    let revision = mark.and_then(|mark| mark.split(';').find_map(|field| field.strip_prefix("presentation=")));
    revision.and_then(|revision| revision.parse::<u32>().ok()).is_some_and(|revision| revision > REVISION)
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
    let is_there = known.copied().flatten() == Some(Digest::of(body.as_bytes()));
    Ok((!is_there).then_some((key, body)))
}

/// Uploads the collection if it has changed and returns its URL. It contains every object with a manifest that is
/// either `present` in the store or was `written` by this run, in input order.
pub(super) async fn collection(
    publisher: &Publisher,
    presentation: &Presentation,
    (label, pages): (&str, &[Page]),
    (present, written): (&PresentDocuments, &HashSet<Key>),
) -> Result<String, IngestError> {
    let is_listed = |key: &Key| present.manifests.as_ref().is_none_or(|present| present.contains_key(key));
    let is_there = |key: &Key| written.contains(key) || is_listed(key);
    let known = present.collection.as_ref();
    let documents = changed_collection(publisher, presentation, (label, pages), is_there, known).await?;
    for (key, body) in documents {
        put(publisher, presentation.version(), key, body).await?;
    }
    Ok(presentation.destination().collection()?.url)
}

/// Returns all collection documents that are missing from the store or differ from the stored version. Doesn't read a
/// `known` document again.
pub(super) async fn changed_collection(
    publisher: &Publisher,
    presentation: &Presentation,
    (label, pages): (&str, &[Page]),
    is_there: impl Fn(&Key) -> bool,
    known: Option<&KnownDocument>,
) -> Result<Vec<(Key, String)>, IngestError> {
    let mut members: Vec<Member> = Vec::new();
    for pages in objects(pages) {
        // A collection entry doesn't depend on page sizes, so any size will do.
        let any_size = Size::new(1, 1).expect("it is not empty");
        let manifest_pages: Vec<ManifestPage> =
            pages.into_iter().map(|page| ManifestPage { page, base_uri: String::new(), size: any_size }).collect();
        if let Some((key, _, member)) = presentation.manifest(&manifest_pages)?
            && is_there(&key)
        {
            members.push(member);
        }
    }
    if members.is_empty() {
        return Err(IngestError::EmptyCollection);
    }
    let documents = presentation.collection(&LanguageMap::new(None, label), members)?;
    let compare = async |(key, document): (Key, Collection)| -> Result<Option<(Key, String)>, IngestError> {
        let stored = match known {
            Some((known, stored)) if *known == key => stored.clone(),
            _ => publisher.store().get(&key).await?,
        };
        let body = document.to_json(presentation.version());
        let is_old = stored.is_none_or(|stored| stored.body != body.as_bytes() && !is_newer(stored.mark.as_deref()));
        Ok(is_old.then_some((key, body)))
    };
    let changed = stream::iter(documents).map(compare).buffered(GETS_IN_FLIGHT).boxed();
    changed.try_filter_map(|changed| ready(Ok(changed))).try_collect().await
}

async fn put(publisher: &Publisher, version: PresentationVersion, key: Key, body: String) -> Result<(), StoreError> {
    let cache_control = publisher.options().info_cache_control.as_str().into();
    let object = Object {
        key,
        body: body.into(),
        content_type: version.content_type(),
        cache_control,
        mark: Some(mark().into()),
    };
    publisher.store().put(object).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_of_newer_versions_are_kept() {
        for (mark, expected) in [
            (Some(mark()), false),
            (Some("1;presentation=2".to_owned()), true),
            (Some("1;presentation=x".to_owned()), false),
            (None, false),
        ] {
            assert_eq!(is_newer(mark.as_deref()), expected, "{mark:?}");
        }
    }
}
