//! What publishing would do, and what is there, without doing anything.

use super::{Image, Job, Outcome, PublishError, Published, Publisher};
use crate::encode::Encoding;
use crate::iiif::{Plan, Pyramid, Size};
use crate::source::Source;

/// What publishing an image would do now.
#[derive(Clone, Debug)]
pub struct Prospect {
    /// The image as it would be published: without objects where nothing would be stored.
    pub published: Published,
    /// What would become of it.
    pub change: Change,
    /// Its objects in each version of the Image API.
    pub plans: Vec<Plan>,
}

/// What becomes of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is not there yet.
    New,
    /// It is there, and would be replaced.
    Replaced,
    /// It is there as it is to be.
    Unchanged,
    /// It is there, and must not be replaced.
    Kept,
}

impl Publisher {
    /// What [`publish`](Self::publish) would do. Costs the look at the image in the store, and where that is not current, the
    /// header of the source.
    ///
    /// # Errors
    /// Where the source cannot be read, or the store does not tell.
    pub async fn examine(&self, image: &Image) -> Result<Prospect, PublishError> {
        let place = self.remotes.find(&image.location).await?;
        let fingerprint = self.fingerprint(image, &place).await?;
        let stored = self.information_of(image).await?;
        if let Some((job, _, outcome)) = self.left_alone(image, &stored, &fingerprint)? {
            let change = if matches!(outcome, Outcome::Kept) { Change::Kept } else { Change::Unchanged };
            return Ok(prospect(&job, change));
        }
        let read = self.options.reading();
        let source = self.blocking(image, move || Source::open_at(&place, read)).await??;
        let pyramid = self.pyramid(image, source.header().size)?;
        let encoding = Encoding { jpeg: self.options.jpeg, profile: None };
        let job = self.job(image, pyramid, encoding, &fingerprint)?;
        Ok(prospect(&job, if stored.is_there() { Change::Replaced } else { Change::New }))
    }

    /// Where an image is that is published already, as its `info.json` says, and how large it is; `None` where it is not there.
    ///
    /// # Errors
    /// Where the store does not tell.
    pub async fn find(&self, image: &Image) -> Result<Option<(String, Size)>, PublishError> {
        let stored = self.information_of(image).await?;
        Ok(stored.base_uri().zip(stored.size()))
    }

    pub(super) fn pyramid(&self, image: &Image, size: Size) -> Result<Pyramid, PublishError> {
        let pyramid = Pyramid::new(size, self.options.shape);
        let too_large = |cause| PublishError::Formats { identifier: image.identifier.clone(), cause };
        pyramid.check_formats().map_err(too_large)?;
        Ok(pyramid)
    }
}

fn prospect(job: &Job, change: Change) -> Prospect {
    let published = job.published(job.pyramid.size());
    Prospect { published, change, plans: job.folders.iter().map(|folder| folder.plan.clone()).collect() }
}
