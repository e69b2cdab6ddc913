//! The images that the viewers request.

use super::info::Info;
use iiif_publish::iiif::{ApiVersion, ImageInformation, Plan, Pyramid, PyramidShape, RoundedSizes, Size};
use proptest::prelude::*;
use std::collections::HashSet;
use std::fmt;

/// All options that determine the objects of an image.
#[derive(Clone, Copy, Debug)]
pub struct Image {
    pub width: u32,
    pub height: u32,
    pub tile_size: u32,
    /// The maximum longer side of `full/max`, in pixels.
    pub longest_side: Option<u32>,
    pub rounded_sizes: RoundedSizes,
    pub version: ApiVersion,
}

/// Sizes for which rounding, tile edges and narrow shapes are critical.
const AWKWARD_SIZES: [(u32, u32); 41] = [
    (1, 1),
    (1, 2),
    (2, 1),
    (3, 3),
    (1, 50_000),
    (50_000, 1),
    (2, 33_333),
    (33_333, 3),
    (89, 201),
    (127, 129),
    (128, 128),
    (129, 97),
    (255, 256),
    (256, 256),
    (257, 255),
    (511, 511),
    (511, 512),
    (511, 513),
    (512, 511),
    (512, 512),
    (512, 513),
    (513, 511),
    (513, 512),
    (513, 513),
    (1, 513),
    (513, 1),
    (512, 2048),
    (1001, 701),
    (1023, 1023),
    (1023, 2047),
    (1024, 1024),
    (1025, 1025),
    (1536, 512),
    (2047, 1023),
    (2048, 2048),
    (2049, 2049),
    (3000, 2),
    (4095, 4097),
    (4096, 4096),
    (4097, 1365),
    (6000, 4000),
];

const TILE_SIZES: [u32; 3] = [256, 512, 1024];
const VERSIONS: [ApiVersion; 2] = [ApiVersion::V2, ApiVersion::V3];

impl Image {
    /// Creates an image with the default shape.
    pub fn new(width: u32, height: u32, version: ApiVersion) -> Self {
        let (tile_size, longest_side) = (PyramidShape::DEFAULT_TILE_SIZE, Some(PyramidShape::DEFAULT_LONGEST_SIDE));
        Self { width, height, tile_size, longest_side, rounded_sizes: RoundedSizes::Stored, version }
    }

    /// Returns the special sizes with every tile size, size limit and version, and one large image with the default
    /// shape.
    pub fn awkward() -> impl Iterator<Item = Self> {
        let every_shape = AWKWARD_SIZES.into_iter().flat_map(|(width, height)| {
            TILE_SIZES.into_iter().flat_map(move |tile_size| {
                caps(tile_size).into_iter().flat_map(move |longest_side| {
                    VERSIONS.map(|version| Self { tile_size, longest_side, ..Self::new(width, height, version) })
                })
            })
        });
        every_shape.chain(VERSIONS.map(|version| Self::new(20_000, 15_000, version)))
    }

    /// Generates an image of any size, shape and version.
    pub fn any() -> impl Strategy<Value = Self> {
        let shape = prop::sample::select(&TILE_SIZES[..])
            .prop_flat_map(|tile_size| (Just(tile_size), prop::sample::select(caps(tile_size).to_vec())));
        (any_size(), shape, prop::sample::select(&VERSIONS[..])).prop_map(
            |((width, height), (tile_size, longest_side), version)| Self {
                tile_size,
                longest_side,
                ..Self::new(width, height, version)
            },
        )
    }

    pub fn plan(self) -> Plan {
        let size = Size::new(self.width, self.height).unwrap();
        let shape = PyramidShape::new(self.tile_size, self.longest_side, self.rounded_sizes).unwrap();
        Plan::new(Pyramid::new(size, shape), self.version)
    }

    /// Returns the paths of all objects except `info.json`.
    pub fn paths(self) -> HashSet<String> {
        self.plan().paths().filter(|path| path != Plan::INFO_JSON).collect()
    }

    /// Returns the `info.json`, which viewers read first.
    pub fn info(self) -> Info {
        let base_uri = "https://example.org/iiif/x".to_owned();
        Info::parse(&ImageInformation::new(self.plan().pyramid(), self.version, base_uri, None).to_json())
    }
}

impl fmt::Display for Image {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}x{} in tiles of {}, ", self.width, self.height, self.tile_size)?;
        match self.longest_side {
            Some(longest_side) => write!(formatter, "capped at {longest_side}, ")?,
            None => formatter.write_str("not capped, ")?,
        }
        write!(formatter, "Image API {}", self.version.number())
    }
}

/// Returns no limit, the default limit, and the minimum.
fn caps(tile_size: u32) -> [Option<u32>; 3] {
    [None, Some(PyramidShape::DEFAULT_LONGEST_SIDE), Some(tile_size)]
}

/// Generates sizes: mostly small, often near the edge of a tile, sometimes narrow.
fn any_size() -> impl Strategy<Value = (u32, u32)> {
    let near_an_edge = (1..=9_u32, 0..=4_u32).prop_map(|(tiles, pixels)| 256 * tiles + pixels - 2);
    let side = prop_oneof![1..=20_u32, 1..=700_u32, 1..=4000_u32, near_an_edge];
    prop_oneof![
        8 => (side.clone(), side),
        1 => (1..=5_u32, 1..=60_000_u32),
        1 => (1..=60_000_u32, 1..=5_u32),
    ]
}
