//! Settings for a table's columns, which define their meanings and select those that become public.

use super::preset::{Preset, is_same_name};
use crate::collection::row_metadata::Column;
use std::str::FromStr;

/// Settings for a table's columns. By default, columns have their standard names, and all other columns are shown as
/// metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableColumns {
    /// Columns with nonstandard names.
    pub mappings: Vec<ColumnMapping>,
    /// Preset for another program's column names. `mappings` take precedence.
    pub preset: Option<Preset>,
    /// Other columns to show as metadata.
    pub metadata: MetadataColumns,
}

/// A standard column that has a different name in a table.
///
/// ```
/// use iiif_publish::collection::ColumnMapping;
/// assert!("source=Dateiname".parse::<ColumnMapping>().is_ok());
/// assert!("sorce=Dateiname".parse::<ColumnMapping>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnMapping {
    meaning: Column,
    /// Name in the table.
    name: String,
}

/// Error returned for an invalid [`ColumnMapping`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ColumnMappingError {
    /// The text isn't of the form `source=Dateiname`.
    #[error("write the standard column, `=` and the column of your table, such as `source=Dateiname`")]
    Form,
    /// The first name isn't a standard column.
    #[error("`{name}` is not a standard column{}", did_you_mean(*.similar))]
    Unknown {
        /// The name.
        name: String,
        /// Standard column with a similar name.
        similar: Option<&'static str>,
    },
}

fn did_you_mean(similar: Option<&str>) -> String {
    let names = || Column::NAMES.map(|name| format!("`{name}`")).join(", ");
    similar.map_or_else(|| format!(" ({})", names()), |similar| format!("; did you mean `{similar}`?"))
}

/// Returns the most similar name in `names`, if any is similar enough to suggest.
pub(super) fn most_similar<'n>(name: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    const MIN_SIMILARITY: f64 = 0.8;
    let similarity = |other: &str| strsim::jaro_winkler(&other.to_lowercase(), &name.to_lowercase());
    let similar = names.into_iter().max_by(|a, b| similarity(a).total_cmp(&similarity(b)));
    similar.filter(|similar| similarity(similar) >= MIN_SIMILARITY)
}

impl FromStr for ColumnMapping {
    type Err = ColumnMappingError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (standard, name) = text.split_once('=').ok_or(ColumnMappingError::Form)?;
        let (standard, name) = (standard.trim(), name.trim());
        if standard.is_empty() || name.is_empty() {
            return Err(ColumnMappingError::Form);
        }
        match Column::named(standard) {
            Column::Metadata(base, _) => {
                let similar = most_similar(&base, Column::NAMES);
                Err(ColumnMappingError::Unknown { name: standard.to_owned(), similar })
            }
            meaning => Ok(Self { meaning, name: name.to_owned() }),
        }
    }
}

/// Columns to show as metadata, in addition to columns with a standard meaning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetadataColumns {
    /// All columns without a standard meaning.
    #[default]
    All,
    /// No columns.
    None,
    /// Only the columns with these names. `Maker` also selects `Maker@de`.
    Only(Vec<String>),
}

impl MetadataColumns {
    /// Returns `true` if a column is shown as metadata. `name` is its name in the table, and `base` is that name
    /// without a language.
    fn has(&self, name: &str, base: &str) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Only(names) => names.iter().any(|only| is_same_name(only, name) || is_same_name(only, base)),
        }
    }
}

impl TableColumns {
    /// Returns a column's meaning.
    pub(super) fn meaning(&self, name: &str) -> Column {
        let mapped = self.mappings.iter().find(|mapping| is_same_name(&mapping.name, name));
        let preset = || self.preset.map(|preset| preset.meaning(name));
        let meaning = mapped.map(|mapping| mapping.meaning.clone()).or_else(preset);
        match meaning.unwrap_or_else(|| Column::named(name)) {
            Column::Metadata(base, _) if !self.metadata.has(name, &base) => Column::Hidden,
            meaning => meaning,
        }
    }

    /// Returns the metadata column for a column that is selected as metadata although its meaning isn't public, such as
    /// a shelfmark used as an identifier.
    pub(super) fn also_shown(&self, name: &str) -> Option<Column> {
        let is_selected = matches!(self.metadata, MetadataColumns::Only(_));
        let (base, language) = match Column::named(name) {
            Column::Metadata(base, language) => (base, language),
            _ => (name.to_owned(), None),
        };
        let is_private = match self.meaning(name) {
            Column::Metadata(..) | Column::Hidden | Column::Unused => false,
            meaning => meaning.public_name().is_none(),
        };
        (is_selected && is_private && self.metadata.has(name, &base)).then_some(Column::Metadata(base, language))
    }

