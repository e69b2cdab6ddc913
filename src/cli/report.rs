//! Error messages: the error, its causes, and a hint about how to fix it.

use super::arguments::{NameError, ProgressArgument};
use super::exit::Exit;
use super::output::{INDENT, tell, tell_hint, tell_json, tell_wrapped};
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

const AGAIN: &str = "run the same command again; if it fails again, please report it";

const BUG: &str = "report this bug, with the file if possible";

const KEYS: &str = "choose another `--prefix` or `--id`";

const LOCATIONS: &str = "write `s3://bucket/key`, `https://host/path` or the path of a file";

/// The maximum number of printed errors of table rows.
const MAX_ROWS: usize = 1000;

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

    /// Creates the error of a whole run from that of an image, because it would occur for every image.
    pub(super) fn of_image(error: &PublishError) -> Self {
        let exit = if error.is_environment() { Exit::Environment } else { Exit::Failed };
        Self::new(exit, chain(error), advice(error))
    }

    /// Prints the error in the format of progress, and returns the exit code.
    pub(super) fn tell(&self, how: ProgressArgument) -> Exit {
        if how == ProgressArgument::Json {
            let lines: Vec<&str> = std::iter::once(&self.error).chain(&self.details).map(String::as_str).collect();
            tell_error(how, None, &lines.join("\n"), self.advice);
            return self.exit;
        }
        tell_wrapped(&format!("error: {}", self.error), INDENT);
        for line in &self.details {
            tell_wrapped(&format!("{INDENT}{line}"), INDENT);
        }
        tell_hint(self.advice);
        self.exit
    }
}

/// Prints an error and a hint: of the image `id`, or of the run.
pub(super) fn tell_error(how: ProgressArgument, id: Option<&str>, error: &str, advice: &str) {
    if how == ProgressArgument::Json {
        tell_json(
            &json!({"event": if id.is_some() { "failed" } else { "error" }, "id": id, "error": error, "advice": advice}),
        );
        return;
    }
    tell_wrapped(&format!("error: {error}"), INDENT);
    tell_hint(advice);
}

/// Prints a note, unless quiet.
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
            NameError::Elsewhere(_) => "download it first; only publishing and `ingest` read remote images",
            NameError::IdForMany(_) => "omit `--id`, or publish the images one at a time",
            _ => "rename the file, or publish it separately with `--id`",
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
                (Exit::Failed, "check `--id` and `--prefix`, or delete it with another tool; nothing was deleted")
            }
            DeleteError::StillPublished { .. } => (Exit::Failed, "stop the other run, then delete again"),
            DeleteError::Key(_) => (Exit::Usage, KEYS),
            _ => (Exit::Failed, "check `--id` and `--prefix`"),
        };
        Self::new(exit, chain(&error), advice)
    }
}

fn delete_advice(error: &DeleteError, kind: StoreErrorKind) -> &'static str {
    match (error, kind) {
        (DeleteError::List(_), StoreErrorKind::Denied) => {
            "grant permission to list (in S3: s3:ListBucket on the bucket); no tile of a remaining info.json was deleted"
        }
        (_, StoreErrorKind::Denied) => "grant permission to delete (in S3: s3:DeleteObject below the prefix)",
        (_, StoreErrorKind::Other) => "run the same command again; no info.json is left without its tiles",
        _ => store_advice(kind),
    }
}

impl From<StaleError> for Fatal {
    fn from(error: StaleError) -> Self {
        match error {
            StaleError::Store(error) if error.kind() == StoreErrorKind::Denied => Self::new(
                Exit::Failed,
                chain(&error),
                "grant permission to list (in S3: s3:ListBucket on the bucket); nothing was deleted",
            ),
            StaleError::Store(error) => error.into(),
            error => Self::new(Exit::Failed, chain(&error), "run the same command again; nothing was deleted"),
        }
    }
}

