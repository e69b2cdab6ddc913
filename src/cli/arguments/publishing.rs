//! Publishing options that apply to all images.

use super::existing::ExistingArguments;
use super::image::ImageArguments;
use super::names::DestinationArguments;
use super::s3::S3Arguments;
use super::slug::slug;
use super::sources::SourceArguments;
use super::storage::{BUCKET_ONLY, StorageArguments};
use super::target::TargetArguments;
use crate::cli::context::Context;
use crate::cli::error::Fatal;
use crate::cli::exit::Exit;
use crate::cli::messages::{MessageArguments, Messages};
use bytesize::ByteSize;
use clap::Args;
use iiif_publish::collection::PageSelection;
use iiif_publish::destination::{Identifier, PublicUrl, name_problems};
use iiif_publish::iiif::PyramidShape;
use iiif_publish::location::Location;
use iiif_publish::publish::{FullImageUrl, Image, OnWarning, Options, Publisher, RedirectOptions};
use iiif_publish::remote::{DEFAULT_MAX_SPOOL_BYTES, SourceResolver};
use iiif_publish::store::{OnExisting, Prefix, S3Settings, Store, StoreErrorKind};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Default public URL for a folder, which matches the default address of `preview`.
const FOLDER_URL: &str = "http://localhost:3000";

