//! Maps library errors to exit codes and hints.

use super::arguments::NameError;
use super::error::Fatal;
use super::exit::Exit;
use iiif_publish::bucket::BucketError;
use iiif_publish::collection::ingest::{IngestError, PruneRefusal};
use iiif_publish::collection::{InputError, StaleError};
use iiif_publish::delete::DeleteError;
use iiif_publish::html::GalleryError;
use iiif_publish::iiif::PyramidError;
use iiif_publish::publish::{ListError, PublishError};
use iiif_publish::source::{RemoteErrorKind, SourceError};
use iiif_publish::store::{BucketAddressError, KeyError, StoreError, StoreErrorKind};
use iiif_publish::verify::{AddressError, VerifyError};

pub(super) const OTHER_PAGE_NAME: &str = "choose a different page name, such as `--html=images.html`";

const AGAIN: &str = "run the same command again; if it keeps failing, please report it";

const BUG: &str = "report this bug, and attach the file if possible";

const KEYS: &str = "choose a different `--prefix` or `--id`";

const LOCATIONS: &str = "use `s3://bucket/key`, `https://host/path` or a file path";

/// Maximum number of table-row errors to print.
const MAX_ROWS: usize = 1000;

/// Returns the exit code for a failure. Retrying can't fix environment failures.
pub(super) fn exit_of(is_environment: bool) -> Exit {
    if is_environment { Exit::Environment } else { Exit::Failed }
}

impl From<NameError> for Fatal {
    fn from(error: NameError) -> Self {
        let hint = match error {
            NameError::Location(_) => LOCATIONS,
            NameError::Folder(_) => "to publish all images in a folder, use `iiif-publish ingest`",
            NameError::Command(_) => "write `iiif-publish COMMAND` before all options",
            NameError::NotLocal(_) => "download it first; only publishing and `ingest` read remote images",
            NameError::IdForMany(_) => "omit `--id`, or publish the images one at a time",
            _ => "rename the file, or publish it separately with `--id`",
        };
        Self::of(Exit::Usage, &error, hint)
    }
}

impl From<PyramidError> for Fatal {
    fn from(error: PyramidError) -> Self {
        Self::of(Exit::Usage, &error, "choose a different `--tile-size`, `--max-size` or `--format`")
    }
}

impl From<StoreError> for Fatal {
    fn from(error: StoreError) -> Self {
        // The store's own hint, if any, is more specific than the generic hint for the error kind.
        let exit = exit_of(error.is_environment());
        Self::of(exit, &error, error.hint().unwrap_or(store_hint(error.kind())))
    }
}

impl From<DeleteError> for Fatal {
    fn from(error: DeleteError) -> Self {
        let (exit, hint) = match &error {
            DeleteError::List(cause) | DeleteError::Delete(cause) => {
                let exit = exit_of(cause.is_environment());
                (exit, cause.hint().unwrap_or(delete_hint(&error, cause.kind())))
            }
            DeleteError::NotImage { .. } => {
                (Exit::Failed, "check `--id` and `--prefix`, or delete it with another tool; nothing was deleted")
            }
            DeleteError::NoManifest { .. } => (
                Exit::Failed,
                "check `--object` and `--prefix`; to delete a single image, pass its identifier, which `iiif-publish list` shows, with `--id`",
            ),
            DeleteError::NotManifest { .. } => {
                (Exit::Failed, "check `--object` and `--prefix`, or delete its images with `--id`; nothing was deleted")
            }
            DeleteError::StillPublished { .. } => (Exit::Failed, "stop the other run, then delete again"),
            DeleteError::Key(_) => (Exit::Usage, KEYS),
            _ => (
                Exit::Failed,
                "check `--id` and `--prefix`; `iiif-publish list` shows the images; for an object with all of its pages, use `--object`",
            ),
        };
        Self::of(exit, &error, hint)
    }
}

