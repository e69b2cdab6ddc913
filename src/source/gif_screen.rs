//! GIF logical screen. It has to be enlarged if the first image doesn't fit, or the image would be cropped.

use super::Input;
use super::metadata::Metadata;
use super::warning::WarningCode;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

/// Offset of the logical screen's width and height.
const SCREEN: u64 = 6;

/// Number of bytes before the global color table.
const HEADER_BYTES: usize = 13;

/// Maximum number of extensions to read before the first image.
const MAX_EXTENSIONS: usize = 1000;

/// Returns the screen width and height required by the first image, encoded as they are in the file. Returns `None` if
/// the screen is already large enough.
pub(super) fn required_screen(file: &Input, metadata: &mut Metadata) -> io::Result<Option<[u8; 4]>> {
    let mut reader = BufReader::new(file.clone());
    let mut header = [0; HEADER_BYTES];
    reader.rewind()?;
    reader.read_exact(&mut header)?;
    let flags = header[10];
    if flags & 0x80 != 0 {
        reader.seek_relative(3 << ((flags & 7) + 1))?;
    }
    let Some([left, top, width, height]) = first_image(&mut reader, metadata)? else { return Ok(None) };
    let screen = [u16::from_le_bytes([header[6], header[7]]), u16::from_le_bytes([header[8], header[9]])];
    // Browsers enlarge the screen to fit the first image, while the `image` crate crops the image to the screen. To
    // match browsers, we patch the screen size in the bytes passed to the decoder.
    let needed = [left.saturating_add(width).max(screen[0]), top.saturating_add(height).max(screen[1])];
    let [w, h] = needed.map(u16::to_le_bytes);
    Ok((needed != screen).then_some([w[0], w[1], h[0], h[1]]))
}

/// Returns the first image's left, top, width and height.
fn first_image(reader: &mut BufReader<Input>, metadata: &mut Metadata) -> io::Result<Option<[u16; 4]>> {
    for _ in 0..MAX_EXTENSIONS {
        match byte(reader)? {
            b',' => {
                let mut numbers = [0; 8];
                reader.read_exact(&mut numbers)?;
                let [l0, l1, t0, t1, w0, w1, h0, h1] = numbers;
                return Ok(Some([[l0, l1], [t0, t1], [w0, w1], [h0, h1]].map(u16::from_le_bytes)));
            }
            b'!' => skip_extension(reader, metadata)?,
            _ => return Ok(None),
        }
    }
    Ok(None)
}

/// Skips an extension. Warns about an animation if it's the Netscape extension.
fn skip_extension(reader: &mut BufReader<Input>, metadata: &mut Metadata) -> io::Result<()> {
    const APPLICATION: u8 = 0xff;
    let is_application = byte(reader)? == APPLICATION;
    let mut is_first = true;
    loop {
        let mut block = vec![0; byte(reader)?.into()];
        if block.is_empty() {
            return Ok(());
        }
        reader.read_exact(&mut block)?;
        if is_application && is_first && block.starts_with(b"NETSCAPE") {
            metadata.warn(WarningCode::PagesIgnored, "it is animated, and only its first image is published");
        }
        is_first = false;
    }
}

fn byte(reader: &mut impl Read) -> io::Result<u8> {
    let mut byte = [0];
    reader.read_exact(&mut byte)?;
    Ok(byte[0])
}

/// Input file with a few bytes replaced.
pub(super) struct Patched {
    input: Input,
    screen: Option<[u8; 4]>,
}

impl Patched {
    /// Replaces the logical screen size of a GIF, if `screen` is given.
    pub(super) fn new(input: Input, screen: Option<[u8; 4]>) -> Self {
        Self { input, screen }
    }
}

impl Read for Patched {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let start = self.input.stream_position()?;
        let count = self.input.read(into)?;
        let patch = self.screen.iter().flatten().zip(SCREEN..);
        for (byte, at) in patch {
            let index = at.checked_sub(start).and_then(|index| usize::try_from(index).ok());
            if let Some(place) = index.and_then(|index| into[..count].get_mut(index)) {
                *place = *byte;
            }
        }
        Ok(count)
    }
}

impl Seek for Patched {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.input.seek(to)
    }
}
