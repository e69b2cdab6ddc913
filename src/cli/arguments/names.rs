//! Options for identifiers, the prefix and the public URL.

use crate::cli::is_command;
use clap::Args;
use iiif_publish::destination::{Identifier, PublicUrl};
use iiif_publish::location::{Location, LocationError};
use iiif_publish::publish::Image;
use iiif_publish::store::{KeyError, Prefix};
use std::path::PathBuf;
use unicode_normalization::UnicodeNormalization;

#[derive(Debug, Args)]
#[command(next_help_heading = "Names")]
pub(crate) struct NameArguments {
    /// Set the identifier [default: the file name]
    ///
    /// This works for one image only. By default, each identifier is a file name without its extension.
    #[arg(long, value_name = "IDENTIFIER")]
    pub(crate) id: Option<Identifier>,
    #[command(flatten)]
    pub(crate) destination: DestinationArguments,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Names")]
pub(crate) struct DestinationArguments {
    /// Use this prefix inside the bucket or output folder
    #[arg(long, value_name = "PREFIX", default_value_t)]
    pub(crate) prefix: Prefix,
    /// Set the prefix's public base URL, such as your CDN's
    ///
    /// Each identifier is appended to this URL. The default is the bucket's URL with the prefix. With `--output`, it is
    /// `http://localhost:3000`.
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<PublicUrl>,
}

/// Error returned when images on the command line don't have valid, unique identifiers.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NameError {
    #[error("`--id` applies to one image, but {0} were passed")]
    IdForMany(usize),
    #[error("could not derive an identifier from `{0}`")]
    Stem(String, #[source] Option<KeyError>),
    #[error(transparent)]
    Location(#[from] LocationError),
    #[error("`{0}` is a folder")]
    Folder(String),
    #[error("`{0}` is a command, and commands come first")]
    Command(String),
    #[error("`{0}` is not a local file")]
    NotLocal(String),
    #[error("`{0}` and `{1}` would both write to `{2}`")]
    Overlap(String, String, Identifier),
}

/// Pairs each path with an identifier, derived from the file name unless `id` is set.
///
/// # Errors
/// Returns an error if a path or identifier is invalid, if two images share an identifier, or if `id` is set for
/// several images.
pub(crate) fn named(paths: Vec<PathBuf>, id: Option<&Identifier>) -> Result<Vec<Image>, NameError> {
    if id.is_some() && paths.len() > 1 {
        return Err(NameError::IdForMany(paths.len()));
    }
    let image = |path: PathBuf| -> Result<Image, NameError> {
        let location = Location::named(path)?;
        check_image(&location)?;
        let identifier = id.cloned().map_or_else(|| stem(&location), Ok)?;
        Ok(Image::new(location, identifier))
    };
    let images: Vec<Image> = paths.into_iter().map(image).collect::<Result<_, NameError>>()?;
    check_distinct(&images)?;
    Ok(images)
}

/// Checks that no two images share an identifier.
fn check_distinct(images: &[Image]) -> Result<(), NameError> {
    let mut sorted: Vec<&Image> = images.iter().collect();
    sorted.sort_by_key(|image| &image.identifier);
    match sorted.array_windows().find(|[a, b]| a.identifier == b.identifier) {
        Some([a, b]) => Err(NameError::Overlap(a.location.to_string(), b.location.to_string(), a.identifier.clone())),
        None => Ok(()),
    }
}

/// Renames images, and brings their identifiers into normalization form C, because names from macOS may be decomposed.
///
/// # Errors
/// Returns an error if a name isn't a valid identifier, or if two images share an identifier.
pub(crate) fn renamed(images: Vec<Image>, rename: Option<fn(&str) -> String>) -> Result<Vec<Image>, NameError> {
    let renamed = |mut image: Image| -> Result<Image, NameError> {
        let composed: String = image.identifier.as_str().nfc().collect();
        let name = rename.map_or_else(|| composed.clone(), |rename| rename(&composed));
        image.identifier = name.parse().map_err(|error| NameError::Stem(image.location.to_string(), Some(error)))?;
        Ok(image)
    };
    let images: Vec<Image> = images.into_iter().map(renamed).collect::<Result<_, NameError>>()?;
    check_distinct(&images)?;
    Ok(images)
}

/// Works like [`named`], but accepts only local files.
///
/// # Errors
/// Returns the same errors as [`named`], or an error if an image isn't a local file.
pub(crate) fn named_files(paths: Vec<PathBuf>, id: Option<&Identifier>) -> Result<Vec<Image>, NameError> {
    let images = named(paths, id)?;
    match images.iter().find(|image| !matches!(image.location, Location::File(_))) {
        Some(image) => Err(NameError::NotLocal(image.location.to_string())),
        None => Ok(images),
    }
}

/// Checks that a location isn't a folder, nor a command after options.
fn check_image(location: &Location) -> Result<(), NameError> {
    match location {
        Location::Object(object) if object.is_folder() => Err(NameError::Folder(location.to_string())),
        Location::File(path) if path.is_dir() => Err(NameError::Folder(location.to_string())),
        Location::File(path) if !path.exists() && is_command(&path.to_string_lossy()) => {
            Err(NameError::Command(path.display().to_string()))
        }
        _ => Ok(()),
    }
}

fn stem(location: &Location) -> Result<Identifier, NameError> {
    let name = || location.to_string();
    let file = location.file_name().ok_or_else(|| NameError::Stem(name(), None))?;
    let stem = file.file_stem().and_then(|stem| stem.to_str()).ok_or_else(|| NameError::Stem(name(), None))?;
    stem.parse().map_err(|error| NameError::Stem(name(), Some(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_images_never_share_an_identifier() {
        let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert!(matches!(named(paths(&["x/photo.jpg", "y/photo.tif"]), None), Err(NameError::Overlap(..))));
        assert!(named(paths(&["photo-1.jpg", "photo.jpg", "photo.1.jpg"]), None).is_ok());
        let id = "a".parse().expect("an identifier");
        assert!(matches!(named(paths(&["x.jpg", "y.jpg"]), Some(&id)), Err(NameError::IdForMany(2))));
    }

    #[test]
    fn the_file_stem_is_the_identifier() -> Result<(), NameError> {
        let images = named(vec![PathBuf::from("scans/f.2r.tif")], None)?;
        assert_eq!(images[0].identifier.to_string(), "f.2r");
        Ok(())
    }
}
