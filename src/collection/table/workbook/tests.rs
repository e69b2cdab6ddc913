//! Tests for small and malicious spreadsheets that are created in memory.

use super::*;
use crate::collection::table::{self, Table, TableError};
use std::io::Write;
use std::path::Path;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

fn archive(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        writer.start_file(*name, SimpleFileOptions::default()).expect("a part");
        writer.write_all(content.as_bytes()).expect("written");
    }
    writer.finish().expect("an archive").into_inner()
}

const RELATIONS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

/// Creates a workbook with a hidden sheet, followed by a sheet named `Maps` with the given content.
fn xlsx_file(sheet: &str) -> Vec<u8> {
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let package = "http://schemas.openxmlformats.org/package/2006/relationships";
    let workbook = format!(
        "<workbook xmlns='{main}' xmlns:r='{RELATIONS}'><sheets><sheet name='Notes' sheetId='1' r:id='a' state='hidden'/>\
         <sheet name='Maps' sheetId='2' r:id='b'/><sheet name='More' sheetId='3' r:id='c'/></sheets></workbook>"
    );
    let relation = |id: &str, kind: &str, target: &str| {
        format!("<Relationship Id='{id}' Type='{RELATIONS}/{kind}' Target='{target}'/>")
    };
    let relations = format!(
        "<Relationships xmlns='{package}'>{}{}{}{}</Relationships>",
        relation("a", "worksheet", "worksheets/1.xml"),
        relation("b", "worksheet", "/xl/worksheets/2.xml"),
        relation("c", "worksheet", "worksheets/1.xml"),
        relation("s", "styles", "styles.xml"),
    );
    let root = format!(
        "<Relationships xmlns='{package}'>{}</Relationships>",
        relation("w", "officeDocument", "xl/workbook.xml")
    );
    let styles = format!(
        "<styleSheet xmlns='{main}'><numFmts count='2'><numFmt numFmtId='170' formatCode='000'/><numFmt numFmtId='171' \
         formatCode='yyyy-mm-dd'/></numFmts><cellXfs count='3'><xf numFmtId='0'/><xf numFmtId='170'/><xf numFmtId='171'/></cellXfs></styleSheet>"
    );
    let empty = format!("<worksheet xmlns='{main}'><sheetData/></worksheet>");
    let sheet = format!("<worksheet xmlns='{main}'>{sheet}</worksheet>");
    archive(&[
        ("_rels/.rels", &root),
        ("xl/workbook.xml", &workbook),
        ("xl/_rels/workbook.xml.rels", &relations),
        ("xl/styles.xml", &styles),
        ("xl/worksheets/1.xml", &empty),
        ("xl/worksheets/2.xml", &sheet),
    ])
}

fn cell(name: &str, text: &str) -> String {
    format!("<c r='{name}' t='inlineStr'><is><t>{text}</t></is></c>")
}

fn ods_file(sheet: &str) -> Vec<u8> {
    let content = format!(
        "<office:document-content xmlns:office='o' xmlns:table='t' xmlns:text='x' xmlns:calcext='c'><office:body><office:spreadsheet>\
         <table:table table:name='Maps'>{sheet}</table:table></office:spreadsheet></office:body></office:document-content>"
    );
    let manifest = "<manifest:manifest xmlns:manifest='m'/>";
    archive(&[
        ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
        ("META-INF/manifest.xml", manifest),
        ("content.xml", &content),
    ])
}

fn rows(bytes: &[u8]) -> Vec<(u64, Vec<String>)> {
    let sheet = read(bytes, None).unwrap_or_else(|refused| panic!("{}", refused.reason));
    assert!(sheet.errors.is_empty(), "{:?}", sheet.errors);
    sheet.rows.into_iter().map(|record| (record.line, record.values)).collect()
}

fn refused(bytes: &[u8], sheet: Option<&str>) -> String {
    read(bytes, sheet).err().map(|refused| refused.reason).expect("refused")
}

#[test]
fn xlsx_is_read_without_hidden_cells() {
    let sheet = format!(
        "<cols><col min='3' max='3' hidden='1'/></cols><sheetData><row r='2'>{}{}{}{}</row>\
         <row r='3'>{}<c r='B3'><v>1</v></c>{}<c r='D3' s='1'><v>7</v></c><c r='E3' s='2'><v>45000</v></c></row>\
         <row r='4' hidden='1'>{}</row>\
         <row r='9'>{}<c r='B9'><f>1/3</f><v>0.33333333333333331</v></c><c r='D9' t='str'><f>\"\"</f><v></v></c></row></sheetData>",
        cell("A2", "source"),
        cell("B2", "sequence"),
        cell("C2", "secret"),
        cell("D2", "number"),
        cell("A3", " a.tif "),
        cell("C3", "secret"),
        cell("A4", "hidden.tif"),
        cell("A9", "b.tif"),
    );
    let file = xlsx_file(&sheet);
    let expected = [
        (2, vec!["source", "sequence", "", "number"]),
        (3, vec!["a.tif", "1", "", "007", "2023-03-15"]),
        (9, vec!["b.tif", "0.333333333333333", "", ""]),
    ];
    let expected = expected.map(|(row, values)| (row, values.into_iter().map(str::to_owned).collect::<Vec<_>>()));
    assert_eq!(rows(&file), expected);
    let sheet = read(&file, Some("Maps")).unwrap_or_else(|refused| panic!("{}", refused.reason));
    assert_eq!((sheet.hidden_rows, sheet.how.as_str()), (1, ".xlsx, sheet `Maps`, without hidden rows and columns"));
    assert!(refused(&file, Some("Notes")).contains("hidden"));
    assert!(refused(&file, Some("Karten")).contains("only `Maps`, `More`"));
}

