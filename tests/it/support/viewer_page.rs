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
    // Check everything except the image list and the script. The list is data, some of which is code for other pages.
    // The script contains URLs and is covered by the library's unit tests.
    let (head, list) = page.split_once("id=\"images\">").expect("a list");
    let (_, rest) = list.split_once("</script>").expect("an end");
    let (before, after) = rest.split_once("<script>/*\n").expect("a viewer");
    let (_, end) = after.split_once("</script>").expect("an end");
    for from in ["<script src", "<link rel=\"stylesheet\"", "@import", "url(", "href=\"/", "//cdn", "import("] {
        assert!(![head, before, end].iter().any(|text| text.contains(from)), "{from}");
    }
}
