//! Parses a table's header row and suggests names for unknown columns.

use super::columns::TableColumns;
use super::separated::Record;
use crate::collection::naming::is_image_name;
use crate::collection::row_metadata::Column;

/// Maximum number of columns. Larger tables are probably a mistake and would take a long time to read.
const MAX_COLUMNS: usize = 1000;

/// Maximum number of column names to list in an error message.
const MAX_LISTED: usize = 20;

/// Alternative column names used by other programs and languages.
const OTHER_NAMES: &[(&str, &[&str])] = &[
    (
        "source",
        &[
            "src",
            "file",
            "files",
            "filename",
            "file name",
            "file_name",
            "path",
            "filepath",
            "image",
            "url",
            "master",
            "location",
            "quelle",
            "datei",
            "dateiname",
            "dateipfad",
            "pfad",
            "bild",
            "bilddatei",
            "fichier",
            "chemin",
            "archivo",
            "fichero",
            "ruta",
            "imagen",
            "immagine",
            "percorso",
            "bestand",
            "bestandsnaam",
            "pad",
            "afbeelding",
            "ficheiro",
            "arquivo",
            "fil",
            "plik",
        ],
    ),
    ("id", &["identifier", "kennung", "identifiant", "identificador", "identificativo"]),
    ("label", &["title", "titel", "titre", "titolo", "título", "titulo", "tytuł", "bezeichnung"]),
    ("summary", &["description", "beschreibung", "descripción", "descrizione", "beschrijving"]),
    ("object", &["objekt", "objet", "objeto", "oggetto", "parent"]),
    (
        "sequence",
        &["order", "page number", "reihenfolge", "seite", "seitenzahl", "ordre", "orden", "ordine", "volgorde"],
    ),
    ("homepage", &["homepage", "webseite", "website", "link", "permalink"]),
    ("seeAlso", &["seealso", "see also"]),
    ("rendering", &["rendering", "pdf"]),
    ("provider", &["provider", "anbieter"]),
    ("navDate", &["navdate"]),
    ("navPlace", &["navplace", "koordinaten", "coordinates"]),
    ("range", &["inhaltsverzeichnis", "table of contents", "toc", "kapitel", "chapter"]),
    ("alt", &["alt text", "alt_text", "image_alt_text", "alternativtext", "alternative text"]),
    ("rights", &["license", "licence", "lizenz", "rechte", "droits", "derechos", "diritti", "rechten"]),
];

/// A table's columns.
pub(super) struct Header {
    names: Vec<String>,
    columns: Vec<Column>,
    /// Metadata columns for columns that are also shown as metadata.
    also_shown: Vec<Option<Column>>,
    /// Index of the `source` column.
    source: usize,
}

impl Header {
    /// Parses column names.
    pub(super) fn new(names: &[String], settings: &TableColumns) -> Result<Self, String> {
        if names.len() > MAX_COLUMNS {
            return Err(format!("there are {} columns; at most {MAX_COLUMNS} are supported", names.len()));
        }
        if let Some(missing) = settings.missing_mapping(names) {
            return Err(format!("column `{missing}` is missing; the table has {}", listed(names)));
        }
        let columns = resolved(names, settings);
        let Some(source) = columns.iter().position(|column| *column == Column::Source) else {
            return Err(without_source(names));
        };
        let again = |(place, column): &(usize, &Column)| column.is_unique() && columns[..*place].contains(column);
        if let Some((place, column)) = columns.iter().enumerate().find(again) {
            let first = columns.iter().position(|other| other == column).unwrap_or(place);
            return Err(duplicate(place, &names[place], &names[first]));
        }
        let also_shown = names.iter().map(|name| settings.also_shown(name)).collect();
        Ok(Self { names: names.to_vec(), columns, also_shown, source })
    }

    /// Returns the names of all columns with their meanings. Metadata takes precedence over a meaning that isn't public.
    pub(super) fn columns(&self) -> impl Iterator<Item = (&str, &Column)> {
        let meanings = self.also_shown.iter().zip(&self.columns).map(|(also, column)| also.as_ref().unwrap_or(column));
        self.names.iter().map(String::as_str).zip(meanings)
    }

    /// Pairs a row's values with their columns. Ignores trailing empty values, which spreadsheets tend to add.
    pub(super) fn values(&self, mut values: Vec<String>) -> Result<Vec<(Column, String)>, String> {
        while values.len() > self.columns.len() && values.last().is_some_and(String::is_empty) {
            values.pop();
        }
        if values.len() != self.columns.len() {
            return Err(format!("the row has {} values for {} columns", values.len(), self.columns.len()));
        }
        let nameless = self.names.iter().zip(&values).position(|(name, value)| name.is_empty() && !value.is_empty());
        if let Some(place) = nameless {
            return Err(format!("column {} has a value, but no name in the header row", place + 1));
        }
        let columns = self.columns.iter().zip(&self.also_shown).zip(&self.names).zip(values);
        let named = columns.filter(|((_, name), _)| !name.is_empty());
        Ok(named.flat_map(|(((column, also), _), value)| both(column, also.as_ref(), value)).collect())
    }

