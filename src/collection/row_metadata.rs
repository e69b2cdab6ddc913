//! Table columns and row metadata.

use super::row_links::{agent, link};
use crate::iiif::{Description, LanguageMap, Metadata, RangePath, Rights};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::fmt::Display;

/// Meaning of a table column, based on its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Source,
    Id,
    Object,
    Sequence,
    Page,
    Pages,
    Rights,
    Language,
    Thumbnail,
    Behavior,
    ViewingDirection,
    Label(Option<String>),
    Summary(Option<String>),
    Attribution(Option<String>),
    Homepage(Option<String>),
    SeeAlso(Option<String>),
    Rendering(Option<String>),
    Provider(Option<String>),
    NavDate,
    NavPlace,
    Range(Option<String>),
    Start,
    Alt(Option<String>),
    /// Any other column. Shown as metadata with its own name as the label.
    Metadata(String, Option<String>),
    /// A column that would be metadata but wasn't selected.
    Hidden,
    /// A column from another program that isn't used here.
    Unused,
    /// Media type of the source, in another program's table.
    MediaType,
    /// Specifies if the row is public, in another program's table.
    IsPublic,
}

/// Prefix for stored metadata names that would otherwise be read as standard columns. It can't occur at the start of a
/// column name, because names are trimmed.
const METADATA_PREFIX: char = ' ';

impl Column {
    /// Standard column names.
    pub(super) const NAMES: [&str; 23] = [
        "source",
        "id",
        "object",
        "sequence",
        "page",
        "pages",
        "label",
        "summary",
        "attribution",
        "rights",
        "language",
        "thumbnail",
        "behavior",
        "viewingDirection",
        "homepage",
        "seeAlso",
        "rendering",
        "provider",
        "navDate",
        "navPlace",
        "range",
        "start",
        "alt",
    ];

    /// Returns the column's name in public documents, or `None` if its values aren't shown.
    pub(super) fn public_name(&self) -> Option<String> {
        match self {
            // It only specifies the language of the other values.
            Self::Language => None,
            public => public.descriptive_name(),
        }
    }

    /// Returns the name used to store the column's values, or `None` if they aren't shown.
    fn descriptive_name(&self) -> Option<String> {
        let in_language = |name: &str, language: &Option<String>| match language {
            Some(language) => format!("{name}@{language}"),
            None => name.to_owned(),
        };
        Some(match self {
            Self::Rights => "rights".to_owned(),
            Self::Language => "language".to_owned(),
            Self::Behavior => "behavior".to_owned(),
            Self::ViewingDirection => "viewingDirection".to_owned(),
            Self::Label(language) => in_language("label", language),
            Self::Summary(language) => in_language("summary", language),
            Self::Attribution(language) => in_language("attribution", language),
            Self::Homepage(language) => in_language("homepage", language),
            Self::SeeAlso(language) => in_language("seeAlso", language),
            Self::Rendering(language) => in_language("rendering", language),
            Self::Provider(language) => in_language("provider", language),
            Self::NavDate => "navDate".to_owned(),
            Self::NavPlace => "navPlace".to_owned(),
            Self::Range(language) => in_language("range", language),
            Self::Alt(language) => in_language("alt", language),
            Self::Metadata(name, language) => in_language(name, language),
            Self::Source
            | Self::Id
            | Self::Object
            | Self::Sequence
            | Self::Page
            | Self::Pages
            | Self::Thumbnail
            | Self::Start
            | Self::Hidden
            | Self::Unused
            | Self::MediaType
            | Self::IsPublic => return None,
        })
    }

    /// Returns the name to store the column's values under. [`stored`](Self::stored) restores the column from it.
    fn stored_name(&self) -> Option<String> {
        let name = self.descriptive_name()?;
        // Another program's table may have metadata called `source`.
        Some(if Self::named(&name) == *self { name } else { format!("{METADATA_PREFIX}{name}") })
    }

    /// Returns the column that was stored under a name.
    fn stored(name: &str) -> Self {
        let Some(name) = name.strip_prefix(METADATA_PREFIX) else { return Self::named(name) };
        match name.rsplit_once('@') {
            Some((base, language)) if !base.is_empty() && !language.is_empty() => {
                Self::Metadata(base.to_owned(), Some(language.to_owned()))
            }
            _ => Self::Metadata(name.to_owned(), None),
        }
    }

    /// Returns `true` if the column may only occur once. Other columns can be repeated, and all their values are shown.
    pub(super) fn is_unique(&self) -> bool {
        let is_repeatable =
            matches!(self, Self::Label(_) | Self::Summary(_) | Self::Attribution(_) | Self::Metadata(..));
        !(is_repeatable || matches!(self, Self::Hidden | Self::Unused))
    }

