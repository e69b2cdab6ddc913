//! The members of an `info.json` that viewers read.

use serde_json::Value;

/// A width and a height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dimensions {
    pub width: u64,
    pub height: u64,
}

impl Dimensions {
    pub fn longer_side(self) -> u64 {
        self.width.max(self.height)
    }

    pub fn fits(self, tile: Self) -> bool {
        self.width <= tile.width && self.height <= tile.height
    }
}

/// The members of an `info.json` from which viewers compute requests.
#[derive(Clone, Debug)]
pub struct Info {
    /// 2 or 3, from the `@context`.
    pub version: u64,
    pub image: Dimensions,
    pub sizes: Vec<Dimensions>,
    /// The width and height in the only entry of `tiles`.
    pub tile: Dimensions,
    pub scale_factors: Vec<u64>,
    pub max_width: Option<u64>,
}

impl Info {
    pub fn parse(json: &str) -> Self {
        let document: Value = serde_json::from_str(json).expect("an info.json is JSON");
        let tiles = &document["tiles"][0];
        // Image API 2 has it in the second entry of `profile`.
        let max_width = document.get("maxWidth").or_else(|| document["profile"].get(1)?.get("maxWidth"));
        Self {
            version: version(&document),
            image: dimensions(&document),
            sizes: array(&document["sizes"]).iter().map(dimensions).collect(),
            tile: dimensions(tiles),
            scale_factors: array(&tiles["scaleFactors"]).iter().map(number).collect(),
            max_width: max_width.map(number),
        }
    }

    /// Returns the size of the whole image at a scale factor.
    pub fn level(&self, scale_factor: u64) -> Dimensions {
        Dimensions { width: self.image.width.div_ceil(scale_factor), height: self.image.height.div_ceil(scale_factor) }
    }
}

fn version(document: &Value) -> u64 {
    match document["@context"].as_str() {
        Some("http://iiif.io/api/image/2/context.json") => 2,
        Some("http://iiif.io/api/image/3/context.json") => 3,
        other => panic!("no viewer knows the context {other:?}"),
    }
}

fn dimensions(object: &Value) -> Dimensions {
    Dimensions { width: number(&object["width"]), height: number(&object["height"]) }
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a whole number")
}

fn array(value: &Value) -> &[Value] {
    value.as_array().expect("an array")
}
