//! The state of an image in the store, and the decision what to do about it.

use super::fingerprint::{Fingerprint, version_name};
use super::mark::{Mark, MarkState};
use super::options::Options;
use super::replace::is_ours;
use crate::destination::{Identifier, ImageFolder, VersionName};
use crate::iiif::Size;
use crate::source::Warning;
use crate::store::{KeyError, OnExisting, Store, StoreError, Stored};
use serde::Deserialize;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::time::SystemTime;
use tokio::time::Instant;

/// An `info.json` in the store, with its mark.
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
    /// Returns `true` if no version of this program has written it.
    pub(super) fn is_foreign(&self) -> bool {
        !is_ours(self.stored.mark.as_deref())
    }
}

/// The `info.json` of each version of the Image API, if it is there.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// One for each folder.
    pub(super) infos: Vec<Option<StoredInfo>>,
    /// The time at which loading began: an image may wait for long until there is memory for it.
    pub(super) loaded: (Instant, SystemTime),
}

/// The part of an `info.json` that is read back.
#[derive(Deserialize)]
struct Described {
    #[serde(alias = "@id")]
    id: String,
    width: u32,
    height: u32,
}

/// An action that a publish takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Read the source, and store everything that is not there yet.
    Publish,
    /// Give the pictures other headers, and write `info.json` again.
    UpdateHeaders,
    /// Write `info.json` again.
    UpdateDocuments,
    /// Nothing, unless it is time to compare the objects with the digest in the mark.
    Settle,
    /// Nothing: it is current.
    Skip,
    /// Nothing: it is there, and images that are there are kept.
    Keep,
    /// Nothing: a newer version of the program published it.
    KeepNewer,
}

impl State {
    /// Loads the state of an image, with one request for each folder.
    pub(super) async fn load(
        store: &dyn Store,
        folders: impl Iterator<Item = &ImageFolder>,
    ) -> Result<Self, StoreError> {
        let (loaded, mut infos) = ((Instant::now(), SystemTime::now()), Vec::new());
        for folder in folders {
            infos.push(store.get(&folder.info_key()).await?.map(StoredInfo::from));
        }
        Ok(Self { infos, loaded })
    }

    /// Loads the state of an image by its identifier.
    pub(super) async fn load_current(
        store: &dyn Store,
        options: &Options,
        identifier: &Identifier,
    ) -> Result<Result<Self, StoreError>, KeyError> {
        let images = options.destination().images(identifier)?;
        Ok(Self::load(store, images.iter().map(|(_, image)| image.folder())).await)
    }

    /// Decides what to do.
    pub(super) fn decide(&self, fingerprint: &Fingerprint, options: &Options) -> Action {
        // The order of these rules is the order of their weight. What the user has asked for comes first. Then an image
        // of a newer program is protected from this one, even if its source has changed: this program may not know what
        // the newer one has stored beside it. Only then do differences count.
        if options.on_existing == OnExisting::Overwrite || !self.is_there() {
            return Action::Publish;
        }
        if self.is_newer() {
            return Action::KeepNewer;
        }
        let action = self.difference(fingerprint);
        match (action, options.on_existing) {
            (Action::Skip | Action::Settle, OnExisting::Keep) => Action::Skip,
            (_, OnExisting::Keep) => Action::Keep,
            (action, OnExisting::Update | OnExisting::Overwrite) => action,
        }
    }

    /// Compares what is there with what would be published.
    fn difference(&self, fingerprint: &Fingerprint) -> Action {
        let Some(marks) = self.marks().filter(|_| self.size().is_some()) else { return Action::Publish };
        // From the most expensive difference to the cheapest. Each action does the work of those below it as well:
        // publishing again also writes headers and documents, and an update of headers also writes documents.
        let has_pixels = |mark: &&Mark| {
            mark.state != MarkState::Replacing
                && mark.pixels == fingerprint.pixels
                && mark.revisions.age() == Ordering::Equal
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

    /// Returns `true` if a newer version of the program published some folder.
    fn is_newer(&self) -> bool {
        // A mark that cannot be parsed but looks like ours is one of a later format. A revision that this program does
        // not know, or one that is higher, comes from a later program of the same format.
        self.infos.iter().flatten().any(|info| match &info.mark {
            Some(mark) => mark.revisions.age() == Ordering::Greater,
            None => !info.is_foreign(),
        })
    }

    /// Returns the mark of each folder, if every folder has one.
    pub(super) fn marks(&self) -> Option<Vec<&Mark>> {
        self.infos.iter().map(|info| info.as_ref()?.mark.as_ref()).collect()
    }

    /// Returns `true` if some `info.json` is there, whoever published it.
    pub(super) fn is_there(&self) -> bool {
        self.infos.iter().any(Option::is_some)
    }

    /// Returns `true` if a run has committed a folder since `other` was loaded.
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
        // The mark and the time together. The mark alone would not do: another run may have committed the same content,
        // and then its digest is of objects that were stored later. The time alone has a resolution of one second in
        // HTTP.
        let seen =
            |info: &Option<StoredInfo>| info.as_ref().map(|info| (info.stored.mark.clone(), info.stored.modified));
        self.infos.iter().map(seen).eq(other.infos.iter().map(seen))
    }

    /// Returns `true` if no more than `keep` old versions are left, for sure.
    pub(super) fn has_at_most(&self, keep: usize) -> bool {
        self.marks().is_some_and(|marks| marks.iter().all(|mark| mark.old_versions.is_some_and(|count| count <= keep)))
    }

    /// Returns `true` if the pictures that are there have these headers, so that those with the right bytes can stay.
    pub(super) fn has_headers(&self, headers: &str) -> bool {
        self.infos.iter().flatten().all(|info| info.mark.as_ref().is_some_and(|mark| mark.headers == headers))
    }

    /// Returns `true` if every folder holds the pixels of this fingerprint.
    pub(super) fn has_pixels(&self, fingerprint: &Fingerprint) -> bool {
        self.marks().is_some_and(|marks| marks.iter().all(|mark| mark.pixels == fingerprint.pixels))
    }

    /// Returns the warnings about the image that is there, without their details.
    pub(super) fn warnings(&self) -> Vec<Warning> {
        let marks = self.infos.iter().flatten().filter_map(|info| info.mark.as_ref());
        let kinds: BTreeSet<_> = marks.flat_map(|mark| mark.warnings.iter().copied()).collect();
        kinds.into_iter().map(Warning::remembered).collect()
    }

    /// Returns the name of the version that is there.
    pub(super) fn version(&self) -> Option<VersionName> {
        let marks = self.marks()?;
        let mark = marks.first()?;
        Some(version_name(&mark.pixels, &mark.revisions))
    }

    /// Returns the size of the image, as its `info.json` says.
    pub(super) fn size(&self) -> Option<Size> {
        let Described { width, height, .. } = self.described()?;
        Size::new(width, height).ok()
    }

    /// Returns the base URI of the image, as its `info.json` says.
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
        State { infos, loaded: (Instant::now(), SystemTime::now()) }
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
