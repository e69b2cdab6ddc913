//! Reads the input.

use super::Arguments;
use crate::cli::exit::Exit;
use crate::cli::report::Fatal;
use iiif_publish::collection::{Input, InputError, Page, Patterns, TableFormat};
use iiif_publish::location::Location;
use std::fs::File;
use std::io::{Read, stdin};
use std::path::Path;

/// The input.
pub(super) struct Gathered {
    pub(super) pages: Vec<Page>,
    /// Why it may not be all of it.
    pub(super) unread: Vec<InputError>,
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
            input.add_list(opened(list)?, &list.display().to_string())?;
        }
        if let Some(table) = &self.table {
            let is_json = table.extension().is_some_and(|extension| extension == "jsonl" || extension == "json");
            let format = if is_json { TableFormat::JsonLines } else { TableFormat::Csv };
            let folder = table.parent().unwrap_or(Path::new(""));
            input.add_table(opened(table)?, format, folder, &table.display().to_string())?;
        }
        let (pages, unread) = input.into_pages()?;
        if pages.is_empty() {
            let advice = "check the folder, `--include` and `--exclude`; nothing was changed";
            return Err(Fatal::new(Exit::Usage, "there are no images in the input".to_owned(), advice));
        }
        Ok(Gathered { pages, unread })
    }
}

fn opened(path: &Path) -> Result<Box<dyn Read>, InputError> {
    if path == Path::new("-") {
        return Ok(Box::new(stdin()));
    }
    let file = File::open(path).map_err(|cause| InputError::Read { input: path.display().to_string(), cause })?;
    Ok(Box::new(file))
}
