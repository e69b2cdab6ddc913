//! One row of a table and the meaning of its columns.

use super::super::page::Page;
use crate::destination::Identifier;
use crate::iiif::{Description, LanguageMap, Metadata, Rights};
use crate::location::Location;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::path::Path;

/// The meaning of a column, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Source,
    Id,
    Object,
    Sequence,
    Rights,
    Language,
    Thumbnail,
    Behavior,
    ViewingDirection,
    Label(Option<String>),
    Summary(Option<String>),
    Attribution(Option<String>),
    /// Any other column, shown as metadata under its own name.
    Metadata(String, Option<String>),
}

impl Column {
    /// Returns the name under which the value is stored, or `None` for columns that are not shown.
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
            Self::Source | Self::Id | Self::Object | Self::Sequence | Self::Thumbnail => return None,
        })
    }

    /// Returns `true` if the column may occur only once. Repeated values of other columns are all shown.
    pub(super) fn is_unique(&self) -> bool {
        !matches!(self, Self::Label(_) | Self::Summary(_) | Self::Attribution(_) | Self::Metadata(..))
    }

    /// Parses the name of a column, such as `label`, or `label@fr` for text in one language.
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

/// Parses a row that is a JSON object.
pub(in crate::collection) fn parse_json_row(line: &str, folder: &Path) -> Result<Page, String> {
    let row: Map<String, Value> = serde_json::from_str(line).map_err(|error| json_error(&error))?;
    page(values_of(&row)?, folder)
}

/// Describes an error in a line of JSON, without its line number 1, which would be mistaken for a line of the table.
fn json_error(error: &serde_json::Error) -> String {
    let words = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    format!("{}, at character {}", words.strip_suffix(&place).unwrap_or(&words), error.column())
}

/// Returns the columns and values of a JSON object. An array yields one value per item.
fn values_of(row: &Map<String, Value>) -> Result<Vec<(Column, String)>, String> {
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

/// Creates the page of one row. Surrounding spaces and empty values are ignored.
pub(super) fn page(values: impl IntoIterator<Item = (Column, String)>, folder: &Path) -> Result<Page, String> {
    let trimmed = |(column, value): (Column, String)| (column, value.trim().to_owned());
    let values: Vec<_> = values.into_iter().map(trimmed).filter(|(_, value)| !value.is_empty()).collect();
    let one = |wanted: &Column| values.iter().find(|(column, _)| column == wanted).map(|(_, value)| value.as_str());
    let source = one(&Column::Source).ok_or("`source` is empty")?;
    if source.contains(['\n', '\r']) {
        return Err("`source` contains a line break: a quote may be missing or stray".to_owned());
    }
    let location = Location::named_in(folder, source).map_err(|error| error.to_string())?;
    let identifier = match one(&Column::Id) {
        Some(id) => id.parse::<Identifier>().map_err(|error| error.to_string())?,
        None => super::super::input::identifier_of(&location, Path::new(source)).map_err(|error| error.to_string())?,
    };
    let object = one(&Column::Object).map(str::parse::<Identifier>).transpose().map_err(|error| error.to_string())?;
    let sequence = one(&Column::Sequence).map(whole_number);
    let thumbnail =
        one(&Column::Thumbnail).map(str::parse::<Identifier>).transpose().map_err(|error| error.to_string())?;
    Ok(Page {
        thumbnail,
        source: location,
        object: object.unwrap_or_else(|| identifier.clone()),
        identifier,
        sequence: sequence.transpose()?.unwrap_or(0),
        said: store_values(&values)?,
    })
}

/// Parses a whole number, including the forms `1.0` and `1,0` that spreadsheets write.
fn whole_number(text: &str) -> Result<u64, String> {
    let whole = text.split_once(['.', ',']).filter(|(_, fraction)| fraction.bytes().all(|digit| digit == b'0'));
    let digits = whole.map_or(text, |(whole, _)| whole);
    digits.parse().map_err(|_| format!("`sequence` is not a whole number: {text}"))
}

/// Validates the descriptive values of a row and stores them as text.
fn store_values(values: &[(Column, String)]) -> Result<Option<Said>, String> {
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
    Ok((!row.is_empty()).then(|| Said(Value::Object(row).to_string().into())))
}

/// The descriptive metadata of an image from a table. It is kept as text, which uses a tenth of the memory of parsed
/// values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said(Box<str>);

impl Said {
    /// Creates the metadata from columns and values.
    #[cfg(test)]
    pub(in crate::collection) fn from_columns(columns: &[(&str, &str)]) -> Self {
        let values: Vec<_> = columns.iter().map(|(name, value)| (Column::named(name), (*value).to_owned())).collect();
        store_values(&values).expect("valid values").expect("at least one value")
    }

    /// Parses the metadata into a description.
    #[must_use]
    pub fn description(&self) -> Description {
        let row: Map<String, Value> = serde_json::from_str(&self.0).expect("row was serialized by `store_values`");
        let values = values_of(&row).expect("row was serialized by `store_values`");
        description(&values).expect("values were validated by `store_values`")
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
            Column::Source | Column::Id | Column::Object | Column::Sequence | Column::Language | Column::Thumbnail => {}
        }
    }
    Ok(description)
}

/// Parses a keyword of the Presentation API.
fn word<T: DeserializeOwned>(column: &str, value: &str) -> Result<T, String> {
    serde_json::from_value(Value::String(value.trim().to_owned())).map_err(|error| format!("`{column}`: {error}"))
}
