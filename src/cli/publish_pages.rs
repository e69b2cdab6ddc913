//! Publishes the pages of files as objects with manifests.

use super::arguments::{NameArguments, PublishArguments};
use super::context::Context;
use super::error::Fatal;
use super::exit::Exit;
use super::ingest::events::IngestReporter;
use super::ingest::report;
use super::ingest::rows::Rows;
use iiif_publish::collection::ingest::{Ingest, IngestEvent, IngestInput, IngestOptions, Metrics};
use iiif_publish::collection::{Input, Page, PageSelection, Patterns};
use iiif_publish::publish::Image;

/// Returns `true` if files may become several images.
pub(super) fn has_several(pages: PageSelection) -> bool {
    !matches!(pages, PageSelection::Auto | PageSelection::One(_))
}

/// Publishes the selected pages of each file, followed by the file's manifest, and prints the manifest's URL.
pub(super) async fn publish_pages(
    publishing: &PublishArguments,
    names: &NameArguments,
    has_html: bool,
    images: Vec<Image>,
    context: &Context,
) -> Result<Exit, Fatal> {
    check(publishing, has_html)?;
    let progress = context.progress();
    progress.begin(&images);
    let mut input = Input::new(Patterns::new(&[], &[])?);
    for image in &images {
        input.add_page(Page::alone(image.location.clone(), image.identifier.clone()));
    }
    let input = IngestInput::new(input)?;
    let publisher = publishing.publisher(&names.destination, None, context).await?;
    let mut options = IngestOptions::default();
    options.pages = publishing.pages();
    options.writes_collection = false;
    let folder = publishing.folder(&names.destination.prefix);
    let reporter = IngestReporter::new(&images, folder, Rows::new(input.pages()), context);
    let on_event = |event: IngestEvent<'_>| {
        if let IngestEvent::ManifestWritten { url, .. } = event {
            progress.result(url);
        }
        reporter.event(&event);
    };
    let ingest = Ingest::new(&publisher, &input, options, on_event)?;
    let summary = ingest.run(|| reporter.signal()).await?;
    Ok(report(summary, &reporter, &publisher, context, &mut Metrics::default()))
}

fn check(publishing: &PublishArguments, has_html: bool) -> Result<(), Fatal> {
    let usage = |error: &str, hint| Err(Fatal::new(Exit::Usage, error.to_owned(), hint));
    if has_html {
        return usage(
            "`--html` cannot show several pages of a file",
            "omit `--html`, and open the manifest in a viewer",
        );
    }
    if publishing.keeps_existing() {
        return usage(
            "`--no-clobber` would prevent the manifest from being updated with its pages",
            "omit `--no-clobber`",
        );
    }
    Ok(())
}
