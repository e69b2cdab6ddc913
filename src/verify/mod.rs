//! Verifies published images by requesting every object that a viewer would request and checking each response.
//!
//! This also works for images published by other programs. The list of objects is derived from `info.json` alone,
//! using one of two [`Rule`]s.
//!
//! ```no_run
//! use iiif_publish::verify::{Options, Verifier};
//!
//! # async fn verify() -> Result<(), Box<dyn std::error::Error>> {
//! let mut options = Options::default();
//! options.sample = Some(500);
//! let verifier = Verifier::new(options)?;
//! let verified = verifier.verify(&"https://example.org/iiif/photo/info.json".parse()?).await?;
//! for finding in &verified.findings {
//!     eprintln!("{}: {}", finding.path.as_deref().unwrap_or("the image"), finding.problem);
//! }
//! assert!(verified.passed());
//! # Ok(())
//! # }
//! ```

mod address;
mod coverage;
mod document;
mod expected;
mod fetch;
mod finding;
mod information;
mod listed;
mod picture;
mod sample;
mod tally;

pub use address::{AddressError, InfoUrl};
pub use document::Documents;
pub use finding::{Finding, Problem};

use crate::iiif::{ApiVersion, Plan, RoundedSizes, Size};
use coverage::Coverage;
use expected::Expected;
use fetch::{Answer, FetchError, Viewer};
use futures::{StreamExt, stream};
use information::Information;
use sample::Sample;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use tally::{Checked, Tally};
use tokio::sync::Semaphore;

/// Maximum length of an `info.json`, in bytes. This is about a thousand times the usual length.
const INFORMATION_LIMIT_BYTES: u64 = 1 << 20;

/// Options for verifying images. [`Options::default`] checks all objects.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Maximum number of parallel requests.
    pub concurrency: NonZeroUsize,
    /// Number of objects to check per image, evenly distributed, or `None` to check all of them.
    ///
    /// `info.json`, `full/max` and the corner tiles at scale factor 1 are always checked.
    pub sample: Option<u64>,
    /// Controls whether sizes that only OpenSeadragon 4.0.0 requests must exist. `info.json` doesn't reveal this.
    pub rounded_sizes: RoundedSizes,
}

impl Options {
    /// Default number of parallel requests, similar to a browser with a few open viewers.
    pub const CONCURRENCY: NonZeroUsize = NonZeroUsize::new(16).expect("it is not zero");
}

impl Default for Options {
    fn default() -> Self {
        Self { concurrency: Self::CONCURRENCY, sample: None, rounded_sizes: RoundedSizes::default() }
    }
}

/// Rule used to determine the objects to check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// All objects in a [`Plan`].
    ///
    /// Used if this program would write the same `info.json` for an image of this size, ignoring rights and additions.
    Plan,
    /// The objects listed in `info.json`. Used for all other images.
    ///
    /// These are `full/max` (and `full/full` in version 2), each entry in `sizes`, and each tile at every listed scale
    /// factor, as JPEG and in the version's canonical form.
    Listed,
}

/// An image's description from its `info.json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Described {
    /// Image API version.
    pub version: ApiVersion,
    /// Compliance level. Servers above level 0 support more requests than `info.json` lists, but those aren't checked.
    pub level: Option<u8>,
    /// Full size in pixels.
    pub size: Size,
    /// Rule that was used to determine the objects to check.
    pub rule: Rule,
}

/// Result of verifying one image.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Verified {
    /// URL of the `info.json`. If the image is versioned, this is the newest version's URL.
    pub url: InfoUrl,
    /// Description of the image, or `None` if `info.json` is missing or unusable, in which case nothing else was
    /// checked.
    pub described: Option<Described>,
    /// Number of objects that a viewer would request, including `info.json`.
    pub objects: u64,
    /// Number of objects that were checked.
    pub checked: u64,
    /// Problems sorted by kind, starting with those that affect the whole image. Problems of the same kind are in
    /// publishing order.
    pub findings: Vec<Finding>,
    /// Number of problems beyond the first 100,000.
    pub unlisted: u64,
}

impl Verified {
    /// Returns `true` if no problems were found.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Errors that prevent an image from being verified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The HTTP client can't be set up, for example because there are no root certificates.
    #[error("could not set up HTTPS")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The host doesn't respond or has stopped responding.
    #[error("could not reach `{url}`: {reason}")]
    Unreachable {
        /// The requested URL.
        url: String,
        /// The innermost cause.
        reason: String,
    },
}

/// Checks images over HTTP and HTTPS, from the perspective of a viewer embedded in any web page.
#[derive(Clone, Debug)]
pub struct Verifier {
    viewer: Viewer,
    options: Options,
    /// One permit per core, shared by all images. Additional decoders would only use more memory.
    decoders: Arc<Semaphore>,
}

