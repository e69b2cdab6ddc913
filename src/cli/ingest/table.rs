//! Table options.

use crate::cli::error::Fatal;
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use iiif_publish::collection::{
    ColumnMapping, Input, InputError, MetadataColumns, Preset, Table, TableColumns, google_sheet_as_csv,
};
use iiif_publish::location::{Location, WebAddress};
use iiif_publish::remote::SourceResolver;
use std::fs::File;
use std::io::{Read, stdin};
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct TableArguments {
    /// Read a table: CSV, .xlsx, .ods or .jsonl
    ///
    /// It needs a `source` column. `.jsonl` has one JSON object per line. CSV files can use any common separator and encoding. An
    /// `https://` URL is downloaded; links of public Google Sheets work, too.
    #[arg(long, value_name = "FILE|URL")]
    table: Option<PathBuf>,
    /// Read this sheet from a spreadsheet [default: first visible sheet]
    #[arg(long, value_name = "NAME", requires = "table")]
    sheet: Option<String>,
    /// Read a column of the table as a standard one, such as `source=Dateiname` (repeatable)
    #[arg(long, value_name = "STANDARD=COLUMN", requires = "table")]
    column: Vec<ColumnMapping>,
    /// Read the table of another program
    #[arg(long, value_name = "PROGRAM", requires = "table", value_parser = preset_parser())]
    preset: Option<Preset>,
    /// Publish only these other columns as metadata, such as `Date,Maker` [default: all]
    ///
    /// The option can be repeated. Columns with a standard meaning, such as `label` and `rights`, are always published.
    #[arg(long, value_name = "COLUMNS", requires = "table", value_delimiter = ',')]
    metadata_columns: Vec<String>,
    /// Publish none of the other columns as metadata
    #[arg(long, requires = "table", conflicts_with = "metadata_columns")]
    no_metadata_columns: bool,
}

fn preset_parser() -> impl TypedValueParser<Value = Preset> {
    PossibleValuesParser::new(Preset::ALL.iter().map(|preset| PossibleValue::new(preset.as_str())))
        .map(|name| name.parse().expect("a possible value"))
}

impl TableArguments {
    /// Adds the table to the input, if one was specified.
    pub(super) async fn add_to(&self, input: &mut Input, sources: &SourceResolver) -> Result<(), Fatal> {
        let Some(path) = &self.table else { return Ok(()) };
        let columns = self.columns();
        if let Location::Web(address) = Location::named(path).map_err(InputError::from)? {
            return self.add_from_web(address, &columns, input, sources).await;
        }
        let name = path.display().to_string();
        let folder = path.parent().unwrap_or(Path::new(""));
        let table = Table { columns: &columns, sheet: self.sheet.as_deref(), ..Table::new(&name, folder) };
        Ok(input.add_table(opened(path)?, table)?)
    }

    /// Downloads the table and adds it to the input. Its paths are relative to the current folder.
    async fn add_from_web(
        &self,
        address: WebAddress,
        columns: &TableColumns,
        input: &mut Input,
        sources: &SourceResolver,
    ) -> Result<(), Fatal> {
        let address = google_sheet_as_csv(address);
        let bytes = sources.download(&address, Table::MAX_BYTES).await?;
        let name = address.to_string();
        let table = Table::new(&name, Path::new(""));
        let table = Table { columns, sheet: self.sheet.as_deref(), is_remote: true, ..table };
        Ok(input.add_table(&bytes[..], table)?)
    }

    fn columns(&self) -> TableColumns {
        let mut columns = TableColumns::default();
        columns.mappings.clone_from(&self.column);
        columns.preset = self.preset;
        let names = || self.metadata_columns.iter().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        columns.metadata = match (self.no_metadata_columns, self.metadata_columns.is_empty()) {
            (true, _) => MetadataColumns::None,
            (false, true) => MetadataColumns::All,
            (false, false) => MetadataColumns::Only(names().collect()),
        };
        columns
    }
}

/// Opens a file, or standard input for `-`.
pub(super) fn opened(path: &Path) -> Result<Box<dyn Read>, InputError> {
    if path == Path::new("-") {
        return Ok(Box::new(stdin()));
    }
    let file = File::open(path).map_err(|cause| InputError::Read { input: path.display().to_string(), cause })?;
    Ok(Box::new(file))
}
