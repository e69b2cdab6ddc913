//! Renders the object list and object pages as HTML.

use super::assets::Assets;
use super::links::{Picture, Place, list_path, object_path, pictures};
use super::markup::{Markup, plain_text, script_json, web_url};
use super::object::{SiteImage, SiteObject};
use super::options::SiteOptions;
use super::texts::Texts;
use super::value::{Value, other_titles, title, values};
use super::{GENERATOR, rights};
use crate::destination::{Destination, Identifier};
use crate::iiif::{Behavior, LanguageMap, Metadata, PyramidShape, ViewingDirection};
use crate::store::KeyError;
use askama::Template;
use serde_json::json;

/// Typical height of a list row in CSS pixels, at least the height set in the stylesheet.
const ROW_HEIGHT: f64 = 260.0;

/// Range for the longer side of pictures in the list, in pixels.
const LIST_SIDES: std::ops::RangeInclusive<u32> = 180..=1200;

/// Longer side of the picture shown until the viewer opens, in pixels.
const STILL_SIDE: u32 = 1200;

/// Minimum height of pictures in the page strip, in pixels.
const STRIP_HEIGHT: u32 = 120;

/// Longer side of the smallest picture worth downloading, in pixels.
const MIN_DOWNLOAD: u32 = 400;

/// Number of objects at the start of the list whose pictures load immediately.
const FIRST_CARDS: usize = 4;

/// Maximum length of the description for search engines, in characters.
const MAX_DESCRIPTION: usize = 300;

/// Settings shared by all pages.
pub(super) struct Pages {
    pub(super) options: SiteOptions,
    pub(super) name: String,
    pub(super) assets: Assets,
    pub(super) destination: Destination,
    pub(super) shape: PyramidShape,
}

/// Parts that every page has.
struct Layout {
    title: String,
    heading: String,
    name: String,
    description: String,
    url: String,
    kind: &'static str,
    image: Option<OpenGraphImage>,
    data: Markup,
    root: String,
    stylesheet: String,
    script: String,
    logo: Option<String>,
    footer: Option<Markup>,
    policy: String,
    generator: &'static str,
}

struct OpenGraphImage {
    url: String,
    width: u32,
    height: u32,
}

/// A picture available in several sizes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) src: String,
    pub(super) srcset: String,
    pub(super) sizes: String,
    pub(super) width: u32,
    pub(super) height: u32,
}

/// An object in the list.
#[derive(Clone, Debug)]
pub(super) struct Card {
    href: String,
    /// CSS class for the aspect ratio, in tenths.
    ratio: String,
    picture: Source,
    title: Value,
    caption: Option<String>,
    /// Number of pages as text, or an empty string for a single image.
    pages: String,
    is_first: bool,
}

#[derive(Template)]
#[template(path = "list.html", config = "src/site/askama.toml")]
struct ListPage<'a> {
    layout: Layout,
    t: &'a Texts,
    introduction: Option<Markup>,
    count: String,
    list: &'a [Card],
    page_label: String,
    previous: Option<String>,
    next: Option<String>,
}

struct Entry {
    label: Value,
    values: Vec<Value>,
}

struct Named {
    href: String,
    name: String,
}

struct Download {
    href: String,
    width: u32,
    height: u32,
}

struct First {
    href: String,
    picture: Source,
}

/// An image of an object.
struct PageView {
    href: String,
    base: String,
    /// Available sizes, such as `375x250 6000x4000`, followed by the path of the last size.
    sizes: String,
    thumbnail: Source,
    label: Value,
}

#[derive(Template)]
#[template(path = "object.html", config = "src/site/askama.toml")]
struct ObjectPage<'a> {
    layout: Layout,
    t: &'a Texts,
    title: Value,
    others: Vec<Value>,
    summary: Vec<Value>,
    metadata: Vec<Entry>,
    credit: Vec<Value>,
    rights: Option<Named>,
    citation: String,
    manifest: String,
    viewer: String,
    direction: &'static str,
    strip_dir: &'static str,
    is_paged: bool,
    images: Vec<PageView>,
    first: First,
    downloads: Vec<Download>,
    previous: Option<String>,
    next: Option<String>,
}

