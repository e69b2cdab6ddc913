//! The page that shows images, as `preview` and `--html` make it.

use serde_json::Value;

/// The list of what it shows.
pub fn images_of(page: &str) -> Value {
    let (_, list) = page.split_once("id=\"images\">").expect("a list");
    serde_json::from_str(list.split_once("</script>").expect("an end").0).expect("JSON")
}

/// That it needs nothing but the images.
pub fn assert_is_one_file(page: &str) {
    assert!(page.contains("function OpenSeadragon("), "the viewer is in it");
    let (head, _) = page.split_once("function OpenSeadragon(").expect("a viewer");
    for from in ["<script src", "<link rel=\"stylesheet\"", "src=\"", "@import", "url(", "href=\"http", "href=\"/"] {
        assert!(!head.contains(from), "{from}");
    }
}
