//! `iiif-publish preview` publishes images to a temporary folder and shows them in a browser.

use super::Verb;
use super::arguments::{ImageArguments, named_files};
use super::context::Context;
use super::error::Fatal;
use super::exit::Exit;
use super::messages::{MessageArguments, Messages};
use super::output::print;
use super::publish::publish_all;
use super::shown::{Shown, images_in};
use super::summary::Summary;
use clap::Args;
use iiif_publish::collection::InputError;
use iiif_publish::destination::Identifier;
use iiif_publish::location::Location;
use iiif_publish::publish::{Image, Publisher};
use iiif_publish::serve::{Server, Site};
use iiif_publish::store::FolderStore;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Images and folders of images to show
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// Serve on this port, or on the next free port
    #[arg(long, value_name = "PORT", default_value_t = 3000)]
    port: u16,
    /// Open the page in your browser
    #[arg(long)]
    open: bool,
    #[command(flatten)]
    image: ImageArguments,
    #[command(flatten)]
    messages: MessageArguments,
}

impl Verb for Arguments {
    const EXAMPLES: &'static str = "\
Examples:
  iiif-publish preview photo.jpg scan.tif
      Publish to a temporary folder and print the URL to open.
  iiif-publish preview --open masters
      Open the browser, and show the images of a folder as they appear.
  iiif-publish preview --open --tile-size 256 photo.jpg
      Use smaller tiles and open the browser.";

    fn messages(&self) -> Messages {
        self.messages.messages()
    }

    fn threads(&self) -> NonZeroUsize {
        self.image.jobs()
    }

    async fn run(self, context: &Context) -> Result<Exit, Fatal> {
        preview(self, context).await
    }
}

async fn preview(arguments: Arguments, context: &Context) -> Result<Exit, Fatal> {
    arguments.image.check_one_page()?;
    let images = images(arguments.images.clone(), context)?;
    let shape = arguments.image.shape()?;
    // Bind the port first, because every info.json contains the address.
    let server = bind(arguments.port).await?;
    // The folder is removed when this function returns.
    let folder = private_folder().map_err(|error| {
        failed("could not create a temporary folder", &error, "set TMPDIR to a folder with free space")
    })?;
    let address = format!("http://localhost:{}", server.port());
    let options = arguments.image.options(shape, address.parse().expect("an address is a URL"));
    let options = options.build().expect("no number is 0, and the program writes all formats");
    let store = Arc::new(FolderStore::new(folder.path().to_owned()));
    let publisher = Publisher::new(store, options, context.on_event());
    let order: Vec<Identifier> = images.iter().map(|image| image.identifier.clone()).collect();
    let shown = Arc::new(Shown::new(order));
    let site = Site { root: folder.path().to_owned(), pages: shown.pages(), moved: Vec::new() };
    tell_address(&address, arguments.open, context);
    tokio::select! {
        () = server.serve(site) => Ok(Exit::Done),
        exit = publish(&publisher, images, &shown, context) => Ok(exit),
    }
}

/// Returns the images in all files and folders, which must exist.
fn images(paths: Vec<PathBuf>, context: &Context) -> Result<Vec<Image>, Fatal> {
    let has_folder = paths.iter().any(|path| path.is_dir());
    let images = if has_folder { images_in(&paths, context)? } else { named_files(paths, None)? };
    // Report typing mistakes before anything is served.
    let is_missing = |image: &&Image| matches!(&image.location, Location::File(path) if path.metadata().is_err());
    match images.iter().find(is_missing) {
        Some(image) => Err(InputError::Missing { input: image.location.to_string() }.into()),
        None => Ok(images),
    }
}

/// Publishes images, which appear on the page one at a time, and then waits for a signal unless all of them failed.
async fn publish(publisher: &Publisher, images: Vec<Image>, shown: &Shown, context: &Context) -> Exit {
    context.progress().begin(&images);
    // A single future covers the entire run, so a signal between publishing and serving isn't missed.
    let mut signal = pin!(context.interrupted());
    let summary = Summary::new(&images, None);
    let exit = publish_all(publisher, (images, summary), context, signal.as_mut(), |_, result| {
        shown.add(result.as_ref().ok());
        Exit::Done
    })
    .await;
    let is_empty = shown.finish();
    if matches!(exit, Exit::Interrupted | Exit::Terminated) || is_empty {
        return exit;
    }
    ended_by(signal.await).unwrap_or(exit)
}

/// Listens on this port, or on the next free port.
pub(super) async fn bind(port: u16) -> Result<Server, Fatal> {
    let listening = Server::bind(port).await;
    listening.map_err(|error| failed("could not listen on localhost", &error, "choose another `--port`"))
}

/// Serves a site until a signal arrives. Returns the signal's exit code, or `None` for Ctrl-C, which is the normal way
/// to stop the server.
pub(super) async fn serve_until(server: Server, site: Site, signal: impl Future<Output = Exit>) -> Option<Exit> {
    tokio::select! {
        () = server.serve(site) => None,
        signal = signal => ended_by(signal),
    }
}

fn ended_by(signal: Exit) -> Option<Exit> {
    Some(signal).filter(|signal| *signal != Exit::Interrupted)
}

/// Prints the address and, if requested, opens it in the browser.
pub(super) fn tell_address(address: &str, open: bool, context: &Context) {
    print(&format!("{address}/\n"));
    let progress = context.progress();
    let opened = open.then(|| open::that_detached(format!("{address}/")));
    match opened {
        Some(Ok(())) => progress.note("press Ctrl-C to quit"),
        Some(Err(_)) => progress.say("could not start a browser; open this page yourself, and press Ctrl-C to quit"),
        None => progress.note("open this page in your browser; press Ctrl-C to quit"),
    }
}

fn failed(what: &str, error: &std::io::Error, hint: &'static str) -> Fatal {
    Fatal::new(Exit::Failed, format!("{what}: {error}"), hint)
}

/// Creates a temporary folder that other users can't read.
fn private_folder() -> std::io::Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("iiif-publish-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.tempdir()
}
