//! The `iiif-publish delete` command.

use super::arguments::{ConsentArguments, S3Arguments, TargetArguments, VersionArgument};
use super::context::Context;
use super::error::Fatal;
use super::exit::Exit;
use super::output::{counted, eprint_line, print};
use super::{Verb, escape};
use clap::Args;
use futures::{StreamExt, TryStreamExt, stream};
use iiif_publish::delete::{self, DeleteCounts, DeleteError, Subject};
use iiif_publish::destination::Identifier;
use iiif_publish::store::{Key, Prefix, Store};
use indicatif::HumanCount;
use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Time between progress lines.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(10);

/// Maximum number of images listed by name in the prompt.
const MAX_NAMES: usize = 3;

/// Maximum number of concurrent image lookups.
const LOOKUPS_IN_FLIGHT: usize = 16;

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("subject").required(true).args(["id", "all"]))]
pub(super) struct Arguments {
    #[command(flatten)]
    target: TargetArguments,
    /// Use this prefix inside the bucket or output folder
    #[arg(long, value_name = "PREFIX", default_value_t, help_heading = "Names")]
    prefix: Prefix,
    /// Delete the image with this identifier (repeatable)
    #[arg(long, value_name = "IDENTIFIER", help_heading = "Names")]
    id: Vec<Identifier>,
    /// Delete all static IIIF images below `--prefix`
    #[arg(long, conflicts_with = "iiif_version", help_heading = "Names")]
    all: bool,
    /// Delete only this Image API version [default: all versions]
    #[arg(long, value_name = "VERSION", help_heading = "Image API")]
    iiif_version: Option<VersionArgument>,
    /// Treat images as complete SECONDS after publishing; use the same value as when publishing
    #[arg(long, value_name = "SECONDS", default_value_t = delete::DEFAULT_SETTLE_AFTER.as_secs())]
    settle_after: u64,
    #[command(flatten)]
    consent: ConsentArguments,
    #[command(flatten)]
    s3: S3Arguments,
}

impl Verb for Arguments {
    const EXAMPLES: &'static str = "\
Examples:
  iiif-publish delete --bucket art-tiles --prefix maps --id atlas --dry-run
      Print the keys that would be deleted.
  iiif-publish delete --bucket art-tiles --prefix maps --all
      Delete all images below the prefix (asks first).";

    async fn run(self, context: &Context) -> Result<Exit, Fatal> {
        check_extent(&self)?;
        self.consent.check_can_prompt()?;
        let target = Deletion::connect(&self, context).await?;
        let subjects = target.subjects(&self).await?;
        if self.consent.dry_run {
            return target.preview(&subjects).await;
        }
        if self.consent.skips_prompt() {
            return target.delete_or_stop(&subjects).await;
        }
        let (subjects, found, missing) = target.survey(subjects).await?;
        if subjects.is_empty() {
            return Ok(missing);
        }
        if !self.consent.confirm(&target.question(&subjects, found)) {
            eprint_line("nothing was deleted");
            return Ok(missing);
        }
        Ok(target.delete_or_stop(&subjects).await?.worse(missing))
    }
}

fn check_extent(arguments: &Arguments) -> Result<(), Fatal> {
    if !arguments.all || !arguments.prefix.is_empty() {
        return Ok(());
    }
    let error = "`--all` without `--prefix` would delete every image in the bucket or folder".to_owned();
    Err(Fatal::new(Exit::Usage, error, "pass a `--prefix`, or each image with `--id`"))
}

/// A deletion from a bucket or folder.
struct Deletion<'a> {
    context: &'a Context,
    store: Arc<dyn Store>,
    name: String,
    settle_after: Duration,
}

impl<'a> Deletion<'a> {
    async fn connect(arguments: &Arguments, context: &'a Context) -> Result<Self, Fatal> {
        let settle_after = Duration::from_secs(arguments.settle_after);
        let target = arguments.target.target();
        let (store, _) = target.connect(arguments.s3.settings(target.bucket()), &arguments.prefix, context).await?;
        Ok(Self { context, store, name: target.name(), settle_after })
    }

    async fn subjects(&self, arguments: &Arguments) -> Result<Vec<Subject>, Fatal> {
        if arguments.all {
            return Ok(Subject::all_images(&arguments.prefix).into_iter().collect());
        }
        let mut identifiers = arguments.id.clone();
        identifiers.sort();
        identifiers.dedup();
        let subjects = identifiers.into_iter().map(|identifier| self.subject(arguments, identifier));
        stream::iter(subjects).buffered(LOOKUPS_IN_FLIGHT).try_collect().await
    }

