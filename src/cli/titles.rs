//! Titles, credits and licenses for the images in a folder, read from the manifests next to them.

use iiif_publish::html::PageImage;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// The parts of a Presentation API 3 manifest that contain captions.
#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    label: Text,
    rights: Option<String>,
    #[serde(rename = "requiredStatement")]
    required_statement: Option<Statement>,
    #[serde(default)]
    items: Vec<Canvas>,
}

/// Values by language.
#[derive(Default, Deserialize)]
#[serde(transparent)]
struct Text(BTreeMap<String, Vec<String>>);

#[derive(Deserialize)]
struct Statement {
    #[serde(default)]
    value: Text,
}

#[derive(Deserialize)]
struct Canvas {
    #[serde(default)]
    label: Text,
    rights: Option<String>,
    #[serde(default)]
    items: Vec<AnnotationPage>,
}

#[derive(Deserialize)]
struct AnnotationPage {
    #[serde(default)]
    items: Vec<Annotation>,
}

#[derive(Deserialize)]
struct Annotation {
    body: Body,
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    service: Vec<Service>,
}

#[derive(Deserialize)]
struct Service {
    #[serde(alias = "@id")]
    id: String,
}

impl Text {
    /// Returns the first English value, or the first value in another language.
    fn first(&self) -> Option<&str> {
        let values = self.0.get("en").or_else(|| self.0.values().next())?;
        values.first().map(String::as_str).filter(|text| !text.is_empty())
    }
}

impl Canvas {
    /// Returns the base URIs of the canvas's images.
    fn base_uris(&self) -> impl Iterator<Item = &str> {
        let annotations = self.items.iter().flat_map(|page| &page.items);
        annotations.flat_map(|annotation| &annotation.body.service).map(|service| service.id.trim_end_matches('/'))
    }
}

/// Texts about an image.
struct Caption {
    title: Option<String>,
    credit: Option<String>,
    rights: Option<String>,
}

/// Returns the images with titles, credits and licenses added. Each image comes with the base URI from its `info.json`.
/// Skips manifests that can't be read.
pub(super) fn with_titles(folder: &Path, images: Vec<(String, PageImage)>) -> Vec<PageImage> {
    let mut captions = HashMap::new();
    for file in manifest_folders(folder, &images).into_iter().flat_map(files) {
        let manifest = std::fs::read(file).ok().and_then(|text| serde_json::from_slice::<Manifest>(&text).ok());
        if let Some(manifest) = manifest {
            add_captions(&manifest, &mut captions);
        }
    }
    let captioned = |(base_uri, mut image): (String, PageImage)| {
        if let Some(Caption { title, credit, rights }) = captions.remove(&base_uri) {
            (image.title, image.credit, image.rights) = (title, credit, rights);
        }
        image
    };
    images.into_iter().map(captioned).collect()
}

/// Returns the folders that may contain manifests, in this folder and in every folder above an image.
fn manifest_folders(folder: &Path, images: &[(String, PageImage)]) -> BTreeSet<PathBuf> {
    let above = |image: &PageImage| {
        let id = PathBuf::from(&image.id);
        id.ancestors().skip(1).map(|path| folder.join(path).join("manifests")).collect::<Vec<_>>()
    };
    images.iter().flat_map(|(_, image)| above(image)).collect()
}

fn files(folder: PathBuf) -> impl Iterator<Item = PathBuf> {
    let entries = WalkDir::new(folder).sort_by_file_name().into_iter().filter_map(Result::ok);
    let is_json = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "json");
    entries.map(walkdir::DirEntry::into_path).filter(is_json)
}

/// Adds a manifest's texts. If it has several images, their titles begin with the object's title.
fn add_captions(manifest: &Manifest, captions: &mut HashMap<String, Caption>) {
    let object = manifest.label.first();
    let credit = manifest.required_statement.as_ref().and_then(|statement| statement.value.first());
    for canvas in &manifest.items {
        let title = match (object, canvas.label.first()) {
            (Some(object), Some(page)) if manifest.items.len() > 1 => Some(format!("{object}, {page}")),
            (object, page) => object.or(page).map(str::to_owned),
        };
        for base_uri in canvas.base_uris() {
            captions.entry(base_uri.to_owned()).or_insert_with(|| Caption {
                title: title.clone(),
                credit: credit.map(str::to_owned),
                rights: canvas.rights.as_ref().or(manifest.rights.as_ref()).cloned(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_titled_by_their_object_and_damaged_manifests_are_left_out() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let canvas = |label: &str, id: &str| {
            let service = serde_json::json!([{ "id": format!("https://example.org/iiif/{id}") }]);
            serde_json::json!({ "label": { "none": [label] }, "items": [{ "items": [{ "body": { "service": service } }] }] })
        };
        let manifest = serde_json::json!({
            "label": { "de": ["Atlas (de)"], "en": ["Atlas"] },
            "requiredStatement": { "label": { "en": ["Attribution"] }, "value": { "en": ["A library"] } },
            "rights": "http://rightsstatements.org/vocab/NoC-US/1.0/",
            "items": [canvas("1r", "maps/a"), canvas("1v", "maps/b")],
        });
        std::fs::create_dir_all(folder.path().join("p/manifests/maps"))?;
        std::fs::write(folder.path().join("p/manifests/maps/atlas.json"), manifest.to_string())?;
        std::fs::write(folder.path().join("p/manifests/damaged.json"), "{")?;
        let image = |id: &str| -> Result<(String, PageImage), serde_json::Error> {
            let info = format!("http://localhost:3000/p/{id}/info.json");
            let json =
                serde_json::json!({ "id": format!("p/{id}"), "info": info, "moves": false, "width": 1, "height": 1 });
            Ok((format!("https://example.org/iiif/{id}"), serde_json::from_value(json)?))
        };
        let images = with_titles(folder.path(), vec![image("maps/b")?, image("other")?]);
        let texts = (images[0].title.as_deref(), images[0].credit.as_deref(), images[0].rights.as_deref());
        assert_eq!(
            texts,
            (Some("Atlas, 1v"), Some("A library"), Some("http://rightsstatements.org/vocab/NoC-US/1.0/"))
        );
        assert_eq!(images[1].title, None);
        Ok(())
    }
}
