//! Orientation and ICC profile: the same rule in every container, and no silent loss.

use crate::support::pictures::{encoded, file as file_in, mean_difference, waves};
use crate::support::png::{chunk, with_chunks};
use crate::support::publishing::publish;
use crate::support::rows::{codes, read_bytes, read_bytes_with};
use crate::support::tiff::{Layout, Order, Values, Variant, file};
use iiif_publish::iiif::{Format, Formats, PyramidShape};
use iiif_publish::publish::Options;
use iiif_publish::publish::{JpegOptions, JpegTiles};
use iiif_publish::source::{Background, Header, Orientation, Profiles, ReadOptions};
use iiif_publish::store::MemoryStore;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageFormat, RgbImage};
use lcms2::{CIExyY, CIExyYTRIPLE, Profile, ToneCurve};
use std::slice;
use std::sync::Arc;
use tempfile::TempDir;

/// Creates a big-endian EXIF block with a value of any type.
fn exif(kind: u16, value: [u8; 4]) -> Vec<u8> {
    [b"MM\0*\0\0\0\x08\0\x01\x01\x12", &kind.to_be_bytes()[..], b"\0\0\0\x01", &value, &[0; 4]].concat()
}

fn quarter_right() -> Vec<u8> {
    exif(3, [0, 6, 0, 0])
}

fn with_head(block: &[u8]) -> Vec<u8> {
    [b"Exif\0\0", block].concat()
}

/// Creates a profile far from sRGB.
fn wide_gamut() -> Vec<u8> {
    let white = CIExyY { x: 0.3457, y: 0.3585, Y: 1.0 };
    let [red, green, blue] =
        [(0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)].map(|(x, y)| CIExyY { x, y, Y: 1.0 });
    let curve = ToneCurve::new(1.8);
    let primaries = CIExyYTRIPLE { Red: red, Green: green, Blue: blue };
    Profile::new_rgb(&white, &primaries, &[&curve, &curve, &curve]).and_then(|it| it.icc()).expect("a profile")
}

fn picture() -> RgbImage {
    waves(40, 30)
}

fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len() + 2).expect("short").to_be_bytes();
    [&[0xff, marker], &length[..], content].concat()
}

/// Creates a JPEG with bytes between its start and its first segment.
fn jpeg(inserted: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, 98);
    encoder.write_image(&picture(), 40, 30, ExtendedColorType::Rgb8).expect("written");
    bytes.splice(2..2, inserted.iter().copied());
    bytes
}

fn piece(number: u8, count: u8, content: &[u8]) -> Vec<u8> {
    segment(0xe2, &[b"ICC_PROFILE\0", &[number, count][..], content].concat())
}

fn header(bytes: &[u8]) -> Header {
    read_bytes(bytes).expect("read").0
}

#[track_caller]
fn assert_turned(case: &str, bytes: &[u8]) {
    let header = header(bytes);
    assert_eq!((header.properties.orientation, codes(&header)), (Orientation::QuarterRight, vec![]), "{case}");
    assert_eq!((header.size.width(), header.size.height()), (30, 40), "{case}");
}

fn webp_with_exif(block: Vec<u8>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = WebPEncoder::new_lossless(&mut bytes);
    encoder.set_exif_metadata(block).expect("it has EXIF");
    encoder.write_image(&picture(), 40, 30, ExtendedColorType::Rgb8).expect("written");
    bytes
}

