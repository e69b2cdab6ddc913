//! Finds the pages of files that are objects, such as a TIFF with several pages.
//!
//! Most files are one image, and those that are published already are recognized by their `info.json`, with one request
//! and without opening the file. For all others that may have pages, the manifest tells if all pages are unchanged. Only
//! if it doesn't, the file is opened, once for all of its pages.

use super::{Ingest, image};
use crate::collection::{Page, PageSelection, StoredPage};
use crate::destination::Identifier;
use crate::publish::{DocumentMark, Image, PublishError, Published, SharedFile, may_have_pages};
use crate::source::SourceError;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, FuturesUnordered};
use futures::{FutureExt, StreamExt, stream};
use std::collections::{HashSet, VecDeque};
use std::iter;
use std::sync::Arc;

/// Something that happened to an image or file of the input.
pub(super) enum Step<'a> {
    /// An image is to be published.
    Publish(Image),
    /// An image was published or failed.
    Ended(Image, Box<Result<Published, PublishError>>),
    /// A file has pages, which are images of their own.
    Expanded(Expanded<'a>),
}

impl Step<'_> {
    /// Returns the error of an image that failed.
    pub(super) fn failure(&self) -> Option<&PublishError> {
        match self {
            Self::Ended(_, result) => result.as_ref().as_ref().err(),
            _ => None,
        }
    }
}

/// A file whose pages are images. If it has one page only, that is the file itself.
#[derive(Clone)]
pub(super) struct Expanded<'a> {
    pub(super) file: &'a Page,
    /// The selected pages.
    pub(super) pages: Vec<Page>,
    /// State of the manifest, if it shows this file's pages only.
    pub(super) manifest: Option<ManifestState>,
}

impl Expanded<'_> {
    /// Returns `true` if the file is one image.
    pub(super) fn is_one_image(&self) -> bool {
        matches!(&self.pages[..], [only] if only.identifier == self.file.identifier)
    }
}

/// Knowledge about the manifest of a file's pages.
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