    /// Returns an error if a value seems to contain entire rows because they are enclosed by two stray quotes.
    pub(super) fn swallowed_rows(&self, record: &Record, separator: char) -> Option<String> {
        // Two stray quotes in different rows are valid CSV. Everything between them becomes a single value with line
        // breaks. The only hint is that lines in this value look like rows, with an image name in the `source` column.
        let is_row = |line: &str| {
            let values: Vec<&str> = line.split(separator).collect();
            let source =
                values.get(self.source).filter(|_| self.columns.len() > 1 && values.len() >= self.columns.len());
            let is_source = |source: &str| is_image_name(source) || source.contains("://");
            source.is_some_and(|source| is_source(source.trim().trim_matches('"')))
        };
        let inner_lines = record.values.iter().flat_map(|value| value.lines().skip(1));
        let row = inner_lines.into_iter().find(|line| is_row(line))?;
        let row: String = row.chars().take(60).collect();
        Some(format!(
            "a value that begins here contains the row `{row}`: a quote is missing or stray in this row; write \"\" for a quote inside \
             a value"
        ))
    }

    /// Returns notes on metadata columns with names that suggest a different meaning.
    pub(super) fn notes(&self, table: &str) -> Vec<String> {
        let note = |name: &String| {
            let meant = meant(name, &self.names)?;
            Some(format!(
                "`{table}`: the column `{name}` is shown as metadata; if it is the {meant}, pass{}",
                mapping(meant, name)
            ))
        };
        let metadata =
            self.columns.iter().zip(&self.names).filter(|(column, _)| matches!(column, Column::Metadata(..)));
        metadata.filter_map(|(_, name)| note(name)).collect()
    }
}

/// Returns the columns' meanings. If another program's table names files in several columns, only the first of them
/// counts.
fn resolved(names: &[String], settings: &TableColumns) -> Vec<Column> {
    let mut columns: Vec<Column> = names.iter().map(|name| settings.meaning(name)).collect();
    let sources = columns.iter_mut().filter(|column| **column == Column::Source);
    if settings.preset.is_some() {
        sources.skip(1).for_each(|column| *column = Column::Unused);
    }
    columns
}

/// Returns the error message for two columns with the same meaning.
fn duplicate(place: usize, name: &str, first: &str) -> String {
    if name.trim().eq_ignore_ascii_case(first.trim()) {
        return format!("column {} has the same name as an earlier one, `{name}`: rename one", place + 1);
    }
    format!("the columns `{first}` and `{name}` have the same meaning: rename one, or change `--column`")
}

/// Lists column names in an error message.
fn listed(names: &[String]) -> String {
    let present: Vec<&String> = names.iter().filter(|name| !name.is_empty()).collect();
    let listed = present.iter().take(MAX_LISTED).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let more = present.len().saturating_sub(MAX_LISTED);
    if more > 0 { format!("{listed} and {more} more") } else { listed }
}

/// Returns the standard column name that a column's name suggests. Ignores `source` and all columns that already exist
/// in `names`.
fn meant(name: &str, names: &[String]) -> Option<&'static str> {
    let lower = name.to_lowercase();
    let base = lower.split('@').next().unwrap_or_default().trim();
    let has = |known: &Column| names.iter().any(|name| Column::named(name) == *known);
    let is_free = |known: &str| known != "source" && !has(&Column::named(known));
    let known = OTHER_NAMES.iter().filter(|(known, _)| is_free(known));
    known.into_iter().find(|(_, others)| others.contains(&base)).map(|(known, _)| *known)
}

/// Pairs a value with its column, and with the metadata column that also shows it.
fn both(column: &Column, also: Option<&Column>, value: String) -> impl Iterator<Item = (Column, String)> {
    let also = also.map(|also| (also.clone(), value.clone()));
    std::iter::once((column.clone(), value)).chain(also)
}

/// Returns the error message for a table without a `source` column.
fn without_source(names: &[String]) -> String {
    let present: Vec<&String> = names.iter().filter(|name| !name.is_empty()).collect();
    let remedy = match present.iter().find(|name| may_be_source(name)) {
        Some(name) => {
            let others = present.iter().filter_map(|other| Some((meant(other, names)?, other)));
            let others = others.take(MAX_LISTED).map(|(meant, other)| mapping(meant, other));
            let mappings: String = std::iter::once(mapping("source", name)).chain(others).collect();
            format!("did you mean `{name}`? Pass{mappings}, or rename columns")
        }
        None => "pass the column with the files or URLs of the images, such as `--column source=NAME`".to_owned(),
    };
    format!("column `source` is missing; the table has {}; {remedy}", listed(names))
}

/// Returns the command-line option that maps a column to a meaning.
fn mapping(meaning: &str, name: &str) -> String {
    let value = format!("{meaning}={name}");
    let is_plain = value.chars().all(|c| c.is_alphanumeric() || "=_-.@".contains(c));
    if is_plain { format!(" --column {value}") } else { format!(" --column '{}'", value.replace('\'', r"'\''")) }
}

fn may_be_source(name: &str) -> bool {
    let lower = name.to_lowercase();
    OTHER_NAMES[0].1.contains(&lower.as_str()) || strsim::damerau_levenshtein(&lower, "source") <= 2
}
