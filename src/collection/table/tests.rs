//! Tests for realistic and malformed tables.

use super::*;
use crate::iiif::{Description, LanguageMap, Metadata, ViewingDirection};

fn read_table(name: &str, bytes: &[u8]) -> Result<Rows, Vec<RowError>> {
    let table = Table::new(name, Path::new("masters"));
    read(bytes, table).map_err(|error| match error {
        TableError::Rows(errors) => errors,
        other => panic!("{other:?}"),
    })
}

fn read_csv(text: &str) -> Result<Vec<Page>, Vec<RowError>> {
    read_table("table.csv", text.as_bytes()).map(|rows| rows.pages)
}

fn read_json(text: &str) -> Result<Vec<Page>, Vec<RowError>> {
    read_table("table.jsonl", text.as_bytes()).map(|rows| rows.pages)
}

/// Creates a text in several languages, with one value in each.
fn texts<const N: usize>(values: [(&str, &str); N]) -> LanguageMap {
    let mut texts = LanguageMap::default();
    for (language, value) in values {
        texts.add(Some(language), value);
    }
    texts
}

#[test]
fn a_row_describes_all_properties_of_a_page() {
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
    let entry = |label, value| Metadata { label: texts([label]), value: texts([value]) };
    let expected = Description {
        label: texts([("en", "Folio 1"), ("fr", "Feuillet 1")]),
        metadata: vec![entry(("none", "Date"), ("en", "1642")), entry(("none", "Maker"), ("de", "Anna"))],
        rights: Some("http://rightsstatements.org/vocab/NoC-NC/1.0/".parse().expect("a URI")),
        attribution: Some(entry(("en", "Attribution"), ("en", "A library"))),
        viewing_direction: Some(ViewingDirection::RightToLeft),
        ..Description::default()
    };
    assert_eq!(first.description(), expected);
    assert_eq!(first.thumbnail.as_ref(), Some(&first.identifier));
    assert_eq!((second.identifier.to_string(), &second.object), ("b, c".to_owned(), &second.identifier));
}

#[test]
fn all_errors_are_reported_with_their_lines() {
    let table = "source,id,sequence,rights\n../x.tif,../x,1,\nb.tif,b,one,\nb.tif,c,1,none of yours\nb.tif,d,1,\ne.tif,d,1,\n\
                 ,e,1,\nf.tif,f\n";
    let errors = read_csv(table).expect_err("several errors");
    let lines: Vec<u64> = errors.iter().map(|error| error.line).collect();
    assert_eq!(lines, [2, 3, 4, 6, 7, 8], "{errors:#?}");
    assert!(errors[3].to_string().contains("`d` already occurs in line 5"), "{}", errors[3]);
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
    let errors = read_json(lines).expect_err("the last line");
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].line, 3);
    let first = lines.lines().next().expect("a line");
    let pages = read_json(first).expect("whole");
    let description = pages[0].description();
    let mut value = texts([("none", "cats")]);
    value.add(None, "dogs");
    assert_eq!(description.metadata, [Metadata { label: texts([("none", "Subject")]), value }]);
    assert_eq!((pages[0].sequence, description.label), (3, texts([("it", "Uno")])));
}

#[test]
fn rows_swallowed_by_a_stray_quote_are_an_error() {
    let rows = |from: u32, to: u32| (from..=to).fold(String::new(), |rows, n| rows + &format!("{n}.tif,{n},Map {n}\n"));
    let unclosed = format!("source,id,label\n{}5.tif,5,\"Map 5\n{}", rows(1, 4), rows(6, 20));
    let closed_by_another = format!("{unclosed}21.tif,21,\"Map, 21\"\n");
    let between_two = format!("{unclosed}21.tif,21,12\"\n22.tif,22,Map 22\n");
    let in_source = format!("source,id,label\n{}\"5.tif,5,Map 5\n6.tif\",6,Map 6\n", rows(1, 4));
    let urls = "source,id,label\nhttps://host/?1,1,\"One\nhttps://host/?2,2,12\"\n".to_owned();
    let cases = [(unclosed, [6]), (closed_by_another, [22]), (between_two, [6]), (in_source, [6]), (urls, [2])];
    for (text, lines) in cases {
        let errors = read_csv(&text).expect_err("a stray quote");
        assert_eq!(errors.iter().map(|error| error.line).collect::<Vec<_>>(), lines, "{errors:?}");
    }
    let pages = read_csv("source,label\na.tif,\"Recto,\nverso, 12 \"\"\"\n").expect("a label in two lines");
    assert_eq!(pages.len(), 1);
}

