//! Redirects equivalent requests to a single stored picture.

use super::api_folder::ApiFolder;
use super::options::RedirectOptions;
use crate::destination::{Identifier, ImageAddress};
use crate::iiif::{Format, ImageRequest, Plan, Pyramid, Rendering};
use crate::store::{Redirect, Redirects as StoreRedirects};

/// Redirects for a single image.
#[derive(Clone, Debug)]
pub(super) enum Redirects {
    /// No redirects. Every request has its own object.
    None,
    /// Each picture is stored once, and equivalent requests redirect to it.
    Alternatives {
        /// URL of the full-size image, if it is hosted elsewhere.
        full_image_url: Option<String>,
    },
}

impl Redirects {
    pub(super) fn new(options: Option<&RedirectOptions>, identifier: &Identifier) -> Self {
        match options {
            None => Self::None,
            Some(options) => {
                let full_image_url = options.full_image_url.as_ref().map(|url| url.of(identifier));
                Self::Alternatives { full_image_url }
            }
        }
    }

    /// Returns the requests for a picture in the given format that are stored as objects.
    pub(super) fn stored(&self, plan: &Plan, format: Format, rendering: Rendering) -> Vec<ImageRequest> {
        let mut requests = plan.requests_in(format, rendering);
        if let Self::Alternatives { full_image_url } = self {
            // If the full image is hosted elsewhere, all requests for it as JPEG are redirects. The first of the
            // remaining requests is stored. A plan's order is fixed, so every run picks the same one.
            requests.retain(|request| full_image_url.is_none() || !is_full_jpeg(request));
            requests.truncate(1);
        }
        requests
    }

    /// Returns the redirect for a versioned image's own base URI. Browsers may cache redirects forever, so it always
    /// points to the current version's `info.json`.
    pub(super) fn of_current(&self, folder: &ApiFolder) -> Vec<Redirect> {
        match self {
            Self::None => Vec::new(),
            Self::Alternatives { .. } => vec![base(folder.current())],
        }
    }

    /// Returns all of an image's redirects, starting with its base URI.
    pub(super) fn of(&self, pyramid: &Pyramid, folder: &ApiFolder) -> Vec<Redirect> {
        let Self::Alternatives { full_image_url } = self else { return Vec::new() };
        let image = folder.objects();
        let redirect = |request: &ImageRequest, to: String| Redirect {
            from: image.folder().key(request),
            url: image.url_of(request),
            to,
        };
        let of_picture = |(format, rendering)| {
            let requests = folder.plan.requests_in(format, rendering);
            let stored = self.stored(&folder.plan, format, rendering).first().copied();
            // Always redirect to the object itself, never to another redirect.
            let to = |request: &ImageRequest| match full_image_url {
                Some(url) if is_full_jpeg(request) => Some(url.clone()),
                _ => stored.filter(|stored| stored != request).map(|stored| image.url_of(&stored)),
            };
            let redirects = requests.iter().filter_map(|request| Some(redirect(request, to(request)?)));
            redirects.collect::<Vec<_>>()
        };
        let in_formats = |rendering| pyramid.formats().all().map(move |format| (format, rendering));
        let of_pictures = pyramid.renderings().flat_map(in_formats).flat_map(of_picture);
        std::iter::once(base(image)).chain(of_pictures).collect()
    }
}

/// Returns `true` for requests for the full image as JPEG. An external full-size image is always a JPEG, so requests
/// for other formats can't redirect to it.
fn is_full_jpeg(request: &ImageRequest) -> bool {
    request.is_full_image() && request.format == Format::Jpg
}

/// Returns the redirect from a base URI to its `info.json`.
fn base(image: &ImageAddress) -> Redirect {
    Redirect { from: image.folder().base_key(), url: image.base_uri().to_owned(), to: image.info_url() }
}

/// Converts an image's redirects to the store's format. Only requests are redirected below the base URI.
pub(super) fn of_store(image: &ImageAddress, redirects: Vec<Redirect>) -> StoreRedirects {
    let (base, base_url) = (image.folder().base_key(), image.base_uri().to_owned());
    StoreRedirects { base, base_url, depth: ImageRequest::SEGMENTS, redirects }
}
