//! `iiif-publish ingest` publishes and updates entire collections.

mod dry_run;
pub(super) mod events;
mod input;
pub(super) mod rows;
mod table;

use super::Verb;
use super::arguments::{DestinationArguments, PublishArguments, SiteArguments};
use super::context::Context;
use super::error::Fatal;
use super::exit::Exit;
use super::hints::input_hint;
use super::messages::Messages;
use super::output::counted;
use clap::{Args, ValueEnum};
use dry_run::DryRunPrinter;
use events::IngestReporter;
use iiif_publish::collection::ingest::{
    Completion, DeleteLimit, Ingest, IngestMode, IngestOptions, IngestSummary, Metrics,
};
use iiif_publish::collection::{ImageType, InputError, Nesting, Page, PageSelection, Shard, objects};
use iiif_publish::error::chain;
use iiif_publish::iiif::PresentationVersion;
use iiif_publish::publish::{Image, Publisher};
use rows::Rows;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, Instant};
use table::TableArguments;

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("input").required(true).multiple(true).args(["inputs", "from_file", "table"]))]
pub(super) struct Arguments {
    /// Images and folders: files, `s3://…` or `https://`
    ///
    /// `s3://bucket/prefix/` is a folder, `s3://bucket/key` an image. Folders are searched recursively.
    #[arg(value_name = "PATH")]
    inputs: Vec<PathBuf>,
    /// Read a list of images from FILE, one per line (`-` for standard input)
    #[arg(long, value_name = "FILE")]
    from_file: Option<PathBuf>,
    #[command(flatten)]
    table: TableArguments,
    /// Make each folder an object with its images as pages, in natural order
    ///
    /// The object is named after the folder. This applies to folders and lists; tables have a column `object`.
    #[arg(long, value_name = "BY")]
    group: Option<Grouping>,
    /// Include only files that match, such as `**/*.tif`
    ///
    /// The pattern applies to files in folders, and can be repeated. By default, images are found by their extensions.
    #[arg(long, value_name = "PATTERN")]
    include: Vec<String>,
    /// Also publish files of these types in folders: avif, jxl, psd, … (or `all`)
    ///
    /// Types that a new version can read aren't added by default, because `atlas.psd` beside `atlas.tif` would be a second source of the
    /// identifier `atlas`. Has no effect on files named individually, in a list or in a table.
    #[arg(long, value_name = "TYPES", value_delimiter = ',', conflicts_with = "include")]
    types: Vec<ImageType>,
    /// Exclude files in folders that match PATTERN (repeatable)
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<String>,
    /// Publish only one of N equal parts, counting from 0, such as `2/8`
    ///
    /// `auto` detects the part from the AWS Batch, Kubernetes, Slurm or Cloud Run environment.
    #[arg(long, value_name = "PART")]
    shard: Option<ShardArgument>,
    /// Write the collection for all published parts without publishing images
    #[arg(long, conflicts_with = "shard")]
    finish: bool,
    /// Rewrite the manifests and collection without publishing images
    #[arg(long, conflicts_with_all = ["finish", "prune"])]
    manifests_only: bool,
    #[command(flatten)]
    prune: PruneArguments,
    /// Show what would change and cost, and change nothing
    #[arg(long, conflicts_with_all = ["report", "metrics_file", "finish", "manifests_only"])]
    dry_run: bool,
    #[command(flatten)]
    documents: DocumentArguments,
    /// Write one JSON line per image to FILE
    ///
    /// An existing file is replaced.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Write the run's Prometheus metrics to FILE, for the node exporter's textfile collector
    ///
    /// The file is replaced atomically.
    #[arg(long, value_name = "FILE")]
    metrics_file: Option<PathBuf>,
    /// Stop after N failures (up to 32 images already started will finish)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_failures: Option<u64>,
    /// Stop after SECONDS; run again to continue
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    max_duration: Option<u64>,
    #[command(flatten)]
    site: SiteArguments,
    #[command(flatten)]
    destination: DestinationArguments,
    #[command(flatten)]
    publishing: PublishArguments,
}

