//! The proof that every planned object of an image is stored.
//!
//! A missing tile is worse than a missing image: viewers show a hole and no error. So `info.json` is written only with a
//! [`Complete`], and the ledger is the only code that creates one. It compares counts, not sets of keys, which is enough because
//! the plan lists each key once and each task uploads each of its keys once; a set of keys would take memory for each of
//! millions of tiles. The digests are sums for the same reason.

use super::Incomplete;
use super::content::{ContentDigest, path_in};
use super::target::Target;
use crate::destination::ImageFolder;
use crate::store::Receipt;

/// Counts receipts. Every key is planned once and put once, so that counting them is enough.
#[derive(Debug)]
pub(super) struct Ledger {
    promised: u64,
    objects: u64,
    bytes: u64,
    /// The folders of the image, each with the digest of its pictures.
    folders: Vec<(ImageFolder, ContentDigest)>,
}

/// The proof that every picture is stored. Only with it is `info.json` written.
#[derive(Debug)]
pub(super) struct Complete {
    pub(super) objects: u64,
    pub(super) bytes: u64,
    /// The digest of the pictures in each folder.
    pub(super) content: Vec<ContentDigest>,
}

impl Ledger {
    /// Creates a ledger of the pictures of an image.
    pub(super) fn new(target: &Target) -> Self {
        let folders = target.folders.iter().map(|folder| (folder.dir().clone(), ContentDigest::default()));
        Self { promised: target.picture_count(), objects: 0, bytes: 0, folders: folders.collect() }
    }

    pub(super) fn enter(&mut self, receipts: &[Receipt]) {
        for receipt in receipts {
            // A receipt counts only if the store has confirmed the object, so this sum cannot run ahead of the truth.
            // It could only be wrong if a key were entered twice, and it is not: a cell of the pyramid is cut once, and
            // each of its requests is put once.
            self.objects += 1;
            self.bytes += receipt.bytes;
            let of_key = |(dir, _): &&mut (ImageFolder, _)| dir.path_of(receipt.key.as_str()).is_some();
            if let Some((dir, content)) = self.folders.iter_mut().find(of_key) {
                content.add(path_in(dir, &receipt.key), receipt.etag.as_ref(), receipt.bytes);
            }
        }
    }

    /// Returns the proof, if the receipts of all pictures are in.
    pub(super) fn close(self) -> Result<Complete, Incomplete> {
        // A difference here is a defect of the pipeline, not of the store: a failed PUT is an error long before.
        // Without this check, a tile that some task forgot would be a hole in the image that no run ever finds, because
        // the digest would be of the objects without it.
        if self.objects == self.promised {
            let content = self.folders.into_iter().map(|(_, content)| content).collect();
            Ok(Complete { objects: self.objects, bytes: self.bytes, content })
        } else {
            Err(Incomplete { stored: self.objects, promised: self.promised })
        }
    }
}
