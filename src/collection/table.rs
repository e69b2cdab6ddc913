//! A table of images: CSV, or a JSON object on each line.

use super::page::Page;
use crate::iiif::{Description, LanguageMap, Metadata, Rights};
use crate::location::Location;
use crate::store::Identifier;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::fmt;
use std::io::Read;
use std::path::Path;

/// Maximum number of columns of a table.
const MAX_COLUMNS: usize = 1_000;

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableFormat {
    /// With the names of the columns in the first line (RFC 4180).
    Csv,
    /// A JSON object on each line: a column is a member, whose value is a text, a number, or an array of those.
    JsonLines,
}

/// A row that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowError {
    /// Its line, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for RowError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}: {}", self.line, self.reason)
    }
}

/// What a column says, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Column {
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
    /// Anything else is shown as it is called.
    Metadata(String, Option<String>),
}

impl Column {
    /// Under which name it is found again; `None` of what is not shown to anyone.
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

    /// Whether a second value of it would contradict the first; of the others, all are shown.
    fn says_one_thing(&self) -> bool {
        !matches!(self, Self::Label(_) | Self::Summary(_) | Self::Attribution(_) | Self::Metadata(..))
    }

    /// `label`, or `label@fr` where all of it is in one language.
    fn named(name: &str) -> Self {
        let name = name.trim().trim_start_matches('\u{feff}');
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

/// Reads a table; all of its rows, or all that is wrong with them. Paths are relative to `folder`.
pub(super) fn read(input: impl Read, format: TableFormat, folder: &Path) -> Result<Vec<Page>, Vec<RowError>> {
    let mut rows = Rows { folder, pages: Vec::new(), lines: HashMap::new(), errors: Vec::new() };
    match format {
        TableFormat::Csv => rows.read_csv(input),
        TableFormat::JsonLines => rows.read_json_lines(input),
    }
    rows.check_thumbnails();
    if rows.errors.is_empty() { Ok(rows.pages) } else { Err(rows.errors) }
}

struct Rows<'a> {
    folder: &'a Path,
    pages: Vec<Page>,
    /// Where each identifier stands.
    lines: HashMap<Identifier, u64>,
    errors: Vec<RowError>,
}

impl Rows<'_> {
    fn read_csv(&mut self, input: impl Read) {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(input);
        let columns: Vec<Column> = match reader.headers() {
            Ok(names) if names.len() > MAX_COLUMNS => {
                return self.refuse(1, format!("there are {} columns, of {MAX_COLUMNS} allowed", names.len()));
            }
            Ok(names) => names.iter().map(Column::named).collect(),
            Err(error) => return self.refuse(1, error.to_string()),
        };
        if !columns.contains(&Column::Source) {
            return self.refuse(1, "there is no column `source`".to_owned());
        }
        let again = |(place, column): &(usize, &Column)| column.says_one_thing() && columns[..*place].contains(column);
        if let Some((place, _)) = columns.iter().enumerate().find(again) {
            return self.refuse(1, format!("column {} is called the same as one before it", place + 1));
        }
        for record in reader.records() {
            match record {
                Ok(record) => {
                    let line = record.position().map_or(0, csv::Position::line);
                    let values = columns.iter().zip(record.iter().map(str::to_owned));
                    self.add(line, page(values.map(|(column, value)| (column.clone(), value)), self.folder));
                }
                Err(error) => {
                    let line = error.position().map_or(0, csv::Position::line);
                    self.refuse(line, error.to_string());
                }
            }
        }
    }

    fn read_json_lines(&mut self, input: impl Read) {
        let lines = std::io::BufRead::lines(std::io::BufReader::new(input));
        for (number, line) in (1..).zip(lines) {
            match line {
                Ok(line) if line.trim().is_empty() => {}
                Ok(line) => self.add(number, row_of_json(&line, self.folder)),
                Err(error) => {
                    // What cannot be read once cannot be read on.
                    return self.refuse(number, error.to_string());
                }
            }
        }
    }