/// Options for manifests and the collection.
#[derive(Debug, Args)]
struct DocumentArguments {
    /// Set the Presentation API versions of the manifests and collection: `3`, `3,2` or `none`
    ///
    /// Documents in version 2 are below `presentation/2/`. Version 3 is always written, unless there are no documents at all.
    #[arg(long, value_name = "VERSIONS", default_value = "3")]
    presentation: PresentationArgument,
    /// Write a collection for each folder (`folder`) or value of a metadata column (`column=NAME`), within the collection
    ///
    /// Folders are those of the objects' identifiers. In a column, ` > ` separates the names of collections within each other, such as
    /// `Maps > Europe`. Their documents are below `collections/`.
    #[arg(long, value_name = "BY")]
    nest: Option<Nesting>,
    /// Append changes of manifests to an activity stream for aggregators (IIIF Change Discovery)
    ///
    /// The stream is `activity/all-changes.json`.
    #[arg(long)]
    activity: bool,
    /// Set the collection's title [default: keep it]
    ///
    /// A new collection without one is called `Collection`.
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
}

/// Options for images that are no longer in the input.
#[derive(Debug, Args)]
struct PruneArguments {
    /// Delete images that are no longer in the input
    ///
    /// Also deletes their manifests. Only images below the prefix that iiif-publish has published are deleted.
    #[arg(long, conflicts_with = "shard")]
    prune: bool,
    /// Refuse to delete more images than this, as a number or a percentage of published images
    #[arg(long, value_name = "N|N%", requires = "prune", default_value_t = DeleteLimit::DEFAULT)]
    max_delete: DeleteLimit,
}

/// Rule for grouping images into objects.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Grouping {
    Folder,
}

/// Versions of the manifests and collection. `None` writes neither.
#[derive(Clone, Debug)]
struct PresentationArgument(Option<Vec<PresentationVersion>>);

impl FromStr for PresentationArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self(None));
        }
        let versions = text.split(',').map(|version| version.trim().parse::<PresentationVersion>());
        let versions: Vec<_> =
            versions.collect::<Result<_, _>>().map_err(|error| format!("{error}; use 3, 3,2 or none"))?;
        if versions.contains(&PresentationVersion::V3) {
            Ok(Self(Some(versions)))
        } else {
            Err("version 3 is always written; use 3,2 to add version 2".to_owned())
        }
    }
}

/// A part that is given explicitly or detected from the environment.
#[derive(Clone, Copy, Debug)]
enum ShardArgument {
    Auto,
    This(Shard),
}

impl FromStr for ShardArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            Ok(Self::Auto)
        } else {
            text.parse().map(Self::This).map_err(|error: iiif_publish::collection::ShardError| error.to_string())
        }
    }
}

impl Verb for Arguments {
    const EXAMPLES: &'static str = "\
Examples:
  iiif-publish ingest masters --bucket art-tiles --label 'Our maps'
      Publish all images below a folder, their manifests and a collection.
      Re-run to update: an unchanged image costs one request.
  iiif-publish ingest --table images.csv --bucket art-tiles --dry-run
      Show what a table with labels, metadata and pages would publish.
  iiif-publish ingest --table images.csv --bucket art-tiles --site
      Also write a website with a page for each object, and search.
  iiif-publish ingest masters --bucket art-tiles --prune --max-delete 20
      Also delete up to 20 images that are no longer in the folder.
  iiif-publish ingest masters --bucket art-tiles --shard 2/8 --report 2.jsonl
      Publish the third of eight equal parts, on the third of eight machines.
  iiif-publish ingest masters --bucket art-tiles --finish
      Write the collection when all parts are done.
  iiif-publish ingest --from-file failed.txt --presentation none \\
      --bucket art-tiles
      Retry the images that `iiif-publish report` printed.";

