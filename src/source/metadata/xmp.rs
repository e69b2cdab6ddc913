//! XMP metadata (ISO 16684-1). Only the `tiff:Orientation` property is read.
//!
//! We search the packet instead of parsing it, because the property is always either an attribute or an element. The
//! XMP orientation is used if EXIF doesn't have one. Pillow does the same, while libvips and `ImageMagick` 6 ignore
//! XMP.

use super::super::Orientation;
use super::exif::orientation_from_tag;

/// Property name, including the prefix used by every writer (ISO 16684-1, 8.1).
const NAME: &[u8] = b"tiff:Orientation";

/// Returns the first valid orientation in a packet. The packet can be UTF-8, UTF-16 or UTF-32.
pub(super) fn orientation(packet: &[u8]) -> Option<Orientation> {
    // UTF-16 and UTF-32 encode ASCII characters by padding them with zeros.
    let text: Vec<u8> = packet.iter().copied().filter(|byte| *byte != 0).collect();
    let mut rest = text.as_slice();
    while let Some(at) = rest.windows(NAME.len()).position(|window| window == NAME) {
        let is_whole =
            at.checked_sub(1).is_none_or(|before| rest[before] == b'<' || rest[before].is_ascii_whitespace());
        rest = &rest[at + NAME.len()..];
        if let Some(value) = value(rest).filter(|_| is_whole) {
            return Some(value);
        }
    }
    None
}

/// Parses the value following the property name: `="6"`, `='6'` or `>6</`, with optional white space.
fn value(rest: &[u8]) -> Option<Orientation> {
    let (open, rest) = rest.trim_ascii_start().split_first()?;
    let (end, rest) = match open {
        b'=' => rest.trim_ascii_start().split_first().filter(|(quote, _)| matches!(quote, b'"' | b'\''))?,
        b'>' => (&b'<', rest),
        _ => return None,
    };
    let length = rest.iter().position(|byte| byte == end)?;
    let digits = std::str::from_utf8(rest[..length].trim_ascii()).ok()?;
    orientation_from_tag(digits.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(property: &str) -> String {
        format!(
            "<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?><x:xmpmeta xmlns:x='adobe:ns:meta/'>{property}</x:xmpmeta>"
        )
    }

    #[test]
    fn both_forms_are_read_in_every_encoding() {
        for property in [
            "<rdf:Description tiff:Orientation=\"6\"/>",
            "<rdf:Description\n tiff:Orientation = '6'/>",
            "<tiff:Orientation>6</tiff:Orientation>",
            "<tiff:Orientation>\n 6 </tiff:Orientation>",
            "<a tiff:Orientation=\"0\"/><a tiff:Orientation=\"6\"/>",
        ] {
            let text = packet(property);
            assert_eq!(orientation(text.as_bytes()), Some(Orientation::QuarterRight), "{property}");
            let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
            assert_eq!(orientation(&wide), Some(Orientation::QuarterRight), "{property} in UTF-16");
        }
    }

    #[test]
    fn packets_without_an_orientation_give_none() {
        for property in [
            "",
            "<rdf:Description tiff:Orientation=\"9\"/>",
            "<rdf:Description tiff:Orientation=\"\"/>",
            "<rdf:Description tiff:Orientation=6/>",
            "<rdf:Description mytiff:Orientation=\"6\"/>",
            "<tiff:OrientationOfAll>6</tiff:OrientationOfAll>",
            "<tiff:Orientation/>6</tiff:Orientation>",
            "<tiff:Orientation>66666666666666666666666</tiff:Orientation>",
        ] {
            assert_eq!(orientation(packet(property).as_bytes()), None, "{property}");
        }
        let text = packet("<a tiff:Orientation=\"6\"/>");
        let end = text.find("\"6\"").expect("there") + 3;
        assert!((0..end).all(|length| orientation(&text.as_bytes()[..length]).is_none()));
    }
}
