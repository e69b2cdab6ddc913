//! `iiif-publish delete`

use super::arguments::{ProgressArgument, S3Arguments, VersionArguments};
use super::ask::ConsentArguments;
use super::exit::{Exit, interrupted};
use super::output::{print, tell};
use super::progress::Progress;
use super::publish::bucket;
use super::report::Fatal;
use clap::Args;
use futures::{TryStreamExt, pin_mut};
use iiif_publish::delete::{self, DeleteError, Found, Subject};
use iiif_publish::store::{FolderStore, Identifier, Prefix, Store};
use indicatif::HumanCount;
use std::cell::Cell;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Between two lines that tell how far a long delete is.
const INTERVAL: Duration = Duration::from_secs(10);

/// Images that a question names one by one.
const NAMED: usize = 3;

#[derive(Debug, Args)]
#[command(
    group = clap::ArgGroup::new("target").required(true).args(["bucket", "output"]),
    group = clap::ArgGroup::new("subject").required(true).args(["id", "all"]),
)]
pub(super) struct Arguments {
    /// Bucket to delete from
    #[arg(long, value_name = "BUCKET")]
    bucket: Option<String>,
    /// Folder to delete from, instead of a bucket
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// What all keys begin with
    #[arg(long, value_name = "PREFIX", default_value_t, help_heading = "Names")]
    prefix: Prefix,
    /// Identifier of an image to delete; may be given several times
    #[arg(long, value_name = "IDENTIFIER", help_heading = "Names")]
    id: Vec<Identifier>,
    /// Delete all images below the prefix, which must not be empty
    #[arg(long, conflicts_with = "iiif_version", help_heading = "Names")]
    all: bool,
    #[command(flatten)]
    consent: ConsentArguments,
    #[command(flatten)]
    version: VersionArguments,
    #[command(flatten)]
    s3: S3Arguments,
}

pub(super) async fn run(arguments: &Arguments) -> Exit {
    try_run(arguments).await.unwrap_or_else(|fatal| fatal.tell(ProgressArgument::Plain))
}

async fn try_run(arguments: &Arguments) -> Result<Exit, Fatal> {
    let subjects = subjects(arguments)?;
    arguments.consent.require_someone()?;
    let place = Place::of(arguments).await?;
    if arguments.consent.dry_run {
        return place.preview(&subjects).await;
    }
    if arguments.consent.is_given() {
        return place.delete_or_stop(&subjects).await;
    }
    let (subjects, found, missing) = place.survey(subjects).await?;
    if subjects.is_empty() {
        return Ok(missing);
    }
    if !arguments.consent.to(&place.question(&subjects, found)) {
        tell("nothing was deleted");
        return Ok(missing);
    }
    Ok(place.delete_or_stop(&subjects).await?.worse(missing))
}

fn subjects(arguments: &Arguments) -> Result<Vec<Subject>, Fatal> {
    if arguments.all {
        let refused = || {
            let error = "`--all` without a `--prefix` would delete all images in it".to_owned();
            Fatal::new(Exit::Usage, error, "name a `--prefix`, or each image with `--id`")
        };
        return Ok(vec![Subject::all_images(&arguments.prefix).ok_or_else(refused)?]);
    }
    let versions = || arguments.version.versions().folders().into_iter().map(|(_, folder)| folder);
    let mut identifiers = arguments.id.clone();
    identifiers.sort();
    identifiers.dedup();
    let subject = |identifier| Ok(Subject::image(&arguments.prefix, versions(), identifier)?);
    identifiers.into_iter().map(subject).collect()
}

/// Where to delete.
struct Place {
    store: Box<dyn Store>,
    name: String,
}

impl Place {
    async fn of(arguments: &Arguments) -> Result<Self, Fatal> {
        let Some(folder) = &arguments.output else {
            let name = arguments.bucket.clone().unwrap_or_default();
            let progress = Progress::new(ProgressArgument::Plain, 0);
            let store = bucket(arguments.s3.settings(name.clone()), &progress).await?;
            return Ok(Self { store: Box::new(store), name });
        };
        Ok(Self { store: Box::new(FolderStore::new(folder.clone())), name: folder.display().to_string() })
    }

    /// What there is of the subjects, without those of which there is nothing; and how that ends.
    async fn survey(&self, subjects: Vec<Subject>) -> Result<(Vec<Subject>, Found, Exit), Fatal> {
        let (mut there, mut all, mut exit) = (Vec::new(), Found::default(), Exit::Done);
        for subject in subjects {
            match delete::survey(&*self.store, &subject).await {
                Ok(found) => {
                    all.information += found.information;
                    all.pictures += found.pictures;
                    there.push(subject);
                }
                Err(error) => exit = missing(error)?,
            }
        }
        Ok((there, all, exit))
    }

    fn question(&self, subjects: &[Subject], found: Found) -> String {
        let names = match subjects {
            named if named.len() <= NAMED => named.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            many => format!("{} images", many.len()),
        };
        format!("delete {} objects of {names} in `{}`?", HumanCount(found.objects()), self.name)
    }

    /// Prints every key that would be deleted, in that order.
    async fn preview(&self, subjects: &[Subject]) -> Result<Exit, Fatal> {
        let mut exit = Exit::Done;
        for subject in subjects {
            let found = match delete::survey(&*self.store, subject).await {
                Ok(found) => found,
                Err(error) => {
                    exit = missing(error)?;
                    continue;
                }
            };
            let keys = delete::keys(&*self.store, subject);
            pin_mut!(keys);
            while let Some(key) = keys.try_next().await? {
                exit = exit.worse(print(&format!("{key}\n")));
            }
            tell(&format!("{subject}: would delete {} objects{}", HumanCount(found.objects()), left(found)));
        }
        Ok(exit)
    }

    async fn delete_or_stop(&self, subjects: &[Subject]) -> Result<Exit, Fatal> {
        tokio::select! {
            exit = self.delete(subjects) => exit,
            exit = interrupted() => {
                tell("interrupted: no info.json is left without its pictures; run the same command again for the rest");
                Ok(exit)
            }
        }
    }

    async fn delete(&self, subjects: &[Subject]) -> Result<Exit, Fatal> {
        let progress = DeleteProgress::new();
        let mut exit = Exit::Done;
        for subject in subjects {
            match delete::delete(&*self.store, subject, |count| progress.deleted(count)).await {
                Ok(found) => {
                    let line = format!("{subject}: deleted {} objects{}\n", HumanCount(found.objects()), left(found));
                    exit = exit.worse(print(&line));
                }
                Err(error) => exit = missing(error)?,
            }
        }
        Ok(exit)
    }
}

/// That there is nothing of one image does not keep the others from being deleted; all else ends the run.
fn missing(error: DeleteError) -> Result<Exit, Fatal> {
    match error {
        DeleteError::Nothing { .. } => Ok(Fatal::from(error).tell(ProgressArgument::Plain)),
        error => Err(error.into()),
    }
}

fn left(found: Found) -> String {
    match found.others {
        0 => String::new(),
        others => format!("; left {} that publishing has not stored", HumanCount(others)),
    }
}

/// Tells now and then how far it is.
struct DeleteProgress {
    deleted: Cell<u64>,
    told: Cell<Instant>,
}

impl DeleteProgress {
    fn new() -> Self {
        Self { deleted: Cell::new(0), told: Cell::new(Instant::now()) }
    }

    fn deleted(&self, count: u64) {
        self.deleted.set(self.deleted.get() + count);
        if self.told.get().elapsed() >= INTERVAL {
            self.told.set(Instant::now());
            tell(&format!("deleted {} objects so far", HumanCount(self.deleted.get())));
        }
    }
}
