//! `iiif-publish ingest`: whole collections, again and again.

use super::arguments::{PlaceArguments, ProgressArgument};
use super::exit::{Exit, interrupted};
use super::output::counted;
use super::progress::Progress;
use super::publish::{HowArguments, publish_images};
use super::report::{Fatal, chain, input_advice, tell_error, tell_note};
use clap::{Args, ValueEnum};
use iiif_publish::collection::{InputError, Page, Presentation, Shard, objects};
use iiif_publish::publish::{Image, PublishError, Published, Publisher};
use std::collections::HashSet;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

mod dry_run;
mod gathered;
mod journal;
mod manifests;
mod metrics;
mod prune;
mod run;

use gathered::Gathered;
use manifests::{ShownObject, shown};
use metrics::Figures;
use prune::Brake;
use run::Run;

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("input").required(true).multiple(true).args(["inputs", "from_file", "table"]))]
pub(super) struct Arguments {
    /// Images and folders to publish: files, `s3://bucket/key`, `s3://bucket/prefix/` or `https://` URLs of images
    ///
    /// Folders are searched recursively.
    #[arg(value_name = "PATH")]
    inputs: Vec<PathBuf>,
    /// Read a list of images from FILE, one per line (`-`: standard input)
    #[arg(long, value_name = "FILE")]
    from_file: Option<PathBuf>,
    /// Read a table of images with a column `source`: CSV, `.xlsx`, `.ods` or JSON Lines (`.jsonl`)
    ///
    /// CSV may use any common separator and encoding.
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,
    /// Read this sheet of a spreadsheet [default: first visible sheet]
    #[arg(long, value_name = "NAME", requires = "table")]
    sheet: Option<String>,
    /// Only include files in folders that match PATTERN, such as `**/*.tif` (repeatable) [default: images by extension]
    #[arg(long, value_name = "PATTERN")]
    include: Vec<String>,
    /// Exclude files in folders that match PATTERN (repeatable)
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<String>,
    /// Publish only one of N equal parts, counted from 0, such as `2/8`
    ///
    /// `auto` reads the part from the environment of AWS Batch, Kubernetes, Slurm or Cloud Run.
    #[arg(long, value_name = "PART")]
    shard: Option<ShardArgument>,
    /// Write the collection of all published parts; publish no images
    #[arg(long, conflicts_with = "shard")]
    finish: bool,
    /// Rewrite manifests and collection of published images; publish no images
    #[arg(long, conflicts_with_all = ["finish", "prune"])]
    manifests_only: bool,
    #[command(flatten)]
    prune: PruneArguments,
    /// Show what would be published and deleted, with its cost, without doing it
    #[arg(long, conflicts_with_all = ["report", "metrics_file", "finish", "manifests_only"])]
    dry_run: bool,
    /// Set the Presentation API version of manifests and collection
    #[arg(long, value_name = "3|none", default_value = "3")]
    presentation: PresentationArgument,
    /// Set the title of the collection
    #[arg(long, value_name = "TEXT", default_value = "Collection")]
    label: String,
    /// Write one JSON line per image to FILE, replacing an existing file
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Write Prometheus metrics of the run to FILE, for the textfile collector of the node exporter
    ///
    /// The file is replaced atomically.
    #[arg(long, value_name = "FILE")]
    metrics_file: Option<PathBuf>,
    /// Stop after N failures (up to 32 images already started will finish)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_failures: Option<u64>,
    /// Stop after SECONDS; the next run continues
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    max_duration: Option<u64>,
    #[command(flatten)]
    place: PlaceArguments,
    #[command(flatten)]
    how: HowArguments,
}

