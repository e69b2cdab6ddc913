//! Names of licenses and rights statements.

/// Statements from <https://rightsstatements.org>.
const STATEMENTS: [(&str, &str); 12] = [
    ("InC", "In Copyright"),
    ("InC-OW-EU", "In Copyright – EU Orphan Work"),
    ("InC-EDU", "In Copyright – Educational Use Permitted"),
    ("InC-NC", "In Copyright – Non-Commercial Use Permitted"),
    ("InC-RUU", "In Copyright – Rights-holder(s) Unlocatable or Unidentifiable"),
    ("NoC-CR", "No Copyright – Contractual Restrictions"),
    ("NoC-NC", "No Copyright – Non-Commercial Use Only"),
    ("NoC-OKLR", "No Copyright – Other Known Legal Restrictions"),
    ("NoC-US", "No Copyright – United States"),
    ("CNE", "Copyright Not Evaluated"),
    ("UND", "Copyright Undetermined"),
    ("NKC", "No Known Copyright"),
];

/// Returns the name of a license or rights statement. Falls back to its address if it's unknown.
pub(super) fn name(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.strip_prefix("www.").unwrap_or(rest);
    let parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
    let known = match parts[..] {
        ["creativecommons.org", "licenses", license, version, ..] => {
            Some(format!("CC {} {version}", license.to_uppercase()))
        }
        ["creativecommons.org", "publicdomain", "zero", version, ..] => Some(format!("CC0 {version}")),
        ["creativecommons.org", "publicdomain", "mark", version, ..] => Some(format!("Public Domain Mark {version}")),
        ["rightsstatements.org", "vocab" | "page", statement, ..] => {
            STATEMENTS.iter().find(|(known, _)| *known == statement).map(|(_, name)| (*name).to_owned())
        }
        _ => None,
    };
    known.unwrap_or_else(|| rest.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn common_rights_have_names() {
        for (url, name) in [
            ("https://creativecommons.org/licenses/by-sa/4.0/", "CC BY-SA 4.0"),
            ("http://creativecommons.org/publicdomain/mark/1.0/", "Public Domain Mark 1.0"),
            ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0 1.0"),
            ("http://rightsstatements.org/vocab/InC/1.0/", "In Copyright"),
            ("https://example.org/terms/", "example.org/terms"),
        ] {
            assert_eq!(super::name(url), name);
        }
    }
}
