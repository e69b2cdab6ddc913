//! Collects a run's input images.

use super::Arguments;
use crate::cli::context::Context;
use crate::cli::error::Fatal;
use crate::cli::exit::Exit;
use iiif_publish::collection::ingest::IngestInput;
use iiif_publish::collection::{Input, InputError, Patterns, Table};
use iiif_publish::location::Location;
use std::fs::File;
use std::io::{Read, stdin};
use std::path::Path;

impl Arguments {
    pub(super) async fn input(&self, context: &Context) -> Result<IngestInput, Fatal> {
        let patterns = Patterns::new(&self.include, &self.exclude)?.with_types(self.types.iter().copied());
        // Skip the target, or the next run would treat this run's tiles as input images.
        let mut input = Input::new(patterns).leaving_out(self.publishing.target_location(&self.destination.prefix));
        if let Some(rename) = self.publishing.rename() {
            input = input.renaming(rename);
        }
        let sources = self.publishing.source_resolver();
        for path in &self.inputs {
            match Location::named(path).map_err(InputError::from)? {
                Location::File(path) => input.add_path(&path)?,
                Location::Object(folder) if folder.is_folder() => {
                    input.add_objects(&folder, sources.list(&folder).await?)?;
                }
                elsewhere => input.add_remote(elsewhere)?,
            }
        }
        if let Some(list) = &self.from_file {
            input.add_list(opened(list)?, &list.display().to_string())?;
        }
        if let Some(table) = &self.table {
            let name = table.display().to_string();
            let folder = table.parent().unwrap_or(Path::new(""));
            input.add_table(opened(table)?, Table { name: &name, folder, sheet: self.sheet.as_deref() })?;
        }
        for note in input.notes() {
            context.note(&note);
        }
        let input = IngestInput::new(input)?;
        if input.pages().is_empty() {
            let hint = "check the folder, `--include`, `--types` and `--exclude`; nothing was changed";
            return Err(Fatal::new(Exit::Usage, "no images in the input".to_owned(), hint));
        }
        Ok(input)
    }
}

fn opened(path: &Path) -> Result<Box<dyn Read>, InputError> {
    if path == Path::new("-") {
        return Ok(Box::new(stdin()));
    }
    let file = File::open(path).map_err(|cause| InputError::Read { input: path.display().to_string(), cause })?;
    Ok(Box::new(file))
}
