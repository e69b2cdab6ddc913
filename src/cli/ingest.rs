//! `iiif-publish ingest`: whole collections, again and again.

use super::arguments::PlaceArguments;
use super::exit::{Exit, interrupted};
use super::output::tell;
use super::progress::Progress;
use super::publish::{HowArguments, publish_all};
use super::report::{Fatal, chain};
use clap::{Args, ValueEnum};
use iiif_publish::collection::{Input, InputError, Page, Patterns, Presentation, Shard, Shown, TableFormat, objects};
use iiif_publish::iiif::Size;
use iiif_publish::location::Location;
use iiif_publish::publish::{Image, PublishError, Published, Publisher};
use iiif_publish::store::Identifier;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, stdin};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

mod journal;
mod manifests;

use journal::Journal;

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
    /// The version of the Presentation API of manifests and collection
    #[arg(long, value_name = "3|none", default_value = "3")]
    presentation: PresentationArgument,
    /// What the collection is called
    #[arg(long, value_name = "TEXT", default_value = "Collection")]
    label: String,
    /// File to write a JSON line for each image into; an existing one is replaced
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Stop after so many images have failed
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
    let how = arguments.how.reports.progress;
    try_run(arguments).await.unwrap_or_else(|fatal| fatal.tell(how))
}

async fn try_run(arguments: Arguments) -> Result<Exit, Fatal> {
    let shard = arguments.shard()?;
    if arguments.how.replaces_nothing() && arguments.presentation != PresentationArgument::None {
        let error = "with `--no-clobber`, manifests and the collection could not change with their images".to_owned();
        return Err(Fatal::new(Exit::Usage, error, Some("say `--presentation none` too")));
    }
    let all = arguments.pages().await?;
    arguments.how.check(all.len())?;
    let pages: Vec<Page> = all.iter().filter(|page| shard.has(&page.object)).cloned().collect();
    let progress =
        Arc::new(Progress::new(arguments.how.reports.progress, pages.len()).verbose(arguments.how.reports.verbose));
    progress.note(&found(&all, &pages, shard));
    let publisher = arguments.how.publisher(&arguments.place, &progress).await?;
    let presentation = arguments.presentation(&publisher);
    if arguments.finish {
        let Some(presentation) = &presentation else { return Ok(Exit::Done) };
        return or_interrupted(manifests::collection(&publisher, presentation, &arguments.label, &all)).await;
    }
    let mut run = Run::new(&arguments, Journal::new(arguments.report.as_deref(), &pages)?);
    let images =
        pages.iter().map(|page| Image { location: page.source.clone(), identifier: page.identifier.clone() }).collect();
    let stop = until(arguments.max_duration);
    let ended = |image: &Image, result: &Result<Published, PublishError>| {
        let heard = run.ended(image, result);
        if run.has_failed_too_often() {
            publisher.stop();
        }
        heard
    };
    let exit = publish_all(&publisher, images, &progress, stop, ended).await;
    if run.has_failed_too_often() {
        progress.say(&format!("a limit is reached: {} images have failed (--max-failures)", run.failures));
    }
    let is_limited = run.has_failed_too_often() && run.ended < pages.len() && exit == Exit::Failed;
    let exit = if is_limited { Exit::Limit } else { exit }.worse(run.journal.finish());
    let (Some(presentation), false) = (presentation, is_gone(exit)) else { return Ok(exit) };
    let shown = shown(&pages, &run.published);
    let present = async {
        manifests::manifests(&publisher, &presentation, &shown).await?;
        match exit {
            Exit::Limit => Ok(Exit::Done),
            _ if !shard.is_whole() => Ok(Exit::Done),
            _ => manifests::collection(&publisher, &presentation, &arguments.label, &all).await,
        }
    };
    let presented = or_interrupted(present).await;
    Ok(presented.unwrap_or_else(|fatal| fatal.tell(arguments.how.reports.progress)).worse(exit))
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

    async fn pages(&self) -> Result<Vec<Page>, Fatal> {
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
        let pages = input.into_pages()?;
        if pages.is_empty() {
            let advice = "check the folder, `--include` and `--exclude`; nothing was changed";
            return Err(Fatal::new(Exit::Usage, "there are no images in the input".to_owned(), Some(advice)));
        }
        Ok(pages)
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

fn opened(path: &Path) -> Result<Box<dyn Read>, InputError> {
    if path == Path::new("-") {
        return Ok(Box::new(stdin()));
    }
    let file = File::open(path).map_err(|cause| InputError::Read { input: path.display().to_string(), cause })?;
    Ok(Box::new(file))
}

fn found(all: &[Page], pages: &[Page], shard: Shard) -> String {
    let of = if shard.is_whole() { String::new() } else { format!(" of {} (part {shard})", all.len()) };
    format!("{} images{of} of {} objects", pages.len(), objects(pages).len())
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

/// What is remembered of a run.
struct Run {
    journal: Journal,
    ended: usize,
    failures: u64,
    max_failures: Option<u64>,
    /// Where each image is, and how large.
    published: HashMap<Identifier, (String, Size)>,
}

impl Run {
    fn new(arguments: &Arguments, journal: Journal) -> Self {
        Self { journal, ended: 0, failures: 0, max_failures: arguments.max_failures, published: HashMap::new() }
    }

    fn has_failed_too_often(&self) -> bool {
        self.max_failures.is_some_and(|max| self.failures >= max)
    }

    fn ended(&mut self, image: &Image, result: &Result<Published, PublishError>) -> Exit {
        self.ended += 1;
        match result {
            Ok(published) => {
                let url =
                    published.info_urls.first().and_then(|url| url.strip_suffix("/info.json")).unwrap_or_default();
                self.published.insert(image.identifier.clone(), (url.to_owned(), published.size));
            }
            Err(PublishError::Stopped { .. }) => self.ended -= 1,
            Err(_) => self.failures += 1,
        }
        self.journal.image(image, result)
    }
}

/// An object of which at least one page is there.
struct ShownObject<'a> {
    pages: Vec<Shown<'a>>,
    /// Whether all are.
    is_whole: bool,
}

/// The pages of each object that are there. Objects without any are left out.
fn shown<'a>(pages: &'a [Page], published: &HashMap<Identifier, (String, Size)>) -> Vec<ShownObject<'a>> {
    let show = |page: &'a Page| {
        let (base_uri, size) = published.get(&page.identifier)?;
        Some(Shown { page, base_uri: base_uri.clone(), size: *size })
    };
    let object = |all: Vec<&'a Page>| {
        let count = all.len();
        let pages: Vec<_> = all.into_iter().filter_map(show).collect();
        ShownObject { is_whole: pages.len() == count, pages }
    };
    objects(pages).into_iter().map(object).filter(|object| !object.pages.is_empty()).collect()
}
