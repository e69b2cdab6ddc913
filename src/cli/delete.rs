//! The `iiif-publish delete` command.

use super::arguments::{ConsentArguments, S3Arguments, TargetArguments, VersionArgument};
use super::context::Context;
use super::error::Fatal;
use super::exit::Exit;
use super::output::{counted, eprint_line, print};
use super::{Verb, escape};
use clap::Args;
use futures::{StreamExt, TryStreamExt, stream};
use iiif_publish::delete::{self, DeleteCounts, DeleteError, ObjectContent, Subject};
use iiif_publish::destination::Identifier;
use iiif_publish::store::{Key, Prefix, Store};
use indicatif::HumanCount;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Time between progress lines.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(10);

/// Maximum number of images listed by name in the prompt.
const MAX_NAMES: usize = 3;

/// Maximum number of an object's images listed by name.
const MAX_NAMED_PAGES: usize = 20;

/// Maximum number of concurrent deletions. Each one spends most of its time waiting for the store.
const DELETIONS_IN_FLIGHT: usize = 16;

/// Maximum number of concurrent image lookups.
const LOOKUPS_IN_FLIGHT: usize = 16;

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("subject").required(true).args(["id", "object", "all"]))]
pub(super) struct Arguments {
    #[command(flatten)]
    target: TargetArguments,
    /// Use this prefix inside the bucket or output folder
    #[arg(long, value_name = "PREFIX", default_value_t, help_heading = "Names")]
    prefix: Prefix,
    /// Delete the image with this identifier (repeatable)
    #[arg(long, value_name = "IDENTIFIER", help_heading = "Names")]
    id: Vec<Identifier>,
    /// Delete this object with its images (repeatable)
    ///
    /// This is for objects of `ingest` and files with several pages. Objects are named in the `object` column of the table, or
    /// after the file or folder. The object's page on the site is also deleted.
    #[arg(long, value_name = "OBJECT", conflicts_with = "iiif_version", help_heading = "Names")]
    object: Vec<Identifier>,
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
  iiif-publish delete --bucket art-tiles --prefix maps --object book
      Delete all pages of a book and its manifest (asks first).
  iiif-publish delete --bucket art-tiles --prefix maps --all
      Delete all images below the prefix (asks first).";

    async fn run(self, context: &Context) -> Result<Exit, Fatal> {
        check_extent(&self)?;
        self.consent.check_can_prompt()?;
        let target = Deletion::connect(&self, context).await?;
        let objects = target.objects(&self).await?;
        let subjects = target.subjects(&self, &objects).await?;
        if self.consent.dry_run {
            return target.preview(&subjects, &objects).await;
        }
        objects.iter().for_each(announce);
        if self.consent.skips_prompt() {
            return target.delete_or_stop(&subjects, &objects).await;
        }
        let (subjects, found, missing) = target.survey(subjects).await?;
        if subjects.is_empty() && objects.is_empty() {
            return Ok(missing);
        }
        if !self.consent.confirm(&target.question(&subjects, &objects, found)) {
            eprint_line("nothing was deleted");
            return Ok(missing);
        }
        Ok(target.delete_or_stop(&subjects, &objects).await?.worse(missing))
    }
}

/// An object to delete.
struct Object {
    identifier: Identifier,
    content: ObjectContent,
}

/// Names the images and documents of an object.
fn announce(object: &Object) {
    let Object { identifier, content } = object;
    let names: Vec<String> = content.images.iter().take(MAX_NAMED_PAGES).map(|image| format!("`{image}`")).collect();
    let more = content.images.len().saturating_sub(MAX_NAMED_PAGES);
    let more =
        if more > 0 { format!(" and {} more (`--dry-run` lists all)", HumanCount(more as u64)) } else { String::new() };
    let documents: Vec<String> = content.documents.iter().map(|key| format!("`{key}`")).collect();
    let count = images(content.images.len() as u64);
    eprint_line(&format!("`{identifier}` has {count}: {}{more}; and {}", names.join(", "), documents.join(", ")));
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
    /// `true` to accept that images are missing. A deletion of their object may have been interrupted.
    skips_missing: bool,
}

impl<'a> Deletion<'a> {
    async fn connect(arguments: &Arguments, context: &'a Context) -> Result<Self, Fatal> {
        let settle_after = Duration::from_secs(arguments.settle_after);
        let target = arguments.target.target();
        let (store, _) = target.connect(arguments.s3.settings(target.bucket()), &arguments.prefix, context).await?;
        let skips_missing = !arguments.object.is_empty();
        Ok(Self { context, store, name: target.name(), settle_after, skips_missing })
    }

    /// Finds the objects to delete.
    async fn objects(&self, arguments: &Arguments) -> Result<Vec<Object>, Fatal> {
        let identifiers: BTreeSet<Identifier> = arguments.object.iter().cloned().collect();
        let find = async |identifier: Identifier| {
            let content = ObjectContent::find(&*self.store, &arguments.prefix, &identifier).await?;
            Ok::<_, Fatal>(Object { identifier, content })
        };
        stream::iter(identifiers).map(find).buffered(LOOKUPS_IN_FLIGHT).try_collect().await
    }

