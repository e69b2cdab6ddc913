//! The file `_redirects` of static hosts, which has one line `from to status` for each path.
//!
//! Netlify and Cloudflare Pages read the file at the root of a site. Cloudflare Pages uses only its first 2,000 lines.

use super::{Key, Redirect};
use std::fmt::Write;

pub(super) const FILE_NAME: &str = "_redirects";

/// Permanent redirect: the alternative forms of a size always lead to the same image.
const PERMANENT: u16 = 301;
/// Temporary redirect. The Image API recommends 303, which some of these hosts do not support.
const FOUND: u16 = 302;

/// Number of slashes in `/region/size/rotation/quality.format`.
pub(super) const SLASHES_OF_REQUEST: usize = 4;

/// Returns the file with the lines of one image replaced and all other lines unchanged.
pub(super) fn replaced(file: &str, (base_key, base_uri): (&Key, &str), redirects: &[Redirect]) -> String {
    let base = path(base_uri);
    let is_of_others = |line: &&str| {
        let from = line.split_whitespace().next().unwrap_or_default();
        let rest = from.strip_prefix(base);
        let is_request = |rest: &str| rest.starts_with('/') && rest.matches('/').count() == SLASHES_OF_REQUEST;
        !rest.is_some_and(|rest| rest.is_empty() || is_request(rest))
    };
    let mut replaced: String = file.lines().filter(is_of_others).flat_map(|line| [line, "\n"]).collect();
    for redirect in redirects {
        let status = if redirect.from == *base_key { FOUND } else { PERMANENT };
        let to = target(redirect);
        writeln!(replaced, "{} {to} {status}", path(&redirect.url)).expect("writing to a string does not fail");
    }
    replaced
}

/// Returns the target of a redirect, as a path if it is on the same host.
fn target(redirect: &Redirect) -> &str {
    let origin = &redirect.url[..redirect.url.len() - path(&redirect.url).len()];
    redirect.to.strip_prefix(origin).filter(|rest| rest.starts_with('/')).unwrap_or(&redirect.to)
}

/// Returns the path of a URL.
pub(super) fn path(url: &str) -> &str {
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    url[after_scheme..].find('/').map_or("/", |at| &url[after_scheme + at..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::ImageFolder;

    #[test]
    fn the_lines_of_one_image_are_replaced_and_all_others_stay() -> Result<(), crate::store::KeyError> {
        let folder = ImageFolder::new(&"".parse()?, None, &"photo".parse()?)?;
        let base = (&folder.base_key(), "https://example.org/iiif/photo");
        let redirect = |path: &str, to: &str| Redirect {
            from: if path.is_empty() { folder.base_key() } else { folder.key(&path) },
            url: format!("https://example.org/iiif/photo{}{path}", if path.is_empty() { "" } else { "/" }),
            to: to.to_owned(),
        };
        let redirects = [
            redirect("", "https://example.org/iiif/photo/info.json"),
            redirect("full/9,/0/default.jpg", "https://example.org/iiif/photo/full/9,7/0/default.jpg"),
            redirect("full/max/0/default.jpg", "https://media.example.org/photo.jpg"),
        ];
        let old = "# mine\n/iiif/photo /old 302\n/iiif/photo/full/8,/0/default.jpg /old 301\n/iiif/photo-2 /x 302\n\
                   /iiif/photo2/full/8,/0/default.jpg /y 301\n";
        let new = "# mine\n/iiif/photo-2 /x 302\n/iiif/photo2/full/8,/0/default.jpg /y 301\n/iiif/photo /iiif/photo/info.json 302\n\
                   /iiif/photo/full/9,/0/default.jpg /iiif/photo/full/9,7/0/default.jpg 301\n\
                   /iiif/photo/full/max/0/default.jpg https://media.example.org/photo.jpg 301\n";
        assert_eq!(replaced(old, base, &redirects), new);
        assert_eq!(replaced(new, base, &redirects), new, "a second run changes nothing");
        let others = "# mine\n/iiif/photo-2 /x 302\n/iiif/photo2/full/8,/0/default.jpg /y 301\n";
        assert_eq!(replaced(new, base, &[]), others, "an image without redirects has no lines");
        Ok(())
    }
}
