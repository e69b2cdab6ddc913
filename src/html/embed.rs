//! Code that shows an image on any web page.

use super::page::escaped;
use crate::iiif::{ApiVersion, ImageInformation, Pyramid, PyramidShape};
use crate::publish::Published;
use serde::Deserialize;

/// Version of OpenSeadragon that the code loads, which is the one that [`page`](super::page) contains.
const OPENSEADRAGON_VERSION: &str = "6.1.1";

/// Maximum width of the image for browsers that don't choose, in pixels.
const USUAL_WIDTH: u32 = 1024;

/// Parts of an `info.json`.
#[derive(Deserialize)]
struct Information {
    sizes: Vec<Dimensions>,
}

#[derive(Clone, Copy, Deserialize)]
struct Dimensions {
    width: u32,
    height: u32,
}

/// A stored picture of the whole image.
struct Picture {
    width: u32,
    height: u32,
    /// Size parameter of its request.
    parameter: String,
}

/// Returns HTML to copy into a web page: a zoomable view with OpenSeadragon, and a plain image in sizes that exist.
/// `shape` is that of the publisher, and `version` the first one that was published.
#[must_use]
pub fn embed_code(published: &Published, shape: PyramidShape, version: ApiVersion) -> String {
    let info = published.info_urls.first().map(String::as_str).unwrap_or_default();
    let base = info.strip_suffix("/info.json").unwrap_or(info);
    let id = published.identifier.as_str();
    format!(
        "<!-- {id}: zoomable -->\n{}\n<!-- {id}: as a plain image -->\n{}\n",
        zoomable(id, info),
        plain(base, &pictures(published, base, shape, version)),
        id = id.replace("--", "- -"),
    )
}

fn zoomable(id: &str, info: &str) -> String {
    // An element's id has no spaces, and must not be that of another image.
    let element = format!("iiif-{}", id.replace(char::is_whitespace, "_"));
    let in_script = |text: &str| serde_json::Value::from(text).to_string().replace('<', "\\u003c");
    format!(
        "<div id=\"{}\" style=\"width: 100%; height: 600px\"></div>\n\
         <script src=\"https://cdn.jsdelivr.net/npm/openseadragon@{OPENSEADRAGON_VERSION}/build/openseadragon/openseadragon.min.js\"></script>\n\
         <script>OpenSeadragon({{ id: {}, tileSources: {}, crossOriginPolicy: 'Anonymous', showNavigationControl: false }});</script>",
        escaped(&element),
        in_script(&element),
        in_script(info),
    )
}

fn plain(base: &str, pictures: &[Picture]) -> String {
    let url = |picture: &Picture| escaped(&format!("{base}/full/{}/0/default.jpg", picture.parameter));
    let Some(largest) = pictures.last() else { return String::new() };
    // Old browsers load this one.
    let usual = pictures.iter().rfind(|picture| picture.width <= USUAL_WIDTH).unwrap_or(largest);
    let all: Vec<String> = pictures.iter().map(|picture| format!("{} {}w", url(picture), picture.width)).collect();
    format!(
        "<img src=\"{}\" srcset=\"{}\" sizes=\"100vw\" width=\"{}\" height=\"{}\" style=\"max-width: 100%; height: auto\" alt=\"\">",
        url(usual),
        all.join(", "),
        largest.width,
        largest.height
    )
}

/// Returns the sizes that `info.json` lists, smallest first, and `full/max`, all of which exist.
fn pictures(published: &Published, base: &str, shape: PyramidShape, version: ApiVersion) -> Vec<Picture> {
    let pyramid = Pyramid::new(published.size, shape);
    let json = ImageInformation::new(&pyramid, version, base.to_owned(), None).to_json();
    let mut sizes = serde_json::from_str::<Information>(&json).map(|information| information.sizes).unwrap_or_default();
    sizes.sort_by_key(|size| size.width);
    let listed = sizes.into_iter().map(|Dimensions { width, height }| {
        let height_parameter = if version == ApiVersion::V2 { String::new() } else { height.to_string() };
        Picture { width, height, parameter: format!("{width},{height_parameter}") }
    });
    let mut pictures: Vec<Picture> = listed.collect();
    let max = pyramid.size().at(pyramid.max_level());
    if pictures.last().is_none_or(|largest| largest.width < max.width()) {
        pictures.push(Picture { width: max.width(), height: max.height(), parameter: "max".to_owned() });
    }
    pictures
}
