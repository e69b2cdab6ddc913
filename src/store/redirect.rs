//! Keys that redirect to other URLs.

use super::{Key, StoreError};
use futures::future::BoxFuture;

/// A key that redirects to another URL instead of holding content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// The key that is requested.
    pub from: Key,
    /// The public URL of that key.
    pub url: String,
    /// The URL to redirect to.
    pub to: String,
}

/// The redirects of a base key and of the keys below it, which replace earlier ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirects {
    /// The key above all others, which may redirect as well.
    pub base: Key,
    /// The public URL of the base key.
    pub base_url: String,
    /// Number of segments between the base key and the other keys. Keys at other depths belong to somebody else.
    pub depth: usize,
    /// The redirects, at most one for each key.
    pub redirects: Vec<Redirect>,
}

/// A store whose keys can redirect to other URLs, if a web server follows them.
pub trait RedirectStore: Send + Sync {
    /// Sets the redirects of a base key. Stores that keep redirects as objects leave earlier ones in place.
    ///
    /// # Errors
    /// If an object that is not a redirect has the base key: the object belongs to somebody else.
    fn set_redirects(&self, redirects: Redirects) -> BoxFuture<'_, Result<(), StoreError>>;
}