    /// That every thumbnail is a page of the same object.
    fn check_thumbnails(&mut self) {
        let objects: HashMap<&Identifier, &Identifier> =
            self.pages.iter().map(|page| (&page.identifier, &page.object)).collect();
        let is_wrong = |page: &&Page| {
            page.thumbnail.as_ref().is_some_and(|thumbnail| objects.get(thumbnail) != Some(&&page.object))
        };
        let error = |page: &Page| RowError {
            line: self.lines.get(&page.identifier).copied().unwrap_or(0),
            reason: format!("`thumbnail` is the id of no page of `{}`", page.object),
        };
        let errors: Vec<RowError> = self.pages.iter().filter(is_wrong).map(error).collect();
        self.errors.extend(errors);
        self.errors.sort_by_key(|error| error.line);
    }

    fn refuse(&mut self, line: u64, reason: String) {
        self.errors.push(RowError { line, reason });
    }

    fn add(&mut self, line: u64, page: Result<Page, String>) {
        match page {
            Ok(page) => {
                if let Some(first) = self.lines.insert(page.identifier.clone(), line) {
                    self.refuse(line, format!("`{}` is in line {first} already", page.identifier));
                }
                self.pages.push(page);
            }
            Err(reason) => self.refuse(line, reason),
        }
    }
}

/// The page of a row that is a JSON object.
pub(super) fn row_of_json(line: &str, folder: &Path) -> Result<Page, String> {
    let row: Map<String, Value> = serde_json::from_str(line).map_err(|error| error.to_string())?;
    page(values_of(&row)?, folder)
}

/// The columns of a JSON object; of an array, one for each of its values.
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
                Value::Array(_) | Value::Object(_) => return Err(format!("`{name}` is neither a text nor a number")),
            };
            values.push((Column::named(name), text));
        }
    }
    Ok(values)
}

/// The page of one row. Empty values say nothing.
fn page(values: impl IntoIterator<Item = (Column, String)>, folder: &Path) -> Result<Page, String> {
    let values: Vec<(Column, String)> = values.into_iter().filter(|(_, value)| !value.trim().is_empty()).collect();
    let one = |wanted: &Column| values.iter().find(|(column, _)| column == wanted).map(|(_, value)| value.as_str());
    let source = one(&Column::Source).ok_or("`source` is empty")?;
    let location = Location::named_in(folder, source).map_err(|error| error.to_string())?;
    let identifier = match one(&Column::Id) {
        Some(id) => id.parse::<Identifier>().map_err(|error| error.to_string())?,
        None => super::input::identifier_of(&location, Path::new(source)).map_err(|error| error.to_string())?,
    };
    let object = one(&Column::Object).map(str::parse::<Identifier>).transpose().map_err(|error| error.to_string())?;
    let sequence =
        one(&Column::Sequence).map(|text| text.parse().map_err(|_| format!("`sequence` is no number: {text}")));
    let thumbnail =
        one(&Column::Thumbnail).map(str::parse::<Identifier>).transpose().map_err(|error| error.to_string())?;
    Ok(Page {
        thumbnail,
        source: location,
        object: object.unwrap_or_else(|| identifier.clone()),
        identifier,
        sequence: sequence.transpose()?.unwrap_or(0),
        said: said(&values)?,
    })
}

