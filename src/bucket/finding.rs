//! Bucket check findings.

use super::remedy::Remedy;

/// Step of a bucket check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Look up the bucket's region.
    Region,
    /// Check if the bucket keeps old versions forever.
    Versioning,
    /// Check if Object Lock prevents objects from being deleted.
    ObjectLock,
    /// Check if the bucket policy denies unconditional uploads.
    BucketPolicy,
    /// Upload an object.
    Put,
    /// Upload the object again with a condition that it doesn't exist yet.
    ConditionalPut,
    /// Read the object with credentials.
    Get,
    /// Find the object in a listing.
    List,
    /// Read the object anonymously from the public URL.
    AnonymousRead,
    /// Check the `Content-Type` header of the public response.
    MediaType,
    /// Check the `Cache-Control` header of the public response.
    CacheControl,
    /// Check that pages on other sites can read the object.
    Cors,
    /// Check that preflight requests are allowed.
    Preflight,
    /// Delete the object.
    Delete,
}

impl Step {
    /// Returns the step's name as shown in reports.
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

    /// Returns `true` if images can't be published or viewed without this step.
    #[must_use]
    pub fn is_needed(self) -> bool {
        matches!(self, Self::Put | Self::AnonymousRead | Self::MediaType | Self::Cors)
    }
}

/// Outcome of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The step succeeded.
    Ok,
    /// Something required is missing.
    Failed,
    /// Something optional is missing, or there's something worth knowing.
    Note,
}

/// Result of a single step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckFinding {
    /// The step that ran.
    pub step: Step,
    /// The step's outcome.
    pub verdict: Verdict,
    /// One-line explanation.
    pub detail: String,
    /// Suggested fix.
    pub remedy: Option<Remedy>,
}

impl CheckFinding {
    pub(super) fn ok(step: Step, detail: impl Into<String>) -> Self {
        Self { step, verdict: Verdict::Ok, detail: detail.into(), remedy: None }
    }

    pub(super) fn note(step: Step, detail: impl Into<String>) -> Self {
        Self { verdict: Verdict::Note, ..Self::ok(step, detail) }
    }

    /// Creates a failure if the step is required, or a note if it isn't.
    pub(super) fn lacking(step: Step, detail: impl Into<String>, remedy: Remedy) -> Self {
        let verdict = if step.is_needed() { Verdict::Failed } else { Verdict::Note };
        Self { verdict, remedy: Some(remedy), ..Self::ok(step, detail) }
    }
}
