//! The only module that writes `info.json`.

use super::api_folder::ApiFolder;
use super::content::ContentDigest;
use super::fingerprint::Fingerprint;
use super::mark::{Mark, MarkState};
use super::options::Options;
use super::revision::Revisions;
use super::state::StoredInfo;
use super::target::Target;
use crate::destination::ImageFolder;
use crate::iiif::ImageInformation;

use crate::store::{Body, Object, Store, StoreError};
use bytes::Bytes;

/// Writes an image's `info.json` files.
pub(super) struct InfoWriter<'a> {
    pub(super) store: &'a dyn Store,
    pub(super) options: &'a Options,
    pub(super) target: &'a Target,
}

impl InfoWriter<'_> {
    /// Writes `info.json` and its mark to each object folder. Returns the number of bytes written.
    pub(super) async fn put(&self, marks: &[Mark]) -> Result<u64, StoreError> {
        self.put_in(ApiFolder::dir, marks).await
    }

    /// Writes `info.json` to the folders that viewers load it from. Returns the number of bytes written.
    pub(super) async fn put_current(&self, marks: &[Mark]) -> Result<u64, StoreError> {
        self.put_in(ApiFolder::current_dir, marks).await
    }

    async fn put_in(&self, dir: impl Fn(&ApiFolder) -> &ImageFolder, marks: &[Mark]) -> Result<u64, StoreError> {
        let mut bytes = 0;
        for (folder, mark) in self.target.folders.iter().zip(marks) {
            bytes += self.store.put(self.object(folder, dir(folder), self.body(folder), mark)).await?.bytes;
        }
        Ok(bytes)
    }

    /// Returns the object that invalidates a stored `info.json`. It has the same body, but a different mark.
    pub(super) fn replacing(&self, folder: &ApiFolder, info: &StoredInfo, mark: &Mark) -> Object {
        // The image stays visible while its tiles are being replaced, so the document must still describe the old
        // tiles. Only the mark changes, and viewers don't see it. After a crash, it tells the next run that old and new
        // tiles may be mixed.
        self.object(folder, folder.current_dir(), info.stored.body.clone(), mark)
    }

    fn body(&self, folder: &ApiFolder) -> Bytes {
        let rights = self.options.rights.clone();
        let information = ImageInformation::new(
            &self.target.pyramid,
            folder.plan.version(),
            folder.objects().base_uri().to_owned(),
            rights,
        );
        information.to_json().into()
    }

    fn object(&self, folder: &ApiFolder, dir: &ImageFolder, body: impl Into<Body>, mark: &Mark) -> Object {
        Object {
            key: dir.info_key(),
            body: body.into(),
            content_encoding: None,
            content_type: ImageInformation::content_type(folder.plan.version()),
            cache_control: self.options.info_cache_control.as_str().into(),
            mark: Some(mark.to_string().into()),
        }
    }
}

/// Returns the marks for a newly stored image, one per folder.
pub(super) fn committed(
    fingerprint: &Fingerprint,
    revisions: &Revisions,
    content: &[ContentDigest],
    state: MarkState,
) -> Vec<Mark> {
    let mark = |(document, content): (&String, &ContentDigest)| Mark {
        state,
        pixels: fingerprint.pixels.clone(),
        headers: fingerprint.headers.clone(),
        document: document.clone(),
        revisions: revisions.clone(),
        content: *content,
        has_orphans: false,
        is_contested: false,
        old_versions: None,
        scale: None,
        warnings: Vec::new(),
    };
    fingerprint.documents.iter().zip(content).map(mark).collect()
}
