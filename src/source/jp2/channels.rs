//! Assigns components to colors and builds the header that the decoder needs to convert them.

use super::Refusal;
use super::boxes::{ColorSpecification, Definition, Jp2Header};
use super::lab::LabRanges;
use super::size::{Component, Grid};
use crate::source::metadata::Metadata;
use crate::source::samples::{Alpha, ColorModel, Depth, Samples};

const CMYK: u32 = 12;
const CIELAB: u32 = 14;
const SRGB: u32 = 16;
const GRAYSCALE: u32 = 17;
const SYCC: u32 = 18;

/// Maximum bits per sample that the decoder supports.
const MAX_BITS: u8 = 31;

/// `cdef` types for straight and premultiplied opacity.
const OPACITY: u16 = 1;
const PREMULTIPLIED_OPACITY: u16 = 2;

/// An image's channels.
#[derive(Clone, Debug)]
pub(super) struct Channels {
    pub(super) samples: Samples,
    /// Channel index for each sample of a pixel.
    pub(super) order: Vec<usize>,
    /// Bit depth of the deepest sample.
    pub(super) bits: u16,
    /// Ranges of CIE L\*a\*b\*.
    pub(super) lab: Option<LabRanges>,
    /// The start of a JP2 file, up to its codestream. It tells the decoder to look up palette colors and convert sYCC.
    pub(super) head: Vec<u8>,
    /// Number of channels that come from a palette.
    pub(super) from_palette: usize,
    /// The channels are the components as they are, without a palette or sYCC.
    #[cfg(feature = "openjpeg")]
    pub(super) are_components: bool,
}

/// A file's color model, and the enumerated color space that the decoder converts from.
struct ColorSpace {
    color: ColorModel,
    number: u32,
    /// Parameters of CIE L\*a\*b\*.
    parameters: Vec<u8>,
}

impl Channels {
    /// Determines the channels and adds the profile to the metadata.
    pub(super) fn new(header: Option<Jp2Header>, grid: &Grid, metadata: &mut Metadata) -> Result<Self, Refusal> {
        let mut header = header.unwrap_or_default();
        let channel_bits = channel_bits(&header, &grid.components)?;
        if let Some(bits) = channel_bits.iter().find(|bits| **bits > MAX_BITS) {
            return Err(Refusal::Unsupported(format!("a JPEG 2000 image with {bits}-bit samples")));
        }
        let colors = ColorSpace::new(header.color.take(), &grid.components, channel_bits.len(), metadata)?;
        let (order, alpha) = order(&header, colors.color, channel_bits.len())?;
        if colors.number == SYCC && order.iter().enumerate().any(|(index, channel)| index != *channel) {
            return Err(Refusal::Unsupported("a JPEG 2000 image with sYCC in an unusual order".to_owned()));
        }
        let bits = order.iter().map(|channel| u16::from(channel_bits[*channel])).max().unwrap_or(0);
        let depth = if bits > 8 || colors.color == ColorModel::Lab { Depth::Sixteen } else { Depth::Eight };
        let lab = colors.lab_ranges(&order, &channel_bits, &grid.components)?;
        Ok(Self {
            samples: Samples { color: colors.color, alpha, depth },
            order,
            bits,
            lab,
            head: head(colors.number, header.palette.as_deref(), header.mapping.as_deref()),
            from_palette: if header.palette.is_some() { channel_bits.len() } else { 0 },
            #[cfg(feature = "openjpeg")]
            are_components: header.palette.is_none() && colors.number != SYCC,
        })
    }
}

/// Returns the bit depth of each channel. A channel is a component or a palette column (I.5.3.4, I.5.3.5).
fn channel_bits(header: &Jp2Header, components: &[Component]) -> Result<Vec<u8>, Refusal> {
    let of_components: Vec<u8> = components.iter().map(|component| component.bits).collect();
    let Some(palette) = &header.palette else { return Ok(of_components) };
    if components.iter().any(|component| component.is_signed) {
        return Err(Refusal::Unsupported("a JPEG 2000 image with a palette of signed samples".to_owned()));
    }
    palette_bits(palette, header.mapping.as_deref(), &of_components)
        .ok_or_else(|| Refusal::Decode("its palette is damaged".into()))
}