#[test]
fn a_wrong_header_names_the_sheet() {
    let title = format!("<sheetData><row r='2'>{}</row></sheetData>", cell("A2", "Our maps"));
    let table = Table::new("maps.xlsx", Path::new("masters"));
    let error = table::read(&xlsx_file(&title)[..], table).map(|_| ()).expect_err("no `source`");
    let TableError::Rows(errors) = error else { panic!("{error:?}") };
    let error = errors[0].to_string();
    assert!(error.starts_with("row 2: column `source` is missing; the table has `Our maps`"), "{error}");
    assert!(error.ends_with("(sheet `Maps` (not `More`: see `--sheet`))"), "{error}");
}

#[test]
fn errors_and_uncomputed_formulas_name_their_cells() {
    let sheet = format!(
        "<sheetData><row r='1'>{}</row><row r='2'><c r='AB2' t='e'><v>#N/A</v></c></row><row r='3'><c r='B3'><f>1+1</f><v></v></c></row></sheetData>",
        cell("A1", "source")
    );
    let sheet = read(&xlsx_file(&sheet), None).unwrap_or_else(|refused| panic!("{}", refused.reason));
    let errors: Vec<String> = sheet.errors.iter().map(ToString::to_string).collect();
    assert!(errors[0].starts_with("row 2: cell AB2 has the error #N/A"), "{errors:?}");
    assert!(errors[1].starts_with("row 3: cell B3 has a formula without a value"), "{errors:?}");
    let error = "<table:table-row><table:table-cell/><table:table-cell office:value-type='string' office:string-value='' \
                 calcext:value-type='error'><text:p>#N/A</text:p></table:table-cell></table:table-row>";
    let sheet = read(&ods_file(error), None).unwrap_or_else(|refused| panic!("{}", refused.reason));
    assert_eq!(sheet.errors[0].to_string(), "row 1: cell B1 has the error #N/A");
}

#[test]
fn ods_is_read_without_hidden_cells() {
    let cell =
        |text: &str| format!("<table:table-cell office:value-type='string'><text:p>{text}</text:p></table:table-cell>");
    let sheet = format!(
        "<table:table-column/><table:table-column table:visibility='collapse'/><table:table-column table:number-columns-repeated='1000'/>\
         <table:table-row>{}{}{}</table:table-row>\
         <table:table-row table:visibility='filter'>{}</table:table-row>\
         <table:table-row>{}<table:table-cell/><table:table-cell office:value-type='float' office:value='1'><text:p>1,00</text:p></table:table-cell></table:table-row>\
         <table:table-row table:number-rows-repeated='1048570'><table:table-cell table:number-columns-repeated='16384'/></table:table-row>",
        cell("source"),
        cell("secret"),
        cell("sequence"),
        cell("hidden.tif"),
        cell("b.tif"),
    );
    let expected = [(1, vec!["source", "", "sequence"]), (3, vec!["b.tif", "", "1"])];
    let expected = expected.map(|(row, values)| (row, values.into_iter().map(str::to_owned).collect::<Vec<_>>()));
    assert_eq!(rows(&ods_file(&sheet)), expected);
}

#[test]
fn zip_bombs_are_rejected() {
    let far = format!("<sheetData><row r='1048576'>{}</row></sheetData>", cell("XFD1048576", "x"));
    assert!(refused(&xlsx_file(&far), None).contains("XFD1048576"));
    let repeated = "<table:table-row table:number-rows-repeated='1000000'><table:table-cell table:number-columns-repeated='1000' \
                    office:value-type='float' office:value='1'/></table:table-row>";
    assert!(refused(&ods_file(repeated), None).contains("cells"));
    let spaces = "<table:table-row><table:table-cell office:value-type='string'><text:p><text:s text:c='4000000000'/></text:p>\
                  </table:table-cell></table:table-row>";
    assert!(refused(&ods_file(spaces), None).contains("very long texts"));
    let bomb = archive(&[("xl/workbook.xml", &" ".repeat(20 << 20))]);
    assert!(refused(&bomb, None).contains("16 MiB"));
}

#[test]
fn other_and_damaged_archives_are_rejected() {
    assert!(refused(&archive(&[("Index/Document.iwa", "x")]), None).contains("neither .xlsx nor .ods"));
    assert!(refused(COMPOUND_FILE, None).contains("password"));
    let whole = xlsx_file("<sheetData/>");
    assert!(refused(&whole[..whole.len() / 2], None).contains("cannot be read as a spreadsheet"));
    for length in 0..whole.len() {
        let _ = read(&whole[..length], None);
    }
}

#[test]
fn cells_have_the_names_that_spreadsheets_show() {
    for (position, name) in [((0, 0), "A1"), ((6, 25), "Z7"), ((6, 26), "AA7"), ((1_048_575, 16_383), "XFD1048576")] {
        assert_eq!(cell_name(position.0, position.1), name);
        assert_eq!(values::position(name), Some(position));
    }
    for odd in ["", "A", "1", "A0", "é1", "AAAAAAAAAAAAAA1"] {
        let _ = values::position(odd);
        assert_eq!(values::position(odd), None, "{odd}");
    }
}
