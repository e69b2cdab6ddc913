//! What has been stored of one image, and whether that is everything that was promised.

use crate::store::Receipt;

/// Counts receipts. Every key is planned once and put once, so that counting them is enough.
#[derive(Debug)]
pub(super) struct Ledger {
    promised: u64,
    objects: u64,
    bytes: u64,
}

/// The proof that every object is stored. Only with it is `info.json` written.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) objects: u64,
    pub(super) bytes: u64,
}

/// Objects are missing although nothing failed.
#[derive(Debug, thiserror::Error)]
#[error("{stored} of {promised} objects were stored")]
pub struct Unsettled {
    stored: u64,
    promised: u64,
}

impl Ledger {
    /// A ledger of so many objects, `info.json` not among them.
    pub(super) fn new(promised: u64) -> Self {
        Self { promised, objects: 0, bytes: 0 }
    }

    pub(super) fn enter(&mut self, receipts: &[Receipt]) {
        self.objects += receipts.len() as u64;
        self.bytes += receipts.iter().map(|receipt| receipt.bytes).sum::<u64>();
    }

    pub(super) fn settle(self) -> Result<Settled, Unsettled> {
        if self.objects == self.promised {
            Ok(Settled { objects: self.objects, bytes: self.bytes })
        } else {
            Err(Unsettled { stored: self.objects, promised: self.promised })
        }
    }
}
