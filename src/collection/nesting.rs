//! Collections within a collection.

use super::page::Page;
use crate::iiif::{LanguageMap, Member, Metadata};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fmt::Write;
use std::str::FromStr;

/// Maximum depth of collections within each other. Objects of a longer path are members of the last one that fits.
const MAX_DEPTH: usize = 8;

/// Separator between the names in a path.
const SEPARATOR: &str = " > ";

/// Maximum length of the readable part of a file name.
const MAX_WORDS: usize = 40;

/// Rule for distributing objects over collections within the collection.
///
/// ```
/// use iiif_publish::collection::Nesting;
/// assert_eq!("folder".parse(), Ok(Nesting::Folder));
/// assert_eq!("column=Series".parse(), Ok(Nesting::Column("Series".to_owned())));
/// assert!("Series".parse::<Nesting>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Nesting {
    /// A collection for each folder in the objects' identifiers.
    Folder,
    /// A collection for each value of this metadata column. ` > ` separates the names of collections within each other.
    Column(String),
}

/// Error returned when parsing a [`Nesting`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write `folder`, or `column=` and the name of a metadata column, such as `column=Series`")]
pub struct NestingError;

impl FromStr for Nesting {
    type Err = NestingError;

    fn from_str(text: &str) -> Result<Self, NestingError> {
        match text.split_once('=') {
            None if text == "folder" => Ok(Self::Folder),
            Some(("column", name)) if !name.trim().is_empty() => Ok(Self::Column(name.trim().to_owned())),
            _ => Err(NestingError),
        }
    }
}

/// Labels that lead to a collection, outermost first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CollectionPath(Vec<LanguageMap>);

impl Nesting {
    /// Returns the paths of the collections that an object with these pages belongs to.
    pub(crate) fn paths(&self, pages: &[&Page]) -> Vec<CollectionPath> {
        let Some(first) = pages.first() else { return Vec::new() };
        match self {
            Self::Folder => {
                let folders = first.object.as_str().rsplit_once('/').map(|(folders, _)| folders);
                let path = |folders: &str| {
                    let names = folders.split('/').take(MAX_DEPTH);
                    CollectionPath(names.map(|name| LanguageMap::new(None, name)).collect())
                };
                folders.map(path).into_iter().collect()
            }
            Self::Column(column) => {
                let own = pages.iter().find_map(|page| page.object_description());
                column_paths(&own.unwrap_or_else(|| first.description()).metadata, column)
            }
        }
    }

    /// Returns the column if none of these pages has a value in it.
    pub(crate) fn missing_column(&self, pages: &[Page]) -> Option<&str> {
        let Self::Column(column) = self else { return None };
        let has_value = pages.iter().any(|page| !self.paths(&[page]).is_empty());
        (!has_value).then_some(column)
    }
}

/// Returns a path for each value of a column. Its names are those of the first language, with translations from the
/// values of the others.
fn column_paths(metadata: &[Metadata], column: &str) -> Vec<CollectionPath> {
    let is_column = |text: &String| text.trim().to_lowercase() == column.to_lowercase();
    let is_entry = |entry: &&Metadata| entry.label.languages().any(|(_, texts)| texts.iter().any(is_column));
    let mut paths = Vec::new();
    for entry in metadata.iter().filter(is_entry) {
        let mut languages = entry.value.languages();
        let Some((language, values)) = languages.next() else { continue };
        let others: Vec<(&str, &[String])> = languages.collect();
        for (index, value) in values.iter().enumerate() {
            let mut labels: Vec<LanguageMap> =
                names(value).map(|name| LanguageMap::new(Some(language), name)).collect();
            for (language, values) in &others {
                let translated: Vec<&str> = values.get(index).map(|value| names(value).collect()).unwrap_or_default();
                if translated.len() == labels.len() {
                    labels.iter_mut().zip(translated).for_each(|(label, name)| label.add(Some(language), name));
                }
            }
            if !labels.is_empty() {
                paths.push(CollectionPath(labels));
            }
        }
    }
    paths
}

/// Returns the names in a path.
fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split(SEPARATOR).map(str::trim).filter(|name| !name.is_empty()).take(MAX_DEPTH)
}

/// A collection and its content, in the order of the input.
#[derive(Debug)]
pub(crate) struct Branch {
    /// Name of its file, without an extension. `None` for the outermost collection.
    pub(crate) name: Option<String>,
    pub(crate) label: LanguageMap,
    pub(crate) items: Vec<BranchItem>,
}

#[derive(Debug)]
pub(crate) enum BranchItem {
    Manifest(Member),
    /// Index of a collection.
    Collection(usize),
}

/// Distributes members over collections. Returns the outermost one first, and every collection before those in it.
pub(crate) fn branches(label: LanguageMap, members: Vec<(Vec<CollectionPath>, Member)>) -> Vec<Branch> {
    let mut branches = vec![Branch { name: None, label, items: Vec::new() }];
    let mut known: HashMap<String, usize> = HashMap::new();
    for (paths, member) in members {
        // A list with the same path twice doesn't repeat the object.
        let mut places: Vec<usize> = Vec::new();
        for CollectionPath(labels) in &paths {
            let place = place(&mut branches, &mut known, labels);
            if !places.contains(&place) {
                places.push(place);
            }
        }
        if places.is_empty() {
            places.push(0);
        }
        for place in places {
            branches[place].items.push(BranchItem::Manifest(member.clone()));
        }
    }
    branches
}