/// What becomes of images that are not in the input any more.
#[derive(Debug, Args)]
struct PruneArguments {
    /// Delete images and manifests below the prefix that are no longer in the input
    #[arg(long, conflicts_with = "shard")]
    prune: bool,
    /// Refuse to delete more images than this: a number, or a percentage of the published images
    #[arg(long, value_name = "N|N%", requires = "prune", default_value_t = Brake::DEFAULT)]
    max_delete: Brake,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PresentationArgument {
    #[value(name = "3")]
    Three,
    None,
}

/// A part, or where to look for it.
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

pub(super) async fn run(arguments: Arguments) -> Exit {
    let (how, began) = (arguments.how.reports.how(), Instant::now());
    let mut figures = Figures::default();
    let exit = Box::pin(try_run(&arguments, &mut figures)).await.unwrap_or_else(|fatal| fatal.tell(how));
    let Some(path) = &arguments.metrics_file else { return exit };
    metrics::write(path, figures, began.elapsed(), exit).map_or_else(
        |error| {
            tell_error(
                how,
                None,
                &format!("could not write `{}`: {error}", path.display()),
                "choose another file with `--metrics-file`",
            );
            exit.worse(Exit::Failed)
        },
        |()| exit,
    )
}

async fn try_run(arguments: &Arguments, figures: &mut Figures) -> Result<Exit, Fatal> {
    let how = arguments.how.reports.how();
    let shard = arguments.shard(how)?;
    if arguments.how.replaces_nothing() && arguments.presentation != PresentationArgument::None {
        let error = "`--no-clobber` would keep manifests and the collection from changing with their images".to_owned();
        return Err(Fatal::new(Exit::Usage, error, "also pass `--presentation none`"));
    }
    let gathered = arguments.gathered().await?;
    arguments.how.check(gathered.pages.len())?;
    arguments.how.check_names(gathered.pages.iter().map(|page| &page.identifier))?;
    let pages: Vec<&Page> = gathered.pages.iter().filter(|page| shard.has(&page.object)).collect();
    let progress = Arc::new(Progress::new(how, pages.len()).verbose(arguments.how.reports.verbose));
    progress.note(&found(&gathered.pages, &pages, shard));
    for error in gathered.unread.iter().filter(|error| !matches!(error, InputError::Missing { .. })) {
        tell_error(how, None, &chain(error), input_advice(error));
    }
    let unread = if gathered.unread.is_empty() { Exit::Done } else { Exit::Failed };
    let publisher = arguments.how.publisher(&arguments.place, &progress).await?;
    let presentation = arguments.presentation(&publisher);
    if presentation.is_some() {
        gathered.check_identifiers(publisher.options().versions)?;
    }
    if arguments.dry_run {
        let told = dry_run::dry_run(&publisher, arguments, presentation.as_ref(), &gathered, &pages, &progress);
        return Ok(or_interrupted(told).await?.worse(unread));
    }
    let mut run = Run::new(arguments, &pages)?;
    // A file without an identifier was never in the collection.
    let is_skipped = |error: &InputError| matches!(error, InputError::Identifier { .. });
    let is_whole = shard.is_whole() && gathered.unread.iter().all(is_skipped);
    let work = Work {
        publisher: &publisher,
        presentation: presentation.as_ref(),
        arguments,
        gathered: &gathered,
        pages: &pages,
        is_whole,
        progress: &progress,
    };
    let ended = work.done(&mut run).await;
    // After the last request, so that the summary and the metrics have the same numbers.
    run.tell_summary(&publisher, &progress);
    *figures = Figures { counts: run.counts(), traffic: publisher.store().traffic() };
    Ok(ended?.worse(unread).worse(run.journal.finish(how)))
}

/// What there is to do, and with what.
struct Work<'a> {
    publisher: &'a Publisher,
    presentation: Option<&'a Presentation>,
    arguments: &'a Arguments,
    gathered: &'a Gathered,
    /// The images of this part.
    pages: &'a [&'a Page],
    /// Whether that is all of the input, and all of that could be read.
    is_whole: bool,
    progress: &'a Arc<Progress>,
}