impl From<BucketError> for Fatal {
    fn from(error: BucketError) -> Self {
        match error {
            BucketError::Store(error) => {
                let advice = match error.kind() {
                    StoreErrorKind::Denied => {
                        "grant s3:GetBucketCORS, s3:PutBucketCORS, s3:GetBucketPolicy and s3:PutBucketPolicy; also check Block \
                         Public Access"
                    }
                    StoreErrorKind::Other => {
                        "if the store does not support CORS rules or policies, set them in the server in front of it"
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
            _ => Self::new(Exit::Failed, chain(&error), "change it manually, as `bucket check` shows"),
        }
    }
}

impl From<InputError> for Fatal {
    fn from(error: InputError) -> Self {
        if let InputError::Rows { errors, .. } = &error {
            let mut rows: Vec<String> = errors.iter().take(MAX_ROWS).map(ToString::to_string).collect();
            let more = errors.len().saturating_sub(MAX_ROWS);
            rows.extend((more > 0).then(|| format!("and {more} more")));
            let advice = "fix the table first; nothing was published or deleted";
            return Self::new(Exit::Usage, chain(&error), advice).with_details(rows);
        }
        Self::new(Exit::Usage, chain(&error), input_advice(&error))
    }
}

/// Returns a hint about how to fix an input that cannot be read.
pub(super) fn input_advice(error: &InputError) -> &'static str {
    match error {
        InputError::Twice { .. } => "remove one of them from the list, the table or the command line",
        InputError::Overlap { .. } => "rename a file, or set a column `id` of a `--table`",
        InputError::Identifier { .. } => "rename the file, or set a column `id` of a `--table`; the file was skipped",
        InputError::Location(_) => LOCATIONS,
        InputError::Folder(_) => "pass the folder on the command line",
        InputError::Target { .. } => "publish into another folder, or below another `--prefix`",
        InputError::Table { hint, .. } => hint,
        InputError::Pattern(_) => "use a pattern such as `**/*.tif`",
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
        Self::new(Exit::Usage, chain(&error), "pass the public URL of each info.json")
    }
}

impl From<VerifyError> for Fatal {
    fn from(error: VerifyError) -> Self {
        Self::new(Exit::Environment, chain(&error), verify_advice(&error))
    }
}

fn verify_advice(error: &VerifyError) -> &'static str {
    match error {
        VerifyError::Unreachable { .. } => "check the URL and the network, or retry later",
        VerifyError::Client(_) => "install the root certificates of the system (`ca-certificates`)",
        _ => AGAIN,
    }
}

/// Returns a hint about how to fix the failure of an image.
pub(super) fn advice(error: &PublishError) -> &'static str {
    match error {
        PublishError::Source(error) => source_advice(error),
        PublishError::Store(error) => error.hint().unwrap_or(store_advice(error.kind())),
        PublishError::Formats { .. } => "choose a smaller `--max-size`, or remove the format from `--format`",
        PublishError::Memory { .. } => {
            "raise `--max-memory`, lower `--concurrency` or `--max-size`, or convert the image to a tiled TIFF, which is read \
             a few rows at a time"
        }
        PublishError::TooManyObjects { .. } => "raise `--max-objects` if the image is correct; `plan` shows the cost",
        PublishError::CleanUp { .. } => {
            "run the same command again to delete the rest of the old image; viewers see the new one"
        }
        PublishError::Overtaken { .. } => {
            "run the same command again after `--settle-after`, to repair what the two runs mixed"
        }
        PublishError::Warnings { is_published: false, .. } => {
            "repair the file, or omit `--strict` to publish it despite the warnings"
        }
        PublishError::Warnings { .. } => "repair the file, or omit `--strict` to accept the warnings",
        PublishError::Key(_) => KEYS,
        PublishError::Stopped { .. } => "run the same command again to continue",
        PublishError::Encode { .. } | PublishError::Incomplete { .. } | PublishError::Panicked { .. } => BUG,
        _ => AGAIN,
    }
}

fn source_advice(error: &SourceError) -> &'static str {
    match error {
        SourceError::Remote { cause, .. } => remote_advice(cause.kind()),
        SourceError::Open { .. } => "check the path and its permissions",
        SourceError::Empty { .. } => "copy the file again; no info.json was written",
        SourceError::Decode { .. } => {
            "open the file in another program: copy it again if it is damaged, report a bug if it is not; no info.json was written"
        }
        SourceError::NoSuchPage { .. } => "choose an existing page with `--page`",
        SourceError::UnknownFormat { .. } => "convert it to TIFF, PNG or JPEG (file extensions are ignored)",
        SourceError::TooLarge { .. } => "raise `--max-pixels` if the image is correct",
        SourceError::NotAFile { .. } => "pass image files; to publish a folder, use `iiif-publish ingest`",
        SourceError::Unsupported { hint, .. } => hint,
        SourceError::Size { .. } => "split it into several images, or make it smaller",
        _ => AGAIN,
    }
}

fn remote_advice(kind: RemoteErrorKind) -> &'static str {
    match kind {
        RemoteErrorKind::Environment => {
            "grant permission to read (in S3: s3:GetObject on the images, s3:ListBucket for folders), and check \
             `--source-endpoint-url`, `--source-aws-region` and `--source-profile`"
        }
        RemoteErrorKind::Denied => "grant permission to read; a signature in the URL may have expired",
        RemoteErrorKind::Missing => "check the name; to publish a folder of a bucket, end it with `/` and use `ingest`",
        RemoteErrorKind::Replaced => "retry once the source is complete",
        _ => "run the same command again",
    }
}

fn store_advice(kind: StoreErrorKind) -> &'static str {
    match kind {
        StoreErrorKind::Credentials => {
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, choose a `--profile`, or run `aws sso login`"
        }
        StoreErrorKind::Denied => "grant permission to write (in S3: s3:PutObject below the prefix)",
        StoreErrorKind::Missing => "check the name, or create the bucket first",
        StoreErrorKind::Endpoint => "set `--endpoint-url` to the endpoint that it redirects to",
        StoreErrorKind::Region => "set `--aws-region` to the region of the bucket",
        StoreErrorKind::Exists => "omit `--no-clobber`, or publish under another `--id`",
        StoreErrorKind::Unreachable => "check `--endpoint-url` and the network",
        _ => "run the same command again to continue; no info.json was written",
    }
}
