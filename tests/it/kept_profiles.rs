//! ICC profiles that are kept and embedded, with unchanged colors.

use crate::support::pictures::{encoded, file, gray_waves, mean_difference, waves};
use crate::support::program::program;
use crate::support::publishing::publish;
use crate::support::rows::{codes, read_bytes_with};
use iiif_publish::iiif::{Format, Formats, PyramidShape};
use iiif_publish::publish::Options;
use iiif_publish::publish::{Effort, JpegOptions};
use iiif_publish::source::{Profiles, ReadOptions};
use iiif_publish::store::MemoryStore;
use image::codecs::jpeg::JpegDecoder;
use image::codecs::png::{PngDecoder, PngEncoder};
use image::codecs::webp::WebPDecoder;
use image::{DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageFormat};
use lcms2::{CIExyY, CIExyYTRIPLE, Locale, MLU, Profile, Tag, TagSignature, ToneCurve};
use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;
use tempfile::TempDir;

fn keeping() -> ReadOptions {
    ReadOptions::default().with_profiles(Profiles::Keep).with_threads(std::num::NonZeroUsize::MIN)
}

fn white() -> CIExyY {
    CIExyY { x: 0.3127, y: 0.3290, Y: 1.0 }
}

fn named(mut profile: Profile, name: &str) -> Vec<u8> {
    let mut words = MLU::new(1);
    words.set_text(name, Locale::none());
    assert!(profile.write_tag(TagSignature::ProfileDescriptionTag, Tag::MLU(&words)));
    let mut bytes = profile.icc().expect("bytes");
    // Clears the creation date (ICC.1:2022, 7.2.1), so that equal profiles have equal bytes.
    bytes[24..36].fill(0);
    bytes
}

/// Creates a wide-gamut profile with a name.
fn wide(name: &str) -> Vec<u8> {
    let [red, green, blue] = [(0.68, 0.32), (0.265, 0.69), (0.15, 0.06)].map(|(x, y)| CIExyY { x, y, Y: 1.0 });
    let curve = ToneCurve::new(2.2);
    let primaries = CIExyYTRIPLE { Red: red, Green: green, Blue: blue };
    named(Profile::new_rgb(&white(), &primaries, &[&curve, &curve, &curve]).expect("a profile"), name)
}

fn gray_profile() -> Vec<u8> {
    named(Profile::new_gray(&white(), &ToneCurve::new(1.8)).expect("a profile"), "Gray 1.8")
}

fn png(picture: &DynamicImage, profile: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = PngEncoder::new(&mut bytes);
    encoder.set_icc_profile(profile.to_vec()).expect("PNG has profiles");
    let color = ExtendedColorType::from(picture.color());
    encoder.write_image(picture.as_bytes(), picture.width(), picture.height(), color).expect("written");
    bytes
}

/// Publishes an image and returns its objects by path.
async fn published(bytes: &[u8], formats: &[Format], read: ReadOptions) -> BTreeMap<String, Vec<u8>> {
    published_as(bytes, formats, read, JpegOptions::default()).await
}

async fn published_as(
    bytes: &[u8],
    formats: &[Format],
    read: ReadOptions,
    jpeg: JpegOptions,
) -> BTreeMap<String, Vec<u8>> {
    let folder = TempDir::new().expect("a folder");
    let path = file(folder.path(), "x.png", bytes);
    let store = Arc::new(MemoryStore::default());
    let shape = PyramidShape::default().in_formats(Formats::beside_jpg(formats.iter().copied()));
    let options = Options::builder("https://example.org".parse().expect("a URL"))
        .shape(shape)
        .read(read)
        .jpeg(jpeg)
        .build()
        .expect("valid options");
    publish(Arc::clone(&store) as _, options, path).await.expect("published");
    let body = |object: iiif_publish::store::Object| (object.key.as_str()[6..].to_owned(), object.body.to_vec());
    store.puts().into_iter().map(body).collect()
}

