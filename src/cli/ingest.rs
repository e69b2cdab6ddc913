//! `iiif-publish ingest`: whole collections, again and again.

use super::arguments::PlaceArguments;
use super::exit::{Exit, interrupted};
use super::output::tell;
use super::progress::Progress;
use super::publish::{HowArguments, publish_all};
use super::report::{Fatal, chain, tell_error};
use clap::{Args, ValueEnum};
use iiif_publish::collection::{Input, InputError, Page, Patterns, Presentation, Shard, TableFormat, objects};
use iiif_publish::location::Location;
use iiif_publish::publish::{Image, PublishError, Published, Publisher};
use std::fs::File;
use std::io::{Read, stdin};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

mod dry_run;
mod journal;
mod manifests;
mod metrics;
mod prune;
mod run;

use manifests::{ShownObject, shown};
use prune::Brake;
use run::Run;

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("input").required(true).multiple(true).args(["inputs", "from_file", "table"]))]
pub(super) struct Arguments {
    /// Images, and folders of images with all the folders in them: files, `s3://bucket/key`, `s3://bucket/prefix/`, and
    /// `https://` URLs of images
    #[arg(value_name = "PATH")]
    inputs: Vec<PathBuf>,
    /// A list of images, one on each line; `-` is the standard input
    #[arg(long, value_name = "FILE")]
    from_file: Option<PathBuf>,
    /// A table of images: CSV (`.csv`) or JSON lines (`.jsonl`), with a column `source`
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,
    /// Of folders, only these files, such as `**/*.tif`; may be said several times [default: images by their extensions]
    #[arg(long, value_name = "PATTERN")]
    include: Vec<String>,
    /// Of folders, none of these files; may be said several times
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<String>,
    /// One of several equal parts, from 0: `2/8`; `auto` takes it from AWS Batch, Kubernetes, Slurm or Cloud Run
    #[arg(long, value_name = "PART")]
    shard: Option<ShardArgument>,
    /// Publish no images: write the collection of what all parts have published
    #[arg(long, conflicts_with = "shard")]
    finish: bool,
    /// Publish no images: write the manifests and the collection again, of images that are published already
    #[arg(long, conflicts_with_all = ["finish", "prune"])]
    manifests_only: bool,
    #[command(flatten)]
    prune: PruneArguments,
    /// Say what would be published and deleted, with its cost, and do nothing
    #[arg(long, conflicts_with_all = ["report", "metrics_file", "finish", "manifests_only"])]
    dry_run: bool,
    /// The version of the Presentation API of manifests and collection
    #[arg(long, value_name = "3|none", default_value = "3")]
    presentation: PresentationArgument,
    /// What the collection is called
    #[arg(long, value_name = "TEXT", default_value = "Collection")]
    label: String,
    /// File to write a JSON line for each image into; an existing one is replaced
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// File to write the figures of the run into, for Prometheus (node exporter, textfile collector); replaced in one move
    #[arg(long, value_name = "FILE")]
    metrics_file: Option<PathBuf>,
    /// Stop after so many images have failed; those that are looked at already, 32 at the most, still end
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_failures: Option<u64>,
    /// Stop after so many seconds; the next run goes on
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
    /// Delete the images and manifests below the prefix that are not in the input any more
    #[arg(long, conflicts_with = "shard")]
    prune: bool,
    /// Delete nothing where more images than this left the input: a number, or a percentage of those that are there
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
    let how = arguments.how.reports.how();
    Box::pin(try_run(arguments)).await.unwrap_or_else(|fatal| fatal.tell(how))
}

async fn try_run(arguments: Arguments) -> Result<Exit, Fatal> {
    let shard = arguments.shard()?;
    if arguments.how.replaces_nothing() && arguments.presentation != PresentationArgument::None {
        let error = "with `--no-clobber`, manifests and the collection could not change with their images".to_owned();
        return Err(Fatal::new(Exit::Usage, error, Some("say `--presentation none` too")));
    }
    let gathered = arguments.gathered().await?;
    arguments.how.check(gathered.pages.len())?;
    let pages: Vec<&Page> = gathered.pages.iter().filter(|page| shard.has(&page.object)).collect();
    let how = arguments.how.reports.how();
    let progress = Arc::new(Progress::new(how, pages.len()).verbose(arguments.how.reports.verbose));
    progress.note(&found(&gathered.pages, &pages, shard));
    for error in gathered.unread.iter().filter(|error| !matches!(error, InputError::Missing { .. })) {
        tell_error(how, None, &chain(error), None);
    }
    let unread = if gathered.unread.is_empty() { Exit::Done } else { Exit::Failed };
    let publisher = arguments.how.publisher(&arguments.place, &progress).await?;
    let presentation = arguments.presentation(&publisher);
    if arguments.dry_run {
        let told = dry_run::dry_run(&publisher, &arguments, presentation.as_ref(), &gathered, &pages);
        return Ok(or_interrupted(told).await?.worse(unread));
    }
    let mut run = Run::new(&arguments, &pages)?;
    let stale = if arguments.prune.prune {
        Some(prune::stale(&publisher, presentation.as_ref(), &gathered, arguments.prune.max_delete).await)
    } else {
        None
    };
    let exit = if arguments.finish {
        Exit::Done
    } else if arguments.manifests_only {
        or_interrupted(run.find_all(&publisher, &pages, &progress)).await?
    } else {
        publish(&publisher, &arguments, &mut run, &pages, &progress).await
    };
    let exit = exit.worse(unread);
    let told = |fatal: Fatal| fatal.tell(how);
    let mut exit = if is_gone(exit) {
        exit
    } else {
        let work = async {
            if let Some(presentation) = &presentation {
                let whole = gathered.unread.is_empty();
                present(
                    &publisher,
                    presentation,
                    &arguments,
                    (&gathered.pages, &pages),
                    &run,
                    exit,
                    shard.is_whole() && whole,
                )
                .await?;
            }
            if let Some(stale) = stale.filter(|_| exit != Exit::Limit) {
                run.deleted = prune::prune(&publisher, stale?, &mut run.journal, &progress).await?;
            }
            Ok(Exit::Done)
        };
        or_interrupted(work).await.unwrap_or_else(told).worse(exit)
    };
    exit = exit.worse(run.journal.finish());
    if let Some(path) = &arguments.metrics_file
        && let Err(error) = metrics::write(path, &run, publisher.store().traffic(), exit)
    {
        tell_error(how, None, &format!("could not write `{}`: {error}", path.display()), None);
        exit = exit.worse(Exit::Failed);
    }
    Ok(exit)
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
    let exit = publish_all(publisher, images, progress, until(arguments.max_duration), ended).await;
    if run.has_failed_too_often() {
        progress.say(&format!("a limit is reached: {} images have failed (--max-failures)", run.counts().failed));
    }
    let is_limited = run.has_failed_too_often() && run.counts().left > 0 && exit == Exit::Failed;
    if is_limited { Exit::Limit } else { exit }
}