#[test]
fn empty_rows_spaces_and_trailing_separators_are_ignored() {
    let pages =
        read_csv("source,id,sequence,,\n a.tif , a , 1.0 ,,\n,,,,\n\nb.tif,b,\"2,0\",,\n  ,,,,\n").expect("two rows");
    let found: Vec<_> = pages.iter().map(|page| (page.identifier.as_str(), page.sequence)).collect();
    assert_eq!(found, [("a", 1), ("b", 2)]);
    assert_eq!(pages[0].source, Path::new("masters/a.tif").into());
    let errors = read_csv("source,\na.tif,lost\n").expect_err("a value without a name");
    assert!(errors[0].reason.contains("column 2"), "{}", errors[0]);
    let pages = read_json("\u{feff}{\"source\": \" a.tif \", \"sequence\": 1.0}\n").expect("a row");
    assert_eq!((pages[0].identifier.as_str(), pages[0].sequence), ("a", 1));
    let errors = read_csv("source,sequence\na.tif,1.5\nb.tif,-1\n").expect_err("not whole");
    assert_eq!(errors.len(), 2);
}

#[test]
fn a_table_without_source_lists_its_columns_and_suggests_one() {
    let error = |text: &str| read_csv(text).expect_err("no source")[0].reason.clone();
    let german = error("Nr;Quelle;Titel\n1;a.tif;Eins\n");
    assert!(german.contains("the table has `Nr`, `Quelle`, `Titel`; did you mean `Quelle`?"), "{german}");
    assert!(error("sorce,label\n").contains("did you mean `sorce`?"));
    assert!(!error("Nr,label\n").contains("did you mean"));
    let rows = read_table("table.csv", b"source,Titel\na.tif,Eins\n").expect("a row");
    assert!(rows.notes[0].contains("if it is the label, pass --column label=Titel"), "{:?}", rows.notes);
    let rows = read_table("table.csv", b"source;label\na.tif;Gr\xfcn\n").expect("a row");
    let notes = ["reading `table.csv` as semicolon-separated, Windows-1252", "public columns of `table.csv`: `label`"];
    assert_eq!(rows.notes, notes);
}

/// Reads a table with custom column settings.
fn read_columns(text: &str, columns: &TableColumns) -> Result<Rows, String> {
    let table = Table { columns, ..Table::new("table.csv", Path::new("masters")) };
    read(text.as_bytes(), table).map_err(|error| match error {
        TableError::Rows(errors) => errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        TableError::Refused(reason, hint) => format!("{reason}; {hint}"),
        TableError::Read(error) => error.to_string(),
    })
}

fn mapped(mappings: &[&str]) -> TableColumns {
    let mappings = mappings.iter().map(|mapping| mapping.parse().expect("a mapping")).collect();
    TableColumns { mappings, ..TableColumns::default() }
}

#[test]
fn columns_can_have_any_name() {
    let columns = mapped(&["source=Dateiname", "label@de=Titel", "rights=Rechte"]);
    let text = "Titel;Dateiname;Datierung\nWeltatlas;a.tif;1595\n";
    let error = read_columns(text, &columns).map(|_| ()).expect_err("no rights");
    assert!(error.contains("column `Rechte` is missing; the table has `Titel`, `Dateiname`, `Datierung`"), "{error}");
    let columns = mapped(&["source=dateiname", "label@de=Titel"]);
    let rows = read_columns(text, &columns).expect("a row");
    let description = rows.pages[0].description();
    assert_eq!((description.label, description.metadata.len()), (texts([("de", "Weltatlas")]), 1));
    let public = "public columns of `table.csv`: `Titel` (as label@de), `Datierung`";
    assert_eq!(rows.notes.last().map(String::as_str), Some(public));
    let error = read_columns("source,Dateiname\na,b\n", &columns).map(|_| ()).expect_err("two sources");
    assert!(error.contains("column `Titel` is missing"), "{error}");
    let error = read_columns("source,Dateiname\na,b\n", &mapped(&["source=Dateiname"])).map(|_| ());
    let error = error.expect_err("two sources");
    assert!(error.contains("the columns `source` and `Dateiname` have the same meaning"), "{error}");
}

