//! Image color spaces (ISO 32000-2, 8.6).

use super::document::Document;
use super::object::{Dictionary, Object};
use crate::source::metadata::MAX_PROFILE_BYTES;
use crate::source::samples::ColorModel;

/// Maximum palette size in bytes, for 256 colors of 4 samples each.
const MAX_PALETTE_BYTES: u64 = 1024;

/// A color space that's supported without rendering.
pub(super) struct ColorSpace {
    /// Color model of the image or its palette.
    pub(super) model: ColorModel,
    pub(super) profile: Option<Vec<u8>>,
    /// Palette, if the samples are indices into it.
    pub(super) palette: Option<Vec<u8>>,
}

impl ColorSpace {
    fn device(model: ColorModel) -> Self {
        Self { model, profile: None, palette: None }
    }

    /// Returns the number of samples per pixel in the file.
    pub(super) fn samples(&self) -> usize {
        if self.palette.is_some() { 1 } else { channels(self.model) }
    }

    /// Reads a color space. Returns `None` if only the renderer supports it.
    pub(super) fn read(document: &Document, object: &Object, resources: &Dictionary) -> Option<Self> {
        let spaces = document.dictionary(resources, b"ColorSpace");
        match object {
            Object::Name(name) => match device_model(name) {
                Some(model) => Self::of_device(document, model, &spaces),
                None => Self::defined(document, &document.find(&spaces, name)?, &spaces),
            },
            object => Self::defined(document, object, &spaces),
        }
    }

    /// Returns a device color space. The page's resources may override it.
    fn of_device(document: &Document, model: ColorModel, spaces: &Dictionary) -> Option<Self> {
        let default: &[u8] = match model {
            ColorModel::Gray => b"DefaultGray",
            ColorModel::Cmyk => b"DefaultCMYK",
            _ => b"DefaultRGB",
        };
        match document.find(spaces, default) {
            Some(Object::Array(array)) => Self::defined(document, &Object::Array(array), &Dictionary::default()),
            _ => Some(Self::device(model)),
        }
    }

    fn defined(document: &Document, object: &Object, spaces: &Dictionary) -> Option<Self> {
        if let Some(name) = object.name() {
            return Self::of_device(document, device_model(name)?, spaces);
        }
        let array = object.array()?;
        let item = |at: usize| array.get(at).map(|item| document.resolve(item));
        match item(0)?.name()? {
            b"ICCBased" => {
                let stream = item(1)?;
                let stream = stream.stream()?;
                let model = match document.get(&stream.dictionary, b"N").integer()? {
                    1 => ColorModel::Gray,
                    3 => ColorModel::Rgb,
                    4 => ColorModel::Cmyk,
                    _ => return None,
                };
                // The color conversion reports damaged profiles.
                let profile = document.data(stream, MAX_PROFILE_BYTES).unwrap_or_default();
                Some(Self { profile: Some(profile), ..Self::device(model) })
            }
            b"Indexed" | b"I" => {
                let base = match item(1)? {
                    Object::Name(name) => Self::of_device(document, device_model(&name)?, spaces)?,
                    base => Self::defined(document, &base, spaces)?,
                };
                let palette = match item(3)? {
                    Object::String(palette) => palette.into(),
                    Object::Stream(stream) => document.data(&stream, MAX_PALETTE_BYTES)?,
                    _ => return None,
                };
                base.palette.is_none().then_some(Self { palette: Some(palette), ..base })
            }
            name => Self::of_device(document, device_model(name)?, spaces),
        }
    }
}

/// Returns a device color space's color model.
fn device_model(name: &[u8]) -> Option<ColorModel> {
    Some(match name {
        b"DeviceGray" | b"G" => ColorModel::Gray,
        b"DeviceRGB" | b"RGB" => ColorModel::Rgb,
        b"DeviceCMYK" | b"CMYK" => ColorModel::Cmyk,
        _ => return None,
    })
}

/// Returns the number of samples per color.
pub(super) fn channels(model: ColorModel) -> usize {
    match model {
        ColorModel::Gray => 1,
        ColorModel::Cmyk => 4,
        _ => 3,
    }
}
