//! Errors of a run in words.

use crate::cli::exit::Exit;
use crate::cli::report::{Fatal, chain};
use iiif_publish::collection::ingest::{IngestError, PruneRefusal};

impl From<IngestError> for Fatal {
    fn from(error: IngestError) -> Self {
        match error {
            IngestError::Publish(error) => Self::of_image(&error),
            IngestError::Store(error) => error.into(),
            IngestError::Stale(error) => error.into(),
            IngestError::Delete(error) => error.into(),
            IngestError::Key(error) => error.into(),
            IngestError::Refused(refusal) => refusal.into(),
            IngestError::ReservedIdentifier { .. } => {
                let advice =
                    "rename the file or its folder, set a column `id` of a `--table`, or pass `--presentation none`";
                Self::new(Exit::Usage, chain(&error), advice)
            }
            IngestError::Report { .. } => Self::new(Exit::Usage, chain(&error), "name another file with `--report`"),
            error => Self::new(Exit::Failed, chain(&error), "it was not written; publish the images first"),
        }
    }
}

impl From<PruneRefusal> for Fatal {
    fn from(refusal: PruneRefusal) -> Self {
        let advice = match &refusal {
            PruneRefusal::Unread => "what was published is there; see above what is missing",
            PruneRefusal::EmptyFolder { .. } => {
                "mount the disk, or remove the empty folder if its images are to be deleted"
            }
            PruneRefusal::MissingFiles { .. } => {
                "see above which; the list or table may be cut off, or a disk not mounted"
            }
            PruneRefusal::HiddenRows { .. } => "show them (a filter hides rows too), or delete them from the table",
            _ => "where that is right, say so with `--max-delete`; `--dry-run` lists them",
        };
        Self::new(Exit::Failed, refusal.to_string(), advice)
    }
}
