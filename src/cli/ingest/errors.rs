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
            IngestError::Report { .. } => Self::new(Exit::Usage, chain(&error), "choose another file with `--report`"),
            error => Self::new(Exit::Failed, chain(&error), "publish the images first; the collection was not written"),
        }
    }
}

impl From<PruneRefusal> for Fatal {
    fn from(refusal: PruneRefusal) -> Self {
        let advice = match &refusal {
            PruneRefusal::Unread => {
                "fix the errors above, then run the same command again; existing images are unchanged"
            }
            PruneRefusal::EmptyFolder { .. } => {
                "mount the disk, or remove the empty folder if its images are to be deleted"
            }
            PruneRefusal::MissingFiles { .. } => "check if the list or table is truncated, or a disk is not mounted",
            PruneRefusal::HiddenRows { .. } => "show these rows (filters hide rows too), or delete them from the table",
            _ => "raise `--max-delete` if this is intended; `--dry-run` lists the images",
        };
        Self::new(Exit::Failed, refusal.to_string(), advice)
    }
}
