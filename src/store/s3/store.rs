//! `Store` implementation based on S3 requests.

use super::S3Store;
use super::explain::kind;
use super::watch::tracking_last_failure;
use crate::store::{
    ETag, HeaderUpdate, Key, Listed, Object, OnExisting, Prefix, Receipt, RedirectStore, Redirects, Store, StoreError,
    StoreErrorKind, Stored, Traffic,
};
use aws_sdk_s3::config::Builder;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryFutureExt, TryStreamExt};
use std::sync::atomic::Ordering;
use std::time::SystemTime;

/// Maximum number of attempts for the initial request, which checks that the bucket exists.
const MAX_CHECK_ATTEMPTS: u32 = 3;

/// Maximum number of keys that the initial request lists: about 40 KB, and the pictures of an image of 12 megapixels.
const MAX_CHECKED_KEYS: i32 = 100;

/// Returns the objects from a listing page that have a key accepted by `found`.
fn listed_on(page: &ListObjectsV2Output, found: impl Fn(&str) -> Option<Key>) -> Vec<Listed> {
    let listed = |object: &aws_sdk_s3::types::Object| {
        let key = object.key().and_then(&found)?;
        let etag = object.e_tag().and_then(ETag::new);
        let bytes = object.size().and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
        let modified = object.last_modified().and_then(|modified| SystemTime::try_from(*modified).ok());
        Some(Listed { key, bytes, etag, modified })
    };
    page.contents().iter().filter_map(listed).collect()
}

impl S3Store {
    /// Lists a few keys. Returns `None` if listing is denied.
    async fn check_by_listing(
        &self,
        prefix: Option<String>,
        max_keys: i32,
    ) -> Result<Option<ListObjectsV2Output>, StoreError> {
        let list = self.client.list_objects_v2().bucket(&self.bucket).set_prefix(prefix).max_keys(max_keys);
        let list = list.set_request_payer(self.payer.into());
        // A mistyped endpoint should fail within seconds.
        let few_attempts = RetryConfig::standard().with_max_attempts(MAX_CHECK_ATTEMPTS);
        match list.customize().config_override(Builder::new().retry_config(few_attempts)).send().await {
            Ok(page) => Ok(Some(page)),
            Err(error) if kind(&error) == StoreErrorKind::Denied => Ok(None),
            Err(error) => Err(self.failed(format!("could not reach the bucket `{}`", self.bucket), &error)),
        }
    }
}

impl Store for S3Store {
    fn put(&self, object: Object) -> BoxFuture<'_, Result<Receipt, StoreError>> {
        tracking_last_failure(self.put_confirmed(object, self.on_existing)).boxed()
    }

    /// Uses `If-None-Match: *`, which some stores ignore.
    fn put_new(&self, object: Object) -> BoxFuture<'_, Result<Receipt, StoreError>> {
        tracking_last_failure(self.put_confirmed(object, OnExisting::Keep)).boxed()
    }

    /// Lists at most one key. Unlike `HeadBucket`, this returns an error message. A role that only has put permission
    /// isn't allowed to list, so a denied request is not an error.
    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        tracking_last_failure(self.check_by_listing(None, 1).map_ok(drop)).boxed()
    }

    /// Uses one request. Only a few keys are listed, because a complete page takes several round trips by itself.
    fn check_and_list<'a>(&'a self, below: &'a Prefix) -> BoxFuture<'a, Result<Option<Vec<Listed>>, StoreError>> {
        tracking_last_failure(async move {
            let page = self.check_by_listing(Some(below.with_slash()), MAX_CHECKED_KEYS).await?;
            // Truncated or implausible pages are listed again, by code that reports errors.
            let is_complete = |page: &ListObjectsV2Output| {
                page.is_truncated() == Some(false)
                    && page.next_continuation_token().is_none()
                    && page.contents().iter().all(|object| object.key().is_some_and(|key| below.found(key).is_some()))
            };
            Ok(page.filter(is_complete).map(|page| listed_on(&page, |key| below.found(key))))
        })
        .boxed()
    }

    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Stored>, StoreError>> {
        tracking_last_failure(async move {
            match self.fetch(key).await {
                Ok(stored) => Ok(Some(stored)),
                Err(error) if error.status() == Some(404) => Ok(None),
                // Without list permission, S3 returns 403 rather than 404 for a missing key.
                Err(error) if error.status() == Some(403) => {
                    // S3 does this so that key names can't be guessed, and it returns the same status for an object the
                    // caller isn't allowed to read. It's safe to treat both as missing, because the worst outcome is
                    // publishing an unchanged image again. Counting these lookups lets the caller explain why that
                    // happened.
                    self.denied_lookups.fetch_add(1, Ordering::Relaxed);
                    Ok(None)
                }
                Err(error) => Err(self.fetch_error(key, error)),
            }
        })
        .boxed()
    }

    fn pages<'a>(&'a self, below: &'a Prefix) -> BoxStream<'a, Result<Vec<Listed>, StoreError>> {
        let pages = self.list(self.name_of(below), below.with_slash(), None);
        pages.map_ok(|page| listed_on(&page, |key| below.found(key))).boxed()
    }

    fn folders<'a>(&'a self, below: &'a Prefix) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        async move {
            let above = below.with_slash();
            let name = |folder: &str| Some(folder.strip_prefix(&above)?.strip_suffix('/')?.to_owned());
            let (mut pages, mut folders) = (self.list(self.name_of(below), above.clone(), Some("/")), Vec::new());
            while let Some(page) = pages.try_next().await? {
                folders.extend(page.common_prefixes().iter().filter_map(|folder| folder.prefix().and_then(name)));
            }
            Ok(folders)
        }
        .boxed()
    }

    fn delete(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<(), StoreError>> {
        tracking_last_failure(async move { self.delete_all(&keys).await }).boxed()
    }

    fn redirect_store(&self) -> Option<&dyn RedirectStore> {
        Some(self)
    }

    /// Copies the object onto itself, provided that its ETag hasn't changed.
    fn update_headers(&self, update: HeaderUpdate) -> BoxFuture<'_, Result<Receipt, StoreError>> {
        tracking_last_failure(self.copy_in_place(update)).boxed()
    }

    /// Returns the time based on the `Date` header of the last response, which has a resolution of one second.
    fn now(&self) -> BoxFuture<'_, Result<SystemTime, StoreError>> {
        async { Ok(self.clock.now()) }.boxed()
    }

    fn attributes(&self) -> String {
        self.attributes.describe()
    }

    fn denied_lookups(&self) -> u64 {
        self.denied_lookups.load(Ordering::Relaxed)
    }

    fn default_concurrency(&self) -> usize {
        self.concurrency
    }

    fn traffic(&self) -> Traffic {
        self.limiter.traffic()
    }
}

impl RedirectStore for S3Store {
    /// Puts empty objects that website endpoints serve as redirects.
    fn set_redirects(&self, redirects: Redirects) -> BoxFuture<'_, Result<(), StoreError>> {
        tracking_last_failure(self.put_redirects(redirects)).boxed()
    }
}
