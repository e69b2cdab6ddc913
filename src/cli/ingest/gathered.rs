//! Reads the input.

use super::Arguments;
use crate::cli::exit::Exit;
use crate::cli::lines::LimitedLines;
use crate::cli::report::{Fatal, tell_note};
use iiif_publish::collection::{COLLECTION_PAGES, EmptyFolder, Input, InputError, MANIFESTS, Page, Patterns, Table};
use iiif_publish::location::Location;
use iiif_publish::publish::Versions;
use iiif_publish::store::Identifier;
use std::fs::File;
use std::io::{Read, stdin};
use std::path::Path;

/// The input.
pub(super) struct Gathered {
    pub(super) pages: Vec<Page>,
    /// Why it may not be all of it.
    pub(super) unread: Vec<InputError>,
    /// Folders that images may be missing from.
    pub(super) empty_folders: Vec<EmptyFolder>,
    /// Rows of spreadsheets that are hidden.
    pub(super) hidden_rows: u64,
    /// Files in lists and tables that are not there.
    pub(super) missing_files: u64,
}

impl Gathered {
    /// Refuses identifiers that would put the objects of an image where the manifests and the collection are.
    pub(super) fn check_identifiers(&self, versions: Versions) -> Result<(), Fatal> {
        // In folders of their own, images cannot meet them.
        if versions.folders().iter().all(|(_, folder)| folder.is_some()) {
            return Ok(());
        }
        let Some(page) = self.pages.iter().find(|page| is_reserved(&page.identifier)) else { return Ok(()) };
        let first = page.identifier.as_str().split('/').next().unwrap_or_default();
        let error = format!(
            "`{}` cannot be an identifier: `{first}` is reserved for manifests and collections",
            page.identifier
        );
        let advice = "rename the file or its folder, set a column `id` of a `--table`, or pass `--presentation none`";
        Err(Fatal::new(Exit::Usage, error, advice))
    }
}

fn is_reserved(identifier: &Identifier) -> bool {
    let first = identifier.as_str().split('/').next().unwrap_or_default();
    [MANIFESTS, COLLECTION_PAGES, "collection.json"].contains(&first)
}

impl Arguments {
    pub(super) async fn gathered(&self) -> Result<Gathered, Fatal> {
        let patterns = Patterns::new(&self.include, &self.exclude)?;
        // Tiles are images too, and the next run would find those of this one.
        let mut input = Input::new(patterns).leaving_out(self.how.target_location(&self.place.prefix));
        let remotes = self.how.remotes();
        for path in &self.inputs {
            match Location::named(path).map_err(InputError::from)? {
                Location::File(path) => input.add_path(&path)?,
                Location::Object(folder) if folder.is_folder() => {
                    input.add_objects(&folder, remotes.list(&folder).await?)?;
                }
                elsewhere => input.add_remote(elsewhere)?,
            }
        }
        if let Some(list) = &self.from_file {
            input.add_list(LimitedLines::new(opened(list)?), &list.display().to_string())?;
        }
        if let Some(table) = &self.table {
            let name = table.display().to_string();
            let folder = table.parent().unwrap_or(Path::new(""));
            input.add_table(opened(table)?, Table { name: &name, folder, sheet: self.sheet.as_deref() })?;
        }
        for note in input.notes() {
            tell_note(self.how.reports.how(), &note);
        }
        let empty_folders = input.empty_folders().to_vec();
        let (hidden_rows, missing_files) = (input.hidden_rows(), input.missing_files());
        let (pages, unread) = input.into_pages()?;
        if pages.is_empty() {
            let advice = "check the folder, `--include` and `--exclude`; nothing was changed";
            return Err(Fatal::new(Exit::Usage, "no images in the input".to_owned(), advice));
        }
        Ok(Gathered { pages, unread, empty_folders, hidden_rows, missing_files })
    }
}

fn opened(path: &Path) -> Result<Box<dyn Read>, InputError> {
    if path == Path::new("-") {
        return Ok(Box::new(stdin()));
    }
    let file = File::open(path).map_err(|cause| InputError::Read { input: path.display().to_string(), cause })?;
    Ok(Box::new(file))
}
