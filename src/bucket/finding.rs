//! The findings of a bucket check.

use super::remedy::Remedy;

/// A step of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Finds the region of the bucket.
    Region,
    /// Reports a bucket that keeps old versions forever.
    Versioning,
    /// Reports a bucket that locks objects against deletion.
    ObjectLock,
    /// Reports a policy that denies unconditional uploads.
    BucketPolicy,
    /// Uploads an object.
    Put,
    /// Uploads the object again, on the condition that it does not exist.
    ConditionalPut,
    /// Reads the object with credentials.
    Get,
    /// Lists the object.
    List,
    /// Reads the object through the public URL, without credentials.
    AnonymousRead,
    /// Checks the `Content-Type` of the public response.
    MediaType,
    /// Checks the `Cache-Control` of the public response.
    CacheControl,
    /// Checks that pages of other sites can read the object.
    Cors,
    /// Checks that preflight requests are allowed.
    Preflight,
    /// Deletes the object.
    Delete,
}

impl Step {
    /// Returns the name of the step in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Region => "region",
            Self::Versioning => "versioning",
            Self::ObjectLock => "object lock",
            Self::BucketPolicy => "bucket policy",
            Self::Put => "put",
            Self::ConditionalPut => "conditional put",
            Self::Get => "get",
            Self::List => "list",
            Self::AnonymousRead => "anonymous read",
            Self::MediaType => "content type",
            Self::CacheControl => "cache control",
            Self::Cors => "CORS",
            Self::Preflight => "preflight",
            Self::Delete => "delete",
        }
    }

    /// Returns `true` if publishing or viewing images is impossible without this step.
    #[must_use]
    pub fn is_needed(self) -> bool {
        matches!(self, Self::Put | Self::AnonymousRead | Self::MediaType | Self::Cors)
    }
}

/// The outcome of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The step succeeded.
    Ok,
    /// Something required is missing.
    Failed,
    /// Something optional is missing or worth knowing.
    Note,
}

/// The result of one step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckFinding {
    /// The step.
    pub step: Step,
    /// The outcome.
    pub verdict: Verdict,
    /// Details in one line.
    pub detail: String,
    /// A suggested fix.
    pub remedy: Option<Remedy>,
}

impl CheckFinding {
    pub(super) fn ok(step: Step, detail: impl Into<String>) -> Self {
        Self { step, verdict: Verdict::Ok, detail: detail.into(), remedy: None }
    }

    pub(super) fn note(step: Step, detail: impl Into<String>) -> Self {
        Self { verdict: Verdict::Note, ..Self::ok(step, detail) }
    }

    /// Creates a failure if the step is required, otherwise a note.
    pub(super) fn lacking(step: Step, detail: impl Into<String>, remedy: Remedy) -> Self {
        let verdict = if step.is_needed() { Verdict::Failed } else { Verdict::Note };
        Self { verdict, remedy: Some(remedy), ..Self::ok(step, detail) }
    }
}