fn delete_hint(error: &DeleteError, kind: StoreErrorKind) -> &'static str {
    match (error, kind) {
        (DeleteError::List(_), StoreErrorKind::Denied) => {
            "grant permission to list (in S3: s3:ListBucket on the bucket); every remaining info.json still has all its tiles"
        }
        (_, StoreErrorKind::Denied) => "grant permission to delete (in S3: s3:DeleteObject below the prefix)",
        (_, StoreErrorKind::Other) => "run the same command again; no info.json is left without its tiles",
        _ => store_hint(kind),
    }
}

impl From<StaleError> for Fatal {
    fn from(error: StaleError) -> Self {
        match error {
            StaleError::Store(error) if error.kind() == StoreErrorKind::Denied => Self::of(
                Exit::Failed,
                &error,
                "grant permission to list (in S3: s3:ListBucket on the bucket); nothing was deleted",
            ),
            StaleError::Store(error) => error.into(),
            error => Self::of(Exit::Failed, &error, "run the same command again; nothing was deleted"),
        }
    }
}

impl From<BucketError> for Fatal {
    fn from(error: BucketError) -> Self {
        match error {
            BucketError::Store(error) => {
                let hint = match error.kind() {
                    StoreErrorKind::Denied => {
                        "grant s3:GetBucketCORS, s3:PutBucketCORS, s3:GetBucketPolicy and s3:PutBucketPolicy; also check Block \
                         Public Access"
                    }
                    StoreErrorKind::Other => {
                        "if the store does not support CORS rules or policies, set them on the server in front of it"
                    }
                    kind => store_hint(kind),
                };
                let exit = exit_of(error.is_environment());
                Self::of(exit, &error, hint)
            }
            BucketError::Key(error) => error.into(),
            BucketError::Client(_) => {
                Self::of(Exit::Environment, &error, "install the system's root certificates (`ca-certificates`)")
            }
            _ => Self::of(Exit::Failed, &error, "change it manually; `bucket check` shows how"),
        }
    }
}

impl From<InputError> for Fatal {
    fn from(error: InputError) -> Self {
        if let InputError::Rows { errors, .. } = &error {
            let mut rows: Vec<String> = errors.iter().take(MAX_ROWS).map(ToString::to_string).collect();
            let more = errors.len().saturating_sub(MAX_ROWS);
            rows.extend((more > 0).then(|| format!("and {more} more")));
            let hint = "fix the table first; nothing was published or deleted";
            return Self::of(Exit::Usage, &error, hint).with_details(rows);
        }
        Self::of(Exit::Usage, &error, input_hint(&error))
    }
}

/// Returns a hint for fixing unreadable input.
pub(super) fn input_hint(error: &InputError) -> &'static str {
    match error {
        InputError::Twice { .. } => "remove one of them from the list, table or command line",
        InputError::Overlap { .. } => "rename a file, or set its `id` in a `--table`",
        InputError::Identifier { .. } => "rename the file, or set its `id` in a `--table`; the file was skipped",
        InputError::Location(_) => LOCATIONS,
        InputError::Folder(_) => "pass the folder on the command line",
        InputError::Target { .. } => "publish to a different folder or `--prefix`",
        InputError::Table { hint, .. } => hint,
        InputError::Pattern(_) => "use a pattern such as `**/*.tif`",
        _ => "check the path and its permissions",
    }
}

impl From<SourceError> for Fatal {
    fn from(error: SourceError) -> Self {
        let exit = exit_of(error.is_environment());
        Self::of(exit, &error, source_hint(&error))
    }
}

impl From<ListError> for Fatal {
    fn from(error: ListError) -> Self {
        match error {
            ListError::Store(error) if error.kind() == StoreErrorKind::Denied => {
                Self::of(Exit::Failed, &error, "grant permission to list (in S3: s3:ListBucket on the bucket)")
            }
            ListError::Store(error) => error.into(),
            error => Self::of(Exit::Failed, &error, KEYS),
        }
    }
}

