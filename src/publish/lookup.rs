//! Looks up an image before it is published: its source, its state in the store, and what to do about it.

use super::fingerprint::{self, Fingerprint, version_name};
use super::first::EarlyLookup;
use super::page::Origin;
use super::revision::Revisions;
use super::state::{Action, State};
use super::target::Target;
use super::{Identity, Image, PublishError, Publisher};
use crate::destination::Identifier;
use crate::iiif::Pyramid;
use crate::location::Location;
use crate::source::ResolvedSource;
use futures::future::try_join;

/// An image after its lookup.
pub(super) struct Found {
    pub(super) origin: Origin,
    pub(super) fingerprint: Fingerprint,
    pub(super) state: State,
    pub(super) action: Action,
    /// Target according to the existing `info.json`.
    pub(super) target: Option<Target>,
}

impl Found {
    /// Returns `true` if nothing is left to do but to say so.
    pub(super) fn is_done(&self) -> bool {
        self.target.is_some() && matches!(self.action, Action::Keep | Action::KeepNewer | Action::Skip)
    }
}

impl Publisher {
    /// Finds the source, loads the image's state in the store, and decides what to do.
    pub(super) async fn look_up(&self, image: &Image, early: Option<EarlyLookup>) -> Result<Found, PublishError> {
        // Do this before opening the file. If the file is replaced in between, the next run will notice.
        let source = async {
            let origin = self.origin(image).await?;
            let fingerprint = self.fingerprint(image, &origin).await?;
            Ok((origin, fingerprint))
        };
        let state = self.load_state_once(&image.identifier, early);
        let ((origin, fingerprint), state) =
            if self.is_far(&image.location) { try_join(source, state).await? } else { (source.await?, state.await?) };
        // This decision doesn't require reading the source. Its size and modification time (or entity tag) and a single
        // GET of `info.json` are enough. In a mostly unchanged collection, that's the whole cost of most images.
        let action = state.decide(&fingerprint, &self.options);
        let target = self.known_target(image, &state)?;
        Ok(Found { origin, fingerprint, state, action, target })
    }

    /// Returns `true` if waiting for a source takes a round trip and nothing else. A source that is read completely
    /// takes so long that the image's state would be outdated after that.
    pub(super) fn is_far(&self, location: &Location) -> bool {
        !matches!(location, Location::File { .. }) && self.options.identity == Identity::SizeAndTime
    }

    pub(super) async fn load_state(&self, identifier: &Identifier) -> Result<State, PublishError> {
        Ok(State::load_current(&*self.store, &self.options, identifier).await??)
    }

    /// Returns the target for an existing image based on the size in its `info.json`, or `None` if that has no size.
    pub(super) fn known_target(&self, image: &Image, state: &State) -> Result<Option<Target>, PublishError> {
        let Some(size) = state.size() else { return Ok(None) };
        let pyramid = Pyramid::new(size, self.options.shape);
        // Images published by other programs don't have a version. The name isn't used in that case.
        let version = state.version().unwrap_or_else(|| version_name("", &Revisions::default()));
        let target = Target::new(&self.options, &image.identifier, pyramid, version)?;
        Ok(Some(Target { scale: state.scale(), ..target }))
    }

    pub(super) async fn fingerprint(&self, image: &Image, origin: &Origin) -> Result<Fingerprint, PublishError> {
        let attributes = self.store.keeps_headers().then(|| self.store.attributes());
        let fingerprint = |source: &str, page| {
            Fingerprint::new(&image.identifier, source, page, &self.options, attributes.as_deref())
        };
        match origin {
            Origin::Page(page) => Ok(fingerprint(page.source_identity(), page.number())),
            Origin::File(resolved) => {
                let source = self.source_identity(image, resolved).await?;
                Ok(fingerprint(&source, self.options.read.page))
            }
        }
    }

    /// Returns the text that identifies a source's content.
    pub(super) async fn source_identity(
        &self,
        image: &Image,
        resolved: &ResolvedSource,
    ) -> Result<String, PublishError> {
        let (resolved, identity, budget) = (resolved.clone(), self.options.identity, self.budget.clone());
        let describe = move || fingerprint::source(&resolved, identity, &|| budget.is_stopping());
        Ok(match identity {
            Identity::SizeAndTime => self.blocking(image, describe).await??,
            Identity::Content => self.work(image, describe).await??,
        })
    }
}
