//! Supported formats, compared with the drawn pixels.

use crate::support::pictures::{encoded, gray_waves, mean_difference, waves};
use crate::support::rows::read_bytes;
use iiif_publish::internals::PixelFormat;
use iiif_publish::internals::Source;
use iiif_publish::source::{ReadOptions, SourceError};
use image::{DynamicImage, GrayImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use std::path::Path;
use tiff::encoder::{Compression, TiffEncoder, colortype};

#[test]
fn lossless_formats_preserve_every_pixel() {
    let picture = waves(301, 203);
    for format in [ImageFormat::Png, ImageFormat::Tiff, ImageFormat::Bmp, ImageFormat::Pnm, ImageFormat::WebP] {
        let (header, pixels) = read_bytes(&encoded(picture.clone(), format)).expect("read");
        assert_eq!((header.size.width(), header.size.height(), header.format), (301, 203, PixelFormat::Rgb8));
        assert!(pixels == picture.as_raw().as_slice(), "{format:?}");
    }
}

#[test]
fn gray_is_read_as_gray() {
    let picture = gray_waves(301, 203);
    for format in [ImageFormat::Png, ImageFormat::Tiff, ImageFormat::Jpeg] {
        let (header, pixels) = read_bytes(&encoded(picture.clone(), format)).expect("read");
        assert_eq!(header.format, PixelFormat::Gray8, "{format:?}");
        assert!(mean_difference(&pixels, &picture) < 2.0, "{format:?}");
    }
}

#[test]
fn jpeg_is_decoded_like_another_decoder() {
    let bytes = encoded(waves(301, 203), ImageFormat::Jpeg);
    let expected = image::load_from_memory(&bytes).expect("decoded").into_rgb8();
    let (_, pixels) = read_bytes(&bytes).expect("read");
    assert!(mean_difference(&pixels, &expected) < 1.0);
}

#[test]
fn sixteen_bits_become_eight() {
    let picture = waves(301, 203);
    let wide = DynamicImage::ImageRgb8(picture.clone()).into_rgb16();
    for format in [ImageFormat::Png, ImageFormat::Tiff] {
        let (header, pixels) = read_bytes(&encoded(wide.clone(), format)).expect("read");
        assert!(pixels == picture.as_raw().as_slice(), "{format:?}");
        assert!(header.properties.bits == 16, "{}", header.properties);
    }
}

#[test]
fn transparency_becomes_white() {
    let picture = RgbaImage::from_fn(4, 1, |x, _| Rgba([10, 20, 30, [255, 0, 128, 255][x as usize]]));
    let expected = [10, 20, 30, 255, 255, 255, 132, 137, 142, 10, 20, 30];
    for format in [ImageFormat::Png, ImageFormat::Tiff, ImageFormat::WebP] {
        let (_, pixels) = read_bytes(&encoded(picture.clone(), format)).expect("read");
        assert!(mean_difference(&pixels, &expected) < 0.5, "{format:?}: {pixels:?}");
    }
}

fn tiff_of(picture: &RgbImage, compression: Compression, rows_per_strip: u32) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut bytes).expect("an encoder").with_compression(compression);
    let mut image = encoder.new_image::<colortype::RGB8>(picture.width(), picture.height()).expect("an image");
    image.rows_per_strip(rows_per_strip).expect("strips");
    image.write_data(picture.as_raw()).expect("written");
    bytes.into_inner()
}

#[test]
fn tiff_strips_of_any_height_and_compression_are_read() {
    let picture = waves(301, 203);
    let deflate = Compression::Deflate(tiff::encoder::DeflateLevel::Fast);
    let compressions = [
        ("none", Compression::Uncompressed),
        ("LZW", Compression::Lzw),
        ("Deflate", deflate),
        ("PackBits", Compression::Packbits),
    ];
    for (name, compression) in compressions {
        for rows_per_strip in [1, 16, 100, 203] {
            let (header, pixels) = read_bytes(&tiff_of(&picture, compression, rows_per_strip)).expect("read");
            assert!(pixels == picture.as_raw().as_slice(), "{name}, {rows_per_strip} rows");
            let held_bytes = if name == "none" { 0 } else { 301 * 203 * 3 };
            assert_eq!(header.decoder_bytes, held_bytes, "small enough for one group, or read row by row");
        }
    }
}

#[test]
fn an_interlaced_png_reports_the_memory_of_the_whole_image() {
    let picture = RgbImage::from_fn(37, 23, |x, y| Rgb([x as u8 * 6, y as u8 * 11, 77]));
    let (header, pixels) = read_bytes(&interlaced_png(&picture)).expect("read");
    assert!(pixels == picture.as_raw().as_slice());
    assert_eq!(header.decoder_bytes, 37 * 23 * 3);
    assert!(header.description.contains("interlaced"));
}

/// Encodes an interlaced PNG: the seven passes of Adam7 (PNG specification, 8.2) with filter 0.
fn interlaced_png(picture: &RgbImage) -> Vec<u8> {
    let passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];
    let mut data = Vec::new();
    for (left, top, across, down) in passes {
        for y in (top..picture.height()).step_by(down) {
            let row: Vec<u8> =
                (left..picture.width()).step_by(across).flat_map(|x| picture.get_pixel(x, y).0).collect();
            if !row.is_empty() {
                data.push(0);
                data.extend(row);
            }
        }
    }
    let mut header = Vec::new();
    header.extend(picture.width().to_be_bytes());
    header.extend(picture.height().to_be_bytes());
    header.extend([8, 2, 0, 0, 1]);
    let mut compressed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut compressed, &data).expect("in memory");
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, content) in
        [(b"IHDR", header), (b"IDAT", compressed.finish().expect("in memory")), (b"IEND", Vec::new())]
    {
        bytes.extend(u32::try_from(content.len()).expect("small").to_be_bytes());
        let start = bytes.len();
        bytes.extend(kind);
        bytes.extend(content);
        let mut checksum = flate2::Crc::new();
        checksum.update(&bytes[start..]);
        bytes.extend(checksum.sum().to_be_bytes());
    }
    bytes
}

#[test]
fn unsupported_files_are_named() {
    let refused = |bytes: &[u8]| read_bytes(bytes).expect_err("refused");
    assert!(matches!(refused(b""), SourceError::Empty { .. }));
    assert!(matches!(refused(b"hello"), SourceError::UnknownFormat { .. }));
    assert!(matches!(refused(b"\xff\xd8\xff"), SourceError::Decode { .. }));
    assert!(matches!(refused(b"II*\0\x08\0\0\0"), SourceError::Decode { .. }));
    assert!(matches!(Source::open(Path::new("/no/such/file"), ReadOptions::default()), Err(SourceError::Open { .. })));
}

#[test]
fn a_jpeg_with_damaged_data_is_rejected() {
    let mut bytes = encoded(GrayImage::from_fn(800, 600, |x, y| image::Luma([(x ^ y) as u8])), ImageFormat::Jpeg);
    let middle = bytes.len() / 2;
    bytes[middle..middle + 40].fill(0xff);
    assert!(matches!(read_bytes(&bytes), Err(SourceError::Decode { .. })));
}

#[test]
fn a_truncated_webp_is_an_error() {
    let whole = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/formats/webp-lossy.webp"));
    let whole = whole.expect("a file");
    assert!(read_bytes(&whole).is_ok());
    for length in [whole.len() - 20, 60, 30] {
        let error = read_bytes(&whole[..length]).expect_err("incomplete");
        assert!(matches!(error, SourceError::Decode { .. }), "{length}: {error:?}");
    }
}