fn palette_bits(palette: &[u8], mapping: Option<&[u8]>, components: &[u8]) -> Option<Vec<u8>> {
    let columns = palette.get(3..)?.get(..(*palette.get(2)?).into())?;
    let of_column = |column: usize| columns.get(column).map(|bits| (bits & 0x7f) + 1);
    let Some(mapping) = mapping else {
        return (0..columns.len()).map(of_column).collect();
    };
    let (entries, _) = mapping.as_chunks::<4>();
    let of_entry = |[high, low, kind, column]: &[u8; 4]| match kind {
        0 => components.get(usize::from(u16::from_be_bytes([*high, *low]))).copied(),
        _ => of_column((*column).into()),
    };
    entries.iter().map(of_entry).collect()
}

impl ColorSpace {
    fn new(
        specification: Option<ColorSpecification>,
        components: &[Component],
        channels: usize,
        metadata: &mut Metadata,
    ) -> Result<Self, Refusal> {
        match specification {
            Some(ColorSpecification::Enumerated(CIELAB, parameters)) => {
                // The decoder must not convert it.
                Ok(Self { parameters, ..Self::without_parameters(ColorModel::Lab, SRGB) })
            }
            Some(ColorSpecification::Enumerated(number, _)) => {
                Ok(Self::without_parameters(color_from_number(number)?, number))
            }
            Some(ColorSpecification::Profile(profile)) => {
                let color = color_from_profile(&profile)?;
                metadata.add_profile(profile);
                Ok(color.map_or_else(|| Self::guessed(components, channels), Self::from_profile))
            }
            Some(ColorSpecification::TooLarge(bytes)) => {
                metadata.add_too_large("ICC profile", bytes);
                Ok(Self::guessed(components, channels))
            }
            None => Ok(Self::guessed(components, channels)),
        }
    }

    fn from_profile(color: ColorModel) -> Self {
        Self::without_parameters(color, if color == ColorModel::Gray { GRAYSCALE } else { SRGB })
    }

    fn without_parameters(color: ColorModel, number: u32) -> Self {
        Self { color, number, parameters: Vec::new() }
    }

    /// Returns the ranges of CIE L\*a\*b\*, or `None` for other color models.
    fn lab_ranges(&self, order: &[usize], bits: &[u8], components: &[Component]) -> Result<Option<LabRanges>, Refusal> {
        let [lightness, a, b, ..] = order else { return Ok(None) };
        if self.color != ColorModel::Lab {
            return Ok(None);
        }
        if components.iter().any(|component| component.is_signed) {
            return Err(Refusal::Unsupported("a JPEG 2000 image in CIELab with signed samples".to_owned()));
        }
        LabRanges::read(&self.parameters, [*lightness, *a, *b].map(|channel| bits[channel])).map(Some)
    }

    /// Guesses the color space from the number of channels.
    fn guessed(components: &[Component], channels: usize) -> Self {
        if channels < 3 {
            Self::without_parameters(ColorModel::Gray, GRAYSCALE)
        } else if has_subsampled_chroma(components) {
            // Hardly any other color space uses subsampled components.
            Self::without_parameters(ColorModel::Rgb, SYCC)
        } else {
            Self::without_parameters(ColorModel::Rgb, SRGB)
        }
    }
}

fn color_from_number(number: u32) -> Result<ColorModel, Refusal> {
    Ok(match number {
        CMYK => ColorModel::Cmyk,
        SRGB | SYCC => ColorModel::Rgb,
        GRAYSCALE => ColorModel::Gray,
        _ => {
            // T.801, table M.25.
            let name = match number {
                0 | 15 => " (black and white)",
                11 => " (CMY)",
                13 => " (YCCK)",
                20 => " (e-sRGB)",
                21 => " (ROMM RGB)",
                24 => " (e-sYCC)",
                _ => "",
            };
            return Err(Refusal::Unsupported(format!("a JPEG 2000 image in the color space {number}{name}")));
        }
    })
}

