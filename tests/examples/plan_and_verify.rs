//! Plans an image without publishing it, and verifies the published one over HTTP.
//!
//! ```sh
//! cargo run --no-default-features --features serve,web --example plan_and_verify -- photo.jpg site 8000
//! ```
//! The folder `site` is what the example `publish_one` has written for `http://localhost:8000`.

use iiif_publish::iiif::{ApiVersion, Plan, Pyramid, PyramidShape};
use iiif_publish::serve::{Server, Site};
use iiif_publish::source::{Header, ReadOptions};
use iiif_publish::verify::{Options, Verifier};
use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let [path, folder, port] =
        env::args().skip(1).collect::<Vec<_>>().try_into().map_err(|_| "pass IMAGE FOLDER PORT")?;
    let (path, port) = (Path::new(&path), port.parse()?);

    // The header is enough for a plan. No pixel is decoded.
    let header = Header::read(path, ReadOptions::default())?;
    let plan = Plan::new(Pyramid::new(header.size, PyramidShape::default()), ApiVersion::V3);
    println!("planned: {}, {}, {} objects", header.description, header.size, plan.object_count());

    let server = Server::bind(port).await?;
    if server.port() != port {
        return Err("the port is in use".into());
    }
    let identifier = path.file_stem().and_then(|stem| stem.to_str()).ok_or("the image has no name")?;
    let url = format!("http://localhost:{port}/{identifier}/info.json").parse()?;
    let verifier = Verifier::new(Options::default())?;
    let site = Site { root: PathBuf::from(folder), pages: Vec::new(), moved: Vec::new() };
    let report = tokio::select! {
        report = verifier.verify(&url) => report?,
        () = server.serve(site) => return Err("the server ended".into()),
    };

    println!("verified: {} of {} objects, {} problems", report.checked, report.objects, report.findings.len());
    for finding in &report.findings {
        println!("{finding:?}");
    }
    if report.passed() { Ok(()) } else { Err("viewers would miss something".into()) }
}
