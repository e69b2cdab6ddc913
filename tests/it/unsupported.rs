//! Unsupported formats: errors name them in plain words, with a converter.

use crate::support::pictures::{encoded, file, waves};
use crate::support::png::chunk;
use crate::support::program::run;
use crate::support::rows::read_bytes;
use iiif_publish::source::SourceError;
use image::ImageFormat;
use std::ffi::OsStr;
use tempfile::TempDir;

/// Creates a JPEG with a changed frame header: its marker, bits and height.
fn jpeg_frame(change: impl Fn(&mut [u8])) -> Vec<u8> {
    let mut bytes = encoded(waves(16, 16), ImageFormat::Jpeg);
    let frame = bytes.windows(2).position(|marker| marker == [0xff, 0xc0]).expect("a frame");
    change(&mut bytes[frame..]);
    bytes
}

#[test]
fn unsupported_formats_are_named_and_never_called_damaged() {
    let png = encoded(waves(16, 16), ImageFormat::Png);
    let apple = [&png[..8], &chunk(*b"CgBI", &[0x50, 0, 0x20, 2]), &png[8..]].concat();
    for (name, command, bytes) in [
        ("HEIC", "heif-dec", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec()),
        ("SVG", "rsvg-convert", b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec()),
        ("DICOM", "dcm2img", [&[0; 128][..], b"DICM"].concat()),
        ("OpenEXR", "oiiotool", b"v/1\x01\x02\0\0\0".to_vec()),
        ("Radiance", "oiiotool", b"#?RADIANCE\n".to_vec()),
        ("QOI", "magick", b"qoif\0\0\0\x01\0\0\0\x01\x03\0".to_vec()),
        ("ICO", "magick", b"\0\0\x01\0\x01\0".to_vec()),
        ("raw data of a camera", "darktable-cli", b"II*\0\x10\0\0\0CR\x02\0".to_vec()),
        ("gzip", "unpack", b"\x1f\x8b\x08".to_vec()),
        ("web page", "download", b"<!doctype html><title>Not found</title>".to_vec()),
        ("Git LFS", "git lfs pull", b"version https://git-lfs.github.com/spec/v1\n".to_vec()),
        ("Apple", "pngcrush", apple),
        ("lossless", "djpeg", jpeg_frame(|frame| frame[1] = 0xc3)),
        ("JPEG-LS", "ffmpeg", jpeg_frame(|frame| frame[1] = 0xf7)),
        ("12-bit", "djpeg", jpeg_frame(|frame| (frame[1], frame[4]) = (0xc1, 12))),
        ("DNL", "save it as", jpeg_frame(|frame| frame[5..7].fill(0))),
        ("BigTIFF", "TIFF", b"II+\0\x04\0\0\0\x10\0\0\0\0\0\0\0\0\0\0\0".to_vec()),
    ] {
        let error = read_bytes(&bytes).expect_err("refused");
        let SourceError::Unsupported { hint, .. } = &error else { panic!("{name}: {error:?}") };
        assert!(error.to_string().contains(name), "{name}: {error}");
        assert!(hint.contains(command), "{name}: {hint}");
    }
}

#[test]
fn png_errors_do_not_show_library_structures() {
    let png = encoded(waves(16, 16), ImageFormat::Png);
    let mut errors = 0;
    for at in 8..png.len() {
        let mut damaged = png.clone();
        damaged[at] ^= 0x15;
        if let Err(error) = read_bytes(&damaged) {
            let messages = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
            let messages: Vec<String> = messages.map(ToString::to_string).collect();
            let words = messages.iter().skip(1).flat_map(|text| text.split_whitespace());
            let is_plain = |word: &str| !word.contains(['{', '}', '"']) && !word.contains("::");
            assert!(words.clone().all(is_plain), "byte {at}: {messages:?}");
            errors += 1;
        }
    }
    assert!(errors > png.len() / 10, "{errors} errors");
}

#[test]
fn the_command_line_prints_the_command_that_converts() {
    let folder = TempDir::new().expect("a folder");
    let path = file(folder.path(), "photo.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic");
    let output = folder.path().join("out");
    let url = ["--public-url", "https://example.org", "--output"].map(OsStr::new);
    let run = run(url.into_iter().chain([output.as_os_str(), path.as_os_str()]));
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let words = run.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("is a HEIC image, which is not supported") && words.contains("heif-dec"), "{words}");
}
