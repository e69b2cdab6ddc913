//! Thumbnails for the objects in a collection.

use super::IngestError;
use crate::collection::Presentation;
use crate::destination::Identifier;
use crate::iiif::{Collection, Member, Picture, PresentationVersion};
use crate::publish::Publisher;
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::HashMap;

/// Maximum number of concurrent GET requests for manifests.
const GETS_IN_FLIGHT: usize = 32;

/// Thumbnails by collection member ID.
#[derive(Default)]
pub(super) struct Thumbnails(HashMap<String, Thumbnail>);

enum Thumbnail {
    Known(Picture),
    /// This run hasn't seen the object's images, so its thumbnail comes from the stored manifest.
    OfManifest(Identifier),
}

impl Thumbnails {
    /// Adds a member's thumbnail.
    pub(super) fn add(&mut self, member: &Member, known: Option<Picture>, object: &Identifier) {
        let thumbnail = known.map_or_else(|| Thumbnail::OfManifest(object.clone()), Thumbnail::Known);
        self.0.insert(member.id().to_owned(), thumbnail);
    }

    /// Returns the collection with its members' thumbnails. Reads manifests only if necessary.
    pub(super) async fn add_to(
        &self,
        publisher: &Publisher,
        presentation: &Presentation,
        collection: Collection,
    ) -> Result<Collection, IngestError> {
        let of_manifest = |id: &str| match self.0.get(id) {
            Some(Thumbnail::OfManifest(object)) => Some((id.to_owned(), object)),
            _ => None,
        };
        let unknown: Vec<(String, &Identifier)> = collection.items().filter_map(of_manifest).collect();
        let read = async |(id, object): (String, &Identifier)| -> Result<(String, Option<Picture>), IngestError> {
            // The version 3 manifest is always written.
            let key = publisher.options().destination().manifest(object)?.key;
            let stored = publisher.store().get(&key).await?;
            let thumbnail = stored.and_then(|stored| PresentationVersion::manifest_thumbnail(&stored.body));
            Ok((id, thumbnail.map(|thumbnail| presentation.own_thumbnail(&thumbnail))))
        };
        let read = stream::iter(unknown).map(read).buffer_unordered(GETS_IN_FLIGHT).boxed();
        let read: HashMap<String, Option<Picture>> = read.try_collect().await?;
        Ok(collection.with_thumbnails(|id| match self.0.get(id) {
            Some(Thumbnail::Known(picture)) => Some(picture.clone()),
            _ => read.get(id).cloned().flatten(),
        }))
    }
}
