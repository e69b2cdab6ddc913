//! Finds the images that manifests and collections show.

use super::fetch::{Answer, FetchError};
use super::finding::Problem;
use super::{InfoUrl, Verifier, VerifyError};
use futures::{StreamExt, stream};
use serde_json::Value;
use std::collections::HashSet;

/// Maximum size of a manifest or a collection, in bytes.
const MAX_DOCUMENT_BYTES: u64 = 64 << 20;

/// Maximum number of manifests and collections to read.
const MAX_DOCUMENTS: usize = 1_000_000;

/// Images that a manifest or a collection shows, with all documents below it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Documents {
    /// Images in the order in which they are found, each of them once.
    pub images: Vec<InfoUrl>,
    /// Number of manifests and collections that were read.
    pub read: u64,
    /// URLs of documents that could not be read, and why.
    pub problems: Vec<(String, Problem)>,
}

/// Links of a document.
#[derive(Debug, Default, PartialEq, Eq)]
struct Links {
    /// Manifests, collections and pages of collections.
    documents: Vec<String>,
    /// Base URIs of image services.
    images: Vec<String>,
}

impl Verifier {
    /// Reads a manifest or a collection and everything below it. Returns `None` if the URL leads to anything else, such
    /// as an image, unless it ends in `.json`.
    ///
    /// # Errors
    /// Returns an error if the host can't be reached. Any other problem is part of the result.
    pub async fn documents(&self, url: &str) -> Result<Option<Documents>, VerifyError> {
        let mut found = Documents::default();
        let mut seen: HashSet<String> = HashSet::from([url.to_owned()]);
        let mut images = HashSet::new();
        let mut links = match self.links(url).await? {
            Ok(first) => vec![first],
            Err(_) if url.rsplit('.').next() != Some("json") => return Ok(None),
            Err(problem) => {
                found.problems.push((url.to_owned(), problem));
                Vec::new()
            }
        };
        while !links.is_empty() {
            found.read += links.len() as u64;
            let mut next = Vec::new();
            for Links { documents, images: services } in links {
                for service in services.into_iter().filter(|service| images.insert(service.clone())) {
                    match service.parse::<InfoUrl>() {
                        Ok(image) => found.images.push(image),
                        Err(error) => found.problems.push((service, Problem::Information(error.to_string()))),
                    }
                }
                next.extend(documents.into_iter().filter(|url| seen.len() < MAX_DOCUMENTS && seen.insert(url.clone())));
            }
            let read = async |url: String| (self.links(&url).await, url);
            let read: Vec<_> = stream::iter(next).map(read).buffered(self.options.concurrency.get()).collect().await;
            links = Vec::new();
            for (result, url) in read {
                match result? {
                    Ok(document) => links.push(document),
                    Err(problem) => found.problems.push((url, problem)),
                }
            }
        }
        Ok(Some(found))
    }

    /// Returns the links of a manifest or a collection.
    async fn links(&self, url: &str) -> Result<Result<Links, Problem>, VerifyError> {
        let answer = match self.viewer.get(url, MAX_DOCUMENT_BYTES).await {
            Err(FetchError::Unreachable(reason)) => {
                return Err(VerifyError::Unreachable { url: url.to_owned(), reason });
            }
            answer => answer.map_err(Problem::from).and_then(Answer::found),
        };
        let not_a_document = || Problem::Information("neither a manifest nor a collection".to_owned());
        Ok(answer.and_then(|answer| links_of(&answer.body).ok_or_else(not_a_document)))
    }
}

/// Returns the links of a document, or `None` if it is neither a manifest nor a collection.
fn links_of(body: &[u8]) -> Option<Links> {
    let document: Value = serde_json::from_slice(body).ok()?;
    let mut links = Links::default();
    match kind(&document)? {
        "Manifest" => add_services(&document, &mut links.images),
        "Collection" | "CollectionPage" => {
            // Version 3 has `items`; version 2 has the others.
            let members =
                ["items", "members", "manifests", "collections"].iter().filter_map(|name| document[*name].as_array());
            let is_document = |item: &&Value| matches!(kind(item), Some("Manifest" | "Collection"));
            links.documents.extend(members.flatten().filter(is_document).filter_map(id).map(str::to_owned));
        }
        _ => return None,
    }
    Some(links)
}

/// Returns a resource's type without the prefix of version 2.
fn kind(resource: &Value) -> Option<&str> {
    let kind = resource["type"].as_str().or_else(|| resource["@type"].as_str())?;
    Some(kind.strip_prefix("sc:").unwrap_or(kind))
}

fn id(resource: &Value) -> Option<&str> {
    resource["id"].as_str().or_else(|| resource["@id"].as_str())
}

/// Adds the base URIs of all image services within a value.
fn add_services(value: &Value, images: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| add_services(item, images)),
        Value::Object(fields) => {
            let is_image_service = |text: &str| text.contains("iiif.io/api/image/") || text.starts_with("ImageService");
            let names = ["type", "@type", "@context", "profile"].iter().filter_map(|name| fields.get(*name));
            if names.filter_map(Value::as_str).any(is_image_service) {
                images.extend(id(value).map(str::to_owned));
            }
            fields.values().for_each(|field| add_services(field, images));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn links(document: &Value) -> Option<(Vec<String>, Vec<String>)> {
        links_of(document.to_string().as_bytes()).map(|links| (links.documents, links.images))
    }

    #[test]
    fn manifests_have_images_and_collections_have_documents_in_both_versions() {
        let service = |id: &str| json!([{"id": id, "type": "ImageService3", "profile": "level0"}]);
        let manifest = json!({"type": "Manifest", "id": "m", "thumbnail": [{"service": service("https://x/a")}],
            "items": [{"type": "Canvas", "items": [{"items": [{"body": {"service": service("https://x/b")}}]}]}]});
        let of = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (documents, mut images) = links(&manifest).expect("a manifest");
        images.sort();
        assert_eq!((documents, images), (vec![], of(&["https://x/a", "https://x/b"])));
        let old = json!({"@type": "sc:Manifest", "sequences": [{"canvases": [{"images": [{"resource": {"service":
            {"@context": "http://iiif.io/api/image/2/context.json", "@id": "https://x/c"}}}]}]}]});
        assert_eq!(links(&old), Some((vec![], of(&["https://x/c"]))));
        let collection = json!({"type": "Collection", "items": [{"type": "Manifest", "id": "m"},
            {"type": "Collection", "id": "c", "thumbnail": [{"service": service("https://x/t")}]}]});
        assert_eq!(links(&collection), Some((of(&["m", "c"]), vec![])));
        let old = json!({"@type": "sc:Collection", "manifests": [{"@type": "sc:Manifest", "@id": "m"}]});
        assert_eq!(links(&old), Some((of(&["m"]), vec![])));
        for other in [json!({"type": "ImageService3"}), json!({"protocol": "http://iiif.io/api/image"}), json!([])] {
            assert_eq!(links(&other), None, "{other}");
        }
    }
}
