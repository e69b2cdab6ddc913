//! The `iiif-publish serve` command.

use super::Verb;
use super::context::Context;
use super::error::Fatal;
use super::exit::Exit;
use super::output::counted;
use super::preview::{bind, serve_until, tell_address};
use super::titles::with_titles;
use bytes::Bytes;
use clap::Args;
use iiif_publish::destination::{Destination, PublicUrl, Versions};
use iiif_publish::html::{self, PageImage, ViewerPage};
use iiif_publish::publish::{ListedImage, list_images};
use iiif_publish::serve::{Page, Site};
use iiif_publish::store::{FolderStore, Prefix};
use std::collections::BTreeMap;
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
      Serve a folder that `iiif-publish --output out` has written. Shows the
      site of `--site`, or a page with its images. Only this machine can
      connect.
  iiif-publish serve out --open --port 8080";

    async fn run(self, context: &Context) -> Result<Exit, Fatal> {
        let signal = std::pin::pin!(context.interrupted());
        if !self.folder.is_dir() {
            let error = format!("`{}` is not a folder", self.folder.display());
            let hint = "pass a folder of published images; to show image files, use `iiif-publish preview`";
            return Err(Fatal::new(Exit::Usage, error, hint));
        }
        let server = bind(self.port).await?;
        let address = format!("http://localhost:{}", server.port());
        let Found { images, moved } = Found::in_folder(self.folder.clone(), &address, context).await?;
        let has_site = self.folder.join("index.html").is_file();
        let pages = if has_site { Vec::new() } else { vec![page_of(&images)] };
        tell_address(&address, self.open, context);
        let site = Site { root: self.folder, pages, moved };
        Ok(serve_until(server, site, signal).await.unwrap_or(Exit::Done))
    }
}

/// Returns the page for a folder without a site.
fn page_of(images: &[PageImage]) -> Page {
    let body = Bytes::from(ViewerPage::new(images).to_html());
    Page::new("/", html::CONTENT_TYPE, move || body.clone())
}

/// Images found in a folder.
struct Found {
    images: Vec<PageImage>,
    /// Public URLs that images were published for, with their replacements.
    moved: Vec<(String, String)>,
}

impl Found {
    /// Returns the images in a folder. Images published for a different address are served at `address`. Warns about
    /// images whose URLs can't be replaced.
    async fn in_folder(folder: PathBuf, address: &str, context: &Context) -> Result<Self, Fatal> {
        let (mut images, mut moved, mut elsewhere) = (Vec::new(), BTreeMap::new(), Vec::new());
        let add = |mut image: ListedImage| {
            let base_uri = image.base_uri.clone();
            match published_for(&image) {
                Some(base) if base == address => {}
                Some(base) => {
                    image.base_uri.replace_range(..base.len(), address);
                    *moved.entry(base).or_insert(0) += 1;
                }
                None => elsewhere.push(base_uri.clone()),
            }
            images.extend(PageImage::of_listed(&image).map(|image| (base_uri, image)));
        };
        list_images(&FolderStore::new(folder.clone()), &Prefix::default(), add).await?;
        let images = with_titles(&folder, images);
        let progress = context.progress();
        for (base, count) in &moved {
            let images = counted(*count, "image");
            progress.note(&format!("{images} published for {base}: served with this server's address instead"));
        }
        if let Some(first) = elsewhere.first() {
            progress.say(&format!(
                "warning: the info.json of {} names another address, such as {first}; browsers load tiles from there",
                counted(elsewhere.len() as u64, "image")
            ));
        }
        // Longer URLs come first, because one URL may be a prefix of another.
        let mut moved: Vec<_> = moved.into_keys().map(|base| (base, address.to_owned())).collect();
        moved.sort_by_key(|(base, _)| std::cmp::Reverse(base.len()));
        Ok(Self { images, moved })
    }
}

/// Returns the public URL that an image was published for, or `None` if its base URI doesn't end with the identifier's
/// path.
fn published_for(image: &ListedImage) -> Option<String> {
    // Relative to a root URL, the base URI is the identifier's encoded path.
    let root: PublicUrl = "http://localhost".parse().expect("the constant is a URL");
    let destination = Destination::new(Prefix::default(), root, Versions::V3);
    let base_uri = destination.base_uris(&image.identifier).swap_remove(0);
    let path = base_uri.strip_prefix("http://localhost").expect("it begins with the root");
    // A versioned image's base URI has the version name after its path.
    let above = image.base_uri.rsplit_once('/').map(|(above, _)| above);
    let base = [Some(image.base_uri.as_str()), above].into_iter().flatten().find_map(|uri| uri.strip_suffix(path));
    base.filter(|base| base.contains("://")).map(str::to_owned)
}
