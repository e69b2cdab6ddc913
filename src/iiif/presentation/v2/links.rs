//! Links to pages and files.

use super::Texts;
use crate::iiif::presentation::{LanguageMap, Link};
use serde::{Serialize, Serializer};

#[derive(Serialize)]
pub(super) struct LinkV2<'a> {
    #[serde(rename = "@id")]
    id: &'a str,
    #[serde(skip_serializing_if = "LanguageMap::is_empty", serialize_with = "serialize_texts")]
    label: LanguageMap,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'static str>,
}

fn serialize_texts<S: Serializer>(texts: &LanguageMap, serializer: S) -> Result<S::Ok, S::Error> {
    Texts(texts).serialize(serializer)
}

impl<'a> LinkV2<'a> {
    pub(super) fn page(link: &'a Link) -> Self {
        Self { id: link.url.as_str(), label: link.page_label(), format: Some("text/html") }
    }

    pub(super) fn data(link: &'a Link) -> Self {
        Self { id: link.url.as_str(), label: link.label.clone(), format: link.url.media().map(|(format, _)| format) }
    }

    pub(super) fn file(link: &'a Link) -> Self {
        Self { label: link.file_label(), ..Self::data(link) }
    }
}
