//! The `_redirects` file format used by static hosts, with one `from to status` line per path.
//!
//! Netlify and Cloudflare Pages read this file from the site root. Cloudflare Pages uses only the first 2,000 lines.

use crate::store::{Redirect, Redirects};
use std::fmt::Write;

pub(super) const FILE_NAME: &str = "_redirects";

/// Permanent redirect. Keys under a base key always lead to the same object.
const PERMANENT: u16 = 301;
/// Temporary redirect. The Image API recommends 303, but some of these hosts don't support it.
const FOUND: u16 = 302;

/// Returns the file with one base key's lines replaced and all other lines unchanged.
pub(super) fn replaced(file: &str, redirects: &Redirects) -> String {
    let base = path(&redirects.base_url);
    let is_of_others = |line: &&str| {
        let from = line.split_whitespace().next().unwrap_or_default();
        let rest = from.strip_prefix(base);
        let is_below = |rest: &str| rest.starts_with('/') && rest.matches('/').count() == redirects.depth;
        !rest.is_some_and(|rest| rest.is_empty() || is_below(rest))
    };
    let mut replaced: String = file.lines().filter(is_of_others).flat_map(|line| [line, "\n"]).collect();
    for redirect in &redirects.redirects {
        let status = if redirect.from == redirects.base { FOUND } else { PERMANENT };
        let to = target(redirect);
        writeln!(replaced, "{} {to} {status}", path(&redirect.url)).expect("writing to a string does not fail");
    }
    replaced
}

/// Returns a redirect's target, shortened to a path if it's on the same host.
fn target(redirect: &Redirect) -> &str {
    let origin = &redirect.url[..redirect.url.len() - path(&redirect.url).len()];
    redirect.to.strip_prefix(origin).filter(|rest| rest.starts_with('/')).unwrap_or(&redirect.to)
}

/// Returns the path component of a URL.
pub(super) fn path(url: &str) -> &str {
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    url[after_scheme..].find('/').map_or("/", |at| &url[after_scheme + at..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{KeyError, Prefix};

    #[test]
    fn the_lines_of_one_base_are_replaced_and_all_others_stay() -> Result<(), KeyError> {
        let base = Prefix::default().join_key("photo")?;
        let redirect = |path: &str, to: &str| {
            let from = Prefix::default().join_key(&format!("photo{path}"))?;
            Ok(Redirect { from, url: format!("https://example.org/iiif/photo{path}"), to: to.to_owned() })
        };
        let set = |redirects| Redirects {
            base: base.clone(),
            base_url: "https://example.org/iiif/photo".to_owned(),
            depth: 4,
            redirects,
        };
        let redirects = set(vec![
            redirect("", "https://example.org/iiif/photo/info.json")?,
            redirect("/full/9,/0/default.jpg", "https://example.org/iiif/photo/full/9,7/0/default.jpg")?,
            redirect("/full/max/0/default.jpg", "https://media.example.org/photo.jpg")?,
        ]);
        let old = "# mine\n/iiif/photo /old 302\n/iiif/photo/full/8,/0/default.jpg /old 301\n/iiif/photo-2 /x 302\n\
                   /iiif/photo2/full/8,/0/default.jpg /y 301\n";
        let new = "# mine\n/iiif/photo-2 /x 302\n/iiif/photo2/full/8,/0/default.jpg /y 301\n/iiif/photo /iiif/photo/info.json 302\n\
                   /iiif/photo/full/9,/0/default.jpg /iiif/photo/full/9,7/0/default.jpg 301\n\
                   /iiif/photo/full/max/0/default.jpg https://media.example.org/photo.jpg 301\n";
        assert_eq!(replaced(old, &redirects), new);
        assert_eq!(replaced(new, &redirects), new, "a second run changes nothing");
        let others = "# mine\n/iiif/photo-2 /x 302\n/iiif/photo2/full/8,/0/default.jpg /y 301\n";
        assert_eq!(replaced(new, &set(Vec::new())), others, "an image without redirects has no lines");
        Ok(())
    }
}
