//! The site's script, stylesheet and logo. Their names change with their content.

use super::GENERATOR;
use super::links::Place;
use super::options::{Color, Logo, SiteOptions};
use super::writer::{LOGO, SiteFile};
use crate::destination::{Destination, PublicUrl};
use crate::html::OPENSEADRAGON;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::fmt::Write;

const STYLESHEET: &str = include_str!("assets/site.css");
const SCRIPT: &str = include_str!("assets/site.js");

/// Template placeholder for the interface texts.
const TEXTS_PLACE: &str = "{/* texts */}";

/// Number of hash digits in a file name.
const HASH_DIGITS: usize = 16;

/// Default accent color.
const ACCENT: &str = "#1f5f97";

/// Files that every page refers to.
pub(super) struct Assets {
    pub(super) stylesheet: SiteFile,
    pub(super) script: SiteFile,
    pub(super) viewer: SiteFile,
    logo: Option<LogoFile>,
    /// Content-Security-Policy for every page.
    pub(super) policy: String,
}

enum LogoFile {
    Url(String),
    Stored(SiteFile),
}

impl Assets {
    pub(super) fn new(options: &SiteOptions, public_url: &PublicUrl) -> Self {
        let logo = options.logo.as_ref().map(|logo| match logo {
            Logo::Url(url) => LogoFile::Url(url.clone()),
            Logo::File { body, content_type, extension } => {
                let path = format!("{}{LOGO}{}.{extension}", Destination::SITE_FOLDER, hash(body));
                let (body, is_immutable) = (body.clone(), true);
                LogoFile::Stored(SiteFile { path, body, content_type, is_immutable, is_compressed: false })
            }
        });
        let logo_url = match &logo {
            Some(LogoFile::Url(url)) => Some(url.as_str()),
            _ => None,
        };
        Self {
            policy: policy(&public_url.to_string(), logo_url),
            stylesheet: text_file("site", "css", "text/css; charset=utf-8", stylesheet(options.color)),
            script: text_file("site", "js", "text/javascript; charset=utf-8", script(options)),
            viewer: text_file("openseadragon", "js", "text/javascript; charset=utf-8", viewer()),
            logo,
        }
    }

    /// Returns the policy for a page that also shows these images from elsewhere.
    pub(super) fn policy_with<'a>(&self, images: impl Iterator<Item = &'a str>) -> String {
        let mut sources: Vec<String> = images.map(origin).collect();
        sources.sort();
        sources.dedup();
        let sources = sources.iter().fold(String::new(), |all, source| all + " " + source);
        self.policy.replacen("; connect-src", &format!("{sources}; connect-src"), 1)
    }

    pub(super) fn logo_link(&self, place: &Place) -> Option<String> {
        match self.logo.as_ref()? {
            LogoFile::Url(url) => Some(url.clone()),
            LogoFile::Stored(file) => Some(place.link(&file.path)),
        }
    }

    /// Returns the files to upload.
    pub(super) fn files(&self) -> Vec<SiteFile> {
        let logo = match &self.logo {
            Some(LogoFile::Stored(file)) => Some(file),
            _ => None,
        };
        [&self.stylesheet, &self.script, &self.viewer].into_iter().chain(logo).cloned().collect()
    }
}

/// Returns the first [`HASH_DIGITS`] digits of the content's hash, for use in file names.
pub(super) fn hash(content: &[u8]) -> String {
    let digest = Sha256::digest(content);
    let mut digits = String::new();
    digest.iter().for_each(|byte| write!(digits, "{byte:02x}").expect("writing to a string does not fail"));
    digits.truncate(HASH_DIGITS);
    digits
}

fn text_file(name: &str, extension: &str, content_type: &'static str, text: String) -> SiteFile {
    let path = format!("{}{name}-{}.{extension}", Destination::SITE_FOLDER, hash(text.as_bytes()));
    SiteFile { path, body: Bytes::from(text), content_type, is_immutable: true, is_compressed: true }
}

fn stylesheet(color: Option<Color>) -> String {
    let color = color.unwrap_or_else(|| ACCENT.parse().expect("it is a color"));
    let mut css = format!("/* {GENERATOR} */\n{STYLESHEET}");
    // An image's aspect ratio determines its share of a row. The policy doesn't allow inline styles, so each ratio gets
    // a class.
    for tenths in 5..=30 {
        writeln!(css, ".r{tenths:02}{{--r:{}.{}}}", tenths / 10, tenths % 10)
            .expect("writing to a string does not fail");
    }
    let (light, dark) = (color.on_light(), color.on_dark());
    write!(css, ":root{{--accent:{light}}}\n@media (prefers-color-scheme:dark){{:root{{--accent:{dark}}}}}\n")
        .expect("writing to a string does not fail");
    css
}

fn script(options: &SiteOptions) -> String {
    let texts = serde_json::to_string(options.language.texts()).expect("there is text alone");
    format!("/* {GENERATOR} */\n{}", SCRIPT.replace(TEXTS_PLACE, &texts))
}

fn viewer() -> String {
    format!("/* {GENERATOR}: OpenSeadragon\n{}*/\n{OPENSEADRAGON}", crate::html::OPENSEADRAGON_LICENSE)
}

/// Returns a policy that only allows the site's own files and images.
fn policy(public_url: &str, logo: Option<&str>) -> String {
    let public = origin(public_url);
    let logo = logo.map(|url| format!(" {}", origin(url))).unwrap_or_default();
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: {public}{logo}; \
         connect-src 'self' {public}; base-uri 'none'; form-action 'self'"
    )
}

/// Returns a URL's scheme, host and port.
fn origin(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return String::new() };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // A `;` would end the directive, and a space would end the source.
    let host: String = host.chars().filter(|c| c.is_ascii_alphanumeric() || ".-:[]".contains(*c)).collect();
    format!("{scheme}://{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_change_with_the_content() {
        let url: PublicUrl = "https://example.org/iiif".parse().expect("a URL");
        let plain = Assets::new(&SiteOptions::default(), &url);
        let color = Some("#8a1538".parse().expect("a color"));
        let colored = Assets::new(&SiteOptions { color, ..SiteOptions::default() }, &url);
        assert_ne!(plain.stylesheet.path, colored.stylesheet.path);
        assert_eq!(plain.script.path, colored.script.path);
        let text = String::from_utf8(plain.script.body.to_vec()).expect("text");
        assert!(!text.contains(TEXTS_PLACE) && text.contains("Search the collection"));
    }

    #[test]
    fn the_policy_allows_own_scripts_alone() {
        let policy = policy("https://cdn.example.org/iiif", Some("https://logos.example; script-src *"));
        assert!(policy.contains("script-src 'self';"), "{policy}");
        assert!(
            policy.contains("img-src 'self' data: https://cdn.example.org https://logos.examplescript-src;"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
    }

    #[test]
    fn a_page_allows_the_logos_that_it_shows() {
        let url: PublicUrl = "https://example.org/iiif".parse().expect("a URL");
        let assets = Assets::new(&SiteOptions::default(), &url);
        assert_eq!(assets.policy_with([].into_iter()), assets.policy);
        let logos = ["https://logos.example/a.png", "https://logos.example/b.png"];
        let policy = assets.policy_with(logos.into_iter());
        assert!(policy.contains(" https://example.org https://logos.example; connect-src 'self'"), "{policy}");
    }
}
