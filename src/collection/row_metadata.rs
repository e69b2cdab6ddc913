//! Table columns and row metadata.

use crate::iiif::{Description, LanguageMap, Metadata, Rights};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

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
    /// Any other column. Shown as metadata with its own name as the label.
    Metadata(String, Option<String>),
}

impl Column {
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
            Self::Metadata(name, language) => in_language(name, language),
            Self::Source | Self::Id | Self::Object | Self::Sequence | Self::Page | Self::Pages | Self::Thumbnail => {
                return None;
            }
        })
    }

    /// Returns `true` if the column may only occur once. Other columns can be repeated, and all their values are shown.
    pub(super) fn is_unique(&self) -> bool {
        !matches!(self, Self::Label(_) | Self::Summary(_) | Self::Attribution(_) | Self::Metadata(..))
    }

    /// Parses a column name, such as `label` or the language-specific `label@fr`.
    pub(super) fn named(name: &str) -> Self {
        let name = name.trim();
        let (base, language) = match name.rsplit_once('@') {
            Some((base, language)) if !base.is_empty() && !language.is_empty() => (base, Some(language.to_owned())),
            _ => (name, None),
        };
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
}

/// Returns the columns and values of a JSON object. Arrays produce one value per item.
pub(super) fn values_of(row: &Map<String, Value>) -> Result<Vec<(Column, String)>, String> {
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
            values.push((Column::named(name), text));
        }
    }
    Ok(values)
}

/// Validates a row's descriptive values and serializes them.
pub(super) fn serialize(values: &[(Column, String)]) -> Result<Option<RowMetadata>, String> {
    // Only called to validate the row while its line number is still known. The result is discarded and recreated for
    // each manifest, because 100,000 parsed rows need ten times as much memory as their serialized form.
    description(values)?;
    let mut row = Map::new();
    for (column, value) in values {
        let Some(name) = column.descriptive_name() else { continue };
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

    /// Deserializes the metadata into a description.
    #[must_use]
    pub(crate) fn description(&self) -> Description {
        let row: Map<String, Value> = serde_json::from_str(&self.0).expect("row was serialized by `serialize`");
        let values = values_of(&row).expect("row was serialized by `serialize`");
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
                description.rights = Some(value.parse::<Rights>().map_err(|error| error.to_string())?);
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
            Column::Source
            | Column::Id
            | Column::Object
            | Column::Sequence
            | Column::Page
            | Column::Pages
            | Column::Language
            | Column::Thumbnail => {}
        }
    }
    Ok(description)
}

/// Parses a Presentation API keyword.
fn word<T: DeserializeOwned>(column: &str, value: &str) -> Result<T, String> {
    serde_json::from_value(Value::String(value.trim().to_owned())).map_err(|error| format!("`{column}`: {error}"))
}
