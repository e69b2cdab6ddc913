//! The plan itself: its objects and their order.

use super::checks::for_every_image;
use super::image::Image;
use super::info::Dimensions;
use iiif_publish::iiif::{ApiVersion, Plan, Rendering, ScaleFactor};
use proptest::{prop_assert, prop_assert_eq};
use std::collections::{BTreeSet, HashSet};

/// An image of 1001 x 701 pixels in tiles of 512, Image API 3, without `/0/default.jpg`.
const WORKED_EXAMPLE: [&str; 31] = [
    // Scale factor 1
    "0,0,512,512/512,512",
    "512,0,489,512/489,512",
    "0,512,512,189/512,189",
    "512,512,489,189/489,189",
    "full/1001,701",
    "full/1001,",
    "full/max",
    // Scale factor 2: the nearest size is the ceiling
    "0,0,1001,701/501,351",
    "full/501,351",
    "full/501,",
    // Scale factor 4: plus the nearest size to 250.25 x 175.25
    "0,0,1001,701/251,176",
    "full/251,176",
    "full/251,",
    "0,0,1001,701/250,175",
    "full/250,175",
    // Scale factor 8: plus the nearest size to 125.125 x 87.625
    "0,0,1001,701/126,88",
    "full/126,88",
    "full/126,",
    "0,0,1001,701/125,88",
    "full/125,88",
    // Thumbnails
    "full/90,63",
    "full/90,",
    "full/96,67",
    "full/96,",
    "full/100,70",
    "full/100,",
    "full/200,140",
    "full/200,",
    "full/400,280",
    "full/400,",
    // Not an image
    "info.json",
];

#[test]
fn the_worked_example_has_exactly_these_objects() {
    let plan = Image::new(1001, 701, ApiVersion::V3).plan();
    let paths: BTreeSet<String> = plan.paths().map(|path| path.replace("/0/default.jpg", "")).collect();
    assert_eq!(paths, WORKED_EXAMPLE.map(str::to_owned).into());
}

#[test]
fn a_large_image_has_the_documented_number_of_objects() {
    for (tile_size, of_version_2, of_version_3) in [(256, 6297, 6298), (512, 1637, 1638), (1024, 438, 439)] {
        let without_info_json = |version| {
            let image = Image { tile_size, ..Image::new(20_000, 15_000, version) };
            image.plan().object_count() - 1
        };
        let counts = (without_info_json(ApiVersion::V2), without_info_json(ApiVersion::V3));
        assert_eq!(counts, (of_version_2, of_version_3), "in tiles of {tile_size}");
    }
}

#[test]
fn every_object_is_planned_once() {
    for_every_image(|image| {
        let plan = image.plan();
        let paths: Vec<String> = plan.paths().collect();
        let mut once = HashSet::new();
        let again = paths.iter().find(|path| !once.insert(*path));
        prop_assert_eq!(again, None, "planned twice of {}", image);
        prop_assert_eq!(paths.len() as u64, plan.object_count(), "counted of {}", image);
        Ok(())
    });
}

#[test]
fn info_json_is_planned_last() {
    for_every_image(|image| {
        let last = image.plan().paths().last();
        prop_assert_eq!(last.as_deref(), Some(Plan::INFO_JSON), "of {}", image);
        Ok(())
    });
}

#[test]
fn every_other_object_is_an_image_request() {
    for_every_image(|image| {
        let odd = image.paths().into_iter().find(|path| !is_image_request(path, image.version));
        prop_assert_eq!(odd, None, "of {}", image);
        Ok(())
    });
}

/// Checks region, size, rotation, quality and format, in the forms and ranges that a static image supports.
fn is_image_request(path: &str, version: ApiVersion) -> bool {
    let Some((region, size)) = path.strip_suffix("/0/default.jpg").and_then(|path| path.split_once('/')) else {
        return false;
    };
    let region_is_valid = match numbers(region).as_deref() {
        Some([_, _, width, height]) => *width > 0 && *height > 0,
        _ => region == "full",
    };
    let size_is_valid = match numbers(size.strip_suffix(',').unwrap_or(size)).as_deref() {
        Some([width]) => size.ends_with(',') && *width > 0,
        Some([width, height]) => !size.ends_with(',') && *width > 0 && *height > 0,
        _ => size == "max" || (size == "full" && version == ApiVersion::V2),
    };
    region_is_valid && size_is_valid
}

/// Parses decimal numbers without leading zeros, separated by commas.
fn numbers(text: &str) -> Option<Vec<u32>> {
    let number = |digits: &str| digits.parse().ok().filter(|number: &u32| number.to_string() == digits);
    text.split(',').map(number).collect()
}

#[test]
fn no_rendition_exceeds_the_size_limit() {
    for_every_image(|image| {
        let longest_side = image.longest_side.unwrap_or(u32::MAX);
        let plan = image.plan();
        let pyramid = plan.pyramid();
        for rendering in pyramid.renderings() {
            let size = match rendering {
                Rendering::Tile(cell) => pyramid.cell_size(cell),
                Rendering::Whole(scale) => pyramid.size().at(scale),
                Rendering::Thumbnail(thumbnail) => thumbnail.size,
            };
            prop_assert!(size.longer_side() <= longest_side, "{:?} of {} is {}", rendering, image, size);
        }
        Ok(())
    });
}

#[test]
fn no_entry_of_sizes_and_no_single_tile_level_exceeds_the_size_limit() {
    for_every_image(|image| {
        let longest_side = u64::from(image.longest_side.unwrap_or(u32::MAX));
        let info = image.info();
        let levels = info.scale_factors.iter().map(|scale_factor| info.level(*scale_factor));
        let one_tile_levels = levels.filter(|level| level.fits(info.tile));
        let offered = one_tile_levels.chain(info.sizes.iter().copied()).map(Dimensions::longer_side);
        let longest = offered.chain(info.max_width).max();
        prop_assert!(longest.is_some_and(|side| side <= longest_side), "{} offers {:?}", image, longest);
        Ok(())
    });
}

#[test]
fn sizes_are_the_lowest_levels_and_ascend() {
    for_every_image(|image| {
        let info = image.info();
        let lowest = info.scale_factors.iter().rev().take(info.sizes.len());
        let levels: Vec<Dimensions> = lowest.map(|scale_factor| info.level(*scale_factor)).collect();
        prop_assert!(!levels.is_empty(), "no sizes of {}", image);
        prop_assert_eq!(&info.sizes, &levels, "of {}", image);
        Ok(())
    });
}

#[test]
fn the_largest_of_several_levels_with_the_same_path_is_stored() {
    let image = Image::new(1, 500, ApiVersion::V2);
    let plan = image.plan();
    let answers = |path: &str| {
        let answers =
            |rendering: &Rendering| plan.requests(*rendering).iter().any(|request| request.to_string() == path);
        plan.pyramid().renderings().filter(answers).collect::<Vec<_>>()
    };
    for path in ["full/1,/0/default.jpg", "0,0,1,500/1,/0/default.jpg"] {
        let answers = answers(path);
        assert!(
            matches!(answers[..], [Rendering::Tile(cell)] if cell.scale == ScaleFactor::ONE),
            "`{path}` of {image} is answered by {answers:?}"
        );
    }
}
