//! `iiif-publish --bucket … image.jpg`

use super::arguments::{NameArguments, PictureArguments, ReportArguments, ShapeArguments, named};
use super::exit::{Exit, interrupted};
use super::progress::Progress;
use super::report;
use clap::{Args, ValueEnum};
use futures::StreamExt;
use iiif_publish::publish::{Image, Options, PublishError, Published, Publisher, Unchanged};
use iiif_publish::store::{Checksums, FolderStore, PublicUrl, S3Settings, S3Store, Store};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

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
    headers: HeaderArguments,
    #[command(flatten)]
    shape: ShapeArguments,
    #[command(flatten)]
    pictures: PictureArguments,
    /// Publish again what is there already, unchanged
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    reports: ReportArguments,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "S3")]
struct S3Arguments {
    /// Endpoint of an S3-compatible store [default: AWS, or `AWS_ENDPOINT_URL_S3`]
    #[arg(long, value_name = "URL")]
    endpoint_url: Option<String>,
    /// Region of the bucket [default: `AWS_REGION`, or that of the profile]
    #[arg(long, value_name = "REGION")]
    aws_region: Option<String>,
    /// Profile of the AWS configuration files [default: `AWS_PROFILE`]
    #[arg(long, value_name = "PROFILE")]
    profile: Option<String>,
    /// Checksum headers on puts [default: `when-supported` on AWS, `when-required` elsewhere]
    #[arg(long, value_name = "WHEN")]
    checksums: Option<ChecksumsArgument>,
    /// Puts in flight, of all images together [default: 64 into a bucket, 8 into a folder]
    #[arg(long, value_name = "N")]
    concurrency: Option<NonZeroUsize>,
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
    try_run(arguments).await.unwrap_or_else(|exit| exit)
}

async fn try_run(arguments: Arguments) -> Result<Exit, Exit> {
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
        concurrency: arguments.s3.concurrency,
        jobs: arguments.pictures.jobs(),
        unchanged: if arguments.overwrite { Unchanged::PublishAgain } else { Unchanged::Skip },
        ..Options::new(public_url)
    };
    let events = Arc::clone(&progress);
    let publisher = Publisher::new(store, options, move |event| events.event(&event));
    let print_urls = |published: &Published| progress.result(&published.info_urls.join("\n"));
    Ok(publish_all(&publisher, images, &progress, print_urls).await)
}

async fn target(arguments: &Arguments, progress: &Progress) -> Result<Target, Exit> {
    let names = &arguments.names;
    let (store, public_url): (Arc<dyn Store>, _) = if let Some(folder) = &arguments.output {
        let public_url = names.public_url.clone().unwrap_or_else(|| {
            progress.note(&format!("ids begin with {FOLDER_URL}; say where the folder will be seen with --public-url"));
            FOLDER_URL.parse::<PublicUrl>().expect("the constant is a URL").below(&names.prefix)
        });
        (Arc::new(FolderStore::new(folder.clone())), public_url)
    } else {
        let store = S3Store::connect(s3_settings(arguments)).await?;
        let public_url = names.public_url.clone().unwrap_or_else(|| store.public_url(&names.prefix));
        (Arc::new(store), public_url)
    };
    store.check().await?;
    Ok((store, public_url))
}

fn s3_settings(arguments: &Arguments) -> S3Settings {
    S3Settings {
        bucket: arguments.bucket.clone().unwrap_or_default(),
        endpoint_url: arguments.s3.endpoint_url.clone(),
        aws_region: arguments.s3.aws_region.clone(),
        profile: arguments.s3.profile.clone(),
        checksums: arguments.s3.checksums.map(|checksums| match checksums {
            ChecksumsArgument::WhenSupported => Checksums::WhenSupported,
            ChecksumsArgument::WhenRequired => Checksums::WhenRequired,
        }),
    }
}

/// Publishes until all is done, or a signal comes; `done` sees each image that is published.
pub(super) async fn publish_all(
    publisher: &Publisher,
    images: Vec<Image>,
    progress: &Progress,
    mut done: impl FnMut(&Published),
) -> Exit {
    let mut summary = Summary { images: images.len(), ..Summary::default() };
    let signal = {
        let mut results = pin!(publisher.publish_all(images));
        let all = async {
            while let Some((image, result)) = results.next().await {
                match result {
                    Ok(image) => {
                        summary.published += 1;
                        done(&image);
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
    summary.exit(signal)
}

/// What has become of the images.
#[derive(Default)]
struct Summary {
    images: usize,
    published: usize,
    failed: usize,
    environment: bool,
}

impl Summary {
    fn failed(&mut self, image: &Image, error: &PublishError, progress: &Progress) {
        self.failed += 1;
        self.environment |= error.is_environment();
        progress.failed(&image.identifier, &report::chain(error), report::advice(error));
    }

    fn exit(&self, signal: Option<Exit>) -> Exit {
        let Self { images, published, failed, environment } = *self;
        if let Some(exit) = signal {
            let left = images - published - failed;
            eprintln!("interrupted: {published} of {images} images are published; {left} have no new info.json");
            return exit;
        }
        if images > 1 && failed > 0 {
            eprintln!("{failed} of {images} images failed");
        }
        match (failed, environment) {
            (0, _) => Exit::Done,
            (_, true) => Exit::Environment,
            (_, false) => Exit::Failed,
        }
    }
}
