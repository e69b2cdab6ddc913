//! What a check found out, one thing at a time.

use super::remedy::Remedy;

/// What was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Where the bucket is.
    Region,
    /// Set if the bucket keeps old versions forever.
    Versioning,
    /// Set if objects cannot be deleted for some time.
    ObjectLock,
    /// Set if the policy of the bucket refuses puts without conditions.
    BucketPolicy,
    /// An object is stored.
    Put,
    /// It is put again on the condition that it is not there.
    ConditionalPut,
    /// It is read with the credentials.
    Get,
    /// It is listed.
    List,
    /// It is read through the public URL, without credentials.
    AnonymousRead,
    /// The `Content-Type` that it is served with.
    MediaType,
    /// The `Cache-Control` that it is served with.
    CacheControl,
    /// Whether pages of other sites may read it.
    Cors,
    /// Whether they may ask before.
    Preflight,
    /// It is deleted.
    Delete,
}

impl Step {
    /// Its name.
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

    /// Whether publishing, or looking at what is published, is impossible without it.
    #[must_use]
    pub fn is_needed(self) -> bool {
        matches!(self, Self::Put | Self::AnonymousRead | Self::MediaType | Self::Cors)
    }
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Well.
    Ok,
    /// Something that is needed is missing.
    Failed,
    /// Something else is missing, or worth knowing.
    Note,
}

/// What was found out by one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was tried.
    pub step: Step,
    /// How it went.
    pub verdict: Verdict,
    /// What there is to say of it, in one line.
    pub detail: String,
    /// What to do about it.
    pub remedy: Option<Remedy>,
}

impl Finding {
    pub(super) fn ok(step: Step, detail: impl Into<String>) -> Self {
        Self { step, verdict: Verdict::Ok, detail: detail.into(), remedy: None }
    }

    pub(super) fn note(step: Step, detail: impl Into<String>) -> Self {
        Self { verdict: Verdict::Note, ..Self::ok(step, detail) }
    }

    /// A failure where the step is needed, otherwise a note.
    pub(super) fn lacking(step: Step, detail: impl Into<String>, remedy: Remedy) -> Self {
        let verdict = if step.is_needed() { Verdict::Failed } else { Verdict::Note };
        Self { verdict, remedy: Some(remedy), ..Self::ok(step, detail) }
    }
}
