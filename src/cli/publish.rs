//! Publishing, the default command (`iiif-publish --bucket … image.jpg`).

use super::arguments::{NameArguments, PublishArguments, named};
use super::context::Context;
use super::error::Fatal;
use super::exit::Exit;
use super::messages::Messages;
use super::summary::{Ending, Summary, report_stopping, report_unavailable};
use super::{Verb, html, publish_pages};
use clap::Args;
use iiif_publish::html::{Gallery, PageName};
use iiif_publish::publish::{BatchEvent, Image, PublishError, Published, Publisher};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::pin::pin;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Images to publish: files, `s3://bucket/key` or `https://` URLs
    ///
    /// JPEG, PNG, TIFF and other formats are detected from the file's content.
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// Write an HTML page that shows the images [default name: viewer.html]
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true, default_missing_value = PageName::DEFAULT,
          value_parser = html::parser())]
    html: Option<PageName>,
    #[command(flatten)]
    names: NameArguments,
    #[command(flatten)]
    publishing: PublishArguments,
}

impl Verb for Arguments {
    const EXAMPLES: &'static str = "\
Examples:
  iiif-publish preview photo.jpg
      Show an image in your browser, without a bucket.
  iiif-publish --bucket art-tiles photo.jpg scan.tif
      Publish two images and print the URL of each info.json.
  iiif-publish --bucket art-tiles --html photo.jpg scan.tif
      Also write an HTML page that shows both images.
  iiif-publish --bucket tiles --prefix maps \\
      --public-url https://cdn.example.org/maps atlas.tif
      Publish behind a CDN that serves the prefix as /maps.
  iiif-publish --bucket test --endpoint-url http://localhost:9000 photo.jpg
      Publish to MinIO or any other S3-compatible store.
  iiif-publish --output out --public-url https://example.org/iiif photo.jpg
      Publish to a folder, for any static web server.
  iiif-publish ingest masters --bucket tiles
      Publish a folder with manifests and a collection; re-run to update.
  iiif-publish init
      Save your options in a config file: iiif-publish.toml.
  iiif-publish ingest s3://masters/maps/ --bucket tiles
      Publish images from another bucket without copying them.
  iiif-publish plan scan.tif
      Show what publishing would store and cost.
  iiif-publish verify https://cdn.example.org/maps/atlas/info.json
      Check that every file a viewer needs exists.
  iiif-publish delete --bucket tiles --prefix maps --id atlas
      Delete an image (asks first).
  iiif-publish bucket check --bucket tiles --prefix maps
      Check that you can publish to the bucket and everyone can view it.

Exit codes:
  0    success
  1    some or all images failed (verify, bucket check: problems found);
       retrying may help
  2    invalid usage
  3    wrong credentials, bucket, region, endpoint or host: fix them first
  4    stopped by a limit; run again to continue
  130  interrupted by Ctrl-C (143: by SIGTERM)";

    fn messages(&self) -> Messages {
        self.publishing.messages()
    }

    fn threads(&self) -> NonZeroUsize {
        self.publishing.jobs()
    }

    async fn run(self, context: &Context) -> Result<Exit, Fatal> {
        let images = named(self.images, self.names.id.as_ref())?;
        // Check options before the first request, to report mistakes immediately.
        let has_several = publish_pages::has_several(self.publishing.pages());
        self.publishing.check(if has_several { images.len().max(2) } else { images.len() })?;
        self.publishing.check_names(images.iter().map(|image| &image.identifier), context)?;
        if has_several {
            return publish_pages::publish_pages(&self.publishing, &self.names, self.html.is_some(), images, context)
                .await;
        }
        context.progress().begin(images.len());
        let publisher = self.publishing.publisher(&self.names.destination, context).await?;
        // A single future covers the entire run, so no signal is missed.
        let signal = pin!(context.interrupted());
        match &self.html {
            None => Ok(publish_all(&publisher, images, context, signal, |_, result| print_urls(result, context)).await),
            Some(page) => publish_with_page(page, &publisher, images, context, signal).await,
        }
    }
}

/// Prints the `info.json` URLs of a published image.
fn print_urls(result: &Result<Published, PublishError>, context: &Context) -> Exit {
    result.as_ref().map_or(Exit::Done, |image| context.progress().result(&image.info_urls.join("\n")))
}

/// Publishes images along with an HTML page that shows them.
async fn publish_with_page(
    name: &PageName,
    publisher: &Publisher,
    images: Vec<Image>,
    context: &Context,
    mut signal: impl Future<Output = Exit> + Unpin,
) -> Result<Exit, Fatal> {
    let order = images.iter().map(|image| image.identifier.clone()).collect();
    let mut gallery = Gallery::open(name, order, publisher).await?;
    let key = gallery.key().clone();
    let add = |_: &Image, result: &Result<Published, PublishError>| {
        if let Ok(image) = result {
            gallery.add(image);
        }
        print_urls(result, context)
    };
    let exit = publish_all(publisher, images, context, &mut signal, add).await;
    if matches!(exit, Exit::Interrupted | Exit::Terminated) {
        html::report_left_out(&key, context);
        return Ok(exit);
    }
    tokio::select! {
        exit = html::write(gallery, exit, publisher, context) => Ok(exit),
        signal = signal => {
            html::report_left_out(&key, context);
            Ok(signal)
        }
    }
}

/// Publishes images and prints a summary. Calls `ended` with each image's result.
///
/// The first signal stops the run after the uploads in flight. A second signal stops it immediately.
pub(super) async fn publish_all(
    publisher: &Publisher,
    images: Vec<Image>,
    context: &Context,
    signal: impl Future<Output = Exit>,
    mut ended: impl FnMut(&Image, &Result<Published, PublishError>) -> Exit,
) -> Exit {
    let progress = context.progress();
    let mut summary = Summary::new(&images);
    let on_event = |event: BatchEvent<'_>| match event {
        BatchEvent::Ended { image, result } => {
            let printed = ended(image, result);
            summary.ended(image, result, printed, progress);
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
