//! Errors in words: what happened, why, and what to try next.

use super::arguments::{NameError, ProgressArgument};
use super::exit::Exit;
use super::output::{tell, tell_json, tell_wrapped};
use iiif_publish::bucket::BucketError;
use iiif_publish::collection::{InputError, StaleError};
use iiif_publish::delete::DeleteError;
pub(super) use iiif_publish::error::chain;
use iiif_publish::iiif::PyramidError;
use iiif_publish::publish::PublishError;
use iiif_publish::source::{RemoteErrorKind, SourceError};
use iiif_publish::store::{KeyError, StoreError, StoreErrorKind};
use iiif_publish::verify::{AddressError, VerifyError};
use serde_json::json;

const AGAIN: &str = "run the same command again; if it fails once more, please report it";

const BUG: &str = "this is a bug: please report it, with the file if you can";

const KEYS: &str = "choose another `--prefix` or `--id`";

/// What stands before the second line of an error.
const INDENT: &str = "       ";

const LOCATIONS: &str = "write it as `s3://bucket/key`, `https://host/path`, or as the path of a file";

/// Rows of a table whose errors are told one by one.
const ROWS_TOLD: usize = 1000;

/// An error that ends a run before its work begins.
#[derive(Debug)]
pub(super) struct Fatal {
    exit: Exit,
    error: String,
    /// Lines below the error, such as rows of a table.
    details: Vec<String>,
    advice: &'static str,
}

impl Fatal {
    pub(super) fn new(exit: Exit, error: String, advice: &'static str) -> Self {
        Self { exit, error, details: Vec::new(), advice }
    }

    fn with_details(self, details: Vec<String>) -> Self {
        Self { details, ..self }
    }

    /// What ends the whole run, because it would happen to every image.
    pub(super) fn of_image(error: &PublishError) -> Self {
        let exit = if error.is_environment() { Exit::Environment } else { Exit::Failed };
        Self::new(exit, chain(error), advice(error))
    }

    /// Tells it, in the way in which progress would be told, and hands over the exit code.
    pub(super) fn tell(&self, how: ProgressArgument) -> Exit {
        if how == ProgressArgument::Json {
            let lines: Vec<&str> = std::iter::once(&self.error).chain(&self.details).map(String::as_str).collect();
            tell_error(how, None, &lines.join("\n"), self.advice);
            return self.exit;
        }
        tell_wrapped(&format!("error: {}", self.error), INDENT);
        for line in self.details.iter().map(String::as_str).chain([self.advice]) {
            tell_wrapped(&format!("{INDENT}{line}"), INDENT);
        }
        self.exit
    }
}

/// Tells an error and what to try next: of one image, or of the run.
pub(super) fn tell_error(how: ProgressArgument, id: Option<&str>, error: &str, advice: &str) {
    if how == ProgressArgument::Json {
        tell_json(
            &json!({"event": if id.is_some() { "failed" } else { "error" }, "id": id, "error": error, "advice": advice}),
        );
        return;
    }
    tell_wrapped(&format!("error: {error}"), INDENT);
    tell_wrapped(&format!("{INDENT}{advice}"), INDENT);
}

/// Tells a thing that is neither progress nor an error, before there is any progress.
pub(super) fn tell_note(how: ProgressArgument, text: &str) {
    match how {
        ProgressArgument::Json => tell_json(&json!({"event": "note", "text": text})),
        ProgressArgument::None => {}
        _ => tell(text),
    }
}

impl From<NameError> for Fatal {
    fn from(error: NameError) -> Self {
        let advice = match error {
            NameError::Location(_) => LOCATIONS,
            NameError::Elsewhere(_) => "fetch it first: `iiif-publish` itself and `ingest` read what is elsewhere",
            NameError::IdForMany(_) => "leave `--id` out, or publish the images one at a time",
            _ => "rename a file, or publish it by itself with `--id`",
        };
        Self::new(Exit::Usage, chain(&error), advice)
    }
}

impl From<PyramidError> for Fatal {
    fn from(error: PyramidError) -> Self {
        Self::new(Exit::Usage, chain(&error), "choose another `--tile-size`, `--max-size` or `--format`")
    }
}

impl From<StoreError> for Fatal {
    fn from(error: StoreError) -> Self {
        let exit = if error.is_environment() { Exit::Environment } else { Exit::Failed };
        Self::new(exit, chain(&error), error.hint().unwrap_or(store_advice(error.kind())))
    }
}

