//! PNG chunks: reads the metadata before and after the pixels, and provides a reader limited to the chunks that affect
//! pixels.
//!
//! The `png` crate keeps all of a file's metadata in memory, reads text after the pixels too late, and rejects files
//! because of errors in animations that we don't show. We avoid all that by hiding those chunks from it.

use super::Input;
use super::metadata::{MAX_EXIF_BYTES, MAX_PROFILE_BYTES, Metadata, scale_of_density};
use crate::iiif::{LengthUnit, PhysicalScale};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

pub(super) const SIGNATURE: &[u8; 8] = b"\x89PNG\r\n\x1a\n";

/// Number of bytes to search for metadata at the end of a file. Walking through the chunks would mean downloading all
/// of a remote file.
const TAIL_BYTES: u64 = 256 << 10;

/// Maximum number of chunks to read before the pixels. Real files have a few dozen.
const MAX_CHUNKS: usize = 10_000;

/// Maximum total size of a file's metadata in bytes, both compressed and decompressed. Anything beyond that is skipped.
/// Without this limit, a file with thousands of small chunks that each decompress to their own maximum would take
/// minutes.
const MAX_METADATA_BYTES: u64 = 64 << 20;

/// Keywords for text chunks that contain hex-encoded EXIF data, as written by `ImageMagick` and `ExifTool`.
const EXIF_KEYWORDS: [&[u8]; 2] = [b"Raw profile type exif", b"Raw profile type APP1"];

/// Keywords for XMP text (ISO 16684-3, 1.1.5) and for hex-encoded XMP.
const XMP_KEYWORD: &[u8] = b"XML:com.adobe.xmp";
const RAW_XMP_KEYWORD: &[u8] = b"Raw profile type xmp";

/// Signature of XMP data in text chunks with a keyword that can stand for any JPEG `APP1` segment.
const XMP_HEAD: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";

/// Chunks that affect the pixels.
const PIXEL_CHUNKS: [&[u8; 4]; 5] = [b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"];

/// Contents of all other chunks.
#[derive(Default)]
pub(super) struct Chunks {
    pub(super) metadata: Metadata,
    /// `true` if the file starts with Apple's `CgBI` chunk, which means the pixels aren't stored as in a standard PNG.
    pub(super) is_apple: bool,
    pub(super) is_animated: bool,
    /// Number of metadata bytes that have been read, decompressed or checked so far.
    metadata_bytes: u64,
}

/// Reads the chunks before the pixels and near the end of the file.
pub(super) fn read(file: &Input) -> io::Result<Chunks> {
    let mut chunks = Chunks::default();
    let mut reader = BufReader::new(file.clone());
    reader.seek(SeekFrom::Start(SIGNATURE.len() as u64))?;
    let mut pixels = file.length();
    for _ in 0..MAX_CHUNKS {
        let Some((length, kind)) = head(&mut reader)? else { break };
        let at = reader.stream_position()?;
        match &kind {
            b"IDAT" | b"IEND" => {
                pixels = at;
                break;
            }
            b"CgBI" => chunks.is_apple = true,
            b"acTL" => chunks.is_animated = true,
            b"eXIf" | b"iCCP" | b"pHYs" | b"tEXt" | b"zTXt" | b"iTXt" => chunks.add(&mut reader, kind, length)?,
            _ => {}
        }
        reader.seek(SeekFrom::Start(at + u64::from(length) + 4))?;
    }
    // Some writers put EXIF data after the pixels. ICC profiles aren't allowed there. Only search the end if it could
    // make a difference, because that may take another request if the file is remote.
    if !chunks.metadata.has_orientation() && pixels < file.length() {
        chunks.read_tail(file, pixels)?;
    }
    Ok(chunks)
}

/// Reads a chunk's length and type. Returns `None` at the end of the file.
fn head(reader: &mut impl Read) -> io::Result<Option<(u32, [u8; 4])>> {
    let mut bytes = [0; 8];
    match reader.read_exact(&mut bytes) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
        Ok(()) => {
            let [l0, l1, l2, l3, kind @ ..] = bytes;
            Ok(Some((u32::from_be_bytes([l0, l1, l2, l3]), kind)))
        }
    }
}

impl Chunks {
    /// Adds a metadata chunk. The reader must be positioned at its content.
    fn add(&mut self, reader: &mut impl Read, kind: [u8; 4], length: u32) -> io::Result<()> {
        let (name, limit) = match &kind {
            b"iCCP" => ("ICC profile", MAX_PROFILE_BYTES),
            b"eXIf" => ("EXIF data", MAX_EXIF_BYTES),
            _ => ("text", MAX_EXIF_BYTES),
        };
        if !self.has_room_for(length.into()) {
            return Ok(());
        }
        if u64::from(length) > limit {
            self.metadata.add_too_large(name, length.into());
            return Ok(());
        }
        let mut content = Vec::new();
        reader.take(length.into()).read_to_end(&mut content)?;
        let mut checksum = [0; 4];
        let is_whole = reader.read_exact(&mut checksum).is_ok() && crc(kind, &content) == u32::from_be_bytes(checksum);
        match (&kind, is_whole) {
            (b"iCCP", false) => self.metadata.add_unusable_profile("its checksum is wrong"),
            (b"eXIf", false) => self.metadata.add_unreadable_exif("its checksum is wrong"),
            (_, false) => {}
            (_, true) => self.add_content(kind, &content),
        }
        Ok(())
    }

