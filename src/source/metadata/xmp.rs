//! XMP (ISO 16684-1): the property `tiff:Orientation`, which is all that is read.
//!
//! Packets are searched, not parsed: the property is either an attribute or an element. As in Pillow, and unlike
//! libvips and `ImageMagick` 6, which ignore XMP, the orientation counts if EXIF has none.

use super::super::Orientation;
use super::exif::orientation_from_tag;

/// Name of the property, with the prefix that all writers use (ISO 16684-1, 8.1).
const NAME: &[u8] = b"tiff:Orientation";

/// Returns the first valid orientation of a packet in UTF-8, UTF-16 or UTF-32.
pub(super) fn orientation(packet: &[u8]) -> Option<Orientation> {
    // The wider encodings of ASCII only add zeros.
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

/// Returns the value after a name: `="6"`, `='6'` or `>6</`, with white space anywhere.
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
