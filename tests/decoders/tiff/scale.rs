//! Physical pixel size.

use super::read;
use crate::support::tiff::{Layout, Values};

/// Returns the scale of an image with these tags.
fn scale(more: Vec<(u16, Values)>) -> Option<String> {
    let (header, _) = read(&Layout { more, ..Layout::rgb(20, 20) }.file(|_, _, _| 0)).expect("read");
    header.scale.map(|scale| scale.to_string())
}

#[test]
fn the_description_of_a_slide_has_the_scale() {
    let described = |text: &str| {
        let resolution = || Values::Fractions(vec![(300, 1)]);
        let description = Values::Bytes([text.as_bytes(), b"\0"].concat());
        scale(vec![(270, description), (282, resolution()), (283, resolution())])
    };
    let aperio =
        "Aperio Image Library v11.2.1 \r\n165x99 [0,0 165x99] JPEG/RGB Q=30|AppMag = 20|MPP = 0.4990|Left = 25";
    assert_eq!(described(aperio).as_deref(), Some("0.000499mm"));
    let ome = "<OME><Image><Pixels PhysicalSizeX=\"0.25\" PhysicalSizeY=\"0.25\"/></Image></OME>";
    assert_eq!(described(ome).as_deref(), Some("0.00025mm"));
    assert_eq!(described("a letter").as_deref(), Some("0.00333333in"), "any other description");
}

#[test]
fn the_resolution_is_the_scale_unless_it_is_a_default() {
    let of = |x: (u32, u32), y: (u32, u32), unit: Option<u16>| {
        let mut more = vec![(282, Values::Fractions(vec![x])), (283, Values::Fractions(vec![y]))];
        more.extend(unit.map(|unit| (296, Values::Shorts(vec![unit]))));
        scale(more)
    };
    assert_eq!(of((400, 1), (400, 1), Some(2)).as_deref(), Some("0.0025in"));
    assert_eq!(of((400, 1), (400, 1), None).as_deref(), Some("0.0025in"), "inches are the default unit");
    assert_eq!(of((236, 1), (236, 1), Some(3)).as_deref(), Some("0.00423729cm"));
    for (x, y, unit) in [
        ((72, 1), (72, 1), 2),
        ((96, 1), (96, 1), 2),
        ((10, 1), (10, 1), 3),
        ((28, 1), (28, 1), 3),
        ((400, 1), (400, 1), 1),
        ((400, 1), (200, 1), 2),
        ((400, 0), (400, 0), 2),
        ((0, 1), (0, 1), 2),
        ((0, 0), (0, 0), 2),
        ((1, 1), (1, 1), 2),
    ] {
        assert_eq!(of(x, y, Some(unit)), None, "{x:?} {y:?} {unit}");
    }
}