impl Verifier {
    /// Creates a verifier without sending any requests.
    ///
    /// # Errors
    /// Returns an error if HTTPS can't be set up.
    pub fn new(options: Options) -> Result<Self, VerifyError> {
        let viewer = Viewer::new().map_err(|error| VerifyError::Client(error.into()))?;
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Ok(Self { viewer, options, decoders: Arc::new(Semaphore::new(cores)) })
    }

    /// Verifies one image. Checks its `info.json` first, then the objects next to it, regardless of its `id`.
    ///
    /// # Errors
    /// Returns an error if the host can't be reached. Any other problem is reported as a finding.
    pub async fn verify(&self, url: &InfoUrl) -> Result<Verified, VerifyError> {
        let mut tally = Tally::default();
        let mut url = url;
        let mut information = self.information(url, &mut tally).await?;
        // The newest version's `id` lies below the URL we were given. Viewers send all further requests to that `id`,
        // so those are the tiles that matter.
        let version = information.as_ref().and_then(|information| information.version_below(url));
        if let Some(version) = &version {
            // A versioned image serves its newest version's `info.json` as its own, and viewers continue from there.
            url = version;
            tally.move_to_version();
            information = self.information(url, &mut tally).await?;
        }
        let covered = information.and_then(|information| {
            let coverage = Coverage::of(&information, self.options.rounded_sizes);
            coverage.map_err(|reason| tally.information(reason)).ok().map(|coverage| (information, coverage))
        });
        let Some((information, coverage)) = covered else { return Ok(verified(url, None, (1, 1), tally)) };
        let described = information.described(coverage.rule());
        let sample = Sample::new(coverage.expected(), described.size, self.options.sample);
        let counts = (sample.total() + 1, sample.checked() + 1);
        self.pictures(url, &coverage, sample, &mut tally).await?;
        Ok(verified(url, Some(described), counts, tally))
    }

    async fn information(&self, url: &InfoUrl, tally: &mut Tally) -> Result<Option<Information>, VerifyError> {
        let info_url = url.to_string();
        let answer = match self.viewer.get(&info_url, INFORMATION_LIMIT_BYTES).await {
            Err(FetchError::Unreachable(reason)) => return Err(VerifyError::Unreachable { url: info_url, reason }),
            answer => answer,
        };
        let answer = match answer.map_err(Problem::from).and_then(Answer::found) {
            Ok(answer) => answer,
            Err(problem) => {
                tally.finding(0, Plan::INFO_JSON, problem);
                return Ok(None);
            }
        };
        for problem in information::header_problems(&answer) {
            tally.finding(0, Plan::INFO_JSON, problem);
        }
        match Information::read(&answer.body) {
            Ok(information) => {
                let base_uris = [url.base_uri(), InfoUrl::base_of(&answer.final_url)];
                information.complaints(base_uris).for_each(|complaint| tally.information(complaint));
                Ok(Some(information))
            }
            Err(reason) => {
                tally.information(reason);
                Ok(None)
            }
        }
    }

    /// Checks image files, up to `concurrency` at a time. Stops if the host no longer responds.
    async fn pictures(
        &self,
        url: &InfoUrl,
        coverage: &Coverage,
        mut sample: Sample,
        tally: &mut Tally,
    ) -> Result<(), VerifyError> {
        let chosen = coverage.expected().filter(move |expected| sample.takes(expected));
        let check = |(index, expected)| self.check(url, index, expected);
        let checks = stream::iter((1_u64..).zip(chosen)).map(check).buffer_unordered(self.options.concurrency.get());
        let mut checks = pin!(checks);
        while let Some(checked) = checks.next().await {
            if let Some(reason) = tally.add(checked) {
                return Err(VerifyError::Unreachable { url: url.to_string(), reason });
            }
        }
        Ok(())
    }

    async fn check(&self, url: &InfoUrl, index: u64, expected: Expected) -> Checked {
        let path = expected.request.to_string();
        let limit = picture::limit_bytes(expected.measure);
        let answer = self.viewer.get(&format!("{}/{path}", url.base_uri()), limit).await;
        let answer = match answer {
            Err(FetchError::Unreachable(reason)) => return Checked::silent(index, path, reason),
            answer => answer.map_err(Problem::from).and_then(Answer::found),
        };
        match answer {
            Ok(answer) => {
                let problems = picture::problems(&answer, expected, &self.decoders).await;
                Checked::answered(index, path, &answer, problems)
            }
            Err(problem) => Checked::failed(index, path, problem),
        }
    }
}

fn verified(url: &InfoUrl, described: Option<Described>, counts: (u64, u64), tally: Tally) -> Verified {
    let (objects, checked) = counts;
    let (findings, unlisted) = tally.into_findings();
    Verified { url: url.clone(), described, objects, checked, findings, unlisted }
}