    /// Finds the images to delete, including those of objects.
    async fn subjects(&self, arguments: &Arguments, objects: &[Object]) -> Result<Vec<Subject>, Fatal> {
        if arguments.all {
            return Ok(Subject::all_images(&arguments.prefix).into_iter().collect());
        }
        let of_objects = objects.iter().flat_map(|object| &object.content.images);
        let identifiers: BTreeSet<Identifier> = arguments.id.iter().chain(of_objects).cloned().collect();
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

    fn question(&self, subjects: &[Subject], objects: &[Object], found: DeleteCounts) -> String {
        let documents: usize = objects.iter().map(|object| object.content.documents.len()).sum();
        let count = HumanCount(found.objects() + documents as u64);
        let names = match (subjects, objects) {
            (named, []) if named.len() <= MAX_NAMES => joined(named),
            (many, []) => images(many.len() as u64),
            (many, objects) => {
                let names: Vec<_> = objects.iter().map(|object| format!("`{}`", object.identifier)).collect();
                format!("{} and of {}", images(many.len() as u64), joined(&names))
            }
        };
        format!("delete {count} objects of {names} in `{}`?", self.name)
    }

    /// Prints every key that would be deleted, in deletion order.
    async fn preview(&self, subjects: &[Subject], objects: &[Object]) -> Result<Exit, Fatal> {
        let mut exit = Exit::Done;
        let print_key = |key: &Key| print(&format!("{}\n", escape::line(key.as_str())));
        for subject in subjects {
            let printed = Cell::new(Exit::Done);
            let on_key = |key: &Key| printed.set(printed.get().worse(print_key(key)));
            match delete::preview(&*self.store, subject, self.settle_after, on_key).await {
                Ok(found) => eprint_line(&format!("{subject}: would delete {}{}", self::objects(found), kept(found))),
                Err(error) => exit = exit.worse(self.missing(error)?),
            }
            exit = exit.worse(printed.get());
        }
        for Object { identifier, content } in objects {
            exit = content.documents.iter().map(print_key).fold(exit, Exit::worse);
            eprint_line(&format!("`{identifier}`: would delete {}", documents(content)));
        }
        Ok(exit)
    }

    async fn delete_or_stop(&self, subjects: &[Subject], objects: &[Object]) -> Result<Exit, Fatal> {
        tokio::select! {
            exit = self.delete(subjects, objects) => exit,
            exit = self.context.interrupted() => {
                eprint_line("interrupted: no info.json is left without its tiles; run the same command again to delete the rest");
                Ok(exit)
            }
        }
    }

    /// Deletes images, followed by the documents of objects.
    async fn delete(&self, subjects: &[Subject], objects: &[Object]) -> Result<Exit, Fatal> {
        let progress = DeleteProgress::new();
        let mut exit = Exit::Done;
        let delete = async |subject| {
            let on_deleted = |count| progress.deleted(count);
            (subject, delete::delete(&*self.store, subject, self.settle_after, on_deleted).await)
        };
        let mut deleted = pin!(stream::iter(subjects).map(delete).buffered(DELETIONS_IN_FLIGHT));
        while let Some((subject, result)) = deleted.next().await {
            match result {
                Ok(found) => {
                    if found.returned > 0 {
                        eprint_line(&format!(
                            "warning: {subject}: another run published {} in the meantime",
                            images(found.returned)
                        ));
                    }
                    exit = exit.worse(print(&format!("{subject}: deleted {}{}\n", self::objects(found), kept(found))));
                    eprint_line(&invalidation(subject));
                }
                Err(error) => exit = exit.worse(self.missing(error)?),
            }
        }
        for object in objects {
            exit = exit.worse(self.delete_documents(object).await?);
        }
        Ok(exit)
    }

    /// Deletes the documents of an object whose images are deleted.
    async fn delete_documents(&self, object: &Object) -> Result<Exit, Fatal> {
        let Object { identifier, content } = object;
        content.delete_documents(&*self.store).await?;
        let exit = print(&format!("`{identifier}`: deleted {}\n", documents(content)));
        if content.has_collection {
            eprint_line(&format!(
                "the collection still lists `{identifier}`: remove it from the input, and run `iiif-publish ingest` again"
            ));
        }
        Ok(exit)
    }

    /// Reports a missing or invalid image and lets the run continue. Returns any other error, which ends the run.
    fn missing(&self, error: DeleteError) -> Result<Exit, Fatal> {
        match error {
            DeleteError::Nothing { .. } if self.skips_missing => Ok(Exit::Done),
            DeleteError::Nothing { .. } | DeleteError::NotImage { .. } => Ok(self.context.exit(Err(error.into()))),
            error => Err(error.into()),
        }
    }
}

fn joined(names: &[impl ToString]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn documents(content: &ObjectContent) -> String {
    counted(content.documents.len() as u64, "document")
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