impl From<KeyError> for Fatal {
    fn from(error: KeyError) -> Self {
        Self::of(Exit::Usage, &error, KEYS)
    }
}

impl From<AddressError> for Fatal {
    fn from(error: AddressError) -> Self {
        Self::of(Exit::Usage, &error, "pass the public URL of each info.json")
    }
}

impl From<VerifyError> for Fatal {
    fn from(error: VerifyError) -> Self {
        Self::of(Exit::Environment, &error, verify_hint(&error))
    }
}

fn verify_hint(error: &VerifyError) -> &'static str {
    match error {
        VerifyError::Unreachable { .. } => "check the URL and the network, or retry later",
        VerifyError::Client(_) => "install the system's root certificates (`ca-certificates`)",
        _ => AGAIN,
    }
}

/// Returns a hint for fixing an image that failed.
pub(super) fn publish_hint(error: &PublishError) -> &'static str {
    match error {
        PublishError::Source(error) => source_hint(error),
        PublishError::Store(error) => error.hint().unwrap_or(store_hint(error.kind())),
        PublishError::Formats { .. } => "choose a smaller `--max-size`, or remove the format from `--format`",
        PublishError::Memory { .. } => {
            "raise `--max-memory`, lower `--concurrency` or `--max-size`, or convert the image to a tiled TIFF, which is read \
             a few rows at a time"
        }
        PublishError::TooManyObjects { .. } => "raise `--max-objects` if the image is correct; `plan` shows the cost",
        PublishError::CleanUp { .. } => {
            "run the same command again to delete the rest of the old image; viewers already see the new image"
        }
        PublishError::Overtaken { .. } => {
            "run the same command again after `--settle-after` to repair files that the two runs mixed up"
        }
        PublishError::Warnings { is_published: false, .. } => {
            "repair the file, or omit `--strict` to publish it despite the warnings"
        }
        PublishError::Warnings { .. } => "repair the file, or omit `--strict` to accept the warnings",
        PublishError::PageName { .. } => "rename one of the files, or give it another `id` in a table",
        PublishError::Key(_) => KEYS,
        PublishError::Stopped { .. } => "run the same command again to continue",
        PublishError::Encode { .. } | PublishError::Incomplete { .. } | PublishError::Panicked { .. } => BUG,
        _ => AGAIN,
    }
}

fn source_hint(error: &SourceError) -> &'static str {
    match error {
        SourceError::Remote { cause, .. } => remote_hint(cause.kind()),
        SourceError::Open { .. } => "check the path and its permissions",
        SourceError::Empty { .. } => "copy the file again; no info.json was written",
        SourceError::Decode { .. } => {
            "open the file in another program; if it is damaged, copy it again, otherwise report a bug; no info.json was written"
        }
        SourceError::NoSuchPage { .. } => "choose existing pages with `--pages`",
        SourceError::UnknownFormat { .. } => "convert it to TIFF, PNG or JPEG (file extensions are ignored)",
        SourceError::TooLarge { .. } => "raise `--max-pixels` if the image is correct",
        SourceError::NotAFile { .. } => "pass image files; to publish a folder, use `iiif-publish ingest`",
        SourceError::Unsupported { hint, .. } => hint,
        SourceError::Size { .. } => "split it into several images, or make it smaller",
        _ => AGAIN,
    }
}

fn remote_hint(kind: RemoteErrorKind) -> &'static str {
    match kind {
        RemoteErrorKind::Environment => {
            "grant permission to read (in S3: s3:GetObject on the images, s3:ListBucket for folders), and check \
             `--source-endpoint-url`, `--source-aws-region` and `--source-profile`"
        }
        RemoteErrorKind::Denied => "grant permission to read; a signature in the URL may have expired",
        RemoteErrorKind::Missing => "check the name; to publish a folder in a bucket, end it with `/` and use `ingest`",
        RemoteErrorKind::Replaced => "retry once the source is complete",
        _ => "run the same command again",
    }
}