    /// Counts metadata towards the limit before reading it. Returns `false` if the limit has been exceeded.
    fn has_room_for(&mut self, bytes: u64) -> bool {
        let before = self.metadata_bytes;
        self.metadata_bytes = before.saturating_add(bytes);
        if self.metadata_bytes <= MAX_METADATA_BYTES {
            return true;
        }
        if before <= MAX_METADATA_BYTES {
            self.metadata.add_too_large("metadata", self.metadata_bytes);
        }
        false
    }

    fn add_content(&mut self, kind: [u8; 4], content: &[u8]) {
        match &kind {
            b"iCCP" => self.add_profile(content),
            b"eXIf" => self.metadata.add_exif(content),
            b"pHYs" => self.metadata.add_scale(scale(content)),
            _ => self.add_text(kind, content),
        }
    }

    /// Adds the profile from an `iCCP` chunk: name, 0, compression method, compressed data.
    fn add_profile(&mut self, content: &[u8]) {
        let compressed = after_zero(content).and_then(|(_, rest)| rest.strip_prefix(b"\0"));
        match compressed.map(|bytes| inflate(bytes, MAX_PROFILE_BYTES)) {
            Some(Inflated::All(profile)) => self.metadata.add_profile(profile),
            Some(Inflated::TooLarge) => self.metadata.add_too_large("ICC profile", MAX_PROFILE_BYTES + 1),
            Some(Inflated::Damaged) | None => self.metadata.add_unusable_profile("its compressed data is damaged"),
        }
    }

    /// Adds EXIF or XMP data from a text chunk, if it contains either.
    fn add_text(&mut self, kind: [u8; 4], content: &[u8]) {
        let Some((keyword, rest)) = after_zero(content) else { return };
        if !EXIF_KEYWORDS.contains(&keyword) && keyword != XMP_KEYWORD && keyword != RAW_XMP_KEYWORD {
            return;
        }
        let is_exif = EXIF_KEYWORDS.contains(&keyword);
        let text = match &kind {
            b"tEXt" => Inflated::All(rest.to_owned()),
            b"zTXt" => rest.strip_prefix(b"\0").map_or(Inflated::Damaged, |bytes| inflate(bytes, MAX_EXIF_BYTES)),
            _ => international_text(rest),
        };
        match text {
            // Skip the text because the limit has been reached.
            Inflated::All(text) if !self.has_room_for(text.len() as u64) => drop(text),
            Inflated::All(text) if keyword == XMP_KEYWORD => self.metadata.add_xmp(&text),
            Inflated::All(text) => match raw_profile(&text) {
                Some(block) if keyword == RAW_XMP_KEYWORD => self.metadata.add_xmp(&block),
                Some(block) if keyword.ends_with(b"APP1") && !block.starts_with(b"Exif\0\0") => {
                    block.strip_prefix(XMP_HEAD).into_iter().for_each(|packet| self.metadata.add_xmp(packet));
                }
                Some(block) => self.metadata.add_exif(&block),
                None if is_exif => self.metadata.add_unreadable_exif("its hexadecimal text is damaged"),
                None => {}
            },
            Inflated::TooLarge => self.metadata.add_too_large("text", MAX_EXIF_BYTES + 1),
            Inflated::Damaged if is_exif => self.metadata.add_unreadable_exif("its compressed text is damaged"),
            Inflated::Damaged => {}
        }
    }

    /// Finds metadata after the pixels. Looks for any chunk near the end of the file that has a valid checksum.
    fn read_tail(&mut self, file: &Input, pixels: u64) -> io::Result<()> {
        // Metadata is allowed after the pixels (PNG, third edition, 5.6), but chunks can only be walked from the front.
        // Instead, we search the last 256 KiB for chunk types. A type might also occur by chance in compressed data,
        // but certainly not with a valid length and 32-bit CRC.
        let start = file.length().saturating_sub(TAIL_BYTES).max(pixels);
        let mut reader = file.clone();
        reader.seek(SeekFrom::Start(start))?;
        let mut tail = Vec::new();
        reader.take(TAIL_BYTES).read_to_end(&mut tail)?;
        for at in 4..tail.len().saturating_sub(8) {
            let Some(kind) = tail[at..].first_chunk::<4>() else { break };
            if !matches!(kind, b"eXIf" | b"tEXt" | b"zTXt" | b"iTXt") {
                continue;
            }
            let length = tail[at - 4..].first_chunk().map_or(0, |length| u32::from_be_bytes(*length)) as usize;
            let content = tail.get(at + 4..).and_then(|rest| rest.get(..length));
            let checksum = tail.get(at + 4 + length..).and_then(<[u8]>::first_chunk).map(|it| u32::from_be_bytes(*it));
            if let (Some(content), Some(checksum)) = (content, checksum)
                && self.has_room_for(length as u64)
                && crc(*kind, content) == checksum
            {
                self.add_content(*kind, content);
            }
        }
        Ok(())
    }
}

