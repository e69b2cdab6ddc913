//! Parses a slide's `ImageDescription`, as written by Aperio (SVS) or in OME-TIFF.

use super::tags::{self, Tags};

/// Maximum length to read, in bytes. OME-XML uses a few hundred bytes per plane.
const MAX_BYTES: u64 = 4 << 20;

/// A directory's description.
pub(super) struct Description(String);

/// An image that accompanies the main image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aside {
    /// Photo of the slide's label.
    Label,
    /// Photo of the whole slide.
    Macro,
    Thumbnail,
    /// A smaller version of the main image.
    Copy,
}

impl Aside {
    pub(super) const COUNT: usize = 4;
    /// All kinds, in the order used in messages.
    pub(super) const ALL: [Self; Self::COUNT] = [Self::Label, Self::Macro, Self::Thumbnail, Self::Copy];

    /// Returns the image with the given name, such as `label` or `Macro Image`.
    fn from_name(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase();
        match name.strip_suffix(" image").unwrap_or(&name) {
            "label" => Some(Self::Label),
            "macro" | "overview" => Some(Self::Macro),
            "thumbnail" => Some(Self::Thumbnail),
            _ => None,
        }
    }
}

impl Description {
    /// Reads a directory's description. Returns `None` if it's missing, damaged or too long.
    pub(super) fn read(tags: Tags<'_>) -> Option<Self> {
        let bytes = tags.bytes(tags::IMAGE_DESCRIPTION, MAX_BYTES).ok().flatten()?;
        let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
        Some(Self(String::from_utf8_lossy(text).into_owned()))
    }

    pub(super) fn is_aperio(&self) -> bool {
        self.0.starts_with("Aperio")
    }

    /// Creates a description from text.
    #[cfg(test)]
    pub(super) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Returns the text.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn is_ome(&self) -> bool {
        self.0.trim_start().starts_with('<') && self.0.contains("<OME")
    }

    /// Returns the kind of image that the description specifies, or `None` for main images and unrelated text.
    pub(super) fn aside(&self) -> Option<Aside> {
        if self.is_aperio() {
            // The first line is the program name. The second line starts with the kind of image.
            return Aside::from_name(self.0.lines().nth(1)?.split_whitespace().next()?);
        }
        Aside::from_name(&self.0)
    }

    /// Returns the directories that OME-XML lists as accompanying the main image, counting from 0.
    pub(super) fn ome_asides(&self) -> Vec<(usize, Aside)> {
        let mut asides = Vec::new();
        let mut aside = None;
        for (name, attributes) in self.0.split('<').filter_map(|tag| tag.split_once(char::is_whitespace)) {
            match name {
                "Image" => aside = attribute(attributes, "Name").and_then(Aside::from_name),
                "TiffData" => {
                    let number = |name| attribute(attributes, name)?.parse::<usize>().ok();
                    if let (Some(aside), Some(first)) = (aside, number("IFD")) {
                        let count = number("PlaneCount").unwrap_or(1).min(MAX_PLANES);
                        asides.extend((first..first.saturating_add(count)).map(|directory| (directory, aside)));
                    }
                }
                _ => {}
            }
        }
        if self.is_ome() { asides } else { Vec::new() }
    }
}

/// Maximum number of directories per element.
const MAX_PLANES: usize = 1000;

/// Returns the value of an attribute. `element` is the element's text after its name.
pub(super) fn attribute<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let element = element.split('>').next()?;
    let values = element.match_indices(name).filter_map(|(at, _)| {
        let is_start = element[..at].chars().next_back().is_none_or(char::is_whitespace);
        let value = element[at + name.len()..].trim_start().strip_prefix('=')?.trim_start();
        let quote = value.chars().next().filter(|quote| is_start && matches!(quote, '"' | '\''))?;
        value[1..].split(quote).next()
    });
    let mut values = values;
    values.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Description {
        Description::new(text)
    }

    #[test]
    fn images_beside_the_main_one_are_known_by_their_names() {
        let program = "Aperio Image Library v11.2.1";
        assert_eq!(of(&format!("{program}\r\nlabel 387x463")).aside(), Some(Aside::Label));
        assert_eq!(of(&format!("{program}\nmacro 1280x431")).aside(), Some(Aside::Macro));
        assert_eq!(of(&format!("{program}\n46000x32914 [0,0 2220x2967]")).aside(), None);
        assert_eq!(of("Macro").aside(), Some(Aside::Macro));
        assert_eq!(of("Label-free imaging").aside(), None);
        assert_eq!(of("Label 3 of the collection").aside(), None);
        assert_eq!(of("").aside(), None);
        let ome = of("<OME><Image ID=\"1\" Name=\"main\"><Pixels><TiffData IFD=\"0\"/></Pixels></Image>\
             <Image Name=\"label image\"><Pixels><TiffData IFD=\"1\" PlaneCount=\"2\"/></Pixels></Image>\
             <Image Name=\"macro\"><Pixels><TiffData IFD=\"3\"/></Pixels></Image></OME>");
        assert_eq!(ome.ome_asides(), [(1, Aside::Label), (2, Aside::Label), (3, Aside::Macro)]);
    }

    #[test]
    fn any_text_can_be_searched() {
        for text in
            ["<", "<OME", "<OME Name", "<Image Name=", "<Image Name=\"", "<OME><Pixels PhysicalSizeX", "µ<µ µ=\"µ"]
        {
            let description = of(text);
            assert!(description.ome_asides().is_empty() && description.aside().is_none(), "{text}");
        }
    }
}
