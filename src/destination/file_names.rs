//! Image names that Windows and macOS file systems can't store or can't tell apart.

use super::Identifier;
use std::collections::HashMap;
use std::path::Path;
use unicode_normalization::UnicodeNormalization;

/// Windows path length limit, in characters.
const MAX_PATH: usize = 260;

/// Maximum length of a path inside an image folder, in characters. Allows for five digits in every number of a path such
/// as `/98304,98304,32768,32768/512,512/0/default.jpg`.
const MAX_IMAGE_PATH: usize = 52;

/// Device names reserved by Windows, with or without an extension.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// An identifier that some systems can't use as a folder name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NameProblem {
    /// The affected identifier.
    pub identifier: Identifier,
    /// Description of the problem, phrased to follow the identifier.
    pub reason: String,
    /// `true` if macOS has the problem too, not only Windows.
    pub on_macos: bool,
}

impl NameProblem {
    /// Returns `true` if the current system has this problem.
    #[must_use]
    pub fn is_here(&self) -> bool {
        cfg!(windows) || cfg!(target_os = "macos") && self.on_macos
    }
}

/// Returns the identifiers that a folder on Windows or macOS can't store or tell apart.
#[must_use]
pub fn name_problems<'a>(root: &Path, identifiers: impl IntoIterator<Item = &'a Identifier>) -> Vec<NameProblem> {
    let root_length = std::path::absolute(root).unwrap_or_else(|_| root.to_owned()).as_os_str().len();
    let mut known: HashMap<String, &Identifier> = HashMap::new();
    let mut problems = Vec::new();
    for identifier in identifiers {
        let mut problem = |reason: String, on_macos| {
            problems.push(NameProblem { identifier: identifier.clone(), reason, on_macos });
        };
        let folded: String = identifier.as_str().nfc().flat_map(char::to_lowercase).collect();
        if let Some(first) = known.insert(folded, identifier) {
            problem(format!("is the same folder as `{first}` on case-insensitive file systems"), true);
        }
        if let Some(name) = identifier.as_str().split('/').find(|name| !is_name_on_windows(name)) {
            problem(format!("contains `{name}`, which is not a valid folder name on Windows"), false);
        }
        if root_length + 1 + identifier.as_str().encode_utf16().count() + MAX_IMAGE_PATH > MAX_PATH {
            problem(format!("has paths longer than {MAX_PATH} characters, which Windows cannot open"), false);
        }
    }
    problems
}

fn is_name_on_windows(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_lowercase();
    let is_numbered =
        |device: &str| stem.strip_prefix(device).is_some_and(|n| n.len() == 1 && n != "0" && n.parse::<u8>().is_ok());
    let is_device = DEVICES.contains(&stem.as_str()) || is_numbered("com") || is_numbered("lpt");
    !is_device && !name.ends_with(['.', ' ']) && !name.contains(['<', '>', ':', '"', '|', '?', '*'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(identifiers: &[&str]) -> Vec<(String, bool)> {
        let identifiers: Vec<Identifier> =
            identifiers.iter().map(|text| text.parse().expect("an identifier")).collect();
        let problems = name_problems(Path::new("/srv/iiif"), &identifiers);
        problems.into_iter().map(|problem| (problem.identifier.to_string(), problem.on_macos)).collect()
    }

    #[test]
    fn names_that_other_systems_cannot_store_are_found() {
        assert_eq!(problems(&["Maps/a", "maps/b", "console", "com", "com0", "com10", "a.con", "maps/Ä"]), []);
        assert_eq!(problems(&["maps/A", "Maps/a"]), [("Maps/a".to_owned(), true)]);
        assert_eq!(problems(&["K\u{e4}se", "KA\u{308}SE"]), [("KA\u{308}SE".to_owned(), true)]);
        for reserved in ["con", "x/NUL", "aux.1", "COM1", "lpt9.scan", "a.", "a ", "a:b", "what?"] {
            assert_eq!(problems(&[reserved]), [(reserved.to_owned(), false)]);
        }
        let long = "x".repeat(210);
        assert_eq!(problems(&[&long]), [(long.clone(), false)]);
    }
}
