//! The state of an image in the store, and the logic that decides how to update it.

use super::fingerprint::{Fingerprint, version_name};
use super::mark::{Mark, MarkState};
use super::options::Options;
use super::replace::is_ours;
use crate::destination::{Identifier, ImageFolder, VersionName};
use crate::iiif::{PhysicalScale, Size};
use crate::source::{Dpi, Warning};
use crate::store::{KeyError, Listed, OnExisting, Store, StoreError, Stored};
use serde::Deserialize;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// Maximum age of a loaded state. An older state is reloaded before it is invalidated.
const RELOAD_AFTER: Duration = Duration::from_secs(2);

/// An `info.json` in the store, along with its mark.
#[derive(Clone, Debug)]
pub(super) struct StoredInfo {
    pub(super) stored: Stored,
    pub(super) mark: Option<Mark>,
}

impl From<Stored> for StoredInfo {
    fn from(stored: Stored) -> Self {
        let mark = stored.mark.as_deref().and_then(|mark| mark.parse().ok());
        Self { stored, mark }
    }
}

impl StoredInfo {
    /// Returns `true` if it wasn't written by any version of this program.
    pub(super) fn is_foreign(&self) -> bool {
        !is_ours(self.stored.mark.as_deref())
    }
}

/// The existing `info.json` for each Image API version.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// One entry per folder.
    pub(super) infos: Vec<Option<StoredInfo>>,
    /// Objects in the image's only folder, if they were listed at the same time.
    pub(super) listed: Option<Vec<Listed>>,
    /// Time when loading started. An image can wait a long time for memory after that.
    pub(super) loaded: (Instant, SystemTime),
}

/// Fields parsed from an existing `info.json`.
#[derive(Deserialize)]
struct Described {
    #[serde(alias = "@id")]
    id: String,
    width: u32,
    height: u32,
}

/// Action required to publish an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Read the source and store all missing objects.
    Publish,
    /// Update the headers of all pictures and rewrite `info.json`.
    UpdateHeaders,
    /// Rewrite `info.json`.
    UpdateDocuments,
    /// Compare the objects with the mark's digest if the grace period is over.
    Settle,
    /// Do nothing because the image is current.
    Skip,
    /// Do nothing because existing images are kept.
    Keep,
    /// Do nothing because a newer version of the program published the image.
    KeepNewer,
}

impl State {
    /// Loads an image's state, with one request per folder.
    pub(super) async fn load(
        store: &dyn Store,
        folders: impl Iterator<Item = &ImageFolder>,
    ) -> Result<Self, StoreError> {
        let (loaded, mut infos) = ((Instant::now(), SystemTime::now()), Vec::new());
        for folder in folders {
            infos.push(store.get(&folder.info_key()).await?.map(StoredInfo::from));
        }
        Ok(Self { infos, listed: None, loaded })
    }

    /// Loads the state of the image with the given identifier.
    pub(super) async fn load_current(
        store: &dyn Store,
        options: &Options,
        identifier: &Identifier,
    ) -> Result<Result<Self, StoreError>, KeyError> {
        let images = options.destination().images(identifier)?;
        Ok(Self::load(store, images.iter().map(|(_, image)| image.folder())).await)
    }

    /// Decides which action to take.
    pub(super) fn decide(&self, fingerprint: &Fingerprint, options: &Options) -> Action {
        // These rules are in order of precedence. The user's choice comes first. Images published by a newer program
        // are protected next, even if their source has changed, because we don't know what else that program has
        // stored. Only then do we compare the images.
        if options.on_existing == OnExisting::Overwrite || !self.is_there() {
            return Action::Publish;
        }
        if self.is_newer() {
            return Action::KeepNewer;
        }
        let action = self.difference(fingerprint, options.read.pdf_dpi);
        match (action, options.on_existing) {
            (Action::Skip | Action::Settle, OnExisting::Keep) => Action::Skip,
            (_, OnExisting::Keep) => Action::Keep,
            (action, OnExisting::Update | OnExisting::Overwrite) => action,
        }
    }

    /// Compares the existing image with the image to be published.
    fn difference(&self, fingerprint: &Fingerprint, pdf_dpi: Dpi) -> Action {
        let Some(marks) = self.marks().filter(|_| self.size().is_some()) else { return Action::Publish };
        // Check the most expensive difference first, because each action includes the ones after it. Publishing
        // rewrites headers and documents, and updating headers rewrites documents.
        let has_pixels = |mark: &&Mark| {
            mark.state != MarkState::Replacing
                && mark.pixels == fingerprint.pixels
                && mark.revisions.age() == Ordering::Equal
                && mark.revisions.is_rendered_at(pdf_dpi)
        };
        if !marks.iter().all(has_pixels) {
            Action::Publish
        } else if marks.iter().any(|mark| mark.headers != fingerprint.headers) {
            Action::UpdateHeaders
        } else if !marks.iter().map(|mark| &mark.document).eq(&fingerprint.documents) {
            Action::UpdateDocuments
        } else if marks.iter().any(|mark| mark.state == MarkState::Settling || mark.has_orphans) {
            Action::Settle
        } else {
            Action::Skip
        }
    }