    fn messages(&self) -> Messages {
        self.publishing.messages()
    }

    fn threads(&self) -> NonZeroUsize {
        self.publishing.jobs()
    }

    async fn run(self, context: &Context) -> Result<Exit, Fatal> {
        let began = Instant::now();
        let mut metrics = Metrics::default();
        let result = Box::pin(ingest(&self, context, &mut metrics)).await;
        // Write metrics even after a failure, because alerts need to see failed runs.
        let Some(path) = &self.metrics_file else { return result };
        let exit = context.exit(result);
        metrics.duration = began.elapsed();
        metrics.exit_code = exit.code();
        let Err(error) = metrics.write(path) else { return Ok(exit) };
        let error = format!("could not write `{}`: {error}", path.display());
        context.progress().error(&error, "choose a different file with `--metrics-file`");
        Ok(exit.worse(Exit::Failed))
    }
}

async fn ingest(arguments: &Arguments, context: &Context, metrics: &mut Metrics) -> Result<Exit, Fatal> {
    let progress = context.progress();
    let options = arguments.options(context)?;
    if arguments.publishing.keeps_existing() && options.collection_label.is_some() {
        let error =
            "`--no-clobber` would prevent manifests and the collection from being updated with their images".to_owned();
        return Err(Fatal::new(Exit::Usage, error, "also pass `--presentation none`"));
    }
    if options.site.is_some() && options.collection_label.is_none() {
        let error = "`--presentation none` leaves out the manifests that the site is made of".to_owned();
        return Err(Fatal::new(Exit::Usage, error, "leave out one of `--site` and `--presentation none`"));
    }
    let input = arguments.input(context).await?;
    arguments.publishing.check(input.pages().len())?;
    arguments.publishing.check_names(input.pages().iter().map(|page| &page.identifier), context)?;
    let pages = input.pages_of(options.shard);
    let images: Vec<Image> = pages.iter().copied().map(image).collect();
    if !arguments.dry_run {
        progress.begin(&images);
    }
    progress.note(&describe(input.pages(), &pages, options.shard));
    for error in input.unread().iter().filter(|error| !matches!(error, InputError::Missing { .. })) {
        progress.error(&chain(error), input_hint(error));
    }
    let unread = if input.unread().is_empty() { Exit::Done } else { Exit::Failed };
    // Only a run that publishes looks up the first image in the usual way. Of a file whose pages are selected, it looks
    // up the manifest.
    let selects_pages = arguments.publishing.pages() != PageSelection::Auto
        || pages.first().is_some_and(|page| page.pages != PageSelection::Auto);
    let is_usual = !(arguments.dry_run || arguments.finish || arguments.manifests_only || selects_pages);
    let first = images.first().filter(|_| is_usual);
    let publisher = arguments.publishing.publisher(&arguments.destination, first, context).await?;
    let folder = arguments.publishing.folder(&arguments.destination.prefix);
    let reporter = IngestReporter::new(&images, folder, Rows::new(input.pages()), context);
    let ingest = Ingest::new(&publisher, &input, options, |event| reporter.event(&event))?;
    if arguments.dry_run {
        let rows = Rows::new(input.pages());
        return Ok(context.until_interrupted(dry_run(&ingest, rows, context)).await?.worse(unread));
    }
    let summary = ingest.run(|| reporter.signal()).await?;
    metrics.counts = summary.counts;
    metrics.collection_images = input.pages().len() as u64;
    metrics.collection_objects = objects(input.pages()).len() as u64;
    Ok(report(summary, &reporter, &publisher, context, metrics).worse(unread))
}

/// Prints the changes that a run would make.
async fn dry_run(ingest: &Ingest<'_>, rows: Rows<'_>, context: &Context) -> Result<Exit, Fatal> {
    let mut lines = DryRunPrinter::new(rows, context.progress().is_json());
    let totals = ingest.dry_run(|event| lines.event(&event)).await?;
    lines.totals(&totals);
    totals.refusal.map_or(Ok(lines.exit()), |refusal| Err(refusal.into()))
}