impl From<DeleteError> for Fatal {
    fn from(error: DeleteError) -> Self {
        let (exit, advice) = match &error {
            DeleteError::List(cause) | DeleteError::Delete(cause) => {
                let exit = if cause.is_environment() { Exit::Environment } else { Exit::Failed };
                (exit, cause.hint().unwrap_or(delete_advice(&error, cause.kind())))
            }
            DeleteError::NotImage { .. } => {
                (Exit::Failed, "nothing of it was deleted: check `--id` and `--prefix`, or delete it by other means")
            }
            DeleteError::StillPublished { .. } => (Exit::Failed, "stop that run, then delete again"),
            DeleteError::Key(_) => (Exit::Usage, KEYS),
            _ => (Exit::Failed, "check `--id` and `--prefix`"),
        };
        Self::new(exit, chain(&error), advice)
    }
}

fn delete_advice(error: &DeleteError, kind: StoreErrorKind) -> &'static str {
    match (error, kind) {
        (DeleteError::List(_), StoreErrorKind::Denied) => {
            "listing must be allowed there: in S3, s3:ListBucket on the bucket; nothing was deleted that is still promised"
        }
        (_, StoreErrorKind::Denied) => {
            "deleting must be allowed there: in S3, s3:DeleteObject on what lies under the prefix"
        }
        (_, StoreErrorKind::Other) => "no info.json is left without its pictures; run the same command again",
        _ => store_advice(kind),
    }
}

impl From<StaleError> for Fatal {
    fn from(error: StaleError) -> Self {
        match error {
            StaleError::Store(error) if error.kind() == StoreErrorKind::Denied => Self::new(
                Exit::Failed,
                chain(&error),
                "nothing was deleted: `--prune` must be allowed to list: in S3, s3:ListBucket on the bucket",
            ),
            StaleError::Store(error) => error.into(),
            error => Self::new(Exit::Failed, chain(&error), "nothing was deleted"),
        }
    }
}

impl From<BucketError> for Fatal {
    fn from(error: BucketError) -> Self {
        match error {
            BucketError::Store(error) => {
                let advice = match error.kind() {
                    StoreErrorKind::Denied => {
                        "setting up needs s3:GetBucketCORS and s3:PutBucketCORS, s3:GetBucketPolicy and s3:PutBucketPolicy; \
                         Block Public Access may be the reason too"
                    }
                    StoreErrorKind::Other => {
                        "where a store has no CORS rules or policies of its own, set them in what stands in front of it"
                    }
                    kind => store_advice(kind),
                };
                let exit = if error.is_environment() { Exit::Environment } else { Exit::Failed };
                Self::new(exit, chain(&error), advice)
            }
            BucketError::Key(error) => error.into(),
            BucketError::Client(_) => Self::new(
                Exit::Environment,
                chain(&error),
                "install the root certificates of the system (`ca-certificates`)",
            ),
            _ => Self::new(Exit::Failed, chain(&error), "change it by hand, as `bucket check` shows"),
        }
    }
}

impl From<InputError> for Fatal {
    fn from(error: InputError) -> Self {
        if let InputError::Rows { errors, .. } = &error {
            let mut rows: Vec<String> = errors.iter().take(ROWS_TOLD).map(ToString::to_string).collect();
            let more = errors.len().saturating_sub(ROWS_TOLD);
            rows.extend((more > 0).then(|| format!("and {more} more")));
            let advice = "nothing was published or deleted: fix the table first";
            return Self::new(Exit::Usage, chain(&error), advice).with_details(rows);
        }
        Self::new(Exit::Usage, chain(&error), input_advice(&error))
    }
}

/// What to do about an input that cannot be read.
pub(super) fn input_advice(error: &InputError) -> &'static str {
    match error {
        InputError::Twice { .. } => "remove one of them from the list, the table or the command line",
        InputError::Overlap { .. } => "rename a file, or name each with a column `id` of a `--table`",
        InputError::Identifier { .. } => "the file is skipped: rename it, or name it with a column `id` of a `--table`",
        InputError::Location(_) => LOCATIONS,
        InputError::Folder(_) => "name the folder on the command line",
        InputError::Target { .. } => "publish into another folder, or below another `--prefix`",
        InputError::Table { hint, .. } => hint,
        InputError::Pattern(_) => "write it like `**/*.tif`",
        _ => "check the path and its permissions",
    }
}

impl From<SourceError> for Fatal {
    fn from(error: SourceError) -> Self {
        let exit = if error.is_environment() { Exit::Environment } else { Exit::Failed };
        Self::new(exit, chain(&error), source_advice(&error))
    }
}

impl From<KeyError> for Fatal {
    fn from(error: KeyError) -> Self {
        Self::new(Exit::Usage, chain(&error), KEYS)
    }
}

