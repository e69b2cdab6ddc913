//! `iiif-publish --bucket … image.jpg`

use super::arguments::{
    Cap, NameArguments, PictureArguments, PlaceArguments, ReportArguments, S3Arguments, ShapeArguments, named,
};
use super::exit::{Exit, interrupted};
use super::html;
use super::progress::Progress;
use super::report::{self, Fatal, tell_note};
use super::sources::SourceArguments;
use super::storage::{BUCKET_ONLY, StorageArguments};
use super::summary::{Ending, Summary};
use bytesize::ByteSize;
use clap::{Args, ValueEnum};
use iiif_publish::destination::{Identifier, PublicUrl, name_problems};
use iiif_publish::html::{Gallery, PageName};
use iiif_publish::iiif::PyramidShape;
use iiif_publish::location::{Location, S3Object};
use iiif_publish::publish::{
    BatchEvent, Changed, FullImageUrl, Identity, Image, Layout, OnWarning, Options, PublishError, Published, Publisher,
    RedirectOptions, Unchanged,
};
use iiif_publish::remote::{DEFAULT_MAX_SPOOL_BYTES, Remotes};
use iiif_publish::store::{Clobber, FolderStore, Prefix, S3Settings, S3Store, Store, StoreError, StoreErrorKind};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// The default public URL of a folder: the address of `preview`.
const FOLDER_URL: &str = "http://localhost:3000";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Images to publish: files, `s3://bucket/key` or `https://` URLs
    ///
    /// JPEG, PNG, TIFF and more formats are recognized by their content.
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// Write an HTML page that shows the images [default name: viewer.html]
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true, default_missing_value = PageName::DEFAULT,
          value_parser = html::parser())]
    html: Option<PageName>,
    #[command(flatten)]
    names: NameArguments,
    #[command(flatten)]
    how: PublishArguments,
}

/// Options of publishing that do not depend on the images.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("target").required(true).args(["bucket", "output"]))]
pub(super) struct PublishArguments {
    /// Publish into this bucket: a name, `s3://BUCKET/PREFIX` or an ARN
    ///
    /// The ARN is that of a bucket or of an access point.
    #[arg(long, value_name = "BUCKET")]
    bucket: Option<String>,
    /// Publish into this folder instead of a bucket
    #[arg(long, value_name = "DIR", conflicts_with_all = BUCKET_ONLY)]
    output: Option<PathBuf>,
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
    shape: ShapeArguments,
    #[command(flatten)]
    pictures: PictureArguments,
    #[command(flatten)]
    work: WorkArguments,
    #[command(flatten)]
    pub(super) reports: ReportArguments,
}

/// Options for images that already exist.
#[derive(Debug, Args)]
#[command(next_help_heading = "Existing images")]
struct ExistingArguments {
    /// Republish images even if unchanged
    #[arg(long)]
    overwrite: bool,
    /// Choose how to detect unchanged files
    #[arg(long, value_name = "METHOD", default_value = "size-and-time")]
    check: CheckArgument,
    /// Never overwrite existing images, even if their files changed
    #[arg(long, conflicts_with_all = ["overwrite", "output"])]
    no_clobber: bool,
    /// Keep every version in its own folder (cacheable forever); info.json points to the newest
    #[arg(long)]
    versioned: bool,
    /// Check published images again after SECONDS, in case two runs overlapped
    ///
    /// Use the same value for all runs, at least 4.
    #[arg(long, value_name = "SECONDS", default_value_t = Options::SETTLE_AFTER.as_secs(),
          value_parser = clap::value_parser!(u64).range(4..))]
    settle_after: u64,
    /// Keep N old versions of each image and delete the others [default: keep all]
    #[arg(long, value_name = "N", requires = "versioned")]
    keep: Option<usize>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum CheckArgument {
    /// Compare size and modification time, or the `ETag`, without reading the file
    SizeAndTime,
    /// Read the whole file and compare its content
    Content,
}

impl ExistingArguments {
    fn layout(&self) -> Layout {
        if self.versioned { Layout::Versioned { keep: self.keep } } else { Layout::InPlace }
    }

    fn identity(&self) -> Identity {
        match self.check {
            CheckArgument::SizeAndTime => Identity::SizeAndTime,
            CheckArgument::Content => Identity::Content,
        }
    }