#[test]
fn windows_paths_are_refused_with_a_hint() {
    let errors = read_csv("source\nKarten\\Plan.tif\n").expect_err("a backslash");
    let expected = "line 2: could not derive an identifier from `Karten\\Plan.tif`; write `/` instead of `\\` in paths";
    assert_eq!(errors[0].to_string(), expected);
}

#[test]
fn only_selected_metadata_is_public() {
    let text = "source,label,Date,Maker@de,Price\na.tif,A,1595,Anna,5 EUR\n";
    let only = |names: &[&str]| TableColumns {
        metadata: MetadataColumns::Only(names.iter().map(|name| (*name).to_owned()).collect()),
        ..TableColumns::default()
    };
    let rows = read_columns(text, &only(&["Maker", "Date"])).expect("a row");
    let labels: Vec<LanguageMap> = rows.pages[0].description().metadata.into_iter().map(|entry| entry.label).collect();
    assert_eq!(labels, ["Date", "Maker"].map(|label| texts([("none", label)])), "in the order of the table");
    let public = "public columns of `table.csv`: `label`, `Date`, `Maker@de`; not published: `Price`";
    assert_eq!(rows.notes, [public]);
    assert!(!format!("{:?}", rows.pages).contains("5 EUR"), "what is not public is not even kept");
    let none = TableColumns { metadata: MetadataColumns::None, ..TableColumns::default() };
    let rows = read_columns(text, &none).expect("a row");
    assert!(rows.pages[0].description().metadata.is_empty());
    let both = TableColumns { mappings: mapped(&["id=Price"]).mappings, ..only(&["Price"]) };
    for text in [text, "{\"source\":\"a.tif\",\"label\":\"A\",\"Price\":\"5 EUR\"}\n"] {
        let rows = read_columns(text, &both).expect("a row");
        let entry = Metadata { label: texts([("none", "Price")]), value: texts([("none", "5 EUR")]) };
        assert_eq!(rows.pages[0].description().metadata, [entry], "an identifier that is selected is shown, too");
        assert_eq!(rows.pages[0].identifier.as_str(), "5 EUR");
        assert!(rows.notes[0].starts_with("public columns of `table.csv`: `label`, `Price`"), "{:?}", rows.notes);
    }
    let error = read_columns(text, &only(&["Datum", "Dat"])).map(|_| ()).expect_err("no such column");
    assert!(error.contains("has no column `Datum` to show as metadata; did you mean `Date`?"), "{error}");
}

#[test]
fn a_row_without_a_file_describes_its_object() {
    let rows = "source,object,sequence,label\n,atlas,,World atlas\n2.tif,atlas,2,Folio 2\n1.tif,atlas,1,Folio 1\n";
    let pages = read_csv(rows).expect("two pages");
    let object = pages[1].object_description().expect("a description");
    assert_eq!((pages.len(), object.label), (2, texts([("none", "World atlas")])));
    assert_eq!(pages[1].description().label, texts([("none", "Folio 1")]));
    let errors = read_csv("source,object,label\n,atlas,Atlas\n,map,Map\n1.tif,atlas,\n,atlas,Again\n");
    let errors: Vec<String> = errors.expect_err("two mistakes").iter().map(ToString::to_string).collect();
    assert_eq!(errors[0], "line 3: `source` is empty, and no row with a `source` has the object `map`");
    assert_eq!(errors[1], "line 5: the object `atlas` is already described in line 2");
}

#[test]
fn a_table_from_the_web_names_no_file_outside_the_current_folder() {
    let table = Table { is_remote: true, ..Table::new("https://example.org/t.csv", Path::new("")) };
    let read = |source: &str| read(format!("source,id\n{source},x\n").as_bytes(), table);
    for source in ["/etc/secret.jpg", "../secret.jpg", "a/../../secret.jpg"] {
        let Err(TableError::Rows(errors)) = read(source) else { panic!("{source} is accepted") };
        assert!(errors[0].reason.contains("outside the current folder"), "{}", errors[0]);
    }
    for source in ["a/b.jpg", "./a.jpg", "https://example.org/a.jpg", "s3://masters/a.jpg"] {
        assert_eq!(read(source).expect("accepted").pages.len(), 1, "{source}");
    }
    let login = read_columns("\n<!DOCTYPE html><html>", &TableColumns::default()).map(|_| ()).expect_err("a page");
    assert!(login.contains("is a web page, not a table; if it is a Google Sheet, share it"), "{login}");
}