impl Work<'_> {
    async fn done(&self, run: &mut Run) -> Result<Exit, Fatal> {
        let Self { publisher, arguments, .. } = self;
        let stale = if arguments.prune.prune {
            let max_delete = arguments.prune.max_delete;
            Some(prune::stale(publisher, self.presentation, self.gathered, max_delete, self.progress).await)
        } else {
            None
        };
        let exit = if arguments.finish {
            Exit::Done
        } else if arguments.manifests_only {
            or_interrupted(run.find_all(publisher, self.pages, self.progress)).await?
        } else {
            publish(publisher, arguments, run, self.pages, self.progress).await
        };
        if is_gone(exit) {
            return Ok(exit);
        }
        let work = async {
            if let Some(presentation) = self.presentation {
                self.present(presentation, run, exit).await?;
            }
            if let Some(stale) = stale.filter(|_| exit != Exit::Limit) {
                prune::prune(publisher, stale?, run, self.progress).await?;
            }
            Ok(Exit::Done)
        };
        let how = arguments.how.reports.how();
        Ok(or_interrupted(work).await.unwrap_or_else(|fatal| fatal.tell(how)).worse(exit))
    }

    /// Puts the manifests of this part, and the collection where this is all.
    async fn present(&self, presentation: &Presentation, run: &Run, exit: Exit) -> Result<(), Fatal> {
        let mut written = HashSet::new();
        if !self.arguments.finish {
            let shown: Vec<ShownObject> = shown(self.pages, &run.there);
            written = manifests::manifests(self.publisher, presentation, &shown).await?;
        }
        if exit == Exit::Limit || !self.is_whole {
            return Ok(());
        }
        let (label, all) = (&self.arguments.label, &self.gathered.pages);
        manifests::collection(self.publisher, presentation, label, all, &written).await.map(drop)
    }
}

/// Publishes the images of this part.
async fn publish(
    publisher: &Publisher,
    arguments: &Arguments,
    run: &mut Run,
    pages: &[&Page],
    progress: &Arc<Progress>,
) -> Exit {
    let images = pages.iter().copied().map(image).collect();
    let ended = |image: &Image, result: &Result<Published, PublishError>| {
        let heard = run.ended(image, result);
        if run.has_failed_too_often() {
            publisher.stop();
        }
        heard
    };
    let ending = publish_images(publisher, images, progress, until(arguments.max_duration), ended).await;
    let exit = ending.exit();
    run.ending = Some(ending);
    if run.has_failed_too_often() {
        progress.say(&format!("limit reached: {} images failed (`--max-failures`)", run.counts().failed));
    }
    let is_limited = run.has_failed_too_often() && run.counts().left > 0 && exit == Exit::Failed;
    if is_limited { Exit::Limit } else { exit }
}

fn image(page: &Page) -> Image {
    Image { location: page.source.clone(), identifier: page.identifier.clone() }
}

/// Whether somebody wants the run to end, or the store does not answer any more.
fn is_gone(exit: Exit) -> bool {
    matches!(exit, Exit::Interrupted | Exit::Terminated | Exit::Environment)
}

/// Work that a signal ends at once: it can be done again.
async fn or_interrupted(work: impl Future<Output = Result<Exit, Fatal>>) -> Result<Exit, Fatal> {
    tokio::select! {
        done = work => done,
        exit = interrupted() => Ok(exit),
    }
}

impl Arguments {
    fn shard(&self, how: ProgressArgument) -> Result<Shard, Fatal> {
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
                tell_note(how, &format!("publishing part {shard} (from {engine})"));
                Ok(shard)
            }
        }
    }

    fn presentation(&self, publisher: &Publisher) -> Option<Presentation> {
        let options = publisher.options();
        let (version, _) = *options.versions.folders().first()?;
        (self.presentation == PresentationArgument::Three).then(|| Presentation {
            prefix: options.prefix.clone(),
            public_url: options.public_url.clone(),
            version,
            shape: options.shape,
        })
    }
}

fn found(all: &[Page], pages: &[&Page], shard: Shard) -> String {
    let of = if shard.is_whole() { String::new() } else { format!(" of {} (part {shard})", all.len()) };
    let objects = counted(objects(pages.iter().copied()).len() as u64, "object");
    format!("{}{of} of {objects}", counted(pages.len() as u64, "image"))
}

/// Waits for a signal, or for the end of the time.
async fn until(max_duration: Option<u64>) -> Exit {
    let time_is_over = async {
        match max_duration {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        exit = interrupted() => exit,
        () = time_is_over => Exit::Limit,
    }
}
