//! Requests that lead to an object that is there already, instead of a second copy.

use super::options::RedirectOptions;
use super::target::ApiFolder;
use crate::iiif::{Format, ImageRequest, Plan, Pyramid, Rendering};
use crate::store::{Identifier, ImageFolder, Redirect};

/// Which requests of one image lead where.
#[derive(Clone, Debug)]
pub(super) enum Redirects {
    /// None: every request has an object of its own.
    None,
    /// All but one of those that the same picture answers.
    Alternatives {
        /// Where the full image is, if it exists elsewhere.
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

    /// The requests for a picture in a format that have its bytes.
    pub(super) fn stored(&self, plan: &Plan, format: Format, rendering: Rendering) -> Vec<ImageRequest> {
        let mut requests = plan.requests_in(format, rendering);
        if let Self::Alternatives { full_image_url } = self {
            requests.retain(|request| full_image_url.is_none() || !is_full_jpeg(request));
            requests.truncate(1);
        }
        requests
    }

    /// That of the bare URI around all versions of an image. It leads to what will be the newest for ever: browsers may
    /// keep a redirect as long.
    pub(super) fn of_current(&self, folder: &ApiFolder) -> Vec<Redirect> {
        match self {
            Self::None => Vec::new(),
            Self::Alternatives { .. } => vec![base(folder.current_dir(), folder.current_uri())],
        }
    }

    /// Every redirect of an image, that of its bare base URI first.
    pub(super) fn of(&self, pyramid: &Pyramid, folder: &ApiFolder) -> Vec<Redirect> {
        let Self::Alternatives { full_image_url } = self else { return Vec::new() };
        let base_uri = &folder.base_uri;
        let redirect = |request: &ImageRequest, to: String| Redirect {
            from: folder.dir.key(request),
            url: format!("{base_uri}/{request}"),
            to,
        };
        let of_picture = |(format, rendering)| {
            let requests = folder.plan.requests_in(format, rendering);
            let stored = self.stored(&folder.plan, format, rendering).first().copied();
            let to = |request: &ImageRequest| match full_image_url {
                Some(url) if is_full_jpeg(request) => Some(url.clone()),
                _ => stored.filter(|stored| stored != request).map(|stored| format!("{base_uri}/{stored}")),
            };
            let redirects = requests.iter().filter_map(|request| Some(redirect(request, to(request)?)));
            redirects.collect::<Vec<_>>()
        };
        let in_formats = |rendering| pyramid.formats().all().map(move |format| (format, rendering));
        let of_pictures = pyramid.renderings().flat_map(in_formats).flat_map(of_picture);
        std::iter::once(base(&folder.dir, base_uri)).chain(of_pictures).collect()
    }
}

/// Whether it asks for the full image as JPEG: the format of the one that exists elsewhere. The path of any other format would
/// say what is not so.
fn is_full_jpeg(request: &ImageRequest) -> bool {
    request.is_full_image() && request.format == Format::Jpg
}

/// That of a bare base URI to the `info.json` below it.
fn base(folder: &ImageFolder, base_uri: &str) -> Redirect {
    let to = format!("{base_uri}/{}", Plan::INFO_JSON);
    Redirect { from: folder.base_key(), url: base_uri.to_owned(), to }
}