#[test]
fn links_dates_and_places_are_checked() {
    let good = "source,homepage@de,seeAlso,rendering,provider,navDate,navPlace,range,alt,start\n\
        a.tif,Katalog https://example.org/1,https://example.org/1.xml,https://example.org/1.pdf,\
        City Library https://example.org,1595,48.2 16.4,Part 1 > Chapter 1,A map,a\n";
    let pages = read_csv(good).expect("a row");
    let description = pages[0].description();
    assert_eq!(description.homepage[0].label, texts([("de", "Katalog")]));
    assert_eq!((description.see_also.len(), description.rendering.len(), description.provider.len()), (1, 1, 1));
    assert!(description.nav_date.is_some() && description.nav_place.is_some());
    assert_eq!((description.alt, description.ranges.len()), (texts([("none", "A map")]), 1));
    assert_eq!(pages[0].start.as_ref(), Some(&pages[0].identifier));
    for (column, value, word) in [
        ("homepage", "javascript:alert(1)", "`homepage`: `javascript:alert(1)` does not end in an http"),
        ("seeAlso", "<a href=x>", "`seeAlso`"),
        ("rendering", "data:text/html;base64", "`rendering`"),
        ("provider", "City Library", "`provider`: `City Library` is not a name with the URL of a home page"),
        ("provider", "City Library https://example.org javascript://x", "`provider`"),
        ("navDate", "31/3/1595", "`navDate`: `31/3/1595` is not a date such as 1595"),
        ("language", "deutsch", "`language`: `deutsch` is not a language code such as `de`"),
        ("rights", "CC BY 4.0", "write http://creativecommons.org/licenses/by/4.0/"),
        ("navPlace", "Vienna", "`navPlace`: `Vienna` is not a latitude"),
        ("range", "A >  > B", "`range`: an entry is empty"),
        ("start", "b", "`start` is not the id of a page of `a`"),
    ] {
        let errors = read_csv(&format!("source,{column}\na.tif,{value}\n")).expect_err(column);
        assert!(errors[0].to_string().starts_with("line 2: ") && errors[0].reason.contains(word), "{}", errors[0]);
    }
    let rows = read_table("table.csv", b"source,Provider,Start\na.tif,City Library,1595\n").expect("metadata");
    assert_eq!(rows.pages[0].description().metadata.len(), 2, "in another spelling, they are metadata");
}

#[test]
fn tables_of_collectionbuilder_are_read() {
    let columns = TableColumns { preset: Some(Preset::CollectionBuilder), ..TableColumns::default() };
    let text = "objectid,parentid,title,subject,source,format,language,rightsstatement,object_location\n\
        d1,,Building,maps; globes,A library,image/jpeg,eng,https://creativecommons.org/publicdomain/mark/1.0/,/objects/1.jpg\n\
        d2,,Film,,,video/mp4,eng,,https://example.org/film\n\
        d3,,Postcard,,,,eng,,\n\
        d4,d3,Front,,,image/jpeg,,,/objects/4.jpg\n\
        d5,d3,Back,,,image/jpeg,,,/objects/5.jpg\n\
        d6,,Record,,,,,,\n";
    let rows = read_columns(text, &columns).expect("three images");
    let found: Vec<_> = rows.pages.iter().map(|page| (page.identifier.as_str(), page.object.as_str())).collect();
    assert_eq!(found, [("d1", "d1"), ("d4", "d3"), ("d5", "d3")]);
    assert_eq!(rows.pages[0].source, Path::new("masters/objects/1.jpg").into());
    let metadata = rows.pages[0].description().metadata;
    let named = |label: &str| metadata.iter().find(|entry| entry.label == texts([("none", label)])).map(|it| &it.value);
    let mut subjects = texts([("none", "maps")]);
    subjects.add(None, "globes");
    assert_eq!(named("Subject"), Some(&subjects));
    assert_eq!((named("Source"), named("Format")), (Some(&texts([("none", "A library")])), None));
    assert_eq!(named("Language"), Some(&texts([("none", "eng")])));
    let object = rows.pages[2].object_description().expect("of the row d3");
    assert_eq!(object.label, texts([("none", "Postcard")]));
    assert_eq!(rows.notes.last().map(String::as_str), Some("skipped 2 rows that are private or not an image"));
}