    /// Returns the first mapped column that `names` doesn't contain.
    pub(super) fn missing_mapping(&self, names: &[String]) -> Option<String> {
        let is_missing = |mapping: &&ColumnMapping| !names.iter().any(|name| is_same_name(&mapping.name, name));
        self.mappings.iter().find(is_missing).map(|mapping| mapping.name.clone())
    }

    /// Returns the first column that was selected as metadata but isn't among `names`, which are the table's columns.
    pub(super) fn missing_metadata<'n>(&self, names: &(impl Iterator<Item = &'n str> + Clone)) -> Option<&str> {
        let MetadataColumns::Only(only) = &self.metadata else { return None };
        let is_in_table = |only: &String| {
            names.clone().any(|name| {
                let base = name.rsplit_once('@').map_or(name, |(base, _)| base);
                is_same_name(only, name) || is_same_name(only, base)
            })
        };
        only.iter().find(|only| !is_in_table(only)).map(String::as_str)
    }
}

/// A table's columns and their role in public documents.
#[derive(Debug, Default)]
pub(super) struct Publicity {
    names: Vec<(String, Column)>,
}

impl Publicity {
    /// Adds a column unless it was already added.
    pub(super) fn add(&mut self, name: &str, meaning: &Column) {
        if !name.is_empty() && !self.names.iter().any(|(known, _)| known == name) {
            self.names.push((name.to_owned(), meaning.clone()));
        }
    }

    /// Returns the names of all columns.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.names.iter().map(|(name, _)| name.as_str())
    }

    /// Returns a note that lists the columns that will be public.
    pub(super) fn note(&self, table: &str) -> String {
        let shown = self.names.iter().filter_map(|(name, meaning)| Some((name, meaning.public_name()?)));
        let shown = shown.map(|(name, meaning)| {
            if is_same_name(name, &meaning) { format!("`{name}`") } else { format!("`{name}` (as {meaning})") }
        });
        let hidden =
            self.names.iter().filter(|(_, meaning)| *meaning == Column::Hidden).map(|(name, _)| format!("`{name}`"));
        let (shown, hidden) = (shown.collect::<Vec<_>>().join(", "), hidden.collect::<Vec<_>>().join(", "));
        let shown = if shown.is_empty() { "none".to_owned() } else { shown };
        let hidden = if hidden.is_empty() { hidden } else { format!("; not published: {hidden}") };
        format!("public columns of `{table}`: {shown}{hidden}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_names_a_standard_column() {
        for (text, error) in [
            ("Dateiname", "such as `source=Dateiname`"),
            ("=Dateiname", "such as `source=Dateiname`"),
            ("sorce=Dateiname", "did you mean `source`?"),
            ("Datierung=Datum", "`Datierung` is not a standard column (`source`, `id`"),
        ] {
            let refused = text.parse::<ColumnMapping>().expect_err(text).to_string();
            assert!(refused.contains(error), "{refused}");
        }
        let columns = TableColumns {
            mappings: ["source=Datei=1", "label@de = Titel"].map(|it| it.parse().expect("a mapping")).to_vec(),
            ..TableColumns::default()
        };
        assert_eq!(columns.meaning("DATEI=1"), Column::Source);
        assert_eq!(columns.meaning(" titel"), Column::Label(Some("de".to_owned())));
        assert_eq!(columns.meaning("id"), Column::Id);
    }

    #[test]
    fn only_selected_columns_are_metadata() {
        let only = |names: &[&str]| MetadataColumns::Only(names.iter().map(|name| (*name).to_owned()).collect());
        for (metadata, shown) in [
            (MetadataColumns::All, vec!["Date", "Maker@de", "Price"]),
            (MetadataColumns::None, vec![]),
            (only(&["date", "Maker"]), vec!["Date", "Maker@de"]),
            (only(&["Maker@de"]), vec!["Maker@de"]),
        ] {
            let columns = TableColumns { metadata, ..TableColumns::default() };
            let is_shown = |name: &&str| columns.meaning(name) != Column::Hidden;
            assert_eq!(["Date", "Maker@de", "Price"].into_iter().filter(is_shown).collect::<Vec<_>>(), shown);
            assert_eq!(columns.meaning("label"), Column::Label(None), "standard columns are always public");
        }
        let columns = TableColumns { metadata: only(&["Maker", "Dat"]), ..TableColumns::default() };
        assert_eq!(columns.missing_metadata(&["Maker@de", "Date"].into_iter()), Some("Dat"));
    }
}
