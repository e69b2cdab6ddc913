//! Errors in words: what happened, why, and what to try next.

use super::arguments::NameError;
use super::exit::Exit;
use iiif_publish::iiif::PyramidError;
use iiif_publish::publish::PublishError;
use iiif_publish::source::SourceError;
use iiif_publish::store::{StoreError, StoreErrorKind};
use std::error::Error;

/// An error and its causes in one line.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Prints an error with its advice.
fn print_error(error: &dyn Error, advice: Option<&str>) {
    eprintln!("error: {}", chain(error));
    if let Some(advice) = advice {
        eprintln!("       {advice}");
    }
}

// Errors that end a run before its work begins are printed where they are found, and become the exit code.

impl From<NameError> for Exit {
    fn from(error: NameError) -> Self {
        print_error(&error, Some("rename a file, or publish it by itself with `--id`"));
        Self::Usage
    }
}

impl From<PyramidError> for Exit {
    fn from(error: PyramidError) -> Self {
        print_error(&error, Some("choose another `--tile-size` or `--max-size`"));
        Self::Usage
    }
}

impl From<StoreError> for Exit {
    fn from(error: StoreError) -> Self {
        print_error(&error, Some(store_advice(error.kind())));
        if error.is_environment() { Self::Environment } else { Self::Failed }
    }
}

impl From<SourceError> for Exit {
    fn from(error: SourceError) -> Self {
        print_error(&error, source_advice(&error));
        Self::Failed
    }
}

/// What to try after an image failed.
pub(super) fn advice(error: &PublishError) -> Option<&'static str> {
    match error {
        PublishError::Source(error) => source_advice(error),
        PublishError::Store(error) => Some(store_advice(error.kind())),
        PublishError::Panicked { .. } => Some("this is a bug: please report it, with the file if you can"),
        _ => None,
    }
}

fn source_advice(error: &SourceError) -> Option<&'static str> {
    match error {
        SourceError::Open { .. } => Some("check the path and its permissions"),
        SourceError::Empty { .. } | SourceError::Decode { .. } => {
            Some("nothing of it is visible; publish it again from a whole copy of the file")
        }
        SourceError::UnknownFormat { .. } => Some("the content counts, not the name; convert it to TIFF, PNG or JPEG"),
        SourceError::Unsupported { .. } => {
            Some("convert it to 8- or 16-bit grey or RGB first, for example with `vips colourspace IN OUT srgb`")
        }
        _ => None,
    }
}

fn store_advice(kind: StoreErrorKind) -> &'static str {
    match kind {
        StoreErrorKind::Credentials => {
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, choose a `--profile`, or run `aws sso login`"
        }
        StoreErrorKind::Denied => "the credentials need s3:PutObject on what lies under the prefix",
        StoreErrorKind::Missing => "check the name of the bucket or folder; buckets are not made by this program",
        StoreErrorKind::Region => "name the region of the bucket with `--aws-region`",
        StoreErrorKind::Unreachable => "check `--endpoint-url` and the network",
        _ => "what was stored already is not visible yet; run the same command again",
    }
}