impl Pages {
    pub(super) fn texts(&self) -> &'static Texts {
        self.options.language.texts()
    }

    pub(super) fn language(&self) -> &'static str {
        self.options.language.as_str()
    }

    pub(super) fn title(&self, object: &SiteObject) -> Value {
        title(&object.description.label, self.language(), object.identifier.as_str())
    }

    /// Returns a column's values as text.
    pub(super) fn column(&self, object: &SiteObject, column: &str) -> Vec<String> {
        let is_column = |label: &str| {
            label.eq_ignore_ascii_case(column.trim()) || label.to_lowercase() == column.trim().to_lowercase()
        };
        let entries = object.description.metadata.iter();
        let entry =
            entries.filter(|entry| entry.label.languages().any(|(_, texts)| texts.iter().any(|text| is_column(text))));
        entry
            .flat_map(|entry| values(&entry.value, self.language()))
            .map(|value| value.text)
            .filter(|text| !text.is_empty())
            .collect()
    }

    /// Returns the caption shown below an object's title.
    pub(super) fn caption(&self, object: &SiteObject) -> Option<String> {
        let columns = self.options.captions.iter().flat_map(|column| self.column(object, column));
        Some(columns.collect::<Vec<_>>().join(", ")).filter(|caption| !caption.is_empty())
    }

    /// Returns the sizes of an image that are suitable for the list.
    pub(super) fn list_pictures(&self, image: &SiteImage) -> Vec<Picture> {
        let all = pictures(image.size, self.shape);
        let fitting: Vec<Picture> =
            all.iter().filter(|picture| LIST_SIDES.contains(&picture.size.longer_side())).cloned().collect();
        if fitting.is_empty() { all.into_iter().take(1).collect() } else { fitting }
    }

    /// Returns an object's entry for a list page.
    pub(super) fn card(&self, object: &SiteObject, place: &Place, index: usize) -> Option<Card> {
        let image = object.shown()?;
        let (width, height) = (f64::from(image.size.width()), f64::from(image.size.height()));
        let ratio = (width / height).clamp(0.5, 3.0);
        let pictures = self.list_pictures(image);
        let sizes = format!("{:.0}px", ratio * ROW_HEIGHT);
        let count = object.images.len();
        Some(Card {
            href: place.link(&object_path(&object.identifier)),
            ratio: format!("r{:02.0}", ratio * 10.0),
            picture: source(&place.relative(&image.base_uri), &pictures, sizes, pictures.first()),
            title: self.title(object),
            caption: self.caption(object),
            pages: if count > 1 { self.texts().page_count(count) } else { String::new() },
            is_first: index < FIRST_CARDS,
        })
    }

    /// Renders a list page. Only the first page shows the number of objects, because otherwise a new object would
    /// change every page.
    pub(super) fn list(
        &self,
        number: usize,
        list: &[Card],
        is_last: bool,
        count: usize,
        cover: Option<&SiteObject>,
    ) -> Result<String, KeyError> {
        let t = self.texts();
        let is_first = number == 1;
        let place = Place::below(if is_first { 0 } else { 2 }, &self.destination);
        let page_label = t.page.replace("{}", &t.number(number));
        let mut layout = self.layout(&place, &list_path(number), self.name.clone(), "website")?;
        layout.description = self.introduction_text().unwrap_or_else(|| self.name.clone());
        layout.image = cover.and_then(|object| self.preview(object));
        layout.data = script_json(&json!({
            "@context": "https://schema.org", "@type": "Collection", "name": self.name, "url": layout.url,
            "description": layout.description, "inLanguage": t.lang,
        }));
        if !is_first {
            layout.title = format!("{page_label} – {}", self.name);
        }
        let page = ListPage {
            layout,
            t,
            introduction: self.options.description.as_deref().filter(|_| is_first).map(Markup::of_value),
            count: if is_first { t.object_count(count) } else { page_label.clone() },
            list,
            page_label,
            previous: (number > 1).then(|| place.link(&list_path(number - 1))),
            next: (!is_last).then(|| place.link(&list_path(number + 1))),
        };
        Ok(page.render().expect("writing to a string does not fail"))
    }

    /// Renders an object's page. Returns `None` if the object has no images.
    pub(super) fn object(
        &self,
        object: &SiteObject,
        before: Option<&Identifier>,
        after: Option<&Identifier>,
    ) -> Result<Option<String>, KeyError> {
        let (Some(shown), Some(first)) = (object.shown(), object.images.first()) else { return Ok(None) };
        let depth = object.identifier.as_str().matches('/').count() + 2;
        let place = Place::below(depth, &self.destination);
        let (t, language, description) = (self.texts(), self.language(), &object.description);
        let title = self.title(object);
        let mut layout = self.layout(&place, &object_path(&object.identifier), title.text.clone(), "article")?;
        let summary = values(&description.summary, language);
        layout.description = shortened(summary.first().map_or(&title.text, |value| &value.text));
        layout.image = self.preview(object);
        layout.data = self.object_data(object, &layout, &title, shown);
        let count = object.images.len();
        let direction = direction(description.viewing_direction);
        let page = ObjectPage {
            others: other_titles(&description.label, &title),
            summary,
            metadata: self.entries(&description.metadata),
            credit: self.credit(object),
            rights: rights_of(object),
            citation: format!("{}. {}. {}", title.text.trim_end_matches('.'), self.name, layout.url),
            manifest: place.link(&format!("{}/{}.json", Destination::MANIFESTS, object.identifier)),
            viewer: place.link(&self.assets.viewer.path),
            direction,
            strip_dir: if direction == "right-to-left" { "rtl" } else { "ltr" },
            is_paged: count > 1 && matches!(description.behavior, None | Some(Behavior::Paged)),
            images: self.page_views(object, &place),
            first: self.first(first, &place),
            downloads: self.downloads(first, &place),
            previous: before.map(|object| place.link(&object_path(object))),
            next: after.map(|object| place.link(&object_path(object))),
            layout,
            t,
            title,
        };
        Ok(Some(page.render().expect("writing to a string does not fail")))
    }

    /// Returns all metadata entries that have values.
    fn entries(&self, metadata: &[Metadata]) -> Vec<Entry> {
        let entry = |entry: &Metadata| Entry {
            label: title(&entry.label, self.language(), ""),
            values: values(&entry.value, self.language()),
        };
        metadata.iter().map(entry).filter(|entry| !entry.values.is_empty()).collect()
    }

    fn credit(&self, object: &SiteObject) -> Vec<Value> {
        let credit = object.description.attribution.as_ref();
        credit.map(|credit| values(&credit.value, self.language())).unwrap_or_default()
    }

    fn object_data(&self, object: &SiteObject, layout: &Layout, title: &Value, shown: &SiteImage) -> Markup {
        let thumbnail = self.list_pictures(shown).pop().map(|picture| format!("{}/{}", shown.base_uri, picture.path));
        let mut data = json!({
            "@context": "https://schema.org", "@type": "CreativeWork", "name": title.text, "url": layout.url,
            "image": layout.image.as_ref().map(|image| &image.url), "thumbnailUrl": thumbnail,
            "isPartOf": {"@type": "Collection", "name": self.name, "url": self.url(Destination::SITE_INDEX)},
        });
        let description = &object.description;
        let credit = description
            .attribution
            .as_ref()
            .and_then(|credit| values(&credit.value, self.language()).into_iter().next());
        let summary = values(&description.summary, self.language()).into_iter().next();
        for (name, value) in [
            ("description", summary.map(|value| value.text)),
            ("license", description.rights.as_ref().map(|rights| rights.as_str().to_owned())),
            ("creditText", credit.map(|value| value.text)),
        ] {
            if let Some(value) = value {
                data[name] = value.into();
            }
        }
        script_json(&data)
    }

    /// Returns an object's pages. They're numbered if they don't have their own labels.
    fn page_views(&self, object: &SiteObject, place: &Place) -> Vec<PageView> {
        let first = object.images.first().map(|image| &image.label);
        let has_labels = object.images.iter().skip(1).any(|image| Some(&image.label) != first);
        let unnamed = LanguageMap::default();
        let label = |image: &SiteImage| if has_labels { image.label.clone() } else { unnamed.clone() };
        let pages = object.images.iter().zip(1..);
        pages.map(|(image, number)| self.page_view(image, &label(image), number, place)).collect()
    }

    fn page_view(&self, image: &SiteImage, label: &LanguageMap, number: usize, place: &Place) -> PageView {
        let all = pictures(image.size, self.shape);
        let base = place.relative(&image.base_uri);
        let small = all.iter().find(|picture| picture.size.height() >= STRIP_HEIGHT).or(all.last());
        let sizes: Vec<String> = all.iter().map(|it| format!("{}x{}", it.size.width(), it.size.height())).collect();
        let last = all.last().map(|picture| picture.path.as_str()).unwrap_or_default();
        PageView {
            href: format!("{base}/{last}"),
            sizes: format!("{} {last}", sizes.join(" ")),
            thumbnail: source(&base, &[], String::new(), small),
            label: title(label, self.language(), &number.to_string()),
            base,
        }
    }

    fn first(&self, image: &SiteImage, place: &Place) -> First {
        let all = pictures(image.size, self.shape);
        let base = place.relative(&image.base_uri);
        let usual = all.iter().rfind(|picture| picture.size.longer_side() <= STILL_SIDE).or(all.first());
        let last = all.last().map(|picture| picture.path.as_str()).unwrap_or_default();
        First { href: format!("{base}/{last}"), picture: source(&base, &all, String::new(), usual) }
    }

    fn downloads(&self, image: &SiteImage, place: &Place) -> Vec<Download> {
        let base = place.relative(&image.base_uri);
        let download = |picture: Picture| Download {
            href: format!("{base}/{}", picture.path),
            width: picture.size.width(),
            height: picture.size.height(),
        };
        let mut useful = pictures(image.size, self.shape);
        let largest = useful.pop();
        useful.retain(|picture| picture.size.longer_side() >= MIN_DOWNLOAD);
        largest.into_iter().chain(useful.into_iter().rev()).map(download).collect()
    }

    /// Returns the picture that other sites show when they link to the object.
    fn preview(&self, object: &SiteObject) -> Option<OpenGraphImage> {
        let image = object.shown()?;
        let all = pictures(image.size, self.shape);
        let picture = all.iter().find(|picture| picture.size.longer_side() >= STILL_SIDE / 2).or(all.last())?;
        let (width, height) = (picture.size.width(), picture.size.height());
        Some(OpenGraphImage { url: format!("{}/{}", image.base_uri, picture.path), width, height })
    }

    fn url(&self, path: &str) -> String {
        self.destination.document(path).map(|address| address.url).unwrap_or_default()
    }

    /// Returns the site's description as plain text for search engines.
    fn introduction_text(&self) -> Option<String> {
        self.options.description.as_deref().map(|text| shortened(&plain_text(text)))
    }

    fn layout(&self, place: &Place, path: &str, heading: String, kind: &'static str) -> Result<Layout, KeyError> {
        let title =
            if kind == "website" { heading.clone() } else { format!("{} – {}", shortened(&heading), self.name) };
        Ok(Layout {
            title,
            name: self.name.clone(),
            description: String::new(),
            url: self.destination.document(path)?.url,
            kind,
            image: None,
            data: Markup::default(),
            root: place.root().to_owned(),
            stylesheet: place.link(&self.assets.stylesheet.path),
            script: place.link(&self.assets.script.path),
            logo: self.assets.logo_link(place),
            footer: self.options.footer.as_deref().map(Markup::of_value),
            policy: self.assets.policy.clone(),
            generator: GENERATOR,
            heading,
        })
    }
}