/// Returns the index of the collection at the end of a path. Adds missing collections.
fn place(branches: &mut Vec<Branch>, known: &mut HashMap<String, usize>, labels: &[LanguageMap]) -> usize {
    let mut place = 0;
    for depth in 1..=labels.len() {
        let name = file_name(&labels[..depth]);
        if let Some(index) = known.get(&name) {
            place = *index;
            continue;
        }
        let index = branches.len();
        branches[place].items.push(BranchItem::Collection(index));
        known.insert(name.clone(), index);
        branches.push(Branch { name: Some(name), label: labels[depth - 1].clone(), items: Vec::new() });
        place = index;
    }
    place
}

/// Returns the file name of the collection at the end of a path. It must never change, because others link to it, and
/// only depends on the names in the first language. The hash tells collections apart whose names differ only in other
/// characters or in the names above them, and it can't be the number of a page.
fn file_name(labels: &[LanguageMap]) -> String {
    let text = |label: &LanguageMap| label.languages().find_map(|(_, texts)| texts.first().cloned());
    let names: Vec<String> = labels.iter().filter_map(text).collect();
    let json = serde_json::to_string(&names).expect("text alone");
    let mut name = words(names.last().map_or("", String::as_str));
    if !name.is_empty() {
        name.push('-');
    }
    for byte in &Sha256::digest(json.as_bytes())[..8] {
        write!(name, "{byte:02x}").expect("writing to a string does not fail");
    }
    name
}

/// Returns the ASCII letters and digits of a text in lowercase, with hyphens between words.
fn words(text: &str) -> String {
    let words = text.split(|character: char| !character.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let text = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    text.chars().take(MAX_WORDS).collect::<String>().trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collection::row_metadata::RowMetadata;

    fn page(object: &str, columns: &[(&str, &str)]) -> Page {
        let page = Page::alone(std::path::Path::new("x.tif").into(), object.parse().expect("an identifier"));
        Page { metadata: (!columns.is_empty()).then(|| RowMetadata::from_columns(columns)), ..page }
    }

    /// Formats a collection like `Maps[a Europe[b]]`.
    fn shown(branches: &[Branch], index: usize) -> String {
        let item = |item: &BranchItem| match item {
            BranchItem::Manifest(member) => member.id().to_owned(),
            BranchItem::Collection(index) => shown(branches, *index),
        };
        let items: Vec<String> = branches[index].items.iter().map(item).collect();
        let label = &branches[index].label;
        let label: Vec<String> =
            label.languages().map(|(language, texts)| format!("{language}:{}", texts[0])).collect();
        format!("{}[{}]", label.join("/"), items.join(" "))
    }

    fn nested(nesting: &Nesting, pages: &[Page]) -> String {
        let member =
            |page: &Page| (nesting.paths(&[page]), Member::manifest(page.object.to_string(), LanguageMap::default()));
        shown(&branches(LanguageMap::new(None, "All"), pages.iter().map(member).collect()), 0)
    }

    #[test]
    fn each_folder_is_a_collection_in_the_order_of_the_input() {
        let pages = ["top", "maps/a", "maps/europe/b", "books/c", "maps/d"].map(|object| page(object, &[]));
        let expected = "none:All[top none:maps[maps/a none:europe[maps/europe/b] maps/d] none:books[books/c]]";
        assert_eq!(nested(&Nesting::Folder, &pages), expected);
    }

    #[test]
    fn a_column_names_collections_in_several_languages() {
        let pages = [
            page("a", &[("Series@en", "Maps > Europe"), ("Series@de", "Karten > Europa")]),
            page("b", &[("Series@en", "Maps"), ("Series@de", "Karten > zu tief")]),
            page("c", &[("Series", " > "), ("Other", "Maps")]),
            page("d", &[("Series", "Maps > Europe"), ("Series", "Books"), ("Series", "Maps > Europe")]),
        ];
        let maps = "en:Maps/de:Karten[en:Europe/de:Europa[a d] b]";
        assert_eq!(nested(&Nesting::Column("series".to_owned()), &pages), format!("none:All[{maps} c none:Books[d]]"));
        assert_eq!(Nesting::Column("Serie".to_owned()).missing_column(&pages), Some("Serie"));
        assert_eq!(Nesting::Column("Other".to_owned()).missing_column(&pages), None);
    }

    #[test]
    fn file_names_never_change_and_are_different_for_every_path() {
        let name = |names: &[&str]| {
            file_name(&names.iter().map(|name| LanguageMap::new(Some("de"), *name)).collect::<Vec<_>>())
        };
        assert_eq!(name(&["Maps", "Europe & Asia"]), "europe-asia-1f451ddeafa827a4");
        assert_eq!(name(&["地図"]), "cc845297f2ff2416");
        assert_eq!(name(&["../../x\u{7}"]), "x-ba7529580b727769");
        let others = [name(&["a", "b"]), name(&["b"]), name(&["a\",\"b"]), name(&["B"]), name(&["ä", "b"])];
        let distinct: std::collections::HashSet<&String> = others.iter().collect();
        assert_eq!(distinct.len(), others.len());
        assert!(name(&["w ".repeat(500).as_str()]).len() < 60);
    }

    #[test]
    fn a_path_has_a_limited_depth() {
        let deep = page(&["x"; MAX_DEPTH + 3].join("/"), &[]);
        assert_eq!(Nesting::Folder.paths(&[&deep])[0].0.len(), MAX_DEPTH);
        let deep = page("a", &[("Series", ["x"; MAX_DEPTH + 3].join(SEPARATOR).as_str())]);
        assert_eq!(Nesting::Column("Series".to_owned()).paths(&[&deep])[0].0.len(), MAX_DEPTH);
    }
}