    /// Parses a column name, such as `label` or the language-specific `label@fr`.
    pub(super) fn named(name: &str) -> Self {
        let name = name.trim();
        let (base, language) = match name.rsplit_once('@') {
            Some((base, language)) if !base.is_empty() && !language.is_empty() => (base, Some(language.to_owned())),
            _ => (name, None),
        };
        if let Some(exact) = Self::named_exactly(base, language.as_deref()) {
            return exact;
        }
        match (base.to_lowercase().as_str(), &language) {
            ("source", None) => Self::Source,
            ("id", None) => Self::Id,
            ("object", None) => Self::Object,
            ("sequence", None) => Self::Sequence,
            ("page", None) => Self::Page,
            ("pages", None) => Self::Pages,
            ("rights", None) => Self::Rights,
            ("language", None) => Self::Language,
            ("thumbnail", None) => Self::Thumbnail,
            ("behavior", None) => Self::Behavior,
            ("viewingdirection", None) => Self::ViewingDirection,
            ("label", _) => Self::Label(language),
            ("summary", _) => Self::Summary(language),
            ("attribution", _) => Self::Attribution(language),
            _ => Self::Metadata(base.to_owned(), language),
        }
    }

    /// Parses a column name that must be spelled exactly as in the Presentation API, because metadata columns may be
    /// called `Start` or `Provider`.
    fn named_exactly(base: &str, language: Option<&str>) -> Option<Self> {
        let of = |column: fn(Option<String>) -> Self| Some(column(language.map(str::to_owned)));
        match (base, language) {
            ("homepage", _) => of(Self::Homepage),
            ("seeAlso", _) => of(Self::SeeAlso),
            ("rendering", _) => of(Self::Rendering),
            ("provider", _) => of(Self::Provider),
            ("range", _) => of(Self::Range),
            ("alt", _) => of(Self::Alt),
            ("navDate", None) => Some(Self::NavDate),
            ("navPlace", None) => Some(Self::NavPlace),
            ("start", None) => Some(Self::Start),
            _ => None,
        }
    }
}

/// Returns a JSON object's columns and values. Arrays produce one value per item. `meaning` maps names to columns.
pub(super) fn values_of(
    row: &Map<String, Value>,
    meaning: impl Fn(&str) -> Column,
) -> Result<Vec<(Column, String)>, String> {
    let mut values = Vec::new();
    for (name, value) in row {
        let many = if let Value::Array(many) = value { many.as_slice() } else { std::slice::from_ref(value) };
        for value in many {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                Value::Bool(answer) => answer.to_string(),
                Value::Null => continue,
                Value::Array(_) | Value::Object(_) => return Err(format!("`{name}` must be text or a number")),
            };
            values.push((meaning(name), text));
        }
    }
    Ok(values)
}

/// Returns `true` for a language tag that starts with a code of two or three letters (BCP 47 and ISO 639), and for
/// `none`. Names such as `deutsch` have the form of tags, but none of them is registered.
fn is_language_code(text: &str) -> bool {
    let mut parts = text.split('-');
    let is_code = |code: &str| (2..=3).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_part = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    text == "none" || parts.next().is_some_and(is_code) && parts.all(is_part)
}

/// Returns the URI of a Creative Commons license, given its short name, such as `CC BY-SA 4.0`.
fn license_named(name: &str) -> Option<String> {
    let name = name.trim().to_lowercase().replace([' ', '_'], "-");
    let rest = name.strip_prefix("cc")?.trim_start_matches('-');
    if rest == "0" || rest == "0-1.0" {
        return Some("http://creativecommons.org/publicdomain/zero/1.0/".to_owned());
    }
    let (terms, version) = rest.rsplit_once('-')?;
    let is_known = matches!(terms, "by" | "by-sa" | "by-nd" | "by-nc" | "by-nc-sa" | "by-nc-nd")
        && matches!(version, "1.0" | "2.0" | "2.5" | "3.0" | "4.0");
    is_known.then(|| format!("http://creativecommons.org/licenses/{terms}/{version}/"))
}

/// Validates a row's descriptive values and serializes them.
pub(super) fn serialize(values: &[(Column, String)]) -> Result<Option<RowMetadata>, String> {
    // Only called to validate the row while its line number is still known. The result is discarded and recreated for
    // each manifest, because 100,000 parsed rows need ten times as much memory as their serialized form.
    description(values)?;
    for (column, value) in values {
        let is_wrong = *column == Column::Language && !is_language_code(value.trim());
        if is_wrong {
            return Err(format!(
                "`language`: `{value}` is not a language code such as `de`; if the column isn't the language of this \
                 row's texts but metadata, give it another name"
            ));
        }
    }
    let mut row = Map::new();
    for (column, value) in values {
        let Some(name) = column.stored_name() else { continue };
        match row.get_mut(&name) {
            None => drop(row.insert(name, value.as_str().into())),
            Some(Value::Array(values)) => values.push(value.as_str().into()),
            Some(first) => *first = Value::Array(vec![first.take(), value.as_str().into()]),
        }
    }
    Ok((!row.is_empty()).then(|| RowMetadata(Value::Object(row).to_string().into())))
}