    async fn subject(&self, arguments: &Arguments, identifier: Identifier) -> Result<Subject, Fatal> {
        let Some(version) = arguments.iiif_version else {
            return Ok(Subject::find(&*self.store, &arguments.prefix, identifier).await?);
        };
        let folders = version.versions().folders().into_iter().map(|(_, folder)| folder);
        Ok(Subject::image(&arguments.prefix, folders, identifier)?)
    }

    /// Returns the subjects that have objects, their total object counts, and the outcome for the other subjects.
    async fn survey(&self, subjects: Vec<Subject>) -> Result<(Vec<Subject>, DeleteCounts, Exit), Fatal> {
        let (mut found_subjects, mut all, mut exit) = (Vec::new(), DeleteCounts::default(), Exit::Done);
        for subject in subjects {
            match delete::survey(&*self.store, &subject, self.settle_after).await {
                Ok(found) => {
                    all.information += found.information;
                    all.pictures += found.pictures;
                    all.site_files += found.site_files;
                    found_subjects.push(subject);
                }
                Err(error) => exit = exit.worse(self.missing(error)?),
            }
        }
        Ok((found_subjects, all, exit))
    }

    fn question(&self, subjects: &[Subject], found: DeleteCounts) -> String {
        let names = match subjects {
            named if named.len() <= MAX_NAMES => named.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            many => format!("{} images", many.len()),
        };
        format!("delete {} objects of {names} in `{}`?", HumanCount(found.objects()), self.name)
    }

    /// Prints every key that would be deleted, in deletion order.
    async fn preview(&self, subjects: &[Subject]) -> Result<Exit, Fatal> {
        let mut exit = Exit::Done;
        for subject in subjects {
            let printed = Cell::new(Exit::Done);
            let print_key =
                |key: &Key| printed.set(printed.get().worse(print(&format!("{}\n", escape::line(key.as_str())))));
            match delete::preview(&*self.store, subject, self.settle_after, print_key).await {
                Ok(found) => eprint_line(&format!("{subject}: would delete {}{}", objects(found), kept(found))),
                Err(error) => exit = exit.worse(self.missing(error)?),
            }
            exit = exit.worse(printed.get());
        }
        Ok(exit)
    }

    async fn delete_or_stop(&self, subjects: &[Subject]) -> Result<Exit, Fatal> {
        tokio::select! {
            exit = self.delete(subjects) => exit,
            exit = self.context.interrupted() => {
                eprint_line("interrupted: no info.json is left without its tiles; run the same command again to delete the rest");
                Ok(exit)
            }
        }
    }

    async fn delete(&self, subjects: &[Subject]) -> Result<Exit, Fatal> {
        let progress = DeleteProgress::new();
        let mut exit = Exit::Done;
        for subject in subjects {
            match delete::delete(&*self.store, subject, self.settle_after, |count| progress.deleted(count)).await {
                Ok(found) => {
                    if found.returned > 0 {
                        eprint_line(&format!(
                            "warning: {subject}: another run published {} in the meantime",
                            images(found.returned)
                        ));
                    }
                    exit = exit.worse(print(&format!("{subject}: deleted {}{}\n", objects(found), kept(found))));
                    eprint_line(&invalidation(subject));
                }
                Err(error) => exit = exit.worse(self.missing(error)?),
            }
        }
        Ok(exit)
    }

    /// Reports a missing or invalid image and lets the run continue. Returns any other error, which ends the run.
    fn missing(&self, error: DeleteError) -> Result<Exit, Fatal> {
        match error {
            DeleteError::Nothing { .. } | DeleteError::NotImage { .. } => Ok(self.context.exit(Err(error.into()))),
            error => Err(error.into()),
        }
    }
}

/// Names the paths that a CDN may still serve from its cache.
fn invalidation(subject: &Subject) -> String {
    let paths: Vec<String> = subject.prefixes().iter().map(|prefix| format!("`/{prefix}/*`")).collect();
    format!("if a CDN serves the bucket, invalidate {} there", paths.join(" and "))
}

fn objects(found: DeleteCounts) -> String {
    counted(found.objects(), "object")
}

fn images(count: u64) -> String {
    counted(count, "image")
}

fn kept(found: DeleteCounts) -> String {
    if found.kept.objects() == 0 { String::new() } else { format!("; kept {}", found.kept) }
}

/// Periodic progress messages for a long deletion.
struct DeleteProgress {
    deleted: Cell<u64>,
    reported: Cell<Instant>,
}

impl DeleteProgress {
    fn new() -> Self {
        Self { deleted: Cell::new(0), reported: Cell::new(Instant::now()) }
    }

    fn deleted(&self, count: u64) {
        self.deleted.set(self.deleted.get() + count);
        if self.reported.get().elapsed() >= PROGRESS_INTERVAL {
            self.reported.set(Instant::now());
            eprint_line(&format!("deleted {} objects so far", HumanCount(self.deleted.get())));
        }
    }
}