/// What is kept of a row, once it is known that it can be understood.
fn said(values: &[(Column, String)]) -> Result<Option<Said>, String> {
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

/// What a table said of an image. Kept as text: of 100,000 rows that is a tenth of what it takes when it is understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said(Box<str>);

impl Said {
    /// What is said so, by columns and values.
    #[cfg(test)]
    pub(super) fn of(columns: &[(&str, &str)]) -> Self {
        let values: Vec<_> = columns.iter().map(|(name, value)| (Column::named(name), (*value).to_owned())).collect();
        said(&values).expect("understood").expect("something")
    }

    /// The same, understood.
    #[must_use]
    pub fn description(&self) -> Description {
        let row: Map<String, Value> = serde_json::from_str(&self.0).expect("it was written here");
        let values = values_of(&row).expect("it was read before");
        description(&values).expect("it was understood before")
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

/// One of the words that the specification has for a column.
fn word<T: DeserializeOwned>(column: &str, value: &str) -> Result<T, String> {
    serde_json::from_value(Value::String(value.trim().to_owned())).map_err(|error| format!("`{column}`: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read_csv(text: &str) -> Result<Vec<Page>, Vec<RowError>> {
        read(text.as_bytes(), TableFormat::Csv, Path::new("masters"))
    }

    #[test]
    fn a_row_says_everything_of_a_page() {
        let table = "\u{feff}Source,id,object,sequence,label,label@fr,rights,attribution,language,Date,Maker@de,viewingDirection,thumbnail\n\
                     a/1.tif,ms-1/1,ms-1,2,Folio 1,Feuillet 1,http://rightsstatements.org/vocab/NoC-NC/1.0/,A library,en,1642,Anna,right-to-left,ms-1/1\n\
                     \"b, c.jpg\",,,,,,,,,,,,\n";
        let pages = read_csv(table).expect("whole");
        let [first, second] = pages.as_slice() else { panic!("two pages") };
        assert_eq!(first.source, Path::new("masters/a/1.tif").into());
        assert_eq!(
            (first.identifier.to_string(), first.object.to_string(), first.sequence),
            ("ms-1/1".into(), "ms-1".into(), 2)
        );
        let said = serde_json::to_value(first.description()).expect("JSON");
        let expected = json!({
            "label": {"en": ["Folio 1"], "fr": ["Feuillet 1"]},
            "metadata": [
                {"label": {"none": ["Date"]}, "value": {"en": ["1642"]}},
                {"label": {"none": ["Maker"]}, "value": {"de": ["Anna"]}},
            ],
            "rights": "http://rightsstatements.org/vocab/NoC-NC/1.0/",
            "requiredStatement": {"label": {"en": ["Attribution"]}, "value": {"en": ["A library"]}},
            "viewingDirection": "right-to-left",
        });
        assert_eq!(said, expected);
        assert_eq!(first.thumbnail.as_ref(), Some(&first.identifier));
        assert_eq!((second.identifier.to_string(), &second.object), ("b, c".to_owned(), &second.identifier));
    }

    #[test]
    fn everything_that_is_wrong_is_told_with_its_line() {
        let table = "source,id,sequence,rights\n../x.tif,../x,1,\nb.tif,b,one,\nb.tif,c,1,none of yours\nb.tif,d,1,\ne.tif,d,1,\n\
                     ,e,1,\nf.tif,f\n";
        let errors = read_csv(table).expect_err("much is wrong");
        let lines: Vec<u64> = errors.iter().map(|error| error.line).collect();
        assert_eq!(lines, [2, 3, 4, 6, 7, 8], "{errors:#?}");
        assert!(errors[3].to_string().contains("`d` is in line 5 already"), "{}", errors[3]);
        let table = "source,object,thumbnail,behavior\na.tif,x,b,paged\nb.tif,x,c,\nc.tif,y,,folded\n";
        let errors = read_csv(table).expect_err("of another object, and no behavior");
        assert_eq!(errors.iter().map(|error| error.line).collect::<Vec<_>>(), [3, 4], "{errors:#?}");
        assert_eq!(read_csv("name\nx\n").expect_err("no source")[0].line, 1);
        let twice = read_csv("source,id,Subject,Subject,ID\nx,y,cats,dogs,z\n").expect_err("which id?");
        assert_eq!((twice.len(), twice[0].line), (1, 1));
        assert!(twice[0].reason.contains("column 5"), "{}", twice[0]);
    }

    #[test]
    fn json_lines_have_the_same_columns_and_may_have_several_values() {
        let lines = "{\"source\": \"a.tif\", \"label@it\": \"Uno\", \"sequence\": 3, \"Subject\": [\"cats\", \"dogs\"]}\n\n{\"source\": 5\n";
        let errors = read(lines.as_bytes(), TableFormat::JsonLines, Path::new("")).expect_err("the last line");
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0].line, 3);
        let first = lines.lines().next().expect("a line");
        let pages = read(first.as_bytes(), TableFormat::JsonLines, Path::new("")).expect("whole");
        let said = serde_json::to_value(pages[0].description()).expect("JSON");
        assert_eq!(said["metadata"], json!([{"label": {"none": ["Subject"]}, "value": {"none": ["cats", "dogs"]}}]));
        assert_eq!((pages[0].sequence, said["label"]["it"][0].as_str()), (3, Some("Uno")));
    }
}
