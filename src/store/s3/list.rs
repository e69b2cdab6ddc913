//! Paginated listings. A truncated or repeating listing is always an error and never treated as the end.
//!
//! Objects that don't show up in a listing are assumed not to exist, so a faulty listing could cause objects to be
//! deleted as orphans or left behind after their `info.json` is deleted.

use super::{S3Store, watch};
use crate::store::{StoreError, StoreErrorKind};
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

/// Maximum number of consecutive pages without keys. Anything longer is treated as endless.
const MAX_EMPTY_PAGES: u32 = 1000;

/// Hint for a broken listing.
const HINT: &str = "the listing is unreliable: retry, and report the problem to the operator of the store";

impl S3Store {
    /// Lists the keys starting with `prefix`, or their common prefixes up to `delimiter`. Errors refer to the listing
    /// as `name`.
    pub(super) fn list<'a>(
        &'a self,
        name: String,
        prefix: String,
        delimiter: Option<&'static str>,
    ) -> BoxStream<'a, Result<ListObjectsV2Output, StoreError>> {
        let pager = Pager { store: self, name, prefix, delimiter, next: Next::First, seen: Seen::default() };
        // Boxed because request futures are large.
        stream::try_unfold(pager, |mut pager| {
            async move { Ok(pager.next_page().await?.map(|page| (page, pager))) }.boxed()
        })
        .boxed()
    }
}

struct Pager<'a> {
    store: &'a S3Store,
    name: String,
    prefix: String,
    delimiter: Option<&'static str>,
    next: Next,
    seen: Seen,
}

enum Next {
    First,
    Page(String),
    End,
}

impl Pager<'_> {
    async fn next_page(&mut self) -> Result<Option<ListObjectsV2Output>, StoreError> {
        let token = match std::mem::replace(&mut self.next, Next::End) {
            Next::First => None,
            Next::Page(token) => Some(token),
            Next::End => return Ok(None),
        };
        let page = watch::tracking_last_failure(self.request(token)).await?;
        self.next = self
            .seen
            .check(&page, &self.prefix)
            .map_err(|cause| StoreError::new(StoreErrorKind::Other, self.action(), cause).with_hint(HINT))?;
        Ok(Some(page))
    }

    async fn request(&self, token: Option<String>) -> Result<ListObjectsV2Output, StoreError> {
        let S3Store { client, bucket, payer, .. } = self.store;
        let list = client.list_objects_v2().bucket(bucket).prefix(&self.prefix).set_continuation_token(token);
        let list = list.set_delimiter(self.delimiter.map(str::to_owned)).set_request_payer((*payer).into());
        list.send().await.map_err(|error| self.store.failed(self.action(), &error))
    }

    fn action(&self) -> String {
        format!("could not list `{}`", self.name)
    }
}

/// Keys and tokens seen on earlier pages.
#[derive(Default)]
struct Seen {
    hasher: RandomState,
    /// Hashes of all tokens and of each page's first key, which takes 8 bytes per 1,000 keys.
    hashes: HashSet<u64>,
    empty_pages: u32,
}

impl Seen {
    /// Validates a page and returns the next step.
    fn check(&mut self, page: &ListObjectsV2Output, prefix: &str) -> Result<Next, &'static str> {
        // Some stores list `a//b` as `a/b`.
        let is_below = |key: &str| key.starts_with(prefix) || prefix.contains("//");
        if !keys(page).all(is_below) {
            return Err("the store lists keys that do not begin with the requested prefix");
        }
        // A store that repeats a page would keep the listing going forever. Remembering every key would take gigabytes,
        // so only hashes of each page's first key and token are kept.
        match keys(page).next() {
            Some(first) if !self.is_new(("key", first)) => return Err("the store returns the same page twice"),
            Some(_) => self.empty_pages = 0,
            None => self.empty_pages += 1,
        }
        if self.empty_pages > MAX_EMPTY_PAGES {
            return Err("the store returns empty pages without end");
        }
        match page.next_continuation_token().filter(|token| !token.is_empty()) {
            Some(token) if !self.is_new(("token", token)) => Err("the store repeats a continuation token"),
            Some(token) => Ok(Next::Page(token.to_owned())),
            // Treating this as the end would be the worst option. Objects on the missing pages would look absent, so
            // updating an image would upload them again, and deleting it would leave them behind without an
            // `info.json`.
            None if page.is_truncated() == Some(true) => {
                Err("the store truncates the listing: a page is truncated but has no continuation token")
            }
            None => Ok(Next::End),
        }
    }

    fn is_new(&mut self, seen: (&str, &str)) -> bool {
        self.hashes.insert(self.hasher.hash_one(seen))
    }
}

/// Returns all keys and common prefixes on a page.
fn keys(page: &ListObjectsV2Output) -> impl Iterator<Item = &str> {
    let keys = page.contents().iter().filter_map(|object| object.key());
    keys.chain(page.common_prefixes().iter().filter_map(|folder| folder.prefix()))
}
