//! Finds the pages of files that are objects, such as a TIFF with several pages.
//!
//! Most files are one image, and those that are published already are recognized by their `info.json`, with one request
//! and without opening the file. For all others that may have pages, the manifest tells if all pages are unchanged. Only
//! if it doesn't, the file is opened, once for all of its pages.

use super::{IMAGES_IN_FLIGHT, Ingest, image, manifests};
use crate::collection::{Page, PageSelection, StoredPage};
use crate::destination::Identifier;
use crate::iiif::Size;
use crate::publish::{DocumentMark, Image, Layout, PublishError, Published, SharedFile};
use crate::source::{self, SourceError};
use crate::store::{Key, OnExisting, StoreError, Stored};
use futures::{Stream, StreamExt, stream};
use std::collections::{HashMap, HashSet};
use std::future::ready;
use std::iter;
use std::sync::Arc;

/// Something that happened to an image or file of the input.
pub(super) enum Step<'a> {
    /// An image is to be published.
    Publish(Image),
    /// An image was published or failed.
    Ended(Image, Result<Published, PublishError>),
    /// A file has pages, which are images of their own.
    Expanded(Expanded<'a>),
}

impl Step<'_> {
    /// Returns the error of an image that failed.
    pub(super) fn failure(&self) -> Option<&PublishError> {
        match self {
            Self::Ended(_, Err(error)) => Some(error),
            _ => None,
        }
    }
}

/// A file whose pages are images.
#[derive(Clone)]
pub(super) struct Expanded<'a> {
    pub(super) file: &'a Page,
    /// The selected pages.
    pub(super) pages: Vec<Page>,
    /// State of the manifest, if it shows this file's pages only.
    pub(super) manifest: Option<ManifestState>,
}

/// What is known about the manifest of a file's pages.
#[derive(Clone)]
pub(super) enum ManifestState {
    /// Its mark stays as it is.
    Kept(DocumentMark),
    /// The pages were looked at.
    Examined {
        /// Hash to keep with the manifest if all pages are published.
        hash: String,
        /// Mark that the manifest has now, or `None` if it doesn't exist.
        mark: Option<DocumentMark>,
    },
}

/// A stored manifest.
struct StoredManifest {
    key: Key,
    stored: Stored,
    mark: DocumentMark,
}

/// Published images with their base URIs and sizes, and the file whose pages they are.
pub(super) type FoundImages<'a> = (Vec<(Identifier, (String, Size))>, Option<Expanded<'a>>);

