//! Pages of the list of objects.

use super::{Layout, Pages, Source, source};
use crate::site::links::{Place, list_path, object_path};
use crate::site::markup::{Markup, script_json};
use crate::site::object::SiteObject;
use crate::site::texts::Texts;
use crate::site::value::Value;
use crate::store::KeyError;
use askama::Template;
use serde_json::json;

/// Typical height of a list row in CSS pixels, a little more than the minimum in the stylesheet. The script has the same
/// numbers.
const ROW_HEIGHT: f64 = 220.0;
const PHONE_ROW_HEIGHT: f64 = 170.0;

/// Number of objects at the start of the list whose pictures load before all others.
const FIRST_CARDS: usize = 2;

/// Number of objects at the start of the list whose pictures load without waiting until they're near the window.
const EAGER_CARDS: usize = 6;

/// An object in the list.
#[derive(Clone, Debug)]
pub(crate) struct Card {
    href: String,
    /// CSS class for the aspect ratio, in tenths.
    ratio: String,
    picture: Source,
    title: Value,
    caption: Option<String>,
    /// Number of pages as text, or an empty string for a single image.
    pages: String,
    is_first: bool,
    is_lazy: bool,
}

#[derive(Template)]
#[template(path = "list.html", config = "src/site/askama.toml")]
struct ListPage<'a> {
    layout: Layout,
    t: &'a Texts,
    introduction: Option<Markup>,
    count: String,
    has_facets: bool,
    list: &'a [Card],
    page_label: String,
    previous: Option<String>,
    next: Option<String>,
}

impl Pages {
    /// Returns an object's entry for a list page.
    pub(crate) fn card(&self, object: &SiteObject, place: &Place, index: usize) -> Option<Card> {
        let image = object.shown()?;
        let (width, height) = (f64::from(image.size.width()), f64::from(image.size.height()));
        let ratio = (width / height).clamp(0.5, 3.0);
        let pictures = self.list_pictures(image);
        let sizes = format!("(max-width: 52rem) {:.0}px, {:.0}px", ratio * PHONE_ROW_HEIGHT, ratio * ROW_HEIGHT);
        let count = object.images.len();
        Some(Card {
            href: place.link(&object_path(&object.identifier)),
            ratio: format!("r{:02.0}", ratio * 10.0),
            picture: source(&place.relative(&image.base_uri), &pictures, sizes, pictures.first()),
            title: self.title(object),
            caption: self.caption(object),
            pages: if count > 1 { self.texts().page_count(count) } else { String::new() },
            is_first: index < FIRST_CARDS,
            is_lazy: index >= EAGER_CARDS,
        })
    }

    /// Renders a list page. Only the first page shows the number of objects, because otherwise a new object would
    /// change every page.
    pub(crate) fn list(
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
            introduction: self.options.description.as_deref().filter(|_| is_first).map(Markup::of_setting),
            count: if is_first { t.object_count(count) } else { page_label.clone() },
            has_facets: !self.options.facets.is_empty(),
            list,
            page_label,
            previous: (number > 1).then(|| place.link(&list_path(number - 1))),
            next: (!is_last).then(|| place.link(&list_path(number + 1))),
        };
        Ok(page.render().expect("writing to a string does not fail"))
    }
}

impl Texts {
    /// Returns the list's heading.
    fn objects_heading(&self) -> &str {
        self.back
    }
}