/// Publishing options that apply to all images.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("folder").args(["output"]).conflicts_with_all(BUCKET_ONLY))]
pub(crate) struct PublishArguments {
    #[command(flatten)]
    target: TargetArguments,
    /// Make identifiers of lowercase ASCII letters, digits, `.`, `_` and `-`
    ///
    /// `Ä Übersicht.tif` becomes `a-ubersicht`. Identifiers with `--id` and in tables change, too.
    #[arg(long, help_heading = "Names")]
    slug: bool,
    #[command(flatten)]
    s3: S3Arguments,
    #[command(flatten)]
    sources: SourceArguments,
    #[command(flatten)]
    existing: ExistingArguments,
    #[command(flatten)]
    storage: StorageArguments,
    #[command(flatten)]
    headers: HeaderArguments,
    #[command(flatten)]
    redirects: RedirectArguments,
    #[command(flatten)]
    image: ImageArguments,
    #[command(flatten)]
    work: WorkArguments,
    #[command(flatten)]
    messages: MessageArguments,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Headers")]
struct HeaderArguments {
    /// Set the `Cache-Control` header for tiles [default: `public, max-age=86400`; one year with `--versioned`]
    #[arg(long, value_name = "VALUE", value_parser = header_value)]
    cache_control: Option<String>,
    /// Set the `Cache-Control` header for info.json
    #[arg(long, value_name = "VALUE", default_value = Options::INFO_CACHE_CONTROL, value_parser = header_value)]
    info_cache_control: String,
}

fn header_value(text: &str) -> Result<String, String> {
    let is_value = !text.is_empty() && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if is_value { Ok(text.to_owned()) } else { Err("expected visible ASCII characters".to_owned()) }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Redirects")]
struct RedirectArguments {
    /// Store each tile once and redirect its other URLs to it (website endpoints only)
    ///
    /// For a bucket, redirects only work on its website endpoint. For a folder, they are written to a `_redirects`
    /// file, which some hosts support.
    #[arg(long, requires = "public_url")]
    redirects: bool,
    /// Redirect full/max (JPEG only) to an existing full-size image; `{id}` stands for the identifier
    #[arg(long, value_name = "URL", requires = "redirects")]
    full_image_url: Option<FullImageUrl>,
}

impl RedirectArguments {
    /// Checks that multiple images don't share a full-image URL.
    fn check_one_full_image_each(&self, images: usize) -> Result<(), Fatal> {
        match &self.full_image_url {
            Some(url) if images > 1 && !url.names_identifier() => Err(Fatal::new(
                Exit::Usage,
                format!("`--full-image-url` without `{{id}}` works for one image only, but {images} were passed"),
                "use `{id}` as a placeholder for the identifier in the URL",
            )),
            _ => Ok(()),
        }
    }

    fn options(&self) -> Option<RedirectOptions> {
        self.redirects.then(|| RedirectOptions::new(self.full_image_url.clone()))
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Performance")]
struct WorkArguments {
    /// Limit parallel uploads [default: 512 for a bucket, 8 for a folder]
    ///
    /// The limit applies to all images combined. Bucket uploads start lower and adapt to the store.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    concurrency: Option<u16>,
    /// Limit PUT requests per second
    #[arg(long, value_name = "N", value_parser = parse_rate)]
    max_rps: Option<f64>,
    /// Retry transient errors for up to SECONDS [default: 300]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    retry_for: Option<u64>,
    /// Limit temporary disk space per source on web servers without byte-range support
    ///
    /// Temporary files are created in TMPDIR.
    #[arg(long, value_name = "SIZE", default_value_t = ByteSize(DEFAULT_MAX_SPOOL_BYTES))]
    max_spool_size: ByteSize,
    /// Fail images with warnings, before any part of them becomes visible
    #[arg(long)]
    strict: bool,
}

impl WorkArguments {
    fn concurrency(&self) -> Option<NonZeroUsize> {
        self.concurrency.and_then(|concurrency| NonZeroUsize::new(concurrency.into()))
    }
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| S3Settings::PUTS_PER_SECOND.contains(rate));
    let (least, most) = (S3Settings::PUTS_PER_SECOND.start(), S3Settings::PUTS_PER_SECOND.end());
    rate.ok_or_else(|| format!("expected a number from {least} to {most}"))
}

impl PublishArguments {
    /// Returns the function that makes identifiers ASCII, if that was requested.
    pub(crate) fn rename(&self) -> Option<fn(&str) -> String> {
        self.slug.then_some(slug)
    }

    /// Returns the number of threads for CPU work, which also limits the threads for requests.
    pub(crate) fn jobs(&self) -> NonZeroUsize {
        self.image.jobs()
    }

    pub(crate) fn messages(&self) -> Messages {
        self.messages.messages()
    }

    /// Returns the pages to publish from files with several pages.
    pub(crate) fn pages(&self) -> PageSelection {
        self.image.pages()
    }

    /// Checks that the options make sense for this number of images.
    pub(crate) fn check(&self, images: usize) -> Result<(), Fatal> {
        self.redirects.check_one_full_image_each(images)?;
        self.shape().map(drop)
    }

    /// Checks that the output folder supports the image names, and warns about names that other systems don't support.
    pub(crate) fn check_names<'a>(
        &self,
        identifiers: impl IntoIterator<Item = &'a Identifier>,
        context: &Context,
    ) -> Result<(), Fatal> {
        let target = self.target.target();
        let Some(folder) = target.folder() else { return Ok(()) };
        let problems = name_problems(folder, identifiers);
        let Some(first) = problems.iter().find(|problem| problem.is_here()).or(problems.first()) else { return Ok(()) };
        let others = if problems.len() == 1 { String::new() } else { format!(" (and {} more)", problems.len() - 1) };
        let text = format!("`{}` {}{others}", first.identifier, first.reason);
        if first.is_here() {
            return Err(Fatal::new(
                Exit::Usage,
                text,
                "rename the file, or set a different id with `--id` or in the `id` column of a `--table`",
            ));
        }
        context.note(&format!("warning: {text}"));
        Ok(())
    }

    /// Returns `true` if existing objects must be kept.
    pub(crate) fn keeps_existing(&self) -> bool {
        self.existing.on_existing() == OnExisting::Keep
    }

    /// Returns the folder with the prefix that images are written to, unless they go to a bucket.
    pub(crate) fn folder(&self, prefix: &Prefix) -> Option<PathBuf> {
        let folder = self.target.target().folder()?;
        Some(if prefix.is_empty() { folder.to_owned() } else { folder.join(prefix.to_string()) })
    }

    /// Returns the output folder if it doesn't have a known public URL.
    pub(crate) fn folder_without_url(&self, destination: &DestinationArguments) -> Option<&Path> {
        self.target.target().folder().filter(|_| destination.public_url.is_none())
    }

    /// Returns the location to publish to, or `None` if sources can't be in the same bucket.
    pub(crate) fn target_location(&self, prefix: &Prefix) -> Option<Location> {
        let location = self.target.target().location(prefix);
        let is_elsewhere = matches!(location, Location::Object(_)) && self.sources.differ_from(&self.s3_settings());
        (!is_elsewhere).then_some(location)
    }

    fn shape(&self) -> Result<PyramidShape, Fatal> {
        // The size limit doesn't apply to an existing full image.
        let has_full_image = self.redirects.full_image_url.is_some();
        Ok(if has_full_image { self.image.uncapped_shape() } else { self.image.shape() }?)
    }

    /// Creates a publisher after checking that the bucket or folder is available. Looks up the image that will be
    /// published first at the same time.
    pub(crate) async fn publisher(
        &self,
        destination: &DestinationArguments,
        first: Option<&Image>,
        context: &Context,
    ) -> Result<Publisher, Fatal> {
        self.storage.warn(context);
        let mut settings = self.s3_settings();
        let publisher = self.open(settings.clone(), destination, context).await?;
        let Err(error) = publisher.check_store(first).await else { return Ok(publisher) };
        let region = error.region().filter(|_| error.kind() == StoreErrorKind::Region).map(str::to_owned);
        let Some(region) = region else { return Err(error.into()) };
        context.note_region(&settings.bucket, &region);
        settings.aws_region = Some(region);
        let publisher = self.open(settings, destination, context).await?;
        publisher.check_store(first).await?;
        Ok(publisher)
    }

    /// Creates a publisher without sending a request to the store.
    async fn open(
        &self,
        settings: S3Settings,
        destination: &DestinationArguments,
        context: &Context,
    ) -> Result<Publisher, Fatal> {
        let (store, public_url) = self.connect(settings, destination, context).await?;
        let options = self.options(destination, self.shape()?, public_url);
        Ok(Publisher::new(store, options, context.on_event()).with_sources(self.source_resolver()))
    }

    /// Returns a resolver for remote sources, which defaults to the target's credentials and timeouts.
    pub(crate) fn source_resolver(&self) -> SourceResolver {
        SourceResolver::new(self.sources.settings(self.s3_settings()))
            .with_max_spool_bytes(self.work.max_spool_size.as_u64())
    }

    fn options(&self, destination: &DestinationArguments, shape: PyramidShape, public_url: PublicUrl) -> Options {
        let options = self.image.options(shape, public_url);
        options
            .cache_control(self.headers.cache_control.clone())
            .info_cache_control(self.headers.info_cache_control.clone())
            .concurrency(self.work.concurrency().map(NonZeroUsize::get))
            .on_existing(self.existing.on_existing())
            .identity(self.existing.identity())
            .on_warning(if self.work.strict { OnWarning::Fail } else { OnWarning::Report })
            .settle_after(self.existing.settle_after())
            .layout(self.existing.layout())
            .redirects(self.redirects.options())
            .prefix(destination.prefix.clone())
            .build()
            .expect("no number is 0, and the program writes all formats")
    }

    /// Opens the store and returns it along with its public URL.
    async fn connect(
        &self,
        settings: S3Settings,
        destination: &DestinationArguments,
        context: &Context,
    ) -> Result<(Arc<dyn Store>, PublicUrl), Fatal> {
        let target = self.target.target();
        let (store, own_url) = target.open(settings, &destination.prefix).await?;
        let public_url = destination.public_url.clone().or(own_url).unwrap_or_else(|| {
            context.progress().say(&format!(
                "warning: no `--public-url`, so all URLs begin with {FOLDER_URL} and work with `iiif-publish serve` only; pass \
                 the URL where this folder will be hosted"
            ));
            FOLDER_URL.parse::<PublicUrl>().expect("the constant is a URL").below(&destination.prefix)
        });
        Ok((store, public_url))
    }

    fn s3_settings(&self) -> S3Settings {
        let mut settings = self.storage.apply_to(self.s3.settings(self.target.target().bucket()));
        settings.concurrency = self.work.concurrency();
        settings.max_puts_per_second = self.work.max_rps;
        settings.retry_for = self.work.retry_for.map(Duration::from_secs);
        settings.on_existing = self.existing.on_existing();
        settings
    }
}
