//! Pages of objects.

use super::contents::{Contents, PageLink};
use super::references::References;
use super::{Layout, Pages, STILL_SIDE, Source, shortened, source};
use crate::destination::{Destination, Identifier};
use crate::iiif::{Behavior, Description, LanguageMap, Metadata, ViewingDirection};
use crate::site::date::ShownDate;
use crate::site::links::{Picture, Place, object_path, pictures};
use crate::site::markup::{Markup, script_json, web_url};
use crate::site::object::{SiteImage, SiteObject};
use crate::site::rights;
use crate::site::texts::{SiteLanguage, Texts};
use crate::site::value::{Value, other_titles, title, values};
use crate::store::KeyError;
use askama::Template;
use serde_json::json;

/// Minimum height of pictures in the page strip, in pixels.
const STRIP_HEIGHT: u32 = 120;

/// Longer side of the smallest picture worth downloading, in pixels.
const MIN_DOWNLOAD: u32 = 400;

/// Longer side of the largest picture that is shown on a lower stage, in pixels.
const SMALL_SIDE: u32 = 500;

/// Height of the picture on the stage, in percent of the window's height.
const STAGE_HEIGHT: f64 = 64.0;

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
    alt: Value,
}

/// An image of an object.
struct PageView {
    href: String,
    base: String,
    /// Available sizes, such as `375x250 6000x4000`, followed by the path of the last size.
    sizes: String,
    thumbnail: Source,
    label: Value,
    /// Alternative text, or an empty string.
    alt: String,
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
    date: Option<ShownDate>,
    credit: Vec<Value>,
    rights: Option<Named>,
    references: References,
    contents: Option<Contents>,
    /// Title as part of the citation, which adds a period.
    cited: String,
    manifest: String,
    viewer: String,
    direction: &'static str,
    strip_dir: &'static str,
    is_paged: bool,
    /// Number of the page to show first, counting from 1.
    start: usize,
    /// `true` if all images are too small to fill the stage.
    is_small: bool,
    images: Vec<PageView>,
    first: First,
    downloads: Vec<Download>,
    previous: Option<String>,
    next: Option<String>,
}

impl Pages {
    /// Renders an object's page. Returns `None` if the object has no images.
    pub(crate) fn object(
        &self,
        object: &SiteObject,
        before: Option<&Identifier>,
        after: Option<&Identifier>,
    ) -> Result<Option<String>, KeyError> {
        let (Some(shown), Some(first)) = (object.shown(), object.opened()) else { return Ok(None) };
        let depth = object.identifier.as_str().matches('/').count() + 2;
        let place = Place::below(depth, &self.destination);
        let (t, language, description) = (self.texts(), self.language(), &object.description);
        let title = self.title(object);
        let references = References::new(description, language);
        let layout = self.object_layout(object, &place, &title, shown, &references)?;
        let images = self.page_views(object, &place);
        let direction = description.viewing_direction.unwrap_or(ViewingDirection::LeftToRight);
        let page = ObjectPage {
            others: other_titles(&description.label, &title),
            summary: values(&description.summary, language),
            metadata: self.entries(&description.metadata),
            date: self.date(description),
            credit: self.credit(object),
            rights: rights_of(object),
            references,
            contents: contents(object, &images, language),
            cited: title.text.trim_end_matches('.').to_owned(),
            manifest: place.link(&format!("{}/{}.json", Destination::MANIFESTS, object.identifier)),
            viewer: place.link(&self.assets.viewer.path),
            direction: direction.as_str(),
            strip_dir: if direction == ViewingDirection::RightToLeft { "rtl" } else { "ltr" },
            is_paged: images.len() > 1 && matches!(description.behavior, None | Some(Behavior::Paged)),
            start: if object.start < images.len() { object.start + 1 } else { 1 },
            is_small: object.images.iter().all(|image| image.size.longer_side() < SMALL_SIDE),
            images,
            first: self.first(first, &title, &place),
            downloads: self.downloads(first, &place),
            previous: before.map(|object| place.link(&object_path(object))),
            next: after.map(|object| place.link(&object_path(object))),
            layout,
            t,
            title,
        };
        Ok(Some(page.render().expect("writing to a string does not fail")))
    }

