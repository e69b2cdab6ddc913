//! Puts manifests and the collection, where they are not there already.

use super::ShownObject;
use crate::cli::exit::Exit;
use crate::cli::output::print;
use crate::cli::report::Fatal;
use futures::{StreamExt, TryStreamExt, stream};
use iiif_publish::collection::{MANIFESTS, Page, Presentation, Shown, objects};
use iiif_publish::iiif::{LanguageMap, Manifest, Member, Size};
use iiif_publish::publish::Publisher;
use iiif_publish::store::{Digest, Key, Object, Prefix, StoreError, StoreErrorKind};
use std::collections::HashMap;

/// Puts in flight: manifests are small.
const PUTS_IN_FLIGHT: usize = 16;

/// Puts the manifest of each object, unless it is there with the same content. One that is there is not replaced by one with
/// fewer pages because some could not be published now.
pub(super) async fn manifests(
    publisher: &Publisher,
    presentation: &Presentation,
    shown: &[ShownObject<'_>],
) -> Result<(), Fatal> {
    let present = &present(publisher, presentation).await?.unwrap_or_default();
    // Each is written when its turn comes: all together would take much memory.
    let put_one = async |object: &ShownObject<'_>| -> Result<(), Fatal> {
        let Some((key, manifest, _)) = presentation.manifest(&object.pages)? else { return Ok(()) };
        let known = present.get(&key);
        if known.is_some() && !object.is_whole {
            return Ok(());
        }
        let body = manifest.to_json();
        if known.copied().flatten() == Some(Digest::of(body.as_bytes())) {
            return Ok(());
        }
        Ok(put(publisher, key, body).await?)
    };
    stream::iter(shown).map(put_one).buffer_unordered(PUTS_IN_FLIGHT).try_collect().await
}

/// Puts the collection of all objects whose manifests are there, in the order of the input, and prints its URL.
pub(super) async fn collection(
    publisher: &Publisher,
    presentation: &Presentation,
    label: &str,
    pages: &[Page],
) -> Result<Exit, Fatal> {
    let present = present(publisher, presentation).await?;
    let mut members: Vec<Member> = Vec::new();
    for pages in objects(pages) {
        // What a collection says of an object does not depend on the sizes of its pages.
        let any_size = Size::new(1, 1).expect("it is not empty");
        let shown: Vec<Shown> =
            pages.into_iter().map(|page| Shown { page, base_uri: String::new(), size: any_size }).collect();
        if let Some((key, _, member)) = presentation.manifest(&shown)?
            && present.as_ref().is_none_or(|present| present.contains_key(&key))
        {
            members.push(member);
        }
    }
    if members.is_empty() {
        let error = "no manifest of these objects is there, so that the collection would be empty".to_owned();
        return Err(Fatal::new(Exit::Failed, error, Some("it was not written; publish the images first")));
    }
    let documents = presentation.collection(&LanguageMap::new(None, label), members)?;
    let url = presentation.public_url.base_uri(None, &"collection.json".parse()?);
    for (key, document) in documents {
        put(publisher, key, document.to_json()).await?;
    }
    Ok(print(&format!("{url}\n")))
}

/// The manifests that are there, with what they are where the store tells; `None` where they may not be listed.
async fn present(
    publisher: &Publisher,
    presentation: &Presentation,
) -> Result<Option<HashMap<Key, Option<Digest>>>, Fatal> {
    let below: Prefix = format!("{}{MANIFESTS}", presentation.prefix.with_slash()).parse()?;
    let pages = publisher.store().pages(&below);
    let listed = pages.try_fold(HashMap::new(), |mut present, page| async {
        present.extend(page.into_iter().map(|object| (object.key, object.digest)));
        Ok(present)
    });
    match listed.await {
        Ok(present) => Ok(Some(present)),
        Err(error) if error.kind() == StoreErrorKind::Denied => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn put(publisher: &Publisher, key: Key, body: String) -> Result<(), StoreError> {
    let cache_control = publisher.options().info_cache_control.as_str().into();
    let object =
        Object { key, body: body.into(), content_type: Manifest::CONTENT_TYPE, cache_control, fingerprint: None };
    publisher.store().put(object).await.map(drop)
}
