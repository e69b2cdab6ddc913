//! Which component is which colour, and what the decoder is told of it.

use super::Refusal;
use super::boxes::{ColourSpecification, Definition, Jp2Header};
use super::size::{Component, Grid};
use crate::source::metadata::Metadata;
use crate::source::samples::{Alpha, Colour, Depth, Samples};

const CMYK: u32 = 12;
const SRGB: u32 = 16;
const GREYSCALE: u32 = 17;
const SYCC: u32 = 18;

/// Bits of a sample that the decoder has room for.
const MOST_BITS: u8 = 31;

/// `cdef`: straight and premultiplied opacity.
const OPACITY: u16 = 1;
const PREMULTIPLIED_OPACITY: u16 = 2;

/// What the channels of an image are.
#[derive(Clone, Debug)]
pub(super) struct Channels {
    pub(super) samples: Samples,
    /// The channel of each sample of a pixel.
    pub(super) order: Vec<usize>,
    /// Of the sample with the most.
    pub(super) bits: u16,
    /// The beginning of a JP2 file, up to its codestream: it makes the decoder look colours up and convert sYCC.
    pub(super) head: Vec<u8>,
    /// Channels that come from a palette.
    pub(super) from_palette: usize,
}

/// The colours of a file, and the number of what the decoder is to convert them from.
struct Colours {
    colour: Colour,
    number: u32,
}

impl Channels {
    /// Reads what the channels are, and adds the profile to the metadata.
    pub(super) fn new(header: Option<Jp2Header>, grid: &Grid, metadata: &mut Metadata) -> Result<Self, Refusal> {
        let mut header = header.unwrap_or_default();
        let channel_bits = channel_bits(&header, &grid.components)?;
        if let Some(bits) = channel_bits.iter().find(|bits| **bits > MOST_BITS) {
            return Err(Refusal::Unsupported(format!("a JPEG 2000 image of {bits} bits a sample")));
        }
        let colours = Colours::new(header.colour.take(), &grid.components, channel_bits.len(), metadata)?;
        let (order, alpha) = order(&header, colours.colour, channel_bits.len())?;
        if colours.number == SYCC && order.iter().enumerate().any(|(index, channel)| index != *channel) {
            return Err(Refusal::Unsupported("a JPEG 2000 image with sYCC in an unusual order".to_owned()));
        }
        let bits = order.iter().map(|channel| u16::from(channel_bits[*channel])).max().unwrap_or(0);
        let depth = if bits > 8 { Depth::Sixteen } else { Depth::Eight };
        Ok(Self {
            samples: Samples { colour: colours.colour, alpha, depth },
            order,
            bits,
            head: head(colours.number, header.palette.as_deref(), header.mapping.as_deref()),
            from_palette: if header.palette.is_some() { channel_bits.len() } else { 0 },
        })
    }
}

/// Bits of each channel: of each component, or of what a palette makes of it (I.5.3.4, I.5.3.5).
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

impl Colours {
    fn new(
        specification: Option<ColourSpecification>,
        components: &[Component],
        channels: usize,
        metadata: &mut Metadata,
    ) -> Result<Self, Refusal> {
        match specification {
            Some(ColourSpecification::Enumerated(number)) => Ok(Self { colour: colour_of(number)?, number }),
            Some(ColourSpecification::Profile(profile)) => {
                let colour = colour_of_profile(&profile)?;
                metadata.add_profile(profile);
                Ok(colour.map_or_else(|| Self::guessed(components, channels), Self::of_profile))
            }
            Some(ColourSpecification::TooLarge(bytes)) => {
                metadata.add_too_large("ICC profile", bytes);
                Ok(Self::guessed(components, channels))
            }
            None => Ok(Self::guessed(components, channels)),
        }
    }

    fn of_profile(colour: Colour) -> Self {
        Self { colour, number: if colour == Colour::Grey { GREYSCALE } else { SRGB } }
    }

    /// What the number of channels suggests.
    fn guessed(components: &[Component], channels: usize) -> Self {
        if channels < 3 {
            Self { colour: Colour::Grey, number: GREYSCALE }
        } else if has_fewer_differences(components) {
            // Practically nothing else has colour differences in fewer samples.
            Self { colour: Colour::Rgb, number: SYCC }
        } else {
            Self { colour: Colour::Rgb, number: SRGB }
        }
    }
}

