//! Tests for realistic and malformed tables.

use super::*;
use crate::iiif::{Description, LanguageMap, Metadata, ViewingDirection};

fn read_table(name: &str, bytes: &[u8]) -> Result<Rows, Vec<RowError>> {
    let table = Table { name, folder: Path::new("masters"), sheet: None };
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
    assert!(german.contains("only `Nr`, `Quelle`, `Titel`; did you mean `Quelle`?"), "{german}");
    assert!(error("sorce,label\n").contains("did you mean `sorce`?"));
    assert!(!error("Nr,label\n").contains("did you mean"));
    let rows = read_table("table.csv", b"source,Titel\na.tif,Eins\n").expect("a row");
    assert!(rows.notes[0].contains("rename it to `label`"), "{:?}", rows.notes);
    let rows = read_table("table.csv", b"source;label\na.tif;Gr\xfcn\n").expect("a row");
    assert_eq!(rows.notes, ["reading `table.csv` as semicolon-separated, Windows-1252"]);
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
        let table = Table { name: "table.xlsx", folder: Path::new("masters"), sheet: None };
        let Err(TableError::Refused(reason, _)) = read(magic, table) else { panic!("it is read") };
        assert!(reason.contains("requires the feature `spreadsheets`"), "{reason}");
    }
}
