//! Builds a site from its objects, one at a time.

use super::assets::Assets;
use super::links::{Place, list_path, object_path};
use super::object::SiteObject;
use super::options::SiteOptions;
use super::page::{Card, Pages};
use super::search::{Entry, SearchIndex};
use super::value::other_titles;
use super::writer::{SiteError, SiteFile, SiteWriter};
use crate::destination::{Destination, Identifier};
use crate::iiif::PyramidShape;
use crate::store::Key;
use serde_json::json;
use std::fmt::Write;

/// Number of objects per list page.
const LIST_OBJECTS: usize = 100;

/// Maximum number of pages in a sitemap, as limited by [the protocol](https://www.sitemaps.org/protocol.html).
const SITEMAP_URLS: usize = 50_000;

/// Result of building a site.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SiteCounts {
    /// Number of files that were already up to date.
    pub(crate) unchanged: u64,
    /// Keys of uploaded files with their sizes in bytes.
    pub(crate) changed: Vec<(Key, u64)>,
    /// Pages for objects that are no longer part of the site.
    pub(crate) stale: Vec<Key>,
    /// Columns chosen as filters that no object has.
    pub(crate) unused_facets: Vec<String>,
}

/// Builds a site, which is incomplete until [`finish`](Self::finish) returns.
pub(crate) struct SiteBuilder<'a> {
    pages: Pages,
    writer: SiteWriter<'a>,
    search: SearchIndex,
    sitemap: Sitemap,
    /// The last object, which is written once its successor is known, and its predecessor.
    pending: Option<(SiteObject, Option<Identifier>)>,
    /// The object whose picture represents the site.
    cover: Option<SiteObject>,
    first_cards: Vec<Card>,
    cards: Vec<Card>,
    count: usize,
}

impl<'a> SiteBuilder<'a> {
    /// Creates a builder and stores the script and stylesheet that every page refers to. `label` is the site's name
    /// unless the options set one.
    pub(crate) async fn new(
        options: SiteOptions,
        label: &str,
        shape: PyramidShape,
        mut writer: SiteWriter<'a>,
    ) -> Result<Self, SiteError> {
        let destination = writer.destination().clone();
        let assets = Assets::new(&options, destination.public_url());
        for file in assets.files() {
            writer.write(file).await?;
        }
        writer.flush().await?;
        let name = options.name.clone().unwrap_or_else(|| label.to_owned());
        let search = SearchIndex::new(&options.facets);
        let pages = Pages { options, name, assets, destination, shape };
        let (first_cards, cards, sitemap) = (Vec::new(), Vec::new(), Sitemap::default());
        Ok(Self { pages, writer, search, sitemap, pending: None, cover: None, first_cards, cards, count: 0 })
    }

    /// Adds the next object.
    pub(crate) async fn add(&mut self, object: SiteObject) -> Result<(), SiteError> {
        if object.images.is_empty() {
            return Ok(());
        }
        let before = match self.pending.take() {
            Some((last, before)) => {
                self.write_object(&last, before.as_ref(), Some(&object.identifier)).await?;
                Some(last.identifier)
            }
            None => None,
        };
        // A full page ends only once another object follows, because the last page has no link to a next page.
        if self.count > 0 && self.count.is_multiple_of(LIST_OBJECTS) {
            self.end_page(false).await?;
        }
        let place = if self.count < LIST_OBJECTS { 0 } else { 2 };
        let place = Place::below(place, &self.pages.destination);
        self.cards.extend(self.pages.card(&object, &place, self.cards.len()));
        self.sitemap.add(&self.pages.destination, &object_path(&object.identifier))?;
        self.search.add(self.entry(&object), &mut self.writer).await?;
        if self.cover.is_none() {
            self.cover = Some(object.clone());
        }
        self.count += 1;
        self.pending = Some((object, before));
        Ok(())
    }

    /// Stores everything that depends on all objects, and deletes files that are no longer referenced. The first page
    /// is written last.
    pub(crate) async fn finish(mut self) -> Result<SiteCounts, SiteError> {
        if let Some((last, before)) = self.pending.take() {
            self.write_object(&last, before.as_ref(), None).await?;
        }
        self.end_page(true).await?;
        let mut directory = self.search.finish(&mut self.writer).await?;
        let assets: Vec<String> = self.pages.assets.files().into_iter().map(|file| file.path).collect();
        directory["assets"] = json!(assets);
        let has_values =
            |place: usize| directory["facets"][place]["values"].as_array().is_some_and(|all| !all.is_empty());
        let facets = self.pages.options.facets.iter().enumerate();
        let unused_facets = facets.filter(|(place, _)| !has_values(*place)).map(|(_, name)| name.clone()).collect();
        self.writer.flush().await?;
        // Browsers may still hold the previous directory, so the files it names are kept until the next run.
        let before = self.writer.read(Destination::SITE_DIRECTORY).await?.unwrap_or_default();
        let path = Destination::SITE_DIRECTORY.to_owned();
        let (body, content_type) = (directory.to_string().into(), "application/json");
        self.writer.write(SiteFile { path, body, content_type, is_immutable: false, is_compressed: false }).await?;
        for (path, xml) in self.sitemap.finish(&self.pages.destination)? {
            let (body, content_type) = (xml.into(), "application/xml");
            self.writer.write(SiteFile { path, body, content_type, is_immutable: false, is_compressed: false }).await?;
        }
        let is_last = self.count <= LIST_OBJECTS;
        let html = self.pages.list(1, &self.first_cards, is_last, self.count, self.cover.as_ref())?;
        self.writer.write(SiteFile::page(list_path(1), html)).await?;
        self.writer.flush().await?;
        self.writer.delete_others(|path| is_named(&before, path)).await?;
        let (unchanged, changed, stale) = self.writer.into_result();
        Ok(SiteCounts { unchanged, changed, stale, unused_facets })
    }