/// Reports the run's outcome and returns its exit code.
pub(super) fn report(
    summary: IngestSummary,
    reporter: &IngestReporter<'_>,
    publisher: &Publisher,
    context: &Context,
    metrics: &mut Metrics,
) -> Exit {
    let exit = match summary.completion {
        Completion::Complete => Exit::Done,
        Completion::LimitReached => Exit::Limit,
        Completion::Unavailable => Exit::Environment,
        Completion::Stopped => reporter.signalled(),
        _ if summary.has_only_known_failures() => Exit::KnownFailures,
        _ => Exit::Failed,
    };
    let exit = summary.error.map_or(exit, |error| context.exit(Err(error.into())).worse(exit));
    // Print the summary after the last request, so its numbers match the metrics.
    reporter.print_summary(publisher);
    if exit == Exit::KnownFailures {
        let images = counted(summary.counts.failed, "image");
        context.note(&format!("{images} had failed in the last report, too, and the files have not changed"));
    }
    metrics.traffic = publisher.store().traffic();
    let Some(error) = summary.report_error else { return exit };
    context.progress().error(
        &format!("the report is incomplete: {error}"),
        "pass `--report` a file on a disk with more free space; the images are not affected",
    );
    exit.worse(Exit::Failed)
}

fn image(page: &Page) -> Image {
    Image::new(page.source.clone(), page.identifier.clone())
}

impl Arguments {
    fn shard(&self, context: &Context) -> Result<Shard, Fatal> {
        match self.shard {
            None => Ok(Shard::WHOLE),
            Some(ShardArgument::This(shard)) => Ok(shard),
            Some(ShardArgument::Auto) => {
                let usage = |error: String| {
                    Fatal::new(
                        Exit::Usage,
                        error,
                        "pass `--shard I/N`, or set the variables of one of these schedulers",
                    )
                };
                let found = Shard::of_environment(|name| std::env::var(name).ok());
                let found = found.map_err(|error| usage(chain(&error)))?;
                let (shard, engine) = found.ok_or_else(|| {
                    usage("`--shard auto` found no variables of AWS Batch, Kubernetes, Slurm or Cloud Run".to_owned())
                })?;
                context.note(&format!("publishing part {shard} (from {engine})"));
                Ok(shard)
            }
        }
    }

    fn options(&self, context: &Context) -> Result<IngestOptions, Fatal> {
        let mut options = IngestOptions::default();
        options.shard = self.shard(context)?;
        options.mode = self.mode();
        options.pages = self.publishing.pages();
        options.prune = self.prune.prune.then_some(self.prune.max_delete);
        let label = self.documents.label.clone().unwrap_or_else(|| "Collection".to_owned());
        options.collection_label = self.documents.presentation.0.as_ref().map(|_| label);
        options.keeps_collection_label = self.documents.label.is_none();
        options.further_presentations = self.documents.presentation.0.clone().unwrap_or_default();
        options.nesting.clone_from(&self.documents.nest);
        options.writes_activities = self.documents.activity;
        options.site = self.site.options()?;
        options.report.clone_from(&self.report);
        options.max_failures = self.max_failures;
        options.max_duration = self.max_duration.map(Duration::from_secs);
        Ok(options)
    }

    fn mode(&self) -> IngestMode {
        match (self.finish, self.manifests_only) {
            (true, _) => IngestMode::Finish,
            (_, true) => IngestMode::ManifestsOnly,
            _ => IngestMode::Publish,
        }
    }
}

fn describe(all: &[Page], pages: &[&Page], shard: Shard) -> String {
    let of = if shard.is_whole() { String::new() } else { format!(" of {} (part {shard})", all.len()) };
    let objects = counted(objects(pages.iter().copied()).len() as u64, "object");
    format!("{}{of} of {objects}", counted(pages.len() as u64, "image"))
}
