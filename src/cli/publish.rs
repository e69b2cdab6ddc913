//! `iiif-publish --bucket … image.jpg`

use super::arguments::{NameArguments, PictureArguments, ReportArguments, S3Arguments, ShapeArguments, named};
use super::exit::{Exit, interrupted};
use super::progress::Progress;
use super::report::{self, Fatal};
use clap::{Args, ValueEnum};
use futures::StreamExt;
use iiif_publish::publish::{Image, Options, PublishError, Published, Publisher, Unchanged};
use iiif_publish::store::{Checksums, FolderStore, PublicUrl, S3Settings, S3Store, Store, StoreError, StoreErrorKind};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// Where a folder is seen when nothing was said of it: where `preview` shows it.
const FOLDER_URL: &str = "http://localhost:3000";

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("target").required(true).args(["bucket", "output"]))]
pub(super) struct Arguments {
    /// Images to publish: JPEG, PNG, TIFF and more, recognised by their content
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// Bucket to publish into
    #[arg(long, value_name = "BUCKET")]
    bucket: Option<String>,
    /// Folder to publish into, instead of a bucket
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    #[command(flatten)]
    names: NameArguments,
    #[command(flatten)]
    s3: S3Arguments,
    #[command(flatten)]
    puts: PutArguments,
    #[command(flatten)]
    headers: HeaderArguments,
    #[command(flatten)]
    shape: ShapeArguments,
    #[command(flatten)]
    pictures: PictureArguments,
    #[command(flatten)]
    work: WorkArguments,
    #[command(flatten)]
    reports: ReportArguments,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "S3")]
