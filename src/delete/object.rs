//! Objects of a collection, whose images are deleted together with their manifest.

use super::DeleteError;
use crate::destination::{Destination, Identifier};
use crate::iiif::PresentationVersion;
use crate::site;
use crate::store::{Key, Prefix, Store};

/// An object of a collection: its images, and the documents about it.
///
/// Its images are those of its manifest. Delete the images before the documents, so that an interrupted deletion can be
/// repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectContent {
    /// Identifiers of the images, in the order of the manifest.
    pub images: Vec<Identifier>,
    /// Keys of the manifests and of the object's page on the site.
    pub documents: Vec<Key>,
    /// `true` if a collection that may list the object is stored below the prefix.
    pub has_collection: bool,
}

impl ObjectContent {
    /// Finds the images and documents of an object by its manifest.
    ///
    /// # Errors
    /// Returns an error if the store fails, if the object has no manifest of this program, or if a key is too long.
    pub async fn find(store: &dyn Store, prefix: &Prefix, object: &Identifier) -> Result<Self, DeleteError> {
        let path = format!("{}/{object}.json", Destination::MANIFESTS);
        let key = prefix.join_key(&path)?;
        let stored = store.get(&key).await.map_err(DeleteError::List)?;
        let Some(stored) = stored else { return Err(DeleteError::NoManifest { object: object.clone(), key }) };
        let Some(images) = images(&path, &stored.body) else { return Err(DeleteError::NotManifest { key }) };
        let mut documents = vec![key];
        let older = prefix.join_key(&format!("{}/{path}", Destination::PRESENTATION2))?;
        let is_older = |body: &[u8]| document_uri(body).is_some_and(|uri| uri.ends_with(&format!("/{path}")));
        if store.get(&older).await.map_err(DeleteError::List)?.is_some_and(|stored| is_older(&stored.body)) {
            documents.push(older);
        }
        let page = prefix.join_key(&site::object_path(object))?;
        if site::is_ours(store, &page).await.map_err(DeleteError::List)? {
            documents.push(page);
        }
        let collection = prefix.join_key(Destination::COLLECTION)?;
        let has_collection = store.get(&collection).await.map_err(DeleteError::List)?.is_some();
        Ok(Self { images, documents, has_collection })
    }

    /// Deletes the documents.
    ///
    /// # Errors
    /// Returns an error if the store rejects the deletion.
    pub async fn delete_documents(&self, store: &dyn Store) -> Result<(), DeleteError> {
        store.delete(self.documents.clone()).await.map_err(DeleteError::Delete)
    }
}

/// Returns the images of a manifest, or `None` if it isn't the one that this program writes at this path.
fn images(path: &str, body: &[u8]) -> Option<Vec<Identifier>> {
    let uri = PresentationVersion::document_uri(body)?;
    if !decoded(&uri)?.ends_with(&format!("/{path}")) {
        return None;
    }
    let before = format!("{uri}/canvas/");
    let image = |id: &str| decoded(id.strip_prefix(&before)?)?.parse().ok();
    PresentationVersion::canvases(body)?.iter().map(|canvas| image(&canvas.id)).collect()
}

fn document_uri(body: &[u8]) -> Option<String> {
    decoded(&PresentationVersion::document_uri(body)?)
}

fn decoded(uri: &str) -> Option<String> {
    Some(percent_encoding::percent_decode_str(uri).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_images_of_a_manifest_are_those_of_its_canvases() {
        let manifest = |id: &str, canvases: &[&str]| {
            let canvas = |id: &&str| json!({"id": id, "type": "Canvas", "width": 3, "height": 2});
            let items: Vec<_> = canvases.iter().map(canvas).collect();
            json!({"id": id, "type": "Manifest", "items": items}).to_string().into_bytes()
        };
        let uri = "https://x.org/p/manifests/a%20book.json";
        let canvases = [&*format!("{uri}/canvas/a%20book/1"), &format!("{uri}/canvas/other%C3%BC")];
        let found = images("manifests/a book.json", &manifest(uri, &canvases)).expect("a manifest");
        assert_eq!(found.iter().map(Identifier::as_str).collect::<Vec<_>>(), ["a book/1", "otherü"]);
        for (path, id, canvas) in [
            ("manifests/book.json", uri, canvases[0].to_owned()),
            ("manifests/a book.json", uri, "https://x.org/elsewhere/canvas/1".to_owned()),
            ("manifests/a book.json", uri, format!("{uri}/canvas/..%2F..%2Fsecret")),
            ("manifests/a book.json", "https://x.org/a", "https://x.org/a/canvas/1".to_owned()),
        ] {
            assert_eq!(images(path, &manifest(id, &[&canvas])), None, "{id}: {canvas}");
        }
        assert_eq!(images("manifests/a book.json", b"{}"), None);
    }
}
