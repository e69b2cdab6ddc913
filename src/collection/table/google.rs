//! Google Sheets addresses.

use crate::location::{Location, WebAddress};

const SHEETS: &str = "https://docs.google.com/spreadsheets/d/";

/// Returns the CSV export address of a public Google Sheet. Accepts the address shown in the browser, a sharing link or
/// a publishing link. Returns any other address unchanged.
///
/// ```
/// use iiif_publish::collection::google_sheet_as_csv;
/// use iiif_publish::location::Location;
/// let Location::Web(address) = Location::named("https://docs.google.com/spreadsheets/d/1x/edit#gid=7")? else { panic!() };
/// assert_eq!(google_sheet_as_csv(address).to_string(), "https://docs.google.com/spreadsheets/d/1x/export");
/// # Ok::<(), iiif_publish::location::LocationError>(())
/// ```
#[must_use]
pub fn google_sheet_as_csv(address: WebAddress) -> WebAddress {
    match csv_url(address.with_secrets()).map(Location::named) {
        Some(Ok(Location::Web(csv))) => csv,
        _ => address,
    }
}

fn csv_url(url: &str) -> Option<String> {
    let path = url.strip_prefix(SHEETS)?;
    let end = path.find(['?', '#']).unwrap_or(path.len());
    let (path, parameters) = path.split_at(end);
    let is_id =
        |id: &str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    // The sheet number is in the query, the fragment, or both.
    let gid = parameters.split(['?', '#', '&']).find_map(|parameter| parameter.strip_prefix("gid="));
    let gid = gid.filter(|gid| is_id(gid)).map_or_else(String::new, |gid| format!("&gid={gid}"));
    let mut segments = path.trim_end_matches('/').split('/');
    match (segments.next()?, segments.next(), segments.next()) {
        ("e", Some(id), Some("pub" | "pubhtml")) if is_id(id) => {
            Some(format!("{SHEETS}e/{id}/pub?output=csv&single=true{gid}"))
        }
        (id, None | Some("edit" | "view" | "htmlview"), None) if is_id(id) => {
            Some(format!("{SHEETS}{id}/export?format=csv{gid}"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_google_sheets_become_those_of_their_csv() {
        for (address, csv) in [
            ("1-x_Y/edit#gid=7", Some("1-x_Y/export?format=csv&gid=7")),
            ("1-x_Y/edit?gid=7#gid=7", Some("1-x_Y/export?format=csv&gid=7")),
            ("1-x_Y/edit?usp=sharing", Some("1-x_Y/export?format=csv")),
            ("1-x_Y/", Some("1-x_Y/export?format=csv")),
            ("e/2PACX-1/pubhtml?gid=7&single=true", Some("e/2PACX-1/pub?output=csv&single=true&gid=7")),
            ("e/2PACX-1/pub?output=csv", Some("e/2PACX-1/pub?output=csv&single=true")),
            ("1-x_Y/export?format=xlsx", None),
            ("1-x_Y/edit?gid=7%26x", Some("1-x_Y/export?format=csv")),
            ("..%2f/edit", None),
        ] {
            let expected = csv.map(|csv| format!("{SHEETS}{csv}"));
            assert_eq!(csv_url(&format!("{SHEETS}{address}")), expected, "{address}");
        }
        assert_eq!(csv_url("https://example.org/spreadsheets/d/1/edit"), None);
    }
}