    fn object_layout(
        &self,
        object: &SiteObject,
        place: &Place,
        title: &Value,
        shown: &SiteImage,
        references: &References,
    ) -> Result<Layout, KeyError> {
        let mut layout = self.layout(place, &object_path(&object.identifier), title.text.clone(), "article")?;
        let summary = values(&object.description.summary, self.language());
        layout.description = shortened(summary.first().map_or(&title.text, |value| &value.text));
        layout.image = self.preview(object);
        layout.data = self.object_data(object, &layout, title, shown, references);
        layout.policy = self.assets.policy_with(references.logos());
        Ok(layout)
    }

    /// Returns all metadata entries that have values.
    fn entries(&self, metadata: &[Metadata]) -> Vec<Entry> {
        let entry = |entry: &Metadata| Entry {
            label: title(&entry.label, self.language(), ""),
            values: values(&entry.value, self.language()),
        };
        metadata.iter().map(entry).filter(|entry| !entry.values.is_empty()).collect()
    }

    /// Returns the object's `navDate`, unless there is metadata with the label of a date. That can be any text, such as
    /// `c. 1595`, so it's the better one to show.
    fn date(&self, description: &Description) -> Option<ShownDate> {
        let names = SiteLanguage::ALL.map(|language| language.texts().date);
        let is_date = |text: &String| names.iter().any(|name| text.eq_ignore_ascii_case(name));
        let mut labels = description.metadata.iter().flat_map(|entry| entry.label.languages());
        let has_own = labels.any(|(_, texts)| texts.iter().any(is_date));
        let date = description.nav_date.as_ref().filter(|_| !has_own)?;
        Some(ShownDate::new(date, self.options.language))
    }

    fn credit(&self, object: &SiteObject) -> Vec<Value> {
        let credit = object.description.attribution.as_ref();
        credit.map(|credit| values(&credit.value, self.language())).unwrap_or_default()
    }

    fn object_data(
        &self,
        object: &SiteObject,
        layout: &Layout,
        title: &Value,
        shown: &SiteImage,
        references: &References,
    ) -> Markup {
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
        references.add_to(&mut data, description);
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
            alt: title(&image.alt, self.language(), "").text,
            base,
        }
    }

    fn first(&self, image: &SiteImage, object_title: &Value, place: &Place) -> First {
        let all = pictures(image.size, self.shape);
        let base = place.relative(&image.base_uri);
        let usual = all.iter().rfind(|picture| picture.size.longer_side() <= STILL_SIDE).or(all.first());
        let last = all.last().map(|picture| picture.path.as_str()).unwrap_or_default();
        let alt = title(&image.alt, self.language(), "");
        let alt = if alt.text.is_empty() { object_title.clone() } else { alt };
        let (width, height) = (f64::from(image.size.width()), f64::from(image.size.height()));
        let sizes = format!("min(100vw, {:.0}vh)", width / height * STAGE_HEIGHT);
        First { href: format!("{base}/{last}"), picture: source(&base, &all, sizes, usual), alt }
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
}

fn contents(object: &SiteObject, pages: &[PageView], language: &str) -> Option<Contents> {
    let links: Vec<PageLink> = pages.iter().map(|page| PageLink { href: &page.href, label: &page.label }).collect();
    Contents::new(&object.contents, &links, language)
}

/// Returns a link to an object's rights statement if it's a URL.
fn rights_of(object: &SiteObject) -> Option<Named> {
    let url = web_url(object.description.rights.as_ref()?.as_str())?;
    Some(Named { href: url.to_owned(), name: rights::name(url) })
}