    async fn write_object(
        &mut self,
        object: &SiteObject,
        before: Option<&Identifier>,
        after: Option<&Identifier>,
    ) -> Result<(), SiteError> {
        let Some(html) = self.pages.object(object, before, after)? else { return Ok(()) };
        self.writer.write(SiteFile::page(object_path(&object.identifier), html)).await
    }

    /// Ends a list page. The first page isn't written until the number of objects is known.
    async fn end_page(&mut self, is_last: bool) -> Result<(), SiteError> {
        let cards = std::mem::take(&mut self.cards);
        let number = self.count.div_ceil(LIST_OBJECTS).max(1);
        if number == 1 {
            self.first_cards = cards;
            return Ok(());
        }
        let html = self.pages.list(number, &cards, is_last, self.count, None)?;
        self.writer.write(SiteFile::page(list_path(number), html)).await
    }

    /// Returns an object's entry in the search index.
    fn entry(&self, object: &SiteObject) -> Entry {
        let (pages, description) = (&self.pages, &object.description);
        let title = pages.title(object);
        let others = other_titles(&description.label, &title).into_iter().map(|value| value.text);
        let maps = std::iter::once(&description.summary).chain(description.metadata.iter().map(|entry| &entry.value));
        let maps = maps.chain(description.attribution.iter().map(|entry| &entry.value));
        let texts = maps.flat_map(|map| map.languages().flat_map(|(_, texts)| texts.iter().cloned()));
        let texts = others.chain(texts).chain([object.identifier.as_str().to_owned()]).collect();
        let place = Place::below(0, &pages.destination);
        let record = object.shown().map(|image| {
            let sizes: Vec<(u32, u32)> =
                pages.list_pictures(image).iter().map(|it| (it.size.width(), it.size.height())).collect();
            json!([
                object.identifier.as_str(),
                title.text,
                title.lang,
                title.dir,
                place.relative(&image.base_uri),
                sizes,
                object.images.len(),
                pages.caption(object).unwrap_or_default(),
            ])
        });
        let facets = pages.options.facets.iter().map(|column| pages.column(object, column)).collect();
        Entry { title: title.text, texts, facets, record: record.unwrap_or_default() }
    }
}

/// Returns `true` if the directory lists the file.
fn is_named(directory: &[u8], path: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path);
    let name = if path.starts_with("site/search/") { file.trim_end_matches(".json") } else { file };
    !path.starts_with("site/pages/") && directory.windows(name.len().max(1)).any(|window| window == name.as_bytes())
}

/// Lists all pages for search engines.
#[derive(Default)]
struct Sitemap {
    /// URLs in the current file.
    urls: String,
    count: usize,
    full: Vec<String>,
}

impl Sitemap {
    const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    const NAMESPACE: &str = "xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\"";

    fn add(&mut self, destination: &Destination, path: &str) -> Result<(), SiteError> {
        let url = destination.document(path)?.url;
        writeln!(self.urls, "<url><loc>{}</loc></url>", super::markup::escaped(&url))
            .expect("writing to a string does not fail");
        self.count += 1;
        if self.count.is_multiple_of(SITEMAP_URLS) {
            self.full.push(std::mem::take(&mut self.urls));
        }
        Ok(())
    }

    /// Returns the paths and contents of the sitemap files. If the pages don't fit into one sitemap, adds a sitemap
    /// index.
    fn finish(mut self, destination: &Destination) -> Result<Vec<(String, String)>, SiteError> {
        let head = format!("{}<!-- {} -->\n", Self::HEAD, super::GENERATOR);
        let list = |urls: &str| format!("{head}<urlset {}>\n{urls}</urlset>\n", Self::NAMESPACE);
        let index = destination.document(Destination::SITE_INDEX)?.url;
        let index = format!("<url><loc>{}</loc></url>\n", super::markup::escaped(&index));
        self.urls.push_str(&index);
        if self.full.is_empty() {
            return Ok(vec![(Destination::SITEMAP.to_owned(), list(&self.urls))]);
        }
        self.full.push(self.urls);
        let (mut files, mut parts) = (Vec::new(), String::new());
        for (urls, number) in self.full.iter().zip(1..) {
            let path = format!("sitemap-{number}.xml");
            let url = destination.document(&path)?.url;
            writeln!(parts, "<sitemap><loc>{}</loc></sitemap>", super::markup::escaped(&url))
                .expect("writing to a string does not fail");
            files.push((path, list(urls)));
        }
        let all = format!("{head}<sitemapindex {}>\n{parts}</sitemapindex>\n", Self::NAMESPACE);
        files.push((Destination::SITEMAP.to_owned(), all));
        Ok(files)
    }
}
