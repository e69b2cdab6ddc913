//! `iiif-publish publish`, the default command (`iiif-publish --bucket … image.jpg`).

use super::arguments::{NameArguments, PublishArguments, named, renamed};
use super::context::Context;
use super::error::Fatal;
use super::exit::Exit;
use super::messages::Messages;
use super::summary::{Ending, Summary, report_stopping, report_unavailable};
use super::{Verb, html, publish_pages};
use clap::Args;
use iiif_publish::error::chain;
use iiif_publish::html::{Gallery, PageName, embed_code};
use iiif_publish::publish::{BatchEvent, Image, PublishError, Published, Publisher};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::pin::pin;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Files, `s3://bucket/key` or `https://` URLs
    ///
    /// JPEG, PNG, TIFF and other formats are detected from the file's content.
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// Write or extend an HTML page that shows the images
    ///
    /// The default name is `viewer.html`. Images of earlier runs stay on the page.
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true, default_missing_value = PageName::DEFAULT,
          value_parser = html::parser())]
    html: Option<PageName>,
    /// Print HTML to embed each image in a web page
    ///
    /// The code has a zoomable view with OpenSeadragon, and an image in all sizes that exist.
    #[arg(long)]
    embed: bool,
    #[command(flatten)]
    names: NameArguments,
    #[command(flatten)]
    publishing: PublishArguments,
}

impl Verb for Arguments {
    const EXAMPLES: &'static str = "\
Examples:
  iiif-publish --bucket art-tiles photo.jpg scan.tif
      Publish two images and print the URL of each info.json.
  iiif-publish --bucket art-tiles --html photo.jpg scan.tif
      Also write an HTML page that shows both images.
  iiif-publish --output out --public-url https://example.org/iiif photo.jpg
      Publish to a folder, for any static web server.
  iiif-publish --bucket art-tiles --embed photo.jpg
      Print HTML to embed the image in your own page.
  iiif-publish publish --bucket tiles --prefix maps \\
      --public-url https://cdn.example.org/maps atlas.tif
      Publish behind a CDN that serves the prefix as /maps.
  iiif-publish --bucket test --endpoint-url http://localhost:9000 photo.jpg
      Publish to MinIO or any other S3-compatible store.
  iiif-publish --bucket tiles s3://masters/maps/atlas.tif
      Publish an image from another bucket without copying it.";

    fn messages(&self) -> Messages {
        self.publishing.messages()
    }

    fn threads(&self) -> NonZeroUsize {
        self.publishing.jobs()
    }

    async fn run(self, context: &Context) -> Result<Exit, Fatal> {
        let images = renamed(named(self.images, self.names.id.as_ref())?, self.publishing.rename())?;
        // Check options before the first request, to report mistakes immediately.
        let has_several = publish_pages::has_several(self.publishing.pages());
        self.publishing.check(if has_several { images.len().max(2) } else { images.len() })?;
        self.publishing.check_names(images.iter().map(|image| &image.identifier), context)?;
        if has_several {
            return publish_pages::publish_pages(&self.publishing, &self.names, self.html.is_some(), images, context)
                .await;
        }
        context.progress().begin(&images);
        let publisher = self.publishing.publisher(&self.names.destination, images.first(), context).await?;
        // A single future covers the entire run, so no signal is missed.
        let signal = pin!(context.interrupted());
        let unhosted = self.publishing.folder_without_url(&self.names.destination);
        let printer = Printer { publisher: &publisher, has_code: self.embed, unhosted, context };
        let summary = Summary::new(&images, self.publishing.folder(&self.names.destination.prefix));
        match &self.html {
            None => {
                Ok(publish_all(&publisher, (images, summary), context, signal, |_, result| printer.print(result)).await)
            }
            Some(page) => publish_with_page(page, printer, (images, summary), signal).await,
        }
    }
}

/// Prints results to stdout.
struct Printer<'a> {
    publisher: &'a Publisher,
    /// `true` to print code to embed the images.
    has_code: bool,
    /// Output folder, if its public URL is unknown.
    unhosted: Option<&'a Path>,
    context: &'a Context,
}

impl Printer<'_> {
    /// Prints the `info.json` URLs of a published image and, if requested, the code to embed it.
    fn print(&self, result: &Result<Published, PublishError>) -> Exit {
        let Ok(image) = result else { return Exit::Done };
        let options = self.publisher.options();
        let version = options.versions.folders().into_iter().map(|(version, _)| version).next();
        let code = version.filter(|_| self.has_code).map(|version| embed_code(image, options.shape, version));
        let code = code.map(|code| format!("\n\n{code}"));
        self.context.progress().result(&(image.info_urls.join("\n") + &code.unwrap_or_default()))
    }
}

/// Publishes images along with an HTML page that shows them.
async fn publish_with_page(
    name: &PageName,
    printer: Printer<'_>,
    (images, summary): (Vec<Image>, Summary),
    mut signal: impl Future<Output = Exit> + Unpin,
) -> Result<Exit, Fatal> {
    let Printer { publisher, unhosted, context, .. } = printer;
    let order = images.iter().map(|image| image.identifier.clone()).collect();
    let mut gallery = Gallery::open(name, order, publisher).await?;
    let key = gallery.key().clone();
    let add = |_: &Image, result: &Result<Published, PublishError>| {
        if let Ok(image) = result {
            gallery.add(image);
        }
        printer.print(result)
    };
    let exit = publish_all(publisher, (images, summary), context, &mut signal, add).await;
    if matches!(exit, Exit::Interrupted | Exit::Terminated) {
        html::report_left_out(&key, context);
        return Ok(exit);
    }
    tokio::select! {
        exit = html::write(gallery, exit, publisher, unhosted, context) => Ok(exit),
        signal = signal => {
            html::report_left_out(&key, context);
            Ok(signal)
        }
    }
}

/// Publishes images and prints the summary. Calls `ended` with each image's result.
///
/// The first signal stops the run after the uploads in flight. A second signal stops it immediately.
pub(super) async fn publish_all(
    publisher: &Publisher,
    (images, mut summary): (Vec<Image>, Summary),
    context: &Context,
    signal: impl Future<Output = Exit>,
    mut ended: impl FnMut(&Image, &Result<Published, PublishError>) -> Exit,
) -> Exit {
    let progress = context.progress();
    let on_event = |event: BatchEvent<'_>| match event {
        BatchEvent::Ended { image, result } => {
            let printed = ended(image, result);
            summary.ended(image, result, (printed, |error: &PublishError| chain(error)), progress);
        }
        BatchEvent::StoreUnavailable { error } => report_unavailable(error, progress),
        _ => {}
    };
    let signal = async {
        let exit = signal.await;
        report_stopping(false, progress);
        exit
    };
    let stopped = publisher.publish_until(images, signal, context.interrupted(), on_event).await;
    progress.finish();
    let ending = Ending::new(summary, stopped);
    ending.print(publisher, progress);
    ending.exit()
}