/// Reads a profile's color space signature (ICC.1:2022, 7.2.6). Returns `None` if the profile doesn't have one.
fn color_from_profile(profile: &[u8]) -> Result<Option<ColorModel>, Refusal> {
    match profile.get(16..20) {
        Some(b"GRAY") => Ok(Some(ColorModel::Gray)),
        Some(b"RGB ") => Ok(Some(ColorModel::Rgb)),
        Some(b"CMYK") => Ok(Some(ColorModel::Cmyk)),
        Some([0, 0, 0, 0]) | None => Ok(None),
        Some(other) => {
            Err(Refusal::Unsupported(format!("a JPEG 2000 image with a profile for `{}`", other.escape_ascii())))
        }
    }
}

fn has_subsampled_chroma(components: &[Component]) -> bool {
    let [lightness, blue, red] = components else { return false };
    let steps = |it: &Component| (it.x_step, it.y_step);
    steps(blue) == steps(red)
        && steps(blue) != steps(lightness)
        && blue.x_step >= lightness.x_step
        && blue.y_step >= lightness.y_step
}

/// Returns the channel index for each sample of a pixel. Alpha comes last.
fn order(header: &Jp2Header, color: ColorModel, channels: usize) -> Result<(Vec<usize>, Alpha), Refusal> {
    let samples = Samples { color, ..Samples::GRAY_8 };
    let colors = samples.color_channels();
    let (order, alpha) = match &header.definitions {
        Some(definitions) => defined(definitions, colors)?,
        None if channels <= colors => ((0..colors).collect(), Alpha::None),
        // Almost every writer means alpha.
        None if channels == colors + 1 => ((0..channels).collect(), Alpha::Straight),
        None => return Err(Refusal::Unsupported(format!("a JPEG 2000 image of {channels} channels in {color}"))),
    };
    if order.iter().any(|channel| *channel >= channels) {
        return Err(Refusal::Decode(
            format!("it has {channels} channels, too few for its color space ({color})").into(),
        ));
    }
    Ok((order, alpha))
}

fn defined(definitions: &[Definition], colors: usize) -> Result<(Vec<usize>, Alpha), Refusal> {
    let channel = |found: &Definition| usize::from(found.channel);
    let of_color = |number: usize| {
        let is_it = |it: &&Definition| it.kind == 0 && usize::from(it.association) == number + 1;
        definitions.iter().find(is_it).map_or(number, channel)
    };
    let mut order: Vec<usize> = (0..colors).map(of_color).collect();
    let opacities = || definitions.iter().filter(|it| [OPACITY, PREMULTIPLIED_OPACITY].contains(&it.kind));
    let Some(opacity) = opacities().next() else { return Ok((order, Alpha::None)) };
    if opacity.association != 0 || opacities().count() > 1 {
        return Err(Refusal::Unsupported("a JPEG 2000 image with transparency of single colors".to_owned()));
    }
    order.push(channel(opacity));
    Ok((order, if opacity.kind == OPACITY { Alpha::Straight } else { Alpha::Premultiplied }))
}

/// Creates the start of a JP2 file, up to the contents of a codestream box that extends to the end of the file.
fn head(number: u32, palette: Option<&[u8]>, mapping: Option<&[u8]>) -> Vec<u8> {
    let color = [&[1, 0, 0][..], &number.to_be_bytes()].concat();
    let mut header = write_box(*b"colr", &color);
    header.extend(palette.map(|palette| write_box(*b"pclr", palette)).unwrap_or_default());
    header.extend(palette.and(mapping).map(|mapping| write_box(*b"cmap", mapping)).unwrap_or_default());
    let mut head = write_box(*b"jP  ", b"\r\n\x87\n");
    head.extend(write_box(*b"ftyp", b"jp2 \0\0\0\0jp2 "));
    head.extend(write_box(*b"jp2h", &header));
    head.extend(b"\0\0\0\0jp2c");
    head
}

fn write_box(kind: [u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len() + 8).expect("a header has at most 32 MiB");
    [&length.to_be_bytes()[..], &kind, content].concat()
}