fn store_hint(kind: StoreErrorKind) -> &'static str {
    match kind {
        StoreErrorKind::Credentials => {
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, choose a `--profile`, or run `aws sso login`"
        }
        StoreErrorKind::Denied => "grant permission to write (in S3: s3:PutObject below the prefix)",
        StoreErrorKind::Missing => "check the name, or create the bucket first",
        StoreErrorKind::Endpoint => "set `--endpoint-url` to the endpoint that it redirects to",
        StoreErrorKind::Region => "set `--aws-region` to the bucket's region",
        StoreErrorKind::Exists => "omit `--no-clobber`, or publish under a different `--id`",
        StoreErrorKind::Unreachable => "check `--endpoint-url` and the network",
        _ => "run the same command again to continue; no info.json was written",
    }
}
impl From<IngestError> for Fatal {
    fn from(error: IngestError) -> Self {
        match error {
            // Every image would fail with the same error.
            IngestError::Publish(error) => Self::of(exit_of(error.is_environment()), &error, publish_hint(&error)),
            IngestError::Store(error) => error.into(),
            IngestError::Stale(error) => error.into(),
            IngestError::Delete(error) => error.into(),
            IngestError::Key(error) => error.into(),
            IngestError::Refused(refusal) => refusal.into(),
            IngestError::ReservedIdentifier { .. } => {
                let hint = "rename the file or its folder, set its `id` in a `--table`, or pass `--presentation none`";
                Self::of(Exit::Usage, &error, hint)
            }
            IngestError::MissingColumn { .. } => {
                let hint = "check the name in `--nest`; columns that `--metadata-columns` leaves out can't be used";
                Self::of(Exit::Usage, &error, hint)
            }
            IngestError::NotActivities { .. } => {
                Self::of(Exit::Failed, &error, "delete this file to begin the activity stream again")
            }
            IngestError::ReservedForSite { .. } => {
                let hint =
                    "rename the file or its folder, set its `id` or `object` in a `--table`, or leave out `--site`";
                Self::of(Exit::Usage, &error, hint)
            }
            IngestError::Report { .. } => Self::of(Exit::Usage, &error, "choose a different file with `--report`"),
            error => Self::of(Exit::Failed, &error, "publish the images first; the collection was not written"),
        }
    }
}

impl From<PruneRefusal> for Fatal {
    fn from(refusal: PruneRefusal) -> Self {
        let hint = match &refusal {
            PruneRefusal::Unread => {
                "fix the errors above, then run the same command again; existing images are unchanged"
            }
            PruneRefusal::EmptyFolder { .. } => {
                "mount the disk, or remove the empty folder if its images should be deleted"
            }
            PruneRefusal::MissingFiles { .. } => "check for a truncated list or table, or a disk that is not mounted",
            PruneRefusal::HiddenRows { .. } => {
                "unhide these rows (filters hide rows too), or delete them from the table"
            }
            _ => "raise `--max-delete` if this is intended; `--dry-run` lists the images",
        };
        Self::new(Exit::Failed, refusal.to_string(), hint)
    }
}

impl From<GalleryError> for Fatal {
    fn from(error: GalleryError) -> Self {
        match error {
            GalleryError::Key(error) => error.into(),
            GalleryError::Store(error) => error.into(),
            error => Self::of(Exit::Usage, &error, OTHER_PAGE_NAME),
        }
    }
}

impl From<BucketAddressError> for Fatal {
    fn from(error: BucketAddressError) -> Self {
        let hint = match error {
            BucketAddressError::Prefix(_) => "choose a different prefix",
            _ => "use `--bucket NAME` or `--bucket s3://NAME/PREFIX`",
        };
        Self::of(Exit::Usage, &error, hint)
    }
}
