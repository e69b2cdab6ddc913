//! Writes a collection's site from this run's images and the stored manifests.

use super::manifests::{CollectionContent, ManifestObject};
use super::present::PresentDocuments;
use super::summary::KnownImages;
use super::{Ingest, IngestError, IngestEvent};
use crate::collection::{Page, Presentation, objects};
use crate::destination::Destination;
use crate::publish::DocumentMark;
use crate::site::{self, SiteBuilder, SiteCounts, SiteObject, SiteOptions, SiteWriter};
use crate::store::Key;
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::HashSet;

/// Maximum number of manifests to read concurrently.
const READS_IN_FLIGHT: usize = 32;

/// Maximum number of pages to check concurrently before deleting them.
const CHECKS_IN_FLIGHT: usize = 32;

impl Ingest<'_> {
    /// Writes the site. Returns the pages for objects that aren't in the input.
    pub(super) async fn write_site(
        &self,
        (presentation, options): (&Presentation, &SiteOptions),
        content: &CollectionContent<'_>,
        (present, written): (&PresentDocuments, &HashSet<Key>),
    ) -> Result<Vec<Key>, IngestError> {
        let is_listed = |key: &Key| present.manifests.as_ref().is_none_or(|present| present.contains_key(key));
        let is_there = |key: &Key| written.contains(key) || is_listed(key);
        let counts = self.build_site((presentation, options), content, is_there, false).await?;
        let url = presentation.destination().document(Destination::SITE_INDEX)?.url;
        for column in &counts.unused_facets {
            (self.events)(IngestEvent::SiteFacetUnused { column });
        }
        let updated = counts.changed.len() as u64;
        (self.events)(IngestEvent::SiteWritten { url: &url, updated, unchanged: counts.unchanged });
        Ok(counts.stale)
    }

    /// Builds a site from the objects whose manifests are in the store. With `is_dry_run`, nothing is stored.
    pub(super) async fn build_site(
        &self,
        (presentation, options): (&Presentation, &SiteOptions),
        content: &CollectionContent<'_>,
        is_there: impl Fn(&Key) -> bool,
        is_dry_run: bool,
    ) -> Result<SiteCounts, IngestError> {
        let writer = SiteWriter::new(self.publisher, is_dry_run).await?;
        let shape = self.publisher.options().shape;
        let label = content.label.languages().find_map(|(_, texts)| texts.first()).map_or("", String::as_str);
        let mut site = SiteBuilder::new(options.clone(), label, shape, writer).await?;
        let mut shown = Vec::new();
        for pages in objects(self.input.pages()) {
            if is_there(&presentation.destination().manifest(&pages[0].object)?.key) {
                shown.push(pages);
            }
        }
        let read = |pages| self.site_object(presentation, pages, content.images);
        // Boxing the stream lets the compiler prove that the future is `Send`.
        let mut found = stream::iter(shown).map(read).buffered(READS_IN_FLIGHT).boxed();
        while let Some(object) = found.try_next().await? {
            if let Some(object) = object {
                site.add(object).await?;
            }
        }
        Ok(site.finish().await?)
    }

    /// Returns an object with its images. Uses the stored manifest if this run hasn't seen all of the object's images.
    async fn site_object(
        &self,
        presentation: &Presentation,
        rows: Vec<&Page>,
        known: &KnownImages<'_>,
    ) -> Result<Option<SiteObject>, IngestError> {
        let object = ManifestObject::of(rows.iter().flat_map(|row| known.of_file(row)).collect(), known);
        if let Some(object) = object.filter(|object| object.shown().is_some()) {
            return Ok(Presentation::site_object(object.pages()));
        }
        let key = presentation.destination().manifest(&rows[0].object)?.key;
        let Some(stored) = self.publisher.store().get(&key).await? else { return Ok(None) };
        let direction = DocumentMark::read(stored.mark.as_deref()).direction;
        Ok(Presentation::stored_site_object(&rows, &stored.body, direction))
    }

    /// Deletes the pages for objects that are no longer in the input.
    pub(super) async fn prune_site(&self, pages: Vec<Key>) -> Result<(), IngestError> {
        let ours = self.own_site_pages(pages).await?;
        for key in &ours {
            (self.events)(IngestEvent::DocumentDeleted { key });
        }
        Ok(self.publisher.store().delete(ours).await?)
    }

    /// Returns the pages that this program has written, in order.
    pub(super) async fn own_site_pages(&self, pages: Vec<Key>) -> Result<Vec<Key>, IngestError> {
        let store = self.publisher.store();
        let check = async |key: Key| Ok::<_, IngestError>(site::is_ours(store, &key).await?.then_some(key));
        let ours = stream::iter(pages).map(check).buffered(CHECKS_IN_FLIGHT).boxed();
        let ours: Vec<Option<Key>> = ours.try_collect().await?;
        let mut ours: Vec<Key> = ours.into_iter().flatten().collect();
        ours.sort();
        Ok(ours)
    }
}