#[test]
fn tables_of_omeka_s_are_read() {
    let columns = TableColumns { preset: Some(Preset::OmekaS), ..TableColumns::default() };
    let text = "o:id,o:is_public,o:item_set[dcterms:title],dcterms:title @de,dcterms:creator,dcterms:rights,o:media[file]\n\
        12,1,Maps,Weltatlas,Mercator | Hondius,Public domain,https://example.org/1.jpg|https://example.org/2.jpg\n\
        13,1,Maps,Rom,,http://rightsstatements.org/vocab/NoC-NC/1.0/,https://example.org/3.jpg\n\
        14,0,Maps,Secret,,,https://example.org/4.jpg\n";
    let rows = read_columns(text, &columns).expect("three images");
    let found: Vec<_> = rows.pages.iter().map(|page| (page.identifier.as_str(), page.object.as_str())).collect();
    assert_eq!(found, [("12-1", "12"), ("12-2", "12"), ("13", "13")]);
    let object = rows.pages[0].object_description().expect("of the item");
    assert_eq!((object.label, object.rights), (texts([("de", "Weltatlas")]), None));
    assert_eq!(object.metadata.len(), 2, "creators and rights");
    assert!(rows.pages[2].description().rights.is_some());
    assert!(!format!("{:?}", rows.pages).contains("Secret"));
    assert_eq!(rows.notes.last().map(String::as_str), Some("skipped 1 row that is private or not an image"));
}

#[test]
fn too_many_columns_are_rejected_early() {
    let header = format!("source{}\n", ",x".repeat(200_000));
    assert!(read_csv(&header).expect_err("too many")[0].reason.contains("200001 columns"));
}

#[cfg(not(feature = "spreadsheets"))]
#[test]
fn a_spreadsheet_names_the_feature_that_reads_it() {
    for magic in WORKBOOK_MAGIC {
        let table = Table::new("table.xlsx", Path::new("masters"));
        let Err(TableError::Refused(reason, _)) = read(magic, table) else { panic!("it is read") };
        assert!(reason.contains("requires the feature `spreadsheets`"), "{reason}");
    }
}

/// Returns the warnings about a table.
fn warnings_of(text: &str) -> Vec<String> {
    let notes = read_table("t.csv", text.as_bytes()).expect("valid rows").notes;
    notes.into_iter().filter(|note| note.starts_with("warning: ")).collect()
}

#[test]
fn rows_that_are_merged_or_repeated_by_mistake_are_named() {
    let warning = |text: &str| match warnings_of(text).as_slice() {
        [one] => one.clone(),
        others => panic!("{text}: {others:?}"),
    };
    let titles = warning("source,object,label\na.tif,ms-1,Rome\nb.tif,ms-2,Paris\nc.tif,ms-1,Utopia\n");
    assert_eq!(
        titles,
        "warning: `t.csv`: rows with different titles become pages of one object, because they have the same `object` and \
         no `sequence`: `ms-1` (lines 2 and 4); change `object` if the rows are different objects, otherwise number them \
         in `sequence`"
    );
    let positions = warning("source,object,sequence\na.tif,ms-1,1\nb.tif,ms-1,2\nc.tif,ms-1,2\n");
    assert!(positions.contains("the same `sequence`: `ms-1` (lines 3 and 4);"), "{positions}");
    let files = warning("source,id\na.tif,a\nb.tif,b\n./a.tif,c\na.tif,d\n");
    assert!(files.contains("several rows have the same `source`: `masters/a.tif` (lines 2, 4 and 5);"), "{files}");
    let pages = warning("source,id,page\nbook.tif,a,1\nbook.tif,b,2\nbook.tif,c,2\n");
    assert!(pages.contains("`masters/book.tif` (lines 3 and 4);"), "{pages}");
    let many: Vec<String> = (0..40).map(|row| format!("{row}.tif,o{},Title {row}", row % 20)).collect();
    let many = warning(&format!("source,object,label\n{}\n", many.join("\n")));
    assert!(many.contains("`o4` (lines 6 and 26), and 15 more;"), "{many}");
}

#[test]
fn pages_of_an_object_are_no_mistake() {
    for rows in [
        "source,object,sequence,label\na.tif,atlas,1,Title page\nb.tif,atlas,2,Rome\n",
        "source,object,label\n,atlas,Atlas\na.tif,atlas,Title page\nb.tif,atlas,Rome\n",
        "source,object,label\na.tif,atlas,Atlas\nb.tif,atlas,Atlas\nc.tif,atlas,\n",
        "source,page,label\nbook.tif,1,Title page\nbook.tif,2,Rome\n",
        "source,object\na.tif,atlas\nb.tif,atlas\n",
    ] {
        assert_eq!(warnings_of(rows), Vec::<String>::new(), "{rows}");
    }
}