/// Returns the scale from a `pHYs` chunk, which contains the pixels per unit in both directions and the unit. The only
/// known unit is the meter, with a value of 1.
fn scale(content: &[u8]) -> Option<PhysicalScale> {
    let [x0, x1, x2, x3, y0, y1, y2, y3, 1] = *content else { return None };
    let per_millimeter = |pixels_per_meter: [u8; 4]| f64::from(u32::from_be_bytes(pixels_per_meter)) / 1000.0;
    let density = (per_millimeter([x0, x1, x2, x3]), per_millimeter([y0, y1, y2, y3]));
    scale_of_density(density, LengthUnit::Millimeter)
}

fn after_zero(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

fn crc(kind: [u8; 4], content: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(&kind);
    crc.update(content);
    crc.sum()
}

enum Inflated {
    All(Vec<u8>),
    TooLarge,
    Damaged,
}

/// Decompresses `bytes`, up to a size limit.
fn inflate(bytes: &[u8], limit: u64) -> Inflated {
    let mut all = Vec::new();
    match flate2::bufread::ZlibDecoder::new(bytes).take(limit + 1).read_to_end(&mut all) {
        Err(_) => Inflated::Damaged,
        Ok(_) if all.len() as u64 > limit => Inflated::TooLarge,
        Ok(_) => Inflated::All(all),
    }
}

/// Returns an `iTXt` chunk's text. The keyword has already been removed, leaving the compression flag, compression
/// method, language, translated keyword and text.
fn international_text(bytes: &[u8]) -> Inflated {
    let text = |rest| Some(after_zero(after_zero(rest)?.1)?.1);
    match bytes {
        [0, _, rest @ ..] => text(rest).map_or(Inflated::Damaged, |text| Inflated::All(text.to_owned())),
        [1, 0, rest @ ..] => text(rest).map_or(Inflated::Damaged, |text| inflate(text, MAX_EXIF_BYTES)),
        _ => Inflated::Damaged,
    }
}

/// Decodes a "raw profile": a line with its name, a line with its length in bytes, then hexadecimal digits.
fn raw_profile(text: &[u8]) -> Option<Vec<u8>> {
    let mut words = text.splitn(4, |byte| *byte == b'\n');
    let _name = (words.next()?, words.next()?);
    let length: usize = std::str::from_utf8(words.next()?).ok()?.trim().parse().ok()?;
    let digits: Vec<u8> = words.next()?.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let byte = |[high, low]: &[u8; 2]| {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()
    };
    let bytes: Vec<u8> = digits.as_chunks().0.iter().map(byte).collect::<Option<_>>()?;
    (bytes.len() == length).then_some(bytes)
}

/// Reads a PNG file, leaving out any chunks that don't affect the pixels.
pub(super) struct PixelChunks {
    input: BufReader<Input>,
    /// Bytes from the signature or a chunk header that haven't been returned yet.
    pending: Vec<u8>,
    /// Number of bytes left in the current chunk, including its checksum.
    remaining: u64,
}

impl PixelChunks {
    pub(super) fn new(mut input: Input) -> io::Result<Self> {
        input.rewind()?;
        let mut input = BufReader::new(input);
        let mut pending = vec![0; SIGNATURE.len()];
        input.read_exact(&mut pending)?;
        Ok(Self { input, pending, remaining: 0 })
    }

    /// Advances to the next chunk that affects the pixels. Returns `false` at the end of the file.
    fn next_chunk(&mut self) -> io::Result<bool> {
        while let Some((length, kind)) = head(&mut self.input)? {
            // The checksum after the content is passed on or skipped along with it.
            let bytes = u64::from(length) + 4;
            if PIXEL_CHUNKS.contains(&&kind) {
                self.pending = [length.to_be_bytes(), kind].concat();
                self.remaining = bytes;
                return Ok(true);
            }
            self.input.seek_relative(bytes.cast_signed())?;
        }
        Ok(false)
    }
}

impl Read for PixelChunks {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(into)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for PixelChunks {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.pending.is_empty() && self.remaining == 0 && !self.next_chunk()? {
            return Ok(&[]);
        }
        if !self.pending.is_empty() {
            return Ok(&self.pending);
        }
        let buffer = self.input.fill_buf()?;
        let max = usize::try_from(self.remaining).unwrap_or(usize::MAX).min(buffer.len());
        Ok(&buffer[..max])
    }

    fn consume(&mut self, count: usize) {
        if self.pending.is_empty() {
            self.input.consume(count);
            self.remaining -= count as u64;
        } else {
            self.pending.drain(..count);
        }
    }
}

/// Required by the `png` crate, but never called.
impl Seek for PixelChunks {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
