//! The `iiif-publish serve` command.

use super::Verb;
use super::context::Context;
use super::error::Fatal;
use super::exit::Exit;
use super::output::counted;
use super::preview::{failed, serve_page};
use clap::Args;
use iiif_publish::html::PageImage;
use iiif_publish::publish::{ListedImage, list_images};
use iiif_publish::serve::Server;
use iiif_publish::store::{FolderStore, Prefix};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder of published images
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Serve on this port, or on the next free port
    #[arg(long, value_name = "PORT", default_value_t = 3000)]
    port: u16,
    /// Open the page in your browser
    #[arg(long)]
    open: bool,
}

impl Verb for Arguments {
    const EXAMPLES: &'static str = "\
Examples:
  iiif-publish serve out
      Serve a folder that `iiif-publish --output out` has written, with a
      page that shows its images. Only this machine can connect.
  iiif-publish serve out --open --port 8080";

    async fn run(self, context: &Context) -> Result<Exit, Fatal> {
        let signal = std::pin::pin!(context.interrupted());
        if !self.folder.is_dir() {
            let error = format!("`{}` is not a folder", self.folder.display());
            let hint = "pass a folder of published images; to show image files, use `iiif-publish preview`";
            return Err(Fatal::new(Exit::Usage, error, hint));
        }
        let server = Server::bind(self.port)
            .await
            .map_err(|error| failed("could not listen on localhost", &error, "choose another `--port`"))?;
        let address = format!("http://localhost:{}", server.port());
        let images = images(self.folder.clone(), &address, context).await?;
        Ok(serve_page(server, &address, self.folder, &images, self.open, context, signal).await.unwrap_or(Exit::Done))
    }
}

/// Returns the images in a folder. Warns if their URLs lead elsewhere.
async fn images(folder: PathBuf, address: &str, context: &Context) -> Result<Vec<PageImage>, Fatal> {
    let (mut images, mut elsewhere) = (Vec::new(), Vec::new());
    let add = |image: ListedImage| {
        let is_here = image.base_uri.strip_prefix(address).is_some_and(|path| path.starts_with('/'));
        images.extend(PageImage::of_listed(&image));
        elsewhere.extend((!is_here).then_some(image.base_uri));
    };
    list_images(&FolderStore::new(folder), &Prefix::default(), add).await?;
    if let Some(first) = elsewhere.first() {
        context.progress().say(&format!(
            "warning: the info.json of {} names another address, such as {first}; browsers load tiles from there",
            counted(elsewhere.len() as u64, "image")
        ));
    }
    Ok(images)
}