struct PutArguments {
    /// Checksum headers on puts [default: `when-supported` on AWS, `when-required` elsewhere]
    #[arg(long, value_name = "WHEN")]
    checksums: Option<ChecksumsArgument>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Work")]
struct WorkArguments {
    /// Publish again what is there already, unchanged
    #[arg(long)]
    overwrite: bool,
    /// Puts in flight at the most, of all images together [default: 64 into a bucket, 8 into a folder]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    concurrency: Option<u16>,
    /// Puts that begin within a second at the most
    #[arg(long, value_name = "N", value_parser = parse_rate)]
    max_rps: Option<f64>,
    /// How long a request that fails in passing is tried again [default: 300]
    #[arg(long, value_name = "SECONDS")]
    retry_for: Option<u64>,
}

impl WorkArguments {
    fn concurrency(&self) -> Option<NonZeroUsize> {
        self.concurrency.and_then(|concurrency| NonZeroUsize::new(concurrency.into()))
    }
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0);
    rate.ok_or_else(|| "expected a number above 0".to_owned())
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ChecksumsArgument {
    WhenSupported,
    WhenRequired,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Headers")]
struct HeaderArguments {
    /// Cache-Control of the pictures
    #[arg(long, value_name = "VALUE", default_value = Options::CACHE_CONTROL, value_parser = header_value)]
    cache_control: String,
    /// Cache-Control of info.json
    #[arg(long, value_name = "VALUE", default_value = Options::INFO_CACHE_CONTROL, value_parser = header_value)]
    info_cache_control: String,
}

fn header_value(text: &str) -> Result<String, String> {
    let is_value = !text.is_empty() && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if is_value { Ok(text.to_owned()) } else { Err("expected the visible characters of a header".to_owned()) }
}

/// A store, and where viewers see it.
type Target = (Arc<dyn Store>, PublicUrl);

pub(super) async fn run(arguments: Arguments) -> Exit {
    let how = arguments.reports.progress;
    try_run(arguments).await.unwrap_or_else(|fatal| fatal.tell(how))
}

async fn try_run(arguments: Arguments) -> Result<Exit, Fatal> {
    let images = named(arguments.images.clone(), arguments.names.id.as_ref())?;
    let shape = arguments.shape.shape()?;
    let progress = Arc::new(Progress::new(arguments.reports.progress, images.len()));
    let (store, public_url) = target(&arguments, &progress).await?;
    let options = Options {
        prefix: arguments.names.prefix,
        versions: arguments.shape.versions(),
        shape,
        jpeg: arguments.pictures.jpeg(),
        cache_control: arguments.headers.cache_control,
        info_cache_control: arguments.headers.info_cache_control,
        rights: arguments.pictures.rights.clone(),
        concurrency: arguments.work.concurrency(),
        jobs: arguments.pictures.jobs(),
        unchanged: if arguments.work.overwrite { Unchanged::PublishAgain } else { Unchanged::Skip },
        ..Options::new(public_url)
    };
    let events = Arc::clone(&progress);
    let publisher = Publisher::new(store, options, move |event| events.event(&event));
    let print_urls = |published: &Published| progress.result(&published.info_urls.join("\n"));
    Ok(publish_all(&publisher, images, &progress, print_urls).await)
}

async fn target(arguments: &Arguments, progress: &Progress) -> Result<Target, Fatal> {
    let names = &arguments.names;
    let Some(folder) = &arguments.output else {
        let store = bucket(s3_settings(arguments), progress).await?;
        let public_url = names.public_url.clone().unwrap_or_else(|| store.public_url(&names.prefix));
        return Ok((Arc::new(store), public_url));
    };
    let public_url = names.public_url.clone().unwrap_or_else(|| {
        progress.note(&format!("ids begin with {FOLDER_URL}; say where the folder will be seen with --public-url"));
        FOLDER_URL.parse::<PublicUrl>().expect("the constant is a URL").below(&names.prefix)
    });
    let store = FolderStore::new(folder.clone());
    store.check().await?;
    Ok((Arc::new(store), public_url))
}

/// A bucket that answers. Where it is in another region than was said, it is asked there, once.
async fn bucket(settings: S3Settings, progress: &Progress) -> Result<S3Store, StoreError> {
    let store = S3Store::connect(settings.clone()).await?;
    let Err(error) = store.check().await else { return Ok(store) };
    let Some(region) = error.region().filter(|_| error.kind() == StoreErrorKind::Region) else { return Err(error) };
    progress.note(&format!("the bucket `{}` is in {region}; going on there", settings.bucket));
    let store = S3Store::connect(S3Settings { aws_region: Some(region.to_owned()), ..settings }).await?;
    store.check().await.map(|()| store)
}

fn s3_settings(arguments: &Arguments) -> S3Settings {
    S3Settings {
        concurrency: arguments.work.concurrency(),
        max_puts_per_second: arguments.work.max_rps,
        retry_for: arguments.work.retry_for.map(Duration::from_secs),
        checksums: arguments.puts.checksums.map(|checksums| match checksums {
            ChecksumsArgument::WhenSupported => Checksums::WhenSupported,
            ChecksumsArgument::WhenRequired => Checksums::WhenRequired,
        }),
        ..arguments.s3.settings(arguments.bucket.clone().unwrap_or_default())
    }
}

/// Publishes until all is done, or a signal comes; `done` sees each image that is published.
pub(super) async fn publish_all(
    publisher: &Publisher,
    images: Vec<Image>,
    progress: &Progress,
    mut done: impl FnMut(&Published) -> Exit,
) -> Exit {
    let mut summary = Summary { images: images.len(), ..Summary::default() };
    let signal = {
        let mut results = pin!(publisher.publish_all(images));
        let all = async {
            while let Some((image, result)) = results.next().await {
                match result {
                    Ok(image) => {
                        summary.published += 1;
                        summary.is_unheard |= done(&image) != Exit::Done;
                    }
                    Err(error) => summary.failed(&image, &error, progress),
                }
            }
        };
        tokio::select! {
            () = all => None,
            exit = interrupted() => Some(exit),
        }
    };
    progress.finish();
    summary.tell(signal, progress);
    summary.exit(signal)
}

/// What has become of the images.
#[derive(Default)]
struct Summary {
    images: usize,
    published: usize,
    failed: usize,
    /// Trying again cannot help.
    is_environment: bool,
    /// A result could not be printed.
    is_unheard: bool,
}

impl Summary {
    fn failed(&mut self, image: &Image, error: &PublishError, progress: &Progress) {
        self.failed += 1;
        self.is_environment |= error.is_environment();
        progress.failed(&image.identifier, &report::chain(error), report::advice(error));
    }

    fn tell(&self, signal: Option<Exit>, progress: &Progress) {
        let Self { images, published, failed, .. } = *self;
        if signal.is_some() {
            let left = images - published - failed;
            progress.summary(&format!(
                "interrupted: {published} of {images} images are published; {left} are not finished"
            ));
        } else if images > 1 && failed > 0 {
            progress.summary(&format!("{failed} of {images} images failed"));
        }
    }

    fn exit(&self, signal: Option<Exit>) -> Exit {
        match (signal, self.failed, self.is_environment) {
            (Some(signal), ..) => signal,
            (None, 0, _) if !self.is_unheard => Exit::Done,
            (None, _, true) => Exit::Environment,
            (None, _, false) => Exit::Failed,
        }
    }
}
