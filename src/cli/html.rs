//! Writes the HTML page for `--html`.

use super::context::Context;
use super::exit::Exit;
use super::hints::{OTHER_PAGE_NAME, exit_of};
use clap::builder::{StringValueParser, TypedValueParser};
use iiif_publish::error::chain;
use iiif_publish::html::{Gallery, GalleryOutcome, PageName};
use iiif_publish::publish::{PublishError, Publisher};
use iiif_publish::store::{Key, StoreError, StoreErrorKind};
use std::path::Path;

/// Returns the value parser for `--html`.
pub(super) fn parser() -> impl TypedValueParser<Value = PageName> {
    StringValueParser::new().try_map(|name| name.parse::<PageName>())
}

/// Reports that the page wasn't written because the run was stopped.
pub(super) fn report_left_out(key: &Key, context: &Context) {
    context.note(&format!("`{key}` was not written because the run was stopped"));
}

/// Writes the page and prints its URL, or its path in `folder` if the public URL is unknown. `exit` is the images' exit
/// code.
pub(super) async fn write(
    mut gallery: Gallery,
    exit: Exit,
    publisher: &Publisher,
    folder: Option<&Path>,
    context: &Context,
) -> Exit {
    let key = gallery.key().clone();
    match gallery.write(publisher).await {
        Ok(GalleryOutcome::Stopped) => {
            report_left_out(&key, context);
            return exit;
        }
        Ok(GalleryOutcome::NoImages) => {
            context.note(&format!("`{key}` was not written because no image was published"));
            return exit;
        }
        Ok(GalleryOutcome::Kept) => context.note(&format!("`{key}` was not changed (`--no-clobber`)")),
        Ok(_) => {}
        Err(error) => return failed(error, exit, context),
    }
    let Some(folder) = folder else { return exit.worse(context.progress().result(gallery.url())) };
    let printed = context.progress().result(&folder.join(key.as_str()).display().to_string());
    context.note(&format!(
        "the page works on any web server, together with the images; to open it now: `iiif-publish serve {}`",
        folder.display()
    ));
    exit.worse(printed)
}

fn failed(error: StoreError, exit: Exit, context: &Context) -> Exit {
    let hint = match error.kind() {
        StoreErrorKind::Exists => OTHER_PAGE_NAME,
        _ if exit == Exit::Done => "run the same command again to write the page; the images are published",
        _ => "run the same command again to publish the rest and write the page",
    };
    let error = PublishError::from(error);
    context.progress().error(&chain(&error), hint);
    exit.worse(exit_of(error.is_environment()))
}