    /// Returns `true` if a newer version of the program published any of the folders.
    fn is_newer(&self) -> bool {
        // If a mark looks like ours but can't be parsed, it uses a newer format. Unknown or higher revisions were
        // written by a newer program that still uses this format.
        self.infos.iter().flatten().any(|info| match &info.mark {
            Some(mark) => mark.revisions.age() == Ordering::Greater,
            None => !info.is_foreign(),
        })
    }

    /// Returns the mark of each folder, or `None` if any are missing.
    pub(super) fn marks(&self) -> Option<Vec<&Mark>> {
        self.infos.iter().map(|info| info.as_ref()?.mark.as_ref()).collect()
    }

    /// Returns `true` if every folder was compared with its digest, or never has to be.
    pub(super) fn is_settled(&self) -> bool {
        let is_current = |mark: &&Mark| mark.state == MarkState::Current && !mark.has_orphans;
        self.marks().is_some_and(|marks| marks.iter().all(is_current))
    }

    /// Returns `true` if any `info.json` exists, regardless of which program wrote it.
    pub(super) fn is_there(&self) -> bool {
        self.infos.iter().any(Option::is_some)
    }

    /// Returns `true` if the state was loaded too long ago to change anything in the store based on it.
    pub(super) fn is_outdated(&self) -> bool {
        self.loaded.0.elapsed() >= RELOAD_AFTER
    }

    /// Returns the objects that were listed when the state was loaded, if that shows all pictures that matter.
    pub(super) fn early_listing(&self) -> Option<&[Listed]> {
        // If there is an `info.json`, another run may have replaced the image between the two requests, and the
        // pictures have to be listed after the mark was read. Without one, any other run is still at work, and its
        // pictures may change at any time.
        self.listed.as_deref().filter(|_| !self.is_there() && !self.is_outdated())
    }

    /// Returns `true` if another run has committed a folder since `other` was loaded.
    pub(super) fn has_commit_since(&self, other: &Self) -> bool {
        let is_commit = |info: &StoredInfo| info.mark.as_ref().is_some_and(|mark| mark.state != MarkState::Replacing);
        let is_same = |info: &StoredInfo, before: Option<&StoredInfo>| {
            before.is_some_and(|before| {
                let pixels = |info: &StoredInfo| info.mark.as_ref().map(|mark| (mark.pixels.clone(), mark.content));
                pixels(before) == pixels(info)
            })
        };
        let pairs = self.infos.iter().zip(&other.infos);
        pairs
            .filter_map(|(now, before)| Some((now.as_ref()?, before.as_ref())))
            .any(|(now, before)| is_commit(now) && !is_same(now, before))
    }

    /// Returns `true` if no `info.json` was written since `other` was loaded.
    pub(super) fn is_as_seen(&self, other: &Self) -> bool {
        // Compare both the mark and the time. With the mark alone, we'd miss another run that committed the same
        // content, and its digest covers objects stored later. The time alone isn't enough because HTTP dates have a
        // resolution of one second.
        let seen =
            |info: &Option<StoredInfo>| info.as_ref().map(|info| (info.stored.mark.clone(), info.stored.modified));
        self.infos.iter().map(seen).eq(other.infos.iter().map(seen))
    }

    /// Returns `true` if the marks confirm that at most `keep` old versions are left.
    pub(super) fn has_at_most(&self, keep: usize) -> bool {
        self.marks().is_some_and(|marks| marks.iter().all(|mark| mark.old_versions.is_some_and(|count| count <= keep)))
    }

    /// Returns `true` if all existing pictures have these headers, so any with matching bytes can be kept.
    pub(super) fn has_headers(&self, headers: &str) -> bool {
        self.infos.iter().flatten().all(|info| info.mark.as_ref().is_some_and(|mark| mark.headers == headers))
    }

    /// Returns `true` if all folders match the fingerprint's pixel hash.
    pub(super) fn has_pixels(&self, fingerprint: &Fingerprint) -> bool {
        self.marks().is_some_and(|marks| marks.iter().all(|mark| mark.pixels == fingerprint.pixels))
    }

