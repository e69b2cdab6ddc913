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
    // All but the viewer, which knows of addresses, and asks for none of them.
    let (head, rest) = page.split_once("<script>/*\n").expect("a viewer");
    let (_, own) = rest.split_once("</script>").expect("an end");
    // The list is data, some of which is code for other pages.
    let (before, list) = own.split_once("id=\"images\">").expect("a list");
    let own = &[before, list.split_once("</script>").expect("an end").1].concat();
    for from in ["<script src", "<link rel=\"stylesheet\"", "@import", "url(", "href=\"/", "//cdn", "import("] {
        assert!(!head.contains(from) && !own.contains(from), "{from}");
    }
    let script = own.rsplit("<script>").next().expect("its own script");
    assert!(script.contains("tileSource: image.info") && !script.contains("://"), "it asks for its images alone");
}
