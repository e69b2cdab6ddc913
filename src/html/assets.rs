//! The viewer's script and stylesheet, which any page can embed or load.
//!
//! The script starts a viewer in each element with the class `iiif-viewer`. Descendants with a `data-info` attribute
//! are its images, so the markup can be a list of linked pictures that also works without scripts. `ARCHITECTURE.md`
//! lists all attributes.

/// The JavaScript library that shows tiles.
pub(crate) const OPENSEADRAGON: &str = include_str!("viewer/openseadragon.min.js");

/// OpenSeadragon's license, which must accompany every copy.
pub(crate) const OPENSEADRAGON_LICENSE: &str = include_str!("viewer/openseadragon.LICENSE.txt");

/// Parts of the viewer's script. Each part only depends on earlier parts.
const PARTS: [&str; 7] = [
    include_str!("viewer/text.js"),
    include_str!("viewer/address.js"),
    include_str!("viewer/parts.js"),
    include_str!("viewer/dialogs.js"),
    include_str!("viewer/strip.js"),
    include_str!("viewer/stage.js"),
    include_str!("viewer/viewer.js"),
];

/// Returns the viewer's script, which contains OpenSeadragon and its license. It works with a Content-Security-Policy
/// that forbids inline scripts and styles.
#[must_use]
pub(crate) fn viewer_script() -> String {
    let viewer = PARTS.concat();
    format!("/*\n{OPENSEADRAGON_LICENSE}*/\n{OPENSEADRAGON}\n(() => {{\n\"use strict\";\n{viewer}}})();\n")
}

/// Returns the viewer's stylesheet. Its rules only apply inside a viewer.
#[must_use]
pub(crate) fn viewer_style() -> &'static str {
    include_str!("viewer/viewer.css")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stylesheet_leaves_the_rest_of_a_page_alone() {
        let is_rule = |line: &&str| line.ends_with('{') || line.contains(" { ");
        let rules: Vec<&str> = viewer_style().lines().map(str::trim).filter(is_rule).collect();
        assert!(rules.len() > 50, "{rules:?}");
        for rule in rules {
            let is_scoped = rule.starts_with(".iiif-viewer") || rule.starts_with('@');
            assert!(is_scoped, "{rule}");
        }
    }

    #[test]
    fn the_script_ends_no_script_element_and_loads_nothing_itself() {
        let script = viewer_script();
        assert!(script.contains("function OpenSeadragon(") && script.contains(OPENSEADRAGON_LICENSE.trim()));
        assert!(!script.contains("</script") && !script.contains("<!--"), "it can be inside of an element");
        let own = PARTS.concat();
        for from in ["import ", "import(", "//cdn", "eval(", "innerHTML", ".onclick", "document.write"] {
            assert!(!own.contains(from), "{from}");
        }
    }
}
