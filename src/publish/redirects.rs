//! Redirects from requests that share a picture to the one object that holds it.

use super::api_folder::ApiFolder;
use super::options::RedirectOptions;
use crate::destination::{Identifier, ImageAddress};
use crate::iiif::{Format, ImageRequest, Plan, Pyramid, Rendering};
use crate::store::{Redirect, Redirects as StoreRedirects};

/// The redirects of one image.
#[derive(Clone, Debug)]
pub(super) enum Redirects {
    /// None: every request has an object of its own.
    None,
    /// One request for each picture has an object; the others redirect to it.
    Alternatives {
        /// The URL of the full image, if it exists elsewhere.
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

    /// Returns the requests for a picture in a format that get an object.
    pub(super) fn stored(&self, plan: &Plan, format: Format, rendering: Rendering) -> Vec<ImageRequest> {
        let mut requests = plan.requests_in(format, rendering);
        if let Self::Alternatives { full_image_url } = self {
            // If the full image exists elsewhere, even its first request as JPEG only redirects. The first of the
            // remaining requests keeps the bytes: the order of a plan is fixed, so all runs choose the same one.
            requests.retain(|request| full_image_url.is_none() || !is_full_jpeg(request));
            requests.truncate(1);
        }
        requests
    }

    /// Returns the redirect of the bare URI of a versioned image. Its target never changes, because browsers may cache a redirect
    /// forever: it leads to the `info.json` of the current version.
    pub(super) fn of_current(&self, folder: &ApiFolder) -> Vec<Redirect> {
        match self {
            Self::None => Vec::new(),
            Self::Alternatives { .. } => vec![base(folder.current())],
        }
    }

    /// Returns all redirects of an image, that of its bare base URI first.
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
            // No redirect leads to another one: all of them lead to the object itself.
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

/// Returns `true` if the request is for the full image as JPEG. A full image that exists elsewhere is a JPEG, so requests for
/// other formats cannot redirect to it.
fn is_full_jpeg(request: &ImageRequest) -> bool {
    request.is_full_image() && request.format == Format::Jpg
}

/// Returns the redirect from a bare base URI to the `info.json` below it.
fn base(image: &ImageAddress) -> Redirect {
    Redirect { from: image.folder().base_key(), url: image.base_uri().to_owned(), to: image.info_url() }
}

/// Returns the redirects of an image as its store takes them: below its base URI, only requests belong to it.
pub(super) fn of_store(image: &ImageAddress, redirects: Vec<Redirect>) -> StoreRedirects {
    let (base, base_url) = (image.folder().base_key(), image.base_uri().to_owned());
    StoreRedirects { base, base_url, depth: ImageRequest::SEGMENTS, redirects }
}