/// Returns the profile and the pixels from an independent decoder.
fn decoded(path: &str, body: &[u8]) -> (Option<Vec<u8>>, DynamicImage) {
    fn both(mut decoder: impl ImageDecoder) -> (Option<Vec<u8>>, DynamicImage) {
        let profile = decoder.icc_profile().expect("readable");
        (profile, DynamicImage::from_decoder(decoder).expect("decoded"))
    }
    let body = Cursor::new(body);
    match path.rsplit('.').next() {
        Some("jpg") => both(JpegDecoder::new(body).expect("a JPEG")),
        Some("webp") => both(WebPDecoder::new(body).expect("a WebP")),
        _ => both(PngDecoder::new(body).expect("a PNG")),
    }
}

#[tokio::test]
async fn every_object_embeds_the_profile_and_keeps_the_colors_of_the_source() {
    let source = waves(700, 500);
    let large = "a profile that takes several segments of JPEG, and an odd number of bytes ".repeat(1000);
    for profile in [wide("Wide"), wide(&large)] {
        let objects = published(&png(&source.clone().into(), &profile), &[Format::Webp, Format::Png], keeping()).await;
        for (path, body) in objects.iter().filter(|(path, _)| *path != "info.json") {
            assert!(decoded(path, body).0.as_ref() == Some(&profile), "{path}");
        }
        let whole = |extension: &str| {
            let path = format!("full/max/0/default.{extension}");
            decoded(&path, &objects[&path]).1.into_rgb8()
        };
        assert!(whole("png") == source, "no sample has changed");
        assert!(mean_difference(&whole("jpg"), &source) < 2.0 && mean_difference(&whole("webp"), &source) < 2.0);
    }
    assert!(wide(&large).len() > 2 * 65_536, "several segments");
}

#[tokio::test]
async fn tiles_cut_from_jpeg_blocks_embed_the_profile_too() {
    let (profile, jpeg) = (wide("Wide"), include_bytes!("../fixtures/jpeg/blocks/coarse.jpg"));
    let length = u16::try_from(2 + 12 + 2 + profile.len()).expect("one segment").to_be_bytes();
    let segment = [&b"\xff\xe2"[..], &length, b"ICC_PROFILE\0\x01\x01", &profile].concat();
    let source = decoded("jpg", jpeg).1.into_rgb8();
    for effort in [Effort::Fast, Effort::Small] {
        let options = JpegOptions::default().with_effort(effort);
        let file = [&jpeg[..2], &segment, &jpeg[2..]].concat();
        let objects = published_as(&file, &[], keeping(), options).await;
        for (path, body) in objects.iter().filter(|(path, _)| *path != "info.json") {
            assert!(decoded(path, body).0.as_ref() == Some(&profile), "{path}, {effort:?}");
        }
        // Coefficients coarser than the quality are cut unchanged.
        assert!(decoded("jpg", &objects["full/max/0/default.jpg"]).1.into_rgb8() == source, "{effort:?}");
    }
}

#[tokio::test]
async fn without_the_option_objects_are_srgb_without_a_profile() {
    let source = waves(700, 500);
    let objects = published(&png(&source.clone().into(), &wide("Wide")), &[Format::Png], ReadOptions::default()).await;
    let (profile, picture) = decoded("png", &objects["full/max/0/default.png"]);
    assert_eq!(profile, None);
    assert!(picture.into_rgb8() != source);
}

#[tokio::test]
async fn gray_keeps_its_profile_if_every_format_supports_gray() {
    let source = gray_waves(700, 500);
    let bytes = png(&source.clone().into(), &gray_profile());
    let objects = published(&bytes, &[Format::Png], keeping()).await;
    for (path, body) in objects.iter().filter(|(path, _)| *path != "info.json") {
        assert!(decoded(path, body).0 == Some(gray_profile()), "{path}");
    }
    assert!(decoded("png", &objects["full/max/0/default.png"]).1.into_luma8() == source);
    let objects = published(&bytes, &[Format::Webp, Format::Png], keeping()).await;
    let (profile, picture) = decoded("png", &objects["full/max/0/default.png"]);
    assert!(profile.is_none() && picture.into_luma8() != source, "otherwise it is converted");
}