fn image(page: &Page) -> Image {
    Image { location: page.source.clone(), identifier: page.identifier.clone() }
}

/// Puts the manifests of this part, and the collection where this is all of the input, and all of that could be read.
async fn present(
    publisher: &Publisher,
    presentation: &Presentation,
    arguments: &Arguments,
    (all, pages): (&[Page], &[&Page]),
    run: &Run,
    exit: Exit,
    is_whole: bool,
) -> Result<(), Fatal> {
    if !arguments.finish {
        let shown: Vec<ShownObject> = shown(pages, &run.there);
        manifests::manifests(publisher, presentation, &shown).await?;
    }
    if exit == Exit::Limit || !is_whole {
        return Ok(());
    }
    manifests::collection(publisher, presentation, &arguments.label, all).await.map(drop)
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
    fn shard(&self) -> Result<Shard, Fatal> {
        match self.shard {
            None => Ok(Shard::WHOLE),
            Some(ShardArgument::This(shard)) => Ok(shard),
            Some(ShardArgument::Auto) => {
                let usage = |error: String| {
                    Fatal::new(
                        Exit::Usage,
                        error,
                        Some("say `--shard I/N`, or set the variables of one of the engines"),
                    )
                };
                let found = Shard::of_environment(|name| std::env::var(name).ok());
                let found = found.map_err(|error| usage(chain(&error)))?;
                let (shard, engine) = found.ok_or_else(|| {
                    usage("`--shard auto`: neither AWS Batch nor Kubernetes, Slurm or Cloud Run runs this".to_owned())
                })?;
                tell(&format!("{engine} runs this as part {shard}"));
                Ok(shard)
            }
        }
    }

    async fn gathered(&self) -> Result<Gathered, Fatal> {
        let mut input = Input::new(Patterns::new(&self.include, &self.exclude)?);
        let remotes = self.how.remotes();
        for path in &self.inputs {
            match Location::named(path).map_err(InputError::from)? {
                Location::File(path) => input.add_path(&path)?,
                Location::Object(folder) if folder.is_folder() => {
                    input.add_objects(&folder, remotes.list(&folder).await?)?;
                }
                elsewhere => input.add_remote(elsewhere)?,
            }
        }
        if let Some(list) = &self.from_file {
            input.add_list(opened(list)?, &list.display().to_string())?;
        }
        if let Some(table) = &self.table {
            let is_json = table.extension().is_some_and(|extension| extension == "jsonl" || extension == "json");
            let format = if is_json { TableFormat::JsonLines } else { TableFormat::Csv };
            let folder = table.parent().unwrap_or(Path::new(""));
            input.add_table(opened(table)?, format, folder, &table.display().to_string())?;
        }
        let (pages, unread) = input.into_pages()?;
        if pages.is_empty() {
            let advice = "check the folder, `--include` and `--exclude`; nothing was changed";
            return Err(Fatal::new(Exit::Usage, "there are no images in the input".to_owned(), Some(advice)));
        }
        Ok(Gathered { pages, unread })
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

/// The input.
struct Gathered {
    pages: Vec<Page>,
    /// Why it may not be all of it.
    unread: Vec<InputError>,
}

fn opened(path: &Path) -> Result<Box<dyn Read>, InputError> {
    if path == Path::new("-") {
        return Ok(Box::new(stdin()));
    }
    let file = File::open(path).map_err(|cause| InputError::Read { input: path.display().to_string(), cause })?;
    Ok(Box::new(file))
}

fn found(all: &[Page], pages: &[&Page], shard: Shard) -> String {
    let of = if shard.is_whole() { String::new() } else { format!(" of {} (part {shard})", all.len()) };
    format!("{} images{of} of {} objects", pages.len(), objects(pages.iter().copied()).len())
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