fn raw_profile(keyword: &str, block: &[u8]) -> Vec<u8> {
    let digits: Vec<String> = block.iter().map(|byte| format!("{byte:02x}")).collect();
    let lines: Vec<String> = digits.chunks(36).map(<[String]>::concat).collect();
    format!("{keyword}\0\nexif\n{:8}\n{}\n", block.len(), lines.join("\n")).into_bytes()
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

#[test]
fn exif_is_read_in_every_container_with_and_without_its_prefix() {
    let png = encoded(picture(), ImageFormat::Png);
    for block in [quarter_right(), with_head(&quarter_right()), exif(4, [0, 0, 0, 6]), exif(1, [6, 0, 0, 0])] {
        assert_turned("JPEG", &jpeg(&segment(0xe1, &with_head(&block))));
        assert_turned("WebP", &webp_with_exif(block.clone()));
        assert_turned("PNG, before", &with_chunks(&png, &[chunk(*b"eXIf", &block)], &[]));
        assert_turned("PNG, after", &with_chunks(&png, &[], &[chunk(*b"eXIf", &block)]));
    }
}

#[test]
fn the_first_exif_with_a_value_counts_and_stray_bytes_are_skipped() {
    let exif_of = |block: &[u8]| segment(0xe1, &with_head(block));
    assert_turned("an empty one behind", &jpeg(&[exif_of(&quarter_right()), exif_of(b"")].concat()));
    assert_turned("an empty one before", &jpeg(&[exif_of(b""), exif_of(&quarter_right())].concat()));
    assert_turned("another behind", &jpeg(&[exif_of(&quarter_right()), exif_of(&exif(3, [0, 3, 0, 0]))].concat()));
    assert_turned("a stray byte", &jpeg(&[&b"\0"[..], &exif_of(&quarter_right())].concat()));
}

#[test]
fn exif_in_png_texts_is_read_before_and_after_the_pixels() {
    let png = encoded(picture(), ImageFormat::Png);
    for keyword in ["Raw profile type exif", "Raw profile type APP1"] {
        let text = raw_profile(keyword, &with_head(&quarter_right()));
        let (_, content) = text.split_at(keyword.len() + 1);
        let keyword = [keyword.as_bytes(), b"\0"].concat();
        let plain = chunk(*b"tEXt", &text);
        let packed = chunk(*b"zTXt", &[&keyword[..], b"\0", &compressed(content)].concat());
        let international = chunk(*b"iTXt", &[&keyword[..], b"\x01\0\0\0", &compressed(content)].concat());
        for chunk in [plain, packed, international] {
            assert_turned("before", &with_chunks(&png, slice::from_ref(&chunk), &[]));
            assert_turned("after", &with_chunks(&png, &[], &[chunk]));
        }
    }
    let xmp = chunk(*b"tEXt", &raw_profile("Raw profile type APP1", b"http://ns.adobe.com/xap/1.0/\0<x/>"));
    assert_eq!(codes(&header(&with_chunks(&png, &[xmp], &[]))), Vec::<&str>::new(), "XMP is not EXIF");
}

/// An XMP packet with a quarter turn to the right.
const XMP: &[u8] =
    b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF><rdf:Description tiff:Orientation='6'/></rdf:RDF></x:xmpmeta>";

/// Creates a JP2 with a box before or after its codestream.
fn jp2(uuid: &[u8; 16], content: &[u8], is_behind: bool) -> Vec<u8> {
    let mut bytes = include_bytes!("../fixtures/jp2/rgb.jp2").to_vec();
    let length = u32::try_from(8 + 16 + content.len()).expect("short").to_be_bytes();
    let uuid = [&length[..], b"uuid", uuid, content].concat();
    let at = bytes.windows(4).position(|kind| kind == b"jp2c").expect("a codestream") - 4;
    let at = if is_behind { bytes.len() } else { at };
    if is_behind {
        // A codestream of open length needs a length before a box can follow it.
        let start = bytes.windows(4).position(|kind| kind == b"jp2c").expect("a codestream") - 4;
        let length = u32::try_from(bytes.len() - start).expect("short").to_be_bytes();
        bytes[start..start + 4].copy_from_slice(&length);
    }
    bytes.splice(at..at, uuid);
    bytes
}

const XMP_BOX: &[u8; 16] = b"\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8\x9c\x71\x99\x94\x91\xe3\xaf\xac";

fn webp_with_xmp(packet: &[u8], exif: Option<&[u8]>) -> Vec<u8> {
    let chunk = |kind: &[u8; 4], content: &[u8]| {
        let length = u32::try_from(content.len()).expect("short").to_le_bytes();
        let padding = if content.len() % 2 == 1 { &b"\0"[..] } else { b"" };
        [kind, &length[..], content, padding].concat()
    };
    let mut bytes = webp_with_exif(exif_of_nothing());
    // Removes the EXIF that made it an extended file.
    let at = bytes.windows(4).position(|kind| kind == b"EXIF").expect("EXIF");
    bytes.truncate(at);
    if let Some(block) = exif {
        bytes.extend(chunk(b"EXIF", block));
    }
    bytes.extend(chunk(b"XMP ", packet));
    let length = u32::try_from(bytes.len() - 8).expect("short").to_le_bytes();
    bytes[4..8].copy_from_slice(&length);
    // Flags of `VP8X`: XMP, and EXIF if present.
    assert_eq!(&bytes[12..16], b"VP8X");
    bytes[20] = bytes[20] & !0x0c | 0x04 | if exif.is_some() { 0x08 } else { 0 };
    bytes
}

/// Creates every container of XMP, with a packet and optional EXIF.
fn with_xmp(packet: &[u8], exif: Option<&[u8]>) -> Vec<(&'static str, Vec<u8>)> {
    let png = encoded(picture(), ImageFormat::Png);
    let exif_chunks: Vec<Vec<u8>> = exif.iter().map(|block| chunk(*b"eXIf", block)).collect();
    let text = chunk(*b"iTXt", &[b"XML:com.adobe.xmp\0\0\0\0\0", packet].concat());
    let deflated = chunk(*b"iTXt", &[b"XML:com.adobe.xmp\0\x01\0\0\0", &compressed(packet)[..]].concat());
    let with_head = [b"http://ns.adobe.com/xap/1.0/\0", packet].concat();
    let hexadecimal = ["Raw profile type xmp", "Raw profile type APP1"].map(|keyword| {
        chunk(*b"tEXt", &raw_profile(keyword, if keyword.ends_with("xmp") { packet } else { &with_head }))
    });
    let mut jpeg_segments = segment(0xe1, &with_head);
    if let Some(block) = exif {
        jpeg_segments.extend(segment(0xe1, &self::with_head(block)));
    }
    let mut carriers = vec![
        ("JPEG", jpeg(&jpeg_segments)),
        ("WebP", webp_with_xmp(packet, exif)),
        ("PNG, after", with_chunks(&png, &exif_chunks, slice::from_ref(&text))),
    ];
    for text in [text, deflated].into_iter().chain(hexadecimal) {
        carriers.push(("PNG, before", with_chunks(&png, &[&exif_chunks[..], &[text]].concat(), &[])));
    }
    carriers
}

#[test]
fn the_orientation_of_xmp_is_the_fallback_in_every_container() {
    for exif in [None, Some(&exif_of_nothing()[..])] {
        for (case, bytes) in with_xmp(XMP, exif) {
            assert_turned(&format!("{case}, EXIF {exif:?}"), &bytes);
        }
    }
    let tiff = |more: Vec<(u16, Values)>| {
        let layout = Layout { more, ..Layout::rgb(40, 30) };
        layout.file(|x, y, channel| picture().get_pixel(x, y)[usize::from(channel)].into())
    };
    assert_turned("TIFF", &tiff(vec![(700, Values::Bytes(XMP.to_vec()))]));
    let upright = header(&jp2(b"0123456789abcdef", XMP, false));
    assert_eq!(upright.properties.orientation, Orientation::Upright, "an unknown box");
    for is_behind in [false, true] {
        let turned = header(&jp2(XMP_BOX, XMP, is_behind));
        assert_eq!((turned.properties.orientation, codes(&turned)), (Orientation::QuarterRight, vec![]), "JP2");
    }

    let three = exif(3, [0, 3, 0, 0]);
    for (case, bytes) in with_xmp(XMP, Some(&three)) {
        assert_eq!(header(&bytes).properties.orientation, Orientation::HalfTurn, "{case}: EXIF counts");
    }
    let both = vec![(274, Values::Shorts(vec![1])), (700, Values::Bytes(XMP.to_vec()))];
    assert_eq!(header(&tiff(both)).properties.orientation, Orientation::Upright, "the tag counts");
}

#[test]
fn damaged_or_too_large_xmp_changes_nothing() {
    let large = [&vec![b' '; (4 << 20) + 1][..], XMP].concat();
    for (packet, expected) in [(&b"<x tiff:Orientation='"[..], vec![]), (b"\0\xff", vec![])] {
        for (case, bytes) in with_xmp(packet, None) {
            let header = header(&bytes);
            assert_eq!(
                (header.properties.orientation, codes(&header)),
                (Orientation::Upright, expected.clone()),
                "{case}"
            );
        }
    }
    let png = encoded(picture(), ImageFormat::Png);
    let text = chunk(*b"iTXt", &[b"XML:com.adobe.xmp\0\x01\0\0\0", &compressed(&large)[..]].concat());
    for bytes in [webp_with_xmp(&large, None), with_chunks(&png, &[text], &[]), jp2(XMP_BOX, &large, false)] {
        let header = header(&bytes);
        assert_eq!((header.properties.orientation, codes(&header)), (Orientation::Upright, vec!["metadata-too-large"]));
    }
}

#[test]
fn unreadable_exif_causes_a_warning_in_every_container() {
    let png = encoded(picture(), ImageFormat::Png);
    let mut damaged = chunk(*b"eXIf", &quarter_right());
    *damaged.last_mut().expect("a checksum") ^= 1;
    let mut tiff = Layout::rgb(4, 4);
    tiff.more = vec![(274, Values::Shorts(vec![99]))];
    for (case, bytes) in [
        ("JPEG", jpeg(&segment(0xe1, &with_head(b"garbage")))),
        ("WebP", webp_with_exif(b"II*\0\xff\xff\xff\xff".to_vec())),
        ("PNG", with_chunks(&png, &[chunk(*b"eXIf", b"garbage")], &[])),
        ("PNG with a wrong checksum", with_chunks(&png, &[damaged], &[])),
        (
            "PNG with a damaged text",
            with_chunks(&png, &[chunk(*b"tEXt", b"Raw profile type exif\0\nexif\n9\nzz")], &[]),
        ),
        ("TIFF", tiff.file(|_, _, _| 0)),
    ] {
        let header = header(&bytes);
        assert_eq!(codes(&header), ["orientation-unreadable"], "{case}");
        assert!(
            header.properties.to_string().contains("warning: its EXIF data cannot be read"),
            "{}",
            header.properties
        );
    }
}

#[test]
fn a_profile_in_oddly_numbered_pieces_is_used() {
    let profile = wide_gamut();
    let (first, second) = profile.split_at(200);
    let expected = read_bytes(&jpeg(&piece(1, 1, &profile))).expect("read").1;
    let without = read_bytes(&jpeg(b"")).expect("read").1;
    assert!(mean_difference(&expected, &without) > 5.0, "the profile matters");
    for pieces in [
        vec![piece(1, 1, &profile), piece(1, 1, &profile)],
        vec![piece(1, 2, &profile)],
        vec![piece(0, 0, &profile)],
        vec![piece(2, 2, second), piece(1, 2, first)],
        vec![piece(0, 2, first), piece(1, 2, second)],
        vec![b"\0".to_vec(), piece(1, 2, first), b"\0\0".to_vec(), piece(2, 2, second)],
    ] {
        let (header, pixels) = read_bytes(&jpeg(&pieces.concat())).expect("read");
        assert_eq!(codes(&header), Vec::<&str>::new());
        assert!(pixels == expected);
    }
    let header = header(&jpeg(&piece(1, 2, first)));
    assert_eq!(codes(&header), ["profile-unusable"], "a piece is missing");
}

#[test]
fn nonstandard_tag_types_are_read_and_replaced_in_the_kept_profile() {
    let profile = wide_gamut();
    let mut odd = profile.clone();
    let xyz = (0..odd.len() - 8).filter(|at| &odd[*at..at + 8] == b"XYZ \0\0\0\0").collect::<Vec<_>>();
    assert!(xyz.len() >= 3, "the primaries");
    for at in xyz {
        odd[at..at + 4].copy_from_slice(&0x17a5_05b8_u32.to_be_bytes());
    }
    let expected = read_bytes(&jpeg(&piece(1, 1, &profile))).expect("read").1;
    let (header, pixels) = read_bytes(&jpeg(&piece(1, 1, &odd))).expect("read");
    assert_eq!((codes(&header), pixels == expected), (vec![], true));
    let keeping = ReadOptions::default().with_profiles(Profiles::Keep).with_background(Background::WHITE);
    let (header, _) = read_bytes_with(&jpeg(&piece(1, 1, &odd)), keeping).expect("read");
    assert_eq!(header.kept_profile.as_deref(), Some(&profile[..]));
}

#[test]
fn metadata_beyond_the_limits_is_ignored_with_a_warning() {
    let png = encoded(picture(), ImageFormat::Png);
    let zeros = compressed(&vec![0; 9 << 20]);
    let profile = chunk(*b"iCCP", &[b"x\0\0", &zeros[..]].concat());
    let text = chunk(*b"zTXt", &[b"Raw profile type exif\0\0", &zeros[..]].concat());
    let mut tiff = Layout::rgb(4, 4);
    tiff.more = vec![(34675, Values::Bytes(vec![0; 9 << 20]))];
    for (case, bytes) in [
        ("a small chunk of a large profile", with_chunks(&png, &[profile], &[])),
        ("a small chunk of a large text", with_chunks(&png, &[text], &[])),
        ("a large chunk", with_chunks(&png, &[chunk(*b"eXIf", &vec![0; 5 << 20])], &[])),
        ("TIFF", tiff.file(|_, _, _| 0)),
        ("JPEG", jpeg(&piece(1, 1, &vec![0; 65_000]).repeat(130))),
        ("WebP", webp_with_exif(vec![0; 5 << 20])),
    ] {
        assert_eq!(codes(&header(&bytes)), ["metadata-too-large"], "{case}");
    }
}

#[test]
fn a_child_of_a_tiff_inherits_the_profile_and_orientation_of_its_thumbnail() {
    let profile = wide_gamut();
    let more = vec![(274, Values::Shorts(vec![6])), (34675, Values::Bytes(profile.clone()))];
    let mut thumbnail = Layout { more, ..Layout::rgb(4, 3) }.page(|_, _, _| 0);
    let sample = |x: u32, y: u32, channel: u16| u64::from(picture().get_pixel(x, y)[usize::from(channel)]);
    thumbnail.children = vec![Layout::rgb(40, 30).page(sample)];
    let (header, _) = read_bytes(&file(&[thumbnail.clone()], Order::Little, Variant::Classic)).expect("read");
    assert_eq!((header.size.width(), header.size.height()), (30, 40));
    assert_eq!(header.properties.conversion, "converted to sRGB");
    // Its own values take precedence over those of its parent.
    let own = Layout { more: vec![(274, Values::Shorts(vec![1]))], ..Layout::rgb(40, 30) };
    thumbnail.children = vec![own.page(sample)];
    let (header, _) = read_bytes(&file(&[thumbnail], Order::Big, Variant::Big)).expect("read");
    assert_eq!((header.size.width(), header.size.height()), (40, 30));
    assert_eq!(header.properties.conversion, "converted to sRGB");
}

/// Content that no published object may contain.
const SECRET: &[u8] = b"GPS 48.1374 11.5755 of somebody's home";

/// Creates every container of metadata, with a secret in all of its metadata.
fn with_secrets() -> Vec<(&'static str, Vec<u8>)> {
    let exif = [&quarter_right()[..], SECRET].concat();
    let png = encoded(picture(), ImageFormat::Png);
    let text = [b"Comment\0", SECRET].concat();
    let xmp = [b"XML:com.adobe.xmp\0\0\0\0\0", SECRET].concat();
    let jpeg_segments = [
        segment(0xe1, &with_head(&exif)),
        segment(0xe1, &[b"http://ns.adobe.com/xap/1.0/\0", SECRET].concat()),
        segment(0xed, &[b"Photoshop 3.0\0", SECRET].concat()),
        segment(0xfe, SECRET),
    ];
    let mut tiff = Layout::rgb(40, 30);
    tiff.more = [700, 33723, 270, 34665].map(|tag| (tag, Values::Bytes(SECRET.to_vec()))).to_vec();
    let mut upright = jpeg_segments.clone();
    upright[0] = segment(0xe1, &with_head(&[&exif_of_nothing()[..], SECRET].concat()));
    vec![
        ("JPEG", jpeg(&jpeg_segments.concat())),
        ("a JPEG whose blocks are cut", jpeg(&upright.concat())),
        ("PNG", with_chunks(&png, &[chunk(*b"eXIf", &exif), chunk(*b"tEXt", &text)], &[chunk(*b"iTXt", &xmp)])),
        ("WebP", webp_with_exif(exif)),
        ("TIFF", tiff.file(|x, y, channel| picture().get_pixel(x, y)[usize::from(channel)].into())),
        ("GIF", gif((9, 9), (0, 0), (9, 9), &[&b"!\xfe"[..], &[SECRET.len() as u8], SECRET, b"\0"].concat())),
    ]
}

/// Creates EXIF without an orientation.
fn exif_of_nothing() -> Vec<u8> {
    b"MM\0*\0\0\0\x08\0\0\0\0\0\0".to_vec()
}

#[tokio::test]
async fn no_metadata_of_a_source_reaches_an_object() {
    let folder = TempDir::new().expect("a folder");
    for (carrier, bytes) in with_secrets() {
        assert!(bytes.windows(SECRET.len()).any(|part| part == SECRET), "{carrier}");
        for tiles in [JpegTiles::Lossless, JpegTiles::Reencode] {
            let store = Arc::new(MemoryStore::default());
            let formats = Formats::beside_jpg([Format::Png, Format::Webp]);
            let options = Options::builder("https://example.org".parse().expect("a URL"))
                .jpeg(JpegOptions::default().with_tiles(tiles))
                .shape(PyramidShape::default().in_formats(formats))
                .build()
                .expect("valid options");
            let path = file_in(folder.path(), "image.dat", &bytes);
            publish(Arc::clone(&store) as _, options, path).await.expect("published");
            assert!(store.puts().len() > 3, "{carrier}");
            for object in store.puts() {
                let has = |word: &[u8]| object.body.windows(word.len()).any(|part| part == word);
                assert!(
                    !has(SECRET) && !has(b"Exif\0\0") && !has(b"eXIf") && !has(b"EXIF") && !has(b"ns.adobe.com"),
                    "{carrier}: {}",
                    object.key
                );
            }
        }
    }
}

/// Creates a GIF of one color with independent sizes of screen and image.
fn gif(screen: (u16, u16), place: (u16, u16), image: (u16, u16), extension: &[u8]) -> Vec<u8> {
    let pair = |(one, other): (u16, u16)| [one.to_le_bytes(), other.to_le_bytes()].concat();
    let mut bytes = [b"GIF89a", &pair(screen)[..], &[0x80, 0, 0, 200, 100, 50, 0, 0, 0], extension, b","].concat();
    bytes.extend([pair(place), pair(image), vec![0, 2]].concat());
    // Each code has three bits: 4 clears the table, so that codes never become longer, 0 is a pixel, 5 is the end.
    let pixels = usize::from(image.0) * usize::from(image.1);
    let codes: Vec<u64> = std::iter::repeat_n([4, 0], pixels).flatten().chain([5]).collect();
    let bits: Vec<u64> = codes.iter().flat_map(|code| (0..3).map(move |bit| code >> bit & 1)).collect();
    let data: Vec<u8> =
        bits.chunks(8).map(|bits| bits.iter().rev().fold(0, |byte, bit| byte << 1 | *bit as u8)).collect();
    for block in data.chunks(255) {
        bytes.push(block.len() as u8);
        bytes.extend(block);
    }
    bytes.extend(b"\0;");
    bytes
}

#[test]
fn the_first_image_of_a_gif_is_not_cropped_to_its_screen() {
    for (screen, place, image, expected) in [
        ((10, 8), (0, 0), (10, 8), (10, 8)),
        ((4, 3), (0, 0), (10, 8), (10, 8)),
        ((4, 30), (2, 1), (10, 8), (12, 30)),
        ((0, 0), (0, 0), (10, 8), (10, 8)),
    ] {
        let (header, pixels) = read_bytes(&gif(screen, place, image, b"")).expect("read");
        assert_eq!((header.size.width(), header.size.height()), expected, "{screen:?}");
        let drawn = pixels.as_chunks::<3>().0.iter().filter(|pixel| **pixel == [200, 100, 50]).count();
        assert_eq!(drawn, 80, "{screen:?}");
    }
}

#[test]
fn ignored_images_cause_a_warning() {
    let png = encoded(picture(), ImageFormat::Png);
    let netscape = b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0";
    let page = || Layout::rgb(4, 4).page(|_, _, _| 0);
    let mut lesser = page();
    lesser.tags.push((254, Values::Offsets(vec![1])));
    let tiff = |pages: &[_]| file(pages, Order::Little, Variant::Classic);
    for (case, bytes, expected) in [
        ("GIF", gif((4, 4), (0, 0), (4, 4), netscape), true),
        ("a GIF of one image", gif((4, 4), (0, 0), (4, 4), b"!\xfe\x01x\0"), false),
        ("PNG", with_chunks(&png, &[chunk(*b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0])], &[]), true),
        ("TIFF", tiff(&[page(), page()]), true),
        ("a TIFF with a smaller version", tiff(&[page(), lesser]), false),
    ] {
        let expected = if expected { vec!["pages-ignored"] } else { vec![] };
        assert_eq!(codes(&header(&bytes)), expected, "{case}");
    }
}

#[test]
fn a_png_with_a_broken_animation_is_read() {
    let png = encoded(picture(), ImageFormat::Png);
    let animation = chunk(*b"acTL", &[0, 0, 0, 9, 0, 0, 0, 0]);
    let frames = [chunk(*b"fdAT", &[0, 0, 0, 7, 1, 2, 3]), chunk(*b"fcTL", &[0; 26])];
    let (_, pixels) = read_bytes(&with_chunks(&png, &[animation], &frames)).expect("read");
    assert!(pixels == picture().into_raw());
}
