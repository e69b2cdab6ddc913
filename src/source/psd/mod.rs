//! Photoshop files (PSD) and their large-document variant (PSB), following Adobe's 2019 file format specification.
//!
//! ```text
//! header, color table, resources, layers: sections -> composite: planes -> rows
//! ```
//!
//! Only reads the composite, which is the flattened picture that Photoshop stores after the layers. Each channel is
//! stored separately, so a row has to be read from one location per channel.

mod plane;
mod reader;
mod resources;
mod rows;
mod sections;

use super::metadata::Metadata;
use super::samples::{Alpha, ColorModel, Depth, Samples};
use super::{Input, Opened, Refusal, WarningCode};
use crate::iiif::Size;
use plane::{Compression, Planes};
use resources::Resources;
use rows::{PixelLayout, PsdRows};
use sections::{Head, Mode, Sections};

/// Hint for files that were saved without a composite.
const COMPATIBILITY: &str = "save it in Photoshop with `Maximize Compatibility`, or flatten it first, for example: `magick IN.psd -background white -flatten OUT.tif`";

pub(super) fn open(file: Input) -> Result<Opened, Refusal> {
    let mut metadata = Metadata::default();
    let Sections { head, color_table, resources, has_merged_alpha, planes_at } = Sections::read(&file, &mut metadata)?;
    if !resources.has_composite {
        return Err(Refusal::unsupported("a Photoshop file without a composite image", COMPATIBILITY));
    }
    let size = Size::new(head.width, head.height)?;
    let layout = pixel_layout(&head, &color_table, &resources, metadata.has_profile())?;
    let colors = layout.samples().color;
    let channels = planes(&head, colors, has_merged_alpha, &mut metadata);
    let layout = if channels > planes_of_colors(&head) { layout.with_alpha() } else { layout };
    warn_about_ignored(&head, &mut metadata);
    let planes = Planes::locate(&file, &head, channels, planes_at)?;
    let name = if head.is_large { "PSB" } else { "PSD" };
    Ok(Opened {
        size,
        samples: layout.samples(),
        bits: head.depth,
        container: format!("{name}, {}", describe(planes.compression)),
        metadata: metadata.finish(),
        decoder_bytes: planes.bytes(),
        blocks: None,
        rows: Box::new(PsdRows::new(file, planes, layout)),
    })
}

fn describe(compression: Compression) -> &'static str {
    match compression {
        Compression::None => "uncompressed",
        Compression::PackBits => "PackBits",
        Compression::Deflate | Compression::DeflateDifferences => "Deflate",
    }
}

/// Returns the layout for converting planes to pixels. The only alpha channel it includes is a palette's.
fn pixel_layout(
    head: &Head,
    color_table: &[u8],
    resources: &Resources,
    has_profile: bool,
) -> Result<PixelLayout, Refusal> {
    let color = match head.mode {
        Mode::Bitmap if head.depth == 1 => return Ok(PixelLayout::Bitmap),
        Mode::Indexed if head.depth == 8 => {
            return PixelLayout::palette(color_table, resources.transparent_index)
                .ok_or_else(|| Refusal::Decode("its color table does not have 256 colors".into()));
        }
        Mode::Gray | Mode::Duotone => ColorModel::Gray,
        Mode::Rgb => ColorModel::Rgb,
        Mode::Cmyk => ColorModel::Cmyk,
        Mode::Lab => ColorModel::Lab,
        Mode::Bitmap | Mode::Indexed => return Err(unsupported_depth(head.depth)),
        Mode::Multichannel => {
            return Err(Refusal::Unsupported("a Photoshop file of separate color channels (multichannel)".to_owned()));
        }
    };
    match (head.depth, color) {
        (8, ColorModel::Lab) => Ok(PixelLayout::Lab8),
        (8 | 16, _) => {
            let depth = if head.depth == 8 { Depth::Eight } else { Depth::Sixteen };
            Ok(PixelLayout::Integers(Samples { color, alpha: Alpha::None, depth }))
        }
        (32, ColorModel::Gray | ColorModel::Rgb) => {
            // Photoshop uses linear light at 32 bits, and embeds a matching profile.
            let depth = if has_profile { Depth::Sixteen } else { Depth::Eight };
            Ok(PixelLayout::Floats(Samples { color, alpha: Alpha::None, depth }))
        }
        _ => Err(unsupported_depth(head.depth)),
    }
}

fn unsupported_depth(bits: u16) -> Refusal {
    Refusal::Unsupported(format!("a Photoshop file with {bits} bits per channel in this color mode"))
}

fn planes_of_colors(head: &Head) -> u16 {
    match head.mode {
        Mode::Rgb | Mode::Lab => 3,
        Mode::Cmyk => 4,
        _ => 1,
    }
}

/// Returns the number of planes to read, including the alpha channel. Adds a warning if other planes are ignored.
fn planes(head: &Head, color: ColorModel, has_merged_alpha: bool, metadata: &mut Metadata) -> u16 {
    let colors = planes_of_colors(head);
    let has_alpha = has_merged_alpha && head.channels > colors && head.depth > 1 && head.mode != Mode::Indexed;
    if has_alpha && color == ColorModel::Lab {
        metadata.warn(WarningCode::SamplesIgnored, "its transparency is ignored, and its background is white");
        return colors;
    }
    let used = colors + u16::from(has_alpha);
    match head.channels.saturating_sub(used) {
        0 => {}
        1 => metadata.warn(WarningCode::SamplesIgnored, "1 channel for a selection or a spot color is ignored"),
        more => metadata
            .warn(WarningCode::SamplesIgnored, format!("{more} channels for selections or spot colors are ignored")),
    }
    used
}

fn warn_about_ignored(head: &Head, metadata: &mut Metadata) {
    if head.mode == Mode::Duotone {
        metadata.warn(WarningCode::ColorsGuessed, "the inks of its duotone are ignored, and it is shown in gray");
    }
}
