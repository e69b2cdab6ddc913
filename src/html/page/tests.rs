use super::super::assets::OPENSEADRAGON_LICENSE;
use super::*;

fn image(id: &str) -> PageImage {
    PageImage {
        id: id.to_owned(),
        info: format!("https://example.org/iiif/{id}/info.json"),
        moves: false,
        version: Some("v0123456789ab".to_owned()),
        width: 3000,
        height: 2000,
        tiles: Some(60),
        objects: Some(99),
        bytes: None,
        embed: None,
        title: None,
        credit: None,
        rights: None,
    }
}

#[test]
fn a_page_is_one_file_and_its_images_are_found_again() {
    let images = [image("photo"), image("</script><script>alert(1)</script> {{images}} {{script}}")];
    let page = ViewerPage::new(&images).to_html();
    assert_eq!(images_of(page.as_bytes()).as_deref(), Some(&images[..]));
    assert_eq!(page.matches("<script").count(), 2, "names are not scripts");
    assert_eq!(page.matches("function OpenSeadragon(").count(), 1);
    assert!(page.contains(OPENSEADRAGON_LICENSE.trim()));
    assert!(!ViewerPage::new(&images[..1]).to_html().contains("{{"), "every placeholder is filled");
    assert_eq!(images_of(b"<html>somebody else's</html>"), None);
    assert_eq!(images_of(b"\xff\xfe"), None);
}

#[test]
fn the_policy_allows_the_script_and_the_stylesheet_of_the_page_alone() {
    let page = ViewerPage::new(&[image("photo")]).to_html();
    let (_, policy) = page.split_once("http-equiv=\"Content-Security-Policy\" content=\"").expect("a policy");
    let policy = policy.split_once('"').expect("an end").0;
    assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{policy}");
    for tag in ["script", "style"] {
        let (_, text) = page.split_once(&format!("<{tag}>")).expect("an element");
        let text = text.split_once(&format!("</{tag}>")).expect("an end").0;
        let hash = BASE64_STANDARD.encode(Sha256::digest(text));
        assert!(policy.contains(&format!("{tag}-src 'sha256-{hash}';")), "{policy}");
    }
    let markup = page.replace(&viewer_script(), "");
    assert!(!markup.contains(" onclick=") && !markup.contains(" style="), "inline handlers and styles are forbidden");
}

#[test]
fn hostile_texts_stay_texts() {
    let hostile = "\"><img src=x onerror=alert(1)>&</ol>";
    let page = ViewerPage::new(&[PageImage {
        title: Some(hostile.to_owned()),
        credit: Some(hostile.to_owned()),
        rights: Some("javascript:alert(1)".to_owned()),
        info: "javascript:alert(1)//info.json".to_owned(),
        ..image("x")
    }])
    .to_html();
    assert_eq!(page.matches("<img src=x").count(), 0);
    assert!(!page.contains("href=\"javascript:"), "links lead to web pages only");
    let escaped = "&quot;&gt;&lt;img src=x onerror=alert(1)&gt;&amp;&lt;/ol&gt;";
    assert_eq!(page.matches(escaped).count(), 4, "as title, heading, name and credit");
}

#[test]
fn the_list_without_scripts_links_to_pictures_relative_to_the_page() {
    let list = |image: &PageImage, url: Option<&str>| {
        let images = [image.clone()];
        let page = ViewerPage { images: &images, url, updates: None }.to_html();
        let (_, list) = page.split_once("<ol class=\"iv-images\">\n").expect("a list");
        list.split_once("</ol>").expect("an end").0.to_owned()
    };
    let photo = PageImage { title: Some("A photo".to_owned()), ..image("photo") };
    let item = |base: &str| {
        format!(
            "<li><a href=\"{base}/full/max/0/default.jpg\"><img src=\"{base}/full/200,/0/default.jpg\" alt=\"\" \
             loading=\"lazy\">A photo</a></li>\n"
        )
    };
    assert_eq!(list(&photo, Some("https://example.org/iiif/viewer.html")), item("photo"));
    assert_eq!(list(&photo, Some("https://example.org/pages/viewer.html")), item("https://example.org/iiif/photo"));
    assert_eq!(list(&photo, None), item("https://example.org/iiif/photo"));
    let versioned = PageImage { moves: true, ..photo };
    assert_eq!(list(&versioned, Some("https://example.org/iiif/viewer.html")), item("photo/v0123456789ab"));
    let unknown = PageImage { version: None, ..versioned };
    let link = "<li><a href=\"photo/info.json\">A photo</a></li>\n";
    assert_eq!(list(&unknown, Some("https://example.org/iiif/viewer.html")), link);
}

#[test]
fn pages_of_earlier_versions_are_read() {
    let old = "<meta name=\"generator\" content=\"iiif-publish 0.1.0\"><script type=\"application/json\" id=\"images\">\
               [{\"id\":\"x\",\"info\":\"https://example.org/x/info.json\",\"moves\":false,\"version\":null,\"width\":3,\"height\":2,\
               \"tiles\":null,\"objects\":null,\"bytes\":null}]</script>";
    let images = images_of(old.as_bytes()).expect("written by this program");
    assert_eq!((images[0].id.as_str(), &images[0].title), ("x", &None));
}
