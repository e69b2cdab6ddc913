//! Renders a self-contained HTML page with a viewer and a list of images. It doesn't load anything except those images.

use super::assets::{viewer_script, viewer_style};
use super::image::{PageImage, is_web_url};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};
use std::borrow::Cow;

const TEMPLATE: &str = include_str!("viewer/index.html");
/// CSS rules for pages that only contain the viewer.
const PAGE_STYLE: &str = include_str!("viewer/page.css");

/// Delimiters of the image list in a page, used by [`images_of`].
const LIST_BEGIN: &str = "<script type=\"application/json\" id=\"images\">";
const LIST_END: &str = "</script>";

/// Element that identifies pages written by this program.
const GENERATOR: &str = "<meta name=\"generator\" content=\"iiif-publish ";

/// The page's `Content-Type`.
pub const CONTENT_TYPE: &str = "text/html; charset=utf-8";

/// An HTML page that shows images. Without JavaScript, it's a list of linked pictures.
#[derive(Clone, Copy, Debug)]
pub struct ViewerPage<'a> {
    images: &'a [PageImage],
    url: Option<&'a str>,
    updates: Option<&'a str>,
}

impl<'a> ViewerPage<'a> {
    /// Creates a page that shows these images.
    #[must_use]
    pub fn new(images: &'a [PageImage]) -> Self {
        Self { images, url: None, updates: None }
    }

    /// Sets the page's public URL. Images below its folder are linked relative to the page, so the page and its images
    /// can be moved to a different address together.
    #[must_use]
    pub fn published_at(self, url: &'a str) -> Self {
        Self { url: Some(url), ..self }
    }

    /// Sets the path of a JSON document that lists the images available so far. The page polls it until `done` is
    /// `true`:
    ///
    /// ```json
    /// { "images": [], "total": 3, "failed": 0, "done": false }
    /// ```
    #[must_use]
    pub fn updated_from(self, path: &'a str) -> Self {
        Self { updates: Some(path), ..self }
    }

    /// Renders the page.
    #[must_use]
    pub fn to_html(&self) -> String {
        // The list is embedded in a script element. Escaping `<` keeps its strings from closing the element.
        let list = serde_json::to_string(self.images).expect("there are texts and numbers alone");
        let style = viewer_style().to_owned() + PAGE_STYLE;
        let script = viewer_script();
        let title = escaped(&self.title());
        let items: String = self.images.iter().map(|image| self.item(image)).collect();
        fill(&[
            ("policy", &policy(&script, &style)),
            ("version", env!("CARGO_PKG_VERSION")),
            ("title", &title),
            ("style", &style),
            ("attributes", &self.attributes()),
            ("heading", &title),
            ("items", &items),
            ("images", &list.replace('<', "\\u003c")),
            ("script", &script),
        ])
    }

    fn title(&self) -> Cow<'_, str> {
        match self.images {
            [] => "Images".into(),
            [image] => image.name().into(),
            images => format!("{} images", images.len()).into(),
        }
    }

    fn attributes(&self) -> String {
        // `data-page` is set even if the URL is unknown, because it makes the viewer handle keys for the whole page.
        let attributes =
            [("page", Some(self.url.unwrap_or_default())), ("base", self.base()), ("updates", self.updates)];
        let attribute = |(name, value): (&str, Option<&str>)| Some(format!(" data-{name}=\"{}\"", escaped(value?)));
        attributes.into_iter().filter_map(attribute).collect()
    }

    /// Returns the public URL of the page's folder.
    fn base(&self) -> Option<&'a str> {
        self.url?.rsplit_once('/').map(|(base, _)| base)
    }

    /// Returns the list item shown in browsers without JavaScript. It links to the largest picture.
    fn item(&self, image: &PageImage) -> String {
        let name = escaped(image.name());
        let link = match image.folder() {
            Some(folder) => {
                let folder = escaped(self.relative(&folder));
                format!(
                    "<a href=\"{folder}/full/max/0/default.jpg\"><img src=\"{folder}/full/200,/0/default.jpg\" alt=\"\" \
                     loading=\"lazy\">{name}</a>"
                )
            }
            None if is_web_url(&image.info) => {
                format!("<a href=\"{}\">{name}</a>", escaped(self.relative(&image.info)))
            }
            None => name,
        };
        let credit = image.credit.as_deref().map(escaped).map(|credit| format!("<br>{credit}")).unwrap_or_default();
        let rights = image.rights.as_deref().filter(|rights| is_web_url(rights)).map(escaped);
        let rights = rights.map(|rights| format!("<br><a rel=\"license\" href=\"{rights}\">{rights}</a>"));
        format!("<li>{link}{credit}{}</li>\n", rights.unwrap_or_default())
    }

    /// Returns a URL relative to the page if it's below the page's folder.
    fn relative<'u>(&self, url: &'u str) -> &'u str {
        let below = self.base().and_then(|base| url.strip_prefix(base)?.strip_prefix('/'));
        // Browsers would read a first segment with a colon as a URL scheme.
        below.filter(|path| !path.split('/').next().unwrap_or_default().contains(':')).unwrap_or(url)
    }
}

/// Replaces the template's placeholders, such as `{{title}}`, in order. Values may contain anything, because each
/// search starts after the previous placeholder.
fn fill(values: &[(&str, &str)]) -> String {
    let mut page = String::with_capacity(TEMPLATE.len() + values.iter().map(|(_, value)| value.len()).sum::<usize>());
    let mut rest = TEMPLATE;
    for (name, value) in values {
        let (before, after) = rest.split_once(&format!("{{{{{name}}}}}")).expect("the template has every placeholder");
        page.push_str(before);
        page.push_str(value);
        rest = after;
    }
    page + rest
}

/// Returns a Content-Security-Policy that only allows this script and stylesheet. Image hosts aren't restricted,
/// because the `id` in an `info.json` can point anywhere.
fn policy(script: &str, style: &str) -> String {
    let hash = |text: &str| format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text)));
    format!(
        "default-src 'none'; script-src {}; style-src {}; img-src http: https: data: blob:; connect-src http: https:; \
         base-uri 'none'; form-action 'none'",
        hash(script),
        hash(style)
    )
}

/// Escapes text for use in HTML content and attributes.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Returns the images listed on a page, or `None` if the page wasn't written by this program.
#[must_use]
pub(crate) fn images_of(page: &[u8]) -> Option<Vec<PageImage>> {
    let page = std::str::from_utf8(page).ok().filter(|page| page.contains(GENERATOR))?;
    let (_, list) = page.split_once(LIST_BEGIN)?;
    Some(serde_json::from_str(list.split_once(LIST_END)?.0).unwrap_or_default())
}

#[cfg(test)]
mod tests;
