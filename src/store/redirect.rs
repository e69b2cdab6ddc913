//! Keys that redirect to other URLs.

use super::{Key, StoreError};
use futures::future::BoxFuture;

/// A key that redirects to another URL instead of holding content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// The key to redirect from.
    pub from: Key,
    /// Public URL of the key.
    pub url: String,
    /// URL to redirect to.
    pub to: String,
}

/// All redirects for a base key and the keys under it. They replace any earlier redirects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirects {
    /// The base key, which can itself be a redirect.
    pub base: Key,
    /// Public URL of the base key.
    pub base_url: String,
    /// Number of path segments between the base key and the other keys. Keys at any other depth belong to someone else.
    pub depth: usize,
    /// The redirects, with at most one per key.
    pub redirects: Vec<Redirect>,
}

/// A store that supports redirects, provided that its web server honors them.
pub trait RedirectStore: Send + Sync {
    /// Sets the redirects for a base key. Stores that represent redirects as objects don't remove earlier ones.
    ///
    /// # Errors
    /// Returns an error if the base key holds an object that isn't a redirect, because that object belongs to someone
    /// else.
    fn set_redirects(&self, redirects: Redirects) -> BoxFuture<'_, Result<(), StoreError>>;
}
