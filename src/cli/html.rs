//! `--html`: writes the page beside the images, and tells what became of it.

use super::exit::Exit;
use super::progress::Progress;
use super::report::{self, Fatal};
use clap::builder::{StringValueParser, TypedValueParser};
use iiif_publish::html::{Gallery, GalleryError, GalleryOutcome, KeptReason, PageName};
use iiif_publish::publish::{PublishError, Publisher};
use iiif_publish::store::{Key, StoreError, StoreErrorKind};

const OTHER_NAME: &str = "choose another name for the page, such as `--html=images.html`";

/// Returns the parser of the option.
pub(super) fn parser() -> impl TypedValueParser<Value = PageName> {
    StringValueParser::new().try_map(|name| name.parse::<PageName>())
}

impl From<GalleryError> for Fatal {
    fn from(error: GalleryError) -> Self {
        match error {
            GalleryError::Key(error) => error.into(),
            GalleryError::Store(error) => error.into(),
            error => Self::new(Exit::Usage, report::chain(&error), OTHER_NAME),
        }
    }
}

/// Tells that the page was not written because the run ended before.
pub(super) fn tell_left_out(key: &Key, progress: &Progress) {
    progress.note(&format!("`{key}` was not written, because the run was stopped"));
}

/// Writes the page and prints its URL. `exit` is that of the images.
pub(super) async fn write(mut gallery: Gallery, exit: Exit, publisher: &Publisher, progress: &Progress) -> Exit {
    let key = gallery.key().clone();
    match gallery.write(exit == Exit::Done, publisher).await {
        Ok(GalleryOutcome::Stopped) => {
            tell_left_out(&key, progress);
            return exit;
        }
        Ok(GalleryOutcome::NoImages) => {
            progress.note(&format!("`{key}` was not written, because no image was published"));
            return exit;
        }
        Ok(GalleryOutcome::Kept(reason)) => {
            let why =
                if reason == KeptReason::Unchangeable { "--no-clobber" } else { "some images were not published" };
            progress.note(&format!("`{key}` was not changed ({why})"));
        }
        Ok(_) => {}
        Err(error) => return failed(error, exit, progress),
    }
    exit.worse(progress.result(gallery.url()))
}

fn failed(error: StoreError, exit: Exit, progress: &Progress) -> Exit {
    let advice = match error.kind() {
        StoreErrorKind::Exists => OTHER_NAME,
        _ if exit == Exit::Done => "run the same command again to write the page; the images are published",
        _ => "run the same command again to publish the rest and write the page",
    };
    let error = PublishError::from(error);
    progress.error(&report::chain(&error), advice);
    exit.worse(if error.is_environment() { Exit::Environment } else { Exit::Failed })
}
