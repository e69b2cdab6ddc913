//! Minimal XML parsing that ignores namespace prefixes.

use super::Refused;
use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};
use std::borrow::Cow;

/// A node passed to the visitor in [`walk`].
pub(super) enum Node<'a> {
    Start(Element<'a>),
    /// The end of the element with this name.
    End(&'a str),
    /// Text with this length in bytes.
    Text(usize),
}

/// An XML element.
pub(super) struct Element<'a>(&'a BytesStart<'a>);

impl Element<'_> {
    /// Returns the element's name without its prefix.
    pub(super) fn name(&self) -> String {
        self.0.local_name().as_ref().to_owned()
    }

    /// Returns an attribute's value. `name` doesn't include the prefix.
    pub(super) fn attribute(&self, name: &str) -> Option<String> {
        let mut attributes = self.0.attributes().flatten();
        let attribute = attributes.find(|attribute| attribute.key.local_name().as_ref() == name)?;
        unescape(&attribute.value).ok().map(Cow::into_owned)
    }

    /// Returns an attribute's value. `name` includes the prefix.
    pub(super) fn qualified_attribute(&self, name: &str) -> Option<String> {
        let attribute = self.0.try_get_attribute(name).ok().flatten()?;
        unescape(&attribute.value).ok().map(Cow::into_owned)
    }

    /// Returns an attribute's value as a number, or `default` if it is missing or invalid.
    pub(super) fn number(&self, name: &str, default: u64) -> u64 {
        self.attribute(name).and_then(|text| text.parse().ok()).unwrap_or(default)
    }

    /// Returns `true` if a boolean attribute is set.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.attribute(name).is_some_and(|value| value == "1" || value == "true")
    }
}

/// Visits all nodes in document order. Empty elements also produce an end node.
pub(super) fn walk(text: &str, mut visit: impl FnMut(Node<'_>) -> Result<(), Refused>) -> Result<(), Refused> {
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    reader.config_mut().expand_empty_elements = true;
    loop {
        match reader.read_event().map_err(|error| Refused::damaged(&error))? {
            Event::Start(element) => visit(Node::Start(Element(&element)))?,
            Event::End(element) => visit(Node::End(element.local_name().as_ref()))?,
            Event::Text(content) => visit(Node::Text(content.len()))?,
            Event::CData(content) => visit(Node::Text(content.len()))?,
            Event::GeneralRef(_) => visit(Node::Text(1))?,
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}
