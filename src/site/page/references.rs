//! References from an object to web pages, files, providers, a date and a place.

use crate::iiif::{Agent, Description, LanguageMap, Link, WebUrl};
use crate::site::value::{Value, title};
use serde_json::{Value as Json, json};

/// A link with a label.
pub(super) struct LabeledLink {
    pub(super) href: String,
    pub(super) label: Value,
}

/// An organization or person that provides an object.
pub(super) struct Provider {
    pub(super) link: LabeledLink,
    /// URL of an image.
    pub(super) logo: Option<String>,
}

/// Links and places of an object, as its page shows them.
pub(super) struct References {
    pub(super) homepages: Vec<LabeledLink>,
    pub(super) descriptions: Vec<LabeledLink>,
    pub(super) files: Vec<LabeledLink>,
    pub(super) providers: Vec<Provider>,
    /// Latitude and longitude, with a link to a map.
    pub(super) coordinates: Option<LabeledLink>,
}

impl LabeledLink {
    fn new(url: &WebUrl, label: &LanguageMap, language: &str) -> Self {
        Self { href: url.as_str().to_owned(), label: title(label, language, url.as_str()) }
    }
}

impl References {
    pub(super) fn new(description: &Description, language: &str) -> Self {
        let page = |link: &Link| LabeledLink::new(&link.url, &link.page_label(), language);
        let file = |link: &Link| LabeledLink::new(&link.url, &link.file_label(), language);
        let provider = |agent: &Agent| Provider {
            link: LabeledLink::new(&agent.homepage, &agent.name, language),
            logo: agent.logo.as_ref().map(|logo| logo.as_str().to_owned()),
        };
        Self {
            homepages: description.homepage.iter().map(page).collect(),
            descriptions: description.see_also.iter().map(file).collect(),
            files: description.rendering.iter().map(file).collect(),
            providers: description.provider.iter().map(provider).collect(),
            coordinates: coordinates(description),
        }
    }

    /// Returns `true` if there are links to web pages or machine-readable descriptions.
    pub(super) fn has_links(&self) -> bool {
        !self.homepages.is_empty() || !self.descriptions.is_empty()
    }

    /// Returns the URLs of all logos. They're the only images from elsewhere.
    pub(super) fn logos(&self) -> impl Iterator<Item = &str> {
        self.providers.iter().filter_map(|provider| provider.logo.as_deref())
    }

    /// Adds the references to an object's [schema.org](https://schema.org/CreativeWork) data.
    pub(super) fn add_to(&self, data: &mut Json, description: &Description) {
        let urls: Vec<&str> = self.homepages.iter().map(|link| link.href.as_str()).collect();
        if !urls.is_empty() {
            data["sameAs"] = json!(urls);
        }
        let provider = |provider: &Provider| json!({"@type": "Organization", "name": provider.link.label.text, "url": provider.link.href});
        if !self.providers.is_empty() {
            data["provider"] = self.providers.iter().map(provider).collect();
        }
        if let Some(date) = &description.nav_date {
            data["temporalCoverage"] = date.given().into();
        }
        if let Some(place) = &description.nav_place {
            let (latitude, longitude) = place.degrees();
            let geo = json!({"@type": "GeoCoordinates", "latitude": latitude, "longitude": longitude});
            data["spatialCoverage"] = json!({"@type": "Place", "geo": geo});
        }
    }
}

fn coordinates(description: &Description) -> Option<LabeledLink> {
    let (latitude, longitude) = description.nav_place.as_ref()?.degrees();
    let href = format!("https://www.openstreetmap.org/?mlat={latitude}&mlon={longitude}#map=10/{latitude}/{longitude}");
    let label = LanguageMap::new(None, format!("{latitude}, {longitude}"));
    Some(LabeledLink { href, label: title(&label, "", "") })
}
