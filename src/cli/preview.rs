//! `iiif-publish preview` publishes images to a temporary folder and shows them in a browser.

use super::Verb;
use super::arguments::{ImageArguments, named_files};
use super::context::Context;
use super::error::Fatal;
use super::exit::Exit;
use super::messages::{MessageArguments, Messages};
use super::output::print;
use super::publish::publish_all;
use clap::Args;
use iiif_publish::destination::Identifier;
use iiif_publish::html::{self, PageImage};
use iiif_publish::publish::{Published, Publisher};
use iiif_publish::serve::{Page, Server, Site};
use iiif_publish::store::FolderStore;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Images to show
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
    let images = named_files(arguments.images.clone(), None)?;
    let shape = arguments.image.shape()?;
    // Bind the port first, because every info.json contains the address.
    let server = Server::bind(arguments.port)
        .await
        .map_err(|error| failed("could not listen on localhost", &error, "choose another `--port`"))?;
    // The folder is removed when this function returns.
    let folder = private_folder().map_err(|error| {
        failed("could not create a temporary folder", &error, "set TMPDIR to a folder with free space")
    })?;
    let address = format!("http://localhost:{}", server.port());
    let options = arguments.image.options(shape, address.parse().expect("an address is a URL"));
    let options = options.build().expect("no number is 0, and the program writes all formats");
    context.progress().begin(&images);
    let store = Arc::new(FolderStore::new(folder.path().to_owned()));
    let pipeline = Publisher::new(store, options, context.on_event());
    let mut published = Vec::new();
    let order: Vec<Identifier> = images.iter().map(|image| image.identifier.clone()).collect();
    // A single future covers the entire run, so a signal between publishing and serving isn't missed.
    let mut signal = pin!(context.interrupted());
    let exit = publish_all(&pipeline, images, context, signal.as_mut(), |_, result| {
        published.extend(result.as_ref().ok().cloned());
        Exit::Done
    })
    .await;
    let published = html::in_order(published, &order);
    if matches!(exit, Exit::Interrupted | Exit::Terminated) || published.is_empty() {
        return Ok(exit);
    }
    let root = folder.path().to_owned();
    Ok(serve_page(server, &address, root, &page_images(&published), arguments.open, context, signal)
        .await
        .unwrap_or(exit))
}

/// Serves a folder with a page that shows its images until a signal arrives. Returns the signal's exit code, or `None`
/// for Ctrl-C, the normal way to end it.
pub(super) async fn serve_page(
    server: Server,
    address: &str,
    root: PathBuf,
    images: &[PageImage],
    open: bool,
    context: &Context,
    signal: impl Future<Output = Exit>,
) -> Option<Exit> {
    tell_address(address, open, context);
    let page = Page { path: "/", content_type: html::CONTENT_TYPE, body: html::page(images).into() };
    tokio::select! {
        () = server.serve(Site { root, pages: vec![page] }) => None,
        signal = signal => Some(signal).filter(|signal| *signal != Exit::Interrupted),
    }
}

/// Prints the address and, if requested, opens it in the browser.
fn tell_address(address: &str, open: bool, context: &Context) {
    print(&format!("{address}/\n"));
    let progress = context.progress();
    let opened = open.then(|| open::that_detached(format!("{address}/")));
    match opened {
        Some(Ok(())) => progress.note("press Ctrl-C to quit"),
        Some(Err(_)) => progress.say("could not start a browser; open this page yourself, and press Ctrl-C to quit"),
        None => progress.note("open this page in your browser; press Ctrl-C to quit"),
    }
}

pub(super) fn failed(what: &str, error: &std::io::Error, hint: &'static str) -> Fatal {
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

/// Returns the published images as the page shows them.
fn page_images(published: &[Published]) -> Vec<PageImage> {
    let page_image = |image: &Published| {
        let info = image.info_urls.first().cloned().unwrap_or_default();
        PageImage::of(image, info).stored_by(image)
    };
    published.iter().map(page_image).collect()
}