impl Texts {
    /// Returns the list's heading.
    fn objects_heading(&self) -> &str {
        self.back
    }
}

/// Returns a link to an object's rights statement if it's a URL.
fn rights_of(object: &SiteObject) -> Option<Named> {
    let url = web_url(object.description.rights.as_ref()?.as_str())?;
    Some(Named { href: url.to_owned(), name: rights::name(url) })
}

/// Returns a picture's sources. Browsers without `srcset` support load `shown`.
fn source(base: &str, pictures: &[Picture], sizes: String, shown: Option<&Picture>) -> Source {
    let all: Vec<String> =
        pictures.iter().map(|picture| format!("{base}/{} {}w", picture.path, picture.size.width())).collect();
    let Some(shown) = shown else { return Source::default() };
    let (width, height) = (shown.size.width(), shown.size.height());
    Source { src: format!("{base}/{}", shown.path), srcset: all.join(", "), sizes, width, height }
}

fn direction(direction: Option<ViewingDirection>) -> &'static str {
    match direction {
        None | Some(ViewingDirection::LeftToRight) => "left-to-right",
        Some(ViewingDirection::RightToLeft) => "right-to-left",
        Some(ViewingDirection::TopToBottom) => "top-to-bottom",
        Some(ViewingDirection::BottomToTop) => "bottom-to-top",
    }
}

/// Shortens text to [`MAX_DESCRIPTION`] characters.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_DESCRIPTION) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}
