//! Presets for tables from other programs.

use crate::collection::naming::is_image_name;
use crate::collection::row_metadata::Column;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// Another program's column names and conventions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Preset {
    /// [CollectionBuilder](https://collectionbuilder.github.io/): `objectid`, `parentid`, `object_location` and so on.
    CollectionBuilder,
    /// [Omeka S](https://omeka.org/s/), with the headers of its exports: `o:id`, `dcterms:title`, `o:media[file]` and so
    /// on.
    OmekaS,
}

/// Error returned for an unknown preset.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a known preset")]
pub struct PresetError(String);

impl Preset {
    /// All presets.
    pub const ALL: &[Self] = &[Self::CollectionBuilder, Self::OmekaS];

    /// Returns the preset's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CollectionBuilder => "collectionbuilder",
            Self::OmekaS => "omeka-s",
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Preset {
    type Err = PresetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().find(|preset| preset.as_str() == text);
        found.copied().ok_or_else(|| PresetError(text.to_owned()))
    }
}

/// CollectionBuilder columns that don't become metadata.
static COLLECTION_BUILDER: [(&str, Column); 16] = [
    ("objectid", Column::Id),
    ("parentid", Column::Object),
    ("title", Column::Label(None)),
    ("description", Column::Summary(None)),
    ("rightsstatement", Column::Rights),
    ("object_location", Column::Source),
    ("filename", Column::Source),
    ("format", Column::MediaType),
    ("display_template", Column::Unused),
    ("image_small", Column::Unused),
    ("image_thumb", Column::Unused),
    ("image_alt_text", Column::Alt(None)),
    ("object_transcript", Column::Unused),
    ("latitude", Column::Unused),
    ("longitude", Column::Unused),
    ("youtubeid", Column::Unused),
];

/// CollectionBuilder columns that separate multiple values with semicolons.
const COLLECTION_BUILDER_LISTS: [&str; 4] = ["subject", "location", "creator", "type"];

/// Omeka S columns that contain an item's files.
const OMEKA_FILES: [&str; 9] = [
    "o:media[file]",
    "o:media[url]",
    "o:media[original_url]",
    "o:media/file",
    "o:media/url",
    "o:media/o:original_url",
    "media_url",
    "media url",
    "file",
];

/// Separator between multiple values in Omeka S.
const OMEKA_SEPARATOR: char = '|';

impl Preset {
    /// Returns the meaning of a column.
    pub(super) fn meaning(self, name: &str) -> Column {
        match self {
            Self::CollectionBuilder => {
                let known = COLLECTION_BUILDER.iter().find(|(known, _)| is_same_name(known, name));
                known.map_or_else(|| Column::Metadata(readable(name), None), |(_, meaning)| meaning.clone())
            }
            Self::OmekaS => omeka_meaning(name),
        }
    }

    /// Returns the base folder for relative paths. CollectionBuilder keeps tables in `_data`, and their paths are
    /// relative to its parent folder.
    pub(super) fn folder(self, folder: &Path) -> &Path {
        match (self, folder.parent()) {
            (Self::CollectionBuilder, Some(above)) if folder.ends_with("_data") => above,
            _ => folder,
        }
    }

    /// Splits cells with multiple values and adapts paths. Returns `None` if the row shouldn't be published, because
    /// it's private or its file isn't an image.
    pub(super) fn row(self, values: Vec<(Column, String)>) -> Option<Vec<(Column, String)>> {
        let is_published = match self {
            Self::CollectionBuilder => is_image_row(&values),
            Self::OmekaS => !is_private(&values),
        };
        is_published.then(|| values.into_iter().flat_map(|(column, value)| self.split(column, value)).collect())
    }

