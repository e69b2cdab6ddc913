//! Many puts at the same time, straight into a store.

use super::faults::FaultServer;
use bytes::Bytes;
use iiif_publish::destination::ImageFolder;
use iiif_publish::store::{Key, Object, Prefix, Receipt, S3Settings, S3Store, Store, StoreError};
use std::error::Error;
use std::sync::Arc;
use tokio::task::JoinSet;

/// The bucket of all loads.
pub const BUCKET: &str = "load";

/// The default number of puts in flight.
pub const IN_FLIGHT: usize = 64;

/// A body of a load, unless its test says otherwise.
const BODY_BYTES: usize = 2_000;

/// A store on a server, with credentials from the environment.
pub async fn store_on(server: &FaultServer) -> Arc<S3Store> {
    let mut settings = S3Settings::new(BUCKET);
    settings.endpoint_url = Some(server.endpoint());
    Arc::new(S3Store::connect(settings).await.expect("the child has credentials"))
}

/// The key of an object of a load.
pub fn key(number: usize) -> Key {
    let identifier = "load".parse().expect("an identifier");
    let folder = ImageFolder::new(&Prefix::default(), None, &identifier).expect("short enough");
    folder.key(&format!("{number}.jpg"))
}

/// Its body: no two are alike.
pub fn body(number: usize) -> Bytes {
    let mut state = number as u64 + 1;
    let bytes = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    });
    bytes.take(BODY_BYTES).collect()
}

/// An object of a load.
pub fn object(number: usize, body: Bytes) -> Object {
    Object {
        key: key(number),
        body: body.into(),
        content_encoding: None,
        content_type: "image/jpeg",
        cache_control: "public, max-age=86400".into(),
        mark: None,
    }
}

/// Returns the first objects, up to a number.
pub fn objects(count: usize) -> impl Iterator<Item = Object> {
    (0..count).map(|number| object(number, body(number)))
}

/// Puts objects, up to a number at the same time. Returns the errors as text.
pub async fn put_all(store: &Arc<S3Store>, objects: impl Iterator<Item = Object>, in_flight: usize) -> Vec<String> {
    let mut errors = Vec::new();
    let mut puts: JoinSet<Result<Receipt, StoreError>> = JoinSet::new();
    for object in objects {
        if puts.len() >= in_flight {
            errors.extend(puts.join_next().await.and_then(|put| put.expect("puts do not panic").err()));
        }
        let store = Arc::clone(store);
        puts.spawn(async move { store.put(object).await });
    }
    let rest = puts.join_all().await;
    errors.into_iter().chain(rest.into_iter().filter_map(Result::err)).map(|error| in_words(&error)).collect()
}

fn in_words(error: &StoreError) -> String {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{cause}")
}