/// The images of a file.
enum Found<'a> {
    /// It's published as one image, and it's done.
    Done(Result<Published, PublishError>),
    /// All pages are as the stored manifest says.
    Unchanged(Expanded<'a>, Vec<StoredPage>),
    /// Its pages are images.
    Pages(Expanded<'a>, Arc<SharedFile>),
}

impl<'a> Ingest<'a> {
    /// Publishes all images of this shard, including the pages of files that are objects.
    pub(super) fn steps(&self) -> BoxStream<'_, Step<'a>> {
        let files = self.pages.chunk_by(|a, b| self.are_numbered_pages(a, b));
        let (images, done, running) = (VecDeque::new(), VecDeque::new(), FuturesUnordered::new());
        let work = Work { ingest: self, files, images, done, running };
        stream::unfold(work, async |mut work| work.next().await.map(|step| (step, work))).boxed()
    }

    /// Returns the pages to publish from a file of the input.
    pub(super) fn selection(&self, page: &Page) -> PageSelection {
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
            PageSelection::Auto | PageSelection::All if !may_have_pages(&file.source) => return single(file),
            selection => self.look_at_file(file, selection).await,
        };
        let found = match found {
            Ok(Found::Done(result)) => Ok(vec![Step::Ended(image(file), Box::new(result))]),
            Ok(Found::Unchanged(expanded, stored)) => self.unchanged_pages(expanded, stored),
            Ok(Found::Pages(expanded, shared)) => {
                let pages: Vec<_> = expanded.pages.iter().map(|page| page_image(page, &shared)).collect();
                Ok(iter::once(Step::Expanded(expanded)).chain(pages.into_iter().map(Step::Publish)).collect())
            }
            Err(error) => Err(error),
        };
        found.unwrap_or_else(|error| {
            self.publisher.report_failed(&file.identifier);
            vec![Step::Ended(image(file), Box::new(Err(error)))]
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
                        steps.push(Step::Ended(image(page), Box::new(Err(error))));
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
            && let Some(done) = self.publisher.publish_existing(&image).await.transpose()
        {
            return Ok(Found::Done(done));
        }
        let shared = self.publisher.find_file(&image).await?;
        let hash = self.publisher.hash_of_pages(&file.identifier, &shared, &selection.to_string());
        let manifest = self.stored_manifest(file).await?;
        if let Some(stored) = self.unchanged(file, &hash, manifest.as_ref()).await? {
            let manifest = manifest.map(|manifest| ManifestState::Kept(manifest.mark));
            let pages = stored.iter().map(|stored| stored.page.clone()).collect();
            return Ok(Found::Unchanged(Expanded { file, pages, manifest }, stored));
        }
        let pages = self.pages_of_file(file, selection, &shared).await?;
        let mark = match manifest {
            Some(manifest) => Some(self.invalidate(manifest, &hash).await?),
            None => None,
        };
        // If it's one image, later runs find its `info.json` unless they have to look for pages.
        let is_kept = self.may_keep_state(file) && (pages.len() > 1 || selection != PageSelection::Auto);
        let manifest = is_kept.then_some(ManifestState::Examined { hash, mark });
        Ok(Found::Pages(Expanded { file, pages, manifest }, shared))
    }

    /// Opens a file and returns its selected pages. A file with one page is a page with the file's identifier.
    async fn pages_of_file(
        &self,
        file: &Page,
        selection: PageSelection,
        shared: &Arc<SharedFile>,
    ) -> Result<Vec<Page>, PublishError> {
        let opened = self.publisher.open_file(&image(file), shared).await?;
        let pages = opened.count();
        if pages == 1 && matches!(selection, PageSelection::Auto | PageSelection::All) {
            return Ok(vec![Page { pages: PageSelection::One(1), ..file.clone() }]);
        }
        let input = file.source.to_string();
        let numbers = selection.of(pages).map_err(|page| SourceError::NoSuchPage { input, page, pages })?;
        let file = &Page { viewing_direction: opened.viewing_direction(), ..file.clone() };
        let page = |number| file.page_of_file(number, opened.label(number), opened.ranges(number));
        let pages: Vec<Page> = numbers.map(page).collect::<Result<_, _>>()?;
        self.check_names(file, &pages)?;
        Ok(pages)
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
            PageSelection::Auto => !may_have_pages(&file.source) || self.publisher.find(&image(file)).await?.is_some(),
            PageSelection::All => !may_have_pages(&file.source),
            PageSelection::Range(_) => false,
        };
        if is_single {
            return Ok((vec![image(file)], None));
        }
        let shared = self.publisher.find_file(&image(file)).await?;
        if matches!(selection, PageSelection::One(_)) {
            return Ok((rows.iter().map(|page| page_image(page, &shared)).collect(), None));
        }
        let pages = self.pages_of_file(file, selection, &shared).await?;
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

    /// Reports pages that are known to be up to date.
    fn unchanged_pages(&self, expanded: Expanded<'a>, stored: Vec<StoredPage>) -> Result<Vec<Step<'a>>, PublishError> {
        let ended = |StoredPage { page, size, scale }: StoredPage| {
            let published = self.publisher.report_unchanged(&page.identifier, size, scale)?;
            Ok(Step::Ended(image(&page), Box::new(Ok(published))))
        };
        let ended: Result<Vec<_>, PublishError> = stored.into_iter().map(ended).collect();
        Ok(iter::once(Step::Expanded(expanded)).chain(ended?).collect())
    }
}

/// Everything that a run still has to publish.
struct Work<'s, 'a, Files> {
    ingest: &'s Ingest<'a>,
    files: Files,
    /// Images that were found in files. They are started before further files are looked at.
    images: VecDeque<Image>,
    /// Results to return next.
    done: VecDeque<Step<'a>>,
    // Files and images share one set of futures. In two nested ones, an image that has memory or a turn to read could be
    // in the set that isn't polled while the other one is full, and all images of the other one could wait for it.
    running: FuturesUnordered<BoxFuture<'s, Vec<Step<'a>>>>,
}

impl<'s, 'a: 's, Files: Iterator<Item = &'s [&'a Page]>> Work<'s, 'a, Files> {
    /// Returns the next result, or `None` if there's nothing left to do or the publisher was stopped.
    async fn next(&mut self) -> Option<Step<'a>> {
        loop {
            if let Some(step) = self.done.pop_front() {
                return Some(step);
            }
            self.start();
            for step in self.running.next().await? {
                match step {
                    Step::Publish(image) => self.images.push_back(image),
                    done => self.done.push_back(done),
                }
            }
        }
    }

    /// Starts as many images and files as may be looked at.
    fn start(&mut self) {
        let ingest = self.ingest;
        while self.running.len() < ingest.publisher.images_looked_up() && !ingest.publisher.is_stopped() {
            if let Some(image) = self.images.pop_front() {
                let publish = async move {
                    let result = ingest.publisher.publish(&image).await;
                    vec![Step::Ended(image, Box::new(result))]
                };
                self.running.push(publish.boxed());
            } else if let Some(file) = self.files.next() {
                self.running.push(ingest.look(file).boxed());
            } else {
                break;
            }
        }
    }
}

/// Returns the image of a page.
fn page_image(page: &Page, shared: &Arc<SharedFile>) -> Image {
    let PageSelection::One(number) = page.pages else { return image(page) };
    Image { page: Some(shared.page(number)), ..image(page) }
}