    fn split(self, column: Column, value: String) -> Vec<(Column, String)> {
        let many = |separator: char| value.split(separator).map(|value| (column.clone(), value.to_owned())).collect();
        match (self, &column) {
            (Self::CollectionBuilder, Column::Source) => {
                // Paths are relative to the project root.
                let path = value.trim().trim_start_matches('/').to_owned();
                vec![(column, path)]
            }
            (Self::CollectionBuilder, Column::Metadata(name, _))
                if COLLECTION_BUILDER_LISTS.iter().any(|list| is_same_name(list, name)) =>
            {
                many(';')
            }
            (Self::OmekaS, Column::Source | Column::Metadata(..)) => many(OMEKA_SEPARATOR),
            (Self::OmekaS, Column::Rights) if !is_url(&value) => {
                vec![(Column::Metadata("Rights".to_owned(), None), value)]
            }
            _ => vec![(column, value)],
        }
    }
}

/// Returns `true` if two column names are the same, ignoring case and surrounding spaces.
pub(super) fn is_same_name(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

fn is_url(value: &str) -> bool {
    let value = value.trim();
    value.is_empty() || value.starts_with("http://") || value.starts_with("https://")
}

/// Returns `true` for image rows and for rows without a file, which may describe an object.
fn is_image_row(values: &[(Column, String)]) -> bool {
    let value = |wanted: &Column| {
        values
            .iter()
            .find(|(column, value)| column == wanted && !value.trim().is_empty())
            .map(|(_, value)| value.trim())
    };
    let is_image_type = || value(&Column::MediaType).is_some_and(|format| format.starts_with("image/"));
    value(&Column::Source).is_none_or(|source| is_image_name(source) || is_image_type())
}

fn is_private(values: &[(Column, String)]) -> bool {
    let is_no = |value: &str| ["0", "false", "no", "private"].contains(&value.trim().to_lowercase().as_str());
    values.iter().any(|(column, value)| *column == Column::IsPublic && is_no(value))
}

/// Returns the meaning of an Omeka S column, such as `dcterms:title @fr` or `dcterms:creator ^^uri §private`.
fn omeka_meaning(name: &str) -> Column {
    let name = name.trim();
    if OMEKA_FILES.iter().any(|file| is_same_name(file, name)) {
        return Column::Source;
    }
    let mut words = name.split_whitespace();
    let term = words.next().unwrap_or_default();
    let rest: Vec<&str> = words.collect();
    if rest.iter().any(|word| word.eq_ignore_ascii_case("§private")) {
        return Column::Hidden;
    }
    let (term, attached) = term.split_once('@').unwrap_or((term, ""));
    let language = rest.iter().find_map(|word| word.strip_prefix('@')).or(Some(attached));
    let language = language.filter(|language| !language.is_empty()).map(str::to_owned);
    match term {
        "o:id" => Column::Id,
        "o:is_public" => Column::IsPublic,
        "dcterms:title" => Column::Label(language),
        "dcterms:description" => Column::Summary(language),
        "dcterms:license" | "dcterms:rights" => Column::Rights,
        _ => match term.split_once(':') {
            // Internal columns, such as `o:owner` and `o:media[o:id]`.
            Some(("o" | "o-cnt" | "o-module", _)) => Column::Unused,
            Some((_, property)) if !property.is_empty() => Column::Metadata(readable(property), language),
            _ if ["url", "resource_type", "resource_name"].contains(&name) => Column::Unused,
            _ => Column::Metadata(name.to_owned(), language),
        },
    }
}

/// Returns a label for a column name: `date-is-approximate` becomes `Date is approximate`, and `isPartOf` becomes `Is
/// part of`.
fn readable(name: &str) -> String {
    let mut label = String::new();
    for character in name.trim().chars() {
        match character {
            '-' | '_' => label.push(' '),
            _ if label.is_empty() => label.extend(character.to_uppercase()),
            _ if character.is_uppercase() && label.ends_with(char::is_lowercase) => {
                label.push(' ');
                label.extend(character.to_lowercase());
            }
            _ => label.push(character),
        }
    }
    label
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(name: &str, language: Option<&str>) -> Column {
        Column::Metadata(name.to_owned(), language.map(str::to_owned))
    }

    #[test]
    fn columns_of_other_programs_have_their_meaning() {
        for (preset, name, meaning) in [
            (Preset::CollectionBuilder, "ObjectID", Column::Id),
            (Preset::CollectionBuilder, "source", metadata("Source", None)),
            (Preset::CollectionBuilder, "language", metadata("Language", None)),
            (Preset::CollectionBuilder, "date-is-approximate?", metadata("Date is approximate?", None)),
            (Preset::OmekaS, "dcterms:title @fr", Column::Label(Some("fr".to_owned()))),
            (Preset::OmekaS, "dcterms:isPartOf ^^uri", metadata("Is part of", None)),
            (Preset::OmekaS, "dcterms:creator@de", metadata("Creator", Some("de"))),
            (Preset::OmekaS, "dcterms:provenance §private", Column::Hidden),
            (Preset::OmekaS, "o:media[o:id]", Column::Unused),
            (Preset::OmekaS, "O:Media[File]", Column::Source),
            (Preset::OmekaS, "Notes", metadata("Notes", None)),
        ] {
            assert_eq!(preset.meaning(name), meaning, "{preset}: {name}");
        }
        assert_eq!(Preset::CollectionBuilder.folder(Path::new("site/_data")), Path::new("site"));
        assert_eq!(Preset::OmekaS.folder(Path::new("site/_data")), Path::new("site/_data"));
        assert!(Preset::ALL.iter().all(|preset| preset.to_string().parse() == Ok(*preset)));
        assert!("omeka".parse::<Preset>().is_err());
    }

    #[test]
    fn private_rows_and_files_that_are_not_images_are_left_out() {
        let row = |preset: Preset, columns: &[(&str, &str)]| {
            preset.row(columns.iter().map(|(name, value)| (preset.meaning(name), (*value).to_owned())).collect())
        };
        let builder = |columns: &[(&str, &str)]| row(Preset::CollectionBuilder, columns).is_some();
        assert!(builder(&[("object_location", "/objects/a.jpg")]));
        assert!(builder(&[("object_location", "https://example.org/view?id=1"), ("format", "image/jpeg")]));
        assert!(builder(&[("object_location", ""), ("format", "compound_object")]), "it may describe an object");
        assert!(!builder(&[("object_location", "https://youtu.be/x"), ("format", "video/mp4")]));
        for (value, is_public) in
            [("1", true), ("", true), ("true", true), ("0", false), ("False", false), ("private", false)]
        {
            assert_eq!(row(Preset::OmekaS, &[("o:is_public", value)]).is_some(), is_public, "{value}");
        }
    }

    #[test]
    fn several_values_are_split() {
        let values = |preset: Preset, name: &str, value: &str| {
            let row = preset.row(vec![(preset.meaning(name), value.to_owned())]).expect("published");
            row.into_iter().map(|(_, value)| value).collect::<Vec<_>>()
        };
        assert_eq!(values(Preset::CollectionBuilder, "subject", "maps; globes"), ["maps", " globes"]);
        assert_eq!(values(Preset::CollectionBuilder, "description", "a; b"), ["a; b"]);
        assert_eq!(values(Preset::CollectionBuilder, "object_location", "/objects/a.jpg"), ["objects/a.jpg"]);
        assert_eq!(values(Preset::OmekaS, "o:media[file]", "a.jpg | b.jpg"), ["a.jpg ", " b.jpg"]);
        let (text, url) = (Preset::OmekaS.meaning("dcterms:rights"), Preset::OmekaS.meaning("dcterms:rights"));
        let row = vec![(text, "Public domain".to_owned()), (url, "https://example.org/rights".to_owned())];
        let row = Preset::OmekaS.row(row).expect("published");
        assert_eq!((&row[0].0, &row[1].0), (&metadata("Rights", None), &Column::Rights));
    }
}