fn colour_of(number: u32) -> Result<Colour, Refusal> {
    Ok(match number {
        CMYK => Colour::Cmyk,
        SRGB | SYCC => Colour::Rgb,
        GREYSCALE => Colour::Grey,
        _ => {
            // T.801, table M.25.
            let name = match number {
                0 | 15 => " (black and white)",
                11 => " (CMY)",
                13 => " (YCCK)",
                14 => " (CIELab)",
                20 => " (e-sRGB)",
                21 => " (ROMM RGB)",
                24 => " (e-sYCC)",
                _ => "",
            };
            return Err(Refusal::Unsupported(format!("a JPEG 2000 image in the colour space {number}{name}")));
        }
    })
}

/// Reads the signature in the header of a profile (ICC.1:2022, 7.2.6); `None` if it is too short to have one.
fn colour_of_profile(profile: &[u8]) -> Result<Option<Colour>, Refusal> {
    match profile.get(16..20) {
        Some(b"GRAY") => Ok(Some(Colour::Grey)),
        Some(b"RGB ") => Ok(Some(Colour::Rgb)),
        Some(b"CMYK") => Ok(Some(Colour::Cmyk)),
        Some([0, 0, 0, 0]) | None => Ok(None),
        Some(other) => {
            Err(Refusal::Unsupported(format!("a JPEG 2000 image with a profile of `{}`", other.escape_ascii())))
        }
    }
}

fn has_fewer_differences(components: &[Component]) -> bool {
    let [lightness, blue, red] = components else { return false };
    let steps = |it: &Component| (it.across, it.down);
    steps(blue) == steps(red)
        && steps(blue) != steps(lightness)
        && blue.across >= lightness.across
        && blue.down >= lightness.down
}

/// The channel of each sample of a pixel, alpha last.
fn order(header: &Jp2Header, colour: Colour, channels: usize) -> Result<(Vec<usize>, Alpha), Refusal> {
    let samples = Samples { colour, ..Samples::GREY_8 };
    let colours = samples.colours();
    let (order, alpha) = match &header.definitions {
        Some(definitions) => defined(definitions, colours)?,
        None if channels <= colours => ((0..colours).collect(), Alpha::None),
        // What almost every writer means by it.
        None if channels == colours + 1 => ((0..channels).collect(), Alpha::Straight),
        None => return Err(Refusal::Unsupported(format!("a JPEG 2000 image of {channels} channels in {colour}"))),
    };
    if order.iter().any(|channel| *channel >= channels) {
        return Err(Refusal::Decode(
            format!("it has {channels} channels, fewer than its colours ({colour}) need").into(),
        ));
    }
    Ok((order, alpha))
}

fn defined(definitions: &[Definition], colours: usize) -> Result<(Vec<usize>, Alpha), Refusal> {
    let channel = |found: &Definition| usize::from(found.channel);
    let of_colour = |number: usize| {
        let is_it = |it: &&Definition| it.kind == 0 && usize::from(it.association) == number + 1;
        definitions.iter().find(is_it).map_or(number, channel)
    };
    let mut order: Vec<usize> = (0..colours).map(of_colour).collect();
    let opacities = || definitions.iter().filter(|it| [OPACITY, PREMULTIPLIED_OPACITY].contains(&it.kind));
    let Some(opacity) = opacities().next() else { return Ok((order, Alpha::None)) };
    if opacity.association != 0 || opacities().count() > 1 {
        return Err(Refusal::Unsupported("a JPEG 2000 image with transparency of single colours".to_owned()));
    }
    order.push(channel(opacity));
    Ok((order, if opacity.kind == OPACITY { Alpha::Straight } else { Alpha::Premultiplied }))
}

/// A JP2 file up to the content of its codestream, which goes on to the end of the file.
fn head(number: u32, palette: Option<&[u8]>, mapping: Option<&[u8]>) -> Vec<u8> {
    let colour = [&[1, 0, 0][..], &number.to_be_bytes()].concat();
    let mut header = boxed(*b"colr", &colour);
    header.extend(palette.map(|palette| boxed(*b"pclr", palette)).unwrap_or_default());
    header.extend(palette.and(mapping).map(|mapping| boxed(*b"cmap", mapping)).unwrap_or_default());
    let mut head = boxed(*b"jP  ", b"\r\n\x87\n");
    head.extend(boxed(*b"ftyp", b"jp2 \0\0\0\0jp2 "));
    head.extend(boxed(*b"jp2h", &header));
    head.extend(b"\0\0\0\0jp2c");
    head
}

fn boxed(kind: [u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len() + 8).expect("a header has at most 32 MiB");
    [&length.to_be_bytes()[..], &kind, content].concat()
}