    /// Returns the warnings recorded for the existing image, without details.
    pub(super) fn warnings(&self) -> Vec<Warning> {
        let marks = self.infos.iter().flatten().filter_map(|info| info.mark.as_ref());
        let kinds: BTreeSet<_> = marks.flat_map(|mark| mark.warnings.iter().copied()).collect();
        kinds.into_iter().map(Warning::remembered).collect()
    }

    /// Returns the physical pixel size recorded for the existing image.
    pub(super) fn scale(&self) -> Option<PhysicalScale> {
        self.infos.iter().flatten().filter_map(|info| info.mark.as_ref()).find_map(|mark| mark.scale)
    }

    /// Returns the name of the existing version.
    pub(super) fn version(&self) -> Option<VersionName> {
        let marks = self.marks()?;
        let mark = marks.first()?;
        Some(version_name(&mark.pixels, &mark.revisions))
    }

    /// Returns the image size recorded in `info.json`.
    pub(super) fn size(&self) -> Option<Size> {
        let Described { width, height, .. } = self.described()?;
        Size::new(width, height).ok()
    }

    /// Returns the base URI recorded in `info.json`.
    pub(super) fn base_uri(&self) -> Option<String> {
        self.described().map(|described| described.id)
    }

    fn described(&self) -> Option<Described> {
        serde_json::from_slice(&self.infos.iter().flatten().next()?.stored.body).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::Action::{Keep, KeepNewer, Publish, Settle, Skip, UpdateDocuments, UpdateHeaders};
    use super::*;
    use crate::publish::content::ContentDigest;

    fn fingerprint() -> Fingerprint {
        Fingerprint { pixels: "p".to_owned(), headers: "h".to_owned(), documents: vec!["d".to_owned()] }
    }

    fn state(mark: Option<&str>) -> State {
        let body = "{\"id\":\"https://example.org/a\",\"width\":3,\"height\":2}".into();
        let stored = Stored { body, mark: mark.map(str::to_owned), etag: None, modified: None };
        there(vec![Some(stored.into())])
    }

    fn there(infos: Vec<Option<StoredInfo>>) -> State {
        State { infos, listed: None, loaded: (Instant::now(), SystemTime::now()) }
    }

    fn mark(state: &str, pixels: &str, headers: &str, document: &str, made: &str) -> String {
        let content = ContentDigest::default();
        format!("1;state={state};headers={headers};pixels={pixels};document={document};made={made};{content}")
    }

    #[test]
    fn every_state_has_one_action() {
        let options = Options::new("https://example.org".parse().expect("a URL"));
        let kept = Options { on_existing: OnExisting::Keep, ..options.clone() };
        let again = Options { on_existing: OnExisting::Overwrite, ..options.clone() };
        for (name, state, [default, keep, overwrite]) in [
            ("absent", there(vec![None]), [Publish, Publish, Publish]),
            (
                "partial",
                there(vec![None, state(Some(&mark("current", "p", "h", "d", ""))).infos.remove(0)]),
                [Publish, Keep, Publish],
            ),
            ("foreign", state(None), [Publish, Keep, Publish]),
            ("foreign metadata", state(Some("0f3a-77aa")), [Publish, Keep, Publish]),
            ("newer format", state(Some("2;state=x")), [KeepNewer, KeepNewer, Publish]),
            ("newer code", state(Some(&mark("current", "p", "h", "d", "plan:99"))), [KeepNewer, KeepNewer, Publish]),
            ("outdated code", state(Some(&mark("current", "p", "h", "d", "plan:0"))), [Publish, Keep, Publish]),
            (
                "other resolution",
                state(Some(&mark("current", "p", "h", "d", "pdf:1,pdf-dpi:400"))),
                [Publish, Keep, Publish],
            ),
            ("replacing", state(Some("1;state=replacing;headers=h")), [Publish, Keep, Publish]),
            ("other pixels", state(Some(&mark("current", "x", "h", "d", "plan:1"))), [Publish, Keep, Publish]),
            ("other headers", state(Some(&mark("current", "p", "x", "x", "plan:1"))), [UpdateHeaders, Keep, Publish]),
            (
                "other document",
                state(Some(&mark("current", "p", "h", "x", "plan:1"))),
                [UpdateDocuments, Keep, Publish],
            ),
            ("settling", state(Some(&mark("settling", "p", "h", "d", "plan:1"))), [Settle, Skip, Publish]),
            ("current", state(Some(&mark("current", "p", "h", "d", "plan:1"))), [Skip, Skip, Publish]),
        ] {
            let mut fingerprint = fingerprint();
            fingerprint.documents.resize(state.infos.len(), "d".to_owned());
            let actions = [&options, &kept, &again].map(|options| state.decide(&fingerprint, options));
            assert_eq!(actions, [default, keep, overwrite], "{name}");
        }
    }
}