    fn clobber(&self) -> Clobber {
        if self.no_clobber { Clobber::Forbid } else { Clobber::Replace }
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Redirects")]
struct RedirectArguments {
    /// Store each tile once and redirect its other URLs there (website endpoints only)
    ///
    /// In a bucket, this works on its website endpoint only. In a folder, the redirects are written to the file `_redirects`,
    /// for hosts that support it.
    #[arg(long, requires = "public_url")]
    redirects: bool,
    /// Redirect full/max (as JPEG) to an existing full image; `{id}` stands for the identifier
    #[arg(long, value_name = "URL", requires = "redirects")]
    full_image_url: Option<FullImageUrl>,
}

impl RedirectArguments {
    fn options(&self) -> Option<RedirectOptions> {
        self.redirects.then(|| RedirectOptions { full_image_url: self.full_image_url.clone() })
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Performance")]
struct WorkArguments {
    /// Limit parallel uploads [default: up to 256 into a bucket, 8 into a folder]
    ///
    /// The limit applies to all images together. Uploads into a bucket start at a lower number and adapt to the store.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    concurrency: Option<u16>,
    /// Limit PUT requests per second
    #[arg(long, value_name = "N", value_parser = parse_rate)]
    max_rps: Option<f64>,
    /// Retry transient errors for up to SECONDS [default: 300]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    retry_for: Option<u64>,
    /// Limit temporary disk space for a source whose web server does not support byte ranges
    ///
    /// The temporary file is in TMPDIR.
    #[arg(long, value_name = "SIZE", default_value_t = ByteSize(DEFAULT_MAX_SPOOL_BYTES))]
    max_spool_size: ByteSize,
    /// Fail images with warnings before any part of them is visible
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

#[derive(Debug, Args)]
#[command(next_help_heading = "Headers")]
struct HeaderArguments {
    /// Set Cache-Control of tiles [default: `public, max-age=86400`; one year with `--versioned`]
    #[arg(long, value_name = "VALUE", value_parser = header_value)]
    cache_control: Option<String>,
    /// Set Cache-Control of info.json
    #[arg(long, value_name = "VALUE", default_value = Options::INFO_CACHE_CONTROL, value_parser = header_value)]
    info_cache_control: String,
}

fn header_value(text: &str) -> Result<String, String> {
    let is_value = !text.is_empty() && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if is_value { Ok(text.to_owned()) } else { Err("expected visible ASCII characters".to_owned()) }
}

/// A store and its public URL.
type Target = (Arc<dyn Store>, PublicUrl);

pub(super) async fn run(arguments: Arguments) -> Exit {
    let how = arguments.how.reports.how();
    Box::pin(try_run(arguments)).await.unwrap_or_else(|fatal| fatal.tell(how))
}

async fn try_run(arguments: Arguments) -> Result<Exit, Fatal> {
    let Arguments { images, html: page, names, how } = arguments;
    let images = named(images, names.id.as_ref())?;
    // Checked before any request, so that wrong options are reported at once.
    how.check(images.len())?;
    how.check_names(images.iter().map(|image| &image.identifier))?;
    let progress = Arc::new(Progress::new(how.reports.how(), images.len()).verbose(how.reports.verbose));
    let publisher = how.publisher(&names.place, &progress).await?;
    let order = || images.iter().map(|image| image.identifier.clone()).collect();
    let mut gallery = match &page {
        Some(name) => Some(Gallery::open(name, order(), &publisher).await?),
        None => None,
    };
    let print_urls = |_: &Image, result: &Result<Published, PublishError>| {
        let Ok(image) = result else { return Exit::Done };
        if let Some(gallery) = &mut gallery {
            gallery.add(image);
        }
        progress.result(&image.info_urls.join("\n"))
    };
    // One future for the whole run, so that no signal is lost in between.
    let mut signal = pin!(interrupted());
    let exit = publish_all(&publisher, images.clone(), &progress, signal.as_mut(), print_urls).await;
    let Some(gallery) = gallery else { return Ok(exit) };
    let key = gallery.key().clone();
    if matches!(exit, Exit::Interrupted | Exit::Terminated) {
        html::tell_left_out(&key, &progress);
        return Ok(exit);
    }
    tokio::select! {
        exit = html::write(gallery, exit, &publisher, &progress) => Ok(exit),
        signal = signal => {
            html::tell_left_out(&key, &progress);
            Ok(signal)
        }
    }
}

/// Checks that several images do not share one full image URL.
fn one_full_image_each(redirects: &RedirectArguments, images: usize) -> Result<(), Fatal> {
    match &redirects.full_image_url {
        Some(url) if images > 1 && !url.names_identifier() => Err(Fatal::new(
            Exit::Usage,
            format!("`--full-image-url` without `{{id}}` is the URL of one image, but {images} were passed"),
            "put `{id}` in the URL in place of the identifier",
        )),
        _ => Ok(()),
    }
}

impl PublishArguments {
    /// Checks that the arguments are consistent for this number of images.
    pub(super) fn check(&self, images: usize) -> Result<(), Fatal> {
        one_full_image_each(&self.redirects, images)?;
        self.shape().map(drop)
    }

    /// Checks that a folder can store the images, and warns about names that other systems cannot store.
    pub(super) fn check_names<'a>(&self, identifiers: impl IntoIterator<Item = &'a Identifier>) -> Result<(), Fatal> {
        let Some(folder) = &self.output else { return Ok(()) };
        let problems = name_problems(folder, identifiers);
        let Some(first) = problems.iter().find(|problem| problem.is_here()).or(problems.first()) else { return Ok(()) };
        let others = if problems.len() == 1 { String::new() } else { format!(" (and {} more)", problems.len() - 1) };
        let text = format!("`{}` {}{others}", first.identifier, first.reason);
        if first.is_here() {
            return Err(Fatal::new(
                Exit::Usage,
                text,
                "rename the file, or choose another id with `--id` or a column `id` of a `--table`",
            ));
        }
        tell_note(self.reports.how(), &format!("warning: {text}"));
        Ok(())
    }

    /// Returns `true` if existing objects must not be overwritten.
    pub(super) fn replaces_nothing(&self) -> bool {
        self.existing.no_clobber
    }

    /// Returns the location to publish to, below a prefix.
    pub(super) fn target_location(&self, prefix: &Prefix) -> Option<Location> {
        if let Some(folder) = &self.output {
            return Some(Location::File(folder.join(prefix.to_string())));
        }
        let bucket = self.bucket.clone().filter(|_| !self.sources.differ_from(&self.s3_settings()))?;
        let key = Some(prefix.to_string()).filter(|prefix| !prefix.is_empty()).map(|prefix| format!("{prefix}/"));
        Some(Location::Object(S3Object { bucket, key: key.unwrap_or_default(), listed: None }))
    }

    pub(super) fn shape(&self) -> Result<PyramidShape, Fatal> {
        // An existing full image has no size limit.
        let cap = if self.redirects.full_image_url.is_some() { Cap::None } else { Cap::Configured };
        Ok(self.shape.shape(cap)?)
    }

    /// Creates a publisher, and checks that the bucket or folder is available.
    pub(super) async fn publisher(&self, place: &PlaceArguments, progress: &Arc<Progress>) -> Result<Publisher, Fatal> {
        if let Some(warning) = self.storage.warning() {
            progress.say(&format!("warning: {warning}"));
        }
        let (store, public_url) = self.target(place, progress).await?;
        let options = self.options(place, self.shape()?, public_url);
        let events = Arc::clone(progress);
        Ok(Publisher::new(store, options, move |event| events.event(&event)).reading_from(self.remotes()))
    }

    /// Returns the remote sources, with the credentials and timeouts of the target.
    pub(super) fn remotes(&self) -> Remotes {
        Remotes::new(self.sources.settings(self.s3_settings())).with_max_spool_bytes(self.work.max_spool_size.as_u64())
    }

    fn options(&self, place: &PlaceArguments, shape: PyramidShape, public_url: PublicUrl) -> Options {
        let layout = self.existing.layout();
        let cache_control = match layout {
            Layout::InPlace => Options::CACHE_CONTROL,
            Layout::Versioned { .. } => Options::VERSIONED_CACHE_CONTROL,
        };
        Options {
            versions: self.shape.versions(),
            shape,
            read: self.pictures.read(),
            jpeg: self.pictures.jpeg(),
            cache_control: self.headers.cache_control.clone().unwrap_or_else(|| cache_control.to_owned()),
            info_cache_control: self.headers.info_cache_control.clone(),
            concurrency: self.work.concurrency(),
            jobs: self.pictures.jobs(),
            max_memory_bytes: self.pictures.limits.max_memory_bytes(),
            max_objects: self.pictures.limits.max_objects,
            unchanged: if self.existing.overwrite { Unchanged::PublishAgain } else { Unchanged::Skip },
            changed: if self.existing.no_clobber { Changed::Keep } else { Changed::Replace },
            identity: self.existing.identity(),
            on_warning: if self.work.strict { OnWarning::Fail } else { OnWarning::Report },
            settle_after: Some(Duration::from_secs(self.existing.settle_after)),
            layout,
            redirects: self.redirects.options(),
            prefix: place.prefix.clone(),
            rights: self.pictures.rights.clone(),
            ..Options::new(public_url)
        }
    }

    async fn target(&self, place: &PlaceArguments, progress: &Progress) -> Result<Target, Fatal> {
        let Some(folder) = &self.output else {
            let store = bucket(self.s3_settings(), progress).await?;
            let public_url = place.public_url.clone().unwrap_or_else(|| store.url(&place.prefix).into());
            return Ok((Arc::new(store), public_url));
        };
        let public_url = place.public_url.clone().unwrap_or_else(|| {
            progress.say(&format!(
                "warning: no `--public-url`, so all URLs point to {FOLDER_URL}; pass the URL where this folder will be hosted"
            ));
            FOLDER_URL.parse::<PublicUrl>().expect("the constant is a URL").below(&place.prefix)
        });
        let store = FolderStore::new(folder.clone());
        store.check().await?;
        Ok((Arc::new(store), public_url))
    }

    fn s3_settings(&self) -> S3Settings {
        let bucket = self.s3.settings(self.bucket.clone().unwrap_or_default());
        S3Settings {
            concurrency: self.work.concurrency(),
            max_puts_per_second: self.work.max_rps,
            retry_for: self.work.retry_for.map(Duration::from_secs),
            ..self.storage.apply_to(bucket, self.existing.clobber())
        }
    }
}

/// Connects to a bucket and checks it. If the bucket is in another region, connects to that region once.
pub(super) async fn bucket(settings: S3Settings, progress: &Progress) -> Result<S3Store, StoreError> {
    let store = S3Store::connect(settings.clone()).await?;
    let Err(error) = store.check().await else { return Ok(store) };
    let Some(region) = error.region().filter(|_| error.kind() == StoreErrorKind::Region) else { return Err(error) };
    progress.note(&format!("the bucket `{}` is in {region}; using that region", settings.bucket));
    let store = S3Store::connect(S3Settings { aws_region: Some(region.to_owned()), ..settings }).await?;
    store.check().await.map(|()| store)
}

/// Publishes until all is done or a signal comes, and prints the summary; `ended` sees the result of each image.
///
/// The first signal finishes uploads in flight; the next one ends at once.
pub(super) async fn publish_all(
    publisher: &Publisher,
    images: Vec<Image>,
    progress: &Progress,
    signal: impl Future<Output = Exit>,
    mut ended: impl FnMut(&Image, &Result<Published, PublishError>) -> Exit,
) -> Exit {
    let mut summary = Summary::new(&images);
    let on_event = |event: BatchEvent<'_>| match event {
        BatchEvent::Ended { image, result } => {
            let heard = ended(image, result);
            match result {
                Ok(done) => summary.published(done, heard),
                Err(error) => summary.failed(image, error, progress),
            }
        }
        BatchEvent::StoreUnavailable { error } => tell_no_further_image(error, progress),
        _ => {}
    };
    let signal = async {
        let exit = signal.await;
        tell_stopping(false, progress);
        exit
    };
    let stopped = publisher.publish_until(images, signal, interrupted(), on_event).await;
    progress.finish();
    let ending = Ending::new(summary, stopped);
    ending.tell(publisher, progress);
    ending.exit()
}

/// Prints that the run is stopping, and the way to quit at once.
pub(super) fn tell_stopping(is_limit: bool, progress: &Progress) {
    progress.say(if is_limit {
        "limit reached: finishing current uploads… press Ctrl-C to quit now"
    } else {
        "finishing current uploads… press Ctrl-C again to quit now"
    });
}

/// Prints that the run stops because the store is unavailable.
pub(super) fn tell_no_further_image(error: &StoreError, progress: &Progress) {
    progress.say(&format!("stopping, because the store is unavailable: {}", report::chain(error)));
}