#[test]
fn the_header_reports_if_the_profile_is_kept() {
    let rgb = png(&waves(30, 20).into(), &wide("Display P3"));
    let (header, _) = read_bytes_with(&rgb, keeping()).expect("read");
    assert_eq!(header.properties.to_string(), "RGB, 8 bit, kept as `Display P3`");
    assert_eq!(
        (header.properties.profile.as_deref(), header.kept_profile.as_deref()),
        (Some("Display P3"), Some(&*wide("Display P3")))
    );
    let huge = png(&waves(30, 20).into(), &wide(&"x".repeat(600_000)));
    let (header, _) = read_bytes_with(&huge, keeping()).expect("read");
    assert_eq!(header.kept_profile, None);
    assert_eq!(header.properties.conversion, "converted to sRGB");
    assert_eq!(codes(&header), ["profile-too-large"]);
    let cmyk = include_bytes!("../fixtures/jpeg/cmyk.jpg");
    let (header, _) = read_bytes_with(cmyk, keeping()).expect("read");
    assert_eq!(header.kept_profile, None);
    assert!(!header.properties.conversion.contains("kept"), "{}", header.properties);
    let other = png(&waves(30, 20).into(), &gray_profile());
    let (header, _) = read_bytes_with(&other, keeping()).expect("read");
    assert_eq!(
        (header.kept_profile.is_none(), codes(&header)),
        (true, vec!["profile-unusable"]),
        "{}",
        header.properties
    );
}

#[test]
fn depth_and_transparency_are_converted_even_if_the_profile_is_kept() {
    let deep = image::ImageBuffer::from_fn(40, 30, |x, y| {
        image::Rgba([(x * 1600) as u16, (y * 2100) as u16, 500, if x < 20 { u16::MAX } else { 0 }])
    });
    let (header, pixels) =
        read_bytes_with(&png(&DynamicImage::ImageRgba16(deep), &wide("Wide")), keeping()).expect("read");
    assert!(header.kept_profile.is_some() && header.properties.bits == 16);
    let pixel = |x: usize, y: usize| &pixels[(y * 40 + x) * 3..][..3];
    let narrow = |value: u32| ((value + 128) / 257) as u8;
    assert_eq!(pixel(7, 9), [narrow(7 * 1600), narrow(9 * 2100), narrow(500)]);
    assert_eq!(pixel(30, 9), [255; 3]);
}

#[test]
fn the_command_line_keeps_profiles_and_republishes_for_a_changed_option() {
    let folder = TempDir::new().expect("a folder");
    let image = file(folder.path(), "x.png", &png(&waves(300, 200).into(), &wide("Display P3")));
    let output = folder.path().join("out");
    let stderr = |arguments: &[&str]| {
        let mut command = program();
        command.args(["--progress=plain", "--output"]).arg(&output).args(arguments).arg(&image);
        let output = command.output().expect("built");
        String::from_utf8(output.stderr).expect("UTF-8")
    };
    assert!(stderr(&[]).contains("profile `Display P3`, converted to sRGB"));
    let printed = stderr(&["--keep-profile"]);
    assert!(printed.contains("RGB, 8 bit, kept as `Display P3`, 300x200"), "{printed}");
    let body = std::fs::read(output.join("x/full/max/0/default.jpg")).expect("there");
    assert!(decoded("jpg", &body).0 == Some(wide("Display P3")));
    let plain = encoded(waves(300, 200), ImageFormat::Png);
    let (header, _) = read_bytes_with(&plain, keeping()).expect("read");
    assert_eq!((header.kept_profile, header.properties.conversion.as_str()), (None, "taken as sRGB"));
}