impl From<AddressError> for Fatal {
    fn from(error: AddressError) -> Self {
        Self::new(Exit::Usage, chain(&error), "name the public URL of each info.json")
    }
}

impl From<VerifyError> for Fatal {
    fn from(error: VerifyError) -> Self {
        Self::new(Exit::Environment, chain(&error), verify_advice(&error))
    }
}

fn verify_advice(error: &VerifyError) -> &'static str {
    match error {
        VerifyError::Unreachable { .. } => "check the URL and the network, or wait until the host is back",
        VerifyError::Client(_) => "install the root certificates of the system (`ca-certificates`)",
        _ => AGAIN,
    }
}

/// What to try after an image failed.
pub(super) fn advice(error: &PublishError) -> &'static str {
    match error {
        PublishError::Source(error) => source_advice(error),
        PublishError::Store(error) => error.hint().unwrap_or(store_advice(error.kind())),
        PublishError::Formats { .. } => "choose a smaller `--max-size`, or leave the format out of `--format`",
        PublishError::Memory { .. } => {
            "raise `--max-memory` where there is more; lower `--concurrency` or `--max-size`; or convert it to a tiled TIFF, \
             which is read a few rows at a time"
        }
        PublishError::TooManyObjects { .. } => {
            "raise `--max-objects` if the image is what it should be; `plan` shows what it costs"
        }
        PublishError::CleanUp { .. } => "viewers see the new image; the next run deletes what is left of the old one",
        PublishError::Overtaken { .. } => {
            "run the same command again after `--settle-after`: it repairs what the two runs mixed"
        }
        PublishError::Warnings { is_published: false, .. } => {
            "repair the file, or leave `--strict` out to publish it in spite of them"
        }
        PublishError::Warnings { .. } => "repair the file, or leave `--strict` out to keep it as it is",
        PublishError::Key(_) => KEYS,
        PublishError::Stopped { .. } => "run the same command again, and it goes on where this one stopped",
        PublishError::Encode { .. } | PublishError::Incomplete { .. } | PublishError::Panicked { .. } => BUG,
        _ => AGAIN,
    }
}

fn source_advice(error: &SourceError) -> &'static str {
    match error {
        SourceError::Remote { cause, .. } => remote_advice(cause.kind()),
        SourceError::Open { .. } => "check the path and its permissions",
        SourceError::Empty { .. } => "copy the file again; its info.json was not written",
        SourceError::Decode { .. } => {
            "open the file in another program: if it is whole there, please report it; if not, copy it again. Its info.json was not \
             written"
        }
        SourceError::NoSuchPage { .. } => "choose one of its pages with `--page`",
        SourceError::UnknownFormat { .. } => "convert it to TIFF, PNG or JPEG; its content decides, not its name",
        SourceError::TooLarge { .. } => "raise `--max-pixels` if the image is what it should be",
        SourceError::NotAFile { .. } => "name image files; folders and pipes cannot be published",
        SourceError::Unsupported { hint, .. } => hint,
        SourceError::Size { .. } => "cut it into several images, or make it smaller",
        _ => AGAIN,
    }
}

fn remote_advice(kind: RemoteErrorKind) -> &'static str {
    match kind {
        RemoteErrorKind::Environment => {
            "reading must be allowed there: in S3, s3:GetObject on the images, and s3:ListBucket on the bucket of a folder; check \
             `--source-endpoint-url`, `--source-aws-region` and `--source-profile`"
        }
        RemoteErrorKind::Denied => "reading it must be allowed: a signature in its URL may have expired",
        RemoteErrorKind::Missing => "check its name; a folder of a bucket ends with `/`, and is for `ingest`",
        RemoteErrorKind::Replaced => "publish it again when nobody writes it any more",
        _ => "run the same command again",
    }
}

fn store_advice(kind: StoreErrorKind) -> &'static str {
    match kind {
        StoreErrorKind::Credentials => {
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, choose a `--profile`, or run `aws sso login`"
        }
        StoreErrorKind::Denied => "writing must be allowed there: in S3, s3:PutObject on what lies under the prefix",
        StoreErrorKind::Missing => "check its name: buckets are not made by this program",
        StoreErrorKind::Endpoint => "name the endpoint that it redirects to with `--endpoint-url`",
        StoreErrorKind::Region => "name the region of the bucket with `--aws-region`",
        StoreErrorKind::Exists => "leave `--no-clobber` out, or publish it under another `--id`",
        StoreErrorKind::Unreachable => "check `--endpoint-url` and the network",
        _ => "no info.json was written; run the same command again, and it goes on where this one stopped",
    }
}