/// Descriptive metadata for an image, read from a table. Stored in serialized form, which needs a tenth of the memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowMetadata(Box<str>);

impl RowMetadata {
    /// Creates metadata from pairs of column name and value.
    #[cfg(test)]
    pub(super) fn from_columns(columns: &[(&str, &str)]) -> Self {
        let values: Vec<_> = columns.iter().map(|(name, value)| (Column::named(name), (*value).to_owned())).collect();
        serialize(&values).expect("valid values").expect("at least one value")
    }

    /// Creates metadata that only contains a label.
    pub(super) fn from_label(label: &str) -> Self {
        let values = [(Column::Label(None), label.to_owned())];
        serialize(&values).expect("every text is a valid label").expect("one value")
    }

    /// Deserializes the metadata into a description.
    #[must_use]
    pub(crate) fn description(&self) -> Description {
        let row: Map<String, Value> = serde_json::from_str(&self.0).expect("row was serialized by `serialize`");
        let values = values_of(&row, Column::stored).expect("row was serialized by `serialize`");
        description(&values).expect("values were validated by `serialize`")
    }
}

fn description(values: &[(Column, String)]) -> Result<Description, String> {
    let language = values.iter().find(|(column, _)| *column == Column::Language).map(|(_, value)| value.as_str());
    let mut description = Description::default();
    for (column, value) in values {
        match column {
            Column::Label(own) => description.label.add(own.as_deref().or(language), value),
            Column::Summary(own) => description.summary.add(own.as_deref().or(language), value),
            Column::Attribution(own) => {
                let statement = description.attribution.get_or_insert_with(|| Metadata {
                    label: LanguageMap::new(Some("en"), "Attribution"),
                    value: LanguageMap::default(),
                });
                statement.value.add(own.as_deref().or(language), value);
            }
            Column::Rights => {
                let rights = value.parse::<Rights>().map_err(|error| match license_named(value) {
                    Some(uri) => format!("rights `{value}` are not a URI; write {uri}"),
                    None => format!("{error}; text belongs in `attribution`"),
                });
                description.rights = Some(rights?);
            }
            Column::Metadata(name, own) => {
                let label = LanguageMap::new(None, name);
                let known = description.metadata.iter_mut().find(|entry| entry.label == label);
                let language = own.as_deref().or(language);
                match known {
                    Some(entry) => entry.value.add(language, value),
                    None => description.metadata.push(Metadata { label, value: LanguageMap::new(language, value) }),
                }
            }
            Column::Behavior => description.behavior = Some(word("behavior", value)?),
            Column::ViewingDirection => description.viewing_direction = Some(word("viewingDirection", value)?),
            Column::Homepage(own) => {
                description.homepage.push(named(column, link(value, own.as_deref().or(language)))?);
            }
            Column::SeeAlso(own) => description.see_also.push(named(column, link(value, own.as_deref().or(language)))?),
            Column::Rendering(own) => {
                description.rendering.push(named(column, link(value, own.as_deref().or(language)))?);
            }
            Column::Provider(own) => {
                description.provider.push(named(column, agent(value, own.as_deref().or(language)))?);
            }
            Column::NavDate => description.nav_date = Some(named(column, value.parse())?),
            Column::NavPlace => description.nav_place = Some(named(column, value.parse())?),
            Column::Range(own) => {
                description.ranges.push(named(column, RangePath::parse(value, own.as_deref().or(language)))?);
            }
            Column::Alt(own) => description.alt.add(own.as_deref().or(language), value),
            Column::Source
            | Column::Id
            | Column::Object
            | Column::Sequence
            | Column::Page
            | Column::Pages
            | Column::Language
            | Column::Thumbnail
            | Column::Start
            | Column::Hidden
            | Column::Unused
            | Column::MediaType
            | Column::IsPublic => {}
        }
    }
    Ok(description)
}

/// Adds a column's name to an error about its value.
fn named<T>(column: &Column, value: Result<T, impl Display>) -> Result<T, String> {
    value.map_err(|error| format!("`{}`: {error}", column.descriptive_name().unwrap_or_default()))
}

/// Parses a Presentation API keyword.
fn word<T: DeserializeOwned>(column: &str, value: &str) -> Result<T, String> {
    serde_json::from_value(Value::String(value.trim().to_owned())).map_err(|error| format!("`{column}`: {error}"))
}