/// What to do with a file.
enum Found<'a> {
    /// It's one image.
    Image,
    /// It's one image, and it's done.
    Done(Published),
    /// All pages are as the stored manifest says.
    Unchanged(Expanded<'a>, Vec<StoredPage>),
    /// Its pages are images.
    Pages(Expanded<'a>, Arc<SharedFile>),
}

impl<'a> Ingest<'a> {
    /// Publishes all images of this shard, including the pages of files that are objects.
    pub(super) fn steps(&self) -> impl Stream<Item = Step<'a>> {
        let publisher = self.publisher;
        let is_running = move || !publisher.is_stopped();
        let files = self.pages.chunk_by(|a, b| self.are_numbered_pages(a, b));
        // Both stages are bounded. A file's pages are started in order, and several at a time.
        let steps = stream::iter(files)
            .take_while(move |_| ready(is_running()))
            .map(|file| self.look(file))
            .buffer_unordered(IMAGES_IN_FLIGHT)
            .flat_map(stream::iter)
            .filter(move |step| ready(!matches!(step, Step::Publish(_)) || is_running()));
        steps
            .map(move |step| async move {
                let Step::Publish(image) = step else { return step };
                let result = publisher.publish(&image).await;
                Step::Ended(image, result)
            })
            .buffer_unordered(IMAGES_IN_FLIGHT)
            .boxed()
    }

    /// Returns the pages to publish from a file of the input.
    fn selection(&self, page: &Page) -> PageSelection {
        if page.pages == PageSelection::Auto { self.options.pages } else { page.pages }
    }

    /// Returns `true` if two rows are pages of the same file, which is then opened once for both.
    pub(super) fn are_numbered_pages(&self, a: &Page, b: &Page) -> bool {
        let is_numbered = |page| matches!(self.selection(page), PageSelection::One(number) if !self.is_default(number));
        a.source == b.source && is_numbered(a) && is_numbered(b)
    }

    /// Returns `true` if this is the page that is published from files that aren't shared.
    fn is_default(&self, number: u32) -> bool {
        number == self.publisher.options().read.page
    }

    /// Finds out how a file of the input is to be published. `rows` has several entries if they are pages of the file.
    async fn look(&self, rows: &[&'a Page]) -> Vec<Step<'a>> {
        let file = rows[0];
        let single = |page: &Page| vec![Step::Publish(image(page))];
        let found = match self.selection(file) {
            PageSelection::One(number) if self.is_default(number) => return single(file),
            PageSelection::One(_) => return self.numbered_pages(rows).await,
            PageSelection::Auto | PageSelection::All if !may_have_pages(file) => return single(file),
            selection => self.look_at_file(file, selection).await,
        };
        let found = match found {
            Ok(Found::Image) => return single(file),
            Ok(Found::Done(published)) => Ok(vec![Step::Ended(image(file), Ok(published))]),
            Ok(Found::Unchanged(expanded, stored)) => self.unchanged_pages(expanded, stored),
            Ok(Found::Pages(expanded, shared)) => {
                let pages: Vec<_> = expanded.pages.iter().map(|page| page_image(page, &shared)).collect();
                Ok(iter::once(Step::Expanded(expanded)).chain(pages.into_iter().map(Step::Publish)).collect())
            }
            Err(error) => Err(error),
        };
        found.unwrap_or_else(|error| {
            self.publisher.report_failed(&file.identifier);
            vec![Step::Ended(image(file), Err(error))]
        })
    }

    /// Returns the images of rows that name pages of the same file.
    async fn numbered_pages(&self, rows: &[&'a Page]) -> Vec<Step<'a>> {
        let (mut steps, mut shared) = (Vec::with_capacity(rows.len()), None);
        for page in rows {
            if shared.is_none() {
                match self.publisher.find_file(&image(page)).await {
                    Ok(found) => shared = Some(found),
                    Err(error) => {
                        self.publisher.report_failed(&page.identifier);
                        steps.push(Step::Ended(image(page), Err(error)));
                    }
                }
            }
            steps.extend(shared.as_ref().map(|shared| Step::Publish(page_image(page, shared))));
        }
        steps
    }

    async fn look_at_file(&self, file: &'a Page, selection: PageSelection) -> Result<Found<'a>, PublishError> {
        let image = image(file);
        // A file that is published as one image keeps its identifier, because others may refer to it.
        if selection == PageSelection::Auto
            && let Some(published) = self.publisher.publish_existing(&image).await?
        {
            return Ok(Found::Done(published));
        }
        let shared = self.publisher.find_file(&image).await?;
        let hash = self.publisher.hash_of_pages(&file.identifier, &shared, &selection.to_string());
        let manifest = self.stored_manifest(file).await?;
        if let Some(stored) = self.unchanged(file, &hash, manifest.as_ref()).await? {
            let manifest = manifest.map(|manifest| ManifestState::Kept(manifest.mark));
            let pages = stored.iter().map(|stored| stored.page.clone()).collect();
            return Ok(Found::Unchanged(Expanded { file, pages, manifest }, stored));
        }
        let pages = match self.pages_of_file(file, selection, &shared).await? {
            None => return Ok(Found::Image),
            Some(pages) => pages,
        };
        self.check_names(file, &pages)?;
        let mark = match manifest {
            Some(manifest) => Some(self.invalidate(manifest, &hash).await?),
            None => None,
        };
        let manifest = self.may_keep_state(file).then_some(ManifestState::Examined { hash, mark });
        Ok(Found::Pages(Expanded { file, pages, manifest }, shared))
    }

    /// Opens a file and returns its selected pages, or `None` if it is one image.
    async fn pages_of_file(
        &self,
        file: &Page,
        selection: PageSelection,
        shared: &Arc<SharedFile>,
    ) -> Result<Option<Vec<Page>>, PublishError> {
        let opened = self.publisher.open_file(&image(file), shared).await?;
        let pages = opened.count();
        if pages == 1 && matches!(selection, PageSelection::Auto | PageSelection::All) {
            return Ok(None);
        }
        let input = file.source.to_string();
        let numbers = selection.of(pages).map_err(|page| SourceError::NoSuchPage { input, page, pages })?;
        let page = |number| file.page_of_file(number, opened.label(number));
        Ok(Some(numbers.map(page).collect::<Result<_, _>>()?))
    }

    /// Looks up a file's published images, without opening the file. The pages of a file are those in its manifest.
    pub(super) async fn find_images(&self, file: &'a Page) -> Result<FoundImages<'a>, PublishError> {
        let selection = self.selection(file);
        let has_pages = !matches!(selection, PageSelection::One(_)) && may_have_pages(file);
        if has_pages && selection != PageSelection::Auto {
            if let Some(found) = self.find_pages(file).await? {
                return Ok(found);
            }
        }
        match self.publisher.find(&image(file)).await? {
            Some(found) => Ok((vec![(file.identifier.clone(), found)], None)),
            None if has_pages => Ok(self.find_pages(file).await?.unwrap_or_default()),
            None => Ok(FoundImages::default()),
        }
    }

    async fn find_pages(&self, file: &'a Page) -> Result<Option<FoundImages<'a>>, PublishError> {
        let Some((presentation, manifest)) = self.presentation.as_ref().zip(self.stored_manifest(file).await?) else {
            return Ok(None);
        };
        let Some(stored) = presentation.stored_pages(file, &manifest.stored.body) else { return Ok(None) };
        let found = |stored: &StoredPage| {
            let base_uri = presentation.destination().base_uris(&stored.page.identifier).remove(0);
            (stored.page.identifier.clone(), (base_uri, stored.size))
        };
        let images = stored.iter().map(found).collect();
        let pages = stored.into_iter().map(|stored| stored.page).collect();
        let manifest = Some(ManifestState::Kept(manifest.mark));
        Ok(Some((images, Some(Expanded { file, pages, manifest }))))
    }

    /// Returns the images that publishing a file of the input would look at, and its pages if it has any. Opens the file
    /// only if it must.
    pub(super) async fn examine_file(
        &self,
        rows: &[&'a Page],
    ) -> Result<(Vec<Image>, Option<Expanded<'a>>), PublishError> {
        let (file, selection) = (rows[0], self.selection(rows[0]));
        let is_single = match selection {
            PageSelection::One(number) => self.is_default(number),
            PageSelection::Auto => !may_have_pages(file) || self.publisher.find(&image(file)).await?.is_some(),
            PageSelection::All => !may_have_pages(file),
            PageSelection::Range(_) => false,
        };
        if is_single {
            return Ok((vec![image(file)], None));
        }
        let shared = self.publisher.find_file(&image(file)).await?;
        if matches!(selection, PageSelection::One(_)) {
            return Ok((rows.iter().map(|page| page_image(page, &shared)).collect(), None));
        }
        let Some(pages) = self.pages_of_file(file, selection, &shared).await? else {
            return Ok((vec![image(file)], None));
        };
        self.check_names(file, &pages)?;
        let images = pages.iter().map(|page| page_image(page, &shared)).collect();
        Ok((images, Some(Expanded { file, pages, manifest: None })))
    }

    /// Returns the identifiers of the whole input.
    pub(super) fn names(&self) -> &HashSet<&'a Identifier> {
        self.names.get_or_init(|| self.input.pages().iter().map(|page| &page.identifier).collect())
    }

    /// Checks that no other image of the input has the identifier of a page.
    fn check_names(&self, file: &Page, pages: &[Page]) -> Result<(), PublishError> {
        let names = self.names();
        match pages.iter().find(|page| names.contains(&page.identifier)) {
            None => Ok(()),
            Some(page) => {
                let (input, identifier) = (file.source.to_string(), page.identifier.clone());
                Err(PublishError::PageName { input, identifier })
            }
        }
    }

    /// Returns the manifest of a file's object, or `None` if there is none or it shows other files too.
    async fn stored_manifest(&self, file: &Page) -> Result<Option<StoredManifest>, PublishError> {
        let Some(presentation) = self.presentation.as_ref().filter(|_| self.may_keep_state(file)) else {
            return Ok(None);
        };
        let key = presentation.destination().manifest(&file.object)?.key;
        let stored = self.publisher.store().get(&key).await?;
        Ok(stored.map(|stored| StoredManifest { mark: DocumentMark::read(stored.mark.as_deref()), key, stored }))
    }

    /// Returns `true` if the state of all pages is kept with the manifest: if the object has no other files.
    fn may_keep_state(&self, file: &Page) -> bool {
        let shared = self.shared_objects.get_or_init(|| objects_of_several(self.input.pages()));
        // With versions, each page may have old versions to delete.
        let is_in_place = self.publisher.options().layout == Layout::InPlace;
        is_in_place && file.object == file.identifier && !shared.contains(&file.object)
    }

    /// Returns the pages that the manifest shows if none of them can have changed.
    async fn unchanged(
        &self,
        file: &Page,
        hash: &str,
        manifest: Option<&StoredManifest>,
    ) -> Result<Option<Vec<StoredPage>>, PublishError> {
        let (Some(presentation), Some(StoredManifest { stored, mark, .. })) = (&self.presentation, manifest) else {
            return Ok(None);
        };
        let is_update = self.publisher.options().on_existing == OnExisting::Update;
        let Some(pages) = mark.pages.as_ref().filter(|pages| is_update && pages.hash == hash) else {
            return Ok(None);
        };
        // Pages settle after the grace period. Before that, there's nothing to find out.
        if !pages.is_settled && self.publisher.is_past_grace(stored.modified).await? {
            return Ok(None);
        }
        Ok(presentation.stored_pages(file, &stored.body))
    }

    /// Removes the state of a manifest unless it has this hash, because pages are about to change. Returns the new mark.
    async fn invalidate(&self, manifest: StoredManifest, hash: &str) -> Result<DocumentMark, StoreError> {
        let StoredManifest { key, mut stored, mark } = manifest;
        let is_overwritten = self.publisher.options().on_existing == OnExisting::Overwrite;
        let Some(pages) = mark.pages.as_ref().filter(|pages| pages.hash != hash || is_overwritten) else {
            return Ok(mark);
        };
        // Another run may have seen this manifest and be about to confirm its state.
        let may_be_confirmed = !pages.is_settled && self.publisher.is_past_grace(stored.modified).await?;
        let without = DocumentMark::new(None);
        loop {
            manifests::put(self.publisher, self.options.presentation_version, key.clone(), stored.body, &without)
                .await?;
            if !may_be_confirmed {
                return Ok(without);
            }
            self.publisher.wait_for_confirmation().await;
            match self.publisher.store().get(&key).await? {
                Some(again) if DocumentMark::read(again.mark.as_deref()).pages.is_some() => stored = again,
                _ => return Ok(without),
            }
        }
    }

    /// Reports pages that are known to be up to date.
    fn unchanged_pages(&self, expanded: Expanded<'a>, stored: Vec<StoredPage>) -> Result<Vec<Step<'a>>, PublishError> {
        let ended = |StoredPage { page, size, .. }: StoredPage| {
            let published = self.publisher.report_unchanged(&page.identifier, size)?;
            Ok(Step::Ended(image(&page), Ok(published)))
        };
        let ended: Result<Vec<_>, PublishError> = stored.into_iter().map(ended).collect();
        Ok(iter::once(Step::Expanded(expanded)).chain(ended?).collect())
    }
}

/// Returns the image of a page.
fn page_image(page: &Page, shared: &Arc<SharedFile>) -> Image {
    let PageSelection::One(number) = page.pages else { return image(page) };
    Image { page: Some(shared.page(number)), ..image(page) }
}

/// Returns `false` if a file's name rules out several pages.
fn may_have_pages(file: &Page) -> bool {
    let name = file.source.file_name();
    let extension = name.as_ref().and_then(|name| name.extension()).and_then(|extension| extension.to_str());
    source::may_have_pages(extension.unwrap_or_default())
}

/// Returns the objects that have several entries in the input.
fn objects_of_several(pages: &[Page]) -> HashSet<&Identifier> {
    let mut counts: HashMap<&Identifier, usize> = HashMap::with_capacity(pages.len());
    pages.iter().for_each(|page| *counts.entry(&page.object).or_default() += 1);
    counts.into_iter().filter(|(_, count)| *count > 1).map(|(object, _)| object).collect()
}
