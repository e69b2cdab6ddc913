//! Verifies that all of an image's planned objects have been stored.
//!
//! A missing tile is worse than a missing image, because viewers show a hole without reporting an error. Writing
//! `info.json` therefore requires a [`Complete`], which only the ledger can create. The ledger compares counts instead
//! of sets of keys. That's enough because each key is planned once and uploaded once, and a set would have to hold
//! millions of keys in memory. The digests are sums for the same reason.

use super::Incomplete;
use super::content::{ContentDigest, path_in};
use super::target::Target;
use crate::destination::ImageFolder;
use crate::store::Receipt;

/// Counts upload receipts. Each key is planned and uploaded exactly once, so a count is enough.
#[derive(Debug)]
pub(super) struct Ledger {
    promised: u64,
    objects: u64,
    bytes: u64,
    /// The image's folders, each with a digest of its pictures.
    folders: Vec<(ImageFolder, ContentDigest)>,
}

/// Proof that every picture has been stored, required for writing `info.json`.
#[derive(Debug)]
pub(super) struct Complete {
    pub(super) objects: u64,
    pub(super) bytes: u64,
    /// Digest of the pictures in each folder.
    pub(super) content: Vec<ContentDigest>,
}

impl Ledger {
    /// Creates an empty ledger for an image.
    pub(super) fn new(target: &Target) -> Self {
        let folders = target.folders.iter().map(|folder| (folder.dir().clone(), ContentDigest::default()));
        Self { promised: target.picture_count(), objects: 0, bytes: 0, folders: folders.collect() }
    }

    pub(super) fn enter(&mut self, receipts: &[Receipt]) {
        for receipt in receipts {
            // We only get a receipt once the store has confirmed the upload, so the count can never be too high unless
            // a key is entered twice. That can't happen because each pyramid cell is cut once and each of its requests
            // is uploaded once.
            self.objects += 1;
            self.bytes += receipt.bytes;
            let of_key = |(dir, _): &&mut (ImageFolder, _)| dir.path_of(receipt.key.as_str()).is_some();
            if let Some((dir, content)) = self.folders.iter_mut().find(of_key) {
                content.add(path_in(dir, &receipt.key), receipt.etag.as_ref(), receipt.bytes);
            }
        }
    }

    /// Returns the proof if all pictures have been stored.
    pub(super) fn close(self) -> Result<Complete, Incomplete> {
        // A mismatch is a bug in the pipeline, since a failed upload would have returned an error long before this
        // point. Without the check, a forgotten tile would leave a hole that later runs never notice because the digest
        // doesn't include it either.
        if self.objects == self.promised {
            let content = self.folders.into_iter().map(|(_, content)| content).collect();
            Ok(Complete { objects: self.objects, bytes: self.bytes, content })
        } else {
            Err(Incomplete { stored: self.objects, promised: self.promised })
        }
    }
}
