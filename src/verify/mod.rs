//! Whether a published image is whole: asks over the web for every object that a viewer would ask for, and looks at each.
//!
//! Images of other programs are checked too. What a viewer asks for follows from `info.json` alone, by one of two
//! [`Rule`]s.
//!
//! ```no_run
//! use iiif_publish::verify::{Options, Verifier};
//!
//! # async fn verify() -> Result<(), Box<dyn std::error::Error>> {
//! let verifier = Verifier::new(Options { sample: Some(500), ..Options::default() })?;
//! let verified = verifier.verify(&"https://example.org/iiif/photo/info.json".parse()?).await?;
//! for finding in &verified.findings {
//!     eprintln!("{}: {}", finding.path.as_deref().unwrap_or("the image"), finding.problem);
//! }
//! assert!(verified.is_well());
//! # Ok(())
//! # }
//! ```

mod address;
mod coverage;
mod fetch;
mod finding;
mod information;
mod listed;
mod picture;
mod sample;
mod tally;

pub use address::{AddressError, InfoUrl};
pub use finding::{Finding, Problem};

use crate::iiif::{ApiVersion, Plan, RoundedSizes, Size};
use coverage::{Coverage, Expected};
use fetch::{Answer, Client, FetchError};
use futures::{StreamExt, stream};
use information::Information;
use sample::Sample;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use tally::{Checked, Tally};
use tokio::sync::Semaphore;

/// The longest `info.json` that is read, in bytes: a thousand times the usual.
const INFORMATION_LIMIT_BYTES: u64 = 1 << 20;

/// What a verifier decides once for all images. [`Options::default`] checks everything.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Requests in flight.
    pub concurrency: NonZeroUsize,
    /// How many objects of an image are checked, evenly spread; `None` for all. `info.json`, `full/max` and the corners of
    /// scale factor 1 always are.
    pub sample: Option<u64>,
    /// Whether the sizes that only OpenSeadragon 4.0.0 asks for are to be there. `info.json` does not tell.
    pub rounded_sizes: RoundedSizes,
}

impl Options {
    /// Requests in flight where none is said: what a browser with a few viewers has.
    pub const CONCURRENCY: NonZeroUsize = NonZeroUsize::new(16).expect("it is not zero");
}

impl Default for Options {
    fn default() -> Self {
        Self { concurrency: Self::CONCURRENCY, sample: None, rounded_sizes: RoundedSizes::default() }
    }
}

/// How it was decided what a viewer would ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The `info.json` is, but for its rights and additions, what this crate writes for an image of this size: every
    /// object of its [`Plan`].
    Plan,
    /// Any other image: `full/max` (of version 2 `full/full` too), each entry of `sizes`, and every tile of every listed
    /// scale factor, in the canonical form of its version and as JPEG.
    Listed,
}

/// What an `info.json` says of its image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Described {
    /// The version of the Image API.
    pub version: ApiVersion,
    /// The compliance level: above 0, a server answers more than `info.json` lists, and that is not checked.
    pub level: Option<u8>,
    /// The full size, in pixels.
    pub size: Size,
    /// What the checked objects follow from.
    pub rule: Rule,
}

/// What was found out about one image.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Where it is: of an image with versions, where the newest is.
    pub url: InfoUrl,
    /// `None` where `info.json` is missing or unusable: then nothing else was checked.
    pub described: Option<Described>,
    /// All objects that a viewer would ask for, `info.json` included.
    pub objects: u64,
    /// How many of them were checked.
    pub checked: u64,
    /// What is wrong: the image as a whole first, then by kind, each kind in publishing order.
    pub findings: Vec<Finding>,
    /// Findings beyond the hundred thousand that are kept.
    pub unlisted: u64,
}

impl Verified {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Why nothing can be said about an image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The HTTP client cannot be set up, for example without root certificates.
    #[error("could not set up HTTPS")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The host gives no answers, or none any more.
    #[error("could not reach `{url}`: {reason}")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// The innermost cause.
        reason: String,
    },
}

/// Checks images over HTTP and HTTPS, as a viewer on any web page would see them.
#[derive(Clone, Debug)]
pub struct Verifier {
    client: Client,
    options: Options,
    /// One permit for each core, of all images together: more decoders would only take memory.
    decoders: Arc<Semaphore>,
}

impl Verifier {
    /// A verifier. Nothing is sent yet.
    ///
    /// # Errors
    /// Where HTTPS cannot be set up.
    pub fn new(options: Options) -> Result<Self, VerifyError> {
        let client = Client::new().map_err(|error| VerifyError::Client(error.into()))?;
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Ok(Self { client, options, decoders: Arc::new(Semaphore::new(cores)) })
    }

    /// Checks one image: first its `info.json`, then the objects beside it, wherever its `id` points.
    ///
    /// # Errors
    /// Where the host cannot be reached. All else is a finding.
    pub async fn verify(&self, url: &InfoUrl) -> Result<Verified, VerifyError> {
        let mut tally = Tally::default();
        let mut url = url;
        let mut information = self.information(url, &mut tally).await?;
        let version = information.as_ref().and_then(|information| information.version_below(url));
        if let Some(version) = &version {
            // Where an image has versions, its own `info.json` is that of the newest, and viewers go on there.
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
        let answer = match self.client.get(&info_url, INFORMATION_LIMIT_BYTES).await {
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

    /// Checks the pictures, a bounded number at a time, until all are done or the host has fallen silent.
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
        let answer = self.client.get(&format!("{}/{path}", url.base_uri()), limit).await;
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
