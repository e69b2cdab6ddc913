//! Links to pages, files and providers.

use super::Texts;
use crate::iiif::presentation::{Agent, LanguageMap, Link, WebUrl};
use serde::{Serialize, Serializer};

/// Link to a page or file.
#[derive(Serialize)]
pub(super) struct LinkV3<'a> {
    id: &'a str,
    r#type: &'static str,
    #[serde(skip_serializing_if = "LanguageMap::is_empty", serialize_with = "serialize_texts")]
    label: LanguageMap,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'static str>,
}

fn serialize_texts<S: Serializer>(texts: &LanguageMap, serializer: S) -> Result<S::Ok, S::Error> {
    Texts(texts).serialize(serializer)
}

impl<'a> LinkV3<'a> {
    pub(super) fn page(link: &'a Link) -> Self {
        Self { id: link.url.as_str(), r#type: "Text", label: link.page_label(), format: Some("text/html") }
    }

    pub(super) fn data(link: &'a Link) -> Self {
        let format = link.url.media().map(|(format, _)| format);
        Self { id: link.url.as_str(), r#type: "Dataset", label: link.label.clone(), format }
    }

    pub(super) fn file(link: &'a Link) -> Self {
        let (format, kind) = link.url.media().unzip();
        Self { id: link.url.as_str(), r#type: kind.unwrap_or("Text"), label: link.file_label(), format }
    }

    fn image(url: &'a WebUrl) -> Self {
        let format = url.media().filter(|(_, kind)| *kind == "Image").map(|(format, _)| format);
        Self { id: url.as_str(), r#type: "Image", label: LanguageMap::default(), format }
    }
}

#[derive(Serialize)]
pub(super) struct AgentV3<'a> {
    id: &'a str,
    r#type: &'static str,
    label: Texts<'a>,
    homepage: [LinkV3<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    logo: Option<[LinkV3<'a>; 1]>,
}

impl<'a> From<&'a Agent> for AgentV3<'a> {
    fn from(Agent { name, homepage, logo }: &'a Agent) -> Self {
        let page = LinkV3 { id: homepage.as_str(), r#type: "Text", label: name.clone(), format: Some("text/html") };
        Self {
            id: homepage.as_str(),
            r#type: "Agent",
            label: Texts(name),
            homepage: [page],
            logo: logo.as_ref().map(|logo| [LinkV3::image(logo)]),
        }
    }
}
